//! Networks that go away, come back and have no rest, in a network of the test's own.

#![expect(clippy::disallowed_methods, reason = "what is measured must not change with the clock")]

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use nix::sched::{CloneFlags, unshare};
use sso_refresh::simulator::Options;

use crate::{
    clocks::preloadable,
    outage::{Log, ground},
    place::{center, until},
    support::{Center, Daemon, Home, WORK},
    tally::{Tally, not_tried},
};

/// What a session that looks again says.
const WOKEN: &str = "looks at every session again: Network";

/// How many daemons are told at once: that half of them try again by chance just then does not happen.
const DAEMONS: usize = 8;

fn ip(line: &str) {
    let output = Command::new("ip").args(line.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs `test` in a network that is its thread's alone, with loopback and a link between `near` and `far`.
fn in_a_network_of_its_own(test: impl FnOnce() + Send + 'static) -> bool {
    let tried = thread::spawn(|| {
        if unshare(CloneFlags::CLONE_NEWNET).is_err() || Command::new("ip").arg("link").output().is_err() {
            not_tried("a network that goes away, which needs root and `ip`");
            return false;
        }
        for line in ["link set lo up", "link add near type veth peer name far", "link set far up"] {
            ip(line);
        }
        test();
        true
    });
    tried.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The whole network of the machine: it returns as one does, with a carrier, an address and a route.
fn set_network(is_there: bool) {
    let lines: &[&str] = if is_there {
        &[
            "link set lo up",
            "link set near up",
            "addr add 10.9.8.7/24 dev near",
            "route add default via 10.9.8.1",
        ]
    } else {
        &["addr flush dev near", "link set near down", "link set lo down"]
    };
    for line in lines {
        ip(line);
    }
}

/// Addresses come and go.
fn stir(times: usize) {
    for _ in 0..times {
        ip("addr add 10.1.2.3/24 dev far");
        ip("addr del 10.1.2.3/24 dev far");
    }
}

/// How often the process has gone to sleep.
fn sleeps(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}

fn return_makes_it_fresh() {
    let center = center();
    let homes: Vec<Home> = (0..DAEMONS).map(|_| Home::with(&center, WORK)).collect();
    for home in &homes {
        center.sign_in(home, "work", Duration::from_secs(120));
    }
    set_network(false);
    let mut daemons: Vec<Daemon> = homes.iter().map(|home| home.daemon(&["-v"])).collect();
    let logs: Vec<Log> = daemons.iter_mut().map(Log::of).collect();
    for log in &logs {
        until("two attempts", || (log.lines("CreateToken: ").len() >= 2).then_some(()));
    }
    assert_eq!(center.exchanges(), 0);
    let returned = Instant::now();
    set_network(true);
    let (mut took, mut told) = (Vec::new(), 0);
    for log in &logs {
        let fresh = until("a fresh token", || log.lines(" refreshed, ").first().map(|line| line.0));
        told += usize::from(log.lines(WOKEN).first().is_some_and(|line| line.0 <= fresh));
        took.push(fresh.duration_since(returned));
    }
    took.sort();
    // One may try again by chance just before it is told.
    assert!(told >= DAEMONS / 2, "{told} of {DAEMONS} were told: {took:?}");
    // A second, and more on a busy machine.
    assert!(took[DAEMONS / 2] < Duration::from_secs(5), "{took:?}");
    assert_eq!(center.exchanges(), DAEMONS, "one each");
}

#[test]
fn a_refresh_that_was_due_meanwhile_happens_when_the_network_returns() {
    let mut tally = Tally::of("Network: all of it goes away, and comes back");
    if in_a_network_of_its_own(return_makes_it_fresh) {
        tally.add(DAEMONS);
    }
    tally.survived();
}

/// A daemon that is well listens to nothing; one that fails is told a few times, and no oftener.
fn unrest_is_borne() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", Duration::from_secs(3600));
    let mut daemon = home.daemon(&["-v"]);
    let log = Log::of(&mut daemon);
    log.wait_for("keeps the token fresh");
    // It has said and done all that it has to.
    let before = until("rest", || {
        let before = sleeps(&daemon);
        thread::sleep(Duration::from_secs(2));
        (sleeps(&daemon) == before).then_some(before)
    });
    set_network(true);
    stir(50);
    assert_eq!(sleeps(&daemon), before, "woken for nothing");
    assert!(log.lines(WOKEN).is_empty());

    center.set_faults("CreateToken:status=500");
    let asked = home.run("refresh work");
    assert_ne!(asked.code, 0);
    let begun = Instant::now();
    until("unrest", || {
        stir(10);
        (begun.elapsed() > Duration::from_secs(10)).then_some(())
    });
    let told = log.lines(WOKEN).len();
    assert!((1..=5).contains(&told), "told {told} times in {:?}", begun.elapsed());
    center.set_faults("");
    log.wait_for(" refreshed, ");
}

#[test]
fn a_network_without_rest_makes_no_loop() {
    let mut tally = Tally::of("Network: addresses that come and go all the time");
    if in_a_network_of_its_own(unrest_is_borne) {
        tally.tried();
    }
    tally.survived();
}

#[test]
fn a_sandbox_that_hides_the_network_costs_no_more_than_a_wait() {
    let mut tally = Tally::of("Network: a sandbox that does not let anybody listen to it");
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("no_netlink.so");
    if !preloadable("no_netlink.c", &library) {
        not_tried("a sandbox without netlink, since there is no C compiler");
        return;
    }
    let (center, home) = ground();
    center.set_faults("CreateToken:status=500:times=3");
    center.sign_in(&home, "work", Duration::from_secs(120));
    let mut daemon = home.daemon_with(&["-v"], [("LD_PRELOAD", library)]);
    let log = Log::of(&mut daemon);
    log.wait_for(" refreshed, ");
    assert_eq!(center.exchanges(), 4);
    let told = log.lines("the system does not tell of changes of the network").len();
    assert_eq!(told, 1, "once until it works again: {:#?}", log.lines(""));
    tally.tried();
    tally.survived();
}
