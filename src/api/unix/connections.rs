//! [`Connections`]: the conversations that go on at once, bounded in number and time.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::UnixStream,
    sync::{Notify, watch},
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};
use tracing::debug;

use crate::api::{
    EXCHANGE_LIMIT,
    router::{Front, Router},
};

/// The most connections at once.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// The most bytes of a request's head.
pub(super) const HEAD_MAX: usize = 8 * 1024;
/// How long a client may take to send the head of a request, and how long a connection may idle before one.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection takes new requests; a client that needs more connects again.
const LIFE_LIMIT: Duration = Duration::from_secs(120);
/// How long answers in flight may take after the shutdown.
const FINISH_LIMIT: Duration = Duration::from_secs(2);

/// All open connections.
pub(super) struct Connections {
    router: Router,
    tasks: JoinSet<()>,
    /// From the oldest to the newest.
    peers: Vec<Peer>,
    /// Told when a connection has answered a request.
    idle: Arc<Notify>,
    closing: watch::Sender<()>,
}

/// One connection.
struct Peer {
    task: AbortHandle,
    /// Whether a request of it is being answered.
    busy: Arc<AtomicBool>,
}

impl Connections {
    pub(super) fn new(router: Router) -> Self {
        Self {
            router,
            tasks: JoinSet::new(),
            peers: Vec::new(),
            idle: Arc::new(Notify::new()),
            closing: watch::Sender::new(()),
        }
    }

    /// Takes `stream` up, for which the oldest connection that waits for its client gives way if need be. Hands
    /// it back where every connection is being answered.
    pub(super) fn admit(&mut self, stream: UnixStream) -> Option<UnixStream> {
        self.peers.retain(|peer| !peer.task.is_finished());
        if self.peers.len() >= CONNECTIONS_MAX {
            let Some(idle) = self.peers.iter().position(|peer| !peer.is_busy()) else { return Some(stream) };
            self.peers.remove(idle).task.abort();
            debug!("closed the oldest idle connection in favour of a new one");
        }
        let busy = Arc::new(AtomicBool::new(false));
        let turn = Turn { busy: busy.clone(), idle: self.idle.clone() };
        let task = self.tasks.spawn(converse(stream, self.router.clone(), turn, self.closing.subscribe()));
        self.peers.push(Peer { task, busy });
        None
    }

    /// Waits until a connection has ended or become idle, so that another may be admitted.
    pub(super) async fn room(&mut self) {
        tokio::select! {
            Some(_) = self.tasks.join_next() => {}
            () = self.idle.notified() => {}
        }
    }

    /// Closes idle connections at once and the others after their answer.
    pub(super) async fn finish(mut self) {
        for peer in self.peers.iter().filter(|peer| !peer.is_busy()) {
            peer.task.abort();
        }
        self.closing.send_replace(());
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(FINISH_LIMIT, finished).await.is_err() {
            debug!("gave up on answers in flight");
        }
    }
}

impl Peer {
    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }
}

/// Marks its connection as busy between [`Turn::begin`] and the drop of what that returns.
#[derive(Clone)]
struct Turn {
    busy: Arc<AtomicBool>,
    idle: Arc<Notify>,
}

struct Answering(Turn);

impl Turn {
    fn begin(&self) -> Answering {
        self.busy.store(true, Ordering::Relaxed);
        Answering(self.clone())
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
        self.0.idle.notify_one();
    }
}

/// Serves one connection to its end.
async fn converse(stream: UnixStream, router: Router, turn: Turn, mut closing: watch::Receiver<()>) {
    let service = service_fn(|request| {
        let answering = turn.begin();
        let router = router.clone();
        async move {
            let response = router.respond(Front::Unix, request).await;
            drop(answering);
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(HEAD_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                debug!(%error, "a connection ended early");
            }
            return;
        }
        _ = closing.changed() => {}
        () = sleep(LIFE_LIMIT) => {}
    }
    connection.as_mut().graceful_shutdown();
    if timeout(EXCHANGE_LIMIT + HEAD_LIMIT, connection).await.is_err() {
        debug!("closed a connection whose client does not take its answer");
    }
}
