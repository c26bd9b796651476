//! The daemon as a service of the user: which files make it one, what stands in their places, and which commands
//! bring it up and down. Nothing is done here: [`Step`]s say what is to be done.
//!
//! The files are those of `packaging/`, with the places of this machine in them.

pub mod carried;
pub mod launchd;
mod mark;
mod state;
pub mod systemd;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub use self::{
    carried::Carried,
    mark::Standing,
    state::{Activity, State},
};
use crate::{config::paths::Paths, platform::Supervisor};

/// What the unit and the agent are called.
pub const NAME: &str = "sso-refresh";

/// How long a question may take …
const PROMPT: Duration = Duration::from_secs(15);
/// … and what waits for the daemon: its stop may take [`systemd`]'s `TimeoutStopSec`, and a start comes after it.
const PATIENT: Duration = Duration::from_secs(150);

/// What the files are made of.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The program, by an absolute path that an update does not change.
    pub program: &'a Path,
    /// Where its files are.
    pub paths: &'a Paths,
    /// What it gets of this environment.
    pub carried: &'a Carried,
    /// The places that it writes to, without links, so that a sandbox knows them.
    pub places: &'a [PathBuf],
}

/// A path or a variable can't be written into a file of the service manager.
#[derive(Debug, thiserror::Error)]
#[error("{what} can't be written into a file of the service manager: {why}; choose another")]
pub struct Unfit {
    what: String,
    why: &'static str,
}

/// A file of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it belongs.
    pub path: PathBuf,
    /// All of its text, the mark of the writer included.
    pub text: String,
}

/// A program that is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its name and its arguments.
    pub words: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
    /// What becomes of a failure.
    pub failure: OnFailure,
}

/// What becomes of a command's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It ends the whole.
    Stop,
    /// It says that there was nothing to do.
    Ignore,
    /// It passes: the command is run again within its time, and then ends the whole.
    Again,
}

/// Something that is to be done, or is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This folder must be there.
    Folder(PathBuf),
    /// This file is written; its place had what is said.
    Write(File, Standing),
    /// This file is as it should be.
    Same(PathBuf),
    /// This file is the user's, or was changed by hand.
    Keep(PathBuf, Standing),
    /// This file is deleted.
    Remove(PathBuf),
    /// This command is run.
    Run(Command),
}

/// What an installation is to do besides writing files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Overwrite what was changed by hand.
    pub force: bool,
    /// Start it.
    pub start: bool,
    /// The daemon that runs is another version.
    pub outdated: bool,
}

/// What is done with the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It is started, if it does not run.
    Start,
    /// It is stopped, until the next sign-in to the machine.
    Stop,
    /// It is stopped and started.
    Restart,
}

impl Command {
    fn new(words: &[&str], limit: Duration) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self { words, limit, failure: OnFailure::Stop }
    }

    fn on_failure(self, failure: OnFailure) -> Self {
        Self { failure, ..self }
    }
}

impl Standing {
    /// Whether a file may be replaced, or deleted, without the loss of something that the user wrote.
    fn is_ours(&self) -> bool {
        matches!(self, Self::Absent | Self::Same | Self::Ours { .. })
    }
}

/// What installs the service, where `found` says what is in the place of each file, and `obsolete` which files are of no
/// use here any more.
pub fn install(
    supervisor: Supervisor,
    paths: &Paths,
    found: Vec<(File, Standing)>,
    obsolete: Vec<(PathBuf, Standing)>,
    state: &State,
    options: Options,
) -> Vec<Step> {
    let mut steps = Vec::new();
    if supervisor == Supervisor::Launchd {
        steps.extend(launchd::log_file(&paths.home).parent().map(|folder| Step::Folder(folder.into())));
    }
    for (file, standing) in found {
        steps.push(match standing {
            Standing::Same => Step::Same(file.path),
            standing if options.force || standing.is_ours() => Step::Write(file, standing),
            standing => Step::Keep(file.path, standing),
        });
    }
    steps.extend(removed(obsolete, options.force));
    let changed = steps.iter().any(|step| matches!(step, Step::Write(..) | Step::Remove(_)));
    let commands = match supervisor {
        Supervisor::Systemd => systemd::after_install(changed, state, options),
        Supervisor::Launchd => launchd::after_install(&paths.home, changed, state, options),
    };
    steps.extend(commands.into_iter().map(Step::Run));
    steps
}

/// What takes the service away again: it ends first, and what it was made of goes then.
pub fn uninstall(
    supervisor: Supervisor,
    found: Vec<(PathBuf, Standing)>,
    state: &State,
    force: bool,
) -> Vec<Step> {
    let files: Vec<Step> = removed(found, force).collect();
    let changed = files.iter().any(|step| matches!(step, Step::Remove(_)));
    let (before, after) = match supervisor {
        Supervisor::Systemd => systemd::around_uninstall(changed, state),
        Supervisor::Launchd => (launchd::before_uninstall(state), Vec::new()),
    };
    let run = |commands: Vec<Command>| commands.into_iter().map(Step::Run);
    run(before).chain(files).chain(run(after)).collect()
}

/// The commands of `verb`.
pub fn control(supervisor: Supervisor, home: &Path, verb: Verb, state: &State) -> Vec<Command> {
    match supervisor {
        Supervisor::Systemd => systemd::control(verb),
        Supervisor::Launchd => launchd::control(home, verb, state),
    }
}

fn removed(files: Vec<(PathBuf, Standing)>, force: bool) -> impl Iterator<Item = Step> {
    files.into_iter().filter_map(move |(path, standing)| match standing {
        Standing::Absent => None,
        standing if force || standing.is_ours() => Some(Step::Remove(path)),
        standing => Some(Step::Keep(path, standing)),
    })
}

/// The program that a unit or an agent starts, as it is written there.
pub fn program(text: &str) -> Option<&str> {
    let unit = text.lines().find_map(|line| line.strip_prefix("ExecStart=")?.strip_suffix(" run"));
    let agent = || {
        text.split_once("<key>ProgramArguments</key>")?.1.split_once("<string>")?.1.split("</string>").next()
    };
    unit.or_else(agent)
}

/// Whether the program is in a folder that is emptied now and then, or by the next build.
pub fn is_passing_place(program: &Path, temporary: &Path) -> bool {
    let parts: Vec<_> = program.iter().collect();
    let is_build =
        parts.windows(2).any(|two| two[0] == "target" && (two[1] == "debug" || two[1] == "release"));
    let temporary = [temporary, Path::new("/tmp"), Path::new("/var/tmp"), Path::new("/dev/shm")];
    is_build || temporary.iter().any(|folder| program.starts_with(folder))
}

#[cfg(test)]
mod tests;
