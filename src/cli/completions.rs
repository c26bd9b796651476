//! `sso-refresh completions`: the script by which a shell completes the command line, and the answers to it.
//!
//! The scripts know nothing of the command line: at each press of the key they run this program with [`ASKS`] set to
//! the shell's name and what was typed behind `--`, and get the candidates in the form that the shell takes. So they
//! hold for later versions too, and know the sessions and profiles of the moment. A question is answered from
//! configuration files alone, and whatever fails ends in no candidates.

mod answer;
mod bash_line;
mod known;

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
};

use clap::{CommandFactory, ValueEnum};

use self::{answer::Answer, bash_line::BashLine, known::Known};
use super::{
    Cli,
    exit::{self, Failure},
    out,
};

/// Set by the scripts, to the name of their shell.
const ASKS: &str = "SSO_REFRESH_COMPLETE";

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "The first lines of each script say where to put it. For bash:\n\n  \
                  cd ~/.local/share && mkdir -p bash-completion/completions\n  \
                  sso-refresh completions bash > bash-completion/completions/sso-refresh\n\n\
                  Commands, options, and the names of your sessions and profiles are completed.")]
pub(super) struct Args {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// A shell that can be told how to complete.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    out::text(args.shell.script())?;
    Ok(exit::DONE)
}

/// Answers where a script asks; else there is nothing to do here.
pub(super) fn answered() -> bool {
    let Some(shell) = env::var_os(ASKS) else { return false };
    let words = env::args_os().skip(1).skip_while(|word| word != "--").skip(1);
    if let Some(text) = shell.to_str().and_then(|name| answer(name, words.collect())) {
        // A shell that reads no more wants no more.
        drop(io::stdout().write_all(text.as_bytes()));
    }
    true
}

/// The candidates for the last of `words` in the form of that shell. Bash gives its break characters and the line.
fn answer(shell: &str, words: Vec<OsString>) -> Option<String> {
    let shell = Shell::from_str(shell, false).ok()?;
    let (words, line) = match shell {
        Shell::Bash => {
            let [breaks, line] = words.try_into().ok()?;
            let line = BashLine::parse(line.to_str()?, breaks.to_str()?);
            (line.words().map(OsString::from).collect(), Some(line))
        }
        // An empty argument would not come through, so there is a character before the last one.
        Shell::Powershell => {
            let mut words = words;
            let last = words.pop()?.to_str()?.get(1..)?.to_owned();
            words.push(last.into());
            (words, None)
        }
        Shell::Elvish | Shell::Fish | Shell::Zsh => (words, None),
    };
    let known = Known::at(&words);
    let answer = Answer::to(known.tell(Cli::command()), words)?;
    Some(match (shell, line) {
        (Shell::Bash, Some(line)) => answer.bash(&line),
        (Shell::Zsh, _) => answer.zsh(),
        (Shell::Powershell, _) => answer.powershell(),
        _ => answer.lines(),
    })
}

impl Shell {
    fn script(self) -> &'static str {
        match self {
            Self::Bash => include_str!("completions/scripts/sso-refresh.bash"),
            Self::Elvish => include_str!("completions/scripts/sso-refresh.elv"),
            Self::Fish => include_str!("completions/scripts/sso-refresh.fish"),
            Self::Powershell => include_str!("completions/scripts/sso-refresh.ps1"),
            Self::Zsh => include_str!("completions/scripts/_sso-refresh"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_asks_by_the_name_of_its_shell() {
        for shell in Shell::value_variants() {
            let name = shell.to_possible_value().unwrap();
            let name = name.get_name();
            let script = shell.script();
            assert!(script.starts_with('#') && script.is_ascii(), "{name}");
            let asks = [format!("{ASKS}={name} "), format!("{ASKS} = '{name}'")];
            assert!(asks.iter().any(|asks| script.contains(asks)), "{name}: {script}");
        }
    }

    #[test]
    fn a_bad_question_has_no_answer() {
        for (shell, words) in [
            ("tcsh", &["sso-refresh", ""][..]),
            ("", &[]),
            ("fish", &[]),
            ("bash", &["sso-refresh"]),
            ("bash", &["", ""]),
            ("zsh", &["sso-refresh"]),
            ("powershell", &[]),
            ("powershell", &["sso-refresh", ""]),
        ] {
            let answer = answer(shell, words.iter().map(OsString::from).collect());
            assert_eq!(answer.unwrap_or_default(), "", "{shell} {words:?}");
        }
    }
}
