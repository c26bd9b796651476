//! [`Dotenv`]: a `.env` file as the library [dotenv](https://github.com/motdotla/dotenv) of Node.js reads it.
//!
//! Its readers in Rust replace `$NAME` by variables of the environment, and refuse what it takes: the same file would
//! hold another secret.

use std::collections::HashMap;

use regex_lite::Regex;
use zeroize::Zeroizing;

use crate::session::token::Secret;

/// The pattern of dotenv 14 to 17, whose successor reads the same, but for the start of a line, which it matches twice. The groups are the name and
/// what stands behind it.
const ENTRY: &str = r#"(?m)^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$"#;

/// What stands between these is taken as it is.
const QUOTES: [char; 3] = ['\'', '"', '`'];

/// The values by name: of two with one name, the last.
#[derive(Debug)]
pub(super) struct Dotenv(HashMap<String, Entry>);

/// A value with its place.
#[derive(Debug)]
pub(super) struct Entry {
    /// What it is; it may be empty.
    pub(super) value: Secret,
    /// Where its name stands, from 1.
    pub(super) line: usize,
    /// Whether it begins with a quote that nothing ends: dotenv takes the quote for a part of it.
    pub(super) unclosed: bool,
}

impl Dotenv {
    /// Reads the whole file. What is no entry is passed over.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
        let text = Zeroizing::new(text.replace("\r\n", "\n").replace('\r', "\n"));
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        #[expect(clippy::expect_used, reason = "it is a constant, and every test of this file compiles it")]
        let pattern = Regex::new(ENTRY).expect("the pattern compiles");
        let entry = |found: regex_lite::Captures<'_>| {
            let name = found.get(1)?;
            let line = text[..name.start()].matches('\n').count() + 1;
            let (value, unclosed) = value(found.get(2).map_or("", |value| value.as_str()).trim());
            Some((name.as_str().to_owned(), Entry { value, line, unclosed }))
        };
        Self(pattern.captures_iter(text).filter_map(entry).collect())
    }

    /// The value under `name`, were it empty.
    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }
}

/// Takes the quotes off; whether they are not closed.
fn value(written: &str) -> (Secret, bool) {
    let Some(quote) = QUOTES.into_iter().find(|quote| written.starts_with(*quote)) else {
        return (Secret::new(written), false);
    };
    match written[1..].strip_suffix(quote) {
        Some(inner) if quote == '"' => {
            let unescaped = Zeroizing::new(inner.replace("\\n", "\n"));
            (Secret::new(unescaped.replace("\\r", "\r")), false)
        }
        Some(inner) => (Secret::new(inner), false),
        None => (Secret::new(written), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_dotenv_reads() {
        for (text, expected) in [
            ("A=abc", Some("abc")),
            ("A=abc\r\nB=x\r\n", Some("abc")),
            ("\u{feff}A=abc", Some("abc")),
            ("  export  A = abc  ", Some("abc")),
            ("A: abc", Some("abc")),
            ("A=first\nA=abc", Some("abc")),
            ("A='a b#c'", Some("a b#c")),
            ("A=\"a b#c\" # more", Some("a b#c")),
            ("A=`a'b\"c`", Some("a'b\"c")),
            ("A=\"a\\nb\"", Some("a\nb")),
            ("A='a\\nb'", Some("a\\nb")),
            ("A=\"a\nB=1\"", Some("a\nB=1")),
            ("A=abc # why", Some("abc")),
            ("A=abc#why", Some("abc")),
            ("A=two words", Some("two words")),
            ("A=$HOME${HOME}\\$", Some("$HOME${HOME}\\$")),
            ("A=a=b==", Some("a=b==")),
            ("A=", Some("")),
            ("A", None),
            ("# A=abc", None),
            ("B=abc", None),
        ] {
            let found = Dotenv::parse(text.as_bytes());
            let found = found.get("A").map(|entry| (entry.value.expose(), entry.unclosed));
            assert_eq!(found, expected.map(|value| (value, false)), "{text:?}");
        }
    }

    #[test]
    fn knows_the_line_and_a_quote_that_is_not_closed() {
        for (text, line, unclosed) in [
            ("A=1", 1, false),
            ("\n\n# x\nB=2\n\n  A=1", 6, false),
            ("B=\"2\n3\"\nA=1", 3, false),
            ("B=1\nA=\"abc", 2, true),
            ("B=1\nA='abc\nC=1", 2, true),
        ] {
            let found = Dotenv::parse(text.as_bytes());
            let entry = found.get("A").unwrap();
            assert_eq!((entry.line, entry.unclosed), (line, unclosed), "{text:?}");
        }
    }

    #[test]
    fn shows_no_value() {
        let shown = format!("{:?}", Dotenv::parse(b"A=planted\nB=\"planted"));
        assert!(!shown.contains("planted"), "{shown}");
    }
}
