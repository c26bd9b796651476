//! The own state, broken in every way, and written by an older and a newer version of the program.

use std::{
    fs::{self, File, Permissions},
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use nix::{sys::stat::Mode, unistd::mkfifo};
use serde_json::{Value, json};

use crate::{
    place::{center, until},
    sessions::{Sessions, access, ask, name},
    support::{Home, WORK},
    tally::Tally,
};

/// Puts something in the place of a file.
type Put = fn(&Path);

/// The file of the own state of session `n`.
fn record(home: &Home, n: usize) -> PathBuf {
    let named = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_default();
        path.extension().is_some_and(|end| end == "json") && text.contains(&format!("\"{}\"", name(n)))
    };
    let folder = fs::read_dir(home.path(".local/state/sso-refresh/sessions")).unwrap();
    folder.map(|entry| entry.unwrap().path()).find(named).unwrap()
}

/// What a crash, a full disk or a stray program can make of a state file.
fn damages(whole: &str) -> Vec<(String, Vec<u8>)> {
    let mut damages: Vec<(String, Vec<u8>)> =
        (0..whole.len()).map(|at| (format!("cut at {at}"), whole.as_bytes()[..at].into())).collect();
    let keys: Value = serde_json::from_str(whole).unwrap();
    for part in ["", "token", "memory"] {
        let object = if part.is_empty() { &keys } else { &keys[part] };
        for key in object.as_object().into_iter().flatten().map(|(key, _)| key) {
            for value in [None, Some(json!(null)), Some(json!("x")), Some(json!(-1)), Some(json!([]))] {
                let mut wrong = keys.clone();
                let object = if part.is_empty() { &mut wrong } else { &mut wrong[part] };
                match &value {
                    Some(value) => object[key] = value.clone(),
                    None => drop(object.as_object_mut().unwrap().remove(key)),
                }
                damages.push((format!("{part}.{key}: {value:?}"), wrong.to_string().into()));
            }
        }
    }
    for (what, bytes) in [
        ("trailing bytes", format!("{whole}\"}}").into()),
        ("a hole", vec![0; whole.len()]),
        ("invalid UTF-8", [b"\xff\xfe", whole.as_bytes()].concat()),
        ("a duplicate key", whole.replacen('{', "{\"version\": 1, ", 1).into()),
        ("a list", b"[]".to_vec()),
        ("deep nesting", "[".repeat(100_000).into()),
    ] {
        damages.push((what.into(), bytes));
    }
    damages
}

#[test]
fn a_broken_state_costs_no_token() {
    let mut tally = Tally::of("Broken files: own state cut at every byte, wrong and missing keys, no daemon");
    let whole = fs::read_to_string(record(&Sessions::with_copies(1), 0)).unwrap();
    let damages = damages(&whole);
    let home = Sessions::with_copies(damages.len());
    let paths: Vec<PathBuf> = (0..damages.len()).map(|n| record(&home, n)).collect();
    for (path, (_, bytes)) in paths.iter().zip(&damages) {
        fs::write(path, bytes).unwrap();
    }
    for (n, answer) in ask(&home, damages.len()).iter().enumerate() {
        let what = &damages[n].0;
        assert_eq!((answer.code, answer.stdout.trim_end()), (0, access(n).as_str()), "{what}: {answer:?}");
        for line in answer.stderr.lines() {
            assert!(line.contains(paths[n].to_str().unwrap()), "{what}: {line}");
        }
        tally.tried();
    }
    tally.survived();
}

#[test]
fn a_daemon_goes_on_with_a_broken_state() {
    let mut tally = Tally::of("Broken files: the same under a daemon, which refreshes");
    let things: [(&str, Put); 6] = [
        ("empty", |path| drop(File::create(path).unwrap())),
        ("a folder", |path| fs::create_dir(path).unwrap()),
        ("a pipe", |path| mkfifo(path, Mode::S_IRWXU).unwrap()),
        ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
        ("a link to nowhere", |path| symlink("/nowhere/at/all", path).unwrap()),
        ("10 MB", |path| File::create(path).unwrap().set_len(10_000_000).unwrap()),
    ];
    for (what, put) in things {
        for beside in ["json", "lock"] {
            let center = center();
            let home = Home::with(&center, WORK);
            center.sign_in(&home, "work", std::time::Duration::from_secs(3600));
            let mut daemon = home.daemon(&[]);
            daemon.wait_for("keeps the token fresh");
            let before = home.run("refresh work");
            assert_eq!(before.code, 0, "{before:?}");
            let folder = home.path(".local/state/sso-refresh/sessions");
            let found = until("the own state", || {
                let entries = fs::read_dir(&folder).ok()?.map(|entry| entry.unwrap().path());
                entries.into_iter().find(|path| path.extension().is_some_and(|end| end == beside))
            });
            fs::remove_file(&found).unwrap();
            put(&found);
            let token = home.access_token("work").unwrap();
            let answer = home.run("refresh work");
            assert_eq!(answer.code, 0, "{what} {beside}: {answer:?}");
            let newer = home.access_token("work").unwrap();
            assert_ne!(newer, token, "{what} {beside}");
            assert_eq!(home.run("token").stdout.trim_end(), newer, "{what} {beside}");
            assert!(daemon.0.try_wait().unwrap().is_none(), "{what} {beside}: it lives");
            tally.tried();
        }
    }
    tally.survived();
}

#[test]
fn state_of_another_version_is_set_aside() {
    let mut tally =
        Tally::of("Broken files: own state of an older and a newer version, a folder of it that is gone");
    for (version, daemon) in [(0, false), (2, false), (4_000_000_000_u32, false), (0, true), (2, true)] {
        let home = Sessions::with_copies(1);
        let path = record(&home, 0);
        let whole = fs::read_to_string(&path).unwrap();
        let other = whole.replace("\"version\": 1", &format!("\"version\": {version}, \"unknown\": [7]"));
        fs::write(&path, &other).unwrap();
        let aside = PathBuf::from(format!("{}.other-version", path.display()));
        let log = if daemon {
            let _daemon = home.quiet_daemon();
            home.all_read(1);
            assert_eq!(home.run("token").stdout.trim_end(), access(0));
            home.log()
        } else {
            let first = home.run("token");
            assert_eq!(first.stdout.trim_end(), access(0), "{first:?}");
            let second = home.run("token");
            assert_eq!((second.stdout.trim_end(), second.stderr.as_str()), (access(0).as_str(), ""));
            first.stderr
        };
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("other-version")).collect();
        assert_eq!(lines.len(), 1, "told once: {log}");
        assert!(lines[0].contains(path.to_str().unwrap()), "{lines:?}");
        assert_eq!(fs::read_to_string(&aside).unwrap(), other, "not lost");
        assert_eq!(fs::metadata(&aside).unwrap().permissions().mode() & 0o777, 0o600);
        tally.tried();
        // Nothing of a session is left that is signed out of.
        fs::remove_file(home.token_path(&name(0))).unwrap();
        assert_eq!(home.run("token").code, 3);
        assert!(!aside.exists(), "a sign-out forgets it");
        tally.tried();
    }
    // Taken away while the daemon runs, they are made again.
    let center = center();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", std::time::Duration::from_secs(3600));
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("keeps the token fresh");
    for gone in [".local/state/sso-refresh", ".local/state/sso-refresh/sessions"] {
        // The daemon may write something there meanwhile.
        until("the folder to be gone", || fs::remove_dir_all(home.path(gone)).ok());
        let answer = home.run("refresh work");
        assert_eq!(answer.code, 0, "{answer:?}");
        let kept = until("the own state", || {
            let mut entries = fs::read_dir(home.path(".local/state/sso-refresh/sessions")).ok()?;
            entries.find(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "json"))
        });
        assert!(
            fs::read_to_string(kept.unwrap().path()).unwrap().contains(&home.access_token("work").unwrap())
        );
        for folder in [".local/state/sso-refresh", ".local/state/sso-refresh/sessions"] {
            let mode = fs::metadata(home.path(folder)).unwrap().permissions().mode();
            assert_eq!(Permissions::from_mode(mode & 0o777), Permissions::from_mode(0o700), "{folder}");
        }
        tally.tried();
    }
    tally.survived();
}
