//! The service manager on macOS: launchd, which knows neither readiness nor a status line, and has no watchdog.

use std::{io, process, sync::OnceLock, time::Duration};

use tracing_subscriber::{Layer, Registry};

use super::lifeline::Lifeline;

/// For how long the loop may be silent under launchd.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The daemon has started and serves.
pub fn ready() {}

/// The daemon is about to end.
pub fn stopping() {}

/// The settings are being loaded again; [`ready`] ends it.
pub fn reloading() {}

/// One line about how it is going.
pub fn status(_line: &str) {}

/// After how long a process that is silent is ended, where that is so: under launchd, which tells a service its label.
pub fn watchdog() -> Option<Duration> {
    std::env::var("XPC_SERVICE_NAME").is_ok_and(|label| label == "sso-refresh").then_some(PATIENCE)
}

/// The loop turns.
pub fn alive() {
    static LIFELINE: OnceLock<Option<Lifeline>> = OnceLock::new();
    // Without a thread there is no watchdog, and everything else as before.
    let lifeline = LIFELINE.get_or_init(|| Lifeline::new(PATIENCE, || process::abort()).ok());
    if let Some(lifeline) = lifeline {
        lifeline.pull();
    }
}

/// Whether standard error goes to journald: there is none.
pub fn logs_to_journal() -> bool {
    false
}

/// A log that goes to journald.
///
/// # Errors
/// Always: there is none.
pub fn journal() -> io::Result<Box<dyn Layer<Registry> + Send + Sync>> {
    Err(io::ErrorKind::Unsupported.into())
}
