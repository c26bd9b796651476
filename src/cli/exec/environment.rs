//! The environment of the command: no credentials but those that are [`Given`].

use std::{ffi::OsString, process::Command};

use crate::{
    config::environment::Environment,
    session::{role::RoleCredentials, token::Secret},
};

/// What AWS programs would take before the endpoint, or in the place of the keys. Who reads which, from their sources:
/// the profile: all; `AWS_ACCESS_KEY` and `AWS_SECRET_KEY`: the SDKs for Go, Java and Ruby; `AMAZON_*`: the one for Ruby;
/// `AWS_SECURITY_TOKEN` and `AWS_CREDENTIAL_FILE`: botocore; a web identity: all; the relative address of an endpoint and
/// the file of its token: all before the full address and the token.
const REMOVED: [&str; 19] = [
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// botocore reads the second alone, the SDK for JavaScript the first, and the one for Go both in this order.
const REGION: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Some programs read one of them, and some the other.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The names of this machine that no proxy is to be asked for: the SDK for Rust would.
const LOOPBACK: [&str; 2] = ["127.0.0.1", "localhost"];

/// How the command gets its credentials.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given<'a> {
    /// From an endpoint, with its token.
    Endpoint { uri: &'a str, token: &'a Secret },
    /// As they are.
    Keys(&'a RoleCredentials),
}

/// Sets what `command` finds in place of what is in `env`. `region` is where the profile is used.
pub(super) fn change(command: &mut Command, env: &Environment, region: Option<&str>, given: Given<'_>) {
    for name in REMOVED {
        command.env_remove(name);
    }
    match given {
        Given::Endpoint { uri, token } => {
            command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
            command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", token.expose());
            for name in NO_PROXY {
                command.env(name, without_proxy(env, name));
            }
        }
        Given::Keys(credentials) => {
            command.env("AWS_ACCESS_KEY_ID", &credentials.access_key_id);
            command.env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.expose());
            command.env("AWS_SESSION_TOKEN", credentials.session_token.expose());
            command.env("AWS_CREDENTIAL_EXPIRATION", credentials.expires_at.to_string());
        }
    }
    // What the user has set goes before the profile, for all programs.
    let region = REGION.into_iter().find_map(|name| env.get(name)).or(region);
    for name in REGION.into_iter().filter(|name| env.path(name).is_none()) {
        if let Some(region) = region {
            command.env(name, region);
        }
    }
}

/// The value of `name`, or of its twin where it has none, with this machine added.
fn without_proxy(env: &Environment, name: &str) -> OsString {
    let found = [name].into_iter().chain(NO_PROXY).find_map(|name| env.path(name));
    let mut value = found.unwrap_or_default().into_os_string();
    let text = value.to_string_lossy().into_owned();
    let names: Vec<&str> = text.split(',').map(str::trim).collect();
    if names.contains(&"*") {
        return value;
    }
    for own in LOOPBACK.iter().filter(|own| !names.contains(own)) {
        if !value.is_empty() {
            value.push(",");
        }
        value.push(own);
    }
    value
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::time::Timestamp;

    /// What a command finds that is changed: nothing in the place of what is removed.
    fn changed(pairs: &[(&str, &str)], region: Option<&str>, keys: bool) -> BTreeMap<String, Option<String>> {
        let token = Secret::new("planted");
        let credentials = RoleCredentials {
            account: "012345678901".into(),
            access_key_id: "AKID".into(),
            secret_access_key: Secret::new("planted"),
            session_token: Secret::new("session"),
            expires_at: Timestamp::from_secs(1_798_761_600),
        };
        let endpoint = Given::Endpoint { uri: "http://127.0.0.1:1/x", token: &token };
        let given = if keys { Given::Keys(&credentials) } else { endpoint };
        let mut command = Command::new("true");
        change(&mut command, &Environment::from_pairs(pairs.iter().copied()), region, given);
        let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
        command.get_envs().map(|(name, value)| (text(name), value.map(text))).collect()
    }

    #[test]
    fn the_endpoint_or_the_keys_are_all_that_is_left() {
        for keys in [false, true] {
            let changed = changed(&[], None, keys);
            let set: Vec<&str> = changed
                .iter()
                .filter(|(name, value)| name.starts_with("AWS_") && value.is_some())
                .map(|(name, _)| name.as_str())
                .collect();
            let expected: &[&str] = if keys {
                &[
                    "AWS_ACCESS_KEY_ID",
                    "AWS_CREDENTIAL_EXPIRATION",
                    "AWS_SECRET_ACCESS_KEY",
                    "AWS_SESSION_TOKEN",
                ]
            } else {
                &["AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
            };
            assert_eq!(set, expected);
            for name in REMOVED.iter().filter(|name| !expected.contains(name)) {
                assert_eq!(changed.get(*name), Some(&None), "{name}");
            }
        }
        assert_eq!(
            changed(&[], None, true)["AWS_CREDENTIAL_EXPIRATION"].as_deref(),
            Some("2027-01-01T00:00:00Z")
        );
    }

    #[test]
    fn the_region_is_the_one_of_the_user_else_of_the_profile() {
        for (pairs, region, expected) in [
            (&[][..], None, [None, None]),
            (&[], Some("p"), [Some("p"), Some("p")]),
            (&[("AWS_REGION", "u")], Some("p"), [None, Some("u")]),
            (&[("AWS_DEFAULT_REGION", "u")], None, [Some("u"), None]),
            (&[("AWS_REGION", "u"), ("AWS_DEFAULT_REGION", "v")], Some("p"), [None, None]),
            (&[("AWS_REGION", "")], Some("p"), [Some("p"), Some("p")]),
        ] {
            let changed = changed(pairs, region, false);
            let set = REGION.map(|name| changed.get(name).and_then(|value| value.as_deref()));
            assert_eq!(set, expected, "{pairs:?} {region:?}");
        }
    }

    #[test]
    fn no_proxy_stands_before_this_machine_and_what_was_said_stays() {
        for (pairs, upper, lower) in [
            (&[][..], "127.0.0.1,localhost", "127.0.0.1,localhost"),
            (&[("NO_PROXY", "corp, localhost")], "corp, localhost,127.0.0.1", "corp, localhost,127.0.0.1"),
            (&[("no_proxy", "*")], "*", "*"),
            (&[("NO_PROXY", "a"), ("no_proxy", "b")], "a,127.0.0.1,localhost", "b,127.0.0.1,localhost"),
        ] {
            let changed = changed(pairs, None, false);
            assert_eq!(
                NO_PROXY.map(|name| changed[name].as_deref()),
                [Some(upper), Some(lower)],
                "{pairs:?}"
            );
        }
        assert_eq!(changed(&[], None, true).get("NO_PROXY"), None, "there is no endpoint");
    }
}
