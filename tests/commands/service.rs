//! `service` against a service manager that only writes down what it is asked: what can't be had in a test is systemd
//! itself, and `tests/systemd` has that.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::PermissionsExt,
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;
use sso_refresh::simulator::Options;

use crate::support::{Center, Daemon, Home, Ran, WORK};

const MINUTE: Duration = Duration::from_secs(60);
const UNITS: &str = ".config/systemd/user";

/// What the stand-in says of the service: the file `shown`, else that it is not there.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "systemctl $*" >>"$HOME/asked"
if [ -e "$HOME/unreachable" ]; then echo "Failed to connect to bus: No medium found" >&2; exit 1; fi
case "$*" in
*UnitPath*) echo "UnitPath=/etc/systemd/user $HOME/.config/systemd/user" ;;
*show*) cat "$HOME/shown" 2>/dev/null ;;
*" start "*) if [ -e "$HOME/refuse" ]; then echo "Job failed." >&2; exit 1; fi ;;
esac
exit 0
"#;

const SYSTEMD_RUN: &str = r#"#!/bin/sh
echo "systemd-run" >>"$HOME/asked"
if [ -e "$HOME/no-namespaces" ]; then echo "Operation not permitted" >&2; exit 1; fi
"#;

const OTHERS: &str = "#!/bin/sh\necho \"${0##*/} $*\" >>\"$HOME/asked\"\necho Linger=no\n";

/// Tools of systemd that are none, in a home.
struct Machine {
    home: Home,
}

impl Machine {
    fn new() -> Self {
        Self::of(Home::new())
    }

    fn of(home: Home) -> Self {
        home.write_aws_config(WORK);
        for (name, script) in [
            ("systemctl", SYSTEMCTL),
            ("systemd-run", SYSTEMD_RUN),
            ("loginctl", OTHERS),
            ("journalctl", OTHERS),
        ] {
            home.write(&format!("bin/{name}"), script);
            fs::set_permissions(home.path(format!("bin/{name}")), fs::Permissions::from_mode(0o700)).unwrap();
        }
        Self { home }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.home.command(line.split_whitespace());
        command.env("PATH", format!("{}:/usr/bin:/bin", self.home.path("bin").display()));
        command
    }

    fn run(&self, line: &str) -> Ran {
        self.command(line).output().unwrap().into()
    }

    /// What the tools were asked since the last time, without the questions.
    fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(self.home.path("asked")).unwrap_or_default();
        self.home.write("asked", "");
        text.lines().filter(|line| !line.contains(" show ")).map(str::to_owned).collect()
    }

    /// Has the service shown as it is said.
    fn show(&self, active: &str, pid: u32) {
        let file = self.unit("sso-refresh.service");
        self.home.write(
            "shown",
            &format!(
                "Id=sso-refresh.service\nLoadState=loaded\nActiveState={active}\nMainPID={pid}\nResult=success\n\
                 UnitFileState=enabled\nFragmentPath={}\nNeedDaemonReload=no\n\n\
                 Id=sso-refresh.socket\nActiveState=inactive\n",
                file.display()
            ),
        );
    }

    fn unit(&self, name: &str) -> std::path::PathBuf {
        self.home.path(UNITS).join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.unit(name)).unwrap()
    }
}

#[test]
fn install_writes_the_units_and_starts_them_and_a_second_one_changes_nothing() {
    let machine = Machine::new();
    let ran = machine.run("service install");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("wrote ~/.config/systemd/user/sso-refresh.service\n"), "{ran:?}");
    assert!(ran.stdout.contains("loginctl enable-linger"), "nobody sits here: {ran:?}");
    assert!(ran.stderr.contains("may be gone or another soon"), "it is in a target folder: {ran:?}");
    let asked = machine.asked();
    assert_eq!(
        asked[..5],
        [
            "systemd-run",
            "systemctl --user daemon-reload",
            "systemctl --user enable sso-refresh.service sso-refresh.socket",
            "systemctl --user reset-failed sso-refresh.service sso-refresh.socket",
            "systemctl --user start sso-refresh.socket sso-refresh.service",
        ],
        "{asked:?}"
    );
    let unit = machine.text("sso-refresh.service");
    assert!(unit.contains(&format!("\nExecStart={} run\n", env!("CARGO_BIN_EXE_sso-refresh"))), "{unit}");
    let environment = machine.text("sso-refresh.service.d/environment.conf");
    assert!(
        environment.contains("\nEnvironment=\"AWS_ENDPOINT_URL_SSO=http://127.0.0.1:9\"\n"),
        "{environment}"
    );
    // Most homes of tests are below /tmp, and some builds, which a sandbox would hide.
    let needed = [machine.home.path(""), env!("CARGO_BIN_EXE_sso-refresh").into()];
    let hidden = needed.iter().any(|path| path.starts_with("/tmp") || path.starts_with("/var/tmp"));
    assert_eq!(machine.unit("sso-refresh.service.d/sandbox.conf").exists(), !hidden);
    assert_eq!(ran.stdout.contains("it would hide a file of the service"), hidden, "{ran:?}");

    machine.show("active", 1);
    let ran = machine.run("service install");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.stdout.matches("is as it should be").count(), if hidden { 3 } else { 4 }, "{ran:?}");
    let asked = machine.asked();
    assert!(!asked.iter().any(|line| line.contains("daemon-reload") || line.contains(" stop ")), "{asked:?}");
    assert_eq!(machine.text("sso-refresh.service"), unit);

    machine.home.write("no-namespaces", "");
    let ran = machine.run("service install");
    let line = "The sandbox is left out, since it does not start here: `systemd-run --user";
    assert!(ran.stdout.contains(line) && ran.stdout.contains("Operation not permitted"), "{ran:?}");
    assert!(!machine.unit("sso-refresh.service.d/sandbox.conf").exists());
}

#[test]
fn what_was_changed_by_hand_stays_until_it_is_forced() {
    let machine = Machine::new();
    machine.run("service install --no-start");
    assert!(!machine.asked().iter().any(|line| line.contains(" start ")));
    let edited = machine.text("sso-refresh.service").replace("RestartSec=1s", "RestartSec=9s");
    machine.home.write(&format!("{UNITS}/sso-refresh.service"), &edited);
    machine.home.write(&format!("{UNITS}/sso-refresh.service.d/mine.conf"), "[Service]\n");
    let ran = machine.run("service install --no-start");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stderr.contains(
            "~/.config/systemd/user/sso-refresh.service was changed by hand and stays: --force replaces or deletes it\n"
        ),
        "{ran:?}"
    );
    assert_eq!(machine.text("sso-refresh.service"), edited);

    let ran = machine.run("service uninstall");
    assert_eq!((ran.code, machine.text("sso-refresh.service")), (0, edited), "{ran:?}");
    assert!(!machine.unit("sso-refresh.socket").exists());
    assert!(
        ran.stdout
            .contains("kept ~/.config/systemd/user/sso-refresh.service.d: what is left in it is yours\n")
    );
    let ran = machine.run("service uninstall --force");
    assert!(!machine.unit("sso-refresh.service").exists(), "{ran:?}");
    assert!(machine.unit("sso-refresh.service.d/mine.conf").exists(), "{ran:?}");
    assert!(
        machine.home.path(".aws/config").exists() && ran.stdout.contains("kept ~/.aws/config: "),
        "{ran:?}"
    );
    assert!(!machine.home.path("run/sso-refresh").exists(), "{ran:?}");
}

#[test]
fn a_unit_of_another_place_is_replaced_and_told() {
    let machine = Machine::new();
    // Not by this process: what another test starts meanwhile would hold the copy open for writing, and it would not run.
    let copied = Command::new("cp")
        .args([env!("CARGO_BIN_EXE_sso-refresh").into(), machine.home.path("bin/sso-refresh")])
        .status();
    assert!(copied.unwrap().success());
    let mut old = Command::new(machine.home.path("bin/sso-refresh"));
    let like = machine.command("");
    let environment = like.get_envs().filter_map(|(name, value)| Some((name, value?)));
    old.args(["service", "install", "--no-start"]).env_clear().envs(environment);
    assert!(old.output().unwrap().status.success());
    machine.asked();
    machine.show("active", 1);
    let ran = machine.run("service install");
    let was = machine.home.path("bin/sso-refresh").display().to_string();
    let line = format!("wrote ~/.config/systemd/user/sso-refresh.service (it ran {was})\n");
    assert!(ran.stdout.contains(&line), "{line} is not in {ran:?}");
    assert!(machine.asked().contains(&"systemctl --user stop sso-refresh.socket sso-refresh.service".into()));
}

#[test]
fn a_link_to_a_unit_elsewhere_is_the_users() {
    let machine = Machine::new();
    machine.home.write("dotfiles/sso-refresh.service", "[Service]\n");
    DirBuilder::new().recursive(true).create(machine.home.path(UNITS)).unwrap();
    std::os::unix::fs::symlink(
        machine.home.path("dotfiles/sso-refresh.service"),
        machine.unit("sso-refresh.service"),
    )
    .unwrap();
    let ran = machine.run("service install");
    assert!(ran.stderr.contains("sso-refresh.service is not of this program and stays"), "{ran:?}");
    assert_eq!(machine.text("sso-refresh.service"), "[Service]\n");
    machine.run("service uninstall");
    assert!(machine.unit("sso-refresh.service").is_symlink());
    fs::remove_file(machine.unit("sso-refresh.service")).unwrap();
    machine.run("service install");
    let ran = machine.run("service uninstall");
    assert!(ran.stdout.contains("deleted ~/.config/systemd\n"), "nothing is left in it: {ran:?}");
}

#[test]
fn print_shows_the_files_and_writes_none() {
    let machine = Machine::new();
    machine.home.write("unreachable", "");
    let ran = machine.run("service install --print");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    for text in [
        "# ~/.config/systemd/user/sso-refresh.service\n",
        "Type=notify\n",
        "ListenStream=%t/sso-refresh/api.sock\n",
    ] {
        assert!(ran.stdout.contains(text), "{text} is not in {}", ran.stdout);
    }
    assert!(!machine.home.path(".config").exists() && machine.asked().is_empty());
}

#[test]
fn without_a_service_manager_it_says_what_to_do_instead() {
    let machine = Machine::new();
    machine.home.write("unreachable", "");
    for verb in ["install", "uninstall", "start", "stop", "restart", "status", "logs"] {
        let ran = machine.run(&format!("service {verb}"));
        // A log that was written before can be read all the same.
        let expected = if verb == "logs" { (0, "Linger=no\n") } else { (1, "") };
        assert_eq!((ran.code, ran.stdout.as_str()), expected, "{ran:?}");
        assert!(ran.stderr.contains("Failed to connect to bus: No medium found): in a container"), "{ran:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    }
    fs::remove_file(machine.home.path("bin/systemctl")).unwrap();
    let ran: Ran =
        machine.command("service install").env("PATH", machine.home.path("bin")).output().unwrap().into();
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("`systemctl --user show --property=UnitPath` is not to be had here"),
        "{ran:?}"
    );
}

#[test]
fn what_systemctl_says_is_told_and_what_is_wrong_before_is_told_first() {
    let machine = Machine::new();
    machine.home.write("refuse", "");
    let ran = machine.run("service install");
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains(
            "start sso-refresh.socket sso-refresh.service` failed: Job failed; `sso-refresh service logs`"
        ),
        "{ran:?}"
    );
    machine.asked();
    machine.home.write_config("x = 1\n");
    for verb in ["install", "start", "restart"] {
        let ran = machine.run(&format!("service {verb}"));
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains("config.toml:1:1: unknown key `x`"), "{ran:?}");
    }
    assert_eq!(machine.asked(), [""; 0], "the one that runs is left alone");
}

#[test]
fn the_verbs_need_a_service_and_stop_does_not() {
    let machine = Machine::new();
    for verb in ["start", "restart"] {
        let ran = machine.run(&format!("service {verb}"));
        assert_eq!(ran.code, 1);
        assert_eq!(
            ran.stderr,
            "sso-refresh: the service is not installed: `sso-refresh service install` does that\n"
        );
    }
    assert_eq!(machine.run("service stop").stdout, "The service is not installed.\n");
    assert_eq!(machine.run("service status").code, 4);
    machine.show("active", 7);
    assert_eq!(machine.run("service start").stdout, "The service runs (process 7).\n");
    machine.asked();
    machine.show("inactive", 0);
    assert_eq!(machine.run("service stop").stdout, "The service is stopped.\n");
    assert_eq!(machine.asked(), ["systemctl --user stop sso-refresh.socket sso-refresh.service"]);
    assert_eq!(machine.run("service logs -f").code, 0);
    assert_eq!(machine.asked(), ["journalctl --user --unit=sso-refresh.service --follow"]);
    assert_eq!(machine.run("service reload").code, 4);
}

#[test]
fn status_is_that_of_the_service_and_of_the_sessions() {
    let center = Center::start(Options::default());
    let machine = Machine::of(Home::with(&center, WORK));
    center.sign_in(&machine.home, "work", 50 * MINUTE);
    machine.show("failed", 0);
    let ran = machine.run("service status");
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(
        ran.stdout.starts_with("The service has failed: `sso-refresh service logs` tells why"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("\nwork "), "{ran:?}");
    machine.home.write_config("x = 1\n");
    let ran = machine.run("service status --json");
    let shown: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &shown["service"]["state"], &shown["status"]), (4, &"failed".into(), &Value::Null));
    assert!(ran.stderr.contains("unknown key `x`"), "{ran:?}");
    machine.home.write_config("");

    let mut daemon = machine.home.daemon(&[]);
    daemon.wait_for("has started");
    let ran = machine.run("service status");
    let line = format!(
        "sso-refresh runs outside of the service (process {0}): `kill {0}` ends it.\n",
        daemon.0.id()
    );
    assert!(ran.code == 4 && ran.stdout.contains(&line), "{ran:?}");
    let ran = machine.run("service start");
    assert_eq!(ran.code, 1, "another one runs: {ran:?}");
    assert!(
        ran.stderr.contains(&format!(
            "outside of the service (process {0}): end it with `kill {0}`",
            daemon.0.id()
        ))
    );
    machine.show("active", daemon.0.id());
    let ran = machine.run("service status");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with(&format!("The service runs (process {}).\n", daemon.0.id())), "{ran:?}");
    let shown: Value = serde_json::from_str(&machine.run("service status --json").stdout).unwrap();
    assert_eq!((&shown["service"]["state"], &shown["version"]), (&"running".into(), &1.into()));
    assert_eq!(shown["status"]["sessions"][0]["session"], "work");
    fs::remove_file(machine.home.token_path("work")).unwrap();
    assert_eq!(machine.run("logout work").code, 0);
    assert_eq!(machine.run("service status").code, 3);
}

#[test]
fn the_log_file_of_launchd_is_kept_short() {
    let home = Home::new();
    home.write_aws_config(WORK);
    let log = "Library/Logs/sso-refresh/sso-refresh.log";
    home.write(log, &"an old line\n".repeat(200_000));
    let file = fs::File::options().append(true).open(home.path(log)).unwrap();
    let mut daemon = Daemon(home.command(["run"]).stderr(file).spawn().unwrap());
    let length = || fs::metadata(home.path(log)).unwrap().len();
    // It is not heard by its standard error here.
    while length() > 100_000 {
        std::thread::yield_now();
    }
    while home.run("reload").code == 4 {}
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);
    let text = fs::read_to_string(home.path(log)).unwrap();
    assert!(text.contains("has started") && !text.contains("an old line"), "{text}");
    assert!(fs::read_to_string(home.path(format!("{log}.1"))).unwrap().starts_with("an old line\n"));
}
