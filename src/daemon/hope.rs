//! [`Hope`]: who would gain from another network, and when they are told of one that changed.
//!
//! Nobody listens to the network while all is well, so that whatever comes and goes on a busy machine wakes nobody. What
//! changes within a moment is told once; a network that comes and goes all the time gives hope only now and then.

use std::{collections::BTreeSet, time::Duration};

use crate::time::Timestamp;

/// A change is told when no other has followed for so long: an address comes before its route …
const QUIET: Duration = Duration::from_millis(200);
/// … and so long after the first one at the latest.
const LONGEST_UNREST: Duration = Duration::from_millis(600);

/// In the long run changes are told so far apart …
const APART: Duration = Duration::from_secs(30);
/// … though so many at once, as a machine comes up step by step.
const AT_ONCE: u32 = 4;

/// Those who fail, and the changes that they have not been told.
#[derive(Debug, Default)]
pub(super) struct Hope {
    hoping: BTreeSet<String>,
    /// The first one and the last one.
    changed: Option<(Timestamp, Timestamp)>,
    /// When so many have been told that each is [`APART`] from the next.
    paid_at: Option<Timestamp>,
}

impl Hope {
    /// Whether `session` would gain from another network.
    pub(super) fn set(&mut self, session: &str, is_hoping: bool) {
        if !is_hoping {
            self.hoping.remove(session);
        } else if !self.hoping.contains(session) {
            self.hoping.insert(session.to_owned());
        }
    }

    /// Whether any would.
    pub(super) fn is_there(&self) -> bool {
        !self.hoping.is_empty()
    }

    /// The network changed.
    pub(super) fn changed(&mut self, now: Timestamp) {
        let first = self.changed.map_or(now, |(first, _)| first);
        self.changed = Some((first, now));
    }

    /// When a change is to be told.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let (first, last) = self.changed?;
        let settled = last.after(QUIET).min(first.after(LONGEST_UNREST));
        let allowed = self.paid(now).before(APART * (AT_ONCE - 1));
        Some(settled.max(allowed))
    }

    /// Whether it is to be told now; it counts as told from then on.
    pub(super) fn tell(&mut self, now: Timestamp) -> bool {
        let is_due = self.next(now).is_some_and(|at| at <= now);
        if is_due {
            self.changed = None;
            self.paid_at = Some(self.paid(now).after(APART));
        }
        is_due
    }

    /// A clock that was set back must not park anything.
    pub(super) fn clamp(&mut self, now: Timestamp) {
        self.changed = self.changed.map(|(first, last)| (first.min(now), last.min(now)));
        self.paid_at = self.paid_at.map(|at| at.min(now.after(APART * AT_ONCE)));
    }

    fn paid(&self, now: Timestamp) -> Timestamp {
        self.paid_at.map_or(now, |at| at.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn at(millis: u64) -> Timestamp {
        NOW.after(Duration::from_millis(millis))
    }

    /// The moments at which changes at `changes` are told.
    fn told(hope: &mut Hope, changes: impl IntoIterator<Item = u64>, until: u64) -> Vec<u64> {
        let mut changes = changes.into_iter().peekable();
        let mut told = Vec::new();
        for millis in (0..until).step_by(50) {
            while changes.next_if(|change| *change <= millis).is_some() {
                hope.changed(at(millis));
            }
            if hope.tell(at(millis)) {
                told.push(millis);
            }
        }
        told
    }

    #[test]
    fn a_burst_is_told_once_and_soon() {
        for (changes, expected) in [
            (vec![0], vec![200]),
            (vec![0, 50, 100, 150], vec![350]),
            // A link, and an address two seconds later.
            (vec![0, 2000], vec![200, 2200]),
            // Without a pause.
            ((0..20).map(|number| number * 50).collect(), vec![600, 1150]),
        ] {
            assert_eq!(told(&mut Hope::default(), changes.clone(), 5000), expected, "{changes:?}");
        }
    }

    #[test]
    fn a_network_without_rest_is_told_now_and_then() {
        let hour = 3_600_000;
        let told = told(&mut Hope::default(), (0..hour).step_by(50), hour);
        assert!(told.windows(6).all(|few| few[5] - few[0] >= 60_000), "{told:?}");
        assert!((115..125).contains(&told.len()), "{} times in an hour", told.len());
        assert!(told.windows(2).all(|pair| pair[1] - pair[0] <= 31_000), "nothing is forgotten: {told:?}");
    }

    #[test]
    fn a_change_that_waits_is_told_though_none_follows() {
        let mut hope = Hope::default();
        let told = told(&mut hope, [0, 1000, 2000, 3000, 4000], 60_000);
        assert_eq!(told, [200, 1200, 2200, 3200, 30_200]);
        assert_eq!(hope.next(at(60_000)), None);
    }

    #[test]
    fn a_clock_that_is_set_back_parks_nothing() {
        let mut hope = Hope::default();
        for number in 0..4 {
            hope.changed(at(number));
            assert!(hope.tell(at(1000 + number)));
        }
        hope.changed(at(2000));
        let back = NOW.before(Duration::from_secs(86_400));
        hope.clamp(back);
        assert_eq!(hope.next(back), Some(back.after(APART)));
        assert!(hope.tell(back.after(APART)));
    }

    #[test]
    fn whoever_fails_hopes() {
        let mut hope = Hope::default();
        for (session, is_hoping, expected) in [
            ("a", false, false),
            ("a", true, true),
            ("b", true, true),
            ("a", false, true),
            ("b", false, false),
        ] {
            hope.set(session, is_hoping);
            assert_eq!(hope.is_there(), expected, "{session}");
        }
    }
}
