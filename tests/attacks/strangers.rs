//! The loopback endpoint and those who have no business there: anybody on the machine can connect to it, a web page by
//! way of a browser, and another user to the socket if the folder let them. Each is answered, and told in the log without
//! a secret.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{sys::signal::Signal, unistd::geteuid};
use serde_json::Value;
use sso_refresh::{session::token::Token, simulator::Operation};

use crate::{
    nobody::Nobody,
    place::{PATIENCE, center, until},
    support::{Center, Daemon, Home, WORK, secrets},
    tally::{Tally, not_tried},
};

const PROFILES: &str = "[profile dev]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = Developer\n\
     [profile prod]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = ReadOnly\n";

const CLOSE: &str = "connection: close\r\n";

/// A daemon with an endpoint that logs all it can.
struct Scene {
    center: Center,
    home: Home,
    token: Token,
    daemon: Daemon,
    /// Reads what it says, or it would wait for that at last.
    log: JoinHandle<String>,
    address: SocketAddr,
    /// What the endpoint wants to see.
    key: String,
}

impl Scene {
    fn new(more: &str) -> Self {
        let center = center();
        let home = Home::with(&center, &format!("{WORK}{PROFILES}"));
        home.write_config(&format!("[listen]\naddress = \"127.0.0.1:0\"\n{more}\n"));
        let token = center.sign_in(&home, "work", Duration::from_secs(3000));
        let mut daemon = home.daemon(&["-vv"]);
        let line = daemon.wait_for("the endpoint at http://");
        let after = line.split("the endpoint at http://").nth(1).unwrap();
        let address = after.split(' ').next().unwrap().parse().unwrap();
        daemon.wait_for("has started");
        let key = fs::read_to_string(home.path("run/sso-refresh/endpoint-token")).unwrap();
        let mut stderr = daemon.0.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        Self { center, home, token, daemon, log, address, key }
    }

    /// A request with all that it needs; `more` are headers.
    fn good(&self, target: &str, more: &str) -> String {
        request("GET", target, &format!("host: {}\r\nauthorization: {}\r\n{more}", self.address, self.key))
    }

    /// What is answered until the connection is closed.
    fn answer(&self, sent: &str) -> String {
        ask(self.address, sent)
    }

    /// Asks what must be refused with this status.
    #[track_caller]
    fn refused(&self, sent: &str, status: u16) {
        let answer = self.answer(sent);
        assert_eq!(self::status(&answer), Some(status), "{sent}: {answer}");
        for secret in self.secrets() {
            assert!(!answer.contains(&secret), "{sent}: {answer}");
        }
    }

    fn secrets(&self) -> Vec<String> {
        [secrets(&self.token), vec![self.key.clone()]].concat()
    }

    /// Ends the daemon, and looks for secrets in all that it has said. The log.
    fn end(mut self, given: &[String]) -> String {
        self.daemon.signal(Signal::SIGTERM);
        assert_eq!(self.daemon.wait(), 0);
        assert!(!self.home.path("run/sso-refresh/endpoint-token").exists());
        let secrets = self.secrets();
        let log = self.log.join().unwrap();
        for secret in secrets.iter().chain(given) {
            assert!(!log.contains(secret), "a secret is in the log:\n{log}");
        }
        log
    }
}

fn request(method: &str, target: &str, headers: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\n{headers}{CLOSE}\r\n")
}

fn ask(address: SocketAddr, sent: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may be closed before all was sent.
    drop(stream.write_all(sent.as_bytes()));
    let mut received = Vec::new();
    drop(stream.read_to_end(&mut received));
    String::from_utf8(received).unwrap()
}

fn status(answer: &str) -> Option<u16> {
    answer.split(' ').nth(1)?.parse().ok()
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn nobody_gets_anything_without_the_token() {
    let mut tally = Tally::of("Endpoint: no token, a wrong one, one in the wrong place");
    let scene = Scene::new("");
    let (address, key) = (scene.address, &scene.key);
    let authorization = |value: &str| format!("host: {address}\r\nauthorization: {value}\r\n");
    for target in
        ["/token", "/v1/status", "/v1/credentials/dev", "/v1/sessions/home/token", "/", "/v1/reload"]
    {
        for headers in [
            format!("host: {address}\r\n"),
            authorization(""),
            authorization("wrong"),
            authorization(&key[1..]),
            authorization(&format!("{key}x")),
            authorization(&format!("Basic {key}")),
            authorization(&format!("Bearer\t{key}")),
            format!("{}authorization: {key}\r\n", authorization("wrong")),
            format!("host: {address}\r\nx-authorization: {key}\r\ncookie: authorization={key}\r\n"),
        ] {
            scene.refused(&request("GET", target, &headers), 401);
            tally.tried();
        }
        scene.refused(
            &request("GET", &format!("{target}?authorization={key}"), &format!("host: {address}\r\n")),
            401,
        );
        tally.tried();
    }
    // What an SDK sends of a token file with a newline at its end: the head of the request ends there.
    for end in ["\n", "\n\n", "\r\n\r\n", "\r"] {
        let sent =
            format!("GET /token HTTP/1.1\r\nauthorization: {key}{end}\r\nhost: {address}\r\n{CLOSE}\r\n");
        let answer = scene.answer(&sent);
        assert!(matches!(status(&answer), Some(200 | 400)), "{sent:?}: {answer}");
        tally.tried();
    }
    assert_eq!(scene.center.simulator().count(Operation::GetRoleCredentials), 0);
    let given = body(&scene.answer(&scene.good("/v1/credentials/dev", "")));
    let given = ["SecretAccessKey", "Token"].map(|name| given[name].as_str().unwrap().to_owned());
    let log = scene.end(&given);
    assert!(log.contains("WARN") && log.contains("the Authorization header is not the token"), "{log}");
    assert!(log.matches("refused a request: ").count() > 50, "each is told who looks closely:\n{log}");
    tally.survived();
}

#[test]
fn web_pages_and_proxies_get_nothing_even_with_the_token() {
    let mut tally =
        Tally::of("Endpoint: with the token, another Host, an Origin, from a proxy, another method");
    let scene = Scene::new("");
    let (address, port, key) = (scene.address, scene.address.port(), &scene.key);
    for target in ["/token", "/v1/credentials/dev", "/healthz"] {
        for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", "localhost:1", ""] {
            let headers = format!("host: {host}\r\nauthorization: {key}\r\n");
            scene.refused(&request("GET", target, &headers), 403);
            tally.tried();
        }
        for header in
            ["origin: https://evil.example", "origin: null", "x-forwarded-for: 10.0.0.1", "forwarded: for=x"]
        {
            scene.refused(&scene.good(target, &format!("{header}\r\n")), 403);
            tally.tried();
        }
        let own = format!("host: {address}\r\nauthorization: {key}\r\n");
        scene.refused(&request("GET", &format!("http://evil.example{target}"), &own), 403);
        scene.refused(&request("GET", target, &format!("{own}host: evil.example\r\n")), 400);
        scene.refused(&request("GET", target, &format!("authorization: {key}\r\n")), 400);
        scene.refused(&format!("GET {target} HTTP/1.0\r\nauthorization: {key}\r\n\r\n"), 400);
        tally.add(4);
        for method in ["POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"] {
            let answer = scene.answer(&request(method, target, &own));
            assert_eq!(status(&answer), Some(405), "{method}: {answer}");
            assert!(answer.contains("allow: GET\r\n"), "{answer}");
            tally.tried();
        }
    }
    let log = scene.end(&[]);
    assert_eq!(log.matches("WARN").count(), 1, "one warning a minute, not one for each:\n{log}");
    tally.survived();
}

#[test]
fn only_listed_profiles_are_handed_out() {
    let mut tally = Tally::of("Endpoint: a profile that is not listed, one that is unknown, access tokens");
    let scene = Scene::new("profiles = [\"dev\", \"gone\"]");
    for (target, expected) in [
        ("/v1/credentials/dev", 200),
        ("/v1/credentials/d%65v", 200),
        ("/v1/credentials/prod", 403),
        ("/v1/credentials/unknown", 403),
        ("/v1/credentials/gone", 404),
        ("/v1/credentials/DEV", 403),
        ("/v1/credentials/dev%20", 403),
        ("/v1/credentials/*", 403),
        ("/token", 403),
        ("/v1/sessions/home/token", 403),
        ("/v1/sessions/home/credentials?account_id=012345678901&role_name=ReadOnly", 403),
        ("/v1/status", 200),
    ] {
        let answer = scene.answer(&scene.good(target, ""));
        assert_eq!(status(&answer), Some(expected), "{target}: {answer}");
        tally.tried();
    }
    assert_eq!(scene.center.simulator().count(Operation::GetRoleCredentials), 1);
    scene.end(&[]);
    tally.survived();
}

#[test]
fn whatever_is_sent_is_answered_or_closed() {
    let mut tally =
        Tally::of("Endpoint: 8 KiB and a byte of headers, pipelining, HTTP/1.0, odd paths, no HTTP at all");
    let scene = Scene::new("");
    let (address, key) = (scene.address, &scene.key);
    let padding = |length| format!("x: {}\r\n", "x".repeat(length));
    let good = |target: &str| scene.good(target, "");
    let old = format!("GET /token HTTP/1.0\r\nhost: {address}\r\nauthorization: {key}\r\n\r\n");
    for (sent, expected) in [
        (old, Some(200)),
        (scene.good("/token", &padding(4096)), Some(200)),
        (scene.good("/token", &padding(8 * 1024 + 1)), Some(431)),
        (scene.good("/token", &"x: y\r\n".repeat(1000)), Some(431)),
        (good(&format!("/{}", "x".repeat(8 * 1024 + 1))), Some(431)),
        (good("/v1/credentials/%00"), Some(400)),
        (good("/v1/credentials/dev%00"), Some(400)),
        (good("/v1/credentials/%0d%0aset-cookie:%20x"), Some(400)),
        (good("/v1/credentials/%ff"), Some(400)),
        (good("/v1/credentials/%1b[31m"), Some(400)),
        (good("/v1/credentials/"), Some(404)),
        (good("/v1/credentials/../status"), Some(404)),
        (good("/v1/credentials/%2e%2e%2fstatus"), Some(404)),
        (good("/../../etc/passwd"), Some(404)),
        (good("//token"), Some(404)),
        (good("/token/"), Some(404)),
        (good("/token?min_validity=soon"), Some(400)),
        (good("*"), Some(404)),
        (scene.good("/token", "content-length: 5\r\n"), Some(400)),
        (scene.good("/token", "transfer-encoding: chunked\r\n"), Some(400)),
        (scene.good("/token", "content-length: 5\r\ntransfer-encoding: chunked\r\n"), Some(400)),
        (scene.good("/token", "content-length: 5\r\ncontent-length: 6\r\n"), Some(400)),
        (scene.good("/token", "expect: 100-continue\r\ncontent-length: 5\r\n"), Some(400)),
        ("nonsense\r\n\r\n".into(), Some(400)),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".into(), Some(400)),
        ("GET /token HTTP/9.9\r\n\r\n".into(), Some(400)),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), None),
        (String::new(), None),
    ] {
        let end = if sent.is_empty() { "nothing" } else { &sent[..sent.len().min(60)] };
        let answer = if sent.is_empty() { String::new() } else { scene.answer(&sent) };
        assert!(expected.is_none() || status(&answer) == expected, "{end:?}: {answer:?}");
        tally.tried();
    }
    // Each in its turn, the refused one too.
    let kept = |target| format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nauthorization: {key}\r\n\r\n");
    let refused = format!("GET /token HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let answer = scene.answer(&[kept("/token"), refused, kept("/nowhere"), good("/healthz")].concat());
    let lines: Vec<&str> = answer.lines().filter(|line| line.contains("HTTP/1.1 ")).collect();
    let statuses: Vec<_> =
        lines.iter().map(|line| line.rsplit("HTTP/1.1 ").next().unwrap().get(..3)).collect();
    assert_eq!(statuses, [Some("200"), Some("401"), Some("404"), Some("200")], "{answer}");
    tally.tried();
    scene.end(&[]);
    tally.survived();
}

#[test]
fn a_good_client_is_served_among_two_hundred_slow_ones() {
    const SLOW: usize = 200;
    const ASKED: usize = 100;
    /// A hundred milliseconds are the aim. A busy machine is given time.
    const LIMIT: Duration = Duration::from_secs(2);
    let mut tally =
        Tally::of("Endpoint: 200 slow connections that come again when closed, and a good client");
    let scene = Scene::new("");
    let (address, good) = (scene.address, scene.good("/v1/credentials/dev", ""));
    assert_eq!(status(&scene.answer(&good)), Some(200));
    let ended = Arc::new(AtomicBool::new(false));
    let slow = thread::spawn({
        let ended = Arc::clone(&ended);
        move || {
            let begin = || {
                let mut stream = TcpStream::connect(address).ok()?;
                stream.write_all(b"GET /token HTTP/1.1\r\nx: ").ok()?;
                stream.set_nonblocking(true).ok()?;
                Some(stream)
            };
            let mut open: Vec<_> = (0..SLOW).map(|_| begin()).collect();
            let mut closed = 0_usize;
            while !ended.load(Ordering::Relaxed) {
                for stream in &mut open {
                    let is_open = stream.as_mut().is_some_and(|stream| {
                        let silent = stream.read(&mut [0; 256]);
                        silent.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
                            && stream.write(b"x").is_ok()
                    });
                    if !is_open {
                        closed += 1;
                        *stream = begin();
                    }
                }
                thread::sleep(Duration::from_millis(20));
            }
            closed
        }
    });
    thread::sleep(Duration::from_millis(50));
    let mut took: Vec<Duration> = (0..ASKED)
        .map(|_| {
            let begin = Instant::now();
            let answer = scene.answer(&good);
            assert_eq!(status(&answer), Some(200), "{answer}");
            tally.tried();
            begin.elapsed()
        })
        .collect();
    ended.store(true, Ordering::Relaxed);
    let closed = slow.join().unwrap();
    assert!(closed > 0, "none had to give way");
    took.sort_unstable();
    println!(
        "{ASKED} good requests among {SLOW} slow connections ({closed} gave way): median {:?}, longest {:?}",
        took[ASKED / 2],
        took[ASKED - 1]
    );
    assert!(took[ASKED / 2] < LIMIT, "{took:?}");
    scene.end(&[]);
    tally.survived();
}

#[test]
fn another_user_gets_nothing_at_the_socket() {
    let mut tally = Tally::of("Endpoint: another user at the Unix socket");
    let center = center();
    let home = Home::with(&center, WORK);
    let token = center.sign_in(&home, "work", Duration::from_secs(3000));
    if !geteuid().is_root() {
        not_tried("another user at the Unix socket, since only root can be one");
        return tally.survived();
    }
    // The daemon is another's: not even root is served.
    let Some(nobody) = Nobody::with(&home) else { return tally.survived() };
    let mut command = nobody.shell("exec \"$PROGRAM\" run");
    let mut daemon = Daemon(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    daemon.wait_for("has started");
    for target in ["/v1/status", "/token", "/healthz"] {
        let mut stream = UnixStream::connect(home.path("run/sso-refresh/api.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        drop(stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: x\r\n{CLOSE}\r\n").as_bytes()));
        let mut received = Vec::new();
        drop(stream.read_to_end(&mut received));
        assert_eq!(received, b"", "{target}");
        daemon.wait_for("turned away a connection of another user");
        tally.tried();
    }
    // While the user is.
    until("the own user is served", || {
        let ran = nobody.run("token work");
        (ran.stdout.trim_end() == token.access_token.expose()).then_some(())
    });
    tally.tried();
    tally.survived();
}
