//! Disks that are not there: a link or a folder on the way to the token files leads nowhere for a while.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use serde_json::Value;

use crate::{
    place::until,
    sessions::{Sessions, access, name},
    support::{Home, Ran},
    tally::Tally,
};

/// What is on another disk, as seen from the home directory.
const ELSEWHERE: [&str; 3] = [".aws/sso/cache", ".aws/sso", "the file"];

/// A home with one session, a part of which is at the end of a link; and where.
fn home_with(part: &str) -> (Sessions, PathBuf) {
    let home = Sessions::with_copies(1);
    let disk = home.path("disk");
    fs::create_dir(&disk).unwrap();
    let part = if part == "the file" { home.token_path(&name(0)) } else { home.path(part) };
    let there = disk.join("moved");
    fs::rename(&part, &there).unwrap();
    symlink(there, part).unwrap();
    // The own copy goes by where the file really is.
    home.sign_in(0);
    (home, disk)
}

/// All that the own state has of a token.
fn copies(home: &Home) -> String {
    let folder = home.path(".local/state/sso-refresh/sessions");
    fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

#[track_caller]
fn given(answer: &Ran) {
    assert_eq!((answer.code, answer.stdout.trim_end()), (0, access(0).as_str()), "{answer:?}");
}

/// In one line, and as nothing that a sign-in would help with.
#[track_caller]
fn told(answer: &Ran, part: &str) {
    assert_eq!((answer.code, answer.stdout.as_str()), (5, ""), "{part}: {answer:?}");
    assert_eq!(answer.stderr.lines().count(), 1, "{part}: {answer:?}");
    for words in ["its folder does not exist", "mount or make it"] {
        assert!(answer.stderr.contains(words), "{part}: {answer:?}");
    }
}

fn status(home: &Home) -> Value {
    let status: Value = serde_json::from_str(&home.run("status --json").stdout).unwrap_or_default();
    status["sessions"][0].clone()
}

#[test]
fn a_disk_that_is_away_is_no_sign_out() {
    let mut tally = Tally::of("Broken files: their disk is away for a while, no daemon");
    for part in ELSEWHERE {
        let (home, disk) = home_with(part);
        fs::rename(&disk, home.path("away")).unwrap();
        told(&home.run("token s0"), part);
        let answer = home.run("logout s0");
        assert_eq!(answer.code, 5, "not signed out of what comes back: {answer:?}");
        assert!(!disk.exists() && copies(&home).contains(&access(0)), "{part}");
        fs::rename(home.path("away"), &disk).unwrap();
        given(&home.run("token s0"));
        // The copy is as good as ever.
        fs::write(home.token_path(&name(0)), "{").unwrap();
        given(&home.run("token s0"));
        tally.tried();
    }
    tally.survived();
}

#[test]
fn a_daemon_goes_on_when_the_disk_is_back() {
    let mut tally =
        Tally::of("Broken files: their disk is away for a while, under a daemon and at its start");
    for part in ELSEWHERE {
        for at_start in [false, true] {
            let (home, disk) = home_with(part);
            let leave = || fs::rename(&disk, home.path("away")).unwrap();
            if at_start {
                leave();
            }
            let _daemon = home.quiet_daemon();
            if at_start {
                told(&home.run("token s0"), part);
            } else {
                home.all_read(1);
                leave();
                // Whoever asks makes it look.
                given(&home.run("token s0"));
            }
            let trouble =
                || status(&home)["last_error"].as_str().is_some_and(|error| error.contains("mount or make"));
            until(part, || trouble().then_some(()));
            assert!(!disk.exists() && copies(&home).contains(&access(0)), "{part}");
            fs::rename(home.path("away"), &disk).unwrap();
            until(part, || (!trouble() && status(&home)["usable"] == true).then_some(()));
            given(&home.run("token s0"));
            // It hears of the files again: a sign-out is noticed.
            fs::remove_file(fs::canonicalize(home.token_path(&name(0))).unwrap()).unwrap();
            until(part, || (status(&home)["state"] == "signed-out").then_some(()));
            let log = home.log();
            assert!(log.lines().filter(|line| line.contains("mount or make")).count() <= 2, "{part}: {log}");
            tally.tried();
        }
    }
    tally.survived();
}

#[test]
fn a_folder_that_is_deleted_signs_out() {
    let mut tally = Tally::of("Broken files: ~/.aws/sso deleted, with and without a daemon");
    let home = Sessions::with_copies(1);
    let daemon = home.quiet_daemon();
    home.all_read(1);
    fs::remove_dir_all(home.path(".aws/sso")).unwrap();
    until("the sign-out", || (status(&home)["state"] == "signed-out").then_some(()));
    assert!(!copies(&home).contains(&access(0)), "it is not brought back");
    drop(daemon);
    tally.tried();
    let home = Sessions::with_copies(1);
    fs::remove_dir_all(home.path(".aws/sso")).unwrap();
    let answer = home.run("token s0");
    assert_eq!(answer.code, 3, "{answer:?}");
    assert!(!copies(&home).contains(&access(0)), "it is not brought back");
    tally.tried();
    tally.survived();
}
