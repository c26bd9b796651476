//! `events` and `GET /v1/events`: what a program hears, and how it ends.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{ChildStdout, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;
use sso_refresh::simulator::Options;

use crate::support::{Center, Daemon, Home, WORK, WORK_AND_HOME};

/// `events`, as a program that reads it.
struct Follower {
    process: Daemon,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Follower {
    fn start(home: &Home, line: &str) -> Self {
        let mut command = home.command(line.split_whitespace());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { process: Daemon(child), lines }
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    /// Up to the event of that name.
    fn until(&mut self, name: &str) -> Value {
        loop {
            let event = self.next();
            if event["event"] == name {
                return event;
            }
        }
    }

    /// Has the daemon tell something until it is heard: then it follows.
    fn follows(&mut self, home: &Home) {
        let told = std::thread::scope(|scope| {
            let (heard, is_heard) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || {
                while is_heard.recv_timeout(Duration::from_millis(100))
                    == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
                {
                    home.run("refresh work");
                }
            });
            let told = self.next();
            drop(heard);
            told
        });
        assert_eq!((&told["event"], &told["session"]), (&"refreshed".into(), &"work".into()), "{told}");
    }

    /// How it ends, and what it says then.
    fn end(mut self) -> (i32, String) {
        let mut said = String::new();
        self.process.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.process.wait(), said)
    }
}

fn running(center: &Center, aws_config: &str, config: &str) -> (Home, Daemon) {
    let home = Home::with(center, aws_config);
    home.write_config(config);
    center.sign_in(&home, "work", Duration::from_secs(3000));
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    (home, daemon)
}

#[test]
fn what_happens_is_told_in_a_line_each_and_never_a_secret() {
    let center = Center::start(Options::default());
    let (home, daemon) = running(&center, WORK, "");
    let in_file = || {
        let token: Value =
            serde_json::from_str(&fs::read_to_string(home.token_path("work")).unwrap()).unwrap();
        ["accessToken", "refreshToken", "clientSecret"].map(|key| token[key].as_str().unwrap().to_owned())
    };
    let mut planted = in_file().to_vec();
    let mut all = Follower::start(&home, "events");
    all.follows(&home);

    center.set_faults("CreateToken:status=503");
    assert_eq!(home.run("refresh work").code, 5);
    let failing = all.until("refresh_failing");
    assert_eq!((&failing["version"], &failing["session"]), (&1.into(), &"work".into()));
    assert_eq!(failing["errorKind"], "server_error");
    assert!(failing["at"].as_str().unwrap().ends_with('Z') && failing["nextRefresh"].is_string());
    center.set_faults("");
    assert_eq!(home.run("refresh work").code, 0);
    let recovered = all.until("recovered");
    assert!(recovered["afterSecs"].is_u64(), "{recovered}");
    planted.extend(in_file());
    center.set_faults("CreateToken:InvalidGrantException");
    home.run("refresh work");
    let needed = all.until("sign_in_needed");
    assert_eq!(needed["errorKind"], "invalid_grant");
    assert!(needed["message"].as_str().unwrap().contains("sso-refresh login work"), "{needed}");
    fs::remove_file(home.token_path("work")).unwrap();
    let mut told = vec![failing, recovered, needed, all.until("signed_out")];
    home.run("reload");
    told.push(all.until("configured"));
    daemon.signal(Signal::SIGTERM);
    told.push(all.until("stopping"));
    let text = format!("{told:?}");
    assert!(planted.len() >= 6 && planted.iter().all(|secret| !text.contains(secret)), "{text}");
    let (code, said) = all.end();
    assert_eq!(code, 5);
    assert!(said.contains("no more events") && said.ends_with("run `sso-refresh events` again\n"), "{said}");
}

#[test]
fn a_session_that_is_named_is_told_of_alone() {
    let center = Center::start(Options::default());
    let (home, _daemon) = running(&center, WORK_AND_HOME, "");
    let unknown = home.run("events nobody");
    assert_eq!(unknown.code, 2, "{unknown:?}");
    let mut work = Follower::start(&home, "events work");
    work.follows(&home);
    center.sign_in(&home, "home", Duration::from_secs(3000));
    home.run("reload");
    assert_eq!(home.run("refresh home").code, 0);
    fs::remove_file(home.token_path("work")).unwrap();
    loop {
        let event = work.next();
        assert_eq!(event["session"], "work", "{event}");
        if event["event"] == "signed_out" {
            break;
        }
    }
}

#[test]
fn its_ends_are_told_by_the_exit_code() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    let nobody = home.run("events");
    assert_eq!((nobody.code, nobody.stdout.as_str()), (4, ""));
    assert!(nobody.stderr.contains("the daemon is not running: start it"), "{nobody:?}");

    let (home, mut daemon) = running(&center, WORK, "");
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut events = Follower::start(&home, "events");
        events.follows(&home);
        events.process.signal(signal);
        assert_eq!(events.end(), (0, String::new()));
    }
    // A reader that has gone is no error.
    let mut piped = Follower::start(&home, "events");
    piped.follows(&home);
    let Follower { process, lines } = piped;
    drop(lines);
    home.run("refresh work");
    let (mut process, mut said) = (process, String::new());
    process.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((process.wait(), said.as_str()), (0, ""));
    // The daemon is killed.
    let mut events = Follower::start(&home, "events");
    events.follows(&home);
    daemon.0.kill().unwrap();
    daemon.wait();
    let (code, said) = events.end();
    assert!(code == 5 && said.contains("the daemon has gone"), "{code} {said}");
}

#[test]
fn the_endpoint_tells_whoever_has_its_token_and_a_reload_of_it_ends_that() {
    let center = Center::start(Options::default());
    // Even where no profile may be had.
    let listen = "[listen]\naddress = \"127.0.0.1:0\"\nprofiles = []\n";
    let (home, mut daemon) = running(&center, WORK, listen);
    let status: Value = serde_json::from_str(&home.run("status --json").stdout).unwrap();
    let address = status["daemon"]["endpoint"]["address"].as_str().unwrap().to_owned();
    let token = fs::read_to_string(status["daemon"]["endpoint"]["token_file"].as_str().unwrap()).unwrap();
    let ask = |more: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET /v1/events HTTP/1.1\r\nHost: {address}\r\n{more}\r\n").unwrap();
        let mut lines = BufReader::new(stream).lines();
        (lines.next().unwrap().unwrap(), lines)
    };
    for (more, expected) in [
        (String::new(), "401"),
        ("Authorization: x\r\n".into(), "401"),
        (format!("Authorization: {token}\r\nOrigin: http://{address}\r\n"), "403"),
        (format!("Authorization: {token}\r\nX-Forwarded-For: 127.0.0.1\r\n"), "403"),
    ] {
        let (first, _) = ask(&more);
        assert!(first.contains(expected), "{more:?}: {first}");
    }
    let (first, mut lines) = ask(&format!("Authorization: {token}\r\n"));
    assert!(first.contains("200 OK"), "{first}");
    assert_eq!(home.run("refresh work").code, 0);
    lines.find(|line| line.as_ref().unwrap() == "event: refreshed").unwrap().unwrap();
    // It ends for whoever has a token that counts no more.
    home.write("token", "another-token-of-the-user-0123456789abcdef");
    home.write_config(&format!("{listen}token_file = \"~/token\"\n"));
    assert_eq!(home.run("reload").code, 0);
    let is_another = |line: &str| line == ": the token of this endpoint is another now";
    lines.find(|line| is_another(line.as_ref().unwrap())).unwrap().unwrap();
    assert!(ask(&format!("Authorization: {token}\r\n")).0.contains("401"));
    let (first, mut lines) = ask("Authorization: another-token-of-the-user-0123456789abcdef\r\n");
    assert!(first.contains("200 OK"), "{first}");
    home.write_config("");
    assert_eq!(home.run("reload").code, 0);
    lines.find(|line| line.as_ref().unwrap().starts_with(": the daemon does not serve")).unwrap().unwrap();
    assert_eq!(lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("data"))).map(drop), None);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);
}
