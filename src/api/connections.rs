//! [`Connections`]: the conversations that go on at once, bounded in number and time.

use std::{
    convert::Infallible,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::resource::{Resource, getrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};
use tracing::debug;

use super::{
    EXCHANGE_LIMIT,
    guard::Guard,
    rejection::unavailable,
    router::{Front, Router},
    stream::Stream,
};
use crate::{
    kind::{Kind, told},
    metrics::Listener,
};

/// The most connections of one listener at once.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// How many descriptors no client can take: the exchanges go on with those, whoever connects.
const SPARED: usize = 32;
/// One place of so many may be taken by a client that follows the events, which keeps it for as long as it likes.
const STREAMS_SHARE: usize = 4;
/// How many listeners share the others.
const LISTENERS: usize = 2;
/// The most bytes of a request's head.
pub(super) const HEAD_MAX: usize = 8 * 1024;
/// How long a client may take to send the head of a request, and how long a connection may idle before one.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection takes new requests; a client that needs more connects again.
const LIFE_LIMIT: Duration = Duration::from_secs(120);
/// How long a client that has just connected is left in peace: what it sends is on its way.
const GRACE: Duration = Duration::from_secs(1);
/// The same where anybody can connect: with all places taken by those who say nothing, a good client waits for as long
/// as it takes them to give way.
const STRANGERS_GRACE: Duration = Duration::from_millis(40);
/// How long to leave a listener alone after it failed: it will fail again at once as long as the process is out of
/// descriptors.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// All open connections of one listener. One client can't hold up another: when all places are taken, the connection
/// that has been kept idle for the longest gives way, or else one that has not sent a request for long. Who has just
/// connected is never closed unheard, but waits until there is a place.
pub(super) struct Connections {
    router: Router,
    /// Where they come in.
    listener: Listener,
    /// Who is let in, where not everybody is who can connect.
    guard: Option<Arc<Guard>>,
    /// How many there may be.
    most: usize,
    /// The places that are left to those who follow the events.
    streams: Arc<Semaphore>,
    tasks: JoinSet<()>,
    /// From the oldest to the newest, each in its place until its descriptor is closed.
    peers: Vec<Peer>,
    /// Told when a connection may give way that might not before.
    idle: Arc<Notify>,
    closing: watch::Sender<()>,
}

/// One connection.
struct Peer {
    task: AbortHandle,
    turn: Turn,
    /// It was told to give way.
    leaves: bool,
}

/// A client that has just connected: it is to be heard.
const NEW: u8 = 0;
/// It has had the time to send a request, and has not.
const SILENT: u8 = 1;
/// Its request is being answered.
const BUSY: u8 = 2;
/// It was answered, and is kept for another request.
const KEPT: u8 = 3;

impl Connections {
    pub(super) fn new(router: Router, guard: Option<Arc<Guard>>) -> Self {
        let listener = front(guard.as_deref()).listener();
        let most = most(descriptors());
        Self {
            router,
            listener,
            guard,
            most,
            streams: Arc::new(Semaphore::new(most / STREAMS_SHARE)),
            tasks: JoinSet::new(),
            peers: Vec::new(),
            idle: Arc::new(Notify::new()),
            closing: watch::Sender::new(()),
        }
    }

    /// Takes up what `accept` gives, `None` being for one who was turned away, until `shutdown` is there.
    pub(super) async fn take_from<S, A>(
        &mut self,
        mut accept: impl FnMut() -> A,
        shutdown: impl Future<Output = ()>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        A: Future<Output = io::Result<Option<S>>>,
    {
        let mut shutdown = pin!(shutdown);
        let mut waiting = None;
        loop {
            waiting = waiting.and_then(|stream| self.admit(stream));
            tokio::select! {
                () = &mut shutdown => return,
                () = self.room() => {}
                accepted = accept(), if waiting.is_none() => match accepted {
                    Ok(Some(stream)) => waiting = Some(stream),
                    Ok(None) => self.router.metrics().refused(self.listener),
                    Err(error) => {
                        told!(warn, Kind::NotAccepting, "can't accept a connection, and tries again shortly: {error}");
                        tokio::select! {
                            () = &mut shutdown => return,
                            () = sleep(ACCEPT_PAUSE) => {}
                        }
                    }
                },
            }
        }
    }

    /// Takes `stream` up if there is a place. Else hands it back and has another connection give way: one that was
    /// answered and is kept, or else one that was silent for long. Where there is none, an answer must end first.
    pub(super) fn admit<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &mut self,
        stream: S,
    ) -> Option<S> {
        self.peers.retain(|peer| !peer.task.is_finished());
        if self.peers.len() >= self.most {
            self.make_room();
            return Some(stream);
        }
        let turn = Turn::new(self.idle.clone());
        let (router, guard, closing) = (self.router.clone(), self.guard.clone(), self.closing.subscribe());
        let open = router.metrics().connected(self.listener);
        let conversation = converse(stream, router, guard, self.streams.clone(), turn.clone(), closing);
        let conversation = async move {
            conversation.await;
            drop(open);
        };
        self.peers.push(Peer { task: self.tasks.spawn(conversation), turn, leaves: false });
        None
    }

    fn make_room(&mut self) {
        if self.peers.iter().any(|peer| peer.leaves && !peer.turn.is(BUSY)) {
            return;
        }
        let oldest = |state| self.peers.iter().position(|peer| !peer.leaves && peer.turn.is(state));
        if let Some(peer) = oldest(KEPT).or_else(|| oldest(SILENT)).map(|idle| &mut self.peers[idle]) {
            peer.leaves = true;
            peer.turn.leave.notify_one();
            self.router.metrics().displaced(self.listener);
            debug!("closes an idle connection in favour of a new one");
        }
    }

    /// Waits until a connection has ended or may give way, so that another may be admitted.
    pub(super) async fn room(&mut self) {
        tokio::select! {
            Some(_) = self.tasks.join_next() => {}
            () = self.idle.notified() => {}
        }
    }

    /// Closes idle connections at once and the others after their answer, of which a stream of events is none.
    pub(super) async fn finish(mut self) {
        for peer in self.peers.iter().filter(|peer| peer.turn.is(NEW) || peer.turn.is(SILENT)) {
            peer.task.abort();
        }
        self.closing.send_replace(());
        while self.tasks.join_next().await.is_some() {}
    }
}

/// How many files and connections the process may have open at once.
pub fn descriptors() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// How many connections there may be where the process may have so many descriptors.
fn most(descriptors: usize) -> usize {
    (descriptors.saturating_sub(SPARED) / LISTENERS).clamp(1, CONNECTIONS_MAX)
}

/// Where a conversation is: busy between [`Turn::begin`] and the drop of what that returns.
#[derive(Clone)]
struct Turn {
    state: Arc<AtomicU8>,
    idle: Arc<Notify>,
    /// Asks the connection to give way.
    leave: Arc<Notify>,
}

struct Answering(Turn);

/// A client that follows the events: busy, and in one of the places for those, to its end.
struct Streaming {
    stream: Stream,
    /// Which token of the guard let it in.
    token: Option<u64>,
    _place: OwnedSemaphorePermit,
    _answering: Answering,
}

impl Turn {
    fn new(idle: Arc<Notify>) -> Self {
        Self { state: Arc::new(AtomicU8::new(NEW)), idle, leave: Arc::new(Notify::new()) }
    }

    fn begin(&self) -> Answering {
        self.state.store(BUSY, Ordering::Relaxed);
        Answering(self.clone())
    }

    fn is(&self, state: u8) -> bool {
        self.state.load(Ordering::Relaxed) == state
    }

    /// A client that has not been heard by now has had its time.
    fn is_over(&self) {
        if self.state.compare_exchange(NEW, SILENT, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.idle.notify_one();
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.state.store(KEPT, Ordering::Relaxed);
        self.0.idle.notify_one();
    }
}

fn front(guard: Option<&Guard>) -> Front<'_> {
    guard.map_or(Front::Unix, Front::Loopback)
}

/// Serves a connection that is alone, for the fuzz targets.
#[cfg(fuzzing)]
pub async fn converse_for_fuzzing(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router) {
    let closing = watch::Sender::new(());
    let streams = Arc::new(Semaphore::new(1));
    converse(stream, router, None, streams, Turn::new(Arc::default()), closing.subscribe()).await;
}

/// Serves one connection to its end.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    guard: Option<Arc<Guard>>,
    places: Arc<Semaphore>,
    turn: Turn,
    mut closing: watch::Receiver<()>,
) {
    let guarded = guard.is_some();
    let (streams_in, mut streams) = mpsc::channel(1);
    let service = service_fn(|request| {
        let answering = turn.begin();
        let (router, guard) = (router.clone(), guard.clone());
        let (places, streams) = (places.clone(), streams_in.clone());
        // It may be another by the time of the answer.
        let token = guard.as_deref().map(Guard::token_number);
        async move {
            let front = front(guard.as_deref());
            let mut response = router.respond(front, request).await;
            if let Some(stream) = response.body_mut().stream() {
                let Ok(place) = places.try_acquire_owned() else {
                    let message = "as many clients as may do so follow the events already: end one of them";
                    let refused = unavailable(message).into_response();
                    router.stream_answered(front, refused.status());
                    return Ok(refused);
                };
                router.stream_answered(front, response.status());
                // It has room for one, and more there are not: the connection ends with its stream.
                let _ = streams.try_send(Streaming { stream, token, _place: place, _answering: answering });
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(HEAD_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let grace = async {
        sleep(if guarded { STRANGERS_GRACE } else { GRACE }).await;
        turn.is_over();
        std::future::pending::<()>().await;
    };
    let mut limit = EXCHANGE_LIMIT + HEAD_LIMIT;
    tokio::select! {
        biased;
        Some(Streaming { stream, token, _place, _answering }) = streams.recv() => {
            let changed = async {
                match guard.as_deref().zip(token) {
                    Some((guard, token)) => guard.changes_token(token).await,
                    None => std::future::pending().await,
                }
            };
            let ended = async {
                tokio::select! {
                    _ = closing.changed() => "the daemon does not serve here any more",
                    () = changed => "the token of this endpoint is another now",
                }
            };
            return stream.drive(connection, ended).await;
        }
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                debug!(%error, "a connection ended early");
            }
            return;
        }
        () = grace => {}
        _ = closing.changed() => {}
        () = sleep(LIFE_LIMIT) => {}
        () = turn.leave.notified() => match turn.state.load(Ordering::Relaxed) {
            // Another request came meanwhile.
            BUSY => {}
            // Its answer may not have been taken yet.
            KEPT => limit = GRACE,
            _ => return,
        }
    }
    connection.as_mut().graceful_shutdown();
    if timeout(limit, connection).await.is_err() {
        debug!("closed a connection whose client does not take its answer");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_descriptors_for_the_exchanges() {
        for (descriptors, connections) in [(0, 1), (32, 1), (40, 4), (96, 32), (160, 64), (1024, 64)] {
            assert_eq!(most(descriptors), connections, "{descriptors}");
        }
    }
}
