//! [`Legacy`]: a profile whose token nobody can refresh, and what would change that.

use super::{
    Settings,
    aws::{Profile, ProfileKind},
    line::line,
};

/// A profile with `sso_start_url` and no `sso_session`.
#[derive(Debug)]
pub struct Legacy<'a> {
    profile: &'a Profile,
    start_url: &'a str,
    region: &'a str,
    /// The session that the profile could use.
    session: Option<&'a str>,
}

/// The legacy profiles, in the order of the files.
pub fn profiles(settings: &Settings) -> impl Iterator<Item = Legacy<'_>> {
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
    /// What is the matter, in a line.
    pub fn flaw(&self) -> String {
        let Profile { name, file, line: number, .. } = self.profile;
        line(format_args!("{file}:{number}: the profile `{name}` is legacy: its token can't be refreshed"))
    }

    /// The same with the command that helps.
    pub fn warning(&self) -> String {
        let name = &self.profile.name;
        line(format_args!(
            "{}; convert it with `aws configure sso --profile {name}`, or by hand",
            self.flaw()
        ))
    }

    /// The lines that convert it by hand.
    pub fn conversion(&self) -> String {
        let Profile { name, file, .. } = self.profile;
        let [name, start_url, region] = [name, self.start_url, self.region].map(line);
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
