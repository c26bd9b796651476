//! `[hooks]`: what they get, and that nothing they do harms the daemon.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{fs, os::unix::fs::PermissionsExt, thread::sleep, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use sso_refresh::simulator::Options;

use crate::support::{Center, Daemon, Home, WORK, secrets};

/// A daemon with `script` as its hook `name`. In it `$OUT` is a folder.
fn running(center: &Center, name: &str, script: &str) -> (Home, Daemon) {
    let home = Home::with(center, WORK);
    center.sign_in(&home, "work", Duration::from_secs(3000));
    set(&home, name, script);
    let mut daemon = home.daemon(&["-v"]);
    daemon.wait_for("has started");
    (home, daemon)
}

fn set(home: &Home, name: &str, script: &str) {
    fs::create_dir_all(home.path("out")).unwrap();
    home.write("hook.sh", &format!("OUT={}\n{script}", home.path("out").display()));
    home.write_config(&format!(
        "[hooks]\n{name} = [\"/bin/sh\", \"{}\", \"an  arg\"]\n",
        home.path("hook.sh").display()
    ));
}

/// Waits until a file has a whole line, and gives it all.
fn written(home: &Home, name: &str) -> String {
    loop {
        let text = fs::read_to_string(home.path("out").join(name)).unwrap_or_default();
        if text.ends_with('\n') {
            return text;
        }
        sleep(Duration::from_millis(10));
    }
}

fn lives(pid: i32) -> bool {
    // Who was killed may wait for somebody to take note of it.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    kill(Pid::from_raw(pid), None).is_ok() && !stat.contains(") Z ")
}

#[test]
fn it_gets_the_event_and_no_secret() {
    let center = Center::start(Options::default());
    let script =
        "cat > $OUT/stdin; env > $OUT/env; umask > $OUT/umask; echo \"$1\" > $OUT/arg; echo said; exit 3";
    let (home, mut daemon) = running(&center, "refreshed", script);
    let mut planted = secrets(&center.sign_in(&home, "work", Duration::from_secs(3000)));
    assert_eq!(home.run("refresh work").code, 0);
    let line = daemon.wait_for("hook refreshed: ");
    assert!(line.ends_with("said"), "{line}");
    let line = daemon.wait_for("the hook `refreshed` (/bin/sh)");
    assert!(line.contains("WARN") && line.contains("failed with exit code 3"), "{line}");
    let event: Value = serde_json::from_str(&written(&home, "stdin")).unwrap();
    assert_eq!((&event["event"], &event["session"]), (&"refreshed".into(), &"work".into()));
    let env = written(&home, "env");
    for name in ["EVENT=refreshed", "SESSION=work", "VERSION=1", "MESSAGE=work: refreshed, good until"] {
        assert!(env.lines().any(|line| line.starts_with(&format!("SSO_REFRESH_{name}"))), "{name}: {env}");
    }
    let expires_at = event["expiresAt"].as_str().unwrap();
    assert!(env.lines().any(|line| line == format!("SSO_REFRESH_EXPIRES_AT={expires_at}")), "{env}");
    assert_eq!(written(&home, "arg"), "an  arg\n");
    // Not that of the daemon, which keeps its own files to itself.
    let own = std::process::Command::new("/bin/sh").args(["-c", "umask"]).output().unwrap();
    assert_eq!(written(&home, "umask").as_bytes(), own.stdout);
    planted.push(home.access_token("work").unwrap());
    let told = format!("{env}{event}");
    assert!(planted.iter().all(|secret| !told.contains(secret)), "{told}");
    assert_eq!(fs::metadata(home.path("out/stdin")).unwrap().permissions().mode() & 0o111, 0);
}

#[test]
fn one_that_hangs_and_floods_harms_nothing_and_ends_with_the_daemon() {
    let center = Center::start(Options::default());
    let script = "trap '' TERM\nyes flood &\necho $! $$ >> $OUT/pids\nwhile :; do wait; done";
    let (home, mut daemon) = running(&center, "refreshed", script);
    assert_eq!(home.run("refresh work").code, 0);
    let pids = written(&home, "pids");
    daemon.wait_for("… and more, which is left out");
    for _ in 0..3 {
        assert_eq!(home.run("refresh work").code, 0);
        assert_eq!(home.run("status").code, 0);
    }
    assert_eq!(written(&home, "pids"), pids, "the others wait");
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for("the hooks that run or wait are given up");
    assert_eq!(daemon.wait(), 0);
    for pid in pids.split_whitespace() {
        while lives(pid.parse().unwrap()) {
            sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn one_that_is_not_there_is_told_and_another_takes_its_place_at_a_reload() {
    let center = Center::start(Options::default());
    let (home, mut daemon) = running(&center, "failed", "");
    home.write_config("[hooks]\nfailed = [\"~/nothing\"]\n");
    let taken_up = home.run("reload");
    assert!(taken_up.stdout.contains("the hooks changed"), "{taken_up:?}");
    let shown = home.run("config show").stdout;
    assert!(shown.contains("hooks.failed") && shown.contains("/nothing\"]"), "{shown}");
    center.set_faults("CreateToken:status=503");
    home.run("refresh work");
    let line = daemon.wait_for("the hook `failed`");
    assert!(line.contains("No such file") && line.contains("check its path"), "{line}");
    center.set_faults("");
    assert_eq!(home.run("refresh work").code, 0);

    // Once for a trouble, however often it is tried.
    set(&home, "failed", "echo $SSO_REFRESH_ERROR_KIND >> $OUT/failed");
    assert_eq!(home.run("reload").code, 0);
    center.set_faults("CreateToken:status=503");
    for _ in 0..3 {
        home.run("refresh work");
    }
    daemon.wait_for("the hook `failed` has run");
    center.set_faults("");
    assert_eq!(home.run("refresh work").code, 0);
    center.set_faults("CreateToken:html=200");
    home.run("refresh work");
    daemon.wait_for("the hook `failed` has run");
    let kinds = fs::read_to_string(home.path("out/failed")).unwrap();
    assert_eq!(kinds.lines().count(), 2, "{kinds}");
    assert!(kinds.starts_with("server_error\n"), "{kinds}");
}

#[test]
fn a_sign_in_that_is_needed_runs_its_hook_which_need_not_read() {
    let center = Center::start(Options::default());
    let script = "exec 0<&-; echo $SSO_REFRESH_SESSION $SSO_REFRESH_ERROR_KIND >> $OUT/needed";
    let (home, mut daemon) = running(&center, "login_required", script);
    center.set_faults("CreateToken:InvalidGrantException");
    home.run("refresh work");
    assert_eq!(written(&home, "needed"), "work invalid_grant\n");
    daemon.wait_for("the hook `login_required` has run");
}
