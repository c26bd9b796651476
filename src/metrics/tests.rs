use std::time::Duration;

use super::*;
use crate::session::{
    event::{Failure, Reason},
    status::{Next, State, Status},
    token::{Secret, Token},
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new(["/token", "/x/{name}"]))
}

fn text(metrics: &Arc<Metrics>, sessions: Vec<Status>) -> String {
    metrics.text(Moment {
        now: NOW,
        started_at: NOW.before(Duration::from_millis(1500)),
        version: "1.2.3".into(),
        configured: true,
        clock_ahead_secs: -90,
        sessions,
    })
}

/// Fails where a line is missing, and shows those of the same metric.
fn expect(text: &str, lines: &[&str]) {
    for line in lines {
        let name = line.split(['{', ' ']).next().unwrap();
        let like: Vec<&str> = text.lines().filter(|other| other.starts_with(name)).collect();
        assert!(like.contains(line), "{line}: {like:#?}");
    }
}

fn token() -> Token {
    Token {
        access_token: Secret::new("planted"),
        expires_at: NOW,
        issued_at: None,
        refresh_token: None,
        registration: None,
    }
}

#[test]
fn each_end_of_an_exchange_counts_as_what_it_is() {
    let metrics = metrics();
    metrics.begin("work");
    let refused = |reason| Outcome::Refused { reason, message: "planted".into() };
    let failure = Failure { message: "planted".into(), kind: "dns", retry_after: None };
    let (token, sent) = (token(), token());
    let unsaved = Outcome::Unsaved { token: token.clone(), sent, message: "planted".into() };
    for outcome in [
        Outcome::Refreshed(token.clone()),
        Outcome::Refreshed(token.clone()),
        Outcome::Adopted(token),
        Outcome::Gone,
        refused(Reason::InvalidGrant),
        refused(Reason::InvalidGrant),
        refused(Reason::InvalidClient),
        Outcome::Failed(failure),
        unsaved,
    ] {
        metrics.exchanged("work", &outcome);
        metrics.exchanged("gone", &outcome);
    }
    let text = text(&metrics, Vec::new());
    expect(
        &text,
        &[
            r#"sso_refresh_exchanges_total{session="work",result="refreshed"} 2"#,
            r#"sso_refresh_exchanges_total{session="work",result="adopted"} 1"#,
            r#"sso_refresh_exchanges_total{session="work",result="signed_out"} 1"#,
            r#"sso_refresh_exchanges_total{session="work",result="refused"} 3"#,
            r#"sso_refresh_exchanges_total{session="work",result="failed"} 2"#,
            r#"sso_refresh_exchange_errors_total{session="work",reason="invalid_grant"} 2"#,
            r#"sso_refresh_exchange_errors_total{session="work",reason="invalid_client"} 1"#,
            r#"sso_refresh_exchange_errors_total{session="work",reason="dns"} 1"#,
            r#"sso_refresh_exchange_errors_total{session="work",reason="disk"} 1"#,
        ],
    );
    assert!(!text.contains("planted") && !text.contains("session=\"gone\""), "{text}");
}

#[test]
fn a_session_that_is_gone_is_told_of_no_more_and_a_new_one_begins_at_nothing() {
    let metrics = metrics();
    metrics.begin("work");
    metrics.exchanged("work", &Outcome::Gone);
    metrics.forget("work");
    assert!(!text(&metrics, Vec::new()).contains("session="));
    metrics.begin("work");
    expect(
        &text(&metrics, Vec::new()),
        &[r#"sso_refresh_exchanges_total{session="work",result="signed_out"} 0"#],
    );
}

#[test]
fn a_session_is_told_of_as_it_is() {
    let full = Status {
        expires_at: Some(NOW.after(Duration::from_millis(60_500))),
        session_ends_at: Some(NOW.after(Duration::from_secs(100))),
        registration_expires_at: Some(NOW.after(Duration::from_secs(200))),
        refreshed_at: Some(NOW.before(Duration::from_secs(300))),
        next: Some(Next { at: NOW.after(Duration::from_secs(50)), why: "refresh".into() }),
        last_error: Some("planted".into()),
        ..Status::bare("a \"name\"\\\nof two lines", State::Fresh)
    };
    let late = Status {
        expires_at: Some(NOW.before(Duration::from_secs(5))),
        ..Status::bare("late", State::LoginRequired)
    };
    let text = text(&metrics(), vec![full, late]);
    let name = r#"session="a \"name\"\\\nof two lines""#;
    expect(
        &text,
        &[
            "process_start_time_seconds 1799999998.5",
            r#"sso_refresh_build_info{version="1.2.3"} 1"#,
            "sso_refresh_config_last_reload_successful 1.0",
            "sso_refresh_clock_ahead_seconds -90.0",
            &format!(r#"sso_refresh_session_state{{{name},state="fresh"}} 1.0"#),
            &format!(r#"sso_refresh_session_state{{{name},state="backoff"}} 0.0"#),
            &format!("sso_refresh_session_usable{{{name}}} 1.0"),
            &format!("sso_refresh_token_left_seconds{{{name}}} 60.5"),
            &format!("sso_refresh_token_expiry_timestamp_seconds{{{name}}} 1800000060.5"),
            &format!("sso_refresh_session_end_timestamp_seconds{{{name}}} 1800000100.0"),
            &format!("sso_refresh_registration_expiry_timestamp_seconds{{{name}}} 1800000200.0"),
            &format!("sso_refresh_last_refresh_timestamp_seconds{{{name}}} 1799999700.0"),
            &format!("sso_refresh_next_attempt_timestamp_seconds{{{name}}} 1800000050.0"),
            r#"sso_refresh_session_state{session="late",state="login-required"} 1.0"#,
            r#"sso_refresh_session_usable{session="late"} 0.0"#,
            r#"sso_refresh_token_left_seconds{session="late"} -5.0"#,
        ],
    );
    assert!(!text.contains(r#"registration_expiry_timestamp_seconds{session="late"}"#), "{text}");
    assert!(!text.contains("planted") && text.ends_with("\n# EOF\n"), "{text}");
}

#[test]
fn what_happens_is_counted_where_it_happens() {
    let metrics = metrics();
    for (route, status) in [(Some(0), 200), (Some(0), 401), (Some(1), 503), (None, 404), (Some(7), 404)] {
        metrics.answered(Listener::Loopback, route, status);
    }
    drop(metrics.connected(Listener::Unix));
    let _open = metrics.connected(Listener::Unix);
    metrics.refused(Listener::Unix);
    metrics.displaced(Listener::Loopback);
    metrics.woken(Cause::Resume);
    metrics.fetched(Fetched::NoAccess);
    metrics.hook_ended(HookEnd::NotRun);
    metrics.loaded(Loaded::Refused);
    metrics.exchange_begins(NOW, NOW.after(Duration::from_millis(600)));
    // The clock was set back meanwhile.
    metrics.exchange_begins(NOW, NOW.before(Duration::from_secs(600)));
    expect(
        &text(&metrics, Vec::new()),
        &[
            r#"sso_refresh_http_requests_total{route="/token",listener="loopback",status="2xx"} 1"#,
            r#"sso_refresh_http_requests_total{route="/token",listener="loopback",status="4xx"} 1"#,
            r#"sso_refresh_http_requests_total{route="/token",listener="unix",status="2xx"} 0"#,
            r#"sso_refresh_http_requests_total{route="/x/{name}",listener="loopback",status="5xx"} 1"#,
            r#"sso_refresh_http_requests_total{route="other",listener="loopback",status="4xx"} 2"#,
            r#"sso_refresh_connections{listener="unix"} 1.0"#,
            r#"sso_refresh_connections_accepted_total{listener="unix"} 2"#,
            r#"sso_refresh_connections_refused_total{listener="unix"} 1"#,
            r#"sso_refresh_connections_displaced_total{listener="loopback"} 1"#,
            r#"sso_refresh_wakes_total{cause="resume"} 1"#,
            r#"sso_refresh_wakes_total{cause="call"} 0"#,
            r#"sso_refresh_credential_fetches_total{result="no_access"} 1"#,
            r#"sso_refresh_hook_runs_total{result="not_run"} 1"#,
            r#"sso_refresh_reloads_total{result="refused"} 1"#,
            r#"sso_refresh_exchange_lateness_seconds_bucket{le="0.1"} 1"#,
            r#"sso_refresh_exchange_lateness_seconds_bucket{le="1.0"} 2"#,
            "sso_refresh_exchange_lateness_seconds_sum 0.6",
        ],
    );
}
