//! Node.js as the yardstick: what the old script costs before it does anything.

use std::{path::PathBuf, process::Stdio};

use anyhow::Context;

use crate::{home::Home, program};

/// Where Node.js is; without it there is nothing to compare with.
pub(crate) fn find() -> anyhow::Result<PathBuf> {
    program::find("node").context("node is not on the PATH, so there is no yardstick")
}

/// A Node.js process that does nothing but look at the clock once a minute, as the old script does.
pub(crate) fn polling(home: &Home) -> anyhow::Result<program::Guard> {
    let script = "setInterval(() => Date.now(), 60 * 1000)";
    let mut command = home.command(find()?);
    program::Guard::start(command.args(["-e", script]).stdin(Stdio::null()).stdout(Stdio::null()))
}
