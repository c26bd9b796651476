//! Which errors end a session, and which only seem to.

use super::*;
use crate::http::scripted::{received, received_bytes};

const RETRY: Verdict = Verdict::Retry { after: None };

fn failure(head: &str, body: &str) -> Error {
    Error::of_failure(&received(head, body))
}

fn kind_of(error: &Error) -> Result<ErrorKind, Flaw> {
    match error {
        Error::Service { kind, .. } => Ok(*kind),
        Error::Malformed { flaw, .. } => Err(*flaw),
        Error::Transport(error) => panic!("{error}"),
    }
}

#[test]
fn knows_every_error_by_header_and_by_body_but_not_without_json() {
    use ErrorKind as K;
    let sign_in = Verdict::SignIn;
    for (status, kind, code, verdict) in [
        (400, K::AuthorizationPending, "authorization_pending", RETRY),
        (400, K::SlowDown, "slow_down", RETRY),
        (400, K::ExpiredToken, "expired_token", sign_in(Reason::ExpiredToken)),
        (400, K::InvalidGrant, "invalid_grant", sign_in(Reason::InvalidGrant)),
        (401, K::InvalidClient, "invalid_client", sign_in(Reason::InvalidClient)),
        (400, K::UnauthorizedClient, "unauthorized_client", sign_in(Reason::UnauthorizedClient)),
        (400, K::AccessDenied, "access_denied", RETRY),
        (400, K::InvalidRequest, "invalid_request", RETRY),
        (400, K::InvalidScope, "invalid_scope", RETRY),
        (400, K::InvalidRedirectUri, "invalid_redirect_uri", RETRY),
        (400, K::InvalidClientMetadata, "invalid_client_metadata", RETRY),
        (400, K::UnsupportedGrantType, "unsupported_grant_type", RETRY),
        (500, K::InternalServer, "server_error", RETRY),
    ] {
        let bare = format!("{status} X");
        let coral = "http://internal.amazon.com/coral/com.amazonaws.sso.oidc/";
        let named = format!("{bare}\r\nx-amzn-ErrorType: {kind:?}Exception:{coral}");
        let json = format!(r#"{{"error":"{code}","error_description":"x","reason":{{"a":1}}}}"#);
        let html = format!("<html>{code}</html>");
        // A header alone ends no session.
        let by_header = if verdict == RETRY { kind } else { K::Unknown };
        for (head, body, expected, verdict) in [
            (&named, json.as_str(), Ok(kind), verdict),
            (&named, r#"{"error":"something_new"}"#, Ok(by_header), RETRY),
            (&named, r#"{"error":"server_error"}"#, Ok(by_header), RETRY),
            (&bare, json.as_str(), Ok(kind), verdict),
            (&named, html.as_str(), Err(Flaw::Html), RETRY),
            (&named, "{}", Err(Flaw::NoError), RETRY),
            (&bare, html.as_str(), Err(Flaw::Html), RETRY),
        ] {
            let error = failure(head, body);
            assert_eq!((kind_of(&error), error.verdict()), (expected, verdict), "{head} {body}");
        }
    }
}

#[test]
fn believes_nobody_but_the_service() {
    let after = |secs| Verdict::Retry { after: Some(Duration::from_secs(secs)) };
    let sign_in = Verdict::SignIn(Reason::InvalidGrant);
    let grant = r#"{"error":"invalid_grant"}"#;
    let region = "400 X\r\nx-amzn-ErrorType: InvalidRequestRegionException";
    let html = "<html>invalid_grant</html>";
    for (head, body, expected, verdict) in [
        ("429 X\r\nRetry-After: 7", r#"{"message":"Rate exceeded"}"#, Err(Flaw::NoError), after(7)),
        ("429 X\r\nRetry-After: 7", html, Err(Flaw::Html), after(7)),
        ("429 X\r\nx-amz-retry-after: 3000", r#"{"error":"x"}"#, Ok(ErrorKind::Unknown), after(3)),
        ("503 X\r\nRetry-After: 999999999", "busy", Err(Flaw::NotJson), after(999_999_999)),
        ("407 X", html, Err(Flaw::Html), RETRY),
        ("403 X", html, Err(Flaw::Html), RETRY),
        ("403 X\r\nContent-Type: text/html", "blocked: invalid_grant", Err(Flaw::Html), RETRY),
        ("302 X", "", Err(Flaw::NotJson), RETRY),
        ("500 X", "", Err(Flaw::NotJson), RETRY),
        ("400 X", "{}", Err(Flaw::NoError), RETRY),
        ("400 X", r#"{"error":"invalid_gr"#, Err(Flaw::NotJson), RETRY),
        ("400 X", r#"{"error":"invalid_grant"}}"#, Err(Flaw::NotJson), RETRY),
        ("400 X", r#"["invalid_grant"]"#, Err(Flaw::NotJson), RETRY),
        ("400 X", r#"["invalid_grant","x"]"#, Err(Flaw::NotJson), RETRY),
        ("400 X", r#""invalid_grant""#, Err(Flaw::NotJson), RETRY),
        ("400 X", r#"{"error":null}"#, Err(Flaw::NoError), RETRY),
        ("400 X", r#"{"error":{"code":"invalid_grant"}}"#, Err(Flaw::NoError), RETRY),
        ("400 X", r#"{"error":"INVALID_GRANT"}"#, Ok(ErrorKind::Unknown), RETRY),
        ("400 X", r#"{"error":""}"#, Ok(ErrorKind::Unknown), RETRY),
        ("400 X", r#"{"error":"invalid_grant "}"#, Ok(ErrorKind::Unknown), RETRY),
        ("400 X", r#"{"error":"invalid_grant\u200b"}"#, Ok(ErrorKind::Unknown), RETRY),
        ("400 X", r#"{"error":"invalid_grant\u0000"}"#, Ok(ErrorKind::Unknown), RETRY),
        ("400 X", r#"{"error":"x","error":"invalid_grant"}"#, Err(Flaw::NoError), RETRY),
        ("400 X", r#"{"Error":"invalid_grant"}"#, Err(Flaw::NoError), RETRY),
        ("400 X", r#"{"error":"invalid_grant","error_description":7}"#, Err(Flaw::NoError), RETRY),
        ("400 X", "\u{feff}{\"error\":\"invalid_grant\"}", Err(Flaw::NotJson), RETRY),
        (region, grant, Ok(ErrorKind::InvalidRequestRegion), RETRY),
        ("400 X\r\nx-amzn-ErrorType: NewException", grant, Ok(ErrorKind::InvalidGrant), sign_in),
        ("503 X", grant, Ok(ErrorKind::InvalidGrant), RETRY),
        ("407 X", grant, Ok(ErrorKind::InvalidGrant), RETRY),
        ("302 X", grant, Ok(ErrorKind::InvalidGrant), RETRY),
    ] {
        let error = failure(head, body);
        assert_eq!((kind_of(&error), error.verdict()), (expected, verdict), "{head} {body}");
        assert!(!error.to_string().contains('\n'));
    }
}

#[test]
fn believes_no_bytes_that_are_not_text() {
    let grant = r#"{"error":"invalid_grant"}"#;
    let utf_16: Vec<u8> = grant.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in [
        b"{\"error\":\"invalid_grant\",\"x\":\"\xff\"}".to_vec(),
        b"{\"error\":\"invalid_grant\",\"\xc3\x28\":1}".to_vec(),
        b"{\"error\":\"invalid_grant\",\"error_description\":\"\xed\xa0\x80\"}".to_vec(),
        b"{\"error\":\"invalid_grant\"}\0".to_vec(),
        b"{\"error\":\"invalid_\xfegrant\"}".to_vec(),
        utf_16,
    ] {
        let error = Error::of_failure(&received_bytes("400 X", &body));
        let shown = String::from_utf8_lossy(&body).into_owned();
        assert_eq!((kind_of(&error), error.verdict()), (Err(Flaw::NotJson), RETRY), "{shown}");
    }
}

#[test]
fn shows_the_servers_words_in_a_line() {
    let described = |words: &str| format!(r#"{{"error":"invalid_grant","error_description":"{words}"}}"#);
    let refused = "oidc.example answered invalid_grant (HTTP 400)";
    for (body, expected) in [
        (described("Invalid\\n\\u001b[31mgrant"), format!("{refused}: Invalid [31mgrant")),
        (described(&format!("token {} bad", "x".repeat(300))), format!("{refused}: token … bad")),
        (described(""), refused.to_owned()),
    ] {
        assert_eq!(failure("400 X", &body).to_string(), expected);
    }
    assert!(failure("400 X", r#"{"error":"invalid_request"}"#).may_be_region());
    assert!(!failure("400 X", r#"{"error":"invalid_grant"}"#).may_be_region());
}

#[test]
fn no_answer_ends_no_session() {
    let lost = http::Error::Interrupted { host: "oidc.example".into(), why: "cut".into() };
    assert_eq!(Error::from(lost).verdict(), RETRY);
}

#[test]
fn has_a_word_for_programs() {
    let connect = http::Error::Connect { host: "oidc".into(), why: "refused".into() };
    for (error, word) in [
        (failure("400 X", r#"{"error":"invalid_request"}"#), "invalid_request"),
        (failure("400 X\r\nx-amzn-ErrorType: InvalidRequestRegionException", r#"{"error":"x"}"#), "refused"),
        (failure("400 X", r#"{"error":"something_new"}"#), "refused"),
        (failure("407 X", "<html>"), "proxy"),
        (failure("429 X", "{}"), "throttled"),
        (failure("503 X", "<html>"), "server_error"),
        (failure("302 X", ""), "not_the_service"),
        (connect.into(), "connect"),
    ] {
        assert_eq!(error.word(), word, "{error}");
    }
}
