//! A server for tests: it plays prepared bytes on a loopback port and notes what it was sent.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What the server does with one connection, once it has the request.
#[derive(Clone)]
pub(crate) enum Play {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Sends these bytes and then the letter `a` for ever.
    Flood(Vec<u8>),
    /// Says nothing and keeps the connection open.
    Hang,
}

/// The server; it ends when this is dropped.
pub(crate) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Plays one after the other, a connection each.
    pub(crate) async fn start(plays: Vec<Play>) -> Self {
        Self::run(plays, None).await
    }

    /// The same over TLS.
    pub(crate) async fn start_tls(plays: Vec<Play>, acceptor: TlsAcceptor) -> Self {
        Self::run(plays, Some(acceptor)).await
    }

    /// Its base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The requests so far: head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    async fn run(plays: Vec<Play>, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            let mut kept = Vec::new();
            for play in plays {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream: Box<dyn Stream> = match &acceptor {
                    None => Box::new(stream),
                    // A client that does not trust us breaks off here.
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                };
                let request = read_request(&mut stream).await;
                notes.lock().unwrap().push(request);
                if perform(play, &mut stream).await {
                    kept.push(stream);
                }
            }
            std::future::pending::<()>().await;
        });
        Self { port, requests, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with a correct `Content-Length`; `head` is the status and header lines, without the last line end.
pub(crate) fn answer(head: &str, body: &str) -> Play {
    Play::Send(format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &str) -> Play {
    answer(&format!("{status} X\r\nContent-Type: application/json"), body)
}

/// An answer as if it had come; `head` as in [`answer`].
pub(crate) fn received(head: &str, body: &str) -> super::Answer {
    received_bytes(head, body.as_bytes())
}

/// The same with a body that need not be text.
pub(crate) fn received_bytes(head: &str, body: &[u8]) -> super::Answer {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').next()).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.parse().unwrap(), value.trim().parse().unwrap())
    };
    super::Answer::received(status, &lines.map(header).collect(), body)
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Whether the connection is to stay open. The client may close first; that is no failure of the script.
async fn perform(play: Play, stream: &mut Box<dyn Stream>) -> bool {
    match play {
        Play::Send(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            false
        }
        Play::Flood(bytes) => {
            let _ = stream.write_all(&bytes).await;
            while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
            false
        }
        Play::Hang => true,
    }
}

async fn read_request(stream: &mut Box<dyn Stream>) -> String {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).await.unwrap_or(0);
        text.extend_from_slice(&chunk[..count]);
        let so_far = String::from_utf8_lossy(&text).into_owned();
        if count == 0 || is_whole(&so_far) {
            return so_far;
        }
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}
