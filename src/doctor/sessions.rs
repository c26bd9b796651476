//! The sessions: whether programs have a good token of each, and will have one.

use super::{
    finding::{Check, Finding, Remedy, Topic},
    token_files::word,
};
use crate::{
    config::SessionSettings,
    session::{
        horizon::REGISTRATION_WARNING,
        status::{State, Status},
        token::Token,
    },
    store::{Content, TokenFile},
    time::{Timestamp, words},
};

const SCOPES: Check = Check("scopes");
const STATE: Check = Check("signed-in");
const REFRESHABLE: Check = Check("refreshable");
const REGISTRATION: Check = Check("registration");

/// Without it AWS gives no refresh token.
const NEEDED_SCOPE: &str = "sso:account:access";

/// What is known of a session.
#[derive(Debug)]
pub struct Facts<'a> {
    /// How it is configured.
    pub settings: &'a SessionSettings,
    /// What the daemon says of it, where it runs and knows it.
    pub status: Option<&'a Status>,
    /// Its token file.
    pub file: &'a TokenFile,
    /// The moment of the look.
    pub now: Timestamp,
}

/// How the sessions are.
pub fn examine(sessions: &[Facts<'_>]) -> Topic {
    let mut findings = Vec::new();
    for session in sessions {
        let found =
            [Some(scopes(session)), Some(state(session)), refreshable(session), registration(session)];
        findings.extend(found.into_iter().flatten().map(|finding| finding.about(&session.settings.name)));
    }
    let names: Vec<&str> = sessions.iter().map(|session| session.settings.name.as_str()).collect();
    let summary =
        if names.is_empty() { "none".to_owned() } else { format!("signed in: {}", names.join(", ")) };
    Topic { name: "sessions", summary, findings }
}

fn scopes(Facts { settings, .. }: &Facts<'_>) -> Finding {
    let SessionSettings { name, scopes, origin, .. } = settings;
    if scopes.iter().any(|scope| scope == NEEDED_SCOPE) {
        return SCOPES.ok(format!("`{name}` asks for {NEEDED_SCOPE}"));
    }
    let finding = format!("`{name}` does not ask for {NEEDED_SCOPE}: nobody can refresh its tokens");
    let remedy = format!(
        "add {NEEDED_SCOPE} to `sso_registration_scopes` (in config.toml: `scopes`) of the session at {origin}, then run \
         `sso-refresh login {}`",
        word(name)
    );
    SCOPES.failure(finding, Remedy::act(remedy))
}

fn state(facts: &Facts<'_>) -> Finding {
    match facts.status {
        Some(status) => told(status),
        None => seen(&facts.settings.name, &facts.file.content, facts.now),
    }
}

/// What the daemon tells.
fn told(status: &Status) -> Finding {
    let Status { session, reason, last_error, remedy, usable, .. } = status;
    let because = |why: &Option<String>| why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let login = || Remedy::run(remedy.clone().unwrap_or_else(|| command("login", session)));
    let refresh = || Remedy::run(command("refresh", session));
    match status.state {
        State::SignedOut => STATE.failure(format!("`{session}` is signed out"), login()),
        State::LoginRequired => {
            STATE.failure(format!("`{session}` needs a sign-in{}", because(reason)), login())
        }
        State::Backoff if *usable => STATE.warning(
            format!("the refresh of `{session}` fails, and is tried again{}", because(last_error)),
            refresh(),
        ),
        State::Backoff => STATE.failure(
            format!("the token of `{session}` has expired, and its refresh fails{}", because(last_error)),
            refresh(),
        ),
        State::Fresh | State::Refreshing if *usable => STATE.ok(format!("`{session}` has a good token")),
        State::Fresh | State::Refreshing => {
            STATE.failure(format!("the token of `{session}` has expired{}", because(reason)), refresh())
        }
    }
}

/// What the file shows, where no daemon tells.
fn seen(name: &str, content: &Content, now: Timestamp) -> Finding {
    match content {
        Content::Missing => STATE.failure(
            format!("`{name}` is signed out: there is no token file"),
            Remedy::run(command("login", name)),
        ),
        Content::Unreadable(_) | Content::Broken { .. } => {
            STATE.not_checked(format!("the token file of `{name}` can't be read"))
        }
        Content::Token(contents) if contents.token.expires_at > now => {
            let left = words(contents.token.left(now));
            STATE.ok(format!("`{name}` has a token that is good for {left}"))
        }
        Content::Token(contents) if missing(&contents.token).is_empty() => STATE.failure(
            format!("the token of `{name}` has expired, and no daemon refreshes it"),
            Remedy::run(command("refresh", name)),
        ),
        Content::Token(_) => {
            STATE.failure(format!("the token of `{name}` has expired"), Remedy::run(command("login", name)))
        }
    }
}

/// Whether there is all that a refresh takes.
fn refreshable(facts: &Facts<'_>) -> Option<Finding> {
    let name = &facts.settings.name;
    let Content::Token(contents) = &facts.file.content else { return None };
    let missing = missing(&contents.token);
    if missing.is_empty() {
        return Some(REFRESHABLE.ok(format!("the token of `{name}` can be refreshed")));
    }
    let finding =
        format!("nobody can refresh the token of `{name}`: its file has no {}", missing.join(" and no "));
    Some(REFRESHABLE.failure(finding, Remedy::run(command("login", name))))
}

fn missing(token: &Token) -> Vec<&'static str> {
    let parts = [("refreshToken", token.refresh_token.is_none()), ("client", token.registration.is_none())];
    parts.into_iter().filter(|(_, missing)| *missing).map(|(name, _)| name).collect()
}

/// Only a sign-in can replace a registration, and without one nothing is refreshed.
fn registration(facts: &Facts<'_>) -> Option<Finding> {
    let name = &facts.settings.name;
    let Content::Token(contents) = &facts.file.content else { return None };
    let end = contents.token.registration.as_ref()?.expires_at?;
    let login = || Remedy::run(command("login", name));
    let left = end.since(facts.now);
    Some(if left.is_zero() {
        REGISTRATION.failure(format!("the client registration of `{name}` ended at {end}"), login())
    } else if left < REGISTRATION_WARNING {
        let finding =
            format!("the client registration of `{name}` ends in {}: then nothing is refreshed", words(left));
        REGISTRATION.warning(finding, login())
    } else {
        REGISTRATION.ok(format!("the client registration of `{name}` lasts for {}", words(left)))
    })
}

fn command(verb: &str, session: &str) -> String {
    format!("sso-refresh {verb} {}", word(session))
}

#[cfg(test)]
mod tests;
