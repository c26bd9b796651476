//! [`recipe`]: the line of the AWS config file that makes AWS programs ask this one.

use super::format::quoted_for_sh;
use crate::cli::{
    exit::{self, Failure},
    program,
};

/// `credential_process = /path/to/sso-refresh credentials …`: some SDKs run it in a shell and some without one, so the
/// path is absolute and every word that needs it is quoted as both understand. `flags` have a value each.
pub(in crate::cli) fn recipe(flags: &[(&str, &str)]) -> Result<String, Failure> {
    let unfit = |what: &str| {
        let message =
            format!("{what} can't stand in the AWS config file: use a name without line ends, ` #` and ` ;`");
        Err(Failure::new(exit::USAGE, message))
    };
    let program = program::path()?;
    let Some(program) = program.to_str() else { return unfit("the path of this program") };
    let mut line = String::from("credential_process =");
    let arguments = flags.iter().flat_map(|(flag, value)| match value {
        // As a word of its own it would be taken for a flag.
        value if value.starts_with('-') => vec![format!("{flag}={value}")],
        value => vec![(*flag).to_owned(), (*value).to_owned()],
    });
    for word in [program.to_owned(), "credentials".to_owned()].into_iter().chain(arguments) {
        // What the file's parsers take for the end of a line or for a comment no quotes can save.
        if word.chars().any(char::is_control) || word.contains(" #") || word.contains(" ;") {
            return unfit(&format!("`{}`", crate::config::line(&word)));
        }
        line.push(' ');
        line.push_str(&quoted(&word));
    }
    Ok(line)
}

/// A word of a command line, in quotes where a shell would make something else of it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut text = String::new();
    quoted_for_sh(word, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn words_are_quoted_where_they_must_be() {
        let words = |flags: &[(&str, &str)]| {
            let line = recipe(flags).unwrap();
            let (start, rest) = line.split_once(" = ").unwrap();
            assert_eq!(start, "credential_process");
            let (program, rest) = rest.split_once(' ').unwrap();
            assert!(Path::new(program.trim_matches('\'')).is_absolute(), "{line}");
            rest.to_owned()
        };
        for (value, expected) in [
            ("dev", "--profile dev"),
            ("my dev", "--profile 'my dev'"),
            ("it's", r"--profile 'it'\''s'"),
            ("a$b", "--profile 'a$b'"),
            ("", "--profile ''"),
            ("-dev", "--profile=-dev"),
            ("--my dev", "'--profile=--my dev'"),
        ] {
            assert_eq!(words(&[("--profile", value)]), format!("credentials {expected}"));
        }
        assert_eq!(words(&[("--account", "1"), ("--role", "R")]), "credentials --account 1 --role R");
        for unfit in ["a\nb", "a #b", "a ;b"] {
            assert_eq!(recipe(&[("--profile", unfit)]).unwrap_err().code(), exit::USAGE);
        }
    }
}
