//! [`resolve_profile`] and [`roles`]: which role of which session a profile stands for.

use super::{
    Error, Settings,
    aws::{Profile, ProfileKind},
    line::line,
    nearest::{handful, nearest},
};
use crate::session::role::Role;

/// The role of the profile of that name in the AWS config file. Its session is one of `settings`.
pub fn resolve_profile(settings: &Settings, name: &str) -> Result<Role, Error> {
    match settings.profiles.iter().find(|known| known.name == name) {
        Some(profile) => role(settings, profile),
        None => Err(unknown(settings, name)),
    }
}

/// The roles of all profiles that have one.
pub fn roles(settings: &Settings) -> impl Iterator<Item = Role> {
    settings.profiles.iter().filter_map(|profile| role(settings, profile).ok())
}

fn role(settings: &Settings, profile: &Profile) -> Result<Role, Error> {
    let Profile { name, file, line: number, .. } = profile;
    let unfit = |why: String| Error::UnfitProfile {
        message: line(format_args!("{file}:{number}: the profile `{name}` {why}")),
    };
    let session = match &profile.kind {
        ProfileKind::Session { session } => session,
        ProfileKind::Legacy { .. } => {
            let remedy = line(format_args!("convert it with `aws configure sso --profile {name}`"));
            return Err(unfit(format!("is legacy, and its token can't be refreshed: {remedy}")));
        }
    };
    if !settings.sessions.contains_key(session) {
        return Err(match settings.left_out.get(session) {
            Some(why) => Error::LeftOut(why.clone()),
            None => unfit(not_configured(settings, session)),
        });
    }
    match (&profile.account_id, &profile.role_name) {
        (Some(account), Some(role)) => {
            Ok(Role { session: session.clone(), account: account.clone(), name: role.clone() })
        }
        (None, _) => Err(unfit("names no account: set sso_account_id".into())),
        (_, None) => Err(unfit("names no role: set sso_role_name".into())),
    }
}

fn not_configured(settings: &Settings, session: &str) -> String {
    let known = || settings.sessions.keys().map(String::as_str);
    let remedy = match nearest(session, known()) {
        Some(meant) => format!("did you mean `sso_session = {meant}`?"),
        None if settings.sessions.is_empty() => "add an [sso-session] with `aws configure sso`".to_owned(),
        None => format!("set sso_session to one of {}", handful(session, known())),
    };
    format!("uses the session `{session}`, which is not configured: {remedy}")
}

fn unknown(settings: &Settings, name: &str) -> Error {
    let known = || settings.profiles.iter().map(|profile| profile.name.as_str());
    Error::UnknownProfile {
        name: line(name),
        meant: nearest(name, known()).map(line),
        known: handful(name, known()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{self, environment::Environment, paths::Paths};

    const CONFIG: &str = "[sso-session work]\nsso_start_url = https://example.awsapps.com/start\n\
         sso_region = us-east-1\n\
         [profile dev]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = Developer\n\
         [profile no-role]\nsso_session = work\nsso_account_id = 012345678901\n\
         [profile no-account]\nsso_session = work\nsso_role_name = Developer\n\
         [profile lost]\nsso_session = gone\nsso_account_id = 1\nsso_role_name = R\n\
         [profile old]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n";

    fn settings(text: &str) -> Settings {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        let path: PathBuf = folder.path().join(".aws/config");
        std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
        let env = Environment::from_pairs([("HOME", folder.path())]);
        config::load(&Paths::resolve(&env, None).unwrap(), &env).unwrap()
    }

    #[test]
    fn a_profile_names_its_role() {
        let role = resolve_profile(&settings(CONFIG), "dev").unwrap();
        assert_eq!(
            role,
            Role { session: "work".into(), account: "012345678901".into(), name: "Developer".into() }
        );
    }

    #[test]
    fn what_is_missing_is_said_with_its_place() {
        let settings = settings(CONFIG);
        for (name, expected) in [
            (
                "no-rule",
                "there is no profile `no-rule` with an sso_session, did you mean `no-role`?; known are dev, no-role",
            ),
            ("no-role", "~/.aws/config:8: the profile `no-role` names no role: set sso_role_name"),
            ("no-account", "~/.aws/config:11: the profile `no-account` names no account: set sso_account_id"),
            ("lost", "~/.aws/config:14: the profile `lost` uses the session `gone`, which is not configured"),
            (
                "old",
                "is legacy, and its token can't be refreshed: convert it with `aws configure sso --profile old`",
            ),
        ] {
            let error = resolve_profile(&settings, name).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = resolve_profile(&self::settings(""), "a\u{1b}[31m").unwrap_err().to_string();
        assert!(
            error.contains("there is no profile `a\\u{1b}[31m`")
                && error.ends_with("run `aws configure sso` for one"),
            "{error}"
        );
    }
}
