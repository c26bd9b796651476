//! What a notification says: short, plain, and no secret.

use std::time::Duration;

use crate::{
    config::line,
    platform::desktop::Notification,
    session::horizon::Concern,
    time::{Timestamp, words},
};

/// How much of a session's name is shown.
const NAME_MAX: usize = 60;

/// The first moment that never comes.
const NEVER: Timestamp = Timestamp::from_secs(i64::MAX);

/// Of something that the user can do something about.
pub(super) fn of_concern(session: &str, concern: Concern, number: u64) -> Notification {
    let session = name(session);
    match concern {
        Concern::SignInNeeded { reason, .. } => Notification {
            number,
            summary: format!("AWS sign-in needed: {session}"),
            body: format!("{}. To sign in: sso-refresh login {session}", capital(&reason.to_string())),
            category: "sign-in-needed",
            action: Some("Sign in"),
            until: NEVER,
        },
        Concern::SessionEnding { at, .. } => Notification {
            number,
            summary: format!("AWS session about to end: {session}"),
            body: format!(
                "It ends about {}. To begin a new one before that: sso-refresh login --renew {session}",
                at.hour_and_minute()
            ),
            category: "session-ending",
            action: Some("Sign in"),
            until: at,
        },
    }
}

/// Of what works again after so long.
pub(super) fn of_repair(session: &str, after: Duration, number: u64) -> Notification {
    Notification {
        number,
        summary: format!("AWS session works again: {}", name(session)),
        body: format!("Its token could not be refreshed for {}.", words(after)),
        category: "works-again",
        action: None,
        until: NEVER,
    }
}

fn name(session: &str) -> String {
    let name = line(session);
    match name.char_indices().nth(NAME_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::Reason;

    #[test]
    fn says_what_happened_and_what_to_do() {
        let at = Timestamp::from_secs(1_800_000_000);
        let ending = Concern::SessionEnding { at, signed_in_at: at };
        let lost = Concern::SignInNeeded { reason: Reason::InvalidGrant, lost: at };
        for (notification, summary, body) in [
            (
                of_concern("work", lost, 1),
                "AWS sign-in needed: work",
                "The sign-in session has ended. To sign in: sso-refresh login work",
            ),
            (
                of_concern("work", ending, 1),
                "AWS session about to end: work",
                "It ends about 08:00 UTC. To begin a new one before that: sso-refresh login --renew work",
            ),
            (
                of_repair("a\nb", Duration::from_secs(1500), 1),
                "AWS session works again: a\\nb",
                "Its token could not be refreshed for 25m.",
            ),
        ] {
            assert_eq!((notification.summary.as_str(), notification.body.as_str()), (summary, body));
        }
        let long = of_repair(&"é".repeat(1000), Duration::ZERO, 1);
        assert!(long.summary.ends_with("é…") && long.summary.chars().count() < 100, "{}", long.summary);
    }
}
