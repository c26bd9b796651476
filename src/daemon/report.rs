//! What the daemon says of its sessions: a log line for each notice, a status line for the service manager.

use crate::{
    session::{
        event::Notice,
        status::{State, Status},
    },
    time::{Timestamp, words},
};

/// Writes `notice` to the log. Each message is whole in itself, for `journalctl` and terminals; the fields are for
/// programs.
pub fn tell(session: &str, notice: &Notice) {
    match notice {
        Notice::TakenUp { expires_at } => {
            tracing::info!(session, %expires_at, "{session}: keeps the token fresh that is good until {expires_at}");
        }
        Notice::Refreshed { expires_at } => {
            tracing::info!(session, %expires_at, "{session}: refreshed, good until {expires_at}");
        }
        Notice::Failing { message, retry_at } => {
            tracing::warn!(
                session,
                error = message,
                %retry_at,
                "{session}: could not refresh, and tries again from {retry_at} on: {message}"
            );
        }
        Notice::Recovered { after } => {
            tracing::info!(session, "{session}: works again, after {}", words(*after));
        }
        Notice::SignedOut => tracing::info!(
            session,
            "{session}: there is no token file: sign in with `sso-refresh login {session}` or `aws sso login`"
        ),
        Notice::SignInNeeded { reason, message } => tracing::warn!(
            session,
            error = message.as_deref(),
            "{session}: {reason}{}: sign in with `sso-refresh login {session}`",
            message.as_ref().map(|message| format!(" ({message})")).unwrap_or_default()
        ),
        Notice::SessionEnding { at } => tracing::warn!(
            session,
            %at,
            "{session}: the sign-in session ends about {at}: `sso-refresh login {session}` begins a new one"
        ),
        Notice::RegistrationEnding { at } => tracing::warn!(
            session,
            %at,
            "{session}: the client registration ends at {at}: `sso-refresh login {session}` replaces it"
        ),
    }
}

/// Writes to the log what became of a broken token file. What is no news is for who looks closely.
pub fn healed(session: &str, verdict: &Result<(), String>, news: bool) {
    match verdict {
        Ok(()) => tracing::warn!(session, "{session}: the token file was broken and has been healed"),
        Err(error) if news => {
            tracing::warn!(session, "{session}: the token file is broken and can't be healed: {error}");
        }
        Err(error) => tracing::debug!(session, "{session}: the token file can't be healed yet: {error}"),
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

/// How all sessions are doing, in a line.
pub fn line(sessions: &[Status], config_error: Option<&str>, endpoint_error: Option<&str>) -> String {
    let mut parts = Vec::new();
    if let Some(error) = config_error {
        parts.push(format!("the configuration is not in force: {error}"));
    }
    if let Some(error) = endpoint_error {
        parts.push(format!("the endpoint is not there: {error}"));
    }
    parts.push(match sessions.iter().filter(|session| is_fresh(session)).count() {
        _ if sessions.is_empty() => "no session is configured: run `aws configure sso`".to_owned(),
        1 => "1 session fresh".to_owned(),
        fresh => format!("{fresh} sessions fresh"),
    });
    if let Some(at) = next(sessions) {
        parts.push(format!("next refresh {at}"));
    }
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

fn next(sessions: &[Status]) -> Option<Timestamp> {
    let fresh = sessions.iter().filter(|session| session.state == State::Fresh);
    fresh.filter_map(|session| Some(session.next.as_ref()?.at)).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::status::Next;

    fn status(session: &str, state: State, usable: bool) -> Status {
        let at = Timestamp::from_secs(1_800_000_000);
        Status {
            session: session.into(),
            state,
            reason: None,
            expires_at: None,
            next: Some(Next { at, why: "refresh".into() }),
            session_ends_at: None,
            registration_expires_at: None,
            refreshed_at: None,
            last_error: None,
            remedy: (!usable).then(|| "a command".into()),
            usable,
        }
    }

    #[test]
    fn the_line_says_what_is_well_and_what_is_not() {
        let fresh = || status("home", State::Fresh, true);
        for (sessions, error, expected) in [
            (vec![], None, "no session is configured: run `aws configure sso`"),
            (vec![fresh()], None, "1 session fresh · next refresh 2027-01-15T08:00:00Z"),
            (
                vec![fresh(), status("work", State::LoginRequired, false)],
                None,
                "1 session fresh · next refresh 2027-01-15T08:00:00Z · work needs a sign-in: sso-refresh login work",
            ),
            (vec![status("work", State::Backoff, true)], None, "0 sessions fresh · work is tried again"),
            (
                vec![status("work", State::Refreshing, true), fresh()],
                None,
                "2 sessions fresh · next refresh 2027-01-15T08:00:00Z",
            ),
            (vec![status("work", State::Refreshing, false)], None, "0 sessions fresh"),
            (
                vec![Status { remedy: None, ..status("work", State::SignedOut, false) }],
                Some("config.toml:1:1: no"),
                "the configuration is not in force: config.toml:1:1: no · 0 sessions fresh",
            ),
        ] {
            assert_eq!(line(&sessions, error, None), expected);
        }
        let line = line(&[fresh()], None, Some("the port is taken"));
        assert!(line.starts_with("the endpoint is not there: the port is taken · 1 session fresh"), "{line}");
    }
}
