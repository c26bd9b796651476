//! The timer where there is no `timerfd`: a wait that is capped, so that neither sleep nor a clock step can
//! hide a deadline for long.

use std::{io, time::Duration};

use super::Fired;
use crate::time::{Clock, Timestamp};

/// A monotonic timer sees neither a sleep nor a clock step, so it looks again this often. A prime, so as not
/// to fall in step with other timers.
const LONGEST_WAIT: Duration = Duration::from_secs(37);

/// More than this between what the clock and the timer say was a sleep or a step.
const STEP: Duration = Duration::from_secs(5);

/// The command that sets the clock by the network, for people.
pub const SET_CLOCK: &str = "`sudo sntp -sS time.apple.com`";

/// Waits for a moment of wall-clock time.
#[derive(Debug)]
pub struct Timer {
    clock: Clock,
}

impl Timer {
    /// A timer on the current runtime.
    ///
    /// # Errors
    /// None.
    pub fn new() -> io::Result<Self> {
        Ok(Self { clock: Clock::system() })
    }

    /// Waits until `deadline`, or for a clock step or a resume alone where there is none. May be dropped and
    /// called again at any time.
    ///
    /// # Errors
    /// None.
    pub async fn wait(&mut self, deadline: Option<Timestamp>) -> io::Result<Fired> {
        loop {
            let before = self.clock.now();
            let left = deadline.map_or(LONGEST_WAIT, |at| at.since(before)).min(LONGEST_WAIT);
            tokio::time::sleep(left).await;
            let now = self.clock.now();
            if now > before.after(left + STEP) {
                return Ok(Fired::Resume);
            }
            if now < before {
                return Ok(Fired::ClockStep);
            }
            if deadline.is_some_and(|at| now >= at) {
                return Ok(Fired::Deadline);
            }
        }
    }
}
