//! [`Settings`]: what the user configured, merged from `config.toml` and the AWS config file and validated.
//!
//! Three stages: [`mod@file`] is `config.toml` as it is written, [`aws`] the AWS config file as it is written, and
//! `merge` makes of both and the environment the settings that the rest of the program can rely on.

pub mod aws;
mod changes;
mod choice;
mod content;
pub mod environment;
mod explained;
pub mod file;
pub mod glob;
pub mod legacy;
mod line;
mod merge;
pub mod nearest;
pub mod paths;
mod profile;
mod region;
mod url;

use std::{collections::BTreeMap, fs, io, net::SocketAddr, path::Path, path::PathBuf, time::Duration};

use self::{
    aws::{AwsConfig, Text, warning::Warning},
    environment::Environment,
    file::Source,
    paths::Paths,
};
pub use self::{
    changes::{Changes, changes},
    choice::{no_session, resolve_session},
    explained::Explained,
    line::line,
    profile::{resolve_profile, roles},
};

/// Everything that can be configured, valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The sessions to keep fresh, by name.
    pub sessions: BTreeMap<String, SessionSettings>,
    /// The profiles of the AWS config and credentials files that use a session or are legacy.
    pub profiles: Vec<aws::Profile>,
    /// The sessions of the AWS config file that can't be used, by name, each with why and where.
    pub left_out: BTreeMap<String, String>,
    /// `default_session`.
    pub default_session: Option<String>,
    /// How to reach the network.
    pub http: HttpSettings,
    /// `[listen]`, where it is there.
    pub listen: Option<ListenSettings>,
    /// `[hooks]`.
    pub hooks: HookSettings,
    /// `[log]`.
    pub log: LogSettings,
    /// `notify.desktop`.
    pub desktop_notifications: bool,
    /// `notify.warn_before_session_end`.
    pub warn_before_session_end: Duration,
    /// What is legal but unwise, or what some SDK would reject, each a sentence with its file and line.
    pub warnings: Vec<String>,
}

/// One session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionSettings {
    /// Its name, which names the token file.
    pub name: String,
    /// `sso_start_url`, exactly as written. Without one the session is kept fresh, and nobody can sign in to it.
    pub start_url: Option<String>,
    /// `sso_region`.
    pub region: String,
    /// `sso_registration_scopes`; `sso:account:access` where none are given.
    pub scopes: Vec<String>,
    /// Refresh when this much is left.
    pub refresh_before: Duration,
    /// How long a sign-in lasts, where the user says so.
    pub session_duration: Option<Duration>,
    /// Base URL of the OIDC service instead of the region's.
    pub oidc_endpoint: Option<String>,
    /// Base URL of the portal instead of the region's.
    pub portal_endpoint: Option<String>,
    /// Use FIPS endpoints.
    pub use_fips: bool,
    /// Use dual-stack endpoints.
    pub use_dual_stack: bool,
    /// Where this session was defined, for `config show`: `~/.aws/config:12` or the like.
    pub origin: String,
}

impl SessionSettings {
    /// Where a sign-in begins.
    ///
    /// # Errors
    /// Where no start URL is configured.
    pub fn sign_in_url(&self) -> Result<&str, Error> {
        self.start_url.as_deref().ok_or_else(|| Error::NoStartUrl { session: self.name.clone() })
    }

    /// What to do about a region that may be another than that of the start URL.
    pub fn region_remedy(&self) -> String {
        let Self { region, origin, .. } = self;
        format!(
            "set `sso_region` of the session at {origin} (in config.toml: `region`), which is {region}, to the region of your \
             Identity Center"
        )
    }
}

/// How to reach the network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpSettings {
    /// A PEM bundle added to the system's roots.
    pub ca_bundle: Option<PathBuf>,
    /// A proxy instead of the environment's.
    pub proxy: Option<String>,
}

/// `[listen]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenSettings {
    /// A loopback address; port 0 picks one.
    pub address: SocketAddr,
    /// Patterns of the profiles that may be handed out; all where there are none.
    pub profiles: Option<Vec<String>>,
    /// The file with the token that clients must send; a new token with each start where there is none.
    pub token_file: Option<PathBuf>,
}

/// `[hooks]`: what is run when something happens, each a program and its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookSettings {
    /// After a refresh.
    pub refreshed: Option<Vec<String>>,
    /// When only a sign-in helps.
    pub login_required: Option<Vec<String>>,
    /// When refreshing begins to fail.
    pub failed: Option<Vec<String>>,
}

/// `[log]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogSettings {
    /// The most detailed level that is written.
    pub level: tracing::Level,
    /// How a line looks.
    pub format: LogFormat,
}

/// `log.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// journald where standard error goes to it, else pretty.
    Auto,
    /// journald's native protocol.
    Journald,
    /// Lines for people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Why there are no settings, or no session that is meant.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is there and can't be read, or was named and isn't there.
    #[error("can't read {path}: {source}; check the path and whose file it is")]
    Unreadable {
        /// The file as people write its path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A mistake in `config.toml`.
    #[error(transparent)]
    File(#[from] file::Error),
    /// A mistake in an environment variable.
    #[error("{variable}: {message}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What is expected.
        message: String,
    },
    /// The places of the files can't be told.
    #[error(transparent)]
    Paths(#[from] paths::Error),
    /// No session is configured at all.
    #[error("no session is configured: run `aws configure sso`, or add a [session.NAME] to config.toml")]
    NoSession,
    /// The session that is meant can't be used.
    #[error("{0}")]
    LeftOut(String),
    /// Several sessions are configured and none is named.
    #[error("several sessions are configured: name one of {known}, or set `default_session` in config.toml")]
    WhichSession {
        /// Some of their names, or all.
        known: String,
    },
    /// A sign-in begins at the start URL, and there is none.
    #[error(
        "session `{session}` has no start URL, which a sign-in needs: set `start_url` in its [session.{session}] in config.toml"
    )]
    NoStartUrl {
        /// Its name.
        session: String,
    },
    /// No session has the name that was given.
    #[error("there is no session `{name}`{}; known are {known}", did_you_mean(meant.as_deref()))]
    UnknownSession {
        /// What was given.
        name: String,
        /// What may have been meant.
        meant: Option<String>,
        /// Some of their names, or all.
        known: String,
    },
    /// No profile that gets its token from a session has the name that was given.
    #[error(
        "there is no profile `{name}` with an sso_session{}; {}", did_you_mean(meant.as_deref()), listed(known)
    )]
    UnknownProfile {
        /// What was given.
        name: String,
        /// What may have been meant.
        meant: Option<String>,
        /// Some of their names, or all.
        known: String,
    },
    /// A profile that stands for no role.
    #[error("{message}")]
    UnfitProfile {
        /// Where it is, what it lacks, and what to do.
        message: String,
    },
}

/// Reads and merges both files. Neither need be there, but for a `config.toml` that the user named.
pub fn load(paths: &Paths, env: &Environment) -> Result<Settings, Error> {
    Ok(explain(paths, env)?.0)
}

/// The same, with where each setting comes from.
pub fn explain(paths: &Paths, env: &Environment) -> Result<(Settings, Vec<Explained>), Error> {
    let text = config_text(paths, &paths.show(&paths.config))?;
    explain_with(paths, env, &text)
}

/// The same with `text` in the place of what is in `config.toml`: what it would be worth there.
pub fn explain_with(
    paths: &Paths,
    env: &Environment,
    text: &str,
) -> Result<(Settings, Vec<Explained>), Error> {
    paths.require_home()?;
    let (mut settings, explained) = explain_text(text, || aws_config(paths), env, paths)?;
    for path in [&paths.config, &paths.aws_config, &paths.aws_credentials] {
        settings.warnings.extend(writable_by_others(path, &paths.show(path)));
    }
    Ok((settings, explained))
}

/// What the text of `config.toml` and the AWS config files come to.
fn explain_text(
    text: &str,
    aws: impl FnOnce() -> Result<AwsConfig, Error>,
    env: &Environment,
    paths: &Paths,
) -> Result<(Settings, Vec<Explained>), Error> {
    let name = paths.show(&paths.config);
    let source = Source::new(&name, text);
    let file = source.parse()?;
    merge::merge(&file, &source, aws()?, env, paths)
}

/// The same for the fuzz targets.
#[cfg(fuzzing)]
pub fn explain_for_fuzzing(
    text: &str,
    aws: AwsConfig,
    env: &Environment,
    paths: &Paths,
) -> Result<(Settings, Vec<Explained>), Error> {
    explain_text(text, || Ok(aws), env, paths)
}

fn config_text(paths: &Paths, name: &str) -> Result<String, Error> {
    let bytes = read(&paths.config, name)?;
    if bytes.is_none() && paths.config_given {
        return Err(Error::Unreadable { path: name.to_owned(), source: io::ErrorKind::NotFound.into() });
    }
    String::from_utf8(bytes.unwrap_or_default()).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        Source::new(name, &text).error(valid..valid, "the file must be UTF-8").into()
    })
}

/// What the AWS config and credentials files say. Neither need be there.
pub fn aws_config(paths: &Paths) -> Result<AwsConfig, Error> {
    let mut warnings = Vec::new();
    let mut text = |path| {
        let name = paths.show(path);
        let bytes = read(path, &name)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.as_bytes() != bytes {
            let line = text.find('\u{fffd}').map_or(1, |at| text[..at].matches('\n').count() + 1);
            let what = "the file is not UTF-8, which no AWS program reads".to_owned();
            warnings.push(Warning { file: name.clone(), line, what, rejected_by: Vec::new() });
        }
        Ok::<_, Error>((name, text))
    };
    let (config, credentials) = (text(&paths.aws_config)?, text(&paths.aws_credentials)?);
    let mut aws = AwsConfig::parse(
        Text { name: &config.0, text: &config.1 },
        Text { name: &credentials.0, text: &credentials.1 },
    );
    aws.warnings.splice(0..0, warnings);
    Ok(aws)
}

/// The text of one of the AWS files for who is to change it; none where there is no such file.
///
/// # Errors
/// Where it can't be read, or is not UTF-8.
pub fn aws_text(paths: &Paths, path: &Path) -> Result<Option<String>, Error> {
    let name = paths.show(path);
    let Some(bytes) = read(path, &name)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let valid = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = valid.filter(|byte| **byte == b'\n').count() + 1;
        let what = format!("line {line} is not UTF-8, which no AWS program reads; convert it");
        Error::Unreadable { path: name, source: io::Error::new(io::ErrorKind::InvalidData, what) }
    })
}

/// A file's content; none where there is no such file.
fn read(path: &Path, name: &str) -> Result<Option<Vec<u8>>, Error> {
    match content::of(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(Error::Unreadable { path: name.to_owned(), source }),
    }
}

/// Somebody else who can write a configuration can send its tokens elsewhere. A group that bears the user's
/// own number is the user's alone, as most Linux systems set it up.
fn writable_by_others(path: &Path, name: &str) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let others = found.mode() & 0o002 != 0 || found.mode() & 0o020 != 0 && found.gid() != found.uid();
    others.then(|| format!("{name} can be written by others: run `chmod go-w {name}`"))
}

fn did_you_mean(meant: Option<&str>) -> String {
    meant.map(|meant| format!(", did you mean `{meant}`?")).unwrap_or_default()
}

fn listed(known: &str) -> String {
    if known.is_empty() { "run `aws configure sso` for one".into() } else { format!("known are {known}") }
}

#[cfg(test)]
mod tests;
