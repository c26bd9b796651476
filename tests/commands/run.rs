//! `run` as a service manager has it: readiness, signals, a second one, and a crash before it.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{os::unix::net::UnixDatagram, time::Duration};

use nix::sys::signal::Signal;
use sso_refresh::simulator::Options;

use crate::support::{Center, Home, WORK, WORK_AND_HOME};

const MINUTE: Duration = Duration::from_secs(60);

fn single_use() -> Center {
    Center::start(Options { single_use: true, ..Options::default() })
}

/// What the service manager is told, up to the message that contains `last`.
fn told(manager: &UnixDatagram, last: &str) -> Vec<String> {
    let mut messages = Vec::new();
    while !messages.last().is_some_and(|message: &String| message.contains(last)) {
        let mut bytes = [0; 4096];
        let length = manager.recv(&mut bytes).unwrap();
        messages.push(String::from_utf8(bytes[..length].to_vec()).unwrap());
    }
    messages
}

#[test]
fn the_service_manager_hears_ready_status_reload_and_stopping() {
    let center = single_use();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", 50 * MINUTE);
    home.write("run/.keep", "");
    let manager = UnixDatagram::bind(home.path("run/notify")).unwrap();
    // A daemon that says nothing fails the test instead of hanging it.
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut daemon = home.daemon_with(&[], [("NOTIFY_SOCKET", home.path("run/notify"))]);
    told(&manager, "READY=1");
    assert!(told(&manager, "1 session fresh, next refresh").last().unwrap().starts_with("STATUS="));
    daemon.signal(Signal::SIGHUP);
    let reload = told(&manager, "READY=1").join("\n");
    assert!(reload.contains("RELOADING=1") && reload.contains("MONOTONIC_USEC="), "{reload}");
    assert_eq!(home.run("reload").code, 0);
    assert!(told(&manager, "READY=1").join("\n").contains("RELOADING=1\nMONOTONIC_USEC="));
    daemon.signal(Signal::SIGTERM);
    let stopping = told(&manager, "STOPPING=1");
    assert!(stopping.last().unwrap().contains("EXTEND_TIMEOUT_USEC=39000000"), "{stopping:?}");
    assert_eq!(daemon.wait(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn the_watchdog_is_fed_while_the_loop_turns_and_while_a_stop_waits() {
    const LIMIT: Duration = Duration::from_millis(400);
    let center = single_use();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", MINUTE);
    // Longer than the watchdog would wait.
    center.set_faults("CreateToken:delay=20s");
    home.write("run/.keep", "");
    let manager = UnixDatagram::bind(home.path("run/notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let env =
        [("NOTIFY_SOCKET", home.path("run/notify")), ("WATCHDOG_USEC", LIMIT.as_micros().to_string().into())];
    let mut daemon = home.daemon_with(&[], env);
    told(&manager, "READY=1");
    for _ in 0..3 {
        told(&manager, "WATCHDOG=1");
    }
    while center.exchanges() == 0 {
        std::thread::yield_now();
    }
    daemon.signal(Signal::SIGTERM);
    told(&manager, "STOPPING=1");
    for _ in 0..2 {
        told(&manager, "WATCHDOG=1");
    }
    // Ends the wait.
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn the_watchdog_is_fed_no_more_often_than_it_wants() {
    let home = Home::new();
    home.write("run/.keep", "");
    let manager = UnixDatagram::bind(home.path("run/notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let env = [("NOTIFY_SOCKET", home.path("run/notify")), ("WATCHDOG_USEC", "3600000000".into())];
    let daemon = home.daemon_with(&[], env);
    let mut messages = told(&manager, "READY=1");
    for _ in 0..4 {
        daemon.signal(Signal::SIGHUP);
        messages.extend(told(&manager, "READY=1"));
    }
    assert_eq!(messages.iter().filter(|message| message.contains("WATCHDOG=1")).count(), 1, "{messages:?}");
}

#[test]
fn a_stop_waits_until_the_exchange_in_flight_is_on_disk() {
    let center = single_use();
    let home = Home::with(&center, WORK);
    let old = center.sign_in(&home, "work", MINUTE);
    center.set_faults("CreateToken:delay=700ms");
    let mut daemon = home.daemon(&["-vv"]);
    daemon.wait_for("has started");
    while center.exchanges() == 0 {
        std::thread::yield_now();
    }
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);
    let new = home.access_token("work").unwrap();
    assert_ne!(new, old.access_token.expose());
    let ran = home.run("token");
    assert_eq!((ran.code, ran.stdout.trim_end()), (0, new.as_str()));
    assert_eq!(center.exchanges(), 1);
}

#[test]
fn a_hangup_takes_up_a_good_configuration_and_keeps_the_old_one_over_a_bad() {
    let center = single_use();
    let home = Home::with(&center, WORK);
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    home.write_aws_config(WORK_AND_HOME);
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("added home");
    home.write_config("\n[log]\nlevl = \"debug\"\n");
    daemon.signal(Signal::SIGHUP);
    let line = daemon.wait_for("not taken up");
    assert!(line.contains("config.toml:3:1") && line.contains("`level`"), "{line}");
    let status = home.run("status");
    assert!(status.stdout.contains("config.toml:3:1"), "{status:?}");
    assert!(status.stdout.contains("home") && status.stdout.contains("work"), "{status:?}");
    home.write_config("[log]\nlevel = \"debug\"\n");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("the log changed");
    center.sign_in(&home, "work", 50 * MINUTE);
    assert!(daemon.wait_for("wakes next").contains("DEBUG"));
}

#[test]
fn a_second_one_is_told_who_runs_and_a_crash_is_no_obstacle() {
    let center = single_use();
    let home = Home::with(&center, WORK);
    let mut first = home.daemon(&[]);
    first.wait_for("has started");
    let second = home.run("run");
    assert_eq!(second.code, 1);
    assert!(second.stderr.contains(&format!("already running (process {})", first.0.id())), "{second:?}");
    first.signal(Signal::SIGKILL);
    first.wait();
    assert!(home.path("run/sso-refresh/api.sock").exists(), "the socket was left");
    let mut third = home.daemon(&[]);
    third.wait_for("has started");
    assert_eq!(home.run("reload").code, 0);
}

#[test]
fn a_sign_in_by_command_is_noticed_and_kept_fresh() {
    let center =
        Center::start(Options { auto_approve: true, interval: Duration::from_secs(1), ..Options::default() });
    let home = Home::with(&center, WORK);
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("there is no token file");
    assert_eq!(home.run("login").code, 0);
    daemon.wait_for("keeps the token fresh");
    assert_eq!(home.run("logout").code, 0);
    daemon.wait_for("there is no token file");
    assert_eq!(home.run("token").code, 3);
}

/// How much of the memory of a process the system may not move, in KiB.
#[cfg(target_os = "linux")]
fn locked(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How large its heap is, in KiB; `None` where that is for root to see.
#[cfg(target_os = "linux")]
fn heap(pid: u32) -> Option<u64> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let size = |line: &str| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        Some((u64::from_str_radix(end, 16).ok()? - u64::from_str_radix(start, 16).ok()?) / 1024)
    };
    Some(maps.lines().filter(|line| line.ends_with("[heap]")).filter_map(size).sum())
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_in_memory_is_locked_before_and_after_a_refresh() {
    use nix::sys::resource::{Resource, getrlimit};

    const ENOUGH: u64 = 8 * 1024 * 1024;
    if getrlimit(Resource::RLIMIT_MEMLOCK).unwrap().0 < ENOUGH && !nix::unistd::geteuid().is_root() {
        return println!("SKIPPED: `ulimit -l` allows too little memory to be locked");
    }
    let center = single_use();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", 50 * MINUTE);
    let mut daemon = home.daemon(&["-v"]);
    daemon.wait_for("wakes next");
    assert!(locked(daemon.0.id()) > 0);
    assert_eq!(home.run("refresh").code, 0);
    daemon.wait_for("refreshed");
    let (locked, heap) = (locked(daemon.0.id()), heap(daemon.0.id()));
    assert!(locked > 0, "it was unlocked and locked again");
    match heap {
        // What answered may have made it grow since.
        Some(heap) => assert!(locked * 4 > heap * 3, "{locked} KiB of {heap} KiB"),
        None => println!("NOT TRIED: whether what the heap grew by is locked, which root can see"),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_that_allows_no_locked_memory_is_borne_with() {
    if nix::unistd::geteuid().is_root() {
        return println!("SKIPPED: the limit does not hold for root");
    }
    let home = Home::new();
    let program = env!("CARGO_BIN_EXE_sso-refresh");
    let mut command = home.command([""; 0]);
    let mut limited = std::process::Command::new("/bin/sh");
    limited.args(["-c", "ulimit -l 0 && exec \"$0\" run -v", program]).env_clear();
    limited.envs(command.env("PATH", "/bin").get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    let mut daemon = crate::support::Daemon(limited.spawn().unwrap());
    let line = daemon.wait_for("can reach the swap area");
    assert!(line.contains("DEBUG"), "{line}");
    daemon.wait_for("has started");
}
