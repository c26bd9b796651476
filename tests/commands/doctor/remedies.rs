//! Remedies that are commands of a shell or of the system, run as doctor prints them.

use super::*;

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    thread,
};

use sso_refresh::{
    platform::SET_CLOCK,
    time::{Clock, Timestamp},
};

use crate::shell::{shell, tool};

/// What `doctor` finds of `check` behind the commands `before` in one shell.
fn found_after(home: &Home, before: &str, check: &str) -> Vec<Value> {
    let ran: Ran = shell(home, &format!("{before}\nsso-refresh doctor --json")).output().unwrap().into();
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let checks = printed["checks"].as_array().unwrap();
    let found: Vec<Value> = checks.iter().filter(|found| found["check"] == check).cloned().collect();
    assert!(!found.is_empty(), "there is no check {check}: {ran:?}");
    found.into_iter().filter(|found| found["verdict"] != "ok").collect()
}

/// Sees `check` find one thing after `broken`, runs the command that it names in the same shell, and sees it pass.
fn mended_in_a_shell(home: &Home, broken: &str, check: &str) -> String {
    let found = found_after(home, broken, check);
    assert_eq!(found.len(), 1, "{check}: {found:?}");
    let command = found[0]["remedy"]["command"].as_str().unwrap_or_else(|| panic!("{found:?}")).to_owned();
    let after = found_after(home, &format!("{broken}\n{command} >/dev/null"), check);
    assert_eq!(after, [Value::Null; 0], "{check} after {command}");
    command
}

#[test]
fn a_variable_that_stands_in_the_way_is_gone_after_the_remedy() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    for (variables, check) in [
        (
            "AWS_ACCESS_KEY_ID=planted AWS_SECRET_ACCESS_KEY=planted AWS_SESSION_TOKEN=planted",
            "static-credentials",
        ),
        ("AWS_ACCESS_KEY_ID=planted", "static-credentials"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE=/planted AWS_ROLE_ARN=planted", "web-identity"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9/planted", "container-credentials"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/planted", "container-credentials"),
        ("AWS_PROFILE=a AWS_DEFAULT_PROFILE=b", "profile-variables"),
        ("AWS_DEFAULT_PROFILE='b c'", "profile-variables"),
        ("AWS_ENDPOINT_URL=http://127.0.0.1:9/planted", "global-endpoint"),
    ] {
        mended_in_a_shell(&home, &format!("export {variables}"), check);
    }
    // It is used nowhere without a key.
    let alone = found_after(&home, "export AWS_SESSION_TOKEN=planted", "static-credentials");
    assert_eq!(alone, [Value::Null; 0]);
}

/// A systemd that keeps what it is told, below the home directory: what is there of `missing`, `masked`, `stopped`,
/// `disabled`, `stale` and `lingers-not` is so.
#[cfg(target_os = "linux")]
const SYSTEMCTL: &str = r#"
cd "$HOME"
is() { if [ -e "$1" ]; then echo "$2"; else echo "$3"; fi; }
case "$*" in
*UnitPath*) echo "UnitPath=$HOME/.config/systemd/user" ;;
*show*)
    load=$(is masked masked "$(is missing not-found loaded)")
    active=$(is stopped inactive active)
    printf 'Id=sso-refresh.service\nLoadState=%s\nActiveState=%s\n' "$load" "$active"
    printf 'UnitFileState=%s\nNeedDaemonReload=%s\n' "$(is disabled disabled enabled)" "$(is stale yes no)"
    printf 'WatchdogUSec=%s\n\nId=sso-refresh.socket\nActiveState=%s\n' "$(is unwatched 0 5min)" "$active" ;;
*unmask*) rm -f masked ;;
*daemon-reload*) rm -f stale; if [ -e .config/systemd/user/sso-refresh.service ]; then rm -f missing; fi ;;
*" enable "*) rm -f disabled ;;
*" start "*) rm -f stopped ;;
esac
"#;

#[cfg(target_os = "linux")]
const LOGINCTL: &str = r#"
cd "$HOME"
case "$*" in
*enable-linger*) rm -f lingers-not ;;
*) if [ -e lingers-not ]; then echo Linger=no; else echo Linger=yes; fi ;;
esac
"#;

#[cfg(target_os = "linux")]
#[test]
fn the_service_is_as_it_should_be_after_the_remedy() {
    let center = Center::start(Options::default());
    for (broken, check, expected) in [
        ("missing", "service-installed", "sso-refresh service install"),
        ("masked", "service-installed", "systemctl --user unmask sso-refresh.service sso-refresh.socket"),
        ("disabled", "service-enabled", "sso-refresh service install"),
        ("stopped", "service-running", "sso-refresh service start"),
        ("stale", "service-version", "systemctl --user daemon-reload"),
        ("lingers-not", "linger", "loginctl enable-linger"),
    ] {
        let home = Home::with(&center, WORK);
        for (name, script) in [("systemctl", SYSTEMCTL), ("loginctl", LOGINCTL), ("systemd-run", "")] {
            tool(&home, name, script);
        }
        assert_eq!(mended_in_a_shell(&home, &format!(": >\"$HOME/{broken}\""), check), expected);
    }
    let home = Home::with(&center, WORK);
    tool(&home, "systemctl", SYSTEMCTL);
    let found = found_after(&home, ": >unwatched", "watchdog");
    assert!(
        found[0]["remedy"]["advice"].as_str().unwrap().contains("add `WatchdogSec=5min` below [Service]")
    );
    // Whoever does that with the real one has it shown so.
    assert_eq!(found_after(&home, "rm unwatched", "watchdog"), [Value::Null; 0]);
}

#[test]
fn the_clock_is_right_after_the_remedy() {
    let home = Home::new();
    let set = home.path("set");
    let clock = Clock::from_fn(move || {
        let secs = if set.exists() { 0 } else { 605 };
        Timestamp::from_millis(Clock::system().now().millis() + secs * 1000)
    });
    let center = Center::start(Options { clock, ..Options::default() });
    home.write_aws_config(WORK);
    home.write_config(&format!("[session.work]\nendpoint = \"{}\"\n", center.url()));
    // The clock of a machine can't be set in a test: that of AWS stands for it.
    let (name, _) = SET_CLOCK.trim_matches('`').split_once(' ').unwrap();
    tool(&home, name, ": >\"$HOME/set\"\n");
    tool(&home, "sudo", "exec \"$@\"\n");
    mended_in_a_shell(&home, "", "clock");
}

#[test]
fn a_keyring_that_is_asked_for_is_told_to_be_none_of_this_version() {
    let home = Home::new();
    home.write_aws_config(WORK);
    home.write_config("[session.work]\nstore = \"keyring\"\n");
    let found = wrong(&home, "config");
    let line = found[0]["finding"].as_str().unwrap();
    assert!(line.ends_with("is not available in this version; write \"file\", or delete the key"), "{line}");
    home.write_config("[session.work]\nstore = \"file\"\n");
    assert_eq!(wrong(&home, "config"), [Value::Null; 0]);
}

#[test]
fn a_configuration_that_others_may_write_is_closed_by_the_remedy() {
    let home = Home::new();
    home.write_aws_config(WORK);
    fs::set_permissions(home.path(".aws/config"), Permissions::from_mode(0o666)).unwrap();
    assert_eq!(mended_in_a_shell(&home, "", "config-warnings"), "chmod go-w ~/.aws/config");
}

#[test]
fn a_daemon_of_another_version_is_told_until_one_of_this_version_runs() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    let ask = |mut stream: UnixStream| {
        stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let socket = home.path("run/sso-refresh/api.sock");
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    let version = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
    let answer = ask(UnixStream::connect(&socket).unwrap()).replace(&version, "\"9.9.9\"");
    assert!(answer.contains("9.9.9"), "{answer}");
    drop(daemon);
    // Of no length, so that another version's can be as long as it likes.
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{body}");
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let found = wrong(&home, "daemon-version");
    let (line, advice) =
        (found[0]["finding"].as_str().unwrap(), found[0]["remedy"]["advice"].as_str().unwrap_or_default());
    assert!(line.starts_with("the daemon is version 9.9.9, and this program"), "{found:?}");
    assert!(advice.ends_with("and start `sso-refresh run` again"), "{found:?}");
    fs::remove_file(&socket).unwrap();
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    assert_eq!(wrong(&home, "daemon-version"), [Value::Null; 0]);
}

#[test]
fn fix_has_nothing_left_to_do_the_second_time() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", 50 * MINUTE);
    fs::set_permissions(home.token_path("work"), Permissions::from_mode(0o644)).unwrap();
    let mended = |home: &Home| {
        let ran = home.run("doctor --fix --json");
        let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
        printed["mended"].as_array().unwrap().len()
    };
    assert_eq!((mended(&home), mended(&home)), (1, 0));
}
