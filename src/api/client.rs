//! [`Client`]: asks the daemon over the owner's socket, and tells why there is no answer.

pub mod events;

use std::{
    error::Error as _,
    fmt::Write as _,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body as _, Bytes, Incoming},
    client::conn::http1,
    header::{HOST, RETRY_AFTER},
};
use hyper_util::rt::TokioIo;
use nix::unistd::Uid;
use percent_encoding::{NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::de::DeserializeOwned;
use tokio::{net::UnixStream, time::timeout};
use zeroize::Zeroizing;

use self::events::Events;
use super::{
    EXCHANGE_LIMIT, IssuedToken, RELOAD_LIMIT, Refusal, Report, VERSION, Wanted,
    wire::{CONFIGURATION_REFUSED, CredentialsAnswer, ErrorAnswer, RefreshAnswer, ReloadAnswer, TokenAnswer},
};
use crate::session::{
    role::{Role, RoleCredentials},
    status::Status,
};

/// The most bytes of an answer that are read.
const ANSWER_MAX: usize = 1024 * 1024;
/// How long a daemon that is well takes at most to answer what needs no network.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the daemon gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens: there is no socket, or a stale one. Or who did has ended without a word, as a service manager
    /// turns away who waits for a daemon that does not start.
    #[error("the daemon is not running: start it with `sso-refresh service start`")]
    NotRunning,
    /// The socket, or who answers on it, belongs to another user.
    #[error("{path} is another user's; set XDG_RUNTIME_DIR to a folder of your own")]
    NotOurs {
        /// The socket.
        path: PathBuf,
    },
    /// The system does not let us there.
    #[error(
        "can't get to the daemon at {path}: {source}; set XDG_RUNTIME_DIR to a short path to a folder of your own"
    )]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The daemon is there, but its loop does not turn.
    #[error(
        "the daemon does not answer (is its process stopped?): run `sso-refresh service restart`, or end the process and start it again"
    )]
    Hung,
    /// It answered, and refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What came back is not what this version understands.
    #[error(
        "can't understand the daemon ({0}), which may be of another version: run `sso-refresh service restart`, or end it and start it again"
    )]
    Protocol(String),
}

/// The client side of the owner's socket. Every call opens a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    patience: Duration,
}

impl Client {
    /// A client of the daemon that listens on `socket`.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.into(), patience: PATIENCE }
    }

    /// How the daemon and its sessions are doing.
    pub async fn status(&self) -> Result<Report, Error> {
        let answer = self.prompt(Method::GET, "/v1/status").await?;
        let report: Report = read(&answer.accepted()?)?;
        understood(report.version)?;
        Ok(report)
    }

    /// An access token that is good for `min_validity` at least, of the default session where none is named.
    ///
    /// It may take as long as a refresh does.
    pub async fn token(&self, session: Option<&str>, min_validity: Duration) -> Result<IssuedToken, Error> {
        let mut target = session.map_or_else(|| "/token".into(), |name| session_path(name, "token"));
        let _ = write!(target, "?min_validity={}", whole_seconds(min_validity));
        let answer = self.patient(Method::GET, &target, EXCHANGE_LIMIT).await?;
        let token: TokenAnswer = read(&answer.accepted()?)?;
        understood(token.version)?;
        Ok(token.into_issued())
    }

    /// Credentials of a role: good for `min_validity` at least, where that is said, else for more than 15 minutes unless
    /// AWS fails.
    ///
    /// It may take as long as a refresh does.
    pub async fn credentials(
        &self,
        wanted: &Wanted,
        min_validity: Option<Duration>,
    ) -> Result<RoleCredentials, Error> {
        let mut target = match wanted {
            Wanted::Profile(name) => format!("/v1/credentials/{}?", encoded(name)),
            Wanted::Role(Role { session, account, name }) => {
                let path = session_path(session, "credentials");
                format!("{path}?account_id={}&role_name={}&", encoded(account), encoded(name))
            }
        };
        if let Some(min_validity) = min_validity {
            let _ = write!(target, "min_validity={}", whole_seconds(min_validity));
        }
        let answer = self.patient(Method::GET, &target, EXCHANGE_LIMIT).await?;
        let credentials: CredentialsAnswer = read(&answer.accepted()?)?;
        Ok(credentials.into_credentials())
    }

    /// Refreshes a session now and returns its status after that.
    pub async fn refresh(&self, session: &str) -> Result<Status, Error> {
        let answer = self.patient(Method::POST, &session_path(session, "refresh"), EXCHANGE_LIMIT).await?;
        let refreshed: RefreshAnswer = read(&answer.accepted()?)?;
        understood(refreshed.version)?;
        Ok(refreshed.status)
    }

    /// Makes the daemon load its configuration again. The inner result is its verdict: what it took up, or why
    /// its settings stay as they are.
    pub async fn reload(&self) -> Result<Result<String, String>, Error> {
        let answer = self.patient(Method::POST, "/v1/reload", RELOAD_LIMIT).await?;
        if let Some(error) = answer.error()
            && error.code == CONFIGURATION_REFUSED
        {
            return Ok(Err(error.message));
        }
        let reloaded: ReloadAnswer = read(&answer.accepted()?)?;
        understood(reloaded.version)?;
        Ok(Ok(reloaded.message))
    }

    /// The events from now on.
    pub async fn events(&self) -> Result<Events, Error> {
        let opened = timeout(self.patience, self.open(Method::GET, "/v1/events")).await;
        let response = opened.unwrap_or(Err(Error::Hung))?;
        if response.status() == StatusCode::OK {
            return Ok(Events::new(response.into_body()));
        }
        let refused = Answer::receive(response).await?.accepted();
        Err(refused.err().unwrap_or_else(|| Error::Protocol("it sends no events".into())))
    }

    /// Whether the daemon's loop turns.
    pub async fn ping(&self) -> Result<(), Error> {
        match self.prompt(Method::GET, "/healthz").await?.accepted() {
            Ok(_) => Ok(()),
            Err(Error::Refused(Refusal::Temporary { .. })) => Err(Error::Hung),
            Err(error) => Err(error),
        }
    }

    /// A request whose answer needs no network.
    async fn prompt(&self, method: Method, target: &str) -> Result<Answer, Error> {
        timeout(self.patience, self.send(method, target)).await.unwrap_or(Err(Error::Hung))
    }

    /// A request whose answer may take as long as `limit`. A daemon that is silent for half of the patience is
    /// pinged for the other half, so that a hung one is told from one that is at work.
    async fn patient(&self, method: Method, target: &str, limit: Duration) -> Result<Answer, Error> {
        let mut answer = std::pin::pin!(self.send(method, target));
        let half = Self { patience: self.patience / 2, ..self.clone() };
        if let Ok(answer) = timeout(half.patience, answer.as_mut()).await {
            return answer;
        }
        tokio::select! {
            biased;
            answer = answer.as_mut() => return answer,
            alive = half.ping() => alive?,
        }
        // The daemon gives up at the limit itself and says so: leave that answer the time to arrive.
        timeout(limit, answer).await.unwrap_or(Err(Error::Hung))
    }

    async fn send(&self, method: Method, target: &str) -> Result<Answer, Error> {
        Answer::receive(self.open(method, target).await?).await
    }

    async fn open(&self, method: Method, target: &str) -> Result<Response<Incoming>, Error> {
        let stream = self.connect().await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, "localhost")
            .body(Empty::<Bytes>::new())
            .map_err(|error| Error::Protocol(error.to_string()))?;
        // It ends with `sender` and the answer's body.
        tokio::spawn(connection);
        sender
            .send_request(request)
            .await
            .map_err(|error| if has_hung_up(&error) { Error::NotRunning } else { broken(&error) })
    }

    async fn connect(&self) -> Result<UnixStream, Error> {
        let not_ours = || Error::NotOurs { path: self.socket.clone() };
        let found = fs::symlink_metadata(&self.socket).map_err(|error| self.unreachable(error))?;
        if found.uid() != Uid::effective().as_raw() {
            return Err(not_ours());
        }
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(error))?;
        let peer = stream.peer_cred().map_err(|error| Error::Protocol(error.to_string()))?;
        if peer.uid() != Uid::effective().as_raw() {
            return Err(not_ours());
        }
        Ok(stream)
    }

    fn unreachable(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::ConnectionRefused => {
                Error::NotRunning
            }
            io::ErrorKind::PermissionDenied => Error::NotOurs { path: self.socket.clone() },
            // Linux: the listener's queue is full, since nobody accepts.
            io::ErrorKind::WouldBlock => Error::Hung,
            _ => Error::Unreachable { path: self.socket.clone(), source: error },
        }
    }
}

/// A whole answer. It may hold a token, so it has no `Debug`, and its body is wiped when dropped.
struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    async fn receive(response: Response<Incoming>) -> Result<Self, Error> {
        let status = response.status();
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut frames = Limited::new(response.into_body(), ANSWER_MAX);
        // Room enough that no token is left behind by a reallocation.
        let most =
            frames.size_hint().upper().and_then(|most| usize::try_from(most).ok()).unwrap_or(ANSWER_MAX);
        let mut body = Zeroizing::new(Vec::with_capacity(most));
        while let Some(frame) = frames.frame().await {
            let frame = frame.map_err(|error| broken(error.as_ref()))?;
            body.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
        Ok(Self { status, retry_after: retry_after.map(Duration::from_secs), body })
    }

    /// The body of a success; every other answer as the error it stands for.
    fn accepted(self) -> Result<Zeroizing<Vec<u8>>, Error> {
        if self.status == StatusCode::OK {
            return Ok(self.body);
        }
        let Some(error) = self.error() else {
            return Err(Error::Protocol(format!("it answered {}", self.status)));
        };
        let message = error.message.clone();
        Err(error.into_refusal(self.retry_after).map_or_else(
            || Error::Protocol(format!("it answered {}: {message}", self.status)),
            Error::Refused,
        ))
    }

    fn error(&self) -> Option<ErrorAnswer> {
        (self.status != StatusCode::OK).then(|| serde_json::from_slice(&self.body).ok()).flatten()
    }
}

fn session_path(name: &str, what: &str) -> String {
    format!("/v1/sessions/{}/{what}", encoded(name))
}

fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

/// Rounded up: what is good for less is not good enough.
fn whole_seconds(validity: Duration) -> u64 {
    validity.as_secs().saturating_add(u64::from(validity.subsec_nanos() > 0))
}

/// Reads a JSON answer. What the parser says of it is left out beyond the place, since it may quote a token.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        Error::Protocol(format!(
            "its answer is not as expected at line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}

fn understood(version: u32) -> Result<(), Error> {
    if version == VERSION {
        return Ok(());
    }
    Err(Error::Protocol(format!("it speaks version {version}, and this program version {VERSION}")))
}

/// Whether the connection ended before there was an answer.
fn has_hung_up(error: &hyper::Error) -> bool {
    let system = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    error.is_incomplete_message()
        || error.is_canceled()
        || error.is_closed()
        || system.is_some_and(|system| {
            matches!(system.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
        })
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Error {
    Error::Protocol(error.to_string())
}

#[cfg(test)]
mod tests;
