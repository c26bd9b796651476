//! A socket that a service manager opens before it starts the daemon.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{
    fs::DirBuilder,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use sso_refresh::simulator::Options;

use crate::support::{Center, Daemon, Home, WORK};

const MINUTE: Duration = Duration::from_secs(60);

/// The daemon with a socket that somebody else has opened at `path` and handed to it under `name`.
fn activated(home: &Home, path: &Path, name: &str) -> (UnixListener, Daemon) {
    DirBuilder::new().recursive(true).create(path.parent().unwrap()).unwrap();
    let socket = UnixListener::bind(path).unwrap();
    let inherited: OwnedFd = socket.try_clone().unwrap().into();
    let mut shell = Command::new("sh");
    let program = home.command(["run"]);
    let environment = program.get_envs().filter_map(|(name, value)| Some((name, value?)));
    shell
        .args([
            "-c",
            "exec 3<&0 </dev/null; export LISTEN_PID=$$; exec \"$0\" run",
            env!("CARGO_BIN_EXE_sso-refresh"),
        ])
        .env_clear()
        .envs(environment)
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", name)
        .stdin(Stdio::from(inherited))
        .stderr(Stdio::piped());
    (socket, Daemon(shell.spawn().unwrap()))
}

#[test]
fn a_socket_that_was_handed_over_is_served_and_left() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    let token = center.sign_in(&home, "work", 50 * MINUTE);
    let path = home.path("run/sso-refresh/api.sock");
    let (socket, mut daemon) = activated(&home, &path, "api");
    // No daemon is waited for: who connects before it is ready has an answer all the same.
    let ran = home.run("token");
    assert_eq!((ran.code, ran.stdout.trim_end()), (0, token.access_token.expose()), "{ran:?}");
    assert!(home.run("status --json").stdout.contains(&format!("\"pid\": {}", daemon.0.id())));
    daemon.wait_for("has started");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);
    assert!(path.exists(), "the service manager listens on it");
    drop(socket);
}

#[test]
fn a_socket_of_another_place_or_purpose_is_not_taken() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    for (path, name) in [("run/elsewhere/api.sock", "api"), ("run/elsewhere/other.sock", "other")] {
        let (_socket, mut daemon) = activated(&home, &home.path(path), name);
        daemon.wait_for("has started");
        assert!(home.run("status --json").stdout.contains(&format!("\"pid\": {}", daemon.0.id())), "{path}");
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait(), 0);
        assert!(!home.path("run/sso-refresh/api.sock").exists(), "its own is removed");
    }
}
