//! [`Heartbeat`]: the sign of life that the loop, and nothing else, gives the watchdog.

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
        let early = watchdog.every() / 2;
        if self.fed_at.is_none_or(|at| now < at || now >= at.after(early)) {
            watchdog.feed();
            self.fed_at = Some(now);
        }
    }
}
