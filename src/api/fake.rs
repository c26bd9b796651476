//! A stand-in for the daemon's loop. Sessions: `home` (the default) is well, `gone` needs a sign-in, `busy` is in
//! backoff, `silent` is never answered, and no other exists. Profiles are called as their sessions; AWS refuses the role
//! of `denied`, and `nobody` is no profile.

use std::{net::SocketAddr, time::Duration};

use tokio::sync::mpsc;

use super::{
    Call, DaemonInfo, IssuedToken, Refusal, Report, VERSION, Wanted,
    guard::{Asked, Guard, Pass},
    router::Router,
};
use crate::{
    events::bus::Bus,
    session::{
        role::{Role, RoleCredentials},
        status::{Next, State, Status},
        token::Secret,
    },
    time::{Clock, Timestamp},
};

/// The time by the fake's clock: 2027-01-01T00:00:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_798_761_600);

/// What [`guard`] wants to see as `Authorization`.
pub(super) const TOKEN: &str = "token-of-the-endpoint";

/// A guard at `address` who lets nobody have `secret`.
pub(super) fn guard(address: impl Into<SocketAddr>) -> Guard {
    let pass = Pass::new(Secret::new(TOKEN), |asked| asked != Asked::Profile("secret"));
    Guard::new(address.into(), pass)
}

/// A router whose loop is answered by the returned receiver's owner.
pub(super) fn manual() -> (Router, mpsc::Receiver<Call>) {
    let (sender, calls) = mpsc::channel(8);
    (Router::new(sender, Clock::from_fn(|| NOW)), calls)
}

/// A router with a loop of its own, which takes every reload up.
pub(super) fn router() -> Router {
    router_with(|| Ok("2 sessions".into()))
}

/// The same, with the loop's answer to a reload.
pub(super) fn router_with(reload: impl Fn() -> Result<String, String> + Send + 'static) -> Router {
    let (router, mut calls) = manual();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Some(call) = calls.recv().await {
            match &call {
                Call::Token { session: Some(name), .. } | Call::Refresh { session: name, .. }
                    if name == "silent" =>
                {
                    held.push(call);
                }
                _ => answer(call, &reload),
            }
        }
    });
    router
}

/// What the fake reports.
pub(super) fn report() -> Report {
    Report {
        version: VERSION,
        daemon: DaemonInfo {
            version: "0.1.0".into(),
            pid: 4711,
            started_at: NOW.before(Duration::from_secs(3600)),
            config_error: None,
            endpoint: None,
            clock_ahead_secs: None,
        },
        sessions: vec![status("home")],
    }
}

/// The status of a session that is well.
pub(super) fn status(session: &str) -> Status {
    Status {
        expires_at: Some(NOW.after(Duration::from_secs(3600))),
        next: Some(Next { at: NOW.after(Duration::from_secs(2400)), why: "refresh".into() }),
        ..Status::bare(session, State::Fresh)
    }
}

fn answer(call: Call, reload: &impl Fn() -> Result<String, String>) {
    match call {
        Call::Status { reply } => drop(reply.send(report())),
        Call::Token { session, min_validity, reply } => {
            let session = session.unwrap_or_else(|| "home".into());
            drop(reply.send(refused(&session).map_or_else(
                || {
                    Ok(IssuedToken {
                        access_token: Secret::new(format!("token-{session}-{}", min_validity.as_secs())),
                        session,
                        expires_at: NOW.after(Duration::from_secs(3600)),
                    })
                },
                Err,
            )));
        }
        Call::Credentials { wanted, min_validity, reply } => {
            let (session, account, name) = match wanted {
                Wanted::Profile(profile) => (profile, "012345678901".to_owned(), "Profile".to_owned()),
                Wanted::Role(Role { session, account, name }) => (session, account, name),
            };
            let validity = min_validity.map_or(0, |validity| validity.as_secs());
            drop(reply.send(refused(&session).map_or_else(
                || {
                    Ok(RoleCredentials {
                        access_key_id: format!("ASIA-{session}-{name}"),
                        secret_access_key: Secret::new(format!("key-{validity}")),
                        session_token: Secret::new("role-token"),
                        expires_at: NOW.after(Duration::from_millis(3_600_999)),
                        account,
                    })
                },
                Err,
            )));
        }
        Call::Refresh { session, reply, .. } => {
            drop(reply.send(refused(&session).map_or_else(|| Ok(status(&session)), Err)));
        }
        Call::Events { reply } => drop(reply.send(Bus::default().subscribe())),
        Call::Reload { reply } => drop(reply.send(reload())),
        Call::Ping { reply } => drop(reply.send(())),
    }
}

fn refused(session: &str) -> Option<Refusal> {
    let message = format!("about {session:?}");
    match session {
        "home" => None,
        "denied" => Some(Refusal::NoAccess { message }),
        "nobody" => Some(Refusal::UnknownProfile { message }),
        "gone" => Some(Refusal::SignInNeeded { session: session.into(), message }),
        "busy" => Some(Refusal::Temporary { message, retry_after: Some(Duration::from_millis(89_001)) }),
        _ => Some(Refusal::UnknownSession { message }),
    }
}
