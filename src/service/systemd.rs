//! The service under `systemd --user`: the units of `packaging/systemd`, and `systemctl`.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use super::{
    Activity, Command, File, OnFailure, Options, PATIENT, PROMPT, State, Unfit, Verb, Wanted, mark::marked,
};

const SERVICE: &str = "sso-refresh.service";
const SOCKET: &str = "sso-refresh.socket";
const SERVICE_TEXT: &str = include_str!("../../packaging/systemd/user/sso-refresh.service");
const SOCKET_TEXT: &str = include_str!("../../packaging/systemd/user/sso-refresh.socket");
const SANDBOX_TEXT: &str = include_str!("../../packaging/systemd/user/sso-refresh.service.d/sandbox.conf");

/// Below the folder of the units.
const DROP_INS: &str = "sso-refresh.service.d";
const SANDBOX: &str = "sso-refresh.service.d/sandbox.conf";
const ENVIRONMENT: &str = "sso-refresh.service.d/environment.conf";

/// The program in the unit as it is packaged.
const PACKAGED: &str = "/usr/bin/sso-refresh";

/// What a sandbox with its own `/tmp` hides.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// What is asked of the service and of its socket.
const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,MainPID,Result,UnitFileState,FragmentPath,NeedDaemonReload,WatchdogUSec";

/// The files, in the folder of the user's units; `sandbox` where a user namespace can be had.
///
/// # Errors
/// Where a path or a variable can't stand in a unit.
pub fn files(wanted: &Wanted, folder: &Path, sandbox: bool) -> Result<Vec<File>, Unfit> {
    let program = program(wanted.program)?;
    let file = |name: &str, text: &str| File { path: folder.join(name), text: marked(text, "# ", "") };
    let mut files = vec![file(SERVICE, &SERVICE_TEXT.replace(PACKAGED, &program)), file(SOCKET, SOCKET_TEXT)];
    if sandbox && may_be_closed(wanted) {
        let mut text = SANDBOX_TEXT.to_owned();
        for place in wanted.places.iter().filter(|place| !place.starts_with(&wanted.paths.home)) {
            // The dash: it may not be there at some start.
            let _ = writeln!(text, "ReadWritePaths=-{}", word(place)?);
        }
        files.push(file(SANDBOX, &text));
    }
    if !wanted.carried.variables.is_empty() {
        let mut text =
            String::from("# What `sso-refresh service install` found in its environment.\n\n[Service]\n");
        for (name, value) in &wanted.carried.variables {
            let _ = writeln!(text, "Environment={}", quoted(&format!("{name}={value}"), name)?);
        }
        files.push(file(ENVIRONMENT, &text));
    }
    Ok(files)
}

/// Whether the sandbox is one of them: it would hide what is in a temporary folder.
pub fn has_sandbox(files: &[File]) -> bool {
    files.iter().any(|file| file.path.ends_with(SANDBOX))
}

/// All files that [`files`] may have written.
pub fn places(folder: &Path) -> Vec<PathBuf> {
    [SERVICE, SOCKET, SANDBOX, ENVIRONMENT].iter().map(|name| folder.join(name)).collect()
}

/// The folder of the drop-ins, which may hold others of the user.
pub fn drop_ins(folder: &Path) -> PathBuf {
    folder.join(DROP_INS)
}

/// Whether nothing that the daemon needs is in a folder that the sandbox hides.
fn may_be_closed(wanted: &Wanted) -> bool {
    let paths = wanted.paths;
    let own = [wanted.program, &paths.home, &paths.config, &paths.aws_config, &paths.aws_credentials];
    let carried = wanted.carried.variables.iter().map(|(_, value)| Path::new(value));
    let mut all = own.into_iter().chain(wanted.places.iter().map(PathBuf::as_path)).chain(carried);
    !all.any(|path| TEMPORARY.iter().any(|folder| path.starts_with(folder)))
}

/// The path of a program as a unit has it.
fn program(path: &Path) -> Result<String, Unfit> {
    // systemd refuses the first three in the name of a program, and takes the last for a variable.
    if path.to_str().is_some_and(|text| text.contains(['"', '\'', '\\', '$'])) {
        let why = "systemd runs no program with quotes, backslashes or a $ in its path; move it elsewhere";
        return Err(Unfit { what: path.display().to_string(), why });
    }
    word(path)
}

/// A path as a word of a unit.
fn word(path: &Path) -> Result<String, Unfit> {
    let what = || path.display().to_string();
    let Some(text) = path.to_str() else {
        return Err(Unfit { what: what(), why: "it is not Unicode; move it elsewhere" });
    };
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@,".contains(c);
    if text.chars().all(plain) { Ok(text.to_owned()) } else { quoted(text, &what()) }
}

/// Text between quotes, with what systemd would expand taken as it is.
fn quoted(text: &str, what: &str) -> Result<String, Unfit> {
    if text.chars().any(char::is_control) {
        return Err(Unfit { what: what.to_owned(), why: "it has control characters" });
    }
    let text = text.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%");
    Ok(format!("\"{text}\""))
}

fn systemctl(words: &[&str]) -> Command {
    Command::new(&[&["systemctl", "--user"], words].concat(), PROMPT)
}

fn patient(words: &[&str]) -> Command {
    Command { limit: PATIENT, ..systemctl(words) }
}

/// Asks for the folders that units are read from. It fails where no manager is to be had.
pub fn ask_folders() -> Command {
    systemctl(&["show", "--property=UnitPath"])
}

/// The folder for the user's units: the one of `paths`, where the manager reads it, else the one below the home
/// directory, since its environment may know nothing of `XDG_CONFIG_HOME`. `said` is the answer to
/// [`ask_folders`], where there is one.
pub fn folder(config_home: &Path, home: &Path, said: Option<&str>) -> PathBuf {
    let own = config_home.join("systemd/user");
    let usual = home.join(".config/systemd/user");
    let read = said.and_then(|said| said.lines().find_map(|line| line.strip_prefix("UnitPath=")));
    let reads =
        |folder: &Path| read.is_some_and(|read| read.split(' ').any(|path| Path::new(path) == folder));
    if !reads(&own) && reads(&usual) { usual } else { own }
}

/// What ends a mask of the service or its socket.
pub const UNMASK: &str = "systemctl --user unmask sso-refresh.service sso-refresh.socket";

/// Asks how the service and its socket are.
pub fn ask_state() -> Command {
    systemctl(&["show", PROPERTIES, SERVICE, SOCKET])
}

/// What the answer to [`ask_state`] says.
pub fn state(said: &str) -> State {
    let blocks: Vec<&str> = said.split("\n\n").collect();
    let block =
        |unit: &str| blocks.iter().find(|block| block.lines().any(|line| line == format!("Id={unit}")));
    let value = |unit: &str, name: &str| {
        let lines = block(unit)?.lines();
        let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        values.next().filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let is = |unit: &str, name: &str, wanted: &str| value(unit, name).as_deref() == Some(wanted);
    State {
        loaded: is(SERVICE, "LoadState", "loaded"),
        masked: is(SERVICE, "LoadState", "masked"),
        enabled: is(SERVICE, "UnitFileState", "enabled"),
        activity: match value(SERVICE, "ActiveState").as_deref() {
            Some("active" | "reloading") => Activity::Running,
            Some("activating" | "deactivating") => Activity::Changing,
            Some("failed") => Activity::Failed,
            _ => Activity::Stopped,
        },
        pid: value(SERVICE, "MainPID").and_then(|pid| pid.parse().ok()).filter(|pid| *pid > 0),
        result: value(SERVICE, "Result").filter(|result| result != "success"),
        file: value(SERVICE, "FragmentPath").map(PathBuf::from),
        stale: is(SERVICE, "NeedDaemonReload", "yes"),
        // Which of the two it is differs between versions.
        watchdog: value(SERVICE, "WatchdogUSec").map(|limit| !matches!(&*limit, "0" | "infinity")),
        listening: is(SOCKET, "ActiveState", "active"),
    }
}

/// Tries whether a service with the directives of the sandbox starts.
pub fn probe() -> Command {
    let mut words = vec!["systemd-run", "--user", "--wait", "--collect", "--quiet", "--service-type=exec"];
    let settings = SANDBOX_TEXT.lines().filter(|line| {
        // Paths of this machine, which only a unit can have.
        line.contains('=') && !line.starts_with('#') && !line.contains('%')
    });
    for setting in settings {
        words.extend(["--property", setting]);
    }
    words.push("true");
    Command::new(&words, PATIENT)
}

/// Asks whether the user's services run without the user.
pub fn ask_linger(uid: u32) -> Command {
    Command::new(&["loginctl", "show-user", &uid.to_string(), "--property=Linger"], PROMPT)
}

pub(super) fn after_install(changed: bool, state: &State, options: Options) -> Vec<Command> {
    let mut commands = Vec::new();
    if changed || state.stale {
        commands.push(systemctl(&["daemon-reload"]));
    }
    commands.push(systemctl(&["enable", SERVICE, SOCKET]));
    if options.start {
        let restart = state.activity == Activity::Running && (changed || state.stale || options.outdated);
        commands.extend(control(if restart { Verb::Restart } else { Verb::Start }));
    }
    commands
}

pub(super) fn around_uninstall(changed: bool, state: &State) -> (Vec<Command>, Vec<Command>) {
    if !state.loaded && !changed {
        return (Vec::new(), Vec::new());
    }
    let stop = patient(&["stop", SOCKET, SERVICE]).on_failure(OnFailure::Ignore);
    let before = vec![stop, systemctl(&["disable", SERVICE, SOCKET]).on_failure(OnFailure::Ignore)];
    let forget = systemctl(&["reset-failed", SERVICE, SOCKET]).on_failure(OnFailure::Ignore);
    (before, vec![systemctl(&["daemon-reload"]), forget])
}

pub(super) fn control(verb: Verb) -> Vec<Command> {
    // A unit that failed too often would be refused; one that did not fail may not be known.
    let again = systemctl(&["reset-failed", SERVICE, SOCKET]).on_failure(OnFailure::Ignore);
    let (start, stop) = (patient(&["start", SOCKET, SERVICE]), patient(&["stop", SOCKET, SERVICE]));
    match verb {
        // The socket first: systemd opens none for a service that runs.
        Verb::Start => vec![again, start],
        // The socket too, or the next command would start it.
        Verb::Stop => vec![stop],
        // One job that restarts both fails.
        Verb::Restart => vec![stop, again, start],
    }
}

#[cfg(test)]
mod tests;
