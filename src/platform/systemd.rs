//! The service manager on Linux: systemd's notification protocol, `sd_notify(3)`. Without `NOTIFY_SOCKET`
//! nothing is sent.

use std::{io, os::fd::AsFd, time::Duration};

use nix::sys::stat::fstat;
use sd_notify::NotifyState;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::{Layer, Registry};

/// The daemon has started and serves.
pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// The daemon is about to end; `patience` is how long that may take, however short the manager's own patience is.
pub fn stopping(patience: Duration) {
    let micros = u32::try_from(patience.as_micros()).unwrap_or(u32::MAX);
    send(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(micros)]);
}

/// What ends the process when the main loop hangs: the manager itself, where the unit has `WatchdogSec=`.
pub fn watchdog() -> Option<Watchdog> {
    let limit = sd_notify::watchdog_enabled()?;
    Some(Watchdog { every: limit / 2 })
}

/// The manager's watchdog.
#[derive(Debug)]
pub struct Watchdog {
    every: Duration,
}

impl Watchdog {
    /// How often it is to be fed: twice as often as it must be.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// The main loop turns.
    pub fn feed(&self) {
        send(&[NotifyState::Watchdog]);
    }
}

/// The settings are being loaded again; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(since) => send(&[NotifyState::Reloading, since]),
        Err(error) => tracing::debug!("the monotonic clock can't be read: {error}"),
    }
}

/// One line that `systemctl status` shows.
pub fn status(line: &str) {
    // What comes after a line break would be another message.
    send(&[NotifyState::Status(&line.replace(char::is_control, " "))]);
}

/// Whether standard error goes to journald, so that its own protocol can be used instead.
///
/// `JOURNAL_STREAM` has device and inode of the stream, as systemd.exec(5) says: it is handed down to programs whose
/// standard error leads elsewhere.
pub fn logs_to_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    fstat(io::stderr().as_fd()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// A log that goes to journald with every field.
///
/// # Errors
/// Where there is no journald.
pub fn journal() -> io::Result<Box<dyn Layer<Registry> + Send + Sync>> {
    // The crate's own choice makes each informational line a notice.
    let priorities = PriorityMappings {
        error: Priority::Error,
        warn: Priority::Warning,
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
    };
    let layer = tracing_journald::layer()?.with_priority_mappings(priorities);
    Ok(layer.with_field_prefix(None).with_syslog_identifier("sso-refresh".into()).boxed())
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager can't be told: {error}");
    }
}
