//! [`Listener`]: where the browser brings its answer. It is on 127.0.0.1 and no other address, for as long as the
//! sign-in waits.

use std::{
    convert::Infallible,
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::HOST,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{
    callback::{self, Answer, Ask, Stray},
    pages::Page,
    pkce::State,
};

/// The most connections at once; the oldest gives way to a new one. Browsers open some that they never use.
const CONNECTIONS_MAX: usize = 32;
/// How long a client may take to send its request.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// The most bytes of it. A code can have more than a thousand.
const HEAD_MAX: usize = 32 * 1024;
/// How long a browser may take to read the page at the end.
const SHOW_LIMIT: Duration = Duration::from_secs(3);
/// How long to leave the listener alone after it failed: it would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The port can't be had.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on 127.0.0.1:{port}: {source}; {}", remedy(*.port))]
pub struct Unbound {
    /// As it was asked for; 0 is any.
    pub port: u16,
    /// Why.
    pub source: io::Error,
}

fn remedy(port: u16) -> &'static str {
    if port == 0 {
        "use --device-code"
    } else {
        "choose another --port, leave it out, or end what listens there"
    }
}

/// A port on 127.0.0.1.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    port: u16,
}

impl Listener {
    /// Binds `port`; 0 picks one. Needs a tokio runtime.
    pub async fn bind(port: u16) -> Result<Self, Unbound> {
        let unbound = |source| Unbound { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(unbound)?;
        let port = listener.local_addr().map_err(unbound)?.port();
        Ok(Self { listener, port })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Takes requests from now on, until what is returned is dropped.
    pub(super) fn serve(self, session: &str, state: &State) -> Serving {
        let (sender, answers) = mpsc::channel(1);
        let (waiting, outcome) = (watch::Sender::new(0), watch::Sender::new(None));
        let desk = Arc::new(Desk {
            session: session.to_owned(),
            host: callback::host(self.port),
            state: state.clone(),
            taken: Mutex::new(None),
            answers: sender,
            outcome: outcome.subscribe(),
            waiting: waiting.clone(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(self.listener, desk));
        Serving { answers, outcome, waiting: waiting.subscribe(), _accepting: accepting }
    }
}

/// A listener that takes requests.
#[derive(Debug)]
pub(super) struct Serving {
    answers: mpsc::Receiver<Answer>,
    outcome: watch::Sender<Option<Page>>,
    /// How many browsers wait for what comes of their answer.
    waiting: watch::Receiver<usize>,
    _accepting: JoinSet<()>,
}

impl Serving {
    /// The answer. Whoever brings it is shown nothing before [`Self::show`].
    pub(super) async fn answer(&mut self) -> Answer {
        match self.answers.recv().await {
            Some(answer) => answer,
            // Not while the task that accepts lives, and that is as long as this.
            None => std::future::pending().await,
        }
    }

    /// Shows the browser what came of its answer, and closes the port.
    pub(super) async fn show(mut self, page: Page) {
        self.outcome.send_replace(Some(page));
        // One that does not read what it is sent is not waited for.
        drop(timeout(SHOW_LIMIT, self.waiting.wait_for(|waiting| *waiting == 0)).await);
    }
}

/// What all connections share.
struct Desk {
    session: String,
    host: String,
    state: State,
    /// The answer that counts: the first.
    taken: Mutex<Option<Answer>>,
    answers: mpsc::Sender<Answer>,
    outcome: watch::Receiver<Option<Page>>,
    waiting: watch::Sender<usize>,
}

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    let mut open: Vec<AbortHandle> = Vec::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        open.retain(|task| !task.is_finished());
        if open.len() >= CONNECTIONS_MAX {
            open.remove(0).abort();
        }
        open.push(connections.spawn(converse(stream, Arc::clone(&desk))));
    }
}

/// Answers one request.
async fn converse(stream: TcpStream, desk: Arc<Desk>) {
    let waits = Waits::default();
    let service = service_fn(|request| {
        let (desk, waits) = (Arc::clone(&desk), &waits);
        async move { Ok::<_, Infallible>(desk.respond(&request, waits).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_MAX)
        .keep_alive(false)
        .auto_date_header(false);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!("a connection to the sign-in's port ended early: {error}");
    }
}

impl Desk {
    async fn respond(&self, request: &Request<Incoming>, waits: &Waits) -> Response<Full<Bytes>> {
        let ask = Ask {
            method: request.method().as_str(),
            host: request.headers().get(HOST).and_then(|host| host.to_str().ok()),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
        };
        let answer = match callback::read(ask, &self.host, &self.state) {
            Ok(answer) => answer,
            Err(stray) => {
                if matches!(stray, Stray::State | Stray::Shape) {
                    tracing::warn!("{}: a browser brought what is no answer to this sign-in", self.session);
                }
                return Page::stray(&stray, &self.session).into_response();
            }
        };
        if !self.take(answer) {
            return Page::answered(&self.session).into_response();
        }
        waits.begin(&self.waiting);
        let mut outcome = self.outcome.clone();
        let shown = outcome.wait_for(Option::is_some).await.ok().and_then(|page| page.clone());
        shown.unwrap_or_else(|| Page::failed(&self.session, "it was broken off")).into_response()
    }

    /// Takes the first answer. The same once more, as browsers do that load a page ahead, counts as the first.
    fn take(&self, answer: Answer) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = &*taken {
            return *first == answer;
        }
        *taken = Some(answer.clone());
        // There is room for one, and this is the one.
        drop(self.answers.try_send(answer));
        true
    }
}

/// Counts its connection among those that wait for the outcome, until it is dropped with the connection.
#[derive(Default)]
struct Waits(Mutex<Option<watch::Sender<usize>>>);

impl Waits {
    fn begin(&self, waiting: &watch::Sender<usize>) {
        waiting.send_modify(|count| *count += 1);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting.clone());
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if let Some(waiting) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner) {
            waiting.send_modify(|count| *count -= 1);
        }
    }
}

#[cfg(test)]
mod tests;
