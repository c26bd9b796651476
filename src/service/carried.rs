//! [`Carried`]: what the service gets of the environment that it is installed from. A service manager knows nothing of
//! what a shell sets, and the daemon would look for its files elsewhere than the commands do.

use crate::config::{environment::Environment, paths::Paths};

/// Variables that name a place: each counts as the path that was made of it here.
pub const PLACES: [&str; 5] =
    ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "AWS_CA_BUNDLE"];

/// Variables that are taken as they are.
pub const VALUES: [&str; 13] = [
    "ALL_PROXY",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "all_proxy",
    "https_proxy",
    "no_proxy",
];

/// Variables for the service, and those that it does not get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Names and values, in the order of their names.
    pub variables: Vec<(String, String)>,
    /// Variables with a password in them: a unit is no place for one.
    pub secret: Vec<String>,
}

impl Carried {
    /// What of `env` the daemon would use.
    pub fn of(env: &Environment, paths: &Paths) -> Self {
        let mut carried = Self::default();
        if paths.config_given
            && let Some(config) = paths.config.to_str()
        {
            carried.variables.push(("SSO_REFRESH_CONFIG".into(), config.into()));
        }
        for name in PLACES {
            let place = match name {
                "AWS_CONFIG_FILE" => env.path(name).map(|_| paths.aws_config.clone()),
                "AWS_SHARED_CREDENTIALS_FILE" => env.path(name).map(|_| paths.aws_credentials.clone()),
                "AWS_CA_BUNDLE" => env.path(name).and_then(|path| std::path::absolute(path).ok()),
                _ => env.absolute_path(name),
            };
            if let Some(place) = place.as_deref().and_then(|place| place.to_str()) {
                carried.variables.push((name.into(), place.into()));
            }
        }
        for name in VALUES {
            let Some(value) = env.get(name) else { continue };
            if value.contains('@') {
                carried.secret.push(name.into());
            } else {
                carried.variables.push((name.into(), value.into()));
            }
        }
        carried.variables.sort();
        carried
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn takes_what_the_daemon_would_use_and_no_password() {
        let pairs = [
            ("HOME", "/home/me"),
            ("AWS_CONFIG_FILE", "~/aws"),
            ("XDG_STATE_HOME", "/data/state"),
            ("XDG_CONFIG_HOME", "relative"),
            ("AWS_ENDPOINT_URL_SSO", "http://127.0.0.1:9"),
            ("HTTPS_PROXY", "http://me:secret@proxy:3128"),
            ("NO_PROXY", "localhost"),
            ("AWS_PROFILE", "dev"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let env = Environment::from_pairs(pairs);
        let paths = Paths::resolve(&env, Some(Path::new("/c.toml"))).unwrap();
        let carried = Carried::of(&env, &paths);
        let lines: Vec<String> =
            carried.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            lines,
            [
                "AWS_CONFIG_FILE=/home/me/aws",
                "AWS_ENDPOINT_URL_SSO=http://127.0.0.1:9",
                "NO_PROXY=localhost",
                "SSO_REFRESH_CONFIG=/c.toml",
                "XDG_STATE_HOME=/data/state",
            ]
        );
        assert_eq!(carried.secret, ["HTTPS_PROXY"]);
    }
}
