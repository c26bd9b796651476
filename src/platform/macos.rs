//! The timer where there is no `timerfd`: a wait that is capped, so that neither sleep nor a clock step can
//! hide a deadline for long. Type-checked only.

use std::{io, time::Duration};

use nix::{
    libc,
    sys::time::TimeSpec,
    time::{ClockId, clock_gettime},
};

use super::Fired;
use crate::time::{Clock, Timestamp};

/// A monotonic timer sees neither a sleep nor a clock step, so it looks again this often. A prime, so as not
/// to fall in step with other timers.
const LONGEST_WAIT: Duration = Duration::from_secs(37);

/// A clock step or a sleep below this is no news.
const STEP: Duration = Duration::from_secs(1);

/// The command that sets the clock by the network, for people.
pub const SET_CLOCK: &str = "`sudo sntp -sS time.apple.com`";

/// Waits for a moment of wall-clock time.
#[derive(Debug)]
pub struct Timer {
    clock: Clock,
    seen: Look,
}

/// What the clocks said when they were last looked at, in nanoseconds.
#[derive(Debug)]
struct Look {
    /// How far wall-clock time was ahead of the time since boot, sleep included: it changes with a step only.
    ahead: i128,
    /// How long the machine has slept since it was booted.
    slept: i128,
}

impl Look {
    /// By the clocks of `clock_gettime(3)`: `CLOCK_MONOTONIC_RAW` goes on while the machine sleeps,
    /// `CLOCK_UPTIME_RAW` does not.
    fn take() -> io::Result<Self> {
        let read = |clock| clock_gettime(ClockId::from_raw(clock)).map(nanos);
        let since_boot = read(libc::CLOCK_MONOTONIC_RAW)?;
        Ok(Self {
            ahead: read(libc::CLOCK_REALTIME)? - since_boot,
            slept: since_boot - read(libc::CLOCK_UPTIME_RAW)?,
        })
    }
}

/// How long the machine has slept since it was booted.
///
/// # Errors
/// Where the system's clocks can't be read.
pub fn slept() -> io::Result<Duration> {
    Ok(Duration::from_nanos(u64::try_from(Look::take()?.slept).unwrap_or(0)))
}

impl Timer {
    /// A timer on the current runtime.
    ///
    /// # Errors
    /// Where the system's clocks can't be read.
    pub fn new() -> io::Result<Self> {
        Ok(Self { clock: Clock::system(), seen: Look::take()? })
    }

    /// Waits until `deadline`, or for a clock step or a resume alone where there is none. May be dropped and
    /// called again at any time.
    ///
    /// # Errors
    /// Where the system's clocks can't be read.
    pub async fn wait(&mut self, deadline: Option<Timestamp>) -> io::Result<Fired> {
        loop {
            if let Some(fired) = self.clock_event()? {
                return Ok(fired);
            }
            let now = self.clock.now();
            if deadline.is_some_and(|at| now >= at) {
                return Ok(Fired::Deadline);
            }
            let left = deadline.map_or(LONGEST_WAIT, |at| at.since(now)).min(LONGEST_WAIT);
            tokio::time::sleep(left).await;
        }
    }

    /// Whether the clock was set or the machine slept since the last look. The clocks may drift apart between two
    /// looks, so each is the measure of the next.
    fn clock_event(&mut self) -> io::Result<Option<Fired>> {
        let look = Look::take()?;
        let seen = std::mem::replace(&mut self.seen, look);
        let is_news = |before: i128, after: i128| (after - before).unsigned_abs() >= STEP.as_nanos();
        Ok(if is_news(seen.ahead, self.seen.ahead) {
            Some(Fired::ClockStep)
        } else if is_news(seen.slept, self.seen.slept) {
            Some(Fired::Resume)
        } else {
            None
        })
    }
}

fn nanos(time: TimeSpec) -> i128 {
    i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec())
}
