//! The service manager on Linux: systemd's notification protocol, `sd_notify(3)`. Without `NOTIFY_SOCKET`
//! nothing is sent.

use std::{io, os::fd::AsFd};

use nix::sys::stat::fstat;
use sd_notify::NotifyState;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::{Layer, Registry};

/// The daemon has started and serves.
pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// The daemon is about to end.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
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
    send(&[NotifyState::Status(line)]);
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
