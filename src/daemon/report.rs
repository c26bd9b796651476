//! What the daemon says of its sessions: a log line for each notice, a status line for the service manager.
//!
//! Each log line is whole in itself, for `journalctl` and terminals. Its fields are for programs: journald has them under
//! their names in capitals, the JSON log as they are.

use crate::{
    events::Event,
    kind::{Kind, told},
    session::{
        event::Notice,
        status::{State, Status},
    },
    time::{Timestamp, words},
};

/// Writes `notice` to the log, and gives the same for programs; `next` is when the session will next try to refresh.
pub fn tell(session: &str, notice: &Notice, next: Option<Timestamp>, now: Timestamp) -> Event {
    let next_refresh = next.map(tracing::field::display);
    let line = sentence(session, notice);
    let event = |kind: Kind| Event::new(kind.name(), now, line.clone()).of(session);
    match notice {
        Notice::TakenUp { expires_at } => {
            told!(info, Kind::TakenUp, sso_session = session, %expires_at, next_refresh, "{line}");
            Event { expires_at: Some(*expires_at), next_refresh: next, ..event(Kind::TakenUp) }
        }
        Notice::Refreshed { expires_at } => {
            told!(info, Kind::Refreshed, sso_session = session, %expires_at, next_refresh, "{line}");
            Event { expires_at: Some(*expires_at), next_refresh: next, ..event(Kind::Refreshed) }
        }
        Notice::Failing { message, kind, retry_at } => {
            let told = Kind::RefreshFailing;
            told!(warn, told, sso_session = session, error = message, error_kind = kind, next_refresh = %retry_at, "{line}");
            let (error, error_kind) = (Some(message.clone()), Some((*kind).into()));
            Event { error, error_kind, next_refresh: Some(*retry_at), ..event(told) }
        }
        Notice::Recovered { after } => {
            told!(info, Kind::Recovered, sso_session = session, next_refresh, "{line}");
            Event { after_secs: Some(after.as_secs()), next_refresh: next, ..event(Kind::Recovered) }
        }
        Notice::SignedOut => {
            told!(info, Kind::SignedOut, sso_session = session, "{line}");
            event(Kind::SignedOut)
        }
        Notice::SignInNeeded { reason, message } => {
            let error = message.as_deref();
            told!(
                warn,
                Kind::SignInNeeded,
                sso_session = session,
                error,
                error_kind = reason.word(),
                "{line}"
            );
            Event {
                error: message.clone(),
                error_kind: Some(reason.word().into()),
                ..event(Kind::SignInNeeded)
            }
        }
        Notice::SessionEnding { at } => {
            told!(warn, Kind::SessionEnding, sso_session = session, session_ends_at = %at, "{line}");
            Event { session_ends_at: Some(*at), ..event(Kind::SessionEnding) }
        }
        Notice::RegistrationEnding { at } => {
            told!(warn, Kind::RegistrationEnding, sso_session = session, registration_expires_at = %at, "{line}");
            Event { registration_expires_at: Some(*at), ..event(Kind::RegistrationEnding) }
        }
    }
}

/// `notice` for people.
fn sentence(session: &str, notice: &Notice) -> String {
    match notice {
        Notice::TakenUp { expires_at } => {
            format!("{session}: keeps the token fresh that is good until {expires_at}")
        }
        Notice::Refreshed { expires_at } => format!("{session}: refreshed, good until {expires_at}"),
        Notice::Failing { message, retry_at, .. } => {
            format!("{session}: could not refresh, and tries again from {retry_at} on: {message}")
        }
        Notice::Recovered { after } => format!("{session}: works again, after {}", words(*after)),
        Notice::SignedOut => format!(
            "{session}: there is no token file: sign in with `sso-refresh login {session}` or `aws sso login`"
        ),
        Notice::SignInNeeded { reason, message } => format!(
            "{session}: {reason}{}: sign in with `sso-refresh login {session}`",
            message.as_ref().map(|message| format!(" ({message})")).unwrap_or_default()
        ),
        Notice::SessionEnding { at } => format!(
            "{session}: the sign-in session ends about {at}: `sso-refresh login --renew {session}` begins a new one"
        ),
        Notice::RegistrationEnding { at } => format!(
            "{session}: the client registration ends at {at}: `sso-refresh login {session}` replaces it"
        ),
    }
}

/// Writes to the log what became of a broken token file, and gives the same for programs. What is no news is for who
/// looks closely.
pub fn healed(session: &str, verdict: &Result<(), String>, news: bool, now: Timestamp) -> Option<Event> {
    match verdict {
        Ok(()) => {
            let line = format!("{session}: the token file was broken and has been healed");
            told!(warn, Kind::Repaired, sso_session = session, "{line}");
            Some(Event::new(Kind::Repaired.name(), now, line).of(session))
        }
        Err(error) if news => {
            let line = format!("{session}: the token file is broken and can't be healed: {error}");
            told!(warn, Kind::NotRepaired, sso_session = session, error, "{line}");
            let event = Event::new(Kind::NotRepaired.name(), now, line).of(session);
            Some(Event { error: Some(error.clone()), ..event })
        }
        Err(error) => {
            tracing::debug!(sso_session = session, "{session}: the token file can't be healed yet: {error}");
            None
        }
    }
}

/// Which sessions there are.
pub fn names<'a>(sessions: impl Iterator<Item = &'a String>) -> String {
    let names = sessions.map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        return "there is no session yet: run `aws configure sso`".into();
    }
    format!("it keeps fresh {names}")
}

/// How all sessions are doing, in a line; `next` is when the first of them will be refreshed.
pub fn line(
    sessions: &[Status],
    next: Option<Timestamp>,
    config_error: Option<&str>,
    endpoint_error: Option<&str>,
) -> String {
    let mut parts = Vec::new();
    if let Some(error) = config_error {
        parts.push(format!("the configuration is not in force: {error}"));
    }
    if let Some(error) = endpoint_error {
        parts.push(error.to_owned());
    }
    let next = next.map(|at| format!(", next refresh {}", at.hour_and_minute())).unwrap_or_default();
    parts.push(match sessions.iter().filter(|session| is_fresh(session)).count() {
        _ if sessions.is_empty() => "no session is configured: run `aws configure sso`".to_owned(),
        1 => format!("1 session fresh{next}"),
        fresh => format!("{fresh} sessions fresh{next}"),
    });
    for session in sessions {
        match session.state {
            // One whose file has not been read yet needs nothing.
            State::LoginRequired | State::SignedOut if session.remedy.is_some() => {
                let name = &session.session;
                parts.push(format!("{name} needs a sign-in: sso-refresh login {name}"));
            }
            State::Backoff => parts.push(format!("{} is tried again", session.session)),
            State::Fresh | State::Refreshing | State::LoginRequired | State::SignedOut => {}
        }
    }
    parts.join(" · ")
}

/// One that is tried again may still be usable, but is not well.
fn is_fresh(session: &Status) -> bool {
    session.usable && matches!(session.state, State::Fresh | State::Refreshing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(session: &str, state: State, usable: bool) -> Status {
        Status { remedy: (!usable).then(|| "a command".into()), usable, ..Status::bare(session, state) }
    }

    #[test]
    fn the_line_says_what_is_well_and_what_is_not() {
        let fresh = || status("home", State::Fresh, true);
        let next = Some(Timestamp::from_secs(1_800_000_000));
        for (sessions, next, error, expected) in [
            (vec![], None, None, "no session is configured: run `aws configure sso`"),
            (vec![fresh()], next, None, "1 session fresh, next refresh 08:00 UTC"),
            (
                vec![fresh(), status("work", State::LoginRequired, false)],
                next,
                None,
                "1 session fresh, next refresh 08:00 UTC · work needs a sign-in: sso-refresh login work",
            ),
            (
                vec![status("work", State::Backoff, true)],
                None,
                None,
                "0 sessions fresh · work is tried again",
            ),
            (
                vec![status("work", State::Refreshing, true), fresh()],
                next,
                None,
                "2 sessions fresh, next refresh 08:00 UTC",
            ),
            (vec![status("work", State::Refreshing, false)], None, None, "0 sessions fresh"),
            (
                vec![Status { remedy: None, ..status("work", State::SignedOut, false) }],
                None,
                Some("config.toml:1:1: no"),
                "the configuration is not in force: config.toml:1:1: no · 0 sessions fresh",
            ),
        ] {
            assert_eq!(line(&sessions, next, error, None), expected);
        }
        let line = line(&[fresh()], None, None, Some("the endpoint is not there: the port is taken"));
        assert!(line.starts_with("the endpoint is not there: the port is taken · 1 session fresh"), "{line}");
    }
}
