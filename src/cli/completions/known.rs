//! [`Known`]: what can be named on a command line: sessions and profiles, and the accounts and roles of the profiles.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::PathBuf,
    sync::Arc,
};

use clap::{Arg, Command, ValueHint};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};

use super::answer::FILES;
use crate::config::{self, Settings, environment::Environment, paths::Paths, resolve_profile};

/// Names, each with what it stands for.
type Names = BTreeMap<String, String>;

/// What the configuration files name.
#[derive(Debug, Default)]
pub(super) struct Known {
    sessions: Names,
    profiles: Names,
    accounts: Names,
    roles: Names,
}

impl Known {
    /// By the files that a command with these words would use. Nothing where there is a mistake in one.
    pub(super) fn at(words: &[OsString]) -> Self {
        let env = Environment::current();
        let config = config_flag(words);
        let settings = Paths::resolve(&env, config.as_deref()).ok().map(|paths| config::load(&paths, &env));
        settings.and_then(Result::ok).as_ref().map(Self::of).unwrap_or_default()
    }

    fn of(settings: &Settings) -> Self {
        let mut known = Self::default();
        for (name, session) in &settings.sessions {
            known.sessions.insert(name.clone(), session.start_url.clone().unwrap_or_default());
        }
        for profile in &settings.profiles {
            let Ok(role) = resolve_profile(settings, &profile.name) else { continue };
            known.profiles.insert(
                profile.name.clone(),
                format!("{} in {} ({})", role.name, role.account, role.session),
            );
            for (names, name) in [(&mut known.accounts, role.account), (&mut known.roles, role.name)] {
                let used_by = names.entry(name).or_default();
                if !used_by.is_empty() {
                    used_by.push_str(", ");
                }
                used_by.push_str(&profile.name);
            }
        }
        known
    }

    /// `command` with candidates for each argument that stands for something known, by the argument's id; and with
    /// [`FILES`] for each that is a path.
    pub(super) fn tell(self, command: Command) -> Command {
        tell(command, &Arc::new(self))
    }

    fn names(&self, id: &str) -> Option<&Names> {
        match id {
            "session" | "sessions" => Some(&self.sessions),
            "profile" => Some(&self.profiles),
            "account" => Some(&self.accounts),
            "role" => Some(&self.roles),
            _ => None,
        }
    }
}

fn tell(command: Command, known: &Arc<Known>) -> Command {
    command
        .mut_args(|argument| tell_argument(argument, known))
        .mut_subcommands(|command| tell(command, known))
}

fn tell_argument(argument: Arg, known: &Arc<Known>) -> Arg {
    let id = argument.get_id().to_string();
    if known.names(&id).is_some() {
        let known = Arc::clone(known);
        let candidates = move || known.names(&id).into_iter().flatten().map(candidate).collect();
        return argument.add(ArgValueCandidates::new(candidates));
    }
    if matches!(argument.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath) {
        return argument.add(ArgValueCompleter::new(|_: &OsStr| vec![CompletionCandidate::new(FILES)]));
    }
    argument
}

fn candidate((name, meaning): (&String, &String)) -> CompletionCandidate {
    CompletionCandidate::new(name).help((!meaning.is_empty()).then(|| config::line(meaning).into()))
}

/// The value of `--config`, with the home directory in the place of `~`, as the shell would have it.
fn config_flag(words: &[OsString]) -> Option<PathBuf> {
    let mut words = words.iter().take_while(|word| *word != "--").filter_map(|word| word.to_str());
    let given = loop {
        let word = words.next()?;
        if word == "--config" {
            break words.next()?;
        }
        if let Some(value) = word.strip_prefix("--config=") {
            break value;
        }
    };
    match (given.strip_prefix("~/"), env::home_dir()) {
        (Some(rest), Some(home)) => Some(home.join(rest)),
        _ => Some(given.into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_flag_names_the_file() {
        for (line, expected) in [
            ("sso-refresh login --config a.toml ", Some("a.toml")),
            ("sso-refresh --config=a.toml login", Some("a.toml")),
            ("sso-refresh login --config", None),
            ("sso-refresh exec -- x --config a.toml", None),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(config_flag(&words), expected.map(PathBuf::from), "{line}");
        }
    }

    /// Whoever adds an argument for a session or a profile under another id has its completion in mind.
    #[test]
    fn each_argument_that_is_a_session_or_a_profile_has_candidates() {
        fn look(command: &Command, found: &mut usize) {
            for argument in command.get_arguments() {
                let names = argument.get_value_names().into_iter().flatten();
                let means_one =
                    names.clone().any(|name| ["SESSION", "SESSIONS", "PROFILE"].contains(&name.as_str()));
                *found += usize::from(means_one);
                let has = argument.get::<ArgValueCandidates>().is_some();
                assert!(has || !means_one, "{} of {}", argument.get_id(), command.get_name());
            }
            command.get_subcommands().for_each(|command| look(command, found));
        }
        let mut found = 0;
        let mut cli = Known::default().tell(Cli::command());
        cli.build();
        look(&cli, &mut found);
        assert!(found > 10, "{found}");
    }
}
