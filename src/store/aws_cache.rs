//! The token file of the AWS CLI and every AWS SDK: its name and its JSON.

use serde_json::{Deserializer, Map, Value};
use sha1::{Digest, Sha1};

use super::file;
use crate::{
    session::token::{Registration, Secret, Token},
    time::Timestamp,
};

/// What botocore, AWS CLI v2 and the SDKs for Go, Java, JavaScript and Rust all call the file of a token: the
/// SHA-1 of the session's name (of the start URL in a legacy profile), byte for byte, and `.json`.
pub fn token_file_name(session_or_start_url: &str) -> String {
    format!("{}.json", file::hex(&Sha1::digest(session_or_start_url)))
}

/// A token file that could be read.
pub(super) struct Parsed {
    /// The token in it, whose time of issue no file tells.
    pub(super) token: Token,
    /// All that the file holds, secrets included: other tools keep keys of their own there.
    pub(super) document: Map<String, Value>,
    /// Nothing follows the JSON object. In-place writers that collide leave the end of a longer text behind a
    /// shorter one.
    pub(super) whole: bool,
}

/// Why there is no token in a token file. It quotes nothing of the file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("it is empty")]
    Empty,
    #[error("it is cut short")]
    CutShort,
    #[error("it is not JSON (line {line}, column {column})")]
    Syntax { line: usize, column: usize },
    #[error("it is not a JSON object")]
    NotAnObject,
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("its expiresAt is not a time")]
    NotATime,
}

/// Reads a token file as leniently as every SDK together: whatever follows the first JSON object is ignored, the
/// last of two equal keys counts, keys may differ in case, and a key of the wrong type counts as absent.
/// `accessToken` and `expiresAt` must be there; without the former it may be a client registration.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Broken> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut values = Deserializer::from_slice(bytes).into_iter::<Value>();
    let value = values.next().ok_or(Broken::Empty)?.map_err(|error| {
        if error.is_eof() {
            return Broken::CutShort;
        }
        Broken::Syntax { line: error.line(), column: error.column() }
    })?;
    let rest = bytes.get(values.byte_offset()..).unwrap_or_default();
    let Value::Object(document) = value else { return Err(Broken::NotAnObject) };
    Ok(Parsed { token: token(&document)?, document, whole: rest.trim_ascii().is_empty() })
}

/// Puts `token` into `document`. Keys that it has keep their place, new ones follow in the order of the AWS CLI,
/// and times are whole seconds with a `Z`, the one form that every SDK reads. `start_url` and `region` are for a
/// document without.
pub(super) fn fill(
    document: &mut Map<String, Value>,
    token: &Token,
    start_url: Option<&str>,
    region: Option<&str>,
) {
    for (key, value) in [("startUrl", start_url), ("region", region)] {
        if let (Some(value), None) = (value, text(document, key)) {
            set(document, key, value);
        }
    }
    set(document, "accessToken", token.access_token.expose());
    set(document, "expiresAt", &token.expires_at.to_string());
    if let Some(registration) = &token.registration {
        set(document, "clientId", &registration.client_id);
        set(document, "clientSecret", registration.client_secret.expose());
        let expires_at = registration.expires_at.map(|at| at.to_string());
        set_some(document, "registrationExpiresAt", expires_at.as_deref());
    }
    set_some(document, "refreshToken", token.refresh_token.as_ref().map(Secret::expose));
}

fn token(document: &Map<String, Value>) -> Result<Token, Broken> {
    let secret = |key| text(document, key).map(Secret::new);
    let access_token = secret("accessToken").ok_or(Broken::Missing("accessToken"))?;
    let expires_at = text(document, "expiresAt").ok_or(Broken::Missing("expiresAt"))?;
    let registration =
        text(document, "clientId").zip(secret("clientSecret")).map(|(client_id, client_secret)| {
            Registration {
                client_id: client_id.to_owned(),
                client_secret,
                expires_at: text(document, "registrationExpiresAt").and_then(Timestamp::parse),
            }
        });
    Ok(Token {
        access_token,
        expires_at: Timestamp::parse(expires_at).ok_or(Broken::NotATime)?,
        issued_at: None,
        refresh_token: secret("refreshToken"),
        registration,
    })
}

/// The text under `key`, or under one that differs in case alone; an empty one is none.
pub(super) fn text<'a>(document: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    let similar = || document.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(key));
    let value = document.get(key).or_else(|| similar().map(|(_, value)| value))?;
    value.as_str().filter(|text| !text.is_empty())
}

fn set(document: &mut Map<String, Value>, key: &str, value: &str) {
    // The SDK for Rust doesn't tell case apart: two keys that differ in it would be one twice.
    document.retain(|name, _| name == key || !name.eq_ignore_ascii_case(key));
    document.insert(key.to_owned(), Value::from(value));
}

fn set_some(document: &mut Map<String, Value>, key: &str, value: Option<&str>) {
    match value {
        Some(value) => set(document, key, value),
        None => document.retain(|name, _| !name.eq_ignore_ascii_case(key)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::json::dumps;

    const LINE: &str = concat!(
        r#"{"startUrl": "https://d-1234567890.awsapps.com/start", "region": "us-east-1", "#,
        r#""accessToken": "access-1", "expiresAt": "2026-11-23T16:10:41Z", "clientId": "client", "#,
        r#""clientSecret": "client-secret", "registrationExpiresAt": "2027-02-21T15:10:40Z", "#,
        r#""refreshToken": "refresh-1"}"#
    );

    fn with(key: &str, value: Value) -> Vec<u8> {
        let mut document: Map<String, Value> = serde_json::from_str(LINE).unwrap();
        document.insert(key.to_owned(), value);
        serde_json::to_vec(&document).unwrap()
    }

    fn without(key: &str) -> Vec<u8> {
        let mut document: Map<String, Value> = serde_json::from_str(LINE).unwrap();
        document.shift_remove(key).unwrap();
        serde_json::to_vec(&document).unwrap()
    }

    #[test]
    fn names_are_the_sdks() {
        for (name, expected) in [
            ("my-sso", "0ad374308c5a4e22f723adf10145eafad7c4031c.json"),
            ("https://d-1234567890.awsapps.com/start", "7487b5b67d5fa1132cf33fa93ae51ef38cc37752.json"),
            ("https://d-1234567890.awsapps.com/start/", "ae4321de83751a696d13fbefb87d776773c41e1c.json"),
            ("https://d-1234567890.awsapps.com/start#/", "a1c75994a810c1c468d3bd565eda2836303e6659.json"),
        ] {
            assert_eq!(token_file_name(name), expected, "{name}");
        }
    }

    #[test]
    fn reads_and_writes_the_file_of_the_aws_cli() {
        let parsed = parse(LINE.as_bytes()).unwrap();
        let token = &parsed.token;
        assert!(parsed.whole);
        assert_eq!(token.access_token.expose(), "access-1");
        assert_eq!(token.expires_at.to_string(), "2026-11-23T16:10:41Z");
        assert_eq!(token.refresh_token.as_ref().unwrap().expose(), "refresh-1");
        let registration = token.registration.as_ref().unwrap();
        assert_eq!(
            (&*registration.client_id, registration.client_secret.expose()),
            ("client", "client-secret")
        );
        assert_eq!(registration.expires_at.unwrap().to_string(), "2027-02-21T15:10:40Z");

        let mut document = Map::new();
        fill(&mut document, token, text(&parsed.document, "startUrl"), text(&parsed.document, "region"));
        assert_eq!(String::from_utf8_lossy(&dumps(&document).unwrap()), LINE);
    }

    #[test]
    fn says_why_there_is_no_token() {
        for (bytes, expected) in [
            (b"".to_vec(), Broken::Empty),
            (b" \n".to_vec(), Broken::Empty),
            (b"{".to_vec(), Broken::CutShort),
            (b"\0\0\0\0".to_vec(), Broken::Syntax { line: 1, column: 1 }),
            (b"{\"a\": \"\xff\"}".to_vec(), Broken::Syntax { line: 1, column: 8 }),
            (b"[]".to_vec(), Broken::NotAnObject),
            (b"\"accessToken\"".to_vec(), Broken::NotAnObject),
            (b"{}".to_vec(), Broken::Missing("accessToken")),
            (without("accessToken"), Broken::Missing("accessToken")),
            (without("expiresAt"), Broken::Missing("expiresAt")),
            (with("accessToken", json!("")), Broken::Missing("accessToken")),
            (with("accessToken", json!(1)), Broken::Missing("accessToken")),
            (with("expiresAt", json!(1_798_761_600)), Broken::Missing("expiresAt")),
            (with("expiresAt", json!("soon")), Broken::NotATime),
            (
                json!({"clientId": "a", "clientSecret": "b", "expiresAt": "2027-02-21T15:10:40Z"})
                    .to_string()
                    .into_bytes(),
                Broken::Missing("accessToken"),
            ),
            ("[".repeat(100_000).into_bytes(), Broken::Syntax { line: 1, column: 128 }),
        ] {
            let found = parse(&bytes).err();
            assert_eq!(found, Some(expected), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn is_lenient_with_the_rest() {
        let upper = LINE.replace("accessToken", "AccessToken").replace("refreshToken", "REFRESHTOKEN");
        let twice = LINE.replace(r#""region""#, r#""accessToken": "access-0", "region""#);
        for (bytes, refresh, registration, ends) in [
            (LINE.as_bytes().to_vec(), true, true, true),
            (format!("\u{feff}{LINE}\n").into_bytes(), true, true, true),
            (upper.into_bytes(), true, true, true),
            (twice.into_bytes(), true, true, true),
            (without("refreshToken"), false, true, true),
            (with("refreshToken", json!(null)), false, true, true),
            (with("refreshToken", json!({"a": 1})), false, true, true),
            (without("clientId"), true, false, false),
            (without("clientSecret"), true, false, false),
            (with("clientSecret", json!(7)), true, false, false),
            (without("registrationExpiresAt"), true, true, false),
            (with("registrationExpiresAt", json!([])), true, true, false),
            (with("registrationExpiresAt", json!("2027-02-21T15:10:40UTC")), true, true, true),
            (with("startUrl", json!(1)), true, true, true),
            (without("region"), true, true, true),
        ] {
            let parsed = parse(&bytes).unwrap();
            let token = parsed.token;
            let found = (
                token.access_token.expose(),
                token.refresh_token.is_some(),
                token.registration.is_some(),
                token.registration.and_then(|registration| registration.expires_at).is_some(),
                parsed.whole,
            );
            assert_eq!(
                found,
                ("access-1", refresh, registration, ends, true),
                "{}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }

    #[test]
    fn takes_the_first_object_of_several_bytes_too_many() {
        for rest in ["\"}", "}", "sh-1\"}", "{\"accessToken\": \"access-0\"}", "\u{0}"] {
            let parsed = parse(format!("{LINE}{rest}").as_bytes()).unwrap();
            assert_eq!((parsed.token.access_token.expose(), parsed.whole), ("access-1", false), "{rest:?}");
        }
        let invalid_utf8 = [LINE.as_bytes(), b"\xff\xfe"].concat();
        assert!(!parse(&invalid_utf8).unwrap().whole);
    }

    #[test]
    fn a_cut_file_is_broken_wherever_it_is_cut() {
        for at in 0..LINE.len() {
            assert!(parse(&LINE.as_bytes()[..at]).is_err(), "{at}");
        }
    }

    #[test]
    fn numbers_of_others_keep_their_digits() {
        for number in ["0.1", "1.0", "1e+400", "-0", "2.9051e-321", "12345678901234567890123", "1.60e+05"] {
            let line = LINE.replace('}', &format!(r#", "x": {number}}}"#));
            let mut parsed = parse(line.as_bytes()).unwrap();
            fill(&mut parsed.document, &parsed.token, None, None);
            assert_eq!(String::from_utf8_lossy(&dumps(&parsed.document).unwrap()), line);
        }
    }

    #[test]
    fn filling_keeps_what_is_there_in_its_place() {
        let mut document: Map<String, Value> = serde_json::from_str(
            r#"{"scopes": ["a"], "AccessToken": "old", "refreshToken": null, "expiresAt": "x", "region": "kept",
                "registrationExpiresAt": "x", "zeta": {"b": 1, "a": 2}}"#,
        )
        .unwrap();
        let mut token = parse(LINE.as_bytes()).unwrap().token;
        token.refresh_token = None;
        token.registration.as_mut().unwrap().expires_at = None;
        fill(&mut document, &token, Some("https://new"), Some("new"));
        assert_eq!(
            String::from_utf8_lossy(&dumps(&document).unwrap()),
            concat!(
                r#"{"scopes": ["a"], "expiresAt": "2026-11-23T16:10:41Z", "region": "kept", "#,
                r#""zeta": {"b": 1, "a": 2}, "startUrl": "https://new", "accessToken": "access-1", "#,
                r#""clientId": "client", "clientSecret": "client-secret"}"#
            )
        );
    }
}
