//! The timer of Linux: `timerfd` on `CLOCK_REALTIME`, which fires on time after a suspend and reports clock
//! steps, so that nothing has to be polled.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
    time::{ClockId as Reading, clock_gettime},
    unistd::read,
};
use tokio::io::{Interest, unix::AsyncFd};

use super::Fired;
use crate::time::Timestamp;

/// A clock step below this is the work of a time daemon, not news.
const STEP: Duration = Duration::from_secs(1);

/// The command that sets the clock by the network, for people.
pub const SET_CLOCK: &str = "`timedatectl set-ntp true`";

/// Waits for a moment of wall-clock time.
#[derive(Debug)]
pub struct Timer {
    fd: AsyncFd<Descriptor>,
    /// How far wall-clock time was ahead of the time since boot, sleep included: it changes with a step only.
    ahead: i128,
}

#[derive(Debug)]
struct Descriptor(TimerFd);

impl Descriptor {
    /// Not [`TimerFd::wait`], which takes a cancellation for an expiry: a resume would go unnoticed.
    fn expired(&self) -> nix::Result<()> {
        read(self.0.as_fd(), &mut [0; 8]).map(drop)
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Timer {
    /// A timer on the current runtime.
    ///
    /// # Errors
    /// Where the system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let descriptor = Descriptor(TimerFd::new(ClockId::CLOCK_REALTIME, flags)?);
        // SAFETY: `Descriptor` owns its file descriptor, returns the same one every time, and closes it only
        // when it is dropped, which `AsyncFd` does after it was deregistered.
        #[expect(unsafe_code, reason = "AsyncFd can be made of a descriptor in no other way")]
        let fd = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }
            .map_err(|error| error.into_parts().1)?;
        Ok(Self { fd, ahead: ahead()? })
    }

    /// Waits until `deadline`, or for a clock step or a resume alone where there is none. May be dropped and
    /// called again at any time.
    ///
    /// # Errors
    /// Where the system refuses the timer.
    pub async fn wait(&mut self, deadline: Option<Timestamp>) -> io::Result<Fired> {
        let at = deadline.unwrap_or(Timestamp::from_millis(i64::MAX));
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        match self.fd.get_ref().0.set(Expiration::OneShot(spec(at)), flags) {
            Ok(()) => {}
            // The kernel says it once, and it may have happened while nobody waited.
            Err(Errno::ECANCELED) => return Ok(self.clock_event()?.unwrap_or(Fired::Resume)),
            Err(error) => return Err(error.into()),
        }
        if let Some(fired) = self.clock_event()? {
            return Ok(fired);
        }
        loop {
            let mut ready = self.fd.readable().await?;
            match ready.try_io(|fd| Ok(fd.get_ref().expired()?)) {
                Ok(Ok(())) => return Ok(Fired::Deadline),
                Ok(Err(error)) if error.raw_os_error() == Some(Errno::ECANCELED as i32) => {
                    return Ok(self.clock_event()?.unwrap_or(Fired::Resume));
                }
                Ok(Err(error)) => return Err(error),
                Err(_not_ready) => {}
            }
        }
    }

    /// Whether the clock was set since the last look.
    fn clock_event(&mut self) -> io::Result<Option<Fired>> {
        let ahead = ahead()?;
        let moved = (ahead - self.ahead).unsigned_abs();
        if moved < STEP.as_nanos() {
            return Ok(None);
        }
        self.ahead = ahead;
        Ok(Some(Fired::ClockStep))
    }
}

/// How long the machine has slept since it was booted: the one clock counts it, the other does not.
///
/// # Errors
/// Where the system's clocks can't be read.
pub fn slept() -> io::Result<Duration> {
    let since_boot = Duration::from(clock_gettime(Reading::CLOCK_BOOTTIME)?);
    Ok(since_boot.saturating_sub(clock_gettime(Reading::CLOCK_MONOTONIC)?.into()))
}

fn ahead() -> io::Result<i128> {
    let nanos = |time: TimeSpec| i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec());
    Ok(nanos(clock_gettime(Reading::CLOCK_REALTIME)?) - nanos(clock_gettime(Reading::CLOCK_BOOTTIME)?))
}

/// The kernel refuses a moment before 1970, and takes zero for "never": both mean now.
fn spec(at: Timestamp) -> TimeSpec {
    TimeSpec::from_duration(Duration::from_millis(u64::try_from(at.millis()).unwrap_or(0).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Clock;

    #[tokio::test]
    async fn fires_at_the_deadline_and_not_before() {
        let mut timer = Timer::new().unwrap();
        let deadline = Clock::system().now().after(Duration::from_millis(30));
        assert_eq!(timer.wait(Some(deadline)).await.unwrap(), Fired::Deadline);
        assert!(Clock::system().now() >= deadline);
    }

    #[tokio::test]
    async fn fires_at_once_for_what_is_past_and_can_be_armed_again() {
        let mut timer = Timer::new().unwrap();
        for past in [Timestamp::from_secs(0), Timestamp::from_secs(-5), Timestamp::from_secs(1_000_000_000)] {
            assert_eq!(timer.wait(Some(past)).await.unwrap(), Fired::Deadline);
        }
        let never = timer.wait(None);
        let soon = tokio::time::timeout(Duration::from_millis(20), never).await;
        assert!(soon.is_err(), "without a deadline it waits");
    }

    #[tokio::test]
    async fn a_step_is_told_from_a_resume_by_the_clock_that_counts_sleep() {
        let mut timer = Timer::new().unwrap();
        assert_eq!(timer.clock_event().unwrap(), None);
        timer.ahead -= 2_000_000_000;
        assert_eq!(timer.clock_event().unwrap(), Some(Fired::ClockStep));
        assert_eq!(timer.clock_event().unwrap(), None, "told once");
    }
}
