//! The service manager on macOS: launchd, which knows neither readiness nor a status line.

use std::{io, process, thread, time::Duration};

use tracing_subscriber::{Layer, Registry};

pub use super::watchdog::Watchdog;
use crate::kind::{Kind, told};

/// How long the last line of the log may take: whatever holds up the loop may hold up the log.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The daemon has started and serves.
pub fn ready() {}

/// The daemon is about to end; `patience` is how long that may take.
pub fn stopping(_patience: Duration) {}

/// What ends the process when the main loop hangs, so that launchd, which has no watchdog, starts it again; `None` where
/// the system has no thread left.
pub fn watchdog() -> Option<Watchdog> {
    let bark = || {
        let last_words =
            || told!(error, Kind::Hanging, "the daemon hangs, and ends itself to be started again");
        // It ends without them where the system has no thread left.
        drop(thread::Builder::new().spawn(last_words));
        thread::sleep(LAST_WORDS);
        process::abort();
    };
    Watchdog::start(bark).map_err(|error| tracing::debug!("there is no watchdog: {error}")).ok()
}

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
