//! Clocks that are set, that are wrong, and processes that are stopped while they go on.

#![expect(clippy::disallowed_methods, reason = "what is measured must not change with the clock that is set")]
use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use sso_refresh::{
    simulator::{Operation, Options},
    time::{Clock, Timestamp},
};
use tempfile::TempDir;

use crate::{
    outage::{Log, at_once, ground},
    place::until,
    support::{Center, Home, WORK, after},
    tally::{Tally, not_tried},
};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;
const YEAR: i64 = 365 * DAY;

/// How soon the token is fresh after something happened, on a busy machine.
const SOON: Duration = Duration::from_secs(15);

/// A clock that can be set, for programs that it is preloaded into (`clock.c`).
struct FakeClock {
    folder: TempDir,
}

impl FakeClock {
    /// It is right at first. None where there is no Linux or no C compiler.
    fn new() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("ahead"), [0; 16]).unwrap();
        if !preloadable("clock.c", &folder.path().join("clock.so")) {
            not_tried("a clock that is set, since there is no Linux or no C compiler");
            return None;
        }
        Some(Self { folder })
    }

    /// Sets it: so many nanoseconds ahead of the real one.
    fn set(&self, ahead: i64) {
        self.write(ahead, 0);
    }

    /// The machine resumes, for the first time.
    fn resume(&self) {
        self.write(1, 8);
    }

    fn write(&self, number: i64, at: u64) {
        let file = fs::OpenOptions::new().write(true).open(self.folder.path().join("ahead")).unwrap();
        file.write_all_at(&number.to_ne_bytes(), at).unwrap();
    }

    /// What a program needs in its environment to go by it.
    fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [
            ("LD_PRELOAD", self.folder.path().join("clock.so")),
            ("FAKE_CLOCK", self.folder.path().join("ahead")),
        ]
    }
}

/// Compiles a file of this folder into what `LD_PRELOAD` takes; whether this machine can.
pub(crate) fn preloadable(source: &str, library: &Path) -> bool {
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-pthread", "-O1", "-Wall", "-Werror", "-o"]).arg(library);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    let compiled = compiler.arg(folder.join(source)).status();
    let is_there = cfg!(target_os = "linux") && compiled.is_ok();
    assert!(!is_there || compiled.unwrap().success(), "{source}");
    is_there
}

/// By how much a clock that is right must be set to show that year.
fn until_year(year: i64) -> i64 {
    let start = Timestamp::parse(&format!("{year:04}-07-01T00:00:00Z")).unwrap();
    (start.millis() - Clock::system().now().millis()) * 1_000_000
}

/// How long the file says the token is good, by a clock that is so far ahead.
fn life(home: &Home, ahead: i64) -> i64 {
    let file: serde_json::Value =
        serde_json::from_slice(&fs::read(home.token_path("work")).unwrap()).unwrap();
    let expires_at = Timestamp::parse(file["expiresAt"].as_str().unwrap()).unwrap();
    (expires_at.millis() - Clock::system().now().millis()) * 1_000_000 - ahead
}

fn assert_an_hour(home: &Home, ahead: i64) {
    let life = life(home, ahead);
    assert!((59 * MINUTE..=60 * MINUTE).contains(&life), "{} s of life", life / SECOND);
}

/// A daemon whose clock is so far ahead at first is fresh after each time that it is set, by one exchange each.
fn set_beneath_a_daemon(name: &str, at_first: i64, steps: &[i64]) {
    let Some(clock) = FakeClock::new() else { return };
    clock.set(at_first);
    let (center, home) = ground();
    center.sign_in(&home, "work", Duration::from_secs(3600));
    let mut daemon = home.daemon_with(&["-v"], clock.environment());
    let log = Log::of(&mut daemon);
    log.wait_for("keeps the token fresh");
    let mut exchanges = 0;
    // A clock that is ahead makes the token look expired at once.
    if at_first > 0 {
        exchanges += 1;
        until("the first token", || (log.lines(" refreshed, ").len() == exchanges).then_some(()));
    }
    for (number, step) in steps.iter().enumerate() {
        let set = Instant::now();
        clock.set(*step);
        exchanges += 1;
        until(name, || (log.lines(" refreshed, ").len() == exchanges).then_some(()));
        // The floor of 30 s holds where the clock does not show that it has passed.
        let floor = Duration::from_secs(if exchanges == 1 { 0 } else { 30 });
        assert!(set.elapsed() < floor + SOON, "{name}: fresh {:?} after step {number}", set.elapsed());
        assert_an_hour(&home, *step);
        let asked = home.command(["token", "work"]).envs(clock.environment()).output().unwrap();
        assert!(asked.status.success(), "{name}: {}", String::from_utf8_lossy(&asked.stderr));
        assert_eq!(String::from_utf8(asked.stdout).unwrap().trim_end(), home.access_token("work").unwrap());
    }
    let status = home.command(["status", "--json"]).envs(clock.environment()).output().unwrap();
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let next = Timestamp::parse(status["sessions"][0]["next"]["at"].as_str().unwrap()).unwrap();
    let ahead = Duration::from_nanos(steps.last().unwrap().unsigned_abs());
    let now = Clock::system().now();
    let now = if *steps.last().unwrap() < 0 { now.before(ahead) } else { now.after(ahead) };
    assert!(next.since(now) > Duration::from_secs(30 * 60), "{name}: next at {next}, now {now}");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0, "{name}");
    log.wait_for("stopping");
    assert_eq!(center.exchanges(), exchanges, "{name}");
    let told = log.told();
    assert_eq!(log.lines(": ClockStep").len(), steps.len(), "{name}: {told:#?}");
    // Found, refreshed, and the end of the registration where the clock shows a year after it.
    let of_session = told.iter().filter(|line| line.contains(" work: ")).count();
    assert!(of_session <= 2 + exchanges, "{name}: {told:#?}");
    assert!(!told.iter().any(|line| line.contains("sign in with")), "{name}: {told:#?}");
}

#[test]
fn a_clock_that_is_set_makes_no_token_stale_and_no_loop() {
    let mut tally =
        Tally::of("Time: the clock set by a minute, a day, to before 2020, past 2038, and back again");
    if FakeClock::new().is_none() {
        return;
    }
    let (past, future) = (until_year(2019), until_year(2040));
    let sets: [(&'static str, i64, Vec<i64>); 9] = [
        ("a minute forth", 0, vec![MINUTE, 0]),
        ("a minute back", 0, vec![-MINUTE, 0]),
        ("a day forth", 0, vec![DAY, 0]),
        ("a day back", 0, vec![-DAY, 0]),
        ("before 2020", 0, vec![past, 0]),
        ("past 2038", 0, vec![future, 0]),
        ("before 1970", 0, vec![-60 * YEAR, 0]),
        ("started before 2020", past, vec![0]),
        ("started past 2038", future, vec![0]),
    ];
    tally.add(sets.iter().map(|(.., steps)| steps.len()).sum());
    let trial = |(name, at_first, steps): (&'static str, i64, Vec<i64>)| -> Box<dyn FnOnce() + Send> {
        Box::new(move || set_beneath_a_daemon(name, at_first, &steps))
    };
    at_once(sets.into_iter().map(trial).collect());
    tally.survived();
}

#[test]
fn a_resume_is_noticed() {
    let mut tally = Tally::of("Time: a resume of the machine");
    let Some(clock) = FakeClock::new() else { return };
    let (center, home) = ground();
    center.sign_in(&home, "work", Duration::from_secs(3600));
    let mut daemon = home.daemon_with(&["-v"], clock.environment());
    let log = Log::of(&mut daemon);
    log.wait_for("keeps the token fresh");
    clock.resume();
    log.wait_for("looks at every session again: Resume");
    assert_eq!(center.exchanges(), 0, "a nap is no reason to refresh");
    tally.tried();
    tally.survived();
}

#[test]
fn a_clock_that_is_set_cuts_no_exchange_off() {
    let mut tally = Tally::of("Time: the clock set while a stop waits for an exchange");
    for step in [DAY, -DAY] {
        let Some(clock) = FakeClock::new() else { return };
        let (center, home) = ground();
        let old = center.sign_in(&home, "work", Duration::from_secs(60));
        center.set_faults("CreateToken:delay=5s");
        let mut daemon = home.daemon_with(&["-v"], clock.environment());
        let log = Log::of(&mut daemon);
        until("an exchange", || (center.exchanges() == 1).then_some(()));
        daemon.signal(Signal::SIGTERM);
        log.wait_for("stopping as soon as");
        clock.set(step);
        assert_eq!(daemon.wait(), 0);
        assert_ne!(home.access_token("work").as_deref(), Some(old.access_token.expose()), "{step}");
        assert!(log.lines("in the midst").is_empty(), "{step}: {:#?}", log.told());
        tally.tried();
    }
    tally.survived();
}

#[test]
fn commands_go_by_a_wrong_clock() {
    let mut tally = Tally::of("Time: commands without a daemon before 2020 and past 2038");
    let Some(clock) = FakeClock::new() else { return };
    for (year, exchanges) in [(2019, 0), (2040, 1), (2200, 1)] {
        let (center, home) = ground();
        center.sign_in(&home, "work", Duration::from_secs(3600));
        let ahead = until_year(year);
        clock.set(ahead);
        let run = |line: &str| {
            let output = home.command(line.split_whitespace()).envs(clock.environment()).output().unwrap();
            assert!(output.status.success(), "{year} {line}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        // By a clock that is behind, what is in the file is good for years.
        let token = run("token work --min-validity 5m");
        assert_eq!(Some(token.trim_end().to_owned()), home.access_token("work"), "{year}");
        assert_eq!(center.exchanges(), exchanges, "{year}");
        run("refresh work");
        assert_an_hour(&home, ahead);
        run("status work");
        assert_eq!(center.exchanges(), exchanges + 1, "{year}");
        tally.add(3);
    }
    tally.survived();
}

#[test]
fn a_daemon_that_is_stopped_past_the_expiry_is_fresh_at_once() {
    let mut tally = Tally::of("Time: SIGSTOP past the expiry, then SIGCONT");
    let (center, home) = ground();
    home.write_config("refresh_before = \"1s\"\n");
    let expires_at = after(Duration::from_secs(12));
    let token = center.sign_in(&home, "work", Duration::from_secs(12));
    let mut daemon = home.daemon(&[]);
    let log = Log::of(&mut daemon);
    log.wait_for("keeps the token fresh");
    daemon.signal(Signal::SIGSTOP);
    until("the expiry", || (Clock::system().now() > expires_at.after(Duration::from_secs(2))).then_some(()));
    assert_eq!(home.access_token("work").as_deref(), Some(token.access_token.expose()));
    assert_eq!(center.exchanges(), 0);
    daemon.signal(Signal::SIGCONT);
    let continued = Instant::now();
    log.wait_for(" refreshed, ");
    assert!(continued.elapsed() < SOON, "fresh after {:?}", continued.elapsed());
    assert_an_hour(&home, 0);
    assert_eq!(center.exchanges(), 1);
    tally.tried();
    tally.survived();
}

/// An Identity Center whose clock is another than that of the program.
fn center_ahead_by(secs: i64) -> Center {
    let by = Duration::from_secs(secs.unsigned_abs());
    let clock = Clock::from_fn(move || {
        let now = Clock::system().now();
        if secs < 0 { now.before(by) } else { now.after(by) }
    });
    Center::start(Options { single_use: true, clock, ..Options::default() })
}

#[test]
fn a_server_that_goes_by_another_clock_is_refreshed_at() {
    let mut tally = Tally::of("Time: expired by the file and good at the server, and the other way round");
    for secs in [-7200, 7200] {
        for left in [0, 3000] {
            for with_a_daemon in [true, false] {
                let center = center_ahead_by(secs);
                let home = Home::with(&center, WORK);
                let token = center.sign_in(&home, "work", Duration::from_secs(left));
                let mut daemon = with_a_daemon.then(|| home.daemon(&[]));
                let log = daemon.as_mut().map(Log::of);
                if let Some(log) = &log {
                    log.wait_for("keeps the token fresh");
                }
                let refreshed = home.run("refresh work");
                assert_eq!(refreshed.code, 0, "{secs} {left}: {}", refreshed.stderr);
                assert_ne!(home.access_token("work").as_deref(), Some(token.access_token.expose()));
                assert_an_hour(&home, 0);
                if let Some(log) = &log {
                    assert_skew_is_told_once(&home, log, secs);
                }
                tally.tried();
            }
        }
    }
    tally.survived();
}

/// A server that is so far ahead of this machine was heard once, and is heard again.
fn assert_skew_is_told_once(home: &Home, log: &Log, secs: i64) {
    let way = if secs > 0 { "behind" } else { "ahead of" };
    log.wait_for(&format!("the clock of this machine is 1h 59m {way} that of AWS"));
    assert_eq!(home.run("refresh work").code, 0);
    let told = log.told().iter().filter(|line| line.contains("clock of this machine")).count();
    assert_eq!(told, 1, "{:#?}", log.told());
    let shown = home.run("status --json");
    let status: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let ahead = status["daemon"]["clock_ahead_secs"].as_i64().unwrap();
    assert!((ahead + secs).abs() <= 60, "{ahead}");
    let shown = home.run("status").said();
    assert!(shown.contains("warning: the clock of this machine is "), "{shown}");
}

/// The portal knows better than the file; who signs out is signed out either way.
#[test]
fn a_token_that_is_over_at_the_portal_only_is_signed_out() {
    let mut tally = Tally::of("Time: 401 at the portal for a token that the file says is good");
    let (center, home) = ground();
    center.sign_in(&home, "work", Duration::from_secs(3000));
    center.simulator().end_session(crate::support::START_URL);
    let signed_out = home.run("logout work");
    assert_eq!(signed_out.code, 0, "{}", signed_out.stderr);
    assert!(signed_out.stdout.contains("the session was over"), "{}", signed_out.stdout);
    assert_eq!(center.simulator().count(Operation::Logout), 1);
    assert_eq!(home.access_token("work"), None);
    tally.tried();
    tally.survived();
}
