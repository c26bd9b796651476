//! [`Skew`]: how far the clock of this machine is from a server's, as the `Date` of an answer shows.

use std::{fmt, sync::Arc, time::Duration};

use crate::time::{Clock, Timestamp};

/// How far the clock of this machine is ahead, in milliseconds; below zero where it is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew(i64);

impl Skew {
    /// By an answer of `date`, in whole seconds, to what was sent at `sent_at` and answered at `came_at` by the clock of
    /// this machine. It may have been made at any time in between: what that explains is no skew, so that a machine
    /// which slept meanwhile, or whose clock was set, does not look as if its clock were off.
    pub fn of(date: Timestamp, sent_at: Timestamp, came_at: Timestamp) -> Self {
        let (first, last) = (sent_at.min(came_at), sent_at.max(came_at));
        let ahead = first.millis().saturating_sub(date.after(Duration::from_secs(1)).millis());
        let behind = date.millis().saturating_sub(last.millis());
        Self(if ahead > 0 { ahead } else { -behind.max(0) })
    }

    /// Of so many milliseconds ahead.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// In whole seconds ahead, or below zero behind, rounded to zero.
    pub const fn secs(self) -> i64 {
        self.0 / 1000
    }

    /// How far, whichever way.
    pub fn size(self) -> Duration {
        Duration::from_millis(self.0.unsigned_abs())
    }

    /// How far it is from another one.
    pub fn since(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }
}

/// Who is told how far the clock is off, at every answer of AWS.
#[derive(Clone)]
pub struct Witness {
    pub(super) clock: Clock,
    tell: Arc<dyn Fn(Skew) + Send + Sync>,
}

impl Witness {
    /// Tells `tell` how far `clock` is off.
    pub fn new(clock: Clock, tell: impl Fn(Skew) + Send + Sync + 'static) -> Self {
        Self { clock, tell: Arc::new(tell) }
    }

    pub(super) fn heard(&self, date: Timestamp, sent_at: Timestamp) {
        (self.tell)(Skew::of(date, sent_at, self.clock.now()));
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_time_between_question_and_answer_explains_is_no_skew() {
        let at = |millis: i64| Timestamp::from_millis(1_800_000_000_000 + millis);
        for (date, sent_at, came_at, expected) in [
            (0, 0, 100, 0),
            // The date is in whole seconds.
            (0, 999, 1100, 0),
            (0, 100, 900, 0),
            (0, 61_000, 61_200, 60_000),
            (0, -61_000, -60_500, -60_500),
            // It took its time.
            (0, -29_000, 1000, 0),
            // The machine slept in between, or its clock was set either way.
            (0, 0, 3_600_000, 0),
            (3_600_000, 3_600_000, 0, 0),
            (0, -5_000_000, 0, 0),
            (7_200_000, 0, 100, -7_199_900),
        ] {
            let skew = Skew::of(at(date), at(sent_at), at(came_at));
            assert_eq!(skew, Skew(expected), "{date} {sent_at} {came_at}");
        }
    }
}
