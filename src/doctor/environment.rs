//! Variables of the environment that keep AWS programs from the sessions, or send them elsewhere.

use super::finding::{Check, Finding, Remedy, Topic};
use crate::config::environment::Environment;

const STATIC: Check = Check("static-credentials");
const WEB_IDENTITY: Check = Check("web-identity");
const CONTAINER: Check = Check("container-credentials");
const PROFILE: Check = Check("profile-variables");
const ENDPOINT: Check = Check("global-endpoint");

/// Credentials that do not renew.
const KEYS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// Where a container's credentials are had. The path to the endpoint of this program is in the second.
const PLACES: [&str; 2] = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
const OURS: &str = "/v1/credentials/";

/// What stands in the way. The values are not told: they may be secrets.
pub fn examine(env: &Environment) -> Topic {
    let findings = vec![keys(env), web_identity(env), container(env), profile(env), endpoint(env)];
    let summary = "nothing in it stands in the way of a profile".to_owned();
    Topic { name: "environment", summary, findings }
}

/// All SDKs ask the environment first.
fn keys(env: &Environment) -> Finding {
    let set: Vec<&str> = KEYS.into_iter().filter(|name| env.get(name).is_some()).collect();
    // Without the first one they look for the others nowhere.
    if !set.contains(&KEYS[0]) {
        return STATIC.ok("there are no credentials in it");
    }
    let finding = format!("{} set: AWS programs use that and no session", are(&set));
    STATIC.warning(finding, Remedy::run(format!("unset {}", set.join(" "))))
}

fn web_identity(env: &Environment) -> Finding {
    let names = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"];
    if names.iter().any(|name| env.get(name).is_none()) {
        return WEB_IDENTITY.ok("there is no web identity in it");
    }
    let finding = format!("{} set: some AWS programs use that and no session", are(&names));
    WEB_IDENTITY.warning(finding, Remedy::run(format!("unset {}", names.join(" "))))
}

fn container(env: &Environment) -> Finding {
    let ours = env.get(PLACES[1]).is_some_and(|uri| uri.contains(OURS)) && env.get(PLACES[0]).is_none();
    let set: Vec<&str> = PLACES.into_iter().filter(|name| env.get(name).is_some()).collect();
    match set.as_slice() {
        [] => CONTAINER.ok("no container's credentials are in it"),
        _ if ours => CONTAINER.ok("a container's credentials come from sso-refresh"),
        set => {
            let finding = format!("{} set: without a profile AWS programs ask there", are(set));
            CONTAINER.warning(finding, Remedy::run(format!("unset {}", set.join(" "))))
        }
    }
}

/// botocore and the AWS CLI know the second one; the other SDKs do not.
fn profile(env: &Environment) -> Finding {
    let named = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].map(|name| env.get(name));
    match named {
        [Some(one), Some(other)] if one != other => PROFILE.warning(
            format!("AWS_PROFILE is `{one}` and AWS_DEFAULT_PROFILE is `{other}`: AWS programs differ in which one counts"),
            Remedy::run("unset AWS_DEFAULT_PROFILE"),
        ),
        [None, Some(only)] => PROFILE.warning(
            format!("AWS_DEFAULT_PROFILE is `{only}`, which most SDKs do not know"),
            Remedy::run(format!("export AWS_PROFILE={}; unset AWS_DEFAULT_PROFILE", super::token_files::word(only))),
        ),
        _ => PROFILE.ok("AWS programs agree on the profile"),
    }
}

fn endpoint(env: &Environment) -> Finding {
    if env.get("AWS_ENDPOINT_URL").is_none() || env.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
        return ENDPOINT.ok("AWS is where it is");
    }
    let finding = "AWS_ENDPOINT_URL is set: AWS programs send everything there, refresh tokens too (sso-refresh does not)";
    ENDPOINT.warning(finding, Remedy::run("unset AWS_ENDPOINT_URL"))
}

/// `A is`, `A and B are`.
fn are(names: &[&str]) -> String {
    match names {
        [one] => format!("{one} is"),
        several => format!("{} are", several.join(" and ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn each_variable_is_found_and_gone_with_its_remedy() {
        for (variables, expected) in [
            ("", None),
            ("AWS_ACCESS_KEY_ID=planted", Some(("static-credentials", "unset AWS_ACCESS_KEY_ID"))),
            (
                "AWS_ACCESS_KEY_ID=planted AWS_SECRET_ACCESS_KEY=planted AWS_SESSION_TOKEN=planted",
                Some((
                    "static-credentials",
                    "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN",
                )),
            ),
            ("AWS_SESSION_TOKEN=planted", None),
            ("AWS_ROLE_ARN=a", None),
            (
                "AWS_ROLE_ARN=a AWS_WEB_IDENTITY_TOKEN_FILE=/f",
                Some(("web-identity", "unset AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN")),
            ),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:8080/v1/credentials/dev", None),
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/x",
                Some(("container-credentials", "unset AWS_CONTAINER_CREDENTIALS_FULL_URI")),
            ),
            (
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x",
                Some(("container-credentials", "unset AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")),
            ),
            ("AWS_PROFILE=a", None),
            ("AWS_PROFILE=a AWS_DEFAULT_PROFILE=a", None),
            ("AWS_PROFILE=a AWS_DEFAULT_PROFILE=b", Some(("profile-variables", "unset AWS_DEFAULT_PROFILE"))),
            (
                "AWS_DEFAULT_PROFILE=b",
                Some(("profile-variables", "export AWS_PROFILE=b; unset AWS_DEFAULT_PROFILE")),
            ),
            ("AWS_ENDPOINT_URL=http://localhost:4566", Some(("global-endpoint", "unset AWS_ENDPOINT_URL"))),
            ("AWS_ENDPOINT_URL=http://localhost:4566 AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", None),
        ] {
            let pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
            let topic = examine(&Environment::from_pairs(pairs));
            assert!(!format!("{topic:?}").contains("planted"));
            let wrong: Vec<&Finding> =
                topic.findings.iter().filter(|finding| finding.verdict != Verdict::Ok).collect();
            let said: Vec<_> = wrong.iter().map(|finding| (finding.check, finding.remedy.clone())).collect();
            let expected: Vec<_> =
                expected.iter().map(|(check, command)| (*check, Some(Remedy::run(*command)))).collect();
            assert_eq!(said, expected, "{variables}");
            assert!(wrong.iter().all(|finding| finding.verdict == Verdict::Warning));
        }
    }
}
