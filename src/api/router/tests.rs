use http_body_util::{Empty, Full};
use hyper::{
    body::Bytes,
    header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, RETRY_AFTER},
};
use serde_json::{Value, json};

use super::*;
use crate::api::fake;

/// Status and body of one request to the fake loop.
async fn ask(front: Front<'_>, method: &str, target: &str) -> (u16, String) {
    let mut request = request(method, target, Empty::<Bytes>::new());
    if let Front::Loopback(guard) = front {
        let host = guard.address().to_string();
        request.headers_mut().insert(HOST, host.parse().unwrap());
        request.headers_mut().insert(AUTHORIZATION, fake::TOKEN.parse().unwrap());
    }
    let response = fake::router().respond(front, request).await;
    assert_eq!(header(&response, &CACHE_CONTROL), Some("no-store"), "{method} {target}");
    (response.status().as_u16(), text(response).await)
}

fn request<B>(method: &str, target: &str, body: B) -> Request<B> {
    Request::builder().method(method).uri(target).body(body).unwrap()
}

fn header<'r>(response: &'r Response<Answer>, name: &HeaderName) -> Option<&'r str> {
    Some(response.headers().get(name)?.to_str().unwrap())
}

async fn text(response: Response<Answer>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn guard() -> Guard {
    fake::guard(([127, 0, 0, 1], 8080))
}

fn code(body: &str) -> Value {
    serde_json::from_str::<Value>(body).unwrap()["code"].clone()
}

#[tokio::test]
async fn tokens_come_as_the_contract_says() {
    for (target, token) in [
        ("/token", "token-home-60"),
        ("/v1/sessions/home/token", "token-home-60"),
        ("/v1/sessions/home/token?min_validity=5", "token-home-5"),
        ("/v1/sessions/h%6Fme/token?min_validity=5m", "token-home-300"),
        ("/token?other=1&min%5Fvalidity=1h+30m&x", "token-home-5400"),
        ("/token?min_validity=1&min_validity=2", "token-home-2"),
    ] {
        let (status, body) = ask(Front::Loopback(&guard()), "GET", target).await;
        let expected = format!(
            r#"{{"version":1,"session":"home","accessToken":"{token}","tokenType":"Bearer","expiresAt":"2027-01-01T01:00:00Z","expiresIn":3600}}"#
        );
        assert_eq!((status, body), (200, expected), "{target}");
    }
}

#[tokio::test]
async fn credentials_come_as_the_sdks_want_them() {
    let role = "/v1/sessions/home/credentials?account_id=012345678901&role_name=Read%2BOnly";
    let guard = guard();
    for (front, target, key, secret) in [
        (Front::Loopback(&guard), "/v1/credentials/home", "ASIA-home-Profile", "key-0"),
        (Front::Unix, "/v1/credentials/h%6Fme?min_validity=20m", "ASIA-home-Profile", "key-1200"),
        (Front::Unix, role, "ASIA-home-Read+Only", "key-0"),
    ] {
        let (status, body) = ask(front, "GET", target).await;
        let expected = format!(
            r#"{{"AccessKeyId":"{key}","SecretAccessKey":"{secret}","Token":"role-token","Expiration":"2027-01-01T01:00:00Z","AccountId":"012345678901"}}"#
        );
        assert_eq!((status, body), (200, expected), "{target}");
    }
}

#[tokio::test]
async fn the_other_routes_answer_what_the_loop_says() {
    let (status, body) = ask(Front::Loopback(&guard()), "GET", "/v1/status").await;
    assert_eq!((status, serde_json::from_str(&body).ok()), (200, Some(fake::report())));
    assert_eq!(ask(Front::Loopback(&guard()), "GET", "/healthz").await, (200, "ok".into()));
    let (status, body) = ask(Front::Unix, "POST", "/v1/sessions/home/refresh").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["version"], &body["session"]), (200, &json!(1), &json!("home")));
    let (status, body) = ask(Front::Unix, "POST", "/v1/reload").await;
    assert_eq!((status, body), (200, r#"{"version":1,"message":"2 sessions"}"#.into()));
}

#[tokio::test]
async fn the_metrics_tell_of_the_sessions_and_of_the_requests_so_far() {
    let (router, guard) = (fake::router(), guard());
    let ask = async |front, method, target| {
        let mut request = request(method, target, Empty::<Bytes>::new());
        request.headers_mut().insert(HOST, "127.0.0.1:8080".parse().unwrap());
        router.respond(front, request).await
    };
    for (target, status) in
        [("/v1/sessions/a%2Fb/token", 404), ("/v1/sessions/home/token", 200), ("/no", 404)]
    {
        assert_eq!(ask(Front::Unix, "GET", target).await.status(), status);
    }
    // Nobody gets in without the token, nor with another method.
    assert_eq!(ask(Front::Loopback(&guard), "GET", "/metrics").await.status(), 401);
    assert_eq!(ask(Front::Unix, "HEAD", "/metrics").await.status(), 405);
    let answer = ask(Front::Unix, "GET", "/metrics").await;
    assert_eq!(header(&answer, &CONTENT_TYPE), Some(metrics::CONTENT_TYPE));
    let page = text(answer).await;
    for line in [
        r#"sso_refresh_token_left_seconds{session="home"} 3600.0"#,
        r#"sso_refresh_http_requests_total{route="/v1/sessions/{session}/token",listener="unix",status="2xx"} 1"#,
        r#"sso_refresh_http_requests_total{route="/v1/sessions/{session}/token",listener="unix",status="4xx"} 1"#,
        r#"sso_refresh_http_requests_total{route="/metrics",listener="loopback",status="4xx"} 1"#,
        r#"sso_refresh_http_requests_total{route="/metrics",listener="unix",status="4xx"} 1"#,
        r#"sso_refresh_http_requests_total{route="/metrics",listener="unix",status="2xx"} 0"#,
        r#"sso_refresh_http_requests_total{route="other",listener="unix",status="4xx"} 1"#,
    ] {
        assert!(page.lines().any(|other| other == line), "{line}: {page}");
    }
}

#[tokio::test]
async fn what_is_not_served_says_why() {
    let guard = guard();
    let (unix, loopback) = (Front::Unix, Front::Loopback(&guard));
    for (front, method, target, status, expected) in [
        (unix, "GET", "/", 404, "NotFound"),
        (unix, "GET", "/v1/status/", 404, "NotFound"),
        (unix, "GET", "/V1/status", 404, "NotFound"),
        (unix, "GET", "/v1/sessions//token", 404, "NotFound"),
        (unix, "GET", "/v1/sessions/a/b/token", 404, "NotFound"),
        (unix, "GET", "/v1/sessions/other/token", 404, "UnknownSession"),
        (unix, "GET", "/v1/sessions/a%2Fb/token", 404, "UnknownSession"),
        (unix, "GET", "/v1/sessions/../token", 404, "UnknownSession"),
        (unix, "GET", "/v1/sessions/%zz/token", 404, "UnknownSession"),
        (unix, "GET", "/v1/sessions/../../token", 404, "NotFound"),
        (unix, "GET", "/v1/sessions/%00/token", 400, "BadRequest"),
        (unix, "GET", "/v1/sessions/%0Aforged/token", 400, "BadRequest"),
        (unix, "GET", "/v1/sessions/%FF/token", 400, "BadRequest"),
        (unix, "GET", "/v1/sessions/gone/token", 409, "SignInNeeded"),
        (unix, "GET", "/v1/sessions/busy/token", 503, "Temporary"),
        (unix, "GET", "/token?min_validity=", 400, "BadRequest"),
        (unix, "GET", "/token?min_validity=-1", 400, "BadRequest"),
        (unix, "GET", "/token?min_validity=1.5", 400, "BadRequest"),
        (unix, "GET", "/token?min_validity=soon", 400, "BadRequest"),
        (unix, "GET", "/token?min_validity=99999999999999999999", 400, "BadRequest"),
        (unix, "POST", "/token", 405, "MethodNotAllowed"),
        (unix, "HEAD", "/v1/status", 405, "MethodNotAllowed"),
        (unix, "GET", "/v1/reload", 405, "MethodNotAllowed"),
        (unix, "POST", "/v1/sessions/gone/refresh", 409, "SignInNeeded"),
        (unix, "POST", "/v1/sessions/busy/refresh", 503, "Temporary"),
        (unix, "POST", "/v1/sessions/other/refresh", 404, "UnknownSession"),
        (unix, "GET", "/v1/credentials/", 404, "NotFound"),
        (unix, "GET", "/v1/credentials/home/x", 404, "NotFound"),
        (unix, "GET", "/v1/credentials/nobody", 404, "UnknownProfile"),
        (unix, "GET", "/v1/credentials/denied", 403, "NoAccess"),
        (unix, "GET", "/v1/credentials/gone", 409, "SignInNeeded"),
        (unix, "GET", "/v1/credentials/busy", 503, "Temporary"),
        (unix, "GET", "/v1/credentials/%00", 400, "BadRequest"),
        (unix, "GET", "/v1/credentials/home?min_validity=soon", 400, "BadRequest"),
        (unix, "POST", "/v1/credentials/home", 405, "MethodNotAllowed"),
        (unix, "GET", "/v1/sessions/home/credentials", 400, "BadRequest"),
        (unix, "GET", "/v1/sessions/home/credentials?account_id=1", 400, "BadRequest"),
        (unix, "GET", "/v1/sessions/home/credentials?account_id=1&role_name=%0A", 400, "BadRequest"),
        (unix, "GET", "/v1/sessions/other/credentials?account_id=1&role_name=R", 404, "UnknownSession"),
        (loopback, "GET", "/v1/sessions/home/credentials?account_id=1&role_name=R", 403, "Forbidden"),
        (loopback, "GET", "/v1/credentials/secret", 403, "Forbidden"),
        (loopback, "GET", "/v1/credentials/nobody", 404, "UnknownProfile"),
        (loopback, "GET", "/v1/credentials/%00", 400, "BadRequest"),
        (loopback, "GET", "/v1/reload", 405, "MethodNotAllowed"),
        (loopback, "POST", "/v1/reload", 405, "MethodNotAllowed"),
        (loopback, "POST", "/v1/sessions/home/refresh", 405, "MethodNotAllowed"),
    ] {
        let (got, body) = ask(front, method, target).await;
        assert_eq!((got, code(&body)), (status, json!(expected)), "{front:?} {method} {target}");
    }
}

#[tokio::test]
async fn errors_speak_to_people_and_to_sdks() {
    let (_, body) = ask(Front::Unix, "GET", "/v1/sessions/other/token").await;
    let expected = r#"{"code":"UnknownSession","message":"about \"other\"","Code":"UnknownSession","Message":"about \"other\""}"#;
    assert_eq!(body, expected);
    let (_, body) = ask(Front::Unix, "GET", "/v1/sessions/gone/token").await;
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["session"], "gone");
}

#[tokio::test]
async fn a_wait_is_rounded_up_and_a_wrong_method_told_the_right_one() {
    for (method, target, name, value) in [
        ("GET", "/v1/sessions/busy/token", RETRY_AFTER, "90"),
        ("DELETE", "/token", ALLOW, "GET"),
        ("GET", "/v1/sessions/home/refresh", ALLOW, "POST"),
    ] {
        let request = request(method, target, Empty::<Bytes>::new());
        let response = fake::router().respond(Front::Unix, request).await;
        assert_eq!(header(&response, &name), Some(value), "{method} {target}");
    }
}

#[tokio::test]
async fn a_refused_reload_says_why() {
    let router = fake::router_with(|| Err("config.toml:3:1: unknown key".into()));
    let response = router.respond(Front::Unix, request("POST", "/v1/reload", Empty::<Bytes>::new())).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let body: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(
        (&body["code"], &body["message"]),
        (&json!("ConfigurationRefused"), &json!("config.toml:3:1: unknown key"))
    );
}

#[tokio::test]
async fn a_body_is_read_within_bounds() {
    for (length, status) in [(0, 200), (BODY_MAX, 200), (BODY_MAX + 1, 413)] {
        let text = Bytes::from(vec![b'x'; length]);
        // Once with its length announced, and once without.
        for body in [Full::new(text.clone()).boxed(), Full::new(text).map_frame(|frame| frame).boxed()] {
            let request = request("POST", "/v1/reload", body);
            assert_eq!(fake::router().respond(Front::Unix, request).await.status(), status, "{length}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_not_waited_for() {
    let body = http_body_util::StreamBody::new(futures_util::stream::pending::<
        Result<hyper::body::Frame<Bytes>, std::io::Error>,
    >());
    let response = fake::router().respond(Front::Unix, request("POST", "/v1/reload", body)).await;
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_does_not_answer_is_a_temporary_error() {
    for (method, target, limit) in [
        ("GET", "/healthz", PING_LIMIT),
        ("GET", "/v1/status", STATUS_LIMIT),
        ("GET", "/token", EXCHANGE_LIMIT),
        ("GET", "/v1/credentials/home", EXCHANGE_LIMIT),
        ("POST", "/v1/sessions/home/refresh", EXCHANGE_LIMIT),
        ("POST", "/v1/reload", RELOAD_LIMIT),
    ] {
        // Nobody takes the calls: the answers never come, and then the channel is full as well.
        let (router, _calls) = fake::manual();
        for _ in 0..10 {
            let answer = router.respond(Front::Unix, request(method, target, Empty::<Bytes>::new()));
            let response = timeout(limit + Duration::from_millis(10), answer).await.unwrap();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{method} {target}");
            assert_eq!(code(&text(response).await), "Temporary");
        }
    }
}

#[tokio::test]
async fn a_loop_that_has_ended_is_a_temporary_error() {
    let (router, calls) = fake::manual();
    drop(calls);
    let response = router.respond(Front::Unix, request("GET", "/healthz", Empty::<Bytes>::new())).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}
