//! `status --history`: what is kept, and what a person sees of it.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use nix::sys::signal::Signal;
use serde_json::Value;
use sso_refresh::simulator::Options;

use crate::support::{Center, Home, WORK_AND_HOME, after, secrets};

const FOLDER: &str = ".local/state/sso-refresh/history";

/// The names of the events that are kept.
fn names(home: &Home, line: &str) -> Vec<String> {
    let ran = home.run(line);
    assert_eq!(ran.code, 0, "{ran:?}");
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed["version"], 1);
    let events = printed["events"].as_array().unwrap();
    events.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

fn files(home: &Home) -> Vec<std::path::PathBuf> {
    fs::read_dir(home.path(FOLDER)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_the_daemon_told_is_kept_without_a_secret_and_survives_it() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK_AND_HOME);
    let empty = home.run("status --history");
    assert_eq!(empty.code, 0, "{empty:?}");
    assert!(empty.stdout.contains("nothing is known of them"), "{empty:?}");
    assert!(!home.path(FOLDER).exists(), "to look leaves nothing behind");

    let mut planted = secrets(&center.sign_in(&home, "work", Duration::from_secs(3000)));
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    for _ in 0..2 {
        assert_eq!(home.run("refresh work").code, 0);
        planted.push(home.access_token("work").unwrap());
    }
    center.set_faults("CreateToken:InvalidGrantException");
    home.run("refresh work");
    daemon.wait_for("sign in with");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);

    let told = names(&home, "status work --history --json");
    assert_eq!(
        told,
        ["started", "taken_up", "refreshed", "refreshed", "sign_in_needed", "stopping"],
        "in their order"
    );
    assert_eq!(
        names(&home, "status --history --json home").len(),
        3,
        "those of the daemon, and that it is signed out"
    );
    assert_eq!(files(&home).len(), 3);
    for file in files(&home) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(planted.iter().all(|secret| !text.contains(secret)), "{text}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let shown = home.run("status --history");
    assert!(shown.stdout.is_ascii() && shown.stdout.lines().all(|line| line.len() <= 80), "{shown:?}");
    let row = shown.stdout.lines().find(|line| line.starts_with("work ")).unwrap();
    assert!(row.ends_with('o'), "{shown:?}");
    assert!(shown.stdout.contains("o signed out   only a sign-in could help"), "{shown:?}");
    let mut command = home.command(["status", "--history", "--color", "always"]);
    let coloured = String::from_utf8(command.env("LANG", "C.UTF-8").output().unwrap().stdout).unwrap();
    assert!(coloured.contains("\u{1b}[31m○"), "{coloured}");
    let last = "\nthe daemon is not running: start it with `sso-refresh service start`; until then\nnothing is refreshed by itself\n";
    assert!(shown.stdout.ends_with(last), "{shown:?}");
    let unknown = home.run("status --history nobody");
    assert_eq!(unknown.code, 2, "{unknown:?}");
}

#[test]
fn what_is_old_goes_unless_its_session_is_configured() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK_AND_HOME);
    center.sign_in(&home, "work", Duration::from_secs(3000));
    let run = || {
        let mut daemon = home.daemon(&[]);
        daemon.wait_for("keeps the token fresh");
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait(), 0);
    };
    run();
    let nobodys = home.path(FOLDER).join(format!("{}.jsonl", "0".repeat(40)));
    fs::copy(&files(&home)[0], &nobodys).unwrap();
    for file in files(&home) {
        let old = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::options().append(true).open(file).unwrap().set_modified(old).unwrap();
    }
    run();
    assert!(!nobodys.exists());
    assert_eq!(
        names(&home, "status work --history --json"),
        ["started", "taken_up", "stopping", "started", "taken_up", "stopping"]
    );
}

#[test]
fn a_daemon_that_was_killed_is_not_taken_for_one_that_runs() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK_AND_HOME);
    center.sign_in(&home, "work", Duration::from_secs(3000));
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("keeps the token fresh");
    while !home.path(FOLDER).exists() || names(&home, "status work --history --json").len() < 2 {}
    let drawn = |state: &str| {
        let mut command = home.command(["status", "work", "--history"]);
        command.env("XDG_STATE_HOME", home.path(state));
        let shown = String::from_utf8(command.env("TZ", "<+0545>-5:45").output().unwrap().stdout).unwrap();
        assert!(shown.contains(", UTC+05:45)"), "{shown}");
        let row = shown.lines().find(|line| line.starts_with("work ")).unwrap();
        (row.chars().next_back().unwrap(), shown)
    };
    let (last, shown) = drawn(".local/state");
    assert!(last == '=' && !shown.contains("was killed"), "{shown}");
    daemon.0.kill().unwrap();
    daemon.wait();
    let (last, shown) = drawn(".local/state");
    assert!(last == '?' && shown.contains("the daemon was killed or crashed, some time after"), "{shown}");
    assert!(shown.contains("the daemon is not running: start it"), "{shown}");
    // The start of the next one counts, though the disk that the history is on was away.
    fs::create_dir_all(home.path("other/sso-refresh")).unwrap();
    fs::rename(home.path(FOLDER), home.path("other/sso-refresh/history")).unwrap();
    fs::File::create(home.path(FOLDER)).unwrap();
    // The daemon tells its start in whole seconds.
    let second = after(Duration::ZERO);
    while after(Duration::ZERO) == second {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("the history has gaps");
    let shown = drawn("other").1;
    assert!(shown.contains("the daemon has started") && shown.contains("the daemon was killed"), "{shown}");
    assert!(!shown.contains("is not running"), "{shown}");
}

#[test]
fn what_is_torn_or_in_the_way_costs_no_more_than_itself() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK_AND_HOME);
    center.sign_in(&home, "work", Duration::from_secs(3000));
    let start = || {
        let mut daemon = home.daemon(&[]);
        daemon.wait_for("has started");
        daemon
    };
    let stop = |mut daemon: crate::support::Daemon| {
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait(), 0);
    };
    let mut daemon = start();
    assert_eq!(home.run("refresh work").code, 0);
    daemon.wait_for("refreshed");
    stop(daemon);
    for file in files(&home) {
        let text = fs::read_to_string(&file).unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_len(text.len() as u64 - 9).unwrap();
    }
    let before = names(&home, "status work --history --json");
    assert_eq!(before, ["started", "taken_up"]);
    let mut daemon = start();
    daemon.wait_for("keeps the token fresh");
    stop(daemon);
    let after = names(&home, "status work --history --json");
    assert_eq!(after, ["started", "taken_up", "started", "taken_up", "stopping"]);

    // A folder in the place of each file: told once, and everything else goes on.
    for file in files(&home) {
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
    }
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    daemon.wait_for("the history has gaps");
    assert_eq!(home.run("refresh work").code, 0);
    daemon.signal(Signal::SIGTERM);
    let mut rest = String::new();
    std::io::Read::read_to_string(daemon.0.stderr.as_mut().unwrap(), &mut rest).unwrap();
    assert!(rest.contains("work: refreshed") && !rest.contains("gaps"), "{rest}");
    let ran = home.run("status --history");
    assert!(ran.code == 1 && ran.stderr.contains("can't read the history"), "{ran:?}");
}
