//! The service manager on Linux: systemd's notification protocol, `sd_notify(3)`. Without `NOTIFY_SOCKET`
//! nothing is sent.

use sd_notify::NotifyState;

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
pub fn logs_to_journal() -> bool {
    std::env::var_os("JOURNAL_STREAM").is_some()
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager can't be told: {error}");
    }
}
