//! [`Agenda`]: who is due when. Asking for the next one costs the same for one session and for a thousand.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
};

use crate::time::Timestamp;

/// A moment for some of the sessions, or of whatever else has a name.
#[derive(Debug)]
pub(super) struct Agenda<K = String> {
    moments: BTreeMap<K, Timestamp>,
    order: BTreeSet<(Timestamp, K)>,
}

impl<K> Default for Agenda<K> {
    fn default() -> Self {
        Self { moments: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Agenda<K> {
    /// `name` is due at `at`, and no more at any other moment.
    pub(super) fn set<Q>(&mut self, name: &Q, at: Option<Timestamp>)
    where
        K: Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        if self.at(name) == at {
            return;
        }
        if let Some(entry) = self.moments.remove_entry(name) {
            self.order.remove(&(entry.1, entry.0));
        }
        if let Some(at) = at {
            self.moments.insert(name.to_owned(), at);
            self.order.insert((at, name.to_owned()));
        }
    }

    /// When `name` is due.
    pub(super) fn at<Q>(&self, name: &Q) -> Option<Timestamp>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.moments.get(name).copied()
    }

    /// When the first one is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Who is due by `now`, the first one first. They stay on the agenda.
    pub(super) fn due(&self, now: Timestamp) -> Vec<K> {
        self.order.iter().take_while(|(at, _)| *at <= now).map(|(_, name)| name.clone()).collect()
    }

    /// Nobody is due later than `latest`.
    pub(super) fn clamp(&mut self, latest: Timestamp) {
        let late: Vec<K> =
            self.order.iter().rev().take_while(|(at, _)| *at > latest).map(|(_, it)| it.clone()).collect();
        for name in late {
            self.set(&name, Some(latest));
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
