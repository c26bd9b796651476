//! The calls of local programs.
//!
//! Whoever signs in or out and asks right after gets the new state: where the file of a session is another than the
//! one that was read, a call that concerns the session waits for the reading.

use std::collections::BTreeSet;

use super::Daemon;
use crate::{
    api::{self, Call, DaemonInfo, Refusal, Report},
    config,
    session::{Session, event::Event},
};

/// A call that waits for files to be read.
#[derive(Debug)]
pub(super) struct Parked {
    call: Call,
    /// The sessions whose files these are.
    sessions: BTreeSet<String>,
}

impl Daemon {
    /// Answers `call`, or parks it until the files that it concerns have been read.
    pub(super) fn ask(&mut self, call: Call) {
        let mut sessions = self.concerned(&call);
        for session in &sessions {
            if self.files.has_changed(session) && !self.files.is_being_read(session) {
                self.handle(session, Event::FileChanged);
            }
        }
        sessions.retain(|session| self.files.is_being_read(session));
        if sessions.is_empty() {
            self.answer(call);
        } else {
            self.parked.push(Parked { call, sessions });
        }
    }

    /// Answers the parked calls that waited for the file of `session` alone, if that is not being read any more.
    pub(super) fn ask_again(&mut self, session: &str) {
        if self.parked.is_empty() || self.files.is_being_read(session) {
            return;
        }
        let ready = self.parked.extract_if(.., |parked| {
            parked.sessions.remove(session);
            parked.sessions.is_empty()
        });
        for Parked { call, .. } in ready.collect::<Vec<_>>() {
            self.answer(call);
        }
    }

    fn concerned(&self, call: &Call) -> BTreeSet<String> {
        match call {
            Call::Ping { .. } | Call::Reload { .. } => BTreeSet::new(),
            Call::Status { .. } => self.sessions.keys().cloned().collect(),
            Call::Token { session, .. } => self.named(session.as_deref()).into_iter().collect(),
            Call::Refresh { session, .. } => self.named(Some(session)).into_iter().collect(),
        }
    }

    fn answer(&mut self, call: Call) {
        // Whoever went away needs no answer: a reply that can't be sent is dropped.
        match call {
            Call::Ping { reply } => drop(reply.send(())),
            Call::Status { reply } => drop(reply.send(self.report())),
            Call::Reload { reply } => drop(reply.send(self.reload())),
            Call::Token { session, min_validity, reply } => match self.named(session.as_deref()) {
                Ok(name) => {
                    self.waiters.token(&name, self.attempts(&name), min_validity, reply);
                    self.handle(&name, Event::TokenAsked { min_validity });
                }
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
            Call::Refresh { session, reply } => match self.named(Some(&session)) {
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

    fn attempts(&self, session: &str) -> u64 {
        self.sessions.get(session).map_or(0, Session::attempts)
    }

    fn report(&self) -> Report {
        Report {
            version: api::VERSION,
            daemon: DaemonInfo {
                version: env!("CARGO_PKG_VERSION").into(),
                pid: std::process::id(),
                started_at: self.started_at,
                config_error: self.config_error.clone(),
            },
            sessions: self.statuses(),
        }
    }
}
