//! [`Header`]: what a section describes.

use std::fmt;

use super::{
    ini::FileKind,
    warning::{
        Client::{Botocore, JavaScript, Rust},
        Effect::{File, Section},
        Rejections,
    },
};

/// The kinds of sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `[default]` of the config file, which a `[profile default]` beside it overrules.
    Default,
    /// `[profile NAME]`, and every section of the credentials file.
    Profile,
    /// `[sso-session NAME]`.
    SsoSession,
    /// `[services NAME]`.
    Services,
    /// Any other, which AWS programs ignore.
    Other,
}

/// The line that begins a section.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// What it describes.
    pub kind: Kind,
    /// Its name, without quotes.
    pub name: String,
}

/// Something odd, with who rejects it.
pub type Oddity = (String, Rejections);

impl Header {
    /// Reads a line that begins with `[`; none where it has no meaning.
    pub fn parse(line: &str, file: FileKind) -> (Option<Self>, Vec<Oddity>) {
        let mut oddities = Vec::new();
        let Some((inside, after)) = line.trim_start_matches('[').split_once(']') else {
            let all = vec![(Botocore, File), (JavaScript, Section), (Rust, File)];
            return (None, vec![("a section header has no `]`".to_owned(), all)]);
        };
        if let Some(rejected_by) = rejects_after(after) {
            oddities.push((format!("there is text after the `]` of [{inside}]"), rejected_by));
        }
        let header = if file == FileKind::Credentials {
            Self { kind: Kind::Profile, name: inside.trim().to_owned() }
        } else {
            Self::of_config(inside, &mut oddities)
        };
        (Some(header), oddities)
    }

    fn of_config(inside: &str, oddities: &mut Vec<Oddity>) -> Self {
        let trimmed = inside.trim();
        let (word, rest) = trimmed.split_once([' ', '\t']).unwrap_or((trimmed, ""));
        let kind = match word {
            "default" if rest.is_empty() => {
                return Self { kind: Kind::Default, name: "default".to_owned() };
            }
            "profile" if !rest.is_empty() => Kind::Profile,
            "sso-session" if !rest.is_empty() => Kind::SsoSession,
            "services" if !rest.is_empty() => Kind::Services,
            _ => return Self { kind: Kind::Other, name: trimmed.to_owned() },
        };
        let quoted = rest.trim();
        let name = unquoted(quoted);
        if inside.starts_with([' ', '\t']) {
            let rejected_by = vec![(Botocore, Section), (JavaScript, Section)];
            oddities.push((format!("there is a blank after the `[` of [{inside}]"), rejected_by));
        } else if rest != quoted || inside != trimmed {
            let what = format!("there is a blank too much in [{inside}]");
            oddities.push((what, vec![(JavaScript, Section)]));
        }
        if let Some((what, rejected_by)) = rejects_name(quoted, name) {
            oddities.push((format!("the name in [{inside}] {what}"), rejected_by));
        }
        Self { kind, name: name.to_owned() }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name } = self;
        match kind {
            Kind::Default | Kind::Other => write!(f, "[{name}]"),
            Kind::Profile => write!(f, "[profile {name}]"),
            Kind::SsoSession => write!(f, "[sso-session {name}]"),
            Kind::Services => write!(f, "[services {name}]"),
        }
    }
}

/// Whether every AWS program takes this as the name of a section, unquoted.
pub fn portable_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-/.%@:+".contains(c))
}

fn unquoted(text: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .filter(|name| !name.is_empty())
        .unwrap_or(text)
}

fn rejects_name(quoted: &str, name: &str) -> Option<(&'static str, Rejections)> {
    if portable_name(quoted) {
        None
    } else if portable_name(name) {
        Some(("is quoted", vec![(Rust, Section)]))
    } else if name == quoted && name.contains([' ', '\t']) {
        let all = vec![(Botocore, Section), (JavaScript, Section), (Rust, Section)];
        Some(("has a blank and is not quoted", all))
    } else {
        Some((
            "has characters other than letters, digits and `_-/.%@:+`",
            vec![(JavaScript, Section), (Rust, Section)],
        ))
    }
}

fn rejects_after(after: &str) -> Option<Rejections> {
    let text = after.trim_start();
    let comment = text.starts_with(['#', ';']);
    let mut rejected_by = Vec::new();
    if after.contains(']') {
        // botocore takes everything up to the last bracket for the name.
        rejected_by.push((Botocore, Section));
    }
    let comment_after_blank = comment && text.len() < after.len();
    if !text.is_empty() && !comment_after_blank {
        rejected_by.push((JavaScript, Section));
    }
    if !text.is_empty() && !comment {
        rejected_by.push((Rust, File));
    }
    (!rejected_by.is_empty()).then_some(rejected_by)
}
