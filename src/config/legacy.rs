//! [`Legacy`]: a profile whose token nobody can refresh, and what would change that.

use crate::config::{
    self, Settings,
    aws::{Profile, ProfileKind},
};

/// A profile with `sso_start_url` and no `sso_session`.
pub(super) struct Legacy<'a> {
    profile: &'a Profile,
    start_url: &'a str,
    region: &'a str,
    /// The session that the profile could use.
    session: Option<&'a str>,
}

/// The legacy profiles, in the order of the files.
pub(super) fn profiles(settings: &Settings) -> impl Iterator<Item = Legacy<'_>> {
    settings.profiles.iter().filter_map(|profile| match &profile.kind {
        ProfileKind::Session { .. } => None,
        ProfileKind::Legacy { start_url, region } => {
            let same = |url: &str| url.trim_end_matches(['#', '/']) == start_url.trim_end_matches(['#', '/']);
            let known = settings
                .sessions
                .values()
                .find(|known| known.start_url.as_deref().is_some_and(same) && known.region == *region);
            Some(Legacy { profile, start_url, region, session: known.map(|known| known.name.as_str()) })
        }
    })
}

impl Legacy<'_> {
    /// One line: what is the matter, and the command that helps.
    pub(super) fn warning(&self) -> String {
        let Profile { name, file, line, .. } = self.profile;
        config::line(format_args!(
            "{file}:{line}: the profile `{name}` is legacy: its token can't be refreshed; convert it with \
             `aws configure sso --profile {name}`, or by hand"
        ))
    }

    /// The lines that convert it by hand.
    pub(super) fn conversion(&self) -> String {
        let Profile { name, file, .. } = self.profile;
        let [name, start_url, region] = [name, self.start_url, self.region].map(config::line);
        let session = self.session.unwrap_or(&name);
        let header = if name == "default" { "[default]".to_owned() } else { format!("[profile {name}]") };
        let replaced = format!(
            "In {file}, {header}: replace sso_start_url and sso_region by\n\n  sso_session = {session}\n"
        );
        match self.session {
            Some(_) => replaced,
            None => format!(
                "{replaced}\nand add\n\n  [sso-session {session}]\n  sso_start_url = {start_url}\n  \
                 sso_region = {region}\n  sso_registration_scopes = sso:account:access\n"
            ),
        }
    }
}
