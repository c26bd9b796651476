use super::*;
use crate::config::environment::Environment;

fn paths() -> Paths {
    Paths::resolve(&Environment::from_pairs([("HOME", "/home/me")]), None).unwrap()
}

fn file(name: &str) -> File {
    File { path: name.into(), text: "new".into() }
}

/// A step a line: what is done, and to what.
fn said(steps: &[Step]) -> Vec<String> {
    let line = |step: &Step| match step {
        Step::Folder(path) => format!("folder {}", path.display()),
        Step::Write(file, _) => format!("write {}", file.path.display()),
        Step::Same(path) => format!("same {}", path.display()),
        Step::Keep(path, _) => format!("keep {}", path.display()),
        Step::Remove(path) => format!("remove {}", path.display()),
        Step::Run(command) => {
            let user = nix::unistd::getuid().to_string();
            command.words.join(" ").replace(&format!("gui/{user}"), "gui/ID")
        }
    };
    steps.iter().map(line).collect()
}

const OPTIONS: Options = Options { force: false, start: true, outdated: false };

fn ours() -> Standing {
    Standing::Ours { version: "0.0.1".into() }
}

fn running() -> State {
    State { loaded: true, activity: Activity::Running, ..State::default() }
}

#[test]
fn systemd_the_first_time() {
    let found = vec![(file("/u/a"), Standing::Absent)];
    let steps = install(
        Supervisor::Systemd,
        &paths(),
        found,
        vec![("/u/b".into(), Standing::Absent)],
        &State::default(),
        OPTIONS,
    );
    assert_eq!(
        said(&steps),
        [
            "write /u/a",
            "systemctl --user daemon-reload",
            "systemctl --user enable sso-refresh.service sso-refresh.socket",
            "systemctl --user reset-failed sso-refresh.service sso-refresh.socket",
            "systemctl --user start sso-refresh.socket sso-refresh.service",
        ]
    );
}

#[test]
fn systemd_the_second_time() {
    const START: &str = "systemctl --user start sso-refresh.socket sso-refresh.service";
    const STOP: &str = "systemctl --user stop sso-refresh.socket sso-refresh.service";
    const RELOAD: &str = "systemctl --user daemon-reload";
    let planned = |standing: Standing, obsolete: Standing, state: &State, options: Options| {
        let obsolete = vec![("/u/b".into(), obsolete)];
        said(&install(
            Supervisor::Systemd,
            &paths(),
            vec![(file("/u/a"), standing)],
            obsolete,
            state,
            options,
        ))
    };
    let has = |steps: &[String], wanted: &[&str], unwanted: &[&str]| {
        let holds = |line: &&str| steps.iter().any(|step| step == line);
        assert!(wanted.iter().all(&holds), "{steps:#?}");
        assert!(!unwanted.iter().any(holds), "{steps:#?}");
    };
    // Nothing is new: nothing is stopped.
    let steps = planned(Standing::Same, Standing::Absent, &running(), OPTIONS);
    has(&steps, &["same /u/a", START], &[RELOAD, STOP]);
    // Another version wrote it, or the daemon is one.
    let steps = planned(ours(), Standing::Absent, &running(), OPTIONS);
    has(&steps, &["write /u/a", RELOAD, STOP, START], &[]);
    let outdated = Options { outdated: true, ..OPTIONS };
    has(&planned(Standing::Same, Standing::Absent, &running(), outdated), &[STOP, START], &[RELOAD]);
    // The sandbox is of no use here any more.
    let steps = planned(Standing::Same, ours(), &running(), OPTIONS);
    has(&steps, &["remove /u/b", RELOAD, STOP, START], &[]);
    // What the user wrote stays.
    for standing in [Standing::Edited, Standing::Foreign] {
        let steps = planned(standing.clone(), standing.clone(), &running(), OPTIONS);
        has(&steps, &["keep /u/a", "keep /u/b"], &["write /u/a", "remove /u/b", RELOAD, STOP]);
        let force = Options { force: true, ..OPTIONS };
        has(
            &planned(standing.clone(), standing, &running(), force),
            &["write /u/a", "remove /u/b", STOP],
            &[],
        );
    }
    // Not read since it was changed.
    let stale = State { stale: true, ..running() };
    has(&planned(Standing::Same, Standing::Absent, &stale, OPTIONS), &[RELOAD, STOP, START], &[]);
    let later = Options { start: false, ..OPTIONS };
    has(&planned(ours(), Standing::Absent, &running(), later), &["write /u/a", RELOAD], &[STOP, START]);
}

#[test]
fn launchd_the_first_and_the_second_time() {
    const LOGS: &str = "folder /home/me/Library/Logs/sso-refresh";
    const LOAD: [&str; 2] = [
        "launchctl enable gui/ID/sso-refresh",
        "launchctl bootstrap gui/ID /home/me/Library/LaunchAgents/sso-refresh.plist",
    ];
    let planned = |standing: Standing, state: &State| {
        let found = vec![(file("/p"), standing)];
        said(&install(Supervisor::Launchd, &paths(), found, Vec::new(), state, OPTIONS))
    };
    assert_eq!(planned(Standing::Absent, &State::default()), [LOGS, "write /p", LOAD[0], LOAD[1]]);
    assert_eq!(planned(Standing::Same, &running()), [LOGS, "same /p"]);
    assert_eq!(
        planned(ours(), &running()),
        [LOGS, "write /p", "launchctl bootout gui/ID/sso-refresh", LOAD[0], LOAD[1]]
    );
    let ended = State { activity: Activity::Failed, ..running() };
    assert_eq!(planned(Standing::Same, &ended), [LOGS, "same /p", "launchctl kickstart gui/ID/sso-refresh"]);
}

#[test]
fn an_uninstallation_ends_it_first_and_leaves_what_is_the_users() {
    let found = || {
        vec![
            ("/u/a".into(), Standing::Same),
            ("/u/b".into(), Standing::Edited),
            ("/u/c".into(), Standing::Absent),
        ]
    };
    let planned = |supervisor, found, state: &State, force| said(&uninstall(supervisor, found, state, force));
    assert_eq!(
        planned(Supervisor::Systemd, found(), &running(), false),
        [
            "systemctl --user stop sso-refresh.socket sso-refresh.service",
            "systemctl --user disable sso-refresh.service sso-refresh.socket",
            "remove /u/a",
            "keep /u/b",
            "systemctl --user daemon-reload",
            "systemctl --user reset-failed sso-refresh.service sso-refresh.socket",
        ]
    );
    assert!(planned(Supervisor::Systemd, found(), &running(), true).contains(&"remove /u/b".to_owned()));
    let nothing = vec![("/u/a".into(), Standing::Absent)];
    assert!(planned(Supervisor::Systemd, nothing.clone(), &State::default(), false).is_empty());
    assert_eq!(
        planned(Supervisor::Launchd, found(), &running(), false),
        ["launchctl bootout gui/ID/sso-refresh", "remove /u/a", "keep /u/b"]
    );
    assert!(planned(Supervisor::Launchd, nothing, &State::default(), false).is_empty());
}

#[test]
fn the_verbs() {
    let words = |supervisor, verb, state: &State| -> Vec<String> {
        let commands = control(supervisor, Path::new("/home/me"), verb, state);
        commands
            .iter()
            .map(|command| command.words[1..].iter().find(|word| *word != "--user").unwrap().clone())
            .collect()
    };
    let stopped = State::default();
    assert_eq!(words(Supervisor::Systemd, Verb::Start, &stopped), ["reset-failed", "start"]);
    assert_eq!(words(Supervisor::Systemd, Verb::Stop, &running()), ["stop"]);
    assert_eq!(words(Supervisor::Systemd, Verb::Restart, &running()), ["stop", "reset-failed", "start"]);
    assert_eq!(words(Supervisor::Launchd, Verb::Start, &stopped), ["enable", "bootstrap"]);
    assert_eq!(words(Supervisor::Launchd, Verb::Stop, &running()), ["bootout"]);
    assert_eq!(words(Supervisor::Launchd, Verb::Stop, &stopped), [""; 0]);
    assert_eq!(words(Supervisor::Launchd, Verb::Restart, &running()), ["bootout", "enable", "bootstrap"]);
    assert_eq!(words(Supervisor::Launchd, Verb::Restart, &stopped), ["enable", "bootstrap"]);
}

#[test]
fn a_place_that_does_not_last_is_known() {
    for (path, passes) in [
        ("/home/me/.cargo/bin/sso-refresh", false),
        ("/usr/bin/sso-refresh", false),
        ("/home/me/target/sso-refresh", false),
        ("/home/me/src/target/debug/sso-refresh", true),
        ("/home/me/src/target/release/sso-refresh", true),
        ("/tmp/sso-refresh", true),
        ("/private/t/sso-refresh", true),
    ] {
        assert_eq!(is_passing_place(Path::new(path), Path::new("/private/t")), passes, "{path}");
    }
}

#[test]
fn the_program_of_a_file_is_known() {
    let agent = include_str!("../../packaging/launchd/sso-refresh.plist");
    let unit = include_str!("../../packaging/systemd/user/sso-refresh.service");
    assert_eq!((program(agent), program(unit)), (Some("@program@"), Some("/usr/bin/sso-refresh")));
    assert_eq!(program("[Service]\n"), None);
}
