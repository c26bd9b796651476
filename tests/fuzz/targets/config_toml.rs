//! `config.toml`, beside an AWS config file with one session.
#![no_main]

mod oracle;

use libfuzzer_sys::fuzz_target;
use oracle::assert_is_a_line;
use sso_refresh::config::{
    self, Error, Settings,
    aws::{AwsConfig, Text},
    environment::Environment,
    paths::Paths,
};

const AWS: &str = "[sso-session work]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n";

fuzz_target!(|text: &str| {
    let env = Environment::from_pairs([("HOME", "/home/me")]);
    let paths = Paths::resolve(&env, None).unwrap();
    let load = || {
        let aws = AwsConfig::parse(Text { name: "aws", text: AWS }, Text::default());
        config::explain_for_fuzzing(text, aws, &env, &paths)
    };
    match load() {
        Ok((settings, explained)) => {
            valid(&settings);
            for setting in &explained {
                let line = setting.origin.strip_prefix("~/.config/sso-refresh/config.toml:");
                assert!(line.is_none_or(|line| within(text, line.parse().unwrap(), 1)), "{setting:?}");
            }
            let proxy = settings.http.proxy.as_deref().unwrap_or_default();
            let shown = explained.iter().find(|setting| setting.key == "proxy").unwrap().value.clone();
            let password =
                proxy.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')?.0.split_once(':'));
            if let Some((_, password)) = password.filter(|(_, password)| password.len() > 3) {
                assert!(!shown.unwrap().contains(&format!(":{password}@")), "{proxy:?}");
            }
            let (again, _) = load().unwrap();
            assert!(config::changes(&settings, &again).is_empty() && settings == again);
        }
        Err(error) => {
            assert_is_a_line(&error.to_string());
            let Error::File(error) = error else { panic!("{error}") };
            assert!(within(text, error.line, error.column), "{error}");
            assert!(!error.message.trim().is_empty());
        }
    }
});

/// Whether a place is in the text; the end of a line, and the line after the last, are.
fn within(text: &str, line: usize, column: usize) -> bool {
    let length = text.split('\n').nth(line - 1).map(|line| line.chars().count());
    length.is_some_and(|length| (1..=length + 1).contains(&column))
}

fn valid(settings: &Settings) {
    for warning in &settings.warnings {
        assert_is_a_line(warning);
    }
    let default = settings.default_session.as_ref();
    assert!(default.is_none_or(|name| settings.sessions.contains_key(name)));
    const DAY: u64 = 24 * 60 * 60;
    for (name, session) in &settings.sessions {
        assert!(!name.is_empty() && !name.contains(char::is_control) && *name == session.name);
        assert!(
            (1..=100 * DAY).contains(&session.refresh_before.as_secs())
                || session.refresh_before.as_secs() == 0
        );
        assert!(!session.refresh_before.is_zero() && !session.scopes.is_empty());
        assert!(session.session_duration.is_none_or(|life| !life.is_zero() && life.as_secs() <= 90 * DAY));
        for endpoint in [&session.oidc_endpoint, &session.portal_endpoint].into_iter().flatten() {
            let local = ["http://127.", "http://localhost", "http://[::1]"];
            assert!(endpoint.starts_with("https://") || local.iter().any(|host| endpoint.starts_with(host)));
            assert!(!endpoint.contains(['?', '#']) && !endpoint.ends_with('/'), "{endpoint:?}");
            assert!(!endpoint.split('/').nth(2).unwrap().contains('@'), "{endpoint:?}");
        }
    }
}
