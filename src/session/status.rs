//! [`Status`]: how a session is doing, as `status` shows it and the API serves it. Never a secret.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A session as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The session's name.
    pub session: String,
    /// Where it is in its life.
    pub state: State,
    /// Why it is there, in words, where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the access token ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How long the access token lives in all, in seconds: as is known, else as was learned or is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_life_secs: Option<u64>,
    /// When the session acts next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// When the user signed in, where that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<Timestamp>,
    /// When the Identity Center session likely ends: configured or learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_ends_at: Option<Timestamp>,
    /// How that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_end_source: Option<EndSource>,
    /// When that end is announced, or was: from then on a sign-in is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_end_announced_at: Option<Timestamp>,
    /// When the client registration ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_expires_at: Option<Timestamp>,
    /// When the last exchange succeeded, as far as this process saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refreshed_at: Option<Timestamp>,
    /// What last went wrong, until it works again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// What the user can do about it: a command, mostly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Whether programs have a good token now.
    pub usable: bool,
}

/// When a session acts next, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// The moment.
    pub at: Timestamp,
    /// The reason, for people: `refresh` or `retry`, say.
    pub why: String,
}

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There is no token file.
    SignedOut,
    /// The token is good, and will be refreshed in time.
    Fresh,
    /// An exchange is in flight.
    Refreshing,
    /// The last attempt failed; another is due.
    Backoff,
    /// Only a sign-in helps.
    LoginRequired,
}

/// How the end of an Identity Center session is known, which no response tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndSource {
    /// The user has set how long a sign-in lasts.
    Configured,
    /// An earlier one was seen from beginning to end.
    Learned,
}

#[cfg(test)]
impl Status {
    /// One of which nothing else is known.
    pub(crate) fn bare(session: &str, state: State) -> Self {
        Self {
            session: session.into(),
            state,
            reason: None,
            expires_at: None,
            token_life_secs: None,
            next: None,
            signed_in_at: None,
            session_ends_at: None,
            session_end_source: None,
            session_end_announced_at: None,
            registration_expires_at: None,
            refreshed_at: None,
            last_error: None,
            remedy: None,
            usable: state == State::Fresh,
        }
    }
}

impl State {
    /// The word that tables and JSON use.
    pub fn word(self) -> &'static str {
        match self {
            Self::SignedOut => "signed-out",
            Self::Fresh => "fresh",
            Self::Refreshing => "refreshing",
            Self::Backoff => "backoff",
            Self::LoginRequired => "login-required",
        }
    }
}
