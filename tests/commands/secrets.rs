//! No secret gets into what a command says, however much it is asked to say.

use std::time::Duration;

use sso_refresh::simulator::Options;

use crate::support::{Center, Home, WORK, secrets};

/// Everything that can be said, with what goes wrong meanwhile.
const CASES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "status",
            "status --json",
            "token",
            "token --json",
            "token --header",
            "token --min-validity 59m",
            "refresh",
            "refresh --json",
            "credentials --profile dev",
            "credentials --profile dev --format env",
            "credentials --profile dev --format json",
            "credentials --profile dev --print-config",
            "accounts",
            "roles --account 012345678901",
            "config check",
            "config show",
            "config show --json",
            "config path",
            "reload",
            "logout",
            "login",
            // A daemon would not end by itself: this one has something to stumble over.
            "run --config missing.toml",
        ],
    ),
    ("CreateToken:status=503:retry-after=300", &["token --json", "refresh"]),
    ("*:html=200:retry-after=300", &["token --json", "refresh --json", "login", "logout"]),
    ("*:InvalidClientException", &["token", "refresh", "login"]),
    ("CreateToken:InvalidGrantException", &["token"]),
    ("CreateToken:truncated:times=1", &["token"]),
    ("GetRoleCredentials:UnauthorizedException", &["credentials --profile dev"]),
    ("GetRoleCredentials:truncated", &["credentials --profile dev"]),
    ("GetRoleCredentials:html=200", &["credentials --profile dev", "credentials --profile wrong"]),
];

#[test]
fn no_command_says_a_secret() {
    let center =
        Center::start(Options { auto_approve: true, interval: Duration::ZERO, ..Options::default() });
    let profile =
        "[profile dev]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = ReadOnly\n";
    let home = Home::with(&center, &format!("{WORK}{profile}"));
    let mut planted = Vec::new();
    for (faults, lines) in CASES {
        for line in *lines {
            planted.extend(secrets(&center.sign_in(&home, "work", Duration::ZERO)));
            center.set_faults(faults);
            let ran = home.run(&format!("{line} -vv"));
            let file = std::fs::read_to_string(home.token_path("work")).unwrap_or_default();
            planted.extend(secrets_of(&file));
            if line.starts_with("credentials") {
                planted.extend(role_secrets_of(&ran.stdout));
            }
            for secret in &planted {
                assert!(!ran.stderr.contains(secret.as_str()), "{line} {faults}");
                assert!(
                    line.starts_with("token")
                        || line.starts_with("credentials")
                        || !ran.stdout.contains(secret.as_str()),
                    "{line} {faults}"
                );
            }
        }
    }
    assert!(planted.len() > 100, "{}", planted.len());
}

/// The secrets that were printed as JSON.
fn role_secrets_of(printed: &str) -> Vec<String> {
    let printed: serde_json::Value = serde_json::from_str(printed).unwrap_or_default();
    ["SecretAccessKey", "SessionToken", "secretAccessKey", "sessionToken"]
        .iter()
        .filter_map(|key| printed[key].as_str().map(str::to_owned))
        .collect()
}

/// The secrets in a token file.
fn secrets_of(file: &str) -> Vec<String> {
    let file: serde_json::Value = serde_json::from_str(file).unwrap_or_default();
    ["accessToken", "refreshToken", "clientSecret"]
        .iter()
        .filter_map(|key| file[key].as_str().map(str::to_owned))
        .collect()
}
