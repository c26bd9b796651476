//! An answer of the OIDC service: its status in a line, header lines, an empty line, and the body.
#![no_main]

mod oracle;

use std::collections::HashMap;

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use libfuzzer_sys::fuzz_target;
use oracle::assert_is_a_line;
use serde_json::{Value, value::RawValue};
use sso_refresh::{
    http::Answer,
    oidc::{self, Error, Verdict},
    session::token::{Registration, Secret, Token},
    time::Timestamp,
};

const SENT_AT: Timestamp = Timestamp::from_secs(1_798_761_600);
const LONGEST_LIFE: u64 = 90 * 24 * 3600;
/// What ends a session.
const FINAL: [&str; 4] = ["expired_token", "invalid_client", "invalid_grant", "unauthorized_client"];
const SECRETS: [&str; 5] = ["accessToken", "clientSecret", "deviceCode", "idToken", "refreshToken"];

fuzz_target!(|bytes: &[u8]| {
    let (status, headers, body) = parts(bytes);
    match answer(status, &headers, body) {
        Ok(token) => taken(status, body, &token),
        Err(error) => refused(status, &headers, body, &error),
    }
});

fn parts(bytes: &[u8]) -> (u16, HeaderMap, &[u8]) {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let status = std::str::from_utf8(lines.next().unwrap_or_default()).ok();
    let status = status.and_then(|text| text.trim().parse().ok()).unwrap_or(400);
    let mut rest = lines.next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii())) {
            headers.append(name, value);
        }
    }
    (status, headers, rest)
}

fn answer(status: u16, headers: &HeaderMap, body: &[u8]) -> Result<Token, Error> {
    let registration =
        Registration { client_id: "client".into(), client_secret: Secret::new("secret"), expires_at: None };
    oidc::token_for_fuzzing(Answer::received(status, headers, body), SENT_AT, &registration)
}

/// Only a success that is an object with a token is taken.
fn taken(status: u16, body: &[u8], token: &Token) {
    assert!((200..=299).contains(&status));
    let body = object(body).expect("an object");
    assert_eq!(body["accessToken"].get(), Value::from(token.access_token.expose()).to_string());
    assert!(token.access_token.expose().bytes().all(|byte| matches!(byte, b' '..=b'~')));
    let life = token.expires_at.since(SENT_AT).as_secs();
    assert!((1..=LONGEST_LIFE).contains(&life), "{life}");
}

/// Only an OIDC error ends a session, and no secret gets into a message.
fn refused(status: u16, headers: &HeaderMap, body: &[u8], error: &Error) {
    let message = error.to_string();
    assert_is_a_line(&message);
    assert!(message.chars().count() < 500, "{message:?}");
    if let Verdict::SignIn(_) = error.verdict() {
        let code: String = serde_json::from_str(object(body).expect("an object")["error"].get()).unwrap();
        assert!(FINAL.contains(&code.as_str()), "{code:?}");
        assert!(matches!(status, 400 | 401));
    }
    let Some(json) = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object) else { return };
    let masked = json.as_object().unwrap().iter().map(|(key, value)| {
        let masked = value.as_str().filter(|_| SECRETS.contains(&key.as_str())).map(mask);
        (key.clone(), masked.map_or_else(|| value.clone(), Value::from))
    });
    let masked = Value::Object(masked.collect());
    let told = |body: &Value| answer(status, headers, &serde_json::to_vec(body).unwrap()).err();
    if let (Some(plain), Some(masked)) = (told(&json), told(&masked)) {
        assert_eq!(plain.to_string(), masked.to_string(), "the message depends on a secret");
    }
}

/// The members of a body that is a JSON object in UTF-8, each as it is written.
fn object(body: &[u8]) -> Option<HashMap<String, Box<RawValue>>> {
    serde_json::from_str(std::str::from_utf8(body).ok()?).ok()
}

fn mask(secret: &str) -> String {
    secret.chars().map(|c| if c.is_ascii_alphanumeric() { 'x' } else { c }).collect()
}
