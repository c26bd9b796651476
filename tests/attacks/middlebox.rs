//! [`Middlebox`]: stands between the program and an Identity Center and does what networks do, until it is mended.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use tokio::net::TcpSocket;

use crate::support::Center;

/// The most that it sends of what has no end.
const WITHOUT_END: usize = 1 << 30;

/// What it does with a connection.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// Nobody listens.
    Refuse,
    /// Closes it at once.
    Hang,
    /// Sends these bytes in answer to the request, and closes.
    Answer(Vec<u8>),
    /// Sends these bytes and resets it.
    Reset(Vec<u8>),
    /// Sends the first bytes, and then the others again and again, a gigabyte of them.
    Flood(Vec<u8>, Vec<u8>),
    /// Sends these bytes, and nothing more, and keeps it open.
    Stall(Vec<u8>),
    /// Sends the first bytes, and then the other one each second.
    Drip(Vec<u8>, u8),
}

/// It stands there until the end of the tests.
pub(crate) struct Middlebox {
    url: String,
    /// What a request was answered with goes first; none once it is mended.
    play: Arc<Mutex<Option<Play>>>,
    /// Bound, so that nobody else gets the port, but nobody listens yet.
    closed: Option<(TcpSocket, SocketAddr)>,
    seen: Arc<Mutex<Seen>>,
}

/// What it has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The requests that came while it was sick, as far as they were read.
    pub(crate) requests: Vec<String>,
    /// The most that was taken of one answer.
    pub(crate) taken: usize,
}

impl Middlebox {
    /// In front of `center`, and sick in that way.
    pub(crate) fn before(center: &Center, play: Play) -> Self {
        let center = center.url().strip_prefix("http://").unwrap().parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let refuses = matches!(play, Play::Refuse);
        let mut middlebox = Self {
            url: format!("http://{}", socket.local_addr().unwrap()),
            play: Arc::new(Mutex::new(Some(play))),
            closed: Some((socket, center)),
            seen: Arc::default(),
        };
        if !refuses {
            middlebox.open();
        }
        middlebox
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// From now on every new connection leads to the Identity Center. Those that are open stay as they are.
    pub(crate) fn mend(&mut self) {
        *self.play.lock().unwrap() = None;
        self.open();
    }

    fn open(&mut self) {
        let Some((socket, center)) = self.closed.take() else { return };
        // tokio's socket is the one that can be bound and not listen; all else here is threads.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let listener = runtime.block_on(async { socket.listen(64)?.into_std() }).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (play, seen) = (Arc::clone(&self.play), Arc::clone(&self.seen));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (play, seen) = (play.lock().unwrap().clone(), Arc::clone(&seen));
                // A client that breaks off is what half of this is about.
                thread::spawn(move || match play {
                    None => drop(relay(&stream, center)),
                    Some(play) => drop(perform(&play, stream, &seen)),
                });
            }
        });
    }
}

fn relay(outer: &TcpStream, center: SocketAddr) -> io::Result<()> {
    let inner = TcpStream::connect(center)?;
    let (mut from, mut to) = (outer.try_clone()?, inner.try_clone()?);
    thread::spawn(move || {
        drop(io::copy(&mut from, &mut to));
        drop(to.shutdown(std::net::Shutdown::Write));
    });
    io::copy(&mut &inner, &mut &*outer)?;
    outer.shutdown(std::net::Shutdown::Both)
}

fn perform(play: &Play, mut stream: TcpStream, seen: &Mutex<Seen>) -> io::Result<()> {
    if let Play::Reset(bytes) = play {
        // What has come and is never read makes a reset of the close.
        stream.peek(&mut [0])?;
        return stream.write_all(bytes);
    }
    if !matches!(play, Play::Hang) {
        let request = read_request(&mut stream)?;
        seen.lock().unwrap().requests.push(request);
    }
    match play {
        Play::Refuse | Play::Reset(_) | Play::Hang => {}
        Play::Answer(bytes) => stream.write_all(bytes)?,
        Play::Flood(first, again) => {
            stream.write_all(first)?;
            let again = again.repeat(64 * 1024 / again.len().max(1) + 1);
            let mut taken = first.len();
            while taken < WITHOUT_END && stream.write_all(&again).is_ok() {
                taken += again.len();
                let mut seen = seen.lock().unwrap();
                seen.taken = seen.taken.max(taken);
            }
        }
        Play::Stall(bytes) => {
            stream.write_all(bytes)?;
            // Until the client has had enough.
            stream.read(&mut [0]).map(drop)?;
        }
        Play::Drip(first, byte) => {
            stream.write_all(first)?;
            while stream.write_all(&[*byte]).is_ok() {
                thread::sleep(Duration::from_secs(1));
            }
        }
    }
    Ok(())
}

/// Head and body.
fn read_request(stream: &mut TcpStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Ok(text.into_owned());
            }
        }
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}
