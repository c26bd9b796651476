use std::io;

use super::*;
use crate::{
    api::EndpointInfo,
    doctor::Verdict::{self, Failure, NotChecked, Ok as Fine, Warning},
    time::Timestamp,
};

fn running() -> State {
    State {
        loaded: true,
        enabled: true,
        activity: Activity::Running,
        watchdog: Some(true),
        ..State::default()
    }
}

fn info() -> DaemonInfo {
    DaemonInfo {
        version: VERSION.into(),
        pid: 7,
        started_at: Timestamp::from_secs(0),
        config_error: None,
        clock_ahead_secs: None,
        endpoint: None,
    }
}

fn ours() -> Standing {
    Standing::Ours { version: VERSION.into() }
}

/// The check that is not well, how it ended, and its command or a part of its advice.
type Wrong = (&'static str, Verdict, String);

fn wrong(facts: &Facts<'_>) -> Vec<Wrong> {
    let topic = examine(facts);
    let wrong = topic.findings.into_iter().filter(|finding| finding.verdict != Fine);
    wrong
        .map(|finding| {
            let remedy = match finding.remedy {
                Some(Remedy::Run(said) | Remedy::Do(said)) => said,
                None => String::new(),
            };
            (finding.check, finding.verdict, remedy)
        })
        .collect()
}

fn of_service(state: &State, unit: Standing, missing: Option<&str>, ends_with_user: bool) -> Vec<Wrong> {
    let service = Service {
        state,
        unit,
        missing_program: missing.map(PathBuf::from),
        ends_with_user: Some(ends_with_user),
    };
    let info = info();
    wrong(&Facts { service: Ok(service), daemon: Some(Ok(&info)), config_is_valid: true })
}

fn of_daemon(
    daemon: Option<Result<&DaemonInfo, &client::Error>>,
    state: Option<&State>,
    valid: bool,
) -> Vec<Wrong> {
    let service = state.ok_or(Silence::Unreachable("no bus".into()));
    let service = service.map(|state| Service {
        state,
        unit: ours(),
        missing_program: None,
        ends_with_user: Some(false),
    });
    wrong(&Facts { service, daemon, config_is_valid: valid })
}

#[test]
fn each_state_of_the_service_has_its_remedy() {
    assert_eq!(of_service(&running(), ours(), None, false), []);
    assert_eq!(of_service(&running(), Standing::Foreign, None, false), [], "a package's");
    let older = Standing::Ours { version: "0.0.1".into() };
    for (state, unit, missing, ends_with_user, check, verdict, remedy) in [
        (State { loaded: false, ..running() }, ours(), None, false, "service-installed", Warning, INSTALL),
        (
            State { loaded: false, masked: true, ..running() },
            ours(),
            None,
            false,
            "service-installed",
            Failure,
            UNMASK,
        ),
        (State { enabled: false, ..running() }, ours(), None, false, "service-enabled", Warning, INSTALL),
        (
            State { activity: Activity::Stopped, ..running() },
            ours(),
            None,
            false,
            "service-running",
            Failure,
            START,
        ),
        (
            State { activity: Activity::Changing, ..running() },
            ours(),
            None,
            false,
            "service-running",
            Warning,
            "sso-refresh service status",
        ),
        (
            State { activity: Activity::Failed, ..running() },
            ours(),
            None,
            false,
            "service-running",
            Failure,
            "see why with `sso-refresh service logs`, then run `sso-refresh service start`",
        ),
        (running(), older, None, false, "service-version", Warning, INSTALL),
        (running(), ours(), Some("/gone/sso-refresh"), false, "service-version", Failure, INSTALL),
        (
            State { stale: true, ..running() },
            ours(),
            None,
            false,
            "service-version",
            Warning,
            "systemctl --user daemon-reload",
        ),
        (running(), ours(), None, true, "linger", Warning, "loginctl enable-linger"),
    ] {
        let found = of_service(&state, unit, missing, ends_with_user);
        assert_eq!(found, [(check, verdict, remedy.to_owned())], "{state:?}");
    }
    let install = ("service-version", Failure, format!("{INSTALL} --force"));
    assert_eq!(of_service(&running(), Standing::Edited, Some("/gone"), false), [install]);
    for activity in [Activity::Stopped, Activity::Changing, Activity::Failed] {
        let state = State { activity, ..running() };
        let service = Service {
            state: &state,
            unit: ours(),
            missing_program: Some("/gone".into()),
            ends_with_user: Some(false),
        };
        let not_running = client::Error::NotRunning;
        let found =
            wrong(&Facts { service: Ok(service), daemon: Some(Err(&not_running)), config_is_valid: true });
        assert!(
            found.len() == 3 && found.iter().all(|found| found.2 == INSTALL),
            "nothing else starts it: {found:?}"
        );
    }
    let off = State { watchdog: Some(false), ..running() };
    let found = of_service(&off, ours(), None, false);
    assert!(
        found.len() == 1 && found[0].0 == "watchdog" && found[0].2.contains("WatchdogSec=5min"),
        "{found:?}"
    );
    assert_eq!(of_service(&State { watchdog: None, ..running() }, ours(), None, false), []);
}

#[test]
fn what_says_nothing_is_told_as_that() {
    let silent = Facts { service: Err(Silence::Hung), daemon: None, config_is_valid: true };
    let found = wrong(&silent);
    assert_eq!((found[0].0, found[0].1), ("daemon", NotChecked), "it may be waiting behind its socket");
    assert_eq!((found[1].0, found[1].1), ("service-installed", Warning));
    assert!(found[1].2.starts_with("run `sso-refresh doctor` again"), "{found:?}");
    let (state, info) = (running(), info());
    let service = Service { state: &state, unit: ours(), missing_program: None, ends_with_user: None };
    let facts = Facts { service: Ok(service), daemon: Some(Ok(&info)), config_is_valid: true };
    assert_eq!(wrong(&facts), [("linger", NotChecked, String::new())]);
}

#[test]
fn each_answer_of_the_daemon_has_its_remedy() {
    let absent = State::default();
    let stopped = State { activity: Activity::Stopped, listening: true, ..running() };
    let not_ours = client::Error::NotOurs { path: "/s".into() };
    let unreachable = client::Error::Unreachable { path: "/s".into(), source: io::ErrorKind::Other.into() };
    let (not_running, hung) = (client::Error::NotRunning, client::Error::Hung);
    let protocol = client::Error::Protocol("it speaks version 2".into());
    for (error, state, remedy) in [
        (&not_running, Some(&running()), RESTART),
        (&not_running, Some(&State { activity: Activity::Stopped, ..running() }), START),
        (&not_running, Some(&absent), INSTALL),
        (&not_running, None, "keep `sso-refresh run` open"),
        (&hung, Some(&running()), RESTART),
        (&hung, None, "end its process"),
        (&not_ours, Some(&running()), "set XDG_RUNTIME_DIR"),
        (&unreachable, None, "set XDG_RUNTIME_DIR"),
        (&protocol, Some(&running()), RESTART),
    ] {
        let found = of_daemon(Some(Err(error)), state, true);
        assert_eq!((found[0].0, found[0].1), ("daemon", Failure), "{error:?}");
        assert!(found[0].2.starts_with(remedy), "{error:?}: {found:?}");
    }
    let found = of_daemon(None, Some(&stopped), true);
    assert_eq!(found[0], ("daemon", NotChecked, String::new()));
    assert_eq!(found[1], ("service-running", Failure, START.to_owned()));
    assert_eq!(of_daemon(Some(Ok(&info())), None, true), [("service-installed", NotChecked, String::new())]);
}

#[test]
fn what_the_daemon_says_of_itself() {
    let endpoint = |error: Option<&str>| EndpointInfo {
        address: ([127, 0, 0, 1], 8080).into(),
        token_file: None,
        error: error.map(str::to_owned),
    };
    let running = running();
    for (info, valid, expected) in [
        (info(), true, None),
        (DaemonInfo { endpoint: Some(endpoint(None)), ..info() }, true, None),
        (DaemonInfo { version: "0.0.1".into(), ..info() }, true, Some(("daemon-version", Warning, RESTART))),
        (
            DaemonInfo { config_error: Some("x".into()), ..info() },
            true,
            Some(("daemon-config", Warning, "sso-refresh reload")),
        ),
        (
            DaemonInfo { config_error: Some("x".into()), ..info() },
            false,
            Some(("daemon-config", Warning, "mend the configuration, then run `sso-refresh reload`")),
        ),
        (
            DaemonInfo { endpoint: Some(endpoint(Some("node (process 9) has the port"))), ..info() },
            true,
            Some(("endpoint", Failure, "end the program that has the port")),
        ),
    ] {
        let found = of_daemon(Some(Ok(&info)), Some(&running), valid);
        assert_eq!(found.len(), usize::from(expected.is_some()), "{found:?}");
        if let (Some(found), Some((check, verdict, remedy))) = (found.first(), expected) {
            assert_eq!((found.0, found.1), (check, verdict));
            assert!(found.2.starts_with(remedy), "{found:?}");
        }
    }
}
