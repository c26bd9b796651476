//! [`merge`]: what is written in both files and the environment becomes [`Settings`].

mod hooks;
mod listen;
mod session;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
    path::PathBuf,
    time::Duration,
};

use toml::Spanned;

use super::{
    Error, HttpSettings, LogFormat, LogSettings, Settings,
    aws::AwsConfig,
    environment::Environment,
    explained::Explained,
    file::{File, Format, Level, Source, duration::AtMostDays},
    glob,
    line::line,
    nearest::nearest,
    paths::{Paths, expand},
    url,
};

/// Refresh when this much is left: more than the 15 minutes of botocore, which starts earliest of all SDKs.
const REFRESH_BEFORE: Duration = Duration::from_secs(20 * 60);
/// How long before its end a session's end is announced.
const WARN_BEFORE_SESSION_END: Duration = Duration::from_secs(15 * 60);

/// Merges and validates. `source` is the text that `file` was read from.
pub(super) fn merge(
    file: &File,
    source: &Source<'_>,
    aws: AwsConfig,
    env: &Environment,
    paths: &Paths,
) -> Result<(Settings, Vec<Explained>), Error> {
    let mut merge = Merge {
        file,
        source,
        env,
        paths,
        warnings: aws.warnings.iter().map(ToString::to_string).collect(),
        said: BTreeSet::new(),
        explained: Vec::new(),
        left_out: BTreeMap::new(),
    };
    merge.settings(aws)
}

/// What the merging reads, and what it has said so far.
struct Merge<'a> {
    file: &'a File,
    source: &'a Source<'a>,
    env: &'a Environment,
    paths: &'a Paths,
    warnings: Vec<String>,
    /// What holds for several sessions and was said.
    said: BTreeSet<String>,
    explained: Vec<Explained>,
    /// The sessions that were left out, with the reason.
    left_out: BTreeMap<String, String>,
}

impl Merge<'_> {
    fn settings(&mut self, aws: AwsConfig) -> Result<(Settings, Vec<Explained>), Error> {
        self.duration("refresh_before", self.file.refresh_before.as_ref(), REFRESH_BEFORE);
        let http = self.http(&aws)?;
        let desktop_notifications = self.desktop_notifications();
        let warn_before_session_end = self.duration(
            "notify.warn_before_session_end",
            self.file.notify.warn_before_session_end.as_ref(),
            WARN_BEFORE_SESSION_END,
        );
        let log = self.log();
        let listen = self.listen(&aws.profiles)?;
        let hooks = self.hooks()?;
        self.global_endpoint();
        let sessions = self.sessions(&aws)?;
        let default_session = self.default_session(&sessions)?;
        let settings = Settings {
            sessions,
            profiles: aws.profiles,
            left_out: std::mem::take(&mut self.left_out),
            default_session,
            http,
            listen,
            hooks,
            log,
            desktop_notifications,
            warn_before_session_end,
            warnings: self.warnings.iter().map(line).collect(),
        };
        Ok((settings, std::mem::take(&mut self.explained)))
    }

    fn duration<const D: u64>(
        &mut self,
        key: &str,
        written: Option<&Spanned<AtMostDays<D>>>,
        default: Duration,
    ) -> Duration {
        let duration = written.map_or(default, |written| written.get_ref().0);
        let origin = self.origin(written);
        self.explained.push(Explained::new(key, humantime::format_duration(duration), origin));
        duration
    }

    fn origin<T>(&self, written: Option<&Spanned<T>>) -> String {
        written.map_or_else(|| "default".to_owned(), |written| self.source.origin(written.span()))
    }

    fn error(&self, span: Range<usize>, message: impl fmt::Display) -> Error {
        self.source.error(span, message).into()
    }

    fn http(&mut self, aws: &AwsConfig) -> Result<HttpSettings, Error> {
        let ca_bundle = self.ca_bundle(aws)?;
        let Some(proxy) = &self.file.proxy else {
            self.explained.push(Explained::unset("proxy"));
            return Ok(HttpSettings { ca_bundle, proxy: None });
        };
        let url = proxy.get_ref();
        url::proxy(url).map_err(|message| self.error(proxy.span(), message))?;
        let origin = self.origin(Some(proxy));
        self.explained.push(Explained::new("proxy", url::without_password(url), origin));
        Ok(HttpSettings { ca_bundle, proxy: Some(url.clone()) })
    }

    fn ca_bundle(&mut self, aws: &AwsConfig) -> Result<Option<PathBuf>, Error> {
        let (path, origin) = if let Some(written) = &self.file.ca_bundle {
            let text = written.get_ref();
            if !text.starts_with('/') && !text.starts_with("~/") {
                return Err(self.error(written.span(), "`ca_bundle` must be an absolute path"));
            }
            (expand(text.as_ref(), &self.paths.home), self.origin(Some(written)))
        } else if let Some(path) = self.env.path("AWS_CA_BUNDLE") {
            (expand(&path, &self.paths.home), "AWS_CA_BUNDLE".to_owned())
        } else {
            if let Some(bundle) = &aws.ca_bundle {
                self.warnings.push(format!(
                    "{}: `ca_bundle` of a profile is not used here: set `ca_bundle` in config.toml if the \
                     network needs it",
                    bundle.origin()
                ));
            }
            self.explained.push(Explained::unset("ca_bundle"));
            return Ok(None);
        };
        self.explained.push(Explained::new("ca_bundle", self.paths.show(&path), origin));
        Ok(Some(path))
    }

    fn log(&mut self) -> LogSettings {
        let table = &self.file.log;
        let level = match table.level.as_ref().map(|level| *level.get_ref()) {
            Some(Level::Error) => tracing::Level::ERROR,
            Some(Level::Warn) => tracing::Level::WARN,
            Some(Level::Debug) => tracing::Level::DEBUG,
            Some(Level::Trace) => tracing::Level::TRACE,
            Some(Level::Info) | None => tracing::Level::INFO,
        };
        let (format, word) = match table.format.as_ref().map(|format| *format.get_ref()) {
            Some(Format::Journald) => (LogFormat::Journald, "journald"),
            Some(Format::Pretty) => (LogFormat::Pretty, "pretty"),
            Some(Format::Json) => (LogFormat::Json, "json"),
            Some(Format::Auto) | None => (LogFormat::Auto, "auto"),
        };
        let (level_origin, format_origin) =
            (self.origin(table.level.as_ref()), self.origin(table.format.as_ref()));
        self.explained.push(Explained::new("log.level", level.as_str().to_lowercase(), level_origin));
        self.explained.push(Explained::new("log.format", word, format_origin));
        LogSettings { level, format }
    }

    fn desktop_notifications(&mut self) -> bool {
        let written = self.file.notify.desktop.as_ref();
        let on = written.is_none_or(|written| *written.get_ref());
        let origin = self.origin(written);
        self.explained.push(Explained::new("notify.desktop", on, origin));
        on
    }

    /// The endpoint of everything is never used: that of a local emulator would be sent refresh tokens.
    fn global_endpoint(&mut self) {
        if self.env.get("AWS_ENDPOINT_URL").is_some() && !self.ignores_endpoints() {
            self.warnings.push(
                "AWS_ENDPOINT_URL is set and not used, so that no token goes there by mistake (AWS programs do \
                 use it): set `endpoint` in config.toml or AWS_ENDPOINT_URL_SSO_OIDC if it is meant"
                    .to_owned(),
            );
        }
    }

    fn ignores_endpoints(&self) -> bool {
        self.env.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
    }

    fn default_session<T>(&mut self, sessions: &BTreeMap<String, T>) -> Result<Option<String>, Error> {
        let Some(written) = &self.file.default_session else {
            self.explained.push(Explained::unset("default_session"));
            return Ok(None);
        };
        let name = written.get_ref();
        if let Some(reason) = self.left_out.get(name) {
            return Err(self.error(written.span(), format!("there is no session `{name}`; {reason}")));
        }
        if !sessions.contains_key(name) {
            let hint = match nearest(name, sessions.keys().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if sessions.is_empty() => "there is none".to_owned(),
                None => format!(
                    "known are {}",
                    sessions.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                ),
            };
            return Err(self.error(written.span(), format!("there is no session `{name}`, {hint}")));
        }
        let origin = self.origin(Some(written));
        self.explained.push(Explained::new("default_session", name, origin));
        Ok(Some(name.clone()))
    }

    /// Whether the AWS config file's session of this name is taken up.
    fn imports(&self, name: &str) -> bool {
        self.file.import_aws_config.as_ref().is_none_or(|import| *import.get_ref())
            && !self.excluded().iter().any(|pattern| glob::matches(pattern, name))
    }

    fn excluded(&self) -> &[String] {
        self.file.exclude.as_ref().map_or(&[], |exclude| exclude.get_ref())
    }
}
