//! Answers that are not the service's, or not as it should give them.

#![expect(clippy::disallowed_methods, reason = "what is measured must not change with the clock")]

use std::{
    fs,
    time::{Duration, Instant},
};

use sso_refresh::{
    simulator::Options,
    time::{Clock, Timestamp},
};
use time::{OffsetDateTime, macros::format_description};

use crate::{
    middlebox::{Middlebox, Play},
    outage::{Log, Outage, at_once, ground},
    place::until,
    support::{Center, Home, WORK},
    tally::Tally,
};

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const PORTAL: &str = "<!doctype html><title>Sign in</title><p>Your session is over (invalid_grant).</p>";

/// A whole answer; `head` is the status and more headers, if any.
fn answer(head: &str, content_type: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head =
        format!("HTTP/1.1 {head}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// What there is, what is said of it, and the answer.
fn answers() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let nonsense = "members missing or of a wrong type";
    let token = r#"{"accessToken":"a","tokenType":"Bearer","expiresIn":3600,"refreshToken":"r"}"#;
    let grant = r#"{"error":"invalid_grant"}"#;
    let exception = "400 Bad Request\r\nx-amzn-ErrorType: InvalidGrantException";
    vec![
        ("500", "HTTP 500", answer("500 X", JSON, r#"{"message":"internal"}"#)),
        ("500 with invalid_grant", "HTTP 500", answer("500 X", JSON, grant)),
        ("503 with nothing", "HTTP 503", answer("503 X", "text/plain", "")),
        ("407", "a proxy asks for", answer("407 X\r\nProxy-Authenticate: Basic", HTML, PORTAL)),
        ("403 with HTML", "a web page", answer("403 X", HTML, PORTAL)),
        ("200 with HTML", "a web page", answer("200 OK", HTML, PORTAL)),
        ("200 with HTML as JSON", "a web page", answer("200 OK", JSON, PORTAL)),
        ("400 with HTML", "a web page", answer("400 X", HTML, PORTAL)),
        ("400 with HTML and the exception", "a web page", answer(exception, HTML, PORTAL)),
        ("400 with the exception alone", "not of this service", answer(exception, JSON, "{}")),
        ("400 with another error", "server_error", answer(exception, JSON, r#"{"error":"server_error"}"#)),
        (
            "400 that is no text",
            "not JSON",
            answer("400 X", JSON, b"{\"error\":\"invalid_grant\",\"x\":\"\xff\"}"),
        ),
        ("400 with half of an error", "not JSON", answer("400 X", JSON, &grant[..15])),
        ("302", "HTTP 302", answer("302 X\r\nLocation: http://127.0.0.1:9/", HTML, "")),
        ("204", "not JSON", b"HTTP/1.1 204 X\r\n\r\n".to_vec()),
        ("truncated", "not JSON", answer("200 OK", JSON, &token[..token.len() / 2])),
        ("empty object", nonsense, answer("200 OK", JSON, "{}")),
        ("array", "not JSON", answer("200 OK", JSON, r#"["a","Bearer",3600,"r"]"#)),
        ("null", "not JSON", answer("200 OK", JSON, "null")),
        ("access token of a wrong type", nonsense, answer("200 OK", JSON, token.replace("\"a\"", "7"))),
        ("access token null", nonsense, answer("200 OK", JSON, token.replace("\"a\"", "null"))),
        ("access token empty", nonsense, answer("200 OK", JSON, token.replace("\"a\"", "\"\""))),
        ("no access token", nonsense, answer("200 OK", JSON, token.replace("accessToken", "token"))),
        ("refresh token of a wrong type", nonsense, answer("200 OK", JSON, token.replace("\"r\"", "{}"))),
        ("gzip bomb", "not JSON", answer("200 OK\r\nContent-Encoding: gzip", JSON, bomb())),
        ("deflate bomb", "not JSON", answer("200 OK\r\nContent-Encoding: deflate", JSON, &bomb()[10..])),
    ]
}

/// Zeros, ten megabytes for 64 kB: a gzip file of one block with fixed codes (RFC 1951 section 3.2.6), in which each
/// thirteen bits repeat the last byte 258 times.
fn bomb() -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut code = |code: &str| bits.extend(code.bytes().map(|bit| bit == b'1'));
    // The last block, with fixed codes; a zero.
    code("1100011 0000".replace(' ', "").as_str());
    for _ in 0..38_000 {
        code("1100010100000");
    }
    code("0000000");
    let packed = bits
        .chunks(8)
        .map(|byte| byte.iter().enumerate().fold(0, |packed, (at, bit)| packed | u8::from(*bit) << at));
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3].into_iter().chain(packed).chain([0; 8]).collect()
}

/// Goes through an answer with a daemon, and with a command.
fn trials(
    name: &'static str,
    why: &'static str,
    bytes: Vec<u8>,
    retry_after: Duration,
) -> Vec<Box<dyn FnOnce() + Send>> {
    let trial = |with_a_daemon: bool, bytes: Vec<u8>| -> Box<dyn FnOnce() + Send> {
        Box::new(move || {
            let (center, home) = ground();
            let mut middlebox = Middlebox::before(&center, Play::Answer(bytes));
            let outage = Outage { retry_after, ..Outage::new(name, why, middlebox.url()) };
            let mend = || {
                for request in middlebox.seen().requests {
                    assert!(
                        !request.to_ascii_lowercase().contains("accept-encoding"),
                        "{name}: asked for a bomb"
                    );
                }
                middlebox.mend();
            };
            if with_a_daemon {
                outage.before_a_daemon(&center, &home, mend);
            } else {
                outage.before_a_command(&center, &home, mend);
            }
        })
    };
    vec![trial(true, bytes.clone()), trial(false, bytes)]
}

#[test]
fn answers_of_somebody_else_lose_nothing() {
    let mut tally = Tally::of(
        "Network: 500, 503, 407, 403, 302 and 204; web pages that say invalid_grant; truncated JSON, wrong types, bombs",
    );
    let answers = answers();
    tally.add(2 * answers.len());
    let trials = answers.into_iter().flat_map(|(name, why, bytes)| trials(name, why, bytes, Duration::ZERO));
    at_once(trials.collect());
    tally.survived();
}

fn http_date(at: Timestamp) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    OffsetDateTime::from_unix_timestamp(at.secs()).unwrap().format(&format).unwrap()
}

#[test]
fn who_asks_to_be_left_alone_is() {
    let mut tally = Tally::of("Network: 429 with Retry-After in seconds and as a date");
    let wait = Duration::from_secs(7);
    // By a clock that is days off: the date counts from the server's own.
    let now = Clock::system().now().before(Duration::from_secs(200_000));
    let date = format!("429 X\r\nDate: {}\r\nRetry-After: {}", http_date(now), http_date(now.after(wait)));
    let heads = [("429 in seconds", "429 X\r\nRetry-After: 7"), ("429 with a date", &date)];
    tally.add(2 * heads.len());
    let trials = heads.into_iter().flat_map(|(name, head)| {
        trials(name, "HTTP 429", answer(head, JSON, r#"{"message":"Rate exceeded"}"#), wait)
    });
    at_once(trials.collect());
    tally.survived();
}

/// What the server did and nobody heard of: where the refresh token is good for one use the session is over, which is
/// said with the command that helps, and the access token is kept to its end.
#[test]
fn an_answer_that_is_lost_is_told_or_made_good() {
    let mut tally = Tally::of("Network: answers lost, cut or too long after the server acted");
    let mut trials: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
    for fault in ["lost", "truncated", "oversize"] {
        for single_use in [true, false] {
            trials.push(Box::new(move || lose(fault, single_use)));
            tally.tried();
        }
    }
    at_once(trials);
    tally.survived();
}

fn lose(fault: &str, single_use: bool) {
    let center = Center::start(Options { single_use, ..Options::default() });
    let home = Home::with(&center, WORK);
    let token = center.sign_in(&home, "work", Duration::from_secs(600));
    let before = fs::read(home.token_path("work")).unwrap();
    center.set_faults(&format!("CreateToken:{fault}:times=1"));
    let mut daemon = home.daemon(&[]);
    let log = Log::of(&mut daemon);
    if single_use {
        log.wait_for("sign in with `sso-refresh login work`");
        assert_eq!(fs::read(home.token_path("work")).unwrap(), before, "{fault}");
        assert_eq!(home.run("token work").stdout.trim_end(), token.access_token.expose());
        assert_eq!(home.run("refresh work").code, 3, "{fault}");
        center.sign_in(&home, "work", Duration::from_secs(3600));
        until("the sign-in", || (log.lines("keeps the token fresh").len() == 2).then_some(()));
    } else {
        log.wait_for(" refreshed, ");
    }
    assert_ne!(home.access_token("work").unwrap(), token.access_token.expose());
    let told = log.told();
    let warnings = told.iter().filter(|line| line.contains(" WARN ")).count();
    assert_eq!(warnings, 1 + usize::from(single_use), "{fault}: {told:#?}");
}

/// The seconds that the token file says are left of its token.
fn left(path: &std::path::Path) -> Duration {
    let file: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    Timestamp::parse(file["expiresAt"].as_str().unwrap()).unwrap().since(Clock::system().now())
}

#[test]
fn a_token_whose_life_is_odd_is_kept() {
    let mut tally = Tally::of("Time: an expiresIn of 0, -1, 10^12, null, a fraction, a word, a list");
    let minute = Duration::from_secs(60);
    for value in
        ["0", "-1", "1000000000000", "3600.9", "1e300", "null", "true", "\"soon\"", "\"3600\"", "[1]"]
    {
        let (center, home) = ground();
        center.sign_in(&home, "work", minute);
        center.set_faults(&format!("CreateToken:expires-in={value}"));
        let mut daemon = home.daemon(&[]);
        let log = Log::of(&mut daemon);
        log.wait_for(" refreshed, ");
        let life = left(&home.token_path("work"));
        assert!((59 * minute..=60 * minute).contains(&life), "{value}: {life:?}");
        // The refresh token that came with it is the only one that is still good.
        let first = home.access_token("work");
        let refreshed = home.run("refresh work");
        assert_eq!(refreshed.code, 0, "{value}: {}", refreshed.stderr);
        assert_ne!(home.access_token("work"), first);
        let warned = log.lines("expiresIn").len();
        assert_eq!(warned, usize::from(!value.contains("3600")), "{value}: {:#?}", log.told());
        drop(daemon);
        let refreshed = home.run("refresh work");
        assert_eq!(refreshed.code, 0, "{value}: {}", refreshed.stderr);
        assert_eq!(center.exchanges(), 3, "{value}");
        tally.tried();
    }
    tally.survived();
}

/// What the server says is so, but nothing is asked for more often than twice a minute.
#[test]
fn a_life_of_a_second_makes_no_loop() {
    let mut tally = Tally::of("Time: an expiresIn of 1");
    let (center, home) = ground();
    center.sign_in(&home, "work", Duration::from_secs(60));
    center.set_faults("CreateToken:expires-in=1:times=1");
    let mut daemon = home.daemon(&[]);
    let log = Log::of(&mut daemon);
    log.wait_for(" refreshed, ");
    let first = Instant::now();
    until("another token", || (log.lines(" refreshed, ").len() == 2).then_some(()));
    assert!(first.elapsed() > Duration::from_secs(20), "again after {:?}", first.elapsed());
    assert_eq!(center.exchanges(), 2);
    assert!(left(&home.token_path("work")) > Duration::from_secs(3500));
    tally.tried();
    tally.survived();
}
