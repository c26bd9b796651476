//! [`Agenda`]: who is due when. Asking for the next one costs the same for one session and for a thousand.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Timestamp;

/// A moment for some of the sessions.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    moments: BTreeMap<String, Timestamp>,
    order: BTreeSet<(Timestamp, String)>,
}

impl Agenda {
    /// `session` is due at `at`, and no more at any other moment.
    pub(super) fn set(&mut self, session: &str, at: Option<Timestamp>) {
        if self.at(session) == at {
            return;
        }
        if let Some(entry) = self.moments.remove_entry(session) {
            self.order.remove(&(entry.1, entry.0));
        }
        if let Some(at) = at {
            self.moments.insert(session.to_owned(), at);
            self.order.insert((at, session.to_owned()));
        }
    }

    /// When `session` is due.
    pub(super) fn at(&self, session: &str) -> Option<Timestamp> {
        self.moments.get(session).copied()
    }

    /// When the first one is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Who is due by `now`, the first one first. They stay on the agenda.
    pub(super) fn due(&self, now: Timestamp) -> Vec<String> {
        self.order.iter().take_while(|(at, _)| *at <= now).map(|(_, session)| session.clone()).collect()
    }

    /// Nobody is due later than `latest`.
    pub(super) fn clamp(&mut self, latest: Timestamp) {
        let late: Vec<String> =
            self.order.iter().rev().take_while(|(at, _)| *at > latest).map(|(_, it)| it.clone()).collect();
        for session in late {
            self.set(&session, Some(latest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_due_at_its_last_moment_alone() {
        let at = Timestamp::from_secs;
        let mut agenda = Agenda::default();
        assert_eq!(agenda.next(), None);
        for (session, moment) in [("a", Some(5)), ("b", Some(3)), ("a", Some(7)), ("c", Some(9)), ("c", None)]
        {
            agenda.set(session, moment.map(at));
        }
        assert_eq!((agenda.next(), agenda.at("a"), agenda.at("c")), (Some(at(3)), Some(at(7)), None));
        assert_eq!(agenda.due(at(2)), [""; 0]);
        assert_eq!(agenda.due(at(7)), ["b", "a"]);
        agenda.clamp(at(4));
        assert_eq!(agenda.due(at(4)), ["b", "a"]);
        agenda.set("b", None);
        agenda.set("a", None);
        assert!(agenda.moments.is_empty() && agenda.order.is_empty());
    }
}
