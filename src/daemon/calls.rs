//! The calls of local programs.
//!
//! Whoever signs in or out and asks right after gets the new state: where the file of a session is another than the
//! one that was read, a call that concerns the session waits for a reading that begins after it. It waits for no
//! other, however often the file changes meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use super::{Daemon, waiters::refreshed};
use crate::{
    api::{self, Call, DaemonInfo, Refusal, Report, Wanted},
    config,
    session::{event::Event, role::Role, token::Secret},
};

/// A call that waits for files to be read.
#[derive(Debug)]
pub(super) struct Parked {
    call: Call,
    /// The sessions whose files these are, and which reading of each it waits for.
    readings: BTreeMap<String, u64>,
}

/// Whose files were looked at for one of the calls that came together: what all of them ask for is older than that look.
#[derive(Debug, Default)]
struct Looked {
    configuration: bool,
    sessions: BTreeSet<String>,
}

impl Daemon {
    /// Answers each of the calls that came together, or parks it until the files that it concerns have been read.
    pub(super) fn ask_all(&mut self, calls: impl Iterator<Item = Call>) {
        let mut looked = Looked::default();
        for call in calls {
            self.ask(call, &mut looked);
        }
    }

    fn ask(&mut self, call: Call, looked: &mut Looked) {
        if matches!(call, Call::Credentials { wanted: Wanted::Profile(_), .. })
            && !std::mem::replace(&mut looked.configuration, true)
        {
            self.look_at_configuration();
        }
        let mut readings = BTreeMap::new();
        for session in self.concerned(&call) {
            if looked.sessions.insert(session.clone()) && self.files.has_changed(&session) {
                self.handle(&session, Event::FileChanged);
            }
            if let Some(reading) = self.files.under_way(&session) {
                readings.insert(session, reading);
            }
        }
        if readings.is_empty() {
            self.answer(call);
        } else {
            self.parked.push(Parked { call, readings });
        }
    }

    /// Answers the parked calls that waited for a reading of the file of `session` alone, if that has ended.
    pub(super) fn ask_again(&mut self, session: &str) {
        let ready = self.parked.extract_if(.., |parked| {
            if parked.readings.get(session).is_some_and(|reading| self.files.has_ended(session, *reading)) {
                parked.readings.remove(session);
            }
            parked.readings.is_empty()
        });
        for Parked { call, .. } in ready.collect::<Vec<_>>() {
            self.answer(call);
        }
    }

    fn concerned(&self, call: &Call) -> BTreeSet<String> {
        match call {
            Call::Ping { .. } | Call::Events { .. } | Call::Reload { .. } => BTreeSet::new(),
            Call::Status { .. } => self.sessions.keys().cloned().collect(),
            Call::Token { session, .. } => self.named(session.as_deref()).into_iter().collect(),
            Call::Refresh { session, .. } => self.named(Some(session)).into_iter().collect(),
            Call::Credentials { wanted, .. } => {
                self.role(wanted).map(|role| role.session).into_iter().collect()
            }
        }
    }

    fn answer(&mut self, call: Call) {
        // Whoever went away needs no answer: a reply that can't be sent is dropped.
        match call {
            Call::Ping { reply } => drop(reply.send(())),
            Call::Status { reply } => drop(reply.send(self.report())),
            Call::Events { reply } => drop(reply.send(self.effects.news.subscribe())),
            Call::Reload { reply } => drop(reply.send(self.reload())),
            Call::Token { session, min_validity, reply } => match self.named(session.as_deref()) {
                Ok(name) => {
                    self.waiters.token(&name, self.attempts(&name), min_validity, reply);
                    self.handle(&name, Event::TokenAsked { min_validity });
                }
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
            Call::Credentials { wanted, min_validity, reply } => match self.role(&wanted) {
                Ok(role) => self.ask_credentials(&role, min_validity, reply),
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
            Call::Refresh { session, rejected, reply } => match self.named(Some(&session)) {
                // Somebody else was quicker.
                Ok(name) if self.has_another_token(&name, rejected.as_ref()) => {
                    if let Some(session) = self.sessions.get(&name) {
                        drop(reply.send(Ok(session.status(self.clock.now()))));
                    }
                }
                // However many roles find a token dead, the floor between two exchanges holds.
                Ok(name) if rejected.is_some() && self.rests(&name) => {
                    if let Some(session) = self.sessions.get(&name) {
                        drop(reply.send(refreshed(session, self.clock.now())));
                    }
                }
                Ok(name) => {
                    self.waiters.refresh(&name, self.attempts(&name), reply);
                    self.handle(&name, Event::RefreshAsked);
                }
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
        }
    }

    /// The session that is meant.
    fn named(&self, given: Option<&str>) -> Result<String, Refusal> {
        config::resolve_session(&self.settings, &self.env, given)
            .map(|session| session.name.clone())
            .map_err(|error| Refusal::UnknownSession { message: error.to_string() })
    }

    /// The role that is meant, of a session that is known.
    fn role(&self, wanted: &Wanted) -> Result<Role, Refusal> {
        match wanted {
            Wanted::Role(role) => self.named(Some(&role.session)).map(|_| role.clone()),
            Wanted::Profile(profile) => config::resolve_profile(&self.settings, profile)
                .map_err(|error| Refusal::UnknownProfile { message: error.to_string() }),
        }
    }

    fn has_another_token(&self, session: &str, rejected: Option<&Secret>) -> bool {
        let Some((rejected, session)) = rejected.zip(self.sessions.get(session)) else { return false };
        session.access_token().is_some_and(|token| token != rejected)
    }

    fn rests(&self, session: &str) -> bool {
        self.sessions.get(session).is_some_and(|session| session.rests(self.clock.now()))
    }

    fn attempts(&self, session: &str) -> u64 {
        self.sessions.get(session).map_or(0, |session| session.attempts())
    }

    fn report(&self) -> Report {
        Report {
            version: api::VERSION,
            daemon: DaemonInfo {
                version: env!("CARGO_PKG_VERSION").into(),
                pid: std::process::id(),
                started_at: self.started_at,
                config_error: self.config_error.clone(),
                endpoint: self.endpoint.info(),
                clock_ahead_secs: self.clocks.ahead_secs(),
            },
            sessions: self.statuses(),
        }
    }
}
