//! [`failure`]: what is wrong with the command line, in one line.

use std::{error::Error as _, ffi::OsString};

use clap::{
    Command, CommandFactory,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use super::{
    Cli,
    exit::{self, Failure},
};
use crate::config;

/// What is to be said of `error`, which reading `line`, a command line without the program's name, has come to; none
/// where clap has a text to print: the help, or the version.
pub(super) fn failure(error: &Error, line: impl Iterator<Item = OsString>) -> Option<Failure> {
    let asked_for = [
        ErrorKind::DisplayHelp,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ErrorKind::DisplayVersion,
    ];
    if asked_for.contains(&error.kind()) {
        return None;
    }
    let mut cli = Cli::command();
    cli.build();
    let (path, command) = named(&cli, line);
    let mut said = said(error);
    // A command behind which another one stands.
    if error.kind() == ErrorKind::UnknownArgument && command.get_positionals().any(clap::Arg::is_last_set) {
        said.push_str(": the command to run stands behind `--`");
    }
    Some(Failure::new(exit::USAGE, config::line(format_args!("{said}; see `{path} --help`"))))
}

/// What is wrong, and what may have been meant.
fn said(error: &Error) -> String {
    let arg = || text(error, ContextKind::InvalidArg);
    let value = || text(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let arg = arg();
            let kind = if arg.starts_with('-') { "unknown option" } else { "unexpected argument" };
            format!("{kind} `{arg}`{}", meant(error, ContextKind::SuggestedArg))
        }
        ErrorKind::InvalidSubcommand => {
            let name = text(error, ContextKind::InvalidSubcommand);
            format!("unknown command `{name}`{}", meant(error, ContextKind::SuggestedSubcommand))
        }
        ErrorKind::InvalidValue => {
            let (arg, value, valid) = (arg(), value(), text(error, ContextKind::ValidValue));
            let takes = if valid.is_empty() { String::new() } else { format!(": it takes {valid}") };
            if value.is_empty() {
                format!("`{arg}` needs a value{takes}")
            } else {
                format!(
                    "`{arg}` can't be `{value}`{}{takes}",
                    meant(error, ContextKind::SuggestedValue).trim_end_matches('?')
                )
            }
        }
        ErrorKind::ValueValidation => {
            let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            format!("`{}` can't be `{}`{why}", arg(), value())
        }
        ErrorKind::MissingRequiredArgument => format!("`{}` is missing", arg()),
        ErrorKind::ArgumentConflict => {
            let (arg, prior) = (arg(), text(error, ContextKind::PriorArg));
            if prior.is_empty() || prior == arg {
                format!("`{arg}` can be given only once")
            } else {
                format!("`{arg}` and `{prior}` exclude each other: leave one of them out")
            }
        }
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".into(),
        // Of the others none can come of the commands that there are; clap's own words, should one come.
        _ => {
            let said = error.render().to_string();
            said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    }
}

/// `, did you mean …?`, where clap has an idea.
fn meant(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        // The best one is the last.
        Some(ContextValue::Strings(all)) => all.last().map(String::as_str),
        Some(ContextValue::String(one)) => Some(one.as_str()),
        _ => None,
    }
    .map(|meant| format!(", did you mean `{meant}`?"))
    .unwrap_or_default()
}

fn text(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::Strings(all)) => {
            let separator = if kind == ContextKind::ValidValue { ", " } else { "` and `" };
            all.join(separator)
        }
        Some(ContextValue::String(one)) => one.clone(),
        _ => String::new(),
    }
}

/// The command that `line` names, as far as it names one, and how it is called.
fn named(cli: &Command, mut line: impl Iterator<Item = OsString>) -> (String, &Command) {
    let mut path = cli.get_name().to_owned();
    let mut command = cli;
    while let Some(word) = line.next() {
        let word = word.to_string_lossy();
        if word == "--" {
            break;
        }
        if let Some(named) = command.find_subcommand(&*word) {
            path = format!("{path} {}", named.get_name());
            command = named;
        } else if takes_a_value(command, &word) {
            line.next();
        }
    }
    (path, command)
}

/// Whether the next word is the value of the option that is `word`.
fn takes_a_value(command: &Command, word: &str) -> bool {
    let option = word
        .strip_prefix("--")
        .and_then(|long| command.get_arguments().find(|argument| argument.get_long() == Some(long)));
    option.is_some_and(|option| option.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn told(line: &str) -> String {
        let words = || line.split(' ');
        let error = Cli::try_parse_from(["sso-refresh"].into_iter().chain(words())).unwrap_err();
        let failure = failure(&error, words().map(OsString::from)).unwrap();
        assert_eq!(failure.code(), exit::USAGE);
        failure.into_line()
    }

    #[test]
    fn each_mistake_is_a_line_with_what_to_do() {
        for (line, expected) in [
            ("tokn", "unknown command `tokn`, did you mean `token`?; see `sso-refresh --help`"),
            ("xyz", "unknown command `xyz`; see `sso-refresh --help`"),
            (
                "service strat",
                "unknown command `strat`, did you mean `start`?; see `sso-refresh service --help`",
            ),
            (
                "login --reneww",
                "unknown option `--reneww`, did you mean `--renew`?; see `sso-refresh login --help`",
            ),
            (
                "--config login service install --forc",
                "unknown option `--forc`, did you mean `--force`?; see `sso-refresh service install --help`",
            ),
            ("run -x", "unknown option `-x`; see `sso-refresh run --help`"),
            ("run work", "unexpected argument `work`; see `sso-refresh run --help`"),
            (
                "--color",
                "`--color <WHEN>` needs a value: it takes auto, always, never; see `sso-refresh --help`",
            ),
            (
                "run --color alway",
                "`--color <WHEN>` can't be `alway`, did you mean `always`: it takes auto, always, never; \
                 see `sso-refresh run --help`",
            ),
            ("login --port", "`--port <PORT>` needs a value; see `sso-refresh login --help`"),
            (
                "login --port 70000",
                "`--port <PORT>` can't be `70000`: 70000 is not in 0..=65535; see `sso-refresh login --help`",
            ),
            (
                "token --min-validity soon",
                "`--min-validity <DURATION>` can't be `soon`: write it like \"90s\", \"20m\" or \"8h\"; see `sso-refresh token --help`",
            ),
            ("roles", "`--account <ID>` is missing; see `sso-refresh roles --help`"),
            ("exec --profile dev", "`<COMMAND>...` is missing; see `sso-refresh exec --help`"),
            (
                "exec --profile dev env",
                "unexpected argument `env`: the command to run stands behind `--`; see `sso-refresh exec --help`",
            ),
            ("credentials --account 1", "`--role <NAME>` is missing; see `sso-refresh credentials --help`"),
            (
                "refresh work --all",
                "`[SESSION]` and `--all` exclude each other: leave one of them out; see `sso-refresh refresh --help`",
            ),
            (
                "login --code x --all --renew",
                "`--code <CODE>` and `--all` and `--renew` exclude each other: leave one of them out; \
                 see `sso-refresh login --help`",
            ),
            ("token --json --json", "`--json` can be given only once; see `sso-refresh token --help`"),
            ("run --all=\u{1b}[31m\n", "unknown option `--all`; see `sso-refresh run --help`"),
            ("token \u{1b}[31m\n x", "unexpected argument `x`; see `sso-refresh token --help`"),
            ("a\u{1b}[31m\nb", "unknown command `a\\u{1b}[31m\\nb`; see `sso-refresh --help`"),
            (
                "run --quiet=yes",
                "unexpected value 'yes' for '--quiet' found; no more were expected; see `sso-refresh run --help`",
            ),
        ] {
            let told = told(line);
            assert_eq!(told, expected, "{line}");
            assert!(!told.contains('\n'), "{line}");
        }
    }

    #[test]
    fn what_is_not_unicode_is_said() {
        use std::os::unix::ffi::OsStringExt;
        let line = || ["token".into(), OsString::from_vec(vec![0xff])].into_iter();
        let error =
            Cli::try_parse_from([OsString::from("sso-refresh")].into_iter().chain(line())).unwrap_err();
        let told = failure(&error, line()).unwrap().into_line();
        assert_eq!(told, "an argument is not UTF-8; see `sso-refresh token --help`");
    }

    #[test]
    fn help_and_version_are_left_to_clap() {
        for line in ["--help", "-h", "--version", "token --help", "service", "config", ""] {
            let line: Vec<&str> = line.split_whitespace().collect();
            let error = Cli::try_parse_from(["sso-refresh"].iter().chain(&line)).unwrap_err();
            assert!(failure(&error, line.iter().map(OsString::from)).is_none(), "{line:?}");
        }
    }
}
