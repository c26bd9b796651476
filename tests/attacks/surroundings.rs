//! What the program is started in: no home, a long runtime path, a strange umask, hardly any descriptors.

use std::{
    fs,
    io::Read,
    os::unix::{fs::MetadataExt, net::UnixStream},
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use nix::unistd::geteuid;

use crate::{
    nobody::Nobody,
    place::{center, until},
    support::{Daemon, Home, Ran, WORK},
    tally::{Tally, not_tried},
};

const COMMANDS: [&str; 6] = ["run", "token", "status", "login", "logout", "config check"];

/// Wrong usage, in one line with these words.
#[track_caller]
fn told(answer: &Ran, words: &[&str]) {
    assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{answer:?}");
    assert_eq!(answer.stderr.lines().count(), 1, "{answer:?}");
    for word in words {
        assert!(answer.stderr.contains(word), "{word}: {answer:?}");
    }
}

/// Runs `command` to its end: a daemon that starts where it should not is killed with its test.
fn ended(command: &mut Command) -> Ran {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut daemon = Daemon(child.unwrap());
    let status = until("its end", || daemon.0.try_wait().unwrap());
    let read = |stream: &mut dyn Read| {
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        text
    };
    let (stdout, stderr) = (read(daemon.0.stdout.as_mut().unwrap()), read(daemon.0.stderr.as_mut().unwrap()));
    Output { status, stdout, stderr }.into()
}

/// Runs `command` to its end with another variable; none where it has no value.
fn with(home: &Home, line: &str, name: &str, value: Option<&Path>) -> Ran {
    let mut command = home.command(line.split_whitespace());
    match value {
        Some(value) => command.env(name, value),
        None => command.env_remove(name),
    };
    ended(&mut command)
}

#[test]
fn a_home_that_is_missing_is_told_and_not_made() {
    let mut tally =
        Tally::of("Input: a home directory that is unknown, missing, or gone while the daemon runs");
    let home = Home::new();
    let nowhere = home.path("nowhere/at all");
    for command in COMMANDS {
        told(&with(&home, command, "HOME", Some(&nowhere)), &[nowhere.to_str().unwrap(), "set HOME"]);
        assert!(!home.path("nowhere").exists(), "{command}");
        tally.tried();
    }
    if geteuid().is_root() {
        // A user whom no database knows.
        fs::copy(env!("CARGO_BIN_EXE_sso-refresh"), home.path("program")).unwrap();
        fs::set_permissions(home.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for value in [None, Some(""), Some("relative")] {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "54321", "--regid", "54321", "--clear-groups", "--"]);
            command
                .arg(home.path("program"))
                .arg("status")
                .current_dir("/")
                .stdin(Stdio::null())
                .env_remove("HOME");
            told(&command.envs(value.map(|value| ("HOME", value))).output().unwrap().into(), &["set HOME"]);
            tally.tried();
        }
    } else {
        not_tried("a user whom no database knows, whom only root can become");
    }
    tally.survived();
}

#[test]
fn a_daemon_outlives_its_home() {
    let mut tally = Tally::of("Input: a home directory that goes and comes back while the daemon runs");
    let center = center();
    let outer = Home::with(&center, WORK);
    let token = center.sign_in(&outer, "work", Duration::from_secs(3600));
    let inner = outer.path("home");
    fs::create_dir(&inner).unwrap();
    fs::rename(outer.path(".aws"), inner.join(".aws")).unwrap();
    let command = |line: &str| {
        let mut command = outer.command(line.split_whitespace());
        command.env("HOME", &inner).env_remove("XDG_CONFIG_HOME").env_remove("XDG_STATE_HOME");
        command
    };
    let ask = |line: &str| -> Ran { command(line).output().unwrap().into() };
    let mut daemon = Daemon(command("run").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    daemon.wait_for("keeps the token fresh");
    let answer = ask("refresh work");
    assert_eq!(answer.code, 0, "{answer:?}");
    let newer = ask("token").stdout;
    assert_ne!(newer.trim_end(), token.access_token.expose());
    fs::rename(&inner, outer.path("away")).unwrap();
    daemon.wait_for("the old one stays in force");
    let answer = ask("token work");
    assert_eq!((answer.code, &answer.stdout), (0, &newer), "{answer:?}");
    let answer = ask("reload");
    assert!(answer.code == 2 && answer.stderr.contains("home"), "{answer:?}");
    assert!(!inner.exists(), "no other is made in its place");
    fs::rename(outer.path("away"), &inner).unwrap();
    until("the settings to be taken up", || (ask("reload").code == 0).then_some(()));
    let answer = ask("token work");
    assert_eq!((answer.code, &answer.stdout), (0, &newer), "{answer:?}");
    // And it goes on in the home that is back.
    let answer = ask("refresh work");
    assert_eq!(answer.code, 0, "{answer:?}");
    let newest = ask("token work").stdout;
    assert_ne!(newest, newer);
    let folder = fs::read_dir(inner.join(".aws/sso/cache")).unwrap();
    let files: String =
        folder.map(|file| fs::read_to_string(file.unwrap().path()).unwrap_or_default()).collect();
    assert!(files.contains(newest.trim_end()));
    tally.tried();
    tally.survived();
}

#[test]
fn a_runtime_path_that_fits_no_socket_is_told() {
    let mut tally = Tally::of("Input: a runtime path longer than a socket may have");
    for length in [90, 104, 108, 200, 4000] {
        let home = Home::new();
        let long = home.path("r".repeat(length));
        for command in COMMANDS {
            told(
                &with(&home, command, "XDG_RUNTIME_DIR", Some(&long)),
                &["XDG_RUNTIME_DIR", "to a shorter path", "103"],
            );
            tally.tried();
        }
    }
    tally.survived();
}

/// Every file and folder below, but for what the test itself has made.
fn made(folder: &Path, found: &mut Vec<(String, u32, bool)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        found.push((path.display().to_string(), metadata.mode() & 0o777, metadata.is_dir()));
        if metadata.is_dir() {
            made(&path, found);
        }
    }
}

#[test]
fn a_umask_neither_opens_nor_closes_anything() {
    let mut tally = Tally::of("Input: a umask of 000 and of 777");
    for umask in ["000", "777", "377", "022"] {
        for daemon in [false, true] {
            let center = center();
            let home = Home::with(&center, WORK);
            let token = center.sign_in(&home, "work", Duration::from_secs(20));
            let Some(nobody) = Nobody::with(&home) else { return };
            let line = |line: &str| format!("umask {umask}; exec \"$PROGRAM\" {line}");
            let _daemon = daemon.then(|| {
                let child = nobody.shell(&line("run")).stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
                let mut daemon = Daemon(child.unwrap());
                daemon.wait_for("has started");
                daemon
            });
            let answer: Ran = nobody.shell(&line("token --min-validity 5m")).output().unwrap().into();
            assert_eq!(answer.code, 0, "{umask}: {answer:?}");
            assert_ne!(answer.stdout.trim_end(), token.access_token.expose(), "{umask}");
            assert_eq!(answer.stdout.trim_end(), home.access_token("work").unwrap(), "{umask}");
            let mut found = Vec::new();
            for folder in [".aws/sso", ".local/state/sso-refresh", "run/sso-refresh"] {
                made(&home.path(folder), &mut found);
            }
            assert!(found.iter().any(|(path, ..)| path.contains("/sessions/")), "{found:?}");
            for (path, mode, is_folder) in found {
                // Nobody but the owner gets past the folder of the socket.
                if !path.ends_with("api.sock") {
                    assert_eq!(mode, if is_folder { 0o700 } else { 0o600 }, "{umask}: {path} {mode:o}");
                }
            }
            tally.tried();
        }
    }
    tally.survived();
}

#[test]
fn exchanges_go_on_when_clients_take_the_descriptors() {
    let mut tally = Tally::of("Input: hardly any file descriptors, and clients that take them all");
    let home = Home::new();
    let limited = |home: &Home, limit: usize, line: &str| {
        let plain = home.command([""; 0]);
        let program = env!("CARGO_BIN_EXE_sso-refresh");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {limit}; exec \"{program}\" {line}")]).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(home.path("")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    for limit in [8, 16, 39] {
        told(&ended(&mut limited(&home, limit, "run")), &["ulimit -n", &limit.to_string()]);
        tally.tried();
    }
    for limit in [40, 64, 256] {
        let center = center();
        let home = Home::with(&center, WORK);
        let mut daemon = Daemon(limited(&home, limit, "run").spawn().unwrap());
        daemon.wait_for("has started");
        let crowd: Vec<_> = (0..limit + 64)
            .filter_map(|_| UnixStream::connect(home.path("run/sso-refresh/api.sock")).ok())
            .collect();
        let token = center.sign_in(&home, "work", Duration::from_secs(20));
        until("an exchange", || {
            let held = fs::read_to_string(home.token_path("work")).ok()?;
            (held.contains("accessToken") && !held.contains(token.access_token.expose())).then_some(())
        });
        let answer = home.run("token");
        assert_eq!(Some(answer.stdout.trim_end().to_owned()), home.access_token("work"), "{answer:?}");
        drop(crowd);
        tally.tried();
    }
    tally.survived();
}
