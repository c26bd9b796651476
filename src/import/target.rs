//! [`Target`]: the session that the old script's token is for.

use super::error::Error;
use crate::config::Settings;

/// What a session is called that nothing else names.
const NAME: &str = "imported";

/// The session, and what has to be added to `config.toml` for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Its name.
    pub(super) session: String,
    /// The region, where the session is not configured yet.
    pub(super) region: Option<String>,
    /// The start URL, where it is known and not configured yet.
    pub(super) start_url: Option<String>,
}

impl Target {
    /// The session `asked` for; else the only one that may be meant; else a new one.
    pub(super) fn choose(
        settings: &Settings,
        asked: Option<&str>,
        region: &str,
        start_url: Option<&str>,
    ) -> Result<Self, Error> {
        let may_be = |theirs: Option<&str>| theirs.zip(start_url).is_none_or(|(a, b)| same_url(a, b));
        let mut fitting = settings
            .sessions
            .values()
            .filter(|known| known.region == region && may_be(known.start_url.as_deref()));
        let only = fitting.next().filter(|_| fitting.next().is_none());
        let session = asked.or(only.map(|known| known.name.as_str())).unwrap_or(NAME);
        let Some(known) = settings.sessions.get(session) else {
            return Ok(Self {
                session: session.to_owned(),
                region: Some(region.to_owned()),
                start_url: start_url.map(str::to_owned),
            });
        };
        let other = |what, theirs: &str, ours: &str| Error::OtherSession {
            session: session.to_owned(),
            origin: known.origin.clone(),
            what,
            theirs: theirs.to_owned(),
            ours: ours.to_owned(),
        };
        if known.region != region {
            return Err(other("region", &known.region, region));
        }
        let new_url = match (known.start_url.as_deref(), start_url) {
            (Some(theirs), Some(ours)) if !same_url(theirs, ours) => {
                return Err(other("start URL", theirs, ours));
            }
            (None, ours) => ours.map(str::to_owned),
            (Some(_), _) => None,
        };
        Ok(Self { session: session.to_owned(), region: None, start_url: new_url })
    }

    /// Whether nothing has to be added.
    pub(super) fn is_configured(&self) -> bool {
        self.region.is_none() && self.start_url.is_none()
    }

    /// What has to be added, as it is written in its table.
    pub(super) fn keys(&self) -> String {
        let keys = [("region", &self.region), ("start_url", &self.start_url)];
        let written =
            keys.into_iter().filter_map(|(key, value)| Some(format!("{key} = {:?}", value.as_ref()?)));
        written.collect::<Vec<_>>().join("`, `")
    }
}

/// A start URL is written with and without `#/` at its end.
fn same_url(one: &str, other: &str) -> bool {
    let bare = |url: &'_ str| url.trim_end_matches(['#', '/']).to_owned();
    bare(one) == bare(other)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{self, environment::Environment, paths::Paths};

    const TWO: &str = "[session.ca]\nregion = \"ca-central-1\"\nstart_url = \"https://ca/start\"\n\
                       [session.us]\nregion = \"us-east-1\"\n";

    fn choose(
        config: &str,
        asked: Option<&str>,
        region: &str,
        url: Option<&str>,
    ) -> Result<(String, bool, bool), String> {
        let home = tempfile::tempdir().unwrap();
        let env = Environment::from_pairs([("HOME", home.path().to_str().unwrap())]);
        let paths = Paths::resolve(&env, None).unwrap();
        fs::create_dir_all(paths.config.parent().unwrap()).unwrap();
        let (settings, _) = config::explain_with(&paths, &env, config).unwrap();
        match Target::choose(&settings, asked, region, url) {
            Ok(target) => Ok((target.session, target.region.is_some(), target.start_url.is_some())),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_only_session_that_fits_is_meant() {
        let more = format!("{TWO}[session.ca2]\nregion = \"ca-central-1\"\n");
        // The configuration, --session, the region, the start URL; the session, and what has to be added.
        for (config, asked, region, url, session, new_region, new_url) in [
            ("", None, "ca-central-1", None, "imported", true, false),
            ("", Some("mine"), "ca-central-1", Some("https://x"), "mine", true, true),
            (TWO, None, "ca-central-1", None, "ca", false, false),
            (TWO, None, "ca-central-1", Some("https://ca/start#/"), "ca", false, false),
            (TWO, None, "ca-central-1", Some("https://other"), "imported", true, true),
            (TWO, None, "us-east-1", Some("https://us"), "us", false, true),
            (TWO, None, "eu-west-1", None, "imported", true, false),
            (&more, None, "ca-central-1", None, "imported", true, false),
            (&more, None, "ca-central-1", Some("https://other"), "ca2", false, true),
            (&more, Some("ca"), "ca-central-1", None, "ca", false, false),
        ] {
            let expected = Ok((session.to_owned(), new_region, new_url));
            assert_eq!(choose(config, asked, region, url), expected, "{asked:?} {region} {url:?}");
        }
    }

    #[test]
    fn a_session_of_another_region_or_portal_is_left_alone() {
        for (asked, region, url, expected) in [
            ("us", "ca-central-1", None, "session `us` (~/.config/sso-refresh/config.toml:4) has the region"),
            (
                "ca",
                "ca-central-1",
                Some("https://x"),
                "session `ca` (~/.config/sso-refresh/config.toml:1) has the start URL",
            ),
        ] {
            let error = choose(TWO, Some(asked), region, url).unwrap_err();
            assert!(error.starts_with(expected) && error.ends_with("--session"), "{error}");
        }
    }
}
