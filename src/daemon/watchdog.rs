//! [`Watchdog`]: shows the service manager that the loop turns.

use std::time::Duration;

use crate::{platform::manager, time::Timestamp};

/// When to show it. The loop alone does that: a daemon whose other parts still move does nothing for anybody.
#[derive(Debug)]
pub(super) struct Watchdog {
    /// How long after the last time it is shown again; none where nobody looks.
    every: Option<Duration>,
    /// The last time.
    fed: Option<Timestamp>,
}

impl Watchdog {
    /// The one of a service manager that gives up on a process that is silent for `patience`.
    pub(super) fn new(patience: Option<Duration>) -> Self {
        // A clock that is set back makes twice of it at most, since it wakes the loop: that is within the patience too.
        Self { every: patience.map(|patience| patience * 9 / 20), fed: None }
    }

    /// To be called with each turn of the loop.
    pub(super) fn turned(&mut self, now: Timestamp) {
        if self.is_due(now) {
            manager::alive();
        }
    }

    /// Not with each turn, of which there may be many; but where there is one, it may spare a wake-up.
    fn is_due(&mut self, now: Timestamp) -> bool {
        let Some(every) = self.every else { return false };
        let due = self.fed.is_none_or(|fed| now < fed || now >= fed.after(every / 2));
        if due {
            self.fed = Some(now);
        }
        due
    }

    /// `deadline`, or the time to show it again, if that is earlier.
    pub(super) fn before(&self, deadline: Option<Timestamp>) -> Option<Timestamp> {
        let next = self.every.zip(self.fed).map(|(every, fed)| fed.after(every));
        next.into_iter().chain(deadline).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(300);

    /// The longest silence in real time, where the clock is set by `step` seconds after `after` seconds of it.
    fn silence(after: i64, step: i64) -> i64 {
        let mut watchdog = Watchdog::new(Some(PATIENCE));
        let at = Timestamp::from_secs;
        assert!(watchdog.is_due(at(1000)));
        let next = watchdog.before(None).unwrap().secs();
        if next <= 1000 + after {
            return next - 1000;
        }
        // A step wakes the loop.
        if watchdog.is_due(at(1000 + after + step)) {
            return after;
        }
        let next = watchdog.before(None).unwrap().secs();
        after + (next - (1000 + after + step)).max(0)
    }

    #[test]
    fn is_never_silent_for_as_long_as_the_patience() {
        for after in 0..300 {
            for step in [0, -1, -after / 2, -after, -after - 1, -86_400, 1, 100, 86_400] {
                let silence = silence(after, step);
                assert!(silence < 285, "{silence} s after a step of {step} s at {after} s");
            }
        }
    }

    #[test]
    fn wakes_rarely_and_not_at_all_where_nobody_looks() {
        let mut watchdog = Watchdog::new(Some(PATIENCE));
        let now = Timestamp::from_secs(1000);
        assert!(watchdog.is_due(now) && !watchdog.is_due(now));
        assert_eq!(watchdog.before(None), Some(now.after(Duration::from_secs(135))), "twice in five minutes");
        assert_eq!(watchdog.before(Some(now)), Some(now));
        let mut nobody = Watchdog::new(None);
        assert!(!nobody.is_due(now));
        assert_eq!((nobody.before(None), nobody.before(Some(now))), (None, Some(now)));
    }
}
