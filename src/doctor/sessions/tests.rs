use super::*;
use crate::{
    doctor::Verdict::{self, Failure, NotChecked, Ok, Warning},
    session::token::{Registration, Secret},
    store::Contents,
};

const NOW: Timestamp = Timestamp::from_secs(1_798_761_600);
const DAY: i64 = 86_400;

fn settings(scopes: &[&str]) -> SessionSettings {
    SessionSettings {
        name: "work".into(),
        start_url: None,
        region: "us-east-1".into(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        refresh_before: std::time::Duration::ZERO,
        session_duration: None,
        oidc_endpoint: None,
        portal_endpoint: None,
        use_fips: false,
        use_dual_stack: false,
        origin: "~/.aws/config:1".into(),
    }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(NOW.secs() + secs)
}

/// A file with a token that is good for so many seconds; with a refresh token, and with a client whose secret is good for
/// so many.
fn file(left: i64, refreshable: bool, client: Option<i64>) -> Content {
    let registration = client.map(|left| Registration {
        client_id: "c".into(),
        client_secret: Secret::new("s"),
        expires_at: Some(at(left)),
    });
    let token = Token {
        access_token: Secret::new("a"),
        expires_at: at(left),
        issued_at: None,
        refresh_token: refreshable.then(|| Secret::new("r")),
        registration,
    };
    Content::Token(Box::new(Contents { token, whole: true, lacks: vec![], odd_times: vec![] }))
}

fn found(content: Content, status: Option<&Status>, scopes: &[&str]) -> Vec<Finding> {
    let settings = settings(scopes);
    let file = TokenFile { path: "/t".into(), link: None, content };
    examine(&[Facts { settings: &settings, status, file: &file, now: NOW }]).findings
}

/// The check, how it ended, and the command or a word of the advice.
fn check(findings: &[Finding], name: &str) -> (Verdict, String) {
    let finding = findings.iter().find(|finding| finding.check == name).unwrap();
    assert_eq!(finding.about.as_deref(), Some("work"));
    let remedy = match &finding.remedy {
        Some(Remedy::Run(said) | Remedy::Do(said)) => said.clone(),
        None => String::new(),
    };
    (finding.verdict, remedy)
}

#[test]
fn without_a_daemon_the_file_tells() {
    let broken = |copied| Content::Broken { why: "it is empty".into(), copied };
    for (content, verdict, remedy) in [
        (file(600, true, Some(90 * DAY)), Ok, ""),
        (file(600, false, None), Ok, ""),
        (file(-1, true, Some(DAY)), Failure, "sso-refresh refresh work"),
        (file(-1, true, None), Failure, "sso-refresh login work"),
        (file(-1, false, Some(DAY)), Failure, "sso-refresh login work"),
        (Content::Missing, Failure, "sso-refresh login work"),
        (broken(true), NotChecked, ""),
        (broken(false), NotChecked, ""),
        (Content::Unreadable("x".into()), NotChecked, ""),
    ] {
        let shown = format!("{content:?}");
        let findings = found(content, None, &[NEEDED_SCOPE]);
        assert_eq!(check(&findings, "signed-in"), (verdict, remedy.to_owned()), "{shown}");
    }
}

#[test]
fn with_one_it_is_the_daemon_that_tells() {
    let said = "sso-refresh login work";
    for (state, usable, remedy, verdict, expected) in [
        (State::Fresh, true, None, Ok, ""),
        (State::Refreshing, true, None, Ok, ""),
        (State::Backoff, true, None, Warning, "sso-refresh refresh work"),
        (State::Backoff, false, None, Failure, "sso-refresh refresh work"),
        (State::Fresh, false, None, Failure, "sso-refresh refresh work"),
        (State::SignedOut, false, Some(said), Failure, said),
        (State::LoginRequired, true, Some("say that"), Failure, "say that"),
        (State::LoginRequired, false, None, Failure, said),
    ] {
        let status = Status {
            reason: Some("the sign-in session has ended (invalid_grant)".into()),
            last_error: Some("can't find the host".into()),
            remedy: remedy.map(str::to_owned),
            usable,
            ..Status::bare("work", state)
        };
        let findings = found(Content::Missing, Some(&status), &[NEEDED_SCOPE]);
        assert_eq!(check(&findings, "signed-in"), (verdict, expected.to_owned()), "{state:?} {usable}");
        let line = &findings.iter().find(|finding| finding.check == "signed-in").unwrap().finding;
        assert_eq!(line.contains("can't find"), state == State::Backoff, "{line}");
        assert_eq!(
            line.contains("invalid_grant"),
            state == State::LoginRequired || verdict == Failure && state == State::Fresh
        );
    }
}

#[test]
fn what_keeps_a_token_from_being_refreshed_is_found() {
    for (refreshable, client, expected) in [
        (true, Some(DAY), None),
        (false, Some(DAY), Some("no refreshToken")),
        (true, None, Some("no client")),
        (false, None, Some("no refreshToken and no client")),
    ] {
        let findings = found(file(600, refreshable, client), None, &[NEEDED_SCOPE]);
        let (verdict, remedy) = check(&findings, "refreshable");
        let line = &findings.iter().find(|finding| finding.check == "refreshable").unwrap().finding;
        assert_eq!(
            (verdict == Failure, remedy == "sso-refresh login work"),
            (expected.is_some(), expected.is_some())
        );
        assert!(expected.is_none_or(|expected| line.ends_with(expected)), "{line}");
    }
    let findings = found(Content::Missing, None, &["openid"]);
    let (verdict, remedy) = check(&findings, "scopes");
    assert_eq!(verdict, Failure);
    assert!(remedy.contains("at ~/.aws/config:1, then run `sso-refresh login work`"), "{remedy}");
    assert_eq!(check(&found(Content::Missing, None, &["openid", NEEDED_SCOPE]), "scopes").0, Ok);
}

#[test]
fn the_end_of_a_registration_is_seen_a_day_ahead() {
    for (left, verdict) in
        [(90 * DAY, Ok), (DAY, Ok), (DAY - 1, Warning), (1, Warning), (0, Failure), (-DAY, Failure)]
    {
        let findings = found(file(600, true, Some(left)), None, &[NEEDED_SCOPE]);
        let (found, remedy) = check(&findings, "registration");
        assert_eq!((found, remedy == "sso-refresh login work"), (verdict, verdict != Ok), "{left}");
    }
}
