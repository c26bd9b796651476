//! [`AwsConfig`]: the sessions and profiles of the AWS config and credentials files.
//!
//! The parser is our own. AWS's official one (of the crate `aws-runtime`) accepts what the Rust SDK accepts
//! and reports nothing of what botocore or the JavaScript SDK would reject, which is what a user who asks
//! "why does the CLI work and my program not" needs to hear; and it brings 39 crates.

pub mod header;
pub mod ini;
mod links;
pub mod warning;

use std::collections::HashMap;

use self::{
    header::Kind,
    ini::{Document, FileKind, Property, Section},
    warning::{
        Client::{self, Botocore, JavaScript, Rust},
        Effect::{self, Profile as RejectsProfile},
        Warning, Warnings,
    },
};

/// The keys by which a profile gives credentials to botocore or to the SDKs for JavaScript and Rust.
const CREDENTIALS_KEYS: [&str; 9] = [
    "aws_access_key_id",
    "credential_process",
    "login_session",
    "role_arn",
    "sso_account_id",
    "sso_role_name",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

/// What both files say about IAM Identity Center.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AwsConfig {
    /// Every `[sso-session]`, in the order of the file.
    pub sessions: Vec<SsoSession>,
    /// Every profile that uses a session or is legacy, in the order of the files.
    pub profiles: Vec<Profile>,
    /// The first key of the default profile that makes AWS programs get their credentials by it. They do so wherever
    /// no profile is named, before they ask a container's endpoint.
    pub default_credentials: Option<(&'static str, Located)>,
    /// The `ca_bundle` of some profile: not used here, but worth a word.
    pub ca_bundle: Option<Located>,
    /// What some SDK would not accept.
    pub warnings: Vec<Warning>,
}

/// `[sso-session NAME]`, as it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SsoSession {
    /// Its name.
    pub name: String,
    /// `sso_start_url`.
    pub start_url: Option<Located>,
    /// `sso_region`.
    pub region: Option<Located>,
    /// `sso_registration_scopes`, where there is one.
    pub scopes: Option<Located<Vec<String>>>,
    /// `endpoint_url` of `sso_oidc` in the `[services]` of the session or of the first profile that uses it.
    pub oidc_endpoint: Option<Located>,
    /// The same of `sso`.
    pub portal_endpoint: Option<Located>,
    /// `use_fips_endpoint` of the first profile that uses the session and has one.
    pub use_fips: Option<Located>,
    /// `use_dualstack_endpoint` likewise.
    pub use_dual_stack: Option<Located>,
    /// The file as people write its path.
    pub file: String,
    /// The line of its header.
    pub line: usize,
}

/// A profile that gets its token from IAM Identity Center.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Where its token comes from.
    pub kind: ProfileKind,
    /// `sso_account_id`; a text, because an account id may begin with zeros.
    pub account_id: Option<String>,
    /// `sso_role_name`.
    pub role_name: Option<String>,
    /// `region`, where the role is to be used.
    pub region: Option<String>,
    /// The file as people write its path.
    pub file: String,
    /// The line of its header.
    pub line: usize,
}

/// Where a profile's token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileKind {
    /// `sso_session`: a token that can be refreshed.
    Session {
        /// The session's name; there may be none of that name.
        session: String,
    },
    /// `sso_start_url` and no `sso_session`: a token that nobody can refresh.
    Legacy {
        /// `sso_start_url`.
        start_url: String,
        /// `sso_region`.
        region: String,
    },
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T = String> {
    /// The value.
    pub value: T,
    /// The file as people write its path.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl<T> Located<T> {
    /// `FILE:LINE`.
    pub fn origin(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// A file's content with its name; no content where there is no such file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text<'a> {
    /// The file as people write its path.
    pub name: &'a str,
    /// The content.
    pub text: &'a str,
}

impl AwsConfig {
    /// Reads both files.
    pub fn parse(config: Text<'_>, credentials: Text<'_>) -> Self {
        let documents = [(config, FileKind::Config), (credentials, FileKind::Credentials)]
            .map(|(text, kind)| (text.name, Document::parse(text.name, text.text, kind)));
        let mut read = Self::default();
        let mut reader = Reader::default();
        let mut sessions = sessions(config.name, &documents[0].1);
        let services = links::endpoints(config.name, &documents[0].1);
        for (file, document) in documents {
            let warnings = reader.sections(file, &document);
            read.warnings.extend(document.warnings.into_vec());
            read.warnings.extend(warnings.into_vec());
        }
        let mut warnings = Warnings::default();
        let by_name = sessions.iter().map(|linked| (&*linked.session.name, &linked.session)).collect();
        for raw in &reader.profiles {
            read.profiles.extend(raw.profile(&by_name, &mut warnings));
        }
        links::follow(&services, &reader.profiles, &mut sessions, &mut warnings);
        read.default_credentials =
            reader.profiles.iter().find(|profile| profile.name == "default").and_then(|profile| {
                CREDENTIALS_KEYS.iter().find_map(|key| Some((*key, profile.get(key)?.clone())))
            });
        read.ca_bundle = reader.profiles.iter().find_map(|profile| profile.get("ca_bundle")).cloned();
        read.sessions = sessions.into_iter().map(|linked| linked.session).collect();
        read.warnings.extend(warnings.into_vec());
        read
    }
}

/// A profile with the keys of both files.
#[derive(Debug)]
struct RawProfile {
    name: String,
    file: String,
    line: usize,
    bare_default: bool,
    properties: Vec<(String, Located)>,
}

impl RawProfile {
    /// The last value counts: the credentials file is read after the config file and goes before it.
    fn get(&self, key: &str) -> Option<&Located> {
        let (_, located) = self.properties.iter().rev().find(|(name, _)| name == key)?;
        (!located.value.is_empty()).then_some(located)
    }

    /// The profile as it is used here; none where it has nothing to do with IAM Identity Center.
    fn profile(&self, sessions: &HashMap<&str, &SsoSession>, warnings: &mut Warnings) -> Option<Profile> {
        let kind = if let Some(session) = self.get("sso_session") {
            self.check_session(session, sessions, warnings);
            ProfileKind::Session { session: session.value.clone() }
        } else {
            let start_url = self.get("sso_start_url")?;
            let Some(region) = self.get("sso_region") else {
                let what = format_args!("the profile `{}` has sso_start_url and no sso_region", self.name);
                warnings.add(&start_url.file, start_url.line, what, &every(RejectsProfile));
                return None;
            };
            ProfileKind::Legacy { start_url: start_url.value.clone(), region: region.value.clone() }
        };
        Some(Profile {
            name: self.name.clone(),
            kind,
            account_id: self.get("sso_account_id").map(|located| located.value.clone()),
            role_name: self.get("sso_role_name").map(|located| located.value.clone()),
            region: self.get("region").map(|located| located.value.clone()),
            file: self.file.clone(),
            line: self.line,
        })
    }

    fn check_session(&self, name: &Located, sessions: &HashMap<&str, &SsoSession>, warnings: &mut Warnings) {
        let Some(session) = sessions.get(name.value.as_str()) else {
            let what = format_args!(
                "the profile `{}` uses the sso-session `{}`, which is not there",
                self.name, name.value
            );
            return warnings.add(&name.file, name.line, what, &every(RejectsProfile));
        };
        for (key, theirs) in [("sso_start_url", &session.start_url), ("sso_region", &session.region)] {
            let Some(own) = self.get(key) else { continue };
            let differs = theirs.as_ref().is_some_and(|theirs| theirs.value != own.value);
            let what = format_args!(
                "the profile `{}` has {key} beside sso_session, {}",
                self.name,
                if differs { "and another one than its session" } else { "which its session says already" }
            );
            let both = [(Botocore, RejectsProfile), (Rust, RejectsProfile)];
            warnings.add(&own.file, own.line, what, &both[usize::from(!differs)..]);
        }
    }
}

/// A session with the name of its own `services` section.
struct LinkedSession {
    session: SsoSession,
    services: Option<Located>,
}

#[derive(Default)]
struct Reader {
    profiles: Vec<RawProfile>,
    /// The index of each profile by its name.
    places: HashMap<String, usize>,
}

impl Reader {
    fn sections(&mut self, file: &str, document: &Document) -> Warnings {
        let mut warnings = Warnings::default();
        for section in &document.sections {
            match section.header.kind {
                Kind::Profile | Kind::Default => self.profile(file, section),
                Kind::Other if section.properties.iter().any(|property| property.key.starts_with("sso_")) => {
                    let what = format_args!(
                        "{} is not a section that AWS programs know: write [profile NAME] or [sso-session NAME]",
                        section.header
                    );
                    warnings.add(file, section.line, what, &[]);
                }
                Kind::SsoSession | Kind::Services | Kind::Other => {}
            }
        }
        warnings
    }

    fn profile(&mut self, file: &str, section: &Section) {
        let bare_default = section.header.kind == Kind::Default;
        let name = &section.header.name;
        let properties =
            section.properties.iter().map(|property| (property.key.clone(), located(file, property)));
        let known = self.places.get(name).and_then(|index| self.profiles.get_mut(*index));
        let Some(known) = known else {
            self.places.insert(name.clone(), self.profiles.len());
            self.profiles.push(RawProfile {
                name: name.clone(),
                file: file.to_owned(),
                line: section.line,
                bare_default,
                properties: properties.collect(),
            });
            return;
        };
        // `[profile default]` replaces `[default]`, whichever comes first.
        if known.file == file && bare_default {
            return;
        }
        if known.file == file && known.bare_default {
            known.properties.clear();
            (known.line, known.bare_default) = (section.line, false);
        }
        known.properties.extend(properties);
    }
}

fn sessions(file: &str, document: &Document) -> Vec<LinkedSession> {
    let of_kind = document.sections.iter().filter(|section| section.header.kind == Kind::SsoSession);
    of_kind
        .map(|section| {
            let get = |key| {
                section
                    .get(key)
                    .filter(|property| !property.value.is_empty())
                    .map(|found| located(file, found))
            };
            LinkedSession {
                session: SsoSession {
                    name: section.header.name.clone(),
                    start_url: get("sso_start_url"),
                    region: get("sso_region"),
                    scopes: get("sso_registration_scopes").map(scopes),
                    file: file.to_owned(),
                    line: section.line,
                    ..SsoSession::default()
                },
                services: get("services"),
            }
        })
        .collect()
}

/// The AWS CLI separates scopes by commas and trims each.
fn scopes(written: Located) -> Located<Vec<String>> {
    let Located { value, file, line } = written;
    let scopes = value.split(',').map(str::trim).filter(|scope| !scope.is_empty());
    Located { value: scopes.map(str::to_owned).collect(), file, line }
}

fn located(file: &str, property: &Property) -> Located {
    Located { value: property.value.clone(), file: file.to_owned(), line: property.line }
}

fn every(effect: Effect) -> [(Client, Effect); 3] {
    [Botocore, JavaScript, Rust].map(|client| (client, effect))
}

#[cfg(test)]
mod tests;
