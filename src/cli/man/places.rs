//! The files and the environment variables that the manual names.

pub(super) const FILES: [(&str, &str); 8] = [
    (
        "~/.config/sso-refresh/config.toml",
        "The configuration, which need not be there; see sso-refresh.toml(5). --config, SSO_REFRESH_CONFIG and \
         XDG_CONFIG_HOME name another place.",
    ),
    (
        "~/.aws/config, ~/.aws/credentials",
        "Where sessions and profiles are found. AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name others.",
    ),
    (
        "~/.aws/sso/cache/*.json",
        "The token of each session, where the AWS CLI and all SDKs read it. The name is the SHA-1 of the session's.",
    ),
    (
        "~/.local/state/sso-refresh/",
        "The last good token of each session, what was learned of it, and its last events. XDG_STATE_HOME moves it.",
    ),
    (
        "$XDG_RUNTIME_DIR/sso-refresh/api.sock",
        "The daemon's socket: HTTP for its user alone. Without the variable, and on macOS, the folder is \
         $TMPDIR/sso-refresh-UID.",
    ),
    ("$XDG_RUNTIME_DIR/sso-refresh/endpoint-token", "What clients of the loopback endpoint must send."),
    (
        "~/.config/systemd/user/sso-refresh.service",
        "The unit that `service install` writes, beside sso-refresh.socket; on macOS ~/Library/LaunchAgents/sso-refresh.plist.",
    ),
    ("~/Library/Logs/sso-refresh/", "The log on macOS. With systemd it is in the journal."),
];

pub(super) const ENVIRONMENT: [(&str, &str); 16] = [
    ("SSO_REFRESH_CONFIG", "The configuration file, where --config names none."),
    ("AWS_PROFILE", "The profile whose session is meant, where none is named and no default_session is set."),
    ("AWS_CONFIG_FILE", "The AWS config file."),
    ("AWS_SHARED_CREDENTIALS_FILE", "The AWS credentials file."),
    ("AWS_CA_BUNDLE", "A PEM bundle of certificate authorities to trust beside those of the system."),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "Certificate authorities in the place of those of the system."),
    (
        "HTTPS_PROXY, ALL_PROXY, NO_PROXY",
        "The proxy, and the hosts that are reached without it; in small letters too. `proxy` of the configuration goes \
         before them.",
    ),
    (
        "AWS_ENDPOINT_URL_SSO_OIDC, AWS_ENDPOINT_URL_SSO",
        "Base URLs of the OIDC service and of the portal. AWS_ENDPOINT_URL is not used.",
    ),
    (
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "With `true`, those and the endpoints in the AWS config file do not count.",
    ),
    ("AWS_USE_FIPS_ENDPOINT", "With `true`, FIPS endpoints are used."),
    ("AWS_USE_DUALSTACK_ENDPOINT", "With `true`, dual-stack endpoints are used."),
    ("BROWSER", "The browser for a sign-in, also over SSH."),
    ("XDG_CONFIG_HOME, XDG_STATE_HOME", "In the place of ~/.config and ~/.local/state."),
    ("XDG_RUNTIME_DIR, TMPDIR", "Where the folder for the socket is."),
    ("MANPAGER, PAGER", "What `man` shows a page with."),
    (
        "NO_COLOR, CLICOLOR_FORCE",
        "No colours; colours also where there is no terminal. --color goes before them.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::carried::{PLACES, VALUES};

    #[test]
    fn what_goes_with_the_service_is_described() {
        for name in PLACES.iter().chain(&VALUES) {
            let name = name.to_uppercase();
            assert!(
                ENVIRONMENT.iter().any(|(names, _)| names.split(", ").any(|known| known == name)),
                "{name}"
            );
        }
    }
}
