//! [`resolve_session`]: which session a command means.

use super::{
    Error, SessionSettings, Settings,
    aws::ProfileKind,
    environment::Environment,
    line::line,
    nearest::{handful, nearest},
};

/// The session that is meant by `given`, or where none is given: the only one, else `default_session`, else
/// the one of the profile `AWS_PROFILE`.
pub fn resolve_session<'a>(
    settings: &'a Settings,
    env: &Environment,
    given: Option<&str>,
) -> Result<&'a SessionSettings, Error> {
    let sessions = &settings.sessions;
    if let Some(why) = given.and_then(|name| settings.left_out.get(name)) {
        return Err(Error::LeftOut(why.clone()));
    }
    if sessions.is_empty() {
        return Err(no_session(settings));
    }
    if let Some(name) = given {
        return sessions.get(name).ok_or_else(|| unknown(settings, name));
    }
    if sessions.len() == 1 {
        return sessions.values().next().ok_or(Error::NoSession);
    }
    settings
        .default_session
        .as_deref()
        .or_else(|| of_profile(settings, env.get("AWS_PROFILE")?))
        .and_then(|name| sessions.get(name))
        .ok_or_else(|| Error::WhichSession { known: handful("", sessions.keys().map(String::as_str)) })
}

/// Why there is no session at all.
pub fn no_session(settings: &Settings) -> Error {
    settings.left_out.values().next().cloned().map_or(Error::NoSession, Error::LeftOut)
}

fn of_profile<'a>(settings: &'a Settings, profile: &str) -> Option<&'a str> {
    let profile = settings.profiles.iter().find(|known| known.name == profile)?;
    match &profile.kind {
        ProfileKind::Session { session } => Some(session),
        ProfileKind::Legacy { .. } => None,
    }
}

fn unknown(settings: &Settings, name: &str) -> Error {
    let known = || settings.sessions.keys().map(String::as_str);
    Error::UnknownSession {
        name: line(name),
        meant: nearest(name, known()).map(str::to_owned),
        known: handful(name, known()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{AWS, load_with};

    #[test]
    fn the_session_that_is_meant() {
        let one = "[sso-session only]\nsso_start_url = https://x\nsso_region = us-east-1";
        let several = "several sessions are configured: name one of old-a, work, or set `default_session` in config.toml";
        for (config, aws, profile, given, expected) in [
            ("", AWS, "", Some("work"), Ok("work")),
            ("", one, "", None, Ok("only")),
            ("default_session = \"work\"", AWS, "old", None, Ok("work")),
            ("", AWS, "old", None, Ok("old-a")),
            ("", AWS, "", None, Err(several)),
            ("", AWS, "legacy", None, Err(several)),
            ("", AWS, "unknown", None, Err(several)),
            (
                "",
                AWS,
                "",
                Some("wrok"),
                Err("there is no session `wrok`, did you mean `work`?; known are old-a, work"),
            ),
            ("", AWS, "", Some("zzz"), Err("there is no session `zzz`; known are old-a, work")),
            (
                "",
                "",
                "",
                None,
                Err(
                    "no session is configured: run `aws configure sso`, or add a [session.NAME] to config.toml",
                ),
            ),
        ] {
            let settings = load_with(config, aws, &[]).unwrap();
            let env = Environment::from_pairs([("AWS_PROFILE", profile)]);
            let found = resolve_session(&settings, &env, given).map(|session| session.name.as_str());
            assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
        }
    }
}
