//! `token` and `refresh`.

use std::{
    os::unix::{net::UnixListener, process::ExitStatusExt},
    process::Stdio,
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;
use sso_refresh::simulator::{Operation, Options};

use crate::support::{Center, Daemon, Home, START_URL, WORK, WORK_AND_HOME};

const MINUTE: Duration = Duration::from_secs(60);

fn center() -> Center {
    Center::start(Options::default())
}

#[test]
fn a_good_token_is_printed_and_not_exchanged() {
    let center = center();
    let home = Home::with(&center, WORK);
    for left in [50 * MINUTE, 5 * MINUTE] {
        let token = center.sign_in(&home, "work", left);
        for (line, prefix) in
            [("token", ""), ("token work", ""), ("token --header", "Authorization: Bearer ")]
        {
            let ran = home.run(line);
            let expected = format!("{prefix}{}\n", token.access_token.expose());
            assert_eq!((ran.code, ran.stdout, ran.stderr), (0, expected, String::new()), "{line}");
        }
        let ran = home.run("token --json");
        let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(printed["version"], 1);
        assert_eq!(printed["session"], "work");
        assert_eq!(printed["accessToken"], token.access_token.expose());
        assert_eq!(printed["tokenType"], "Bearer");
        assert_eq!(printed["expiresAt"], token.expires_at.to_string());
        assert!(printed["expiresIn"].as_u64().unwrap() <= left.as_secs());
    }
    assert_eq!(center.exchanges(), 0);
}

#[test]
fn a_token_that_would_not_last_is_refreshed_once() {
    let center = center();
    let home = Home::with(&center, WORK);
    for (left, line) in [
        (Duration::ZERO, "token"),
        (MINUTE / 2, "token"),
        (5 * MINUTE, "token --min-validity 10m"),
        (50 * MINUTE, "token --min-validity 55m"),
    ] {
        let before = center.exchanges();
        let old = center.sign_in(&home, "work", left);
        let ran = home.run(line);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}");
        assert_ne!(ran.stdout.trim_end(), old.access_token.expose());
        assert_eq!(Some(ran.stdout.trim_end()), home.access_token("work").as_deref());
        assert_eq!(center.exchanges(), before + 1, "{line}");
        assert_eq!(home.run("token --min-validity 10m").stdout, ran.stdout);
        assert_eq!(center.exchanges(), before + 1, "{line}");
    }
}

#[test]
fn ten_at_once_make_one_exchange() {
    // A little slow, so that all of them are there before the first has its answer.
    let latency = Duration::from_millis(300);
    let center = Center::start(Options { single_use: true, latency, ..Options::default() });
    let home = Home::with(&center, WORK);
    for line in ["token", "token --min-validity 50m"] {
        let before = center.exchanges();
        center.sign_in(&home, "work", Duration::from_secs(20));
        let start = |_| {
            let mut command = home.command(line.split(' '));
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> = (0..10).map(start).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
            let printed = String::from_utf8(output.stdout).unwrap();
            assert_eq!(Some(printed.trim_end()), home.access_token("work").as_deref());
        }
        assert_eq!(center.exchanges(), before + 1, "{line}");
    }
}

#[test]
fn each_refusal_has_its_exit_code() {
    let center = center();
    let home = Home::with(&center, WORK_AND_HOME);
    let line = |line: &str, code: i32, parts: &[&str]| {
        let ran = home.run(line);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{line}: {ran:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
        for part in ["sso-refresh: "].iter().chain(parts) {
            assert!(ran.stderr.contains(part), "{part} is not in {ran:?}");
        }
    };
    for command in ["token", "refresh"] {
        line(command, 2, &["home, work", "default_session"]);
        line(&format!("{command} wrok"), 2, &["did you mean `work`?"]);
        line(&format!("{command} work"), 3, &["work", "sso-refresh login work"]);
    }
    let token = center.sign_in(&home, "work", Duration::ZERO);
    center.set_faults("CreateToken:status=503:retry-after=300");
    for command in ["token work", "refresh work"] {
        line(command, 5, &["work", "503"]);
    }
    center.set_faults("CreateToken:InvalidClientException");
    line("refresh work", 3, &["sso-refresh login work"]);
    center.set_faults("");
    home.write_token("work", &token, START_URL);
    line("token work --min-validity 2h", 2, &["work"]);
    assert!(home.access_token("work").is_some(), "nothing of this costs the token");
}

#[test]
fn the_end_of_a_session_is_believed_the_second_time() {
    let center = center();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", Duration::ZERO);
    center.set_faults("CreateToken:InvalidGrantException:times=1");
    assert_eq!(home.run("token").code, 0, "the second try went well");
    center.sign_in(&home, "work", Duration::ZERO);
    center.simulator().end_session(START_URL);
    let before = center.exchanges();
    assert_eq!(home.run("token").code, 3);
    assert_eq!(center.exchanges(), before + 2);
}

#[test]
fn refresh_says_until_when() {
    let center = center();
    let home = Home::with(&center, WORK_AND_HOME);
    let old = center.sign_in(&home, "work", 50 * MINUTE);
    center.sign_in(&home, "home", 50 * MINUTE);
    let ran = home.run("refresh work");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.starts_with("work: refreshed, good until 20"), "{ran:?}");
    assert_ne!(home.access_token("work").unwrap(), old.access_token.expose());

    let ran = home.run("refresh --all");
    assert_eq!(
        ran.stdout.lines().map(|line| &line[..16]).collect::<Vec<_>>(),
        ["home: refreshed,", "work: refreshed,"]
    );
    assert_eq!(center.exchanges(), 3);

    std::fs::remove_file(home.token_path("home")).unwrap();
    let ran = home.run("refresh --all --json");
    assert_eq!(ran.code, 3, "one of them needs a sign-in");
    assert!(ran.stderr.contains("sso-refresh login home"), "{ran:?}");
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed["version"], 1);
    assert_eq!(printed["sessions"][0]["session"], "work");
    assert_eq!(printed["sessions"][0]["state"], "fresh");
    assert_eq!(printed["sessions"][0]["usable"], true);
}

#[test]
fn the_profile_of_the_environment_names_the_session() {
    let center = center();
    let home = Home::with(&center, &format!("{WORK_AND_HOME}[profile dev]\nsso_session = home\n"));
    let token = center.sign_in(&home, "home", 50 * MINUTE);
    let output = home.command(["token"]).env("AWS_PROFILE", "dev").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), token.access_token.expose());
}

#[test]
fn a_daemon_that_hangs_is_done_without_and_told_of() {
    let center = center();
    let home = Home::with(&center, WORK);
    let token = center.sign_in(&home, "work", 50 * MINUTE);
    home.write("run/sso-refresh/empty", "");
    let _hung = UnixListener::bind(home.path("run/sso-refresh/api.sock")).unwrap();
    let ran = home.run("token");
    assert_eq!((ran.code, ran.stdout.trim_end()), (0, token.access_token.expose()));
    assert_eq!(
        ran.stderr,
        "sso-refresh: the daemon does not answer (is its process stopped?): run `sso-refresh service restart`, or end the process and start it again; did it without\n"
    );
    assert_eq!(home.run("token -q").stderr, "");
    assert_eq!(home.run("reload").code, 1);
}

#[test]
fn a_broken_file_is_healed_from_the_own_copy() {
    let center = center();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", Duration::ZERO);
    let good = home.run("token").stdout;
    home.write(&format!(".aws/sso/cache/{}", sso_refresh::store::token_file_name("work")), "{\"accessTok");
    let ran = home.run("token");
    assert_eq!((ran.code, ran.stdout), (0, good.clone()));
    assert_eq!(home.access_token("work").as_deref(), Some(good.trim_end()));
    assert_eq!(center.simulator().count(Operation::CreateToken), 1);
}

#[test]
fn a_signal_waits_until_the_answer_is_on_disk() {
    let center = Center::start(Options { single_use: true, ..Options::default() });
    for (line, signal) in [
        ("refresh", Signal::SIGINT),
        ("token --min-validity 5m", Signal::SIGTERM),
        ("refresh", Signal::SIGHUP),
    ] {
        let home = Home::with(&center, WORK);
        let old = center.sign_in(&home, "work", MINUTE);
        let before = center.exchanges();
        // What was asked is done; the answer comes later.
        center.set_faults("CreateToken:delay=1s");
        let mut command = Daemon(
            home.command(line.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(),
        );
        while center.exchanges() == before {
            thread::yield_now();
        }
        command.signal(signal);
        let ended = command.0.wait().unwrap();
        assert_eq!(ended.signal(), Some(signal as i32), "{line}");
        assert_ne!(home.access_token("work").unwrap(), old.access_token.expose(), "{line}");
        center.set_faults("");
        assert_eq!(home.run("refresh").code, 0, "{line}: the session lives");
    }
}

#[test]
fn a_second_signal_waits_for_nothing() {
    let center = center();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", MINUTE);
    center.set_faults("CreateToken:delay=60s");
    let mut command = Daemon(home.command(["refresh"]).stderr(Stdio::piped()).spawn().unwrap());
    while center.exchanges() == 0 {
        thread::yield_now();
    }
    command.signal(Signal::SIGINT);
    // Two of them that are not taken yet are one.
    while command.0.try_wait().unwrap().is_none() {
        command.signal(Signal::SIGTERM);
    }
    assert!(command.0.wait().unwrap().signal().is_some());
}
