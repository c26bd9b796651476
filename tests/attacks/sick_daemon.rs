//! A daemon that is there and is no help: every command does its work without it, soon and under the lock, and says
//! why.

#![expect(clippy::disallowed_methods, reason = "how long a command takes is no matter of the wall clock")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{chown, symlink},
        net::{UnixListener, UnixStream},
    },
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{sys::signal::Signal, unistd::Uid};
use sso_refresh::simulator::Options;

use crate::{
    place::{center, until},
    support::{Center, Daemon, Home, WORK},
    tally::{Tally, not_tried},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Far more than the two seconds after which a command gives up, and far less than an exchange may take.
const SOON: Duration = Duration::from_secs(20);

/// What a command says of a daemon that it did without.
const HUNG: &str = "the daemon does not answer";
const GARBLED: &str = "can't understand the daemon";
const FOREIGN: &str = "is another user's";
const UNREACHABLE: &str = "can't get to the daemon";
const ABSENT: &str = "";

/// Puts something in the place of the socket; false where this user can't.
type Sickness = Box<dyn Fn(&Path) -> bool + Send>;

/// Answers each connection as `answer` does.
fn serve(answer: impl Fn(UnixStream) + Clone + Send + 'static) -> Sickness {
    Box::new(move |socket| {
        let (listener, answer) = (UnixListener::bind(socket).unwrap(), answer.clone());
        // It ends with the test.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = answer.clone();
                thread::spawn(move || answer(stream));
            }
        });
        true
    })
}

/// Reads what came of a request and writes `bytes`; closes the connection then, or holds it.
fn say(bytes: &'static str, holds: bool) -> Sickness {
    serve(move |mut stream| {
        drop(stream.read(&mut [0; 4096]));
        // Whoever asked may be gone.
        drop(stream.write_all(bytes.as_bytes()));
        if holds {
            drop(stream.read(&mut [0; 4096]));
        }
    })
}

fn put(sickness: impl Fn(&Path) + Send + 'static) -> Sickness {
    Box::new(move |socket| {
        sickness(socket);
        true
    })
}

fn sicknesses() -> Vec<(&'static str, Sickness, &'static str)> {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"version\":1,\"session\":\"wo";
    vec![
        ("hangs", serve(|mut stream| drop(stream.read_to_end(&mut Vec::new()))), HUNG),
        ("never accepts", put(|socket| std::mem::forget(UnixListener::bind(socket).unwrap())), HUNG),
        ("hangs in mid-answer", say(half, true), HUNG),
        ("dies in mid-answer", say(half, false), GARBLED),
        ("dies before it", say("", false), ABSENT),
        (
            "knows no such path",
            say(
                "HTTP/1.1 404 Not Found\r\ncontent-length: 34\r\n\r\n{\"error\":\"not found\",\"status\":404}\n",
                false,
            ),
            GARBLED,
        ),
        (
            "answers with a page",
            say("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n<html>hello</html>\r\n", false),
            GARBLED,
        ),
        (
            "speaks an older version",
            say("HTTP/1.1 200 OK\r\ncontent-length: 29\r\n\r\n{\"version\":0,\"token\":\"planted\"}", false),
            GARBLED,
        ),
        ("speaks no HTTP", say("SSH-2.0-OpenSSH_9.9\r\n", false), GARBLED),
        ("is a file", put(|socket| drop(fs::File::create(socket).unwrap())), ABSENT),
        ("is a folder", put(|socket| fs::create_dir(socket).unwrap()), ABSENT),
        ("is a link to nowhere", put(|socket| symlink("/nowhere/at/all", socket).unwrap()), ABSENT),
        ("is a link to itself", put(|socket| symlink(socket, socket).unwrap()), UNREACHABLE),
        ("left its socket", put(|socket| drop(UnixListener::bind(socket).unwrap())), ABSENT),
        (
            "is another user's",
            Box::new(|socket| {
                std::mem::forget(UnixListener::bind(socket).unwrap());
                chown(socket, Some(Uid::effective().as_raw() + 1), None).is_ok()
            }),
            FOREIGN,
        ),
    ]
}

/// Runs each command on an expiring token beside something that is no daemon.
fn endure(case: &str, sickness: &Sickness, said: &str) -> usize {
    let center = center();
    let home = Home::with(&center, WORK);
    home.write("run/sso-refresh/.keep", "");
    if !sickness(&home.path("run/sso-refresh/api.sock")) {
        not_tried(&format!("a socket that {case}, which only root can make"));
        return 0;
    }
    let token = center.sign_in(&home, "work", 20 * MINUTE);
    let run = |line: &str| {
        let begun = Instant::now();
        let ran = home.run(line);
        let took = begun.elapsed();
        assert!(took < SOON, "{case}: `{line}` took {took:?}");
        assert_eq!(ran.code, 0, "{case}: `{line}`: {ran:?}");
        let expected = if said.is_empty() { ran.stderr.is_empty() } else { ran.stderr.contains(said) };
        assert!(expected || line.starts_with("status"), "{case}: `{line}`: {ran:?}");
        assert!(ran.stderr.lines().count() <= 1, "{case}: `{line}`: {ran:?}");
        assert!(!format!("{ran:?}").contains("planted"), "{case}: `{line}`: {ran:?}");
        ran.said()
    };
    let status = run("status");
    let shown = if said.is_empty() { "the daemon is not running" } else { said };
    assert!(status.contains(shown) && status.contains("work"), "{case}: {status}");
    assert_eq!(run("token").trim_end(), token.access_token.expose(), "{case}");
    assert_eq!(center.exchanges(), 0, "{case}: a good token costs no exchange");
    run("refresh");
    assert_eq!(center.exchanges(), 1, "{case}");
    let refreshed = home.access_token("work").unwrap();
    assert_ne!(refreshed, token.access_token.expose(), "{case}");
    assert_eq!(run("token --min-validity 30m").trim_end(), refreshed, "{case}");
    4
}

#[test]
fn what_is_no_help_is_done_without() {
    let mut tally =
        Tally::of("Sick daemon: hung, dead in mid-answer, old, foreign or no socket at all, each command");
    let enduring: Vec<_> = sicknesses()
        .into_iter()
        .map(|(case, sickness, said)| thread::spawn(move || endure(case, &sickness, said)))
        .collect();
    for one in enduring {
        tally.add(one.join().unwrap());
    }
    tally.survived();
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A center, a home, and a daemon in the midst of the exchange of an expiring token, which takes `delay`.
fn in_the_midst(options: Options, delay: &str) -> (Center, Home, Daemon) {
    let center = Center::start(options);
    let home = Home::with(&center, WORK);
    center.set_faults(&format!("CreateToken:delay={delay}:times=1"));
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    center.sign_in(&home, "work", Duration::from_secs(40));
    until("the exchange to be sent", || (center.exchanges() == 1).then_some(()));
    (center, home, daemon)
}

fn single_use() -> Options {
    Options { single_use: true, ..Options::default() }
}

#[test]
fn a_daemon_that_is_stopped_in_the_midst_of_an_exchange_keeps_its_lock_and_loses_nothing() {
    let mut tally = Tally::of("Sick daemon: SIGSTOP in the midst of an exchange");
    let (center, home, daemon) = in_the_midst(single_use(), "1s");
    daemon.signal(Signal::SIGSTOP);
    let old = home.access_token("work").unwrap();
    let ran = home.run("token --min-validity 1s");
    assert_eq!((ran.code, ran.stdout.trim_end()), (0, old.as_str()), "what is good needs no lock: {ran:?}");
    assert!(home.run("status").said().contains(HUNG));
    tally.add(2);
    let mut token = start(home.command(["token", "--min-validity", "5m"]));
    let mut line = String::new();
    BufReader::new(token.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains(HUNG), "{line}");
    // It waits for the lock now, which nobody but the daemon can give.
    daemon.signal(Signal::SIGCONT);
    let answer = token.wait_with_output().unwrap();
    let new = home.access_token("work").unwrap();
    assert!(answer.status.success() && new != old);
    assert_eq!(String::from_utf8(answer.stdout).unwrap().trim_end(), new);
    assert_eq!(center.exchanges(), 1, "and nobody spent the token twice");
    tally.tried();
    tally.survived();
}

#[test]
fn a_daemon_that_is_killed_while_callers_wait_is_done_without() {
    let mut tally = Tally::of("Sick daemon: SIGKILL while callers wait for its exchange");
    // A single-use token would be lost with the answer, whatever anybody does.
    let (center, home, mut daemon) = in_the_midst(Options::default(), "25s");
    let line = ["token", "--min-validity", "5m"];
    let callers: Vec<Child> = (0..4).map(|_| start(home.command(line))).collect();
    // They wait for its answer as soon as it has taken them up, which nobody sees.
    until("the daemon to answer", || (home.run("status -q").code == 0).then_some(()));
    drop(daemon.0.kill());
    daemon.wait();
    for caller in callers {
        let answer = caller.wait_with_output().unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        let token = String::from_utf8(answer.stdout).unwrap();
        assert_eq!(Some(token.trim_end()), home.access_token("work").as_deref());
        tally.tried();
    }
    assert_eq!(center.exchanges(), 2, "the lost one, and one for all callers");
    tally.survived();
}

#[test]
fn a_daemon_that_is_ended_in_the_midst_of_an_exchange_writes_it_first() {
    let mut tally = Tally::of("Sick daemon: SIGTERM in the midst of an exchange, once and twice");
    let (_center, home, mut daemon) = in_the_midst(single_use(), "7s");
    let old = home.access_token("work").unwrap();
    let caller = start(home.command(["refresh"]));
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for("stopping as soon as the exchange of work is on disk");
    assert_eq!(daemon.wait(), 0);
    let new = home.access_token("work").unwrap();
    assert_ne!(new, old, "the answer was waited for");
    assert!(caller.wait_with_output().unwrap().status.success());
    tally.tried();

    let (_center, home, mut daemon) = in_the_midst(Options::default(), "25s");
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for("stopping as soon as");
    let begun = Instant::now();
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for("in the midst of an exchange of work");
    assert_eq!(daemon.wait(), 0);
    assert!(begun.elapsed() < SOON, "the second signal ends it at once");
    assert!(home.access_token("work").is_some());
    tally.tried();
    tally.survived();
}
