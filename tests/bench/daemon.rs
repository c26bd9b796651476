//! The daemon under test.

use std::{
    fs::File,
    os::unix::net::UnixStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::ensure;

use crate::{home::Home, program::Guard, samples::Stopwatch};

/// How long the daemon may take to listen before it counts as broken.
const LOST: Duration = Duration::from_secs(10);

/// Where a daemon in `home` writes its log.
pub(crate) const LOG: &str = "daemon.log";

/// `sso-refresh run` in `home`.
pub(crate) fn command(home: &Home, binary: &Path) -> Command {
    let mut command = home.command(binary);
    command.arg("run").stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Starts it and waits until it listens.
pub(crate) fn start(home: &Home, binary: &Path) -> anyhow::Result<Guard> {
    let log = File::create(home.path(LOG))?;
    let mut daemon = Guard::start(command(home, binary).stderr(log))?;
    let waiting = Stopwatch::start();
    while UnixStream::connect(home.socket()).is_err() {
        if let Some(status) = daemon.ended()? {
            let log = std::fs::read_to_string(home.path(LOG))?;
            anyhow::bail!("the daemon ended with {status}: {log}");
        }
        ensure!(waiting.elapsed() < LOST, "the daemon does not listen");
        thread::sleep(Duration::from_millis(5));
    }
    Ok(daemon)
}
