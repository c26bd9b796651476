//! [`Event`]: something the daemon tells, as programs get it; [`bus`], by which it reaches them, and [`history`], where it
//! is kept.

pub mod bus;
pub mod history;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The version of an event's JSON.
pub const VERSION: u32 = 1;

/// Something that happened, for programs. Never a secret.
///
/// As JSON its names are in camel case, its moments in whole seconds and with `Z`, and what is not known is left out.
/// A reader skips names that it does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// [`VERSION`].
    pub version: u32,
    /// What happened: a word that never changes, the same as `sso_event` in the log.
    pub event: Cow<'static, str>,
    /// Whose it is; none where it is about the daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The same in milliseconds since 1970: what is of one second is in its order by that.
    pub at_ms: i64,
    /// A line for people, as it is in the log.
    pub message: String,
    /// When the access token ends that there is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When the next refresh is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_refresh: Option<Timestamp>,
    /// When the Identity Center session ends, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_ends_at: Option<Timestamp>,
    /// When the client registration ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_expires_at: Option<Timestamp>,
    /// What went wrong, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What kind of thing that was, in a word: `dns`, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<Cow<'static, str>>,
    /// How many seconds that lasted which is over now: a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_secs: Option<u64>,
    /// How many seconds the machine slept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asleep_secs: Option<u64>,
}

impl Event {
    /// One of which nothing else is known.
    pub fn new(event: &'static str, at: Timestamp, message: impl Into<String>) -> Self {
        Self {
            version: VERSION,
            event: event.into(),
            session: None,
            at,
            at_ms: at.millis(),
            message: message.into(),
            expires_at: None,
            next_refresh: None,
            session_ends_at: None,
            registration_expires_at: None,
            error: None,
            error_kind: None,
            after_secs: None,
            asleep_secs: None,
        }
    }

    /// The same, of a session.
    #[must_use]
    pub fn of(self, session: &str) -> Self {
        Self { session: Some(session.into()), ..self }
    }

    /// The JSON object, in a line of its own.
    pub fn json(&self) -> String {
        // Nothing in it can fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out_and_what_is_new_is_skipped() {
        let at = Timestamp::from_secs(1_800_000_000);
        let bare = Event::new("started", at, "a line");
        assert_eq!(
            bare.json(),
            r#"{"version":1,"event":"started","at":"2027-01-15T08:00:00Z","atMs":1800000000000,"message":"a line"}"#
        );
        let refreshed = Event { expires_at: Some(at), ..Event::new("refreshed", at, "b\n") }.of("work");
        assert_eq!(
            refreshed.json(),
            r#"{"version":1,"event":"refreshed","session":"work","at":"2027-01-15T08:00:00Z","atMs":1800000000000,"message":"b\n","expiresAt":"2027-01-15T08:00:00Z"}"#
        );
        let newer = refreshed.json().replacen('{', r#"{"new":[1],"#, 1);
        assert_eq!(serde_json::from_str::<Event>(&newer).unwrap(), refreshed);
    }
}
