//! A token file: what is read of it, and that writing it again loses nothing.
#![no_main]

mod oracle;

use libfuzzer_sys::fuzz_target;
use oracle::assert_is_a_line;
use serde_json::{Map, Value};
use sso_refresh::{
    session::token::{Registration, Token},
    store::fuzzing::{read, write},
};

const OURS: [&str; 8] = [
    "accessToken",
    "clientId",
    "clientSecret",
    "expiresAt",
    "refreshToken",
    "region",
    "registrationExpiresAt",
    "startUrl",
];
/// serde_json takes an object with this key for a number: the one key that can't be kept.
const NUMBER: &[u8] = b"$serde_json::private";

fuzz_target!(|bytes: &[u8]| {
    if bytes.windows(NUMBER.len()).any(|part| part == NUMBER) {
        return;
    }
    let (token, document, _) = match read(bytes) {
        Ok(read) => read,
        Err(why) => return placed(&why, bytes),
    };
    let mut filled = document.clone();
    let written = write(&mut filled, &token).unwrap();
    assert!(written.iter().all(|byte| matches!(byte, b' '..=b'~')), "one line of ASCII");
    let (again, read_back, whole) = read(&written).unwrap();
    assert!(whole && read_back == filled);
    assert!(others(&filled).eq(others(&document)), "what others wrote is kept, in its order");
    same(&token, &again);
    let mut twice = read_back;
    assert_eq!(write(&mut twice, &again).unwrap(), written, "nothing is left to change");
});

/// The reason is a line, and a place that it names is in the file.
fn placed(why: &str, bytes: &[u8]) {
    assert_is_a_line(why);
    let Some((line, column)) =
        why.split_once("(line ").and_then(|(_, place)| place.trim_end_matches(')').split_once(", column "))
    else {
        return;
    };
    let (line, column): (usize, usize) = (line.parse().unwrap(), column.parse().unwrap());
    let length = bytes.split(|byte| *byte == b'\n').nth(line - 1).unwrap().len();
    assert!(column <= length + 1, "{why}: {length}");
}

fn others(document: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    document.iter().filter(|(key, _)| !OURS.iter().any(|ours| ours.eq_ignore_ascii_case(key)))
}

fn same(one: &Token, other: &Token) {
    assert_eq!(one.access_token, other.access_token);
    assert_eq!(one.refresh_token, other.refresh_token);
    assert_eq!(one.expires_at.secs(), other.expires_at.secs());
    let known = |token: &Token| {
        let Registration { client_id, client_secret, expires_at } = token.registration.clone()?;
        Some((client_id, client_secret, expires_at.map(|at| at.secs())))
    };
    assert_eq!(known(one), known(other));
}
