//! `/metrics` of a daemon to which things happen: the numbers are what happened.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    thread::sleep,
    time::Duration,
};

use nix::sys::signal::Signal;
use sso_refresh::simulator::Options;

use crate::support::{Center, Home, START_URL, WORK, secrets};

const OTHER: &str =
    "[sso-session other]\nsso_start_url = https://other.awsapps.com/start\nsso_region = us-east-1\n";
const PROFILE: &str =
    "[profile planted]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = Developer\n";
const LISTEN: &str = "[listen]\naddress = \"127.0.0.1:0\"\n";

/// The answer to a request, head and all.
fn ask(mut stream: impl Read + Write, target: &str, headers: &str) -> String {
    write!(stream, "GET {target} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn ask_unix(home: &Home, target: &str) -> String {
    ask(UnixStream::connect(home.path("run/sso-refresh/api.sock")).unwrap(), target, "Host: localhost\r\n")
}

/// What is told now: values by name and labels.
struct Told {
    text: String,
    values: BTreeMap<String, f64>,
}

impl Told {
    fn by(home: &Home) -> Self {
        let text = ask_unix(home, "/metrics");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        let samples = text.split_once("\r\n\r\n").unwrap().1.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        Self { values: samples.map(sample).collect(), text }
    }

    #[expect(clippy::cast_possible_truncation, reason = "counts are small")]
    fn count(&self, name: &str) -> i64 {
        self.values.get(&format!("sso_refresh_{name}")).map_or(-1, |value| *value as i64)
    }

    fn ends(&self, session: &str) -> [i64; 3] {
        ["refreshed", "refused", "failed"]
            .map(|end| self.count(&format!("exchanges_total{{session=\"{session}\",result=\"{end}\"}}")))
    }

    fn requests(&self, route: &str, listener: &str) -> [i64; 3] {
        ["2xx", "4xx", "5xx"].map(|status| {
            self.count(&format!(
                "http_requests_total{{route=\"{route}\",listener=\"{listener}\",status=\"{status}\"}}"
            ))
        })
    }

    fn is(&self, session: &str, state: &str) -> bool {
        self.count(&format!("session_state{{session=\"{session}\",state=\"{state}\"}}")) == 1
    }
}

fn until(home: &Home, what: &str, is_so: impl Fn(&Told) -> bool) -> Told {
    for _ in 0..6000 {
        let told = Told::by(home);
        if is_so(&told) {
            return told;
        }
        sleep(Duration::from_millis(10));
    }
    let told = Told::by(home);
    assert!(is_so(&told), "never {what}: {}", told.text);
    told
}

#[test]
fn exchanges_are_counted_by_how_they_ended() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, &format!("{WORK}{OTHER}"));
    home.write_config("[hooks]\nrefreshed = [\"/bin/true\"]\nfailed = [\"/bin/false\"]\n");
    center.sign_in(&home, "work", Duration::from_secs(60));
    let _daemon = home.daemon(&[]);
    while !fs::exists(home.path("run/sso-refresh/api.sock")).unwrap() {
        sleep(Duration::from_millis(10));
    }
    let told = until(&home, "refreshed", |told| told.ends("work") == [1, 0, 0] && told.is("work", "fresh"));
    assert_eq!(told.ends("other"), [0; 3]);
    assert!(told.is("other", "signed-out"), "{}", told.text);
    assert_eq!(told.count("session_usable{session=\"work\"}"), 1);
    assert_eq!(told.count("session_usable{session=\"other\"}"), 0);
    let left = told.count("token_left_seconds{session=\"work\"}");
    assert!((3000..=3600).contains(&left), "{left}");
    assert_eq!(told.count("token_left_seconds{session=\"other\"}"), -1, "there is none");
    // It was due when the daemon started, and began soon after.
    assert_eq!(told.count("exchange_lateness_seconds_count"), 1);
    assert_eq!(told.count("exchange_lateness_seconds_bucket{le=\"60.0\"}"), 1, "{}", told.text);

    center.set_faults("CreateToken:status=503:times=1");
    assert_ne!(home.run("refresh work").code, 0);
    let told = until(&home, "refreshed again", |told| told.ends("work") == [2, 0, 1]);
    assert_eq!(told.count("exchange_errors_total{session=\"work\",reason=\"server_error\"}"), 1);
    assert_eq!(told.count("exchange_lateness_seconds_count"), 3);

    center.simulator().end_session(START_URL);
    assert_eq!(home.run("refresh work").code, 3);
    let told = until(&home, "refused", |told| told.is("work", "login-required"));
    // The first is to be confirmed.
    assert_eq!(told.ends("work"), [2, 2, 1]);
    assert_eq!(told.count("exchange_errors_total{session=\"work\",reason=\"invalid_grant\"}"), 2);
    assert_eq!(told.count("session_usable{session=\"work\"}"), 0);
    let hooks = |told: &Told| {
        ["succeeded", "failed", "not_run"]
            .map(|end| told.count(&format!("hook_runs_total{{result=\"{end}\"}}")))
    };
    until(&home, "all hooks run", |told| hooks(told) == [2, 1, 0]);
}

#[test]
fn an_exchange_is_late_that_had_to_wait_for_its_turn() {
    // No more are under way at one server.
    const AT_ONE_SERVER: i64 = 20;
    let center = Center::start(Options::default());
    let names: Vec<String> = (0..=AT_ONE_SERVER).map(|number| format!("s{number}")).collect();
    let section = |name: &String| {
        format!("[sso-session {name}]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n")
    };
    let home = Home::with(&center, &names.iter().map(section).collect::<String>());
    for name in &names {
        center.sign_in(&home, name, Duration::from_secs(60));
    }
    center.set_faults("CreateToken:delay=5s");
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    let begun = |told: &Told| told.count("exchange_lateness_seconds_count");
    let told = until(&home, "all begun", |told| begun(told) == AT_ONE_SERVER + 1);
    let soon = told.count("exchange_lateness_seconds_bucket{le=\"1.0\"}");
    assert!(soon <= AT_ONE_SERVER, "{}", told.text);
}

#[test]
fn a_reload_is_counted_and_a_session_that_it_takes_away_is_told_of_no_more() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, &format!("{WORK}{OTHER}"));
    center.sign_in(&home, "other", Duration::from_secs(3000));
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    assert_eq!(home.run("refresh other").code, 0);
    let told = Told::by(&home);
    assert_eq!(told.ends("other"), [1, 0, 0]);
    let reloads = |told: &Told| {
        ["taken_up", "refused"].map(|end| told.count(&format!("reloads_total{{result=\"{end}\"}}")))
    };
    let in_force = |told: &Told| told.count("config_last_reload_successful");
    assert_eq!((reloads(&told), in_force(&told)), ([0, 0], 1));

    // The daemon may see the file before it is asked.
    home.write_config("excludes = []\n");
    assert_eq!(home.run("reload").code, 2);
    let told = Told::by(&home);
    assert!(reloads(&told)[1] >= 1 && in_force(&told) == 0, "{}", told.text);
    assert_eq!(told.ends("other"), [1, 0, 0], "nothing has changed");

    home.write_config("exclude = [\"other\"]\n");
    assert_eq!(home.run("reload").code, 0);
    let told = Told::by(&home);
    assert!(reloads(&told)[0] >= 1 && in_force(&told) == 1, "{}", told.text);
    assert!(!told.text.contains("session=\"other\""), "{}", told.text);
    home.write_config("");
    assert_eq!(home.run("reload").code, 0);
    let told = Told::by(&home);
    assert_eq!(told.ends("other"), [0; 3], "another one of the same name");
    let signals = |told: &Told| told.count("wakes_total{cause=\"signal\"}");
    assert_eq!(signals(&told), 0);
    daemon.signal(Signal::SIGHUP);
    until(&home, "woken by a signal", |told| signals(told) == 1);
}

#[test]
fn requests_are_counted_and_nothing_is_told_of_what_they_brought() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, &format!("{WORK}{PROFILE}"));
    home.write_config(LISTEN);
    let mut planted = secrets(&center.sign_in(&home, "work", Duration::from_secs(60)));
    let mut daemon = home.daemon(&[]);
    let line = daemon.wait_for("the endpoint at");
    let address = line.split_once("http://").unwrap().1.split(' ').next().unwrap();
    daemon.wait_for("has started");
    let token = fs::read_to_string(home.path("run/sso-refresh/endpoint-token")).unwrap();
    let tcp = |target: &str, headers: &str| {
        ask(TcpStream::connect(address).unwrap(), target, &format!("Host: {address}\r\n{headers}"))
    };
    let authorization = format!("Authorization: Bearer {token}\r\n");

    for session in ["work", "nobody"] {
        ask_unix(&home, &format!("/v1/sessions/{session}/token"));
    }
    for target in ["/token", "/nothing"] {
        ask_unix(&home, target);
    }
    for headers in ["", "Authorization: Bearer wrong\r\n"] {
        let answer = tcp("/metrics", headers);
        assert!(answer.starts_with("HTTP/1.1 401 ") && !answer.contains("sso_refresh_"), "{answer}");
    }
    let credentials = tcp("/v1/credentials/planted", &authorization);
    assert!(credentials.starts_with("HTTP/1.1 200 OK"), "{credentials}");
    let answer = tcp("/metrics", &authorization);
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
        "{answer}"
    );

    let told = Told::by(&home);
    assert_eq!(told.requests("/token", "unix"), [1, 0, 0]);
    assert_eq!(told.requests("/v1/sessions/{session}/token", "unix"), [1, 1, 0]);
    assert_eq!(told.requests("other", "unix"), [0, 1, 0]);
    assert_eq!(told.requests("/metrics", "loopback"), [1, 2, 0]);
    assert_eq!(told.requests("/v1/credentials/{profile}", "loopback"), [1, 0, 0]);
    assert_eq!(told.requests("/v1/credentials/{profile}", "unix"), [0, 0, 0]);
    assert_eq!(told.requests("/metrics", "unix"), [0, 0, 0], "this one is not answered yet");
    assert_eq!(told.count("credential_fetches_total{result=\"fetched\"}"), 1);
    // One after the other has asked the loop for something, and got it.
    assert!(told.count("wakes_total{cause=\"call\"}") >= 5, "{}", told.text);
    assert!(told.count("wakes_total{cause=\"ended\"}") >= 2, "{}", told.text);
    assert_eq!(told.count("connections_accepted_total{listener=\"unix\"}"), 5);
    assert_eq!(told.count("connections_accepted_total{listener=\"loopback\"}"), 4);
    assert!(told.count("connections{listener=\"unix\"}") >= 1, "this one is open");

    let body: serde_json::Value =
        serde_json::from_str(credentials.split_once("\r\n\r\n").unwrap().1).unwrap();
    let parts =
        ["AccessKeyId", "SecretAccessKey", "Token"].map(|name| body[name].as_str().unwrap().to_owned());
    planted.extend(parts);
    planted.extend([token, home.access_token("work").unwrap()]);
    planted.extend(["012345678901", "Developer", "planted"].map(str::to_owned));
    for secret in planted {
        assert!(!told.text.contains(&secret) && !answer.contains(&secret), "{secret}: {}", told.text);
    }
}
