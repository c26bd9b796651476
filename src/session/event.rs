//! What happens to a session ([`Event`]) and what it asks for in return ([`Action`]).

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{schedule::Policy, token::Token};
use crate::time::Timestamp;

/// The number of the last decision to start work; an answer that carries another one comes too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The token file may have changed.
    FileChanged,
    /// The token file was read.
    Read {
        /// The one of the action: a reading begun before the last change of state says nothing.
        generation: Generation,
        /// What it holds.
        stored: Stored,
        /// What is remembered on disk: whoever wrote the file may have signed in.
        memory: Memory,
    },
    /// An exchange that [`Action::Exchange`] asked for has ended.
    Exchanged {
        /// The one of the action.
        generation: Generation,
        /// How it ended.
        outcome: Outcome,
    },
    /// An exchange that [`Action::Exchange`] asked for was given up before it began.
    Withdrawn {
        /// The one of the action.
        generation: Generation,
    },
    /// A wake-up: the deadline came, the clock was stepped, the machine resumed or the network came up.
    Woken(Wake),
    /// The user wants a refresh now; the floor between attempts does not hold it back.
    RefreshAsked,
    /// A program wants a token that is good for at least this long.
    TokenAsked {
        /// How long the token must still be good.
        min_validity: Duration,
    },
    /// The settings of this session changed.
    Reconfigured(Policy),
}

/// Why a session looks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Its own deadline.
    Deadline,
    /// The system's clock was set.
    ClockStep,
    /// The machine woke up.
    Resume,
    /// A network came up or changed its address. To be told a few times in a minute at most: each may cost an attempt.
    Network,
}

/// What the token file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// A token (perhaps an expired one).
    Token(Token),
    /// There is no file: the session is signed out.
    Missing,
    /// The file can't be read and there is no good copy to heal it from; the text says why.
    Broken(String),
    /// Nobody can look at the moment, at the disk or over the network that it is on: it may be there all the same.
    /// The text says why.
    Unreachable(String),
}

/// How an exchange ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A new token was issued and is on disk.
    Refreshed(Token),
    /// The file held a token that somebody else had refreshed or signed in for; nothing was sent, or what came
    /// back was dropped in its favour.
    Adopted(Token),
    /// The file is gone: somebody signed out. What came back, if anything, was dropped.
    Gone,
    /// The server refused for good, and the file still holds what was sent.
    Refused {
        /// Why the session is over.
        reason: Reason,
        /// The server's words.
        message: String,
    },
    /// It did not work out this time.
    Failed(Failure),
    /// A new token was issued, but can't be written; it must not be lost.
    Unsaved {
        /// The new token.
        token: Token,
        /// The one whose refresh gave it.
        sent: Token,
        /// Why it can't be written.
        message: String,
    },
}

/// Why an attempt failed, and when another makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What and why, in a line and without a secret.
    pub message: String,
    /// What kind of thing it was, in a word for programs: `dns`, say.
    pub kind: &'static str,
    /// The earliest next attempt that the server asked for, counted from its answer (`Retry-After`).
    pub retry_after: Option<Duration>,
}

/// Why only a sign-in helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// `invalid_grant`: the Identity Center session ended, was revoked, or its refresh token was lost.
    InvalidGrant,
    /// `invalid_client`: the client registration is gone.
    InvalidClient,
    /// `expired_token`.
    ExpiredToken,
    /// `unauthorized_client`: the registration may not refresh.
    UnauthorizedClient,
    /// The token came without a refresh token, and has expired.
    NotRefreshable,
    /// The token file can't be read, and there is no good copy of it.
    Unreadable,
}

impl Reason {
    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidClient => "invalid_client",
            Self::ExpiredToken => "expired_token",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::NotRefreshable => "not_refreshable",
            Self::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidGrant => "the sign-in session has ended",
            Self::InvalidClient => "the client registration is no longer valid",
            Self::ExpiredToken => "the refresh token has expired",
            Self::UnauthorizedClient => "the client registration does not allow a refresh",
            Self::NotRefreshable => "the token has expired and was issued without a refresh token",
            Self::Unreadable => "the token file can't be read",
        })
    }
}

/// Something to be done for the session.
#[derive(Clone, Debug)]
pub enum Action {
    /// Read the token file and report [`Event::Read`].
    Read {
        /// Comes back with what was read.
        generation: Generation,
    },
    /// Exchange the file's refresh token and report [`Event::Exchanged`].
    Exchange {
        /// Comes back with the outcome.
        generation: Generation,
        /// The token as this session knows it: a newer one in the file is adopted instead of exchanged …
        known: Option<Token>,
        /// … if it is good for at least this long.
        enough: Duration,
    },
    /// Write a token that was issued but could not be written, and report [`Event::Exchanged`].
    Save {
        /// Comes back with the outcome.
        generation: Generation,
        /// What to write.
        token: Token,
        /// The token whose refresh gave it: only a file that still holds that one is replaced.
        sent: Token,
    },
    /// Keep what was learned of this session across restarts.
    Remember(Memory),
    /// Delete the own copy of the token: the user signed out.
    Forget,
    /// Tell the user, once.
    Tell(Notice),
}

/// What a session learns about itself and keeps across restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// When the user signed in, where that was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<Timestamp>,
    /// How long the last session lasted from sign-in to the first confirmed `invalid_grant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned_duration_secs: Option<u64>,
    /// The life of an access token as the last exchange saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_life_secs: Option<u64>,
    /// The sign-in whose end was announced, so that it is announced once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_announced_for: Option<Timestamp>,
}

/// A change that the user may want to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody else's token was found in the file and is kept fresh from now on.
    TakenUp {
        /// When it ends.
        expires_at: Timestamp,
    },
    /// The token was refreshed.
    Refreshed {
        /// When the new one ends.
        expires_at: Timestamp,
    },
    /// Refreshing began to fail; said once until it works again.
    Failing {
        /// What went wrong.
        message: String,
        /// As in [`Failure`].
        kind: &'static str,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// Refreshing works again after a failure.
    Recovered {
        /// How long it had failed.
        after: Duration,
    },
    /// The token file is missing: signed out.
    SignedOut,
    /// Only a sign-in helps.
    SignInNeeded {
        /// Why.
        reason: Reason,
        /// The server's words, where there are any.
        message: Option<String>,
    },
    /// The Identity Center session is about to end.
    SessionEnding {
        /// When, as far as is known.
        at: Timestamp,
    },
    /// The client registration is about to end.
    RegistrationEnding {
        /// When.
        at: Timestamp,
    },
}
