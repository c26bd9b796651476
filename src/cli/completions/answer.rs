//! [`Answer`]: the candidates for a word, in the form of each shell.

use std::ffi::OsString;

use clap::Command;
use clap_complete::engine::{CompletionCandidate, complete};

use super::bash_line::BashLine;

/// The candidate that stands for the files, which the shell lists by itself: it knows of `~` and its own quotes.
pub(super) const FILES: &str = "\u{0}files";

/// The longest text beside a candidate, in characters.
const MEANING_MAX: usize = 100;

/// What a word can become.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    candidates: Vec<Candidate>,
    /// A path is wanted; these are not among the candidates.
    files: bool,
}

#[derive(Debug, PartialEq)]
struct Candidate {
    value: String,
    /// One line, or nothing.
    meaning: String,
}

impl Answer {
    /// What the last of `words` can become; none where nothing can be told of it.
    pub(super) fn to(mut command: Command, words: Vec<OsString>) -> Option<Self> {
        let typed = words.last()?.to_str()?.to_owned();
        let index = words.len().checked_sub(1).filter(|index| *index > 0)?;
        let found = complete(&mut command, words, index, None).ok()?;
        let mut answer = Self::default();
        for candidate in &found {
            match candidate.get_value().to_str() {
                Some(value) if value.ends_with(FILES) => answer.files = true,
                Some(value) if !value.contains(['\n', '\r', '\t', '\0']) && value.starts_with(&typed) => {
                    answer
                        .candidates
                        .push(Candidate { value: value.to_owned(), meaning: meaning(candidate) });
                }
                _ => {}
            }
        }
        // Names alone, where there are any, until somebody begins an option.
        let is_option = |candidate: &Candidate| candidate.value.starts_with('-');
        if !typed.starts_with('-') && (answer.files || !answer.candidates.iter().all(is_option)) {
            answer.candidates.retain(|candidate| !is_option(candidate));
        }
        Some(answer)
    }

    /// `files` or `words` in the first line, then what takes the place of bash's current word, quoted as the line is.
    pub(super) fn bash(&self, line: &BashLine) -> String {
        let replies = self.candidates.iter().filter_map(|candidate| line.reply(&candidate.value));
        self.headed(replies)
    }

    /// The same with `VALUE:MEANING` as `_describe` takes it; the colons of a value are escaped.
    pub(super) fn zsh(&self) -> String {
        self.headed(self.candidates.iter().map(|Candidate { value, meaning }| {
            let value = value.replace('\\', "\\\\").replace(':', "\\:");
            if meaning.is_empty() { value } else { format!("{value}:{}", meaning.replace('\\', "\\\\")) }
        }))
    }

    /// The same with `VALUE<TAB>MEANING`, for shells that quote by themselves.
    pub(super) fn lines(&self) -> String {
        self.headed(self.candidates.iter().map(|Candidate { value, meaning }| format!("{value}\t{meaning}")))
    }

    /// The same with what is to be shown between the text, which is quoted where it must be, and the meaning.
    pub(super) fn powershell(&self) -> String {
        self.headed(self.candidates.iter().map(|Candidate { value, meaning }| {
            let plain = |c: char| c.is_alphanumeric() || "-_./:=+".contains(c);
            let quoted = if value.chars().all(plain) {
                value.clone()
            } else {
                // PowerShell takes these for quotes too.
                let doubled = ["'", "\u{2018}", "\u{2019}", "\u{201a}", "\u{201b}"]
                    .iter()
                    .fold(value.clone(), |value, quote| value.replace(quote, &quote.repeat(2)));
                format!("'{doubled}'")
            };
            // A tool tip must not be empty.
            let meaning = if meaning.is_empty() { value } else { meaning };
            format!("{quoted}\t{value}\t{meaning}")
        }))
    }

    fn headed(&self, lines: impl Iterator<Item = String>) -> String {
        let head = if self.files { "files" } else { "words" };
        let mut text = format!("{head}\n");
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

fn meaning(candidate: &CompletionCandidate) -> String {
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    let line = help.lines().next().unwrap_or_default().replace('\t', " ");
    if line.chars().count() <= MEANING_MAX {
        return line;
    }
    line.chars().take(MEANING_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use clap::Arg;
    use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

    use super::*;

    fn answer(typed: &str) -> Answer {
        let names = || {
            ["work", "my sso", "a:b", "it's", "x\ny"]
                .into_iter()
                .map(|name| CompletionCandidate::new(name).help(Some(format!("of {name}\nmore").into())))
                .collect()
        };
        let command =
            Command::new("p")
                .arg(Arg::new("session").add(ArgValueCandidates::new(names)))
                .arg(Arg::new("all").long("all").help("All\tof them").action(clap::ArgAction::SetTrue))
                .arg(Arg::new("config").long("config").add(ArgValueCompleter::new(|_: &std::ffi::OsStr| {
                    vec![CompletionCandidate::new(FILES)]
                })));
        Answer::to(command, typed.split('|').map(OsString::from).collect()).unwrap()
    }

    #[test]
    fn names_come_before_options_and_none_has_a_line_of_its_own() {
        assert_eq!(
            answer("p|").lines(),
            "words\nwork\tof work\nmy sso\tof my sso\na:b\tof a:b\nit's\tof it's\n"
        );
        assert_eq!(answer("p|--a").lines(), "words\n--all\tAll of them\n");
        assert!(answer("p|work|").lines().contains("--all"), "there is nothing else");
        assert_eq!(answer("p|nope").lines(), "words\n");
        for line in ["p|--config|", "p|--config|/e", "p|--config=/e"] {
            assert_eq!(answer(line).lines(), "files\n", "{line}");
        }
    }

    #[test]
    fn each_shell_gets_its_own_form() {
        assert_eq!(answer("p|a").zsh(), "words\na\\:b:of a:b\n");
        assert_eq!(answer("p|i").powershell(), "words\n'it''s'\tit's\tof it's\n");
        assert_eq!(answer("p|w").powershell(), "words\nwork\twork\tof work\n");
        let bash = |line| answer("p|my").bash(&BashLine::parse(line, " \t\n\"'@><=;|&(:"));
        assert_eq!(bash("p my"), "words\nmy\\ sso\n");
        assert_eq!(bash("p 'my"), "words\nmy sso\n");
    }

    #[test]
    fn a_long_meaning_ends_in_an_ellipsis() {
        let candidate = CompletionCandidate::new("x").help(Some("y".repeat(200).into()));
        assert_eq!(meaning(&candidate).chars().count(), MEANING_MAX);
        assert!(meaning(&candidate).ends_with('…'));
    }
}
