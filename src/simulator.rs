//! [`Simulator`]: a faithful IAM Identity Center on a loopback port, for demonstrations and tests of any AWS SSO
//! tool.
//!
//! One server plays OIDC, the portal and STS, whose paths don't collide. `state` decides; the other modules are
//! its HTTP: `router` in front, `oidc`, `portal`, `sts` and `page` for the operations, `wire` for their common
//! form, `fault` for what is to go wrong, `call` for what was asked, `admin` for tests in other processes.

mod admin;
mod call;
mod exception;
mod fault;
mod oidc;
mod operation;
mod options;
mod page;
mod portal;
mod router;
mod state;
mod sts;
mod wire;

#[cfg(test)]
mod tests;

pub use self::{
    call::Call,
    exception::Exception,
    fault::{Fault, FaultError, FaultKind},
    operation::{Operation, UnknownOperation},
    options::{Account, Options},
};

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use self::{call::Journal, fault::Schedule, state::State};
use crate::{
    session::token::{Registration, Secret, Token},
    time::Clock,
};

/// What a sign-in gave.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The token, with its registration.
    pub token: Token,
    /// Where the user signed in.
    pub start_url: String,
}

/// A handle to a simulator that runs; all clones are of the same one. It runs on when they are dropped, until
/// [`Simulator::stop`] or the end of the runtime.
#[derive(Clone)]
pub struct Simulator(Arc<Shared>);

struct Shared {
    address: SocketAddr,
    clock: Clock,
    latency: Duration,
    admin: bool,
    inner: Mutex<Inner>,
    server: Mutex<Server>,
}

struct Inner {
    state: State,
    schedule: Schedule,
    journal: Journal,
}

/// What [`Simulator::stop`] takes away. It is behind a lock rather than in the task that accepts, so that the
/// port is closed when `stop` returns and not when that task is next run.
#[derive(Default)]
struct Server {
    listener: Option<TcpListener>,
    connections: JoinSet<()>,
    accepting: Option<AbortHandle>,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Simulator").field(&self.0.address).finish()
    }
}

impl Simulator {
    /// Listens on `address` (port 0: any) and serves in tasks of the current tokio runtime. An address that
    /// other machines could reach is refused with [`io::ErrorKind::InvalidInput`].
    pub async fn start(address: SocketAddr, options: Options) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            let why = "the simulator gives a token to anybody, so it listens on a loopback address only";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let listener = TcpListener::bind(address).await?;
        let simulator = Self(Arc::new(Shared {
            address: listener.local_addr()?,
            clock: options.clock.clone(),
            latency: options.latency,
            admin: options.admin,
            inner: Mutex::new(Inner {
                schedule: Schedule::new(options.faults.clone()),
                journal: Journal::default(),
                state: State::new(options),
            }),
            server: Mutex::default(),
        }));
        simulator.serve(listener);
        Ok(simulator)
    }

    /// After [`Simulator::stop`]: listens on the same port again and still knows everything.
    pub async fn resume(&self) -> io::Result<()> {
        self.stop();
        self.serve(TcpListener::bind(self.0.address).await?);
        Ok(())
    }

    /// Closes the port and all connections: from now on they are refused, as in an outage.
    pub fn stop(&self) {
        let mut server = lock(&self.0.server);
        server.listener = None;
        server.connections.abort_all();
        if let Some(accepting) = server.accepting.take() {
            accepting.abort();
        }
    }

    /// The base URL of all services, such as `http://127.0.0.1:43210`.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// As if a user had signed in through a browser at `start_url`: registers a client, opens a session (or uses
    /// the one that the browser still has there, as real browsers do) and issues a token. Without scopes it is a
    /// legacy token, which can't be refreshed.
    pub fn sign_in(&self, start_url: &str, scopes: &[&str]) -> SignedIn {
        let now = self.0.clock.now();
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let (client, issued) = self.inner().state.sign_in(start_url, scopes, now);
        SignedIn {
            token: Token {
                access_token: Secret::new(issued.access_token),
                expires_at: issued.expires_at,
                issued_at: Some(now),
                refresh_token: issued.refresh_token.map(Secret::new),
                registration: Some(Registration {
                    client_id: client.id,
                    client_secret: Secret::new(client.secret),
                    expires_at: Some(client.expires_at),
                }),
            },
            start_url: start_url.to_owned(),
        }
    }

    /// An administrator ends every session of that start URL: the next refresh is an `invalid_grant`, the portal
    /// answers 401.
    pub fn end_session(&self, start_url: &str) {
        self.inner().state.end_all(start_url);
    }

    /// Sets the faults instead of those there were; their counts begin anew.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.inner().schedule = Schedule::new(faults);
    }

    /// The user approves a device code; `false` where no such code waits.
    pub fn approve(&self, user_code: &str) -> bool {
        self.inner().state.decide(user_code, true, self.0.clock.now())
    }

    /// The user denies a device code; `false` where no such code waits.
    pub fn deny(&self, user_code: &str) -> bool {
        self.inner().state.decide(user_code, false, self.0.clock.now())
    }

    /// The requests so far in the order in which they came, the last ten thousand of them; `/admin/…` and unknown
    /// paths are not among them. A request is there as soon as it has come.
    pub fn calls(&self) -> Vec<Call> {
        self.inner().journal.calls()
    }

    /// How many requests of that kind have come.
    pub fn count(&self, operation: Operation) -> usize {
        self.inner().journal.count(operation)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.0.inner)
    }

    fn serve(&self, listener: TcpListener) {
        lock(&self.0.server).listener = Some(listener);
        let accepting = tokio::spawn(self.clone().accept()).abort_handle();
        lock(&self.0.server).accepting = Some(accepting);
    }

    async fn accept(self) {
        /// When there are too many open files, for instance, trying again at once would only burn the processor.
        const PAUSE: Duration = Duration::from_millis(50);
        while let Some(accepted) = std::future::poll_fn(|context| self.poll_accept(context)).await {
            let Ok(stream) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let mut server = lock(&self.0.server);
            while server.connections.try_join_next().is_some() {}
            server.connections.spawn(self.clone().connection(stream));
        }
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<Option<io::Result<TcpStream>>> {
        let server = lock(&self.0.server);
        let Some(listener) = &server.listener else { return Poll::Ready(None) };
        listener.poll_accept(context).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }

    async fn connection(self, stream: TcpStream) {
        let service = service_fn(|request| self.answer(request));
        let served =
            http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
        // A client that went away, or a connection that a fault closed: nothing is to be done about either.
        drop(served.await);
    }
}

/// The state stays whole where a handler panicked, since it changes only at the end of each of its functions.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
