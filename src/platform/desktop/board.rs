//! [`Board`]: what is on the screen, and what is to be done next to have there what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use super::{Notification, Wanted};
use crate::time::Timestamp;

/// Something to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Show it under a name, in the place of another one where there is one.
    Show { name: String, notification: Notification, over: Option<u32> },
    /// Take the one of that number away, which is there under `id`.
    Close { id: u32, number: u64 },
}

/// The screen as it is known. Each notification on it has a number there, beside its own.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Nobody sits before it: what comes waits.
    pub(super) locked: bool,
    /// Nothing can be shown at the moment.
    pub(super) absent: bool,
    on_screen: BTreeMap<String, OnScreen>,
    /// The numbers of those that were there.
    over: BTreeSet<u64>,
    /// How often one could not be shown by who shows others.
    failures: BTreeMap<u64, u32>,
}

/// How often it is tried to show one: it may be what ends who is to show it.
const TRIES: u32 = 3;

#[derive(Debug)]
struct OnScreen {
    id: u32,
    number: u64,
}

impl Board {
    /// What is to be done next; nothing where all is as it can be.
    pub(super) fn next(&mut self, wanted: &Wanted, now: Timestamp) -> Option<Step> {
        let is_known = |number: &u64| wanted.values().any(|notification| notification.number == *number);
        self.over.retain(is_known);
        self.failures.retain(|number, _| is_known(number));
        let can_show = !self.locked && !self.absent;
        let is_wanted = |name: &String, shown: &OnScreen| {
            wanted.get(name).is_some_and(|notification| {
                notification.number == shown.number || can_show && self.is_due(notification, now)
            })
        };
        let untrue = self.on_screen.iter().find(|(name, shown)| !is_wanted(name, shown));
        if let Some(name) = untrue.map(|(name, _)| name.clone()) {
            return self.on_screen.remove(&name).map(|OnScreen { id, number }| Step::Close { id, number });
        }
        if !can_show {
            return None;
        }
        let (name, notification) = wanted.iter().find(|(name, notification)| {
            let shown = self.on_screen.get(*name).map(|shown| shown.number);
            shown != Some(notification.number) && self.is_due(notification, now)
        })?;
        let over = self.on_screen.get(name).map(|shown| shown.id);
        Some(Step::Show { name: name.clone(), notification: notification.clone(), over })
    }

    /// It was shown, and stays there under `id`.
    pub(super) fn put(&mut self, name: String, number: u64, id: u32) {
        self.on_screen.insert(name, OnScreen { id, number });
    }

    /// It can't be shown; whether that is the last word.
    pub(super) fn failed(&mut self, number: u64) -> bool {
        self.absent = true;
        let failures = self.failures.entry(number).or_default();
        *failures += 1;
        let is_last = *failures == TRIES;
        if is_last {
            self.done(number);
        }
        is_last
    }

    /// It was shown, and what becomes of it is not known.
    pub(super) fn done(&mut self, number: u64) {
        self.over.insert(number);
    }

    /// The number of the one that is on the screen under `id`.
    pub(super) fn number(&self, id: u32) -> Option<u64> {
        self.on_screen.values().find(|shown| shown.id == id).map(|shown| shown.number)
    }

    /// The one under `id` is not there any more: its number.
    pub(super) fn closed(&mut self, id: u32) -> Option<u64> {
        let number = self.number(id)?;
        self.on_screen.retain(|_, shown| shown.id != id);
        self.done(number);
        Some(number)
    }

    /// Nothing is there any more: the numbers of what was.
    pub(super) fn cleared(&mut self) -> Vec<u64> {
        let gone: Vec<u64> = std::mem::take(&mut self.on_screen).values().map(|shown| shown.number).collect();
        self.over.extend(&gone);
        gone
    }

    /// Whether nothing is there, and nothing waits.
    pub(super) fn is_done(&self, wanted: &Wanted, now: Timestamp) -> bool {
        self.on_screen.is_empty() && !wanted.values().any(|notification| self.is_due(notification, now))
    }

    fn is_due(&self, notification: &Notification, now: Timestamp) -> bool {
        notification.until > now && !self.over.contains(&notification.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn wanted(all: &[(&str, u64)]) -> Wanted {
        let one = |number| Notification {
            number,
            summary: String::new(),
            body: String::new(),
            category: "test",
            action: None,
            until: at(100),
        };
        all.iter().map(|(name, number)| ((*name).to_owned(), one(*number))).collect()
    }

    /// What it does until nothing is left to do: `a=1` shows 1, `a=2<7` in the place of 7, `-7` closes 7.
    fn play(board: &mut Board, wanted: &Wanted, now: i64) -> String {
        let mut words = Vec::new();
        while let Some(step) = board.next(wanted, at(now)) {
            words.push(match step {
                Step::Close { id, .. } => format!("-{id}"),
                Step::Show { name, notification, over } => {
                    let over = over.map(|id| format!("<{id}")).unwrap_or_default();
                    let word = format!("{name}={}{over}", notification.number);
                    board.put(name, notification.number, u32::try_from(notification.number).unwrap() + 6);
                    word
                }
            });
        }
        words.join(" ")
    }

    #[test]
    fn what_is_wanted_is_shown_once_and_what_is_untrue_taken_away() {
        let mut board = Board::default();
        let both = wanted(&[("a", 1), ("b", 2)]);
        assert_eq!(play(&mut board, &both, 0), "a=1 b=2");
        assert_eq!(play(&mut board, &both, 0), "");
        assert_eq!(play(&mut board, &wanted(&[("a", 3), ("b", 2)]), 0), "a=3<7", "in the same place");
        assert_eq!(play(&mut board, &wanted(&[("a", 3)]), 0), "-8");
        assert!(!board.is_done(&wanted(&[("a", 3)]), at(0)), "one is on the screen");
        assert_eq!(board.closed(9), Some(3));
        assert_eq!(board.closed(9), None);
        assert_eq!(play(&mut board, &wanted(&[("a", 3)]), 0), "", "the user has seen it");
        assert!(board.is_done(&wanted(&[("a", 3)]), at(0)));
        assert_eq!(play(&mut board, &wanted(&[("a", 4)]), 0), "a=4");
    }

    #[test]
    fn a_locked_screen_holds_back_and_shows_what_is_still_true() {
        let mut board = Board { locked: true, ..Board::default() };
        let three = wanted(&[("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!(play(&mut board, &three, 0), "");
        assert!(!board.is_done(&three, at(0)), "it waits");
        board.locked = false;
        let mut true_now = wanted(&[("a", 1), ("c", 4)]);
        true_now.get_mut("a").unwrap().until = at(50);
        assert_eq!(play(&mut board, &true_now, 60), "c=4");
        assert_eq!(board.number(10), Some(4));
        board.locked = true;
        assert_eq!(play(&mut board, &wanted(&[("c", 5)]), 60), "-10", "what is untrue goes at once");
        board.locked = false;
        assert_eq!(play(&mut board, &wanted(&[("c", 5)]), 60), "c=5");
    }

    #[test]
    fn what_can_not_be_shown_is_given_up() {
        let mut board = Board::default();
        let both = wanted(&[("a", 1), ("b", 2)]);
        for is_last in [false, false, true] {
            board.absent = false;
            assert!(matches!(board.next(&both, at(0)), Some(Step::Show { name, .. }) if name == "a"));
            assert_eq!(board.failed(1), is_last);
            assert_eq!(play(&mut board, &both, 0), "", "until somebody else comes");
        }
        board.absent = false;
        assert_eq!(play(&mut board, &both, 0), "b=2");
    }

    #[test]
    fn nothing_is_shown_where_nobody_shows_it_nor_twice_when_somebody_does() {
        let mut board = Board { absent: true, ..Board::default() };
        let one = wanted(&[("a", 1)]);
        assert_eq!(play(&mut board, &one, 0), "");
        board.absent = false;
        assert_eq!(play(&mut board, &one, 0), "a=1");
        assert_eq!(board.cleared(), [1]);
        assert_eq!(play(&mut board, &one, 0), "");
        assert!(board.is_done(&one, at(0)));
        assert!(board.is_done(&wanted(&[("a", 9)]), at(100)), "it is too late for it");
    }
}
