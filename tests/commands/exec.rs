//! `exec`: what the command finds and what it can ask; [`process`]: what becomes of signals and of its end.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test can't set up fails the test")]

mod process;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;
use sso_refresh::simulator::{Operation, Options};

use crate::support::{Center, Daemon, Home, Ran, WORK};

const MINUTE: Duration = Duration::from_secs(60);

const PROFILES: &str = "[profile dev]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = Developer\n\
     region = eu-central-1\n\
     [profile wrong]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = Nobody\n";

const URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";

fn home(center: &Center) -> Home {
    let home = Home::with(center, &format!("{WORK}{PROFILES}"));
    center.sign_in(&home, "work", 50 * MINUTE);
    home
}

fn center() -> Center {
    Center::start(Options::default())
}

fn daemon(home: &Home) -> Daemon {
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    daemon
}

fn calls(center: &Center) -> usize {
    center.simulator().count(Operation::GetRoleCredentials)
}

/// `exec --profile dev -- sh -c SCRIPT`.
fn script(home: &Home, script: &str) -> Command {
    home.command(["exec", "--profile", "dev", "--", "sh", "-c", script])
}

/// The variables that `env` printed.
fn variables(printed: &str) -> BTreeMap<String, String> {
    let pairs = printed.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A command that waits for the end of its standard input, and what it found.
struct Waiting {
    exec: Daemon,
    env: BTreeMap<String, String>,
}

impl Waiting {
    fn start(home: &Home, args: &[&str]) -> Self {
        let mut command = home.command(["exec"]);
        command.args(args).args(["--", "sh", "-c", "env; echo ready; read line"]).stdin(Stdio::piped());
        let mut exec = Daemon(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let lines = BufReader::new(exec.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let printed: Vec<String> = lines.take_while(|line| line != "ready").collect();
        Self { env: variables(&printed.join("\n")), exec }
    }

    /// Where the answer to a request with these headers comes.
    fn send(&self, headers: &str) -> TcpStream {
        let uri = self.env[URI].strip_prefix("http://").unwrap();
        let (host, path) = uri.split_at(uri.find('/').unwrap());
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n").unwrap();
        stream
    }

    /// The status and the body that the endpoint answers, with these headers.
    fn get(&self, headers: &str) -> (u16, Value) {
        let mut answer = String::new();
        self.send(headers).read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap())
    }

    /// The same with the token.
    fn ask(&self) -> (u16, Value) {
        self.get(&self.authorization())
    }

    fn authorization(&self) -> String {
        format!("Authorization: {}\r\n", self.env[TOKEN])
    }

    /// The access key that is handed out.
    fn key(&self) -> String {
        let (status, answer) = self.ask();
        assert_eq!(status, 200, "{answer}");
        answer["AccessKeyId"].as_str().unwrap().to_owned()
    }

    /// Lets the command end, and returns what was said.
    fn end(mut self) -> String {
        drop(self.exec.0.stdin.take());
        // The end of its input is no line.
        assert_eq!(self.exec.wait(), 1);
        let mut said = String::new();
        self.exec.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

/// Polls until `found`.
fn until(what: &str, mut found: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if found() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain for {what}");
}

#[test]
fn the_endpoint_gives_credentials_with_and_without_a_daemon() {
    let center = center();
    let home = home(&center);
    for with_daemon in [false, true] {
        let _daemon = with_daemon.then(|| daemon(&home));
        let before = calls(&center);
        let waiting = Waiting::start(&home, &["--profile", "dev"]);
        let (status, given) = waiting.ask();
        assert_eq!((status, &given["AccountId"]), (200, &"012345678901".into()));
        let keys: Vec<&String> = given.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["AccessKeyId", "SecretAccessKey", "Token", "Expiration", "AccountId"]);
        assert!(given["Expiration"].as_str().unwrap().ends_with('Z'));
        for _ in 0..10 {
            assert_eq!(waiting.key(), given["AccessKeyId"]);
        }
        assert_eq!(calls(&center), before + 1, "from memory");
        assert_eq!(waiting.get("").0, 401);
        assert_eq!(waiting.get("Authorization: guessed\r\n").0, 401);
        // Neither the credentials nor the token are in what everybody may see.
        let pid = waiting.exec.0.id();
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!line.contains(&waiting.env[TOKEN]), "{line}");
        let said = waiting.end();
        assert!(said.lines().count() <= 1 && !said.contains("Secret"), "{said}");
    }
}

#[test]
fn nothing_but_the_profile_is_to_be_had() {
    let center = center();
    let home = home(&center);
    let _daemon = daemon(&home);
    let mut waiting =
        Waiting::start(&home, &["--account", "012345678901", "--role", "ReadOnly", "--session", "work"]);
    assert_eq!(waiting.ask().0, 200);
    let uri = waiting.env[URI].clone();
    let origin = &uri[..uri.find("/v1/").unwrap()];
    for (path, status) in [
        ("/v1/credentials/dev", 403),
        ("/token", 403),
        ("/v1/sessions/home/token", 403),
        ("/v1/sessions/home/credentials?account_id=012345678901&role_name=ReadOnly", 403),
        ("/v1/status", 403),
        ("/v1/reload", 405),
        ("/elsewhere", 404),
    ] {
        waiting.env.insert(URI.into(), format!("{origin}{path}"));
        assert_eq!(waiting.ask().0, status, "{path}");
    }
}

#[test]
fn the_environment_has_no_other_credentials() {
    let center = center();
    let home = home(&center);
    let inherited = [
        ("AWS_PROFILE", "dev"),
        ("AWS_ACCESS_KEY_ID", "stale"),
        ("AWS_SECRET_ACCESS_KEY", "stale"),
        ("AWS_SESSION_TOKEN", "stale"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/stale"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/stale"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/stale"),
        ("AWS_ROLE_ARN", "stale"),
        ("NO_PROXY", "corp.example"),
        ("KEPT", "as it is"),
    ];
    // Without --profile it is the one of the environment.
    for args in [&["exec"][..], &["exec", "--env"]] {
        let ran: Ran = home.command(args).envs(inherited).args(["--", "env"]).output().unwrap().into();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stderr);
        assert!(!ran.stdout.contains("stale"), "{args:?}");
        let env = variables(&ran.stdout);
        assert_eq!(
            (env["AWS_REGION"].as_str(), env["AWS_DEFAULT_REGION"].as_str()),
            ("eu-central-1", "eu-central-1")
        );
        assert_eq!((env.get("AWS_PROFILE"), env["KEPT"].as_str()), (None, "as it is"));
        let set: Vec<&str> = [URI, TOKEN, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
            .into_iter()
            .filter(|name| env.contains_key(*name))
            .collect();
        if args.len() == 1 {
            assert_eq!(set, [URI, TOKEN]);
            assert_eq!(env["NO_PROXY"], "corp.example,127.0.0.1,localhost");
            assert!(env[URI].starts_with("http://127.0.0.1:"), "{}", env[URI]);
        } else {
            assert_eq!(set, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]);
            assert_eq!(env["AWS_CREDENTIAL_EXPIRATION"].len(), 20);
        }
    }
}

#[test]
fn a_proxy_is_no_hindrance() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no curl");
        return;
    }
    let center = center();
    let home = home(&center);
    let line = format!("curl -sS -H \"Authorization: ${TOKEN}\" \"${URI}\"");
    let mut command = script(&home, &line);
    for name in ["http_proxy", "all_proxy", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:9");
    }
    let ran: Ran = command.output().unwrap().into();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stderr);
    assert!(ran.stdout.contains("\"AccessKeyId\""));
}

#[test]
fn without_credentials_nothing_is_run() {
    let center = center();
    let home = home(&center);
    let refused = |line: &str, code: i32, part: &str| {
        let ran = home.run(&format!("{line} -- touch started"));
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.lines().count()), (code, "", 1), "{ran:?}");
        assert!(ran.stderr.contains(part), "{ran:?}");
    };
    refused("exec", 2, "AWS_PROFILE");
    refused("exec --profile dve", 2, "known are dev, wrong");
    for with_daemon in [false, true] {
        let _daemon = with_daemon.then(|| daemon(&home));
        center.sign_in(&home, "work", 50 * MINUTE);
        refused("exec --profile wrong", 1, "ForbiddenException");
        center.set_faults("GetRoleCredentials:status=503");
        refused("exec --profile dev", 5, "503");
        center.set_faults("");
        fs::remove_file(home.token_path("work")).unwrap();
        for line in ["exec --profile dev", "exec --profile dev --env"] {
            refused(line, 3, "sso-refresh login work");
        }
    }
    assert!(!home.path("started").exists());
}

#[test]
fn a_default_profile_that_would_win_is_told() {
    let center = center();
    let home = home(&center);
    home.write(".aws/credentials", "[default]\naws_access_key_id = AKID\naws_secret_access_key = s\n");
    let ran = home.run("exec --profile dev -- true");
    assert_eq!((ran.code, ran.stderr.lines().count()), (0, 1), "{ran:?}");
    assert!(ran.stderr.contains("aws_access_key_id (~/.aws/credentials:2)"), "{ran:?}");
    assert!(ran.stderr.contains("--env"), "{ran:?}");
    assert_eq!(home.run("exec --env --profile dev -- true").stderr, "");
    // The same role is no harm.
    fs::remove_file(home.path(".aws/credentials")).unwrap();
    home.write_aws_config(&format!("{WORK}{PROFILES}{}", PROFILES.replacen("profile dev", "default", 1)));
    assert_eq!(home.run("exec --profile dev -- true").stderr, "");
}

#[test]
fn a_daemon_that_goes_is_done_without_and_used_again_when_it_is_back() {
    let center = center();
    let home = home(&center);
    let first = daemon(&home);
    let waiting = Waiting::start(&home, &["--profile", "dev"]);
    let key = waiting.key();
    drop(first);
    assert_eq!((waiting.key(), calls(&center)), (key.clone(), 1), "what it gave is kept");
    let second = daemon(&home);
    let of_second = waiting.key();
    assert_ne!(of_second, key);
    assert_eq!(calls(&center), 2);
    // One that hangs is no hindrance.
    second.signal(Signal::SIGSTOP);
    assert_eq!((waiting.key(), waiting.key(), calls(&center)), (of_second.clone(), of_second, 2));
    second.signal(Signal::SIGCONT);
    let said = waiting.end();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("the daemon does not answer"), "{said}");
}

#[test]
fn a_sign_out_is_heeded_and_told_once() {
    let center = center();
    let home = home(&center);
    let _daemon = daemon(&home);
    let waiting = Waiting::start(&home, &["--profile", "dev"]);
    waiting.key();
    assert_eq!(home.run("logout").code, 0);
    for _ in 0..3 {
        let (status, answer) = waiting.ask();
        assert_eq!((status, &answer["Code"]), (409, &"SignInNeeded".into()));
    }
    center.sign_in(&home, "work", 50 * MINUTE);
    until("the sign-in to be seen", || waiting.ask().0 == 200);
    let said = waiting.end();
    assert_eq!(said.matches("sso-refresh login work").count(), 1, "{said}");
}

#[test]
fn they_are_renewed_ahead_without_a_daemon() {
    let life = Duration::from_secs(8);
    let center = Center::start(Options { role_life: life, ..Options::default() });
    let home = home(&center);
    let mut waiting = Waiting::start(&home, &["--profile", "dev"]);
    let first = waiting.key();
    // Nobody asks meanwhile.
    until("a renewal", || calls(&center) > 1);
    assert_ne!(waiting.key(), first);
    fs::remove_file(home.token_path("work")).unwrap();
    // While they are good they are handed out; that they will end is told.
    waiting.exec.wait_for("sso-refresh login work");
    until("their end", || waiting.ask().0 == 409);
    center.sign_in(&home, "work", 50 * MINUTE);
    until("new ones", || waiting.ask().0 == 200);
    let said = waiting.end();
    assert_eq!(said, "", "told once");
}

#[test]
fn a_token_that_is_over_is_refreshed_meanwhile() {
    let center = Center::start(Options { role_life: Duration::from_secs(8), ..Options::default() });
    let home = home(&center);
    let waiting = Waiting::start(&home, &["--profile", "dev"]);
    let (exchanges, token) = (center.exchanges(), center.sign_in(&home, "work", Duration::ZERO));
    // On a machine that stands still until they are over, they are not renewed ahead.
    until("an exchange", || {
        waiting.send(&waiting.authorization());
        center.exchanges() > exchanges
    });
    until("credentials", || waiting.ask().0 == 200);
    assert_ne!(home.access_token("work").unwrap(), token.access_token.expose());
    assert_eq!((center.exchanges(), waiting.end()), (exchanges + 1, String::new()));
}

#[test]
fn an_exchange_is_not_cut_off_by_the_end_of_the_command() {
    let center =
        Center::start(Options { role_life: Duration::from_secs(8), single_use: true, ..Options::default() });
    let home = home(&center);
    let waiting = Waiting::start(&home, &["--profile", "dev"]);
    waiting.key();
    let old = center.sign_in(&home, "work", Duration::ZERO);
    center.set_faults("CreateToken:delay=2s");
    until("an exchange", || {
        waiting.send(&waiting.authorization());
        center.exchanges() > 0
    });
    assert_eq!(waiting.end(), "");
    assert_ne!(home.access_token("work").unwrap(), old.access_token.expose(), "its answer is on disk");
}
