//! [`Call`]: what a local program may ask of the daemon's loop, and what it is answered.
//!
//! [`router`] turns HTTP requests into calls, [`unix`] serves them on the owner's socket, [`loopback`] where a
//! [`guard`] stands, and [`client`] is the other end of the socket. The loop knows nothing of HTTP: it takes calls from a channel and answers each
//! through its `reply`.

pub mod client;
mod connections;
#[cfg(test)]
mod fake;
pub mod guard;
pub mod loopback;
mod rejection;
pub mod router;
pub mod stream;
pub mod unix;
mod wire;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::{
    events::bus::Subscription,
    metrics::Moment,
    session::{
        role::{Role, RoleCredentials},
        status::Status,
        token::Secret,
    },
    time::Timestamp,
};

/// The version of every JSON object that the API answers.
pub const VERSION: u32 = 1;

/// How long a loop that is well takes at most to answer [`Call::Ping`].
const PING_LIMIT: Duration = Duration::from_secs(1);
/// The same for [`Call::Status`] and [`Call::Events`].
const STATUS_LIMIT: Duration = Duration::from_secs(2);
/// The same for [`Call::Token`], [`Call::Credentials`] and [`Call::Refresh`], which may wait for another process's lock and for AWS.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(45);
/// The same for [`Call::Reload`], which reads files.
const RELOAD_LIMIT: Duration = Duration::from_secs(10);

/// What a client asks of the daemon's loop.
///
/// A `reply` that is closed belongs to a client that went away or waited too long; nobody reads its answer.
#[derive(Debug)]
pub enum Call {
    /// How the daemon and its sessions are doing.
    Status {
        /// Takes the answer.
        reply: oneshot::Sender<Report>,
    },
    /// A usable access token, refreshed first where it would not last.
    Token {
        /// Whose; the default session where none is named.
        session: Option<String>,
        /// How long the token must still be good.
        min_validity: Duration,
        /// Takes the answer.
        reply: oneshot::Sender<Result<IssuedToken, Refusal>>,
    },
    /// Credentials of a role, renewed first where they would not last.
    Credentials {
        /// Of which.
        wanted: Wanted,
        /// How long they must still be good. Where nothing is said they have more than 15 minutes left; AWS failing,
        /// less.
        min_validity: Option<Duration>,
        /// Takes the answer.
        reply: oneshot::Sender<Result<RoleCredentials, Refusal>>,
    },
    /// A refresh now; answered when it has ended.
    Refresh {
        /// Whose.
        session: String,
        /// The access token that AWS did not take, where that is why: with another one by now nothing is refreshed.
        rejected: Option<Secret>,
        /// Takes the session's status after the refresh.
        reply: oneshot::Sender<Result<Status, Refusal>>,
    },
    /// What happens from now on.
    Events {
        /// Takes the events.
        reply: oneshot::Sender<Subscription>,
    },
    /// Loading the configuration again.
    Reload {
        /// Takes what was taken up, or why the old settings stay: a line for people each.
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// Whether the loop turns.
    Ping {
        /// Takes the proof.
        reply: oneshot::Sender<()>,
    },
}

/// Which role's credentials are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The one of a profile.
    Profile(String),
    /// This one.
    Role(Role),
}

/// An access token for a local program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// The session's name.
    pub session: String,
    /// The access token.
    pub access_token: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Why there is no token and there are no credentials. The messages are lines for people, without a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No session has that name, or none was named and there is no default.
    #[error("{message}")]
    UnknownSession {
        /// What is unknown, and which sessions there are.
        message: String,
    },
    /// No profile of that name stands for a role of a session.
    #[error("{message}")]
    UnknownProfile {
        /// What is unknown or missing.
        message: String,
    },
    /// AWS gives the user no such role. The session is well.
    #[error("{message}")]
    NoAccess {
        /// Which role, in the words of AWS, and what to do.
        message: String,
    },
    /// Only a sign-in helps.
    #[error("{message}")]
    SignInNeeded {
        /// The session to sign in to.
        session: String,
        /// Why, and the command to run.
        message: String,
    },
    /// No token of the session, and no credentials of the role, are ever good for that long.
    #[error("{message}")]
    TooLong {
        /// How long they last.
        message: String,
    },
    /// It may work later.
    #[error("{message}")]
    Temporary {
        /// What went wrong.
        message: String,
        /// When another attempt makes sense, counted from the answer, where that is known.
        retry_after: Option<Duration>,
    },
}

impl Refusal {
    /// The `code` of the error on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownSession { .. } => "UnknownSession",
            Self::UnknownProfile { .. } => "UnknownProfile",
            Self::NoAccess { .. } => "NoAccess",
            Self::SignInNeeded { .. } => "SignInNeeded",
            Self::TooLong { .. } => "MinValidityTooLong",
            Self::Temporary { .. } => "Temporary",
        }
    }

    /// The HTTP status of the error.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::UnknownSession { .. } | Self::UnknownProfile { .. } => StatusCode::NOT_FOUND,
            Self::NoAccess { .. } => StatusCode::FORBIDDEN,
            Self::SignInNeeded { .. } => StatusCode::CONFLICT,
            Self::TooLong { .. } => StatusCode::BAD_REQUEST,
            Self::Temporary { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// How the daemon and its sessions are doing. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// The process that answers.
    pub daemon: DaemonInfo,
    /// Every session, in the order of their names.
    pub sessions: Vec<Status>,
}

impl Report {
    /// The same for the metrics, where it is `now`.
    fn at(self, now: Timestamp) -> Moment {
        let Self { daemon, sessions, .. } = self;
        Moment {
            now,
            started_at: daemon.started_at,
            version: daemon.version,
            configured: daemon.config_error.is_none(),
            clock_ahead_secs: daemon.clock_ahead_secs.unwrap_or_default(),
            sessions,
        }
    }
}

/// The daemon's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonInfo {
    /// The version of the program.
    pub version: String,
    /// The process id.
    pub pid: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// Why the configuration on disk is not the one in force, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_error: Option<String>,
    /// How many seconds the clock of the machine is ahead of that of AWS, or below zero behind, where that is more
    /// than a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_ahead_secs: Option<i64>,
    /// The loopback endpoint, where one is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointInfo>,
}

/// The loopback endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointInfo {
    /// Its address, with the port that was picked where that was left open.
    pub address: SocketAddr,
    /// The file with the token that clients must send; none while nobody is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// What is wrong with it, where something is: nobody is served, or the token is another than the configured one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let (reply, _answer) = oneshot::channel();
        let issued = IssuedToken {
            session: "work".into(),
            access_token: Secret::new("planted"),
            expires_at: Timestamp::from_secs(0),
        };
        let call = Call::Token { session: None, min_validity: Duration::ZERO, reply };
        let shown = format!("{issued:?} {call:?}");
        assert!(!shown.contains("planted"), "{shown}");
    }

    #[test]
    fn each_refusal_has_its_code_and_status() {
        let message = String::from("no");
        for (refusal, code, status) in [
            (Refusal::UnknownSession { message: message.clone() }, "UnknownSession", 404),
            (Refusal::UnknownProfile { message: message.clone() }, "UnknownProfile", 404),
            (Refusal::NoAccess { message: message.clone() }, "NoAccess", 403),
            (Refusal::SignInNeeded { session: "work".into(), message: message.clone() }, "SignInNeeded", 409),
            (Refusal::TooLong { message: message.clone() }, "MinValidityTooLong", 400),
            (Refusal::Temporary { message, retry_after: None }, "Temporary", 503),
        ] {
            assert_eq!((refusal.code(), refusal.status().as_u16()), (code, status));
            assert_eq!(refusal.to_string(), "no");
        }
    }
}
