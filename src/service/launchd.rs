//! The service under macOS's launchd: the agent of `packaging/launchd`, and `launchctl`.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use nix::unistd::getuid;

use super::{
    Activity, Command, File, NAME, OnFailure, Options, PATIENT, PROMPT, State, Unfit, Verb, Wanted,
    mark::marked,
};

const TEXT: &str = include_str!("../../packaging/launchd/sso-refresh.plist");

/// Where launchd has the daemon's standard error written to.
pub fn log_file(home: &Path) -> PathBuf {
    home.join("Library/Logs/sso-refresh/sso-refresh.log")
}

/// The only file.
pub fn place(home: &Path) -> PathBuf {
    home.join("Library/LaunchAgents/sso-refresh.plist")
}

/// The files: one.
///
/// # Errors
/// Where a path or a variable can't stand in it.
pub fn files(wanted: &Wanted) -> Result<Vec<File>, Unfit> {
    let home = &wanted.paths.home;
    let mut environment = String::new();
    for (name, value) in &wanted.carried.variables {
        let (key, value) = (escaped(name, name)?, escaped(value, name)?);
        let _ = write!(environment, "\n\t\t<key>{key}</key>\n\t\t<string>{value}</string>");
    }
    let text = TEXT
        .replace("@program@", &path(wanted.program)?)
        .replace("@log@", &path(&log_file(home))?)
        .replace("\n\t\t<!-- @environment@ -->", &environment);
    Ok(vec![File { path: place(home), text: marked(&text, "<!-- ", " -->") }])
}

fn path(path: &Path) -> Result<String, Unfit> {
    let what = path.display().to_string();
    match path.to_str() {
        Some(text) => escaped(text, &what),
        None => Err(Unfit { what, why: "it is not Unicode; move it elsewhere" }),
    }
}

/// Text as XML has it.
fn escaped(text: &str, what: &str) -> Result<String, Unfit> {
    if text.chars().any(char::is_control) {
        return Err(Unfit { what: what.to_owned(), why: "it has control characters" });
    }
    Ok(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}

/// The domain of the user who sits at the machine.
fn domain() -> String {
    format!("gui/{}", getuid())
}

fn target() -> String {
    format!("{}/{NAME}", domain())
}

fn launchctl(words: &[&str]) -> Command {
    Command::new(&[&["launchctl"], words].concat(), PATIENT)
}

/// Asks for the domain. It fails where there is none, as over SSH for a user who is not at the machine.
pub fn ask_domain() -> Command {
    Command { limit: PROMPT, ..launchctl(&["print", &domain()]) }
}

/// Asks how the service is; a failure means that it is not loaded.
pub fn ask_state() -> Command {
    Command { limit: PROMPT, ..launchctl(&["print", &target()]) }.on_failure(OnFailure::Ignore)
}

/// What the answer to [`ask_state`] says; none where it failed.
pub fn state(said: Option<&str>, home: &Path) -> State {
    let Some(said) = said else { return State::default() };
    let value = |name: &str| {
        let mut lines = said.lines();
        lines.find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(" = ")).map(str::to_owned)
    };
    let running = value("state").as_deref() == Some("running");
    let exit = value("last exit code").filter(|code| !running && code != "0" && code != "(never exited)");
    State {
        loaded: true,
        // What is in LaunchAgents and loaded is started with the session.
        enabled: true,
        activity: match (running, &exit) {
            (true, _) => Activity::Running,
            (false, Some(_)) => Activity::Failed,
            (false, None) => Activity::Stopped,
        },
        pid: value("pid").and_then(|pid| pid.parse().ok()),
        result: exit.map(|code| format!("exit code {code}")),
        file: Some(value("path").map_or_else(|| place(home), PathBuf::from)),
        ..State::default()
    }
}

pub(super) fn after_install(home: &Path, changed: bool, state: &State, options: Options) -> Vec<Command> {
    if !options.start {
        return Vec::new();
    }
    let restart = state.loaded && (changed || options.outdated);
    control(home, if restart { Verb::Restart } else { Verb::Start }, state)
}

pub(super) fn before_uninstall(state: &State) -> Vec<Command> {
    if state.loaded { vec![unload()] } else { Vec::new() }
}

/// It may say that the end takes a while, which what comes next waits for.
fn unload() -> Command {
    launchctl(&["bootout", &target()]).on_failure(OnFailure::Ignore)
}

pub(super) fn control(home: &Path, verb: Verb, state: &State) -> Vec<Command> {
    let place = place(home).display().to_string();
    let load = || {
        [
            launchctl(&["enable", &target()]),
            // Refused for as long as the last one is going down.
            launchctl(&["bootstrap", &domain(), &place]).on_failure(OnFailure::Again),
        ]
    };
    match verb {
        Verb::Start if state.activity == Activity::Running => Vec::new(),
        Verb::Start if state.loaded => vec![launchctl(&["kickstart", &target()])],
        Verb::Stop if state.loaded => vec![unload()],
        Verb::Stop => Vec::new(),
        Verb::Restart if state.loaded => std::iter::once(unload()).chain(load()).collect(),
        Verb::Start | Verb::Restart => load().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: &str = "gui/501/sso-refresh = {\n\tactive count = 1\n\tpath = /Users/me/x.plist\n\tstate = running\n\n\
                           \tpid = 4711\n\tlast exit code = (never exited)\n}\n";

    #[test]
    fn reads_what_launchctl_prints() {
        let home = Path::new("/Users/me");
        let running = state(Some(RUNNING), home);
        assert_eq!((running.activity, running.pid, running.result), (Activity::Running, Some(4711), None));
        assert_eq!(running.file, Some("/Users/me/x.plist".into()));
        let said = RUNNING.replace("= running", "= not running").replace("(never exited)", "2");
        let failed = state(Some(&said), home);
        assert_eq!((failed.activity, failed.result.as_deref()), (Activity::Failed, Some("exit code 2")));
        assert_eq!(state(None, home), State::default());
    }

    #[test]
    fn what_xml_would_read_is_escaped() {
        assert_eq!(escaped("/a&b <c>", "x").unwrap(), "/a&amp;b &lt;c&gt;");
        assert_eq!(
            escaped("a\nb", "NAME").unwrap_err().to_string(),
            "NAME can't be written into a file of the service manager: it has control characters; choose another"
        );
    }
}
