//! The AWS config and credentials files, and the settings that are made of them. A NUL separates the two.
#![no_main]

mod oracle;

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use oracle::assert_is_a_line;
use sso_refresh::config::{
    self,
    aws::{AwsConfig, Located, SsoSession, Text, header::portable_name},
    environment::Environment,
    paths::Paths,
};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (config, credentials) = text.split_once('\0').unwrap_or((&text, ""));
    let aws = parse(config, credentials);
    places(&aws, config, credentials);
    if !text.contains('\r') {
        let other = parse(&config.replace('\n', "\r\n"), &credentials.replace('\n', "\r\n"));
        assert_eq!(aws, other, "line ends matter");
    }
    assert_eq!(parse(&format!("{config}\n[end]\n"), credentials).sessions, aws.sessions);
    reads_back(&aws.sessions);
    settings(aws);
});

fn parse(config: &str, credentials: &str) -> AwsConfig {
    AwsConfig::parse(Text { name: "config", text: config }, Text { name: "credentials", text: credentials })
}

fn places(aws: &AwsConfig, config: &str, credentials: &str) {
    let within = |file: &str, line: usize| {
        let text = if file == "config" { config } else { credentials };
        assert!((1..=text.lines().count()).contains(&line), "{file}:{line}");
    };
    for warning in &aws.warnings {
        within(&warning.file, warning.line);
        assert_is_a_line(&warning.to_string());
    }
    for session in &aws.sessions {
        within(&session.file, session.line);
        let texts = [&session.start_url, &session.region, &session.oidc_endpoint, &session.portal_endpoint];
        for Located { value, file, line } in texts.into_iter().flatten() {
            within(file, *line);
            assert!(!value.is_empty() && value == value.trim());
        }
    }
    for profile in &aws.profiles {
        within(&profile.file, profile.line);
    }
    let names: BTreeSet<&str> = aws.sessions.iter().map(|session| session.name.as_str()).collect();
    assert_eq!(names.len(), aws.sessions.len(), "two sessions of one name");
}

/// What was read is written plainly and reads as the same, without a warning.
fn reads_back(sessions: &[SsoSession]) {
    let plain = |text: &str| !text.contains(['\n', '#', ';']) && !text.is_empty();
    let mut text = String::new();
    let mut expected = Vec::new();
    for SsoSession { name, start_url, region, .. } in sessions {
        let values = [start_url, region].map(|located| located.as_ref().map(|located| &*located.value));
        let [Some(start_url), Some(region)] = values else { continue };
        if portable_name(name) && plain(start_url) && plain(region) {
            text += &format!("[sso-session {name}]\nsso_start_url = {start_url}\nsso_region = {region}\n");
            expected.push([name.as_str(), start_url, region]);
        }
    }
    let read = parse(&text, "");
    let found = read.sessions.iter().map(|session| {
        let value = |located: &'_ Option<Located>| located.as_ref().unwrap().value.clone();
        [session.name.clone(), value(&session.start_url), value(&session.region)]
    });
    assert!(found.eq(expected), "{text:?}");
    assert_eq!(read.warnings, []);
}

/// A mistake in these files never stops the program: each session is there, or it is told that it is not.
fn settings(aws: AwsConfig) {
    let env = Environment::from_pairs([("HOME", "/home/me")]);
    let paths = Paths::resolve(&env, None).unwrap();
    let names: Vec<String> = aws.sessions.iter().map(|session| session.name.clone()).collect();
    let (settings, _) = config::explain_for_fuzzing("", aws, &env, &paths).unwrap();
    for name in &names {
        let told = config::line(format_args!("session `{name}` is left out"));
        let told = told.trim_end_matches('…');
        let left_out = settings.warnings.iter().any(|warning| warning.contains(told));
        assert!(settings.sessions.contains_key(name) != left_out || left_out, "{name:?}");
    }
    for warning in &settings.warnings {
        assert_is_a_line(warning);
    }
    for (name, session) in &settings.sessions {
        assert!(names.contains(name) && !name.contains(char::is_control));
        let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        // Here every session has one: those without are left out.
        let start_url = session.start_url.as_deref().unwrap_or_default();
        assert!(session.region.chars().all(label) && start_url.to_ascii_lowercase().starts_with("http"));
        assert!(!start_url.contains(char::is_control) && !session.scopes.is_empty());
    }
    assert!(config::changes(&settings, &settings).is_empty());
}
