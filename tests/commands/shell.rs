//! The user's shell: runs what a remedy says, as it stands there.

#![expect(clippy::unwrap_used, reason = "what a test can't set up fails the test")]

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Home, Ran};

/// A shell in the surroundings of `home`, where the program is in the path and tools in `bin` come first.
pub(crate) fn shell(home: &Home, line: &str) -> Command {
    let surroundings = home.command([""; 0]);
    let program = Path::new(env!("CARGO_BIN_EXE_sso-refresh")).parent().unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]).current_dir(home.path("")).stdin(Stdio::null()).env_clear();
    command.envs(surroundings.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", format!("{}:{}:/usr/bin:/bin", home.path("bin").display(), program.display()));
    command
}

/// A program in `bin` of `home`: a script for `sh`.
pub(crate) fn tool(home: &Home, name: &str, script: &str) {
    home.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}"));
    fs::set_permissions(home.path(format!("bin/{name}")), fs::Permissions::from_mode(0o700)).unwrap();
}

/// What stands between backticks in `text`, in order.
pub(crate) fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The last line that something says.
pub(crate) fn last_line(ran: &Ran) -> String {
    ran.stderr.lines().last().unwrap_or_default().to_owned()
}
