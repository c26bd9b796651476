//! The daemon, its service, rivals and the environment: with a systemd, a cron and rivals that are none.

use super::*;

use std::process::Stdio;

use crate::{
    shell::{quoted, shell},
    support::Daemon,
    visitor::until,
};

/// What the stand-ins say is in files: `shown` is the service, `crontab` the table.
const SYSTEMCTL: &str = r#"#!/bin/sh
if [ -e "$HOME/unreachable" ]; then echo "Failed to connect to bus: No medium found" >&2; exit 1; fi
case "$*" in
*UnitPath*) echo "UnitPath=$HOME/.config/systemd/user" ;;
*show*) cat "$HOME/shown" ;;
esac
"#;
const LOGINCTL: &str = "#!/bin/sh\necho Linger=yes\n";
const CRONTAB: &str = "#!/bin/sh\ncat \"$HOME/crontab\"\n";

/// A home with these tools in its path, and a service that is well.
pub(super) struct Machine {
    pub(super) home: Home,
}

impl Machine {
    pub(super) fn new(center: &Center) -> Self {
        let home = Home::with(center, WORK);
        for (name, script) in [("systemctl", SYSTEMCTL), ("loginctl", LOGINCTL), ("crontab", CRONTAB)] {
            home.write(&format!("bin/{name}"), script);
            fs::set_permissions(home.path(format!("bin/{name}")), Permissions::from_mode(0o700)).unwrap();
        }
        home.write("crontab", "");
        let machine = Self { home };
        machine.show("", "");
        machine
    }

    /// Has systemd show a service that is well, but for a piece of it.
    fn show(&self, from: &str, to: &str) {
        const WELL: &str = "Id=sso-refresh.service\nLoadState=loaded\nActiveState=active\nMainPID=1\nResult=success\n\
                            UnitFileState=enabled\nFragmentPath=HOME/unit\nNeedDaemonReload=no\nWatchdogUSec=5min\n\n\
                            Id=sso-refresh.socket\nActiveState=active\n";
        assert!(WELL.contains(from));
        let shown = WELL
            .replace(from, to)
            .replace("HOME", self.home.path("").to_str().unwrap().trim_end_matches('/'));
        self.home.write("shown", &shown);
    }

    /// The command with these tools in its path.
    pub(super) fn command(&self, line: &str) -> Command {
        let mut command = self.home.command(line.split_whitespace());
        command.env("PATH", format!("{}:/usr/bin:/bin", self.home.path("bin").display()));
        command
    }

    /// The findings of `check` that are not ok, with these variables.
    fn wrong(&self, check: &str, variables: &[(&str, &str)]) -> Vec<Value> {
        let mut command = self.command("doctor --json");
        let ran: Ran = command.envs(variables.iter().copied()).output().unwrap().into();
        let printed: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        let all = printed["checks"].as_array().unwrap().iter().filter(|found| found["check"] == check);
        assert!(all.clone().count() > 0, "there is no check {check}: {ran:?}");
        all.filter(|found| found["verdict"] != "ok").cloned().collect()
    }

    fn is_well(&self, check: &str) {
        assert_eq!(self.wrong(check, &[]), [Value::Null; 0], "{check}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_service_is_judged_by_what_systemd_says() {
    let center = Center::start(Options::default());
    let machine = Machine::new(&center);
    let mut daemon = machine.home.daemon(&[]);
    daemon.wait_for("has started");
    for (from, to, check, verdict, command) in [
        ("=loaded", "=not-found", "service-installed", "warning", "sso-refresh service install"),
        ("State=enabled", "State=disabled", "service-enabled", "warning", "sso-refresh service install"),
        (
            "DaemonReload=no",
            "DaemonReload=yes",
            "service-version",
            "warning",
            "systemctl --user daemon-reload",
        ),
        (
            "=active\nMainPID=1",
            "=inactive\nMainPID=0",
            "service-running",
            "failure",
            "sso-refresh service start",
        ),
    ] {
        machine.show(from, to);
        let found = machine.wrong(check, &[]);
        assert_eq!(
            (found.len(), &found[0]["verdict"], &found[0]["remedy"]["command"]),
            (1, &verdict.into(), &command.into())
        );
        machine.show("", "");
        machine.is_well(check);
    }
    machine.show("=active\nMainPID=1", "=inactive\nMainPID=0");
    assert_eq!(machine.wrong("daemon", &[])[0]["verdict"], "not-checked", "to ask would start it");
    machine.show("=5min", "=infinity");
    assert_eq!(machine.wrong("watchdog", &[])[0]["verdict"], "warning");
    machine.show("=active\nMainPID=1\nResult=success", "=failed\nMainPID=0\nResult=exit-code");
    let found = machine.wrong("service-running", &[]);
    assert_eq!(found[0]["finding"], "the service has failed (exit-code)");
    assert!(found[0]["remedy"]["advice"].as_str().unwrap().contains("`sso-refresh service logs`"));
    machine.show("", "");
    for check in ["watchdog", "service-running", "linger", "daemon", "daemon-version", "daemon-config"] {
        machine.is_well(check);
    }
    let linger = LOGINCTL.replace("yes", "no");
    machine.home.write("bin/loginctl", &linger);
    assert_eq!(machine.wrong("linger", &[])[0]["remedy"]["command"], "loginctl enable-linger");
    assert_eq!(machine.wrong("linger", &[("BROWSER", "x")]), [Value::Null; 0], "somebody sits here");

    machine.home.write("unit", "[Service]\nExecStart=/gone/sso-refresh run\n");
    let found = machine.wrong("service-version", &[]);
    assert_eq!(found[0]["finding"], "the service starts /gone/sso-refresh, which is not there");
    machine.home.write("unreachable", "");
    assert_eq!(machine.wrong("service-installed", &[])[0]["verdict"], "not-checked");
}

#[cfg(target_os = "linux")]
#[test]
fn what_hangs_is_told_after_a_moment_and_nothing_is_started_behind_it() {
    const HANGS: &str = "#!/bin/sh\nexec sleep 300\n";
    let machine = Machine::new(&Center::start(Options::default()));
    machine.home.write("bin/loginctl", HANGS);
    let found = machine.wrong("linger", &[]);
    assert_eq!(found[0]["verdict"], "not-checked", "{found:?}");
    machine.is_well("service-installed");
    machine.home.write("bin/systemctl", HANGS);
    let found = machine.wrong("service-installed", &[]);
    assert_eq!(found[0]["verdict"], "warning");
    let (line, advice) =
        (found[0]["finding"].as_str().unwrap(), found[0]["remedy"]["advice"].as_str().unwrap());
    assert!(line.ends_with("has not answered within a second"), "{line}");
    assert!(advice.starts_with("run `sso-refresh doctor` again"), "{advice}");
    let found = machine.wrong("daemon", &[]);
    assert_eq!(found[0]["verdict"], "not-checked", "it may be waiting behind its socket: {found:?}");
    machine.home.write("bin/systemctl", SYSTEMCTL);
    machine.is_well("service-installed");
}

#[test]
fn a_daemon_is_told_from_none_and_its_old_settings_from_the_new() {
    let center = Center::start(Options::default());
    let machine = Machine::new(&center);
    center.sign_in(&machine.home, "work", 50 * MINUTE);
    machine.show("LoadState=loaded\nActiveState=active", "LoadState=not-found\nActiveState=inactive");
    if cfg!(target_os = "linux") {
        machine
            .show("Id=sso-refresh.socket\nActiveState=active", "Id=sso-refresh.socket\nActiveState=inactive");
        assert_eq!(machine.wrong("daemon", &[])[0]["remedy"]["command"], "sso-refresh service restart");
    }
    let mut daemon = machine.home.daemon(&[]);
    daemon.wait_for("has started");
    machine.is_well("daemon");
    machine.is_well("signed-in");
    machine.home.write_config("x = 1\n");
    assert_eq!(machine.home.run("reload").code, 2);
    assert!(
        machine.wrong("daemon-config", &[])[0]["remedy"]["advice"].as_str().unwrap().starts_with("mend the")
    );
    machine.home.write_config("");
    // The daemon may have seen by itself that the file is good again.
    for found in machine.wrong("daemon-config", &[]) {
        assert_eq!(found["remedy"]["command"], "sso-refresh reload");
    }
    assert_eq!(machine.home.run("reload").code, 0);
    machine.is_well("daemon-config");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    machine.home.write_config(&format!("[listen]\naddress = \"127.0.0.1:{port}\"\n"));
    machine.home.run("reload");
    let found = machine.wrong("endpoint", &[]);
    assert_eq!(found[0]["verdict"], "failure");
    let line = format!("the endpoint is not there: 127.0.0.1:{port} is in use");
    assert!(found[0]["finding"].as_str().unwrap().starts_with(&line), "{found:?}");
    drop(taken);
    assert_eq!(machine.home.run("reload").code, 0);
    machine.is_well("endpoint");

    daemon.signal(nix::sys::signal::Signal::SIGSTOP);
    assert_eq!(machine.wrong("daemon", &[])[0]["finding"], "the daemon is there and does not answer");
    daemon.signal(nix::sys::signal::Signal::SIGCONT);
    machine.is_well("daemon");
}

#[test]
fn the_session_that_the_daemon_lost_is_told_with_why() {
    let center = Center::start(Options::default());
    let machine = Machine::new(&center);
    center.sign_in(&machine.home, "work", 50 * MINUTE);
    for (fault, said) in
        [("InvalidGrantException", "invalid_grant"), ("InvalidClientException", "invalid_client")]
    {
        center.set_faults(&format!("CreateToken:{fault}"));
        let mut daemon = machine.home.daemon(&[]);
        daemon.wait_for("has started");
        machine.home.run("refresh work");
        let found = machine.wrong("signed-in", &[]);
        let line = found[0]["finding"].as_str().unwrap();
        assert!(line.starts_with("`work` needs a sign-in: ") && line.contains(said), "{line}");
        assert_eq!(
            (&found[0]["verdict"], &found[0]["remedy"]["command"]),
            (&"failure".into(), &"sso-refresh login work".into())
        );
        center.set_faults("");
        center.sign_in(&machine.home, "work", 50 * MINUTE);
        until("the sign-in", || machine.wrong("signed-in", &[]).is_empty().then_some(()));
    }
}

#[test]
fn rivals_are_found_in_the_process_list_and_in_cron() {
    let center = Center::start(Options::default());
    let machine = Machine::new(&center);
    for check in ["old-script", "cron-entries"] {
        machine.is_well(check);
    }
    machine.home.write("crontab", "# none\n0 * * * * TOKEN=planted aws sso login\n");
    let found = machine.wrong("cron-entries", &[]);
    assert_eq!(found[0]["finding"], "line 2 of your crontab has `aws sso login`");
    machine.home.write("crontab", "");
    machine.is_well("cron-entries");

    // It lives for as long as its standard input is open.
    machine.home.write("aws-auto-refresh", "read -r line\n");
    let script = machine.home.path("aws-auto-refresh");
    let mut rival = Daemon(Command::new("/bin/sh").arg(&script).stdin(Stdio::piped()).spawn().unwrap());
    let pid = rival.0.id();
    let named = |found: &Vec<Value>| {
        let begin = format!("aws-auto-refresh runs (process {pid}), ");
        found.iter().any(|found| found["finding"].as_str().unwrap().starts_with(&begin))
    };
    until("the rival", || named(&machine.wrong("rival-processes", &[])).then_some(()));
    let all = machine.wrong("rival-processes", &[]);
    let advice = all.iter().filter_map(|found| found["remedy"]["advice"].as_str());
    let kill = advice.flat_map(quoted).find(|command| command.ends_with(&pid.to_string())).unwrap();
    assert!(shell(&machine.home, kill).status().unwrap().success(), "{kill}");
    rival.wait();
    assert!(!named(&machine.wrong("rival-processes", &[])));
}

#[cfg(target_os = "linux")]
#[test]
fn the_old_script_is_ended_by_its_remedy() {
    use crate::import::{write_env, write_token_json};

    let center = Center::start(Options::default());
    let machine = Machine::new(&center);
    let token = center.simulator().sign_in(START_URL, &["sso:account:access"]).token;
    write_env(&machine.home, &token);
    write_token_json(&machine.home, &token);
    // A shell by the name of node, and a script for it that lives for as long as its standard input is open.
    fs::copy("/bin/sh", machine.home.path("node")).unwrap();
    machine.home.write("aws-sso-token-refresh/refresh-token.js", "read -r line\n");
    let mut script = until("a program that is open nowhere else", || {
        let mut script = Command::new(machine.home.path("node"));
        script.current_dir(machine.home.path("aws-sso-token-refresh")).arg("refresh-token.js");
        script.stdin(Stdio::piped()).spawn().ok().map(Daemon)
    });
    let pid = script.0.id();
    machine.home.write("aws-sso-token-refresh/refresh-token.pid", &format!("{pid}\n"));
    until("the script", || (!machine.wrong("old-script", &[]).is_empty()).then_some(()));
    let found = machine.wrong("old-script", &[]);
    assert_eq!(found[0]["verdict"], "failure");
    assert_eq!(
        found[0]["finding"],
        format!("the old script runs (process {pid}) and spends the same refresh tokens")
    );
    assert_eq!(found[0]["remedy"]["command"], "sso-refresh import --stop-old");
    let ran = machine.home.run("import --stop-old");
    assert_eq!(ran.code, 0, "{ran:?}");
    machine.is_well("old-script");
    script.wait();
}

#[test]
fn variables_that_stand_in_the_way_are_told_and_not_shown() {
    let center = Center::start(Options::default());
    let machine = Machine::new(&center);
    for (variables, check, command) in [
        (&[("AWS_ACCESS_KEY_ID", "planted")][..], "static-credentials", "unset AWS_ACCESS_KEY_ID"),
        (&[("AWS_ENDPOINT_URL", "http://planted:4566")], "global-endpoint", "unset AWS_ENDPOINT_URL"),
        (
            &[("AWS_PROFILE", "a"), ("AWS_DEFAULT_PROFILE", "b")],
            "profile-variables",
            "unset AWS_DEFAULT_PROFILE",
        ),
    ] {
        let found = machine.wrong(check, variables);
        assert_eq!(found[0]["remedy"]["command"], command, "{found:?}");
        assert!(!format!("{found:?}").contains("planted"));
        machine.is_well(check);
    }
    assert_eq!(
        machine.wrong("config-warnings", &[("AWS_ENDPOINT_URL", "http://planted:4566")]),
        [Value::Null; 0],
        "it is told once"
    );
}
