//! A thousand sessions in one daemon, a server that fails now and then, and sixty-four clients that ask all the time.
//!
//! The short run has the burst at the start and some of what comes after it. `SSO_REFRESH_LOAD_SECONDS=600` makes it
//! long enough to see whether anything grows, which is then asserted.

#![expect(clippy::disallowed_methods, reason = "how long an answer takes is no matter of the wall clock")]

use std::{
    cell::RefCell,
    env,
    fs::{self, File},
    process::Stdio,
    rc::Rc,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use sso_refresh::{
    api::client::{Client, Error},
    session::status::State,
    simulator::{Operation, Options},
    time::{Clock, Timestamp},
};

use crate::{
    place::{center, until},
    support::{Center, Daemon, Home},
    tally::Tally,
};

const SESSIONS: usize = 1000;
const CLIENTS: usize = 64;
const TOKEN_LIFE: Duration = Duration::from_secs(300);
const SHORT: Duration = Duration::from_secs(25);

/// The most exchanges in any second.
const PACE: usize = 20;

/// How late each answer of the server comes. It is longer than a second, and no more than [`PACE`] exchanges are in
/// flight at one server: so no more can come to it within a second, however this machine stutters.
const LATENCY: Duration = Duration::from_millis(1050);

/// One in a hundred fails: answered 500, or cut off.
const FAULTS: &str = "CreateToken:status=500:every=200\nCreateToken:drop:every=200:after=100\n";

/// What a client wants of a token. With more, a fault would rightly be its answer now and then.
const MIN_VALIDITY: Duration = Duration::from_secs(1);

fn name(session: usize) -> String {
    format!("s{session:03}")
}

fn aws_config(sessions: usize) -> String {
    let section = |session| {
        format!(
            "[sso-session {}]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n",
            name(session)
        )
    };
    (0..sessions).map(section).collect()
}

/// A daemon whose log goes into a file, since nobody reads along.
fn daemon(home: &Home) -> Daemon {
    let log = File::create(home.path("log")).unwrap();
    let daemon = Daemon(home.command(["run"]).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    until("the daemon to start", || {
        fs::read_to_string(home.path("log")).unwrap().contains("has started").then_some(())
    });
    daemon
}

fn client(home: &Home) -> Client {
    Client::new(&home.path("run/sso-refresh/api.sock"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// What came of all that was asked.
#[derive(Default)]
struct Seen {
    took: Vec<Duration>,
    /// How often a client gave up, since a machine that is busy elsewhere may leave it no time.
    gave_up: usize,
    looked: usize,
    /// The least that was left of any token that anybody was shown.
    least_left: Option<Duration>,
    /// When each exchange came to the server.
    exchanges: Vec<Timestamp>,
    /// Of the daemon, in kilobytes.
    memory: Vec<u64>,
    descriptors: Vec<u64>,
}

/// The memory of a process in kilobytes, where Linux tells.
fn memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    rss.trim().strip_suffix(" kB")?.parse().ok()
}

/// How many descriptors a process has open, which Linux tells root alone of a process that is closed to others.
fn descriptors(pid: u32) -> Option<u64> {
    fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count().try_into().ok()
}

/// The mean in each third of the time.
fn thirds(samples: &[u64]) -> Vec<u64> {
    let third = samples.len().div_ceil(3).max(1);
    samples.chunks(third).map(|part| part.iter().sum::<u64>() / part.len() as u64).collect()
}

/// After the burst in the first third, nothing grows by more than a twentieth and `slack`.
fn does_not_grow(what: &str, samples: &[u64], slack: u64) -> bool {
    match thirds(samples)[..] {
        [_, middle, last] => last <= middle + middle / 20 + slack,
        _ => panic!("{what} can't be seen: run this as root, on Linux"),
    }
}

/// How long the threads of a process were on a processor.
fn on_cpu(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let nanos = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

impl Seen {
    fn left(&mut self, left: Duration) {
        self.least_left = Some(self.least_left.map_or(left, |least| least.min(left)));
    }

    /// Takes the exchanges that came since the last time out of the journal, which forgets.
    fn note_exchanges(&mut self, center: &Center) {
        let calls = center.simulator().calls();
        let new = center.exchanges() - self.exchanges.len();
        let exchanges: Vec<Timestamp> = calls
            .iter()
            .filter(|call| call.operation == Operation::CreateToken)
            .map(|call| call.at)
            .collect();
        self.exchanges.extend(&exchanges[exchanges.len() - new..]);
    }

    /// The most exchanges within any second.
    fn busiest_second(&self) -> usize {
        let within = |from: &Timestamp| {
            let end = from.after(Duration::from_secs(1));
            self.exchanges.iter().skip_while(|at| *at < from).take_while(|at| **at < end).count()
        };
        self.exchanges.iter().map(within).max().unwrap_or(0)
    }

    fn percentile(&mut self, percent: usize) -> Duration {
        self.took.sort_unstable();
        self.took[(self.took.len() - 1) * percent / 100]
    }
}

/// Asks for one token after the other.
async fn ask(client: Client, first: usize, end: Instant, seen: Rc<RefCell<Seen>>) {
    let mut session = first;
    while Instant::now() < end {
        session = (session + CLIENTS) % SESSIONS;
        let begun = Instant::now();
        match client.token(Some(&name(session)), MIN_VALIDITY).await {
            Ok(issued) => {
                let mut seen = seen.borrow_mut();
                seen.left(issued.expires_at.since(Clock::system().now()));
                seen.took.push(begun.elapsed());
            }
            Err(Error::Hung) => seen.borrow_mut().gave_up += 1,
            Err(error) => panic!("{}: {error}", name(session)),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Looks at all sessions and at the process, again and again.
async fn look(client: Client, center: &Center, pid: u32, end: Instant, seen: Rc<RefCell<Seen>>) {
    while Instant::now() < end {
        let now = Clock::system().now();
        match client.status().await {
            Ok(report) => {
                let mut seen = seen.borrow_mut();
                assert_eq!(report.sessions.len(), SESSIONS);
                for status in report.sessions {
                    assert!(status.usable, "late: {status:?}");
                    seen.left(status.expires_at.unwrap().since(now));
                }
                seen.looked += 1;
            }
            Err(Error::Hung) => seen.borrow_mut().gave_up += 1,
            Err(error) => panic!("{error}"),
        }
        {
            let mut seen = seen.borrow_mut();
            seen.note_exchanges(center);
            seen.memory.extend(memory(pid));
            seen.descriptors.extend(descriptors(pid));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[test]
fn a_thousand_sessions_stay_fresh_while_many_ask() {
    let mut tally =
        Tally::of("Load: 1,000 sessions, tokens of 5 minutes, 1 % faults, 64 clients asking all the time");
    let given = env::var("SSO_REFRESH_LOAD_SECONDS").ok().map(|text| text.parse().unwrap());
    let time = given.map_or(SHORT, Duration::from_secs);
    let center = Center::start(Options {
        single_use: true,
        token_life: TOKEN_LIFE,
        latency: LATENCY,
        ..Options::default()
    });
    let home = Home::with(&center, &aws_config(SESSIONS));
    // In a short run a third of them are due at once, in a long one all of them.
    let at_once = if given.is_some() { SESSIONS } else { SESSIONS / 3 };
    for session in 0..SESSIONS {
        let left =
            if session < at_once { 50 + session * 90 / at_once } else { 170 + session * 100 / SESSIONS };
        center.sign_in(&home, &name(session), Duration::from_secs(left as u64));
    }
    center.set_faults(FAULTS);
    let mut daemon = daemon(&home);
    let pid = daemon.0.id();

    let seen = Rc::new(RefCell::new(Seen::default()));
    let begun = Instant::now();
    let end = begun + time;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime(), async {
        while !client(&home).status().await.is_ok_and(|report| report.sessions.iter().all(|it| it.usable)) {
            assert!(begun.elapsed() < Duration::from_secs(40), "not all were read");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let asking: Vec<_> = (0..CLIENTS)
            .map(|first| tokio::task::spawn_local(ask(client(&home), first * 7, end, seen.clone())))
            .collect();
        look(client(&home), &center, pid, end, seen.clone()).await;
        for client in asking {
            client.await.unwrap();
        }
    });
    let cpu = on_cpu(pid);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);
    let mut seen = seen.take();
    seen.note_exchanges(&center);

    let least_left = seen.least_left.unwrap();
    println!(
        "load: {SESSIONS} sessions for {time:?}: {} exchanges ({} in the busiest second), {} answers \
         (p50 {:?}, p99 {:?}, most {:?}; {} given up), least left {least_left:?}, \
         memory by thirds {:?} kB, descriptors {:?}, cpu {cpu:?}",
        seen.exchanges.len(),
        seen.busiest_second(),
        seen.took.len(),
        seen.percentile(50),
        seen.percentile(99),
        seen.percentile(100),
        seen.gave_up,
        thirds(&seen.memory),
        thirds(&seen.descriptors),
    );
    assert!(seen.exchanges.len() > PACE, "sessions were refreshed");
    assert!(seen.took.len() > CLIENTS && seen.looked > 1, "clients were answered");
    assert!(least_left > Duration::ZERO, "a token was late");
    assert!(seen.busiest_second() <= PACE);
    let log = fs::read_to_string(home.path("log")).unwrap();
    assert!(!log.contains("needs a sign-in") && !log.contains("sign in with"), "a session was lost");
    // A token file and up to two of the own state for each session, and nothing half written.
    for (folder, each) in [(".aws/sso/cache", 1), (".local/state/sso-refresh/sessions", 2)] {
        let names = fs::read_dir(home.path(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        assert!(names.len() <= each * SESSIONS, "{folder}: {} files", names.len());
        assert!(!names.iter().any(|name| name.contains(".tmp")), "{folder}: {names:?}");
    }
    if given.is_some() {
        assert!(does_not_grow("memory", &seen.memory, 1024), "memory grows: {:?}", seen.memory);
        assert!(does_not_grow("descriptors", &seen.descriptors, 8), "they grow: {:?}", seen.descriptors);
    }
    tally.add(seen.exchanges.len() + seen.took.len());
    tally.survived();
}

#[test]
fn a_server_that_hangs_holds_up_no_session_of_another() {
    let mut tally = Tally::of("Load: 50 sessions of a server that hangs, and one of another");
    let hung = Center::start(Options { latency: Duration::from_secs(600), ..Options::default() });
    let center = center();
    let home = Home::with(&center, &aws_config(51));
    let section = |session| format!("[session.{}]\nendpoint = \"{}\"\n", name(session), hung.url());
    home.write_config(&(0..50).map(section).collect::<String>());
    for session in 0..50 {
        hung.sign_in(&home, &name(session), Duration::from_secs(45));
    }
    let mut daemon = daemon(&home);
    let state = |session: usize| {
        let report = runtime().block_on(client(&home).status()).ok()?;
        report.sessions.into_iter().nth(session).map(|status| status.state)
    };
    until("all places at the server to be taken", || (hung.exchanges() == PACE).then_some(()));
    until("all to want an exchange", || (state(49)? == State::Refreshing).then_some(()));
    let old = center.sign_in(&home, &name(50), Duration::from_secs(45));
    until("the other to be refreshed", || {
        home.access_token(&name(50)).filter(|token| token != old.access_token.expose())
    });
    assert_eq!(hung.exchanges(), PACE, "the others wait");
    tally.add(50);
    // The last in the queue signs out: it is not called refreshing for as long as the server hangs.
    let last = (0..50).rev().find(|session| state(*session) == Some(State::Refreshing)).unwrap();
    fs::remove_file(home.token_path(&name(last))).unwrap();
    until("it to be signed out", || (state(last)? == State::SignedOut).then_some(()));
    assert_eq!(hung.exchanges(), PACE);
    tally.tried();
    daemon.signal(Signal::SIGTERM);
    until("the stop", || {
        fs::read_to_string(home.path("log")).unwrap().contains("stopping as soon as").then_some(())
    });
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);
    tally.survived();
}
