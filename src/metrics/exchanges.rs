//! [`Exchanges`]: how those of each session ended.

use std::collections::BTreeMap;

use super::{tally::Tally, words::Exchanged};
use crate::session::event::Outcome;

/// By session.
#[derive(Debug, Default)]
pub(super) struct Exchanges(BTreeMap<String, OfOne>);

#[derive(Debug, Default)]
struct OfOne {
    ended: Tally<Exchanged>,
    /// Why some went wrong, in the words of the session core: there are few.
    errors: BTreeMap<&'static str, u64>,
}

impl Exchanges {
    pub(super) fn begin(&mut self, session: &str) {
        self.0.insert(session.to_owned(), OfOne::default());
    }

    pub(super) fn forget(&mut self, session: &str) {
        self.0.remove(session);
    }

    pub(super) fn add(&mut self, session: &str, outcome: &Outcome) {
        let Some(of_one) = self.0.get_mut(session) else { return };
        let (ended, error) = match outcome {
            Outcome::Refreshed(_) => (Exchanged::Refreshed, None),
            Outcome::Adopted(_) => (Exchanged::Adopted, None),
            Outcome::Gone => (Exchanged::SignedOut, None),
            Outcome::Refused { reason, .. } => (Exchanged::Refused, Some(reason.word())),
            Outcome::Failed(failure) => (Exchanged::Failed, Some(failure.kind)),
            // As the session itself calls it.
            Outcome::Unsaved { .. } => (Exchanged::Failed, Some("disk")),
        };
        of_one.ended.add(ended);
        if let Some(error) = error {
            *of_one.errors.entry(error).or_default() += 1;
        }
    }

    /// The session, how its exchanges ended, and how many did so.
    pub(super) fn each(&self) -> impl Iterator<Item = ([&str; 2], u64)> {
        self.0.iter().flat_map(|(session, of_one)| {
            of_one.ended.each().map(move |(ended, count)| ([session.as_str(), ended], count))
        })
    }

    /// The session, why its exchanges went wrong, and how many did so.
    pub(super) fn errors(&self) -> impl Iterator<Item = ([&str; 2], u64)> {
        self.0.iter().flat_map(|(session, of_one)| {
            of_one.errors.iter().map(move |(error, count)| ([session.as_str(), *error], *count))
        })
    }
}
