//! The service manager on macOS: launchd, which knows neither readiness nor a status line.

use std::io;

use tracing_subscriber::{Layer, Registry};

/// The daemon has started and serves.
pub fn ready() {}

/// The daemon is about to end.
pub fn stopping() {}

/// The settings are being loaded again; [`ready`] ends it.
pub fn reloading() {}

/// One line about how it is going.
pub fn status(_line: &str) {}

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
