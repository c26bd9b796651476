//! [`File`]: `config.toml` exactly as it is written, each value with its place in the text.
//!
//! What a value must be by itself (a duration, a level) is checked here; what it must be together with others
//! is checked where the files are merged.

pub mod duration;

use std::{collections::BTreeMap, fmt, ops::Range};

use serde::Deserialize;
use toml::Spanned;

use self::duration::AtMostDays;
use super::{line::line, nearest::nearest};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Refresh when this much is left.
    pub refresh_before: Option<Spanned<AtMostDays<100>>>,
    /// The session that is meant where none is named.
    pub default_session: Option<Spanned<String>>,
    /// Whether every `[sso-session]` of the AWS config file is a session.
    pub import_aws_config: Option<Spanned<bool>>,
    /// Patterns of `[sso-session]` names that are none.
    pub exclude: Option<Spanned<Vec<String>>>,
    /// A PEM bundle added to the system's roots.
    pub ca_bundle: Option<Spanned<String>>,
    /// A proxy instead of the environment's.
    pub proxy: Option<Spanned<String>>,
    /// `[session.NAME]`.
    #[serde(default)]
    pub session: BTreeMap<String, Spanned<SessionTable>>,
    /// `[listen]`.
    pub listen: Option<Spanned<ListenTable>>,
    /// `[notify]`.
    #[serde(default)]
    pub notify: NotifyTable,
    /// `[hooks]`.
    pub hooks: Option<Spanned<HooksTable>>,
    /// `[log]`.
    #[serde(default)]
    pub log: LogTable,
}

/// `[session.NAME]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct SessionTable {
    /// The start URL, as in `sso_start_url`.
    pub start_url: Option<Spanned<String>>,
    /// The region of the Identity Center, as in `sso_region`.
    pub region: Option<Spanned<String>>,
    /// As in `sso_registration_scopes`.
    pub scopes: Option<Spanned<Vec<String>>>,
    /// Goes before the one of the whole file.
    pub refresh_before: Option<Spanned<AtMostDays<100>>>,
    /// How long a sign-in lasts: at most 90 days, the longest that IAM Identity Center can be set to.
    pub session_duration: Option<Spanned<AtMostDays<90>>>,
    /// Base URL of the OIDC service and the portal.
    pub endpoint: Option<Spanned<String>>,
    /// Where the secrets live.
    pub store: Option<Spanned<String>>,
}

/// `[listen]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct ListenTable {
    /// A loopback address with a port.
    pub address: Option<Spanned<String>>,
    /// Patterns of the profiles that may be handed out.
    pub profiles: Option<Spanned<Vec<String>>>,
    /// The file with the token that clients must send.
    pub token_file: Option<Spanned<String>>,
}

/// `[notify]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct NotifyTable {
    /// Whether to show desktop notifications.
    pub desktop: Option<Spanned<bool>>,
    /// How long before its end a session's end is announced.
    pub warn_before_session_end: Option<Spanned<AtMostDays<100>>>,
}

/// `[hooks]`: commands as a program and its arguments.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct HooksTable {
    /// After a refresh.
    pub refreshed: Option<Spanned<Vec<String>>>,
    /// When only a sign-in helps.
    pub login_required: Option<Spanned<Vec<String>>>,
    /// When refreshing begins to fail.
    pub failed: Option<Spanned<Vec<String>>>,
}

/// `[log]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct LogTable {
    /// The most detailed level that is written.
    pub level: Option<Spanned<Level>>,
    /// How a line looks.
    pub format: Option<Spanned<Format>>,
}

/// `log.level`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the levels of tracing")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// `log.format`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the variants of `config::LogFormat`")]
pub enum Format {
    Auto,
    Journald,
    Pretty,
    Json,
}

/// A mistake in the file, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct Error {
    /// The file as people write its path.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong and what is expected.
    pub message: String,
}

/// The text of the file with its name, which turns a span into a place.
#[derive(Debug)]
pub struct Source<'a> {
    name: &'a str,
    text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    /// `name` is the file as people write its path, `text` its content.
    pub fn new(name: &'a str, text: &'a str) -> Self {
        let lines = [0].into_iter().chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name, text, lines }
    }

    /// Reads the file; the first mistake is the error.
    pub fn parse(&self) -> Result<File, Error> {
        toml::from_str(self.text)
            .map_err(|error| self.error(error.span().unwrap_or_default(), in_our_words(error.message())))
    }

    /// An error at the place where `span` begins.
    pub fn error(&self, span: Range<usize>, message: impl fmt::Display) -> Error {
        let offset = span.start.min(self.text.len());
        let number = self.line(offset);
        let before = self.lines.get(number - 1).and_then(|start| self.text.as_bytes().get(*start..offset));
        let column = String::from_utf8_lossy(before.unwrap_or_default()).chars().count() + 1;
        Error { file: self.name.to_owned(), line: number, column, message: line(message) }
    }

    /// `FILE:LINE`, for saying where a value comes from.
    pub fn origin(&self, span: Range<usize>) -> String {
        format!("{}:{}", self.name, self.line(span.start))
    }

    /// The number of the line that holds `offset`.
    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset)
    }
}

/// serde's message in one line and in the words of TOML, with the nearest known key or value.
fn in_our_words(message: &str) -> String {
    let message = message.trim().replace('\n', ", ");
    for (theirs, ours) in [("unknown field `", "unknown key"), ("unknown variant `", "unknown value")] {
        if let Some(rest) = message.strip_prefix(theirs)
            && let Some((word, expected)) = rest.split_once("`, expected ")
        {
            let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
            return match nearest(word, known.iter().copied()) {
                Some(meant) => format!("{ours} `{word}`, did you mean `{meant}`?"),
                None => format!("{ours} `{word}`, expected one of {}", known.join(", ")),
            };
        }
    }
    if message == "duplicate key" {
        return "duplicate key: what it names is there already; keep one of the two".to_owned();
    }
    message
        .replace("invalid type: sequence", "invalid type: list")
        .replace("expected a sequence", "expected a list")
        .replace("expected a map", "expected a table")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        Source::new("config.toml", text).parse().unwrap_err().to_string()
    }

    const COMPLETE: &str = r#"
refresh_before = "20m"
default_session = "work"
import_aws_config = true
exclude = ["old-*"]
ca_bundle = "/etc/ssl/corp.pem"
proxy = "http://proxy:3128"
[session.work]
start_url = "https://example.awsapps.com/start"
region = "ca-central-1"
scopes = ["sso:account:access"]
refresh_before = "30m"
session_duration = "8h"
endpoint = "https://sso.example.com"
store = "file"
[listen]
address = "127.0.0.1:8080"
profiles = ["dev", "prod-*"]
token_file = "~/.config/sso-refresh/endpoint-token"
[notify]
desktop = true
warn_before_session_end = "15m"
[hooks]
refreshed = ["/usr/bin/true"]
login_required = ["/usr/bin/true", "x"]
failed = ["/usr/bin/true"]
[log]
level = "info"
format = "auto"
"#;

    #[test]
    fn reads_every_key() {
        let source = Source::new("config.toml", COMPLETE);
        let file = source.parse().unwrap();
        let work = &file.session["work"];
        assert_eq!(source.origin(work.span()), "config.toml:8");
        assert_eq!(work.get_ref().region.as_ref().unwrap().get_ref(), "ca-central-1");
        assert!(Source::new("config.toml", "").parse().is_ok());
    }

    #[test]
    fn mistakes_are_placed_and_say_what_is_expected() {
        for (text, expected) in [
            ("\nrefesh_before = \"20m\"", "2:1: unknown key `refesh_before`, did you mean `refresh_before`?"),
            ("[session.a]\n  startUrl = \"x\"", "2:3: unknown key `startUrl`, did you mean `start_url`?"),
            ("[session.a]\nrefresh = 1", "2:1: unknown key `refresh`, did you mean `refresh_before`?"),
            ("[hooks]\nlogin = []", "2:1: unknown key `login`, did you mean `login_required`?"),
            ("[notify]\ndesktops = true", "2:1: unknown key `desktops`, did you mean `desktop`?"),
            ("[sesion.a]", "1:2: unknown key `sesion`, did you mean `session`?"),
            ("[listen]\nzzz = 1", "2:1: unknown key `zzz`, expected one of address, profiles, token_file"),
            ("[log]\nlevel = \"inf\"", "2:9: unknown value `inf`, did you mean `info`?"),
            (
                "[log]\nformat = \"xml\"",
                "2:10: unknown value `xml`, expected one of auto, journald, pretty, json",
            ),
            ("import_aws_config = \"yes\"", "1:21: invalid type: string \"yes\", expected a boolean"),
            ("exclude = \"a\"", "1:11: invalid type: string \"a\", expected a list"),
            ("exclude = [1]", "1:12: invalid type: integer `1`, expected a string"),
            ("session = 1", "1:11: invalid type: integer `1`, expected a table"),
            ("session.a = 1", "1:13: invalid type: integer `1`, expected a table"),
            ("listen = 1", "1:10: invalid type: integer `1`, expected a table"),
            ("a = 1\na = 2", "2:1: duplicate key: what it names is there already; keep one of the two"),
            ("proxy = [1]", "1:9: invalid type: list, expected a string"),
            ("\"a\\u001b[31m\" = 1", "1:1: unknown key `a\\u{1b}[31m`, expected one of"),
            ("é = 1", "1:1: invalid unquoted key"),
            ("\"é\" = 1", "1:1: unknown key `é`"),
            ("proxy = \"é\" x", "1:13: "),
            ("refresh_before = ", "1:18: "),
        ] {
            let found = mistake(text);
            assert!(found.starts_with(&format!("config.toml:{expected}")), "{text:?}: {found}");
            assert!(!found.contains('\n'), "{found:?}");
        }
    }

    #[test]
    fn durations_are_placed() {
        for (value, expected) in [
            ("5", "1:18: invalid type: integer `5`, expected a duration such as \"20m\""),
            ("\"5\"", "1:18: `5` is not a duration: write it like \"90s\", \"20m\" or \"8h\""),
            ("\"-5m\"", "1:18: `-5m` is not a duration: write it like \"90s\", \"20m\" or \"8h\""),
            ("\"1000y\"", "1:18: `1000y` is longer than 100 days"),
            ("\"0s\"", "1:18: a duration must be more than nothing"),
        ] {
            assert_eq!(mistake(&format!("refresh_before = {value}")), format!("config.toml:{expected}"));
        }
        assert_eq!(
            mistake("[session.a]\nsession_duration = \"91d\""),
            "config.toml:2:20: `91d` is longer than 90 days"
        );
    }

    proptest::proptest! {
        #![proptest_config(crate::config::tests::same_every_time())]

        #[test]
        fn never_panics(text in "(?s).{0,200}") {
            let _ = Source::new("config.toml", &text).parse();
        }

        #[test]
        fn a_damaged_file_never_panics(at in 0..COMPLETE.len(), junk in "[\\[\\]\"'=.,{}\n\u{e9}a-z#0]{0,4}") {
            let mut text = COMPLETE.to_owned();
            text.replace_range(at..=at, &junk);
            if let Err(error) = Source::new("config.toml", &text).parse() {
                proptest::prop_assert!(error.line >= 1 && error.column >= 1);
            }
        }
    }
}
