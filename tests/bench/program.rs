//! Programs that run to their end, and guards of those that don't.

use std::{
    io::{self, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};

use crate::samples::timed;

/// A process that ends with its guard.
pub(crate) struct Guard(Child);

impl Guard {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| format!("can't start {}", name(command)))?;
        Ok(Self(child))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// The exit status of a process that has ended by itself.
    pub(crate) fn ended(&mut self) -> io::Result<Option<std::process::ExitStatus>> {
        self.0.try_wait()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs a command to its end and returns what it printed and how long that took.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<(String, Duration)> {
    let what = name(command);
    let ((printed, status), took) = timed(|| {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut printed = String::new();
        if let Some(stdout) = &mut child.stdout {
            stdout.read_to_string(&mut printed)?;
        }
        Ok((printed, child.wait()?))
    })
    .with_context(|| format!("can't run {what}"))?;
    ensure!(status.success(), "{what} ended with {status}");
    Ok((printed, took))
}

/// The program of that name on the `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    all(name).into_iter().next()
}

/// Every program of that name on the `PATH`, the one that a shell takes first.
pub(crate) fn all(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).filter(|file| file.is_file()).collect()
}

fn name(command: &Command) -> String {
    command.get_program().display().to_string()
}
