//! A user without rights, whom modes and owners hold back: root is held back by neither.

use std::{
    env, fs,
    process::{Command, Stdio},
};

use nix::unistd::geteuid;

use crate::{
    support::{Home, Ran},
    tally::not_tried,
};

/// The user id of `nobody`.
const ID: &str = "65534";

/// `home` in the hands of a user who is not root.
pub(crate) struct Nobody<'a>(&'a Home);

impl<'a> Nobody<'a> {
    /// Gives `home` away, if need be; nothing where this system can't, which is told.
    pub(crate) fn with(home: &'a Home) -> Option<Self> {
        let nobody = Self(home);
        if geteuid().is_root() {
            // The original may be where only root can reach it.
            fs::copy(env!("CARGO_BIN_EXE_sso-refresh"), home.path("program")).unwrap();
            nobody.own();
            if !nobody.shell("test -w .").status().is_ok_and(|status| status.success()) {
                not_tried("another user, since `setpriv` can't take rights away here");
                return None;
            }
        }
        Some(nobody)
    }

    /// Gives away whatever root has made in it since.
    pub(crate) fn own(&self) {
        if geteuid().is_root() {
            fs::create_dir_all(self.0.path("run")).unwrap();
            let own = Command::new("chown").args(["-R", ID]).arg(self.0.path("")).status().unwrap();
            assert!(own.success());
        }
    }

    /// A line of shell, in which `$PROGRAM` is the program.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut plain = self.0.command([""; 0]);
        let mut command = Command::new(if geteuid().is_root() { "setpriv" } else { "env" });
        if geteuid().is_root() {
            command.args(["--reuid", ID, "--regid", ID, "--clear-groups", "--"]);
            plain.env("PROGRAM", self.0.path("program"));
        } else {
            plain.env("PROGRAM", env!("CARGO_BIN_EXE_sso-refresh"));
        }
        command.args(["sh", "-c", line]).stdin(Stdio::null()).current_dir(self.0.path("")).env_clear();
        let path = env::var_os("PATH").unwrap_or_default();
        command.env("PATH", path);
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    /// Runs a command line such as `"token work"` to its end.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.shell(&format!("exec \"$PROGRAM\" {line}")).output().unwrap().into()
    }
}
