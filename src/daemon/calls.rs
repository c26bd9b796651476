//! The calls of local programs.
//!
//! Whoever signs in or out and asks right after gets the new state: where the file of a session is another than the
//! one that was read, a call that concerns the session waits for the reading.

use super::Daemon;
use crate::{
    api::{self, Call, DaemonInfo, Refusal, Report},
    config,
    session::{Session, event::Event},
};

impl Daemon {
    /// Answers `call`, or parks it until the files that it concerns have been read.
    pub(super) fn ask(&mut self, call: Call) {
        let concerned = self.concerned(&call);
        for session in &concerned {
            if self.files.has_changed(session) && !self.files.is_being_read(session) {
                self.handle(session, Event::FileChanged);
            }
        }
        if concerned.iter().any(|session| self.files.is_being_read(session)) {
            self.parked.push(call);
        } else {
            self.answer(call);
        }
    }

    /// Answers the parked calls whose files have been read.
    pub(super) fn ask_again(&mut self) {
        for call in std::mem::take(&mut self.parked) {
            if self.concerned(&call).iter().any(|session| self.files.is_being_read(session)) {
                self.parked.push(call);
            } else {
                self.answer(call);
            }
        }
    }

    fn concerned(&self, call: &Call) -> Vec<String> {
        match call {
            Call::Ping { .. } | Call::Reload { .. } => Vec::new(),
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
