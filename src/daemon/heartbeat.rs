//! [`Heartbeat`]: the sign of life that the loop, and nothing else, gives the watchdog.

use std::time::Duration;

use crate::{
    platform::manager::{self, Watchdog},
    time::Timestamp,
};

/// When the watchdog was fed, and is to be.
#[derive(Debug)]
pub(super) struct Heartbeat {
    watchdog: Option<Watchdog>,
    /// `None` where it is to be fed at once.
    fed_at: Option<Timestamp>,
}

impl Heartbeat {
    /// For the watchdog that there is, if there is one.
    pub(super) fn new() -> Self {
        Self { watchdog: manager::watchdog(), fed_at: None }
    }

    /// When the loop must turn for it.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let every = self.watchdog.as_ref()?.every();
        Some(self.fed_at.map_or(Timestamp::from_secs(0), |at| at.after(every)))
    }

    /// The clock is another: what it says of the last time is worth nothing.
    pub(super) fn clock_set(&mut self) {
        self.fed_at = None;
    }

    /// The loop turns. A turn that was made for something else saves one, but not each is worth a message.
    pub(super) fn turn(&mut self, now: Timestamp) {
        let Some(watchdog) = &self.watchdog else { return };
        if self.fed_at.is_none_or(|at| is_worth_it(at, now, watchdog.every())) {
            watchdog.feed();
            self.fed_at = Some(now);
        }
    }
}

/// Whether half of the time has gone by since the last time. A clock that was set back says nothing of that.
fn is_worth_it(fed_at: Timestamp, now: Timestamp, every: Duration) -> bool {
    now < fed_at || now >= fed_at.after(every / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_feeds_it_that_comes_late_enough_or_after_a_step_back() {
        let at = Timestamp::from_secs;
        for (now, fed) in
            [(1000, false), (1029, false), (1030, true), (1060, true), (9000, true), (999, true)]
        {
            assert_eq!(is_worth_it(at(1000), at(now), Duration::from_secs(60)), fed, "{now}");
        }
    }

    #[test]
    fn without_a_watchdog_nothing_wakes_the_loop() {
        let mut heartbeat = Heartbeat { watchdog: None, fed_at: None };
        heartbeat.turn(Timestamp::from_secs(1000));
        assert_eq!((heartbeat.next(), heartbeat.fed_at), (None, None));
    }
}
