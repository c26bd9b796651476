//! Token files that are broken, in every way that a crash, a full disk or another program can break them.

use std::fs;

use serde_json::{Map, Value, json};

use crate::{
    place::until,
    sessions::{Sessions, access, ask, name, start_url, token},
    support::{Home, Ran},
    tally::Tally,
};

/// What is in the place of a whole token file, and whether it still holds a token by itself.
struct Damage {
    what: String,
    bytes: Vec<u8>,
    readable: bool,
}

/// The file cut short at every byte.
fn cuts(whole: &str) -> Vec<Damage> {
    let cut =
        |at| Damage { what: format!("cut at {at}"), bytes: whole.as_bytes()[..at].into(), readable: false };
    (0..whole.len()).map(cut).collect()
}

/// All that is not a cut.
fn wounds(whole: &str) -> Vec<Damage> {
    let mut wounds = Vec::new();
    let mut add = |what: String, bytes: Vec<u8>, readable| wounds.push(Damage { what, bytes, readable });
    let keys: Map<String, Value> = serde_json::from_str(whole).unwrap();
    for key in keys.keys() {
        let needed = ["accessToken", "expiresAt"].contains(&key.as_str());
        let mut without = keys.clone();
        without.remove(key);
        add(format!("no {key}"), json!(without).to_string().into(), !needed);
        for value in [json!(null), json!(7), json!(true), json!([]), json!({}), json!("")] {
            let mut wrong = keys.clone();
            add(
                format!("{key}: {value}"),
                {
                    wrong.insert(key.clone(), value);
                    json!(wrong).to_string().into()
                },
                !needed,
            );
        }
        let twice = whole.replacen('{', &format!("{{\"{key}\": \"older\", "), 1);
        add(format!("{key} twice"), twice.into(), true);
    }
    for rest in ["}", "\"}", "ken\": \"x\"}", "{\"accessToken\": \"older\"}", "\0\0\0\0", "\n\nrest"] {
        add(format!("followed by {rest:?}"), format!("{whole}{rest}").into(), true);
    }
    add("followed by invalid UTF-8".into(), [whole.as_bytes(), b"\xff\xfe"].concat(), true);
    for (what, bytes) in [
        ("blanks", b" \n\n ".to_vec()),
        ("a hole", vec![0; whole.len()]),
        ("invalid UTF-8 within", [&whole.as_bytes()[..20], b"\xff\xfe", &whole.as_bytes()[20..]].concat()),
        ("a list", format!("[{whole}]").into()),
        ("a string", json!(whole).to_string().into()),
        ("no JSON", b"<html>not found</html>".to_vec()),
        ("deep nesting", "[".repeat(100_000).into()),
        (
            "a client registration",
            json!({"clientId": "c", "clientSecret": "s", "expiresAt": "2030-01-01T00:00:00Z"})
                .to_string()
                .into(),
        ),
        ("a time that is none", whole.replace("\"expiresAt\":\"", "\"expiresAt\":\"soon-").into()),
    ] {
        add(what.into(), bytes, false);
    }
    wounds
}

/// All damages, each for a session of its own.
fn damages() -> Vec<Damage> {
    let home = Home::new();
    // As long as any of them, so that every byte of the longest is tried.
    home.write_token("any", &token(999), &start_url(999));
    let whole = fs::read_to_string(home.token_path("any")).unwrap();
    cuts(&whole).into_iter().chain(wounds(&whole)).collect()
}

/// The damage as it is in the file of session `n`.
fn put(home: &Home, n: usize, damage: &Damage) {
    let bytes = replace_all(&damage.bytes, b"-999", format!("-{n:03}").as_bytes());
    // In place, as most programs write it.
    fs::write(home.token_path(&name(n)), bytes).unwrap();
}

fn replace_all(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut rest = bytes.to_vec();
    while let Some(at) = rest.windows(from.len()).position(|part| part == from) {
        if from == to {
            break;
        }
        rest.splice(at..at + from.len(), to.iter().copied());
    }
    rest
}

/// The file holds everything again.
fn is_whole(home: &Home, n: usize) -> bool {
    let Ok(text) = fs::read_to_string(home.token_path(&name(n))) else { return false };
    let Ok(Value::Object(file)) = serde_json::from_str(&text) else { return false };
    let is = |key: &str, value: &str| file.get(key).is_some_and(|held| held == value);
    is("accessToken", &access(n))
        && is("refreshToken", &format!("refresh-{n:03}"))
        && is("clientId", "client")
        && is("clientSecret", &format!("secret-{n:03}"))
        && ["expiresAt", "registrationExpiresAt"]
            .iter()
            .all(|key| file.get(*key).is_some_and(Value::is_string))
}

/// One line that names the file and what to do.
#[track_caller]
fn told(answer: &Ran, home: &Home, n: usize, what: &str) {
    let path = home.token_path(&name(n)).display().to_string();
    assert_eq!((answer.code, answer.stdout.as_str()), (3, ""), "{what}: {}", answer.stderr);
    assert_eq!(answer.stderr.lines().count(), 1, "{what}: {}", answer.stderr);
    for part in [path.as_str(), &format!("sso-refresh login {}", name(n))] {
        assert!(answer.stderr.contains(part), "{what}: {part}: {}", answer.stderr);
    }
}

#[track_caller]
fn given(answer: &Ran, n: usize, what: &str) {
    assert_eq!((answer.code, answer.stdout.trim_end()), (0, access(n).as_str()), "{what}: {}", answer.stderr);
}

#[test]
fn a_broken_file_is_healed_from_the_own_copy_without_a_daemon() {
    let mut tally = Tally::of(
        "Broken files: cut at every byte, wrong and missing keys, bytes too many; own copy, no daemon",
    );
    let damages = damages();
    let home = Sessions::with_copies(damages.len());
    for (n, damage) in damages.iter().enumerate() {
        put(&home, n, damage);
    }
    for (n, answer) in ask(&home, damages.len()).iter().enumerate() {
        given(answer, n, &damages[n].what);
        assert!(is_whole(&home, n) || damages[n].is_bearable(), "{}", damages[n].what);
        tally.tried();
    }
    tally.survived();
}

#[test]
fn a_broken_file_is_told_where_there_is_no_copy() {
    let mut tally = Tally::of("Broken files: the same without an own copy, no daemon");
    let damages = damages();
    let home = Sessions::without_copies(damages.len());
    for (n, damage) in damages.iter().enumerate() {
        put(&home, n, damage);
    }
    let before: Vec<_> = (0..damages.len()).map(|n| fs::read(home.token_path(&name(n))).unwrap()).collect();
    for (n, answer) in ask(&home, damages.len()).iter().enumerate() {
        let what = &damages[n].what;
        if damages[n].readable {
            given(answer, n, what);
        } else {
            told(answer, &home, n, what);
            assert_eq!(fs::read(home.token_path(&name(n))).unwrap(), before[n], "{what}: left as it is");
        }
        tally.tried();
    }
    tally.survived();
}

#[test]
fn a_broken_file_is_healed_by_the_daemon() {
    let mut tally = Tally::of("Broken files: the same under a daemon, with an own copy");
    let damages = damages();
    let home = Sessions::with_copies(damages.len());
    let mut daemon = home.quiet_daemon();
    home.all_read(damages.len());
    for (n, damage) in damages.iter().enumerate() {
        put(&home, n, damage);
    }
    for (n, damage) in damages.iter().enumerate() {
        let what = &damage.what;
        until(what, || (is_whole(&home, n) || damage.is_bearable()).then_some(()));
    }
    for (n, answer) in ask(&home, damages.len()).iter().enumerate() {
        given(answer, n, &damages[n].what);
        tally.tried();
    }
    assert!(daemon.0.try_wait().unwrap().is_none(), "it lives");
    tally.survived();
}

#[test]
fn a_daemon_that_starts_on_broken_files_tells_of_each() {
    let mut tally = Tally::of("Broken files: the same at the start of a daemon, without an own copy");
    let damages = damages();
    let home = Sessions::without_copies(damages.len());
    for (n, damage) in damages.iter().enumerate() {
        put(&home, n, damage);
    }
    let _daemon = home.quiet_daemon();
    home.all_read(damages.len());
    let log = home.log();
    for (n, answer) in ask(&home, damages.len()).iter().enumerate() {
        let what = &damages[n].what;
        if damages[n].readable {
            given(answer, n, what);
        } else {
            told(answer, &home, n, what);
            let path = home.token_path(&name(n)).display().to_string();
            assert_eq!(log.lines().filter(|line| line.contains(&path)).count(), 1, "{what}: told once");
        }
        tally.tried();
    }
    tally.survived();
}

impl Damage {
    /// No program needs what is lost.
    fn is_bearable(&self) -> bool {
        ["startUrl", "region"].iter().any(|key| self.what.contains(key)) || (self.what.ends_with(" twice"))
    }
}
