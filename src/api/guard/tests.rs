use hyper::Request;

use super::*;
use crate::api::fake::{NOW, TOKEN, guard};

/// Status and code of a request with these headers, 200 where it is let in.
fn shown(guard: &Guard, method: &str, target: &str, headers: &[(&str, &str)]) -> (u16, &'static str) {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    match guard.admit(&head, NOW) {
        Ok(()) => (200, ""),
        Err(rejection) => (rejection.status.as_u16(), rejection.code),
    }
}

fn on_8080() -> Guard {
    guard(([127, 0, 0, 1], 8080))
}

#[test]
fn the_token_is_compared_as_it_was_sent() {
    let (twice, longer) = (format!("{TOKEN}{TOKEN}"), format!("{TOKEN} "));
    for (authorization, expected) in [
        (TOKEN, 200),
        ("Bearer token-of-the-endpoint", 200),
        ("bearer token-of-the-endpoint", 200),
        ("Bearer  token-of-the-endpoint", 401),
        ("Basic token-of-the-endpoint", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("", 401),
        ("token-of-the-endpoinT", 401),
        ("token-of-the-endpoin", 401),
        (&twice, 401),
        (&longer, 401),
        ("é", 401),
    ] {
        let headers = [("host", "localhost:8080"), ("authorization", authorization)];
        assert_eq!(shown(&on_8080(), "GET", "/token", &headers).0, expected, "{authorization:?}");
    }
    let both = [("host", "localhost:8080"), ("authorization", TOKEN), ("authorization", "other")];
    assert_eq!(shown(&on_8080(), "GET", "/token", &both), (401, "Unauthorized"));
    assert_eq!(shown(&on_8080(), "GET", "/token", &both[..1]), (401, "Unauthorized"));
    assert_eq!(shown(&on_8080(), "GET", "/healthz", &both[..1]), (200, ""));
    assert_eq!(shown(&on_8080(), "GET", "/healthz/", &both[..1]), (401, "Unauthorized"));
}

#[test]
fn an_empty_token_opens_nothing() {
    let guard = Guard::new(([127, 0, 0, 1], 8080).into(), Pass::new(Secret::new(""), |_| true));
    for authorization in ["", "Bearer "] {
        let headers = [("host", "localhost:8080"), ("authorization", authorization)];
        assert_eq!(shown(&guard, "GET", "/token", &headers).0, 401, "{authorization:?}");
    }
}

#[test]
fn only_what_was_sent_here_is_looked_at() {
    for (host, expected) in [
        ("127.0.0.1:8080", 200),
        ("localhost:8080", 200),
        ("LocalHost:8080", 200),
        ("[::1]:8080", 200),
        ("evil.example", 403),
        ("evil.example:8080", 403),
        ("127.0.0.1", 403),
        ("127.0.0.1:80", 403),
        ("127.0.0.1:08080", 403),
        ("127.0.0.1:8080.evil.example", 403),
        ("localhost.evil.example:8080", 403),
        ("localhost.:8080", 403),
        ("127.0.0.2:8080", 403),
        ("0.0.0.0:8080", 403),
        ("user@localhost:8080", 403),
        ("", 403),
    ] {
        let headers = [("host", host), ("authorization", TOKEN)];
        assert_eq!(shown(&on_8080(), "GET", "/token", &headers).0, expected, "{host:?}");
    }
    let names = [("host", "localhost"), ("authorization", TOKEN)];
    assert_eq!(shown(&guard(([127, 0, 0, 1], 80)), "GET", "/token", &names).0, 200, "the port of HTTP");
    let names = [("host", "127.0.0.2:8080"), ("authorization", TOKEN)];
    assert_eq!(shown(&guard(([127, 0, 0, 2], 8080)), "GET", "/token", &names).0, 200, "its own address");
    let good = [("host", "localhost:8080"), ("authorization", TOKEN)];
    assert_eq!(shown(&on_8080(), "GET", "http://localhost:8080/token", &good).0, 200);
    assert_eq!(shown(&on_8080(), "GET", "http://evil.example/token", &good).0, 403);
    assert_eq!(shown(&on_8080(), "GET", "/token", &good[1..]), (400, "BadRequest"), "no Host");
    let twice = [good[0], good[0], good[1]];
    assert_eq!(shown(&on_8080(), "GET", "/token", &twice), (400, "BadRequest"));
}

#[test]
fn web_pages_and_proxies_are_turned_away_even_with_the_token() {
    for name in ["origin", "x-forwarded-for", "x-forwarded-host", "forwarded"] {
        let headers = [("host", "localhost:8080"), ("authorization", TOKEN), (name, "null")];
        for target in ["/token", "/healthz"] {
            assert_eq!(shown(&on_8080(), "GET", target, &headers), (403, "Forbidden"), "{name} {target}");
        }
    }
}

#[test]
fn nothing_but_get_is_served() {
    let headers = [("host", "localhost:8080"), ("authorization", TOKEN)];
    for method in ["POST", "HEAD", "OPTIONS", "PUT", "DELETE", "CONNECT", "BREW"] {
        let target = if method == "CONNECT" { "localhost:8080" } else { "/token" };
        assert_eq!(shown(&on_8080(), method, target, &headers), (405, "MethodNotAllowed"), "{method}");
    }
}

#[test]
fn a_pass_says_what_may_be_had_and_can_be_changed() {
    let guard = on_8080();
    assert!(guard.allow(Asked::Profile("dev")).is_ok() && guard.allow(Asked::Token).is_ok());
    assert!(guard.allow(Asked::Profile("secret")).is_err());
    guard.change(Pass::new(Secret::new("other"), |_| false));
    for asked in [Asked::Profile("dev"), Asked::Token, Asked::Status] {
        assert_eq!(guard.allow(asked).unwrap_err().status, StatusCode::FORBIDDEN, "{asked:?}");
    }
    assert!(guard.allow(Asked::Health).is_ok());
    let headers = [("host", "localhost:8080"), ("authorization", TOKEN)];
    assert_eq!(shown(&guard, "GET", "/token", &headers).0, 401);
    assert!(!format!("{guard:?}").contains("other"));
}

#[test]
fn of_many_refused_requests_one_a_minute_is_told() {
    let guard = on_8080();
    let rejection = || bad_request("x");
    let rests = |at| {
        guard.warn(&rejection(), at);
        guard.warned.borrow().since
    };
    assert_eq!(rests(NOW), 0);
    assert_eq!((rests(NOW), rests(NOW.after(WARNING_PAUSE / 2))), (1, 2));
    assert_eq!(rests(NOW.after(WARNING_PAUSE)), 0, "told, with the two");
    assert_eq!(rests(NOW), 0, "by a clock that was set back too");
}

#[tokio::test]
async fn a_token_that_is_another_is_told_and_other_changes_are_not() {
    let guard = Guard::new(([127, 0, 0, 1], 1).into(), Pass::new(Secret::new("one"), |_| true));
    let (told, let_in_by) = (std::cell::Cell::new(false), guard.token_number());
    let changes = async {
        guard.changes_token(let_in_by).await;
        told.set(true);
    };
    tokio::join!(changes, async {
        tokio::task::yield_now().await;
        guard.change(Pass::new(Secret::new("one"), |_| false));
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(!told.get());
        guard.change(Pass::new(Secret::new("two"), |_| false));
    });
    assert!(told.get());
    // Who was let in by a token that counts no more is told at once.
    guard.changes_token(let_in_by).await;
}
