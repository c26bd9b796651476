//! Ten callers at once on an expiring token that is good for one use.

use std::{
    process::{Child, Stdio},
    time::Duration,
};

use sso_refresh::simulator::Options;

use crate::{
    place::center,
    support::{Center, Home, WORK},
    tally::Tally,
};

const CALLERS: usize = 10;

/// The token ends soon, and all of them get the same new one from one exchange.
fn ask_at_once(center: &Center, home: &Home) {
    let before = center.exchanges();
    center.sign_in(home, "work", Duration::from_secs(20));
    let start = |_| -> Child {
        let mut command = home.command(["token", "--min-validity", "5m"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let callers: Vec<Child> = (0..CALLERS).map(start).collect();
    let answers: Vec<_> = callers.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let token = home.access_token("work").unwrap();
    for answer in answers {
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        assert_eq!(String::from_utf8(answer.stdout).unwrap().trim_end(), token);
    }
    assert_eq!(center.exchanges(), before + 1);
}

#[test]
fn ten_callers_share_one_exchange_without_a_daemon() {
    let mut tally = Tally::of("Rivals: ten callers at once on an expiring single-use token, no daemon");
    let center = Center::start(Options {
        single_use: true,
        latency: Duration::from_millis(100),
        ..Options::default()
    });
    let home = Home::with(&center, WORK);
    for _ in 0..10 {
        ask_at_once(&center, &home);
        tally.add(CALLERS);
    }
    tally.survived();
}

#[test]
fn ten_callers_share_one_exchange_of_the_daemon() {
    let mut tally = Tally::of("Rivals: ten callers at once on an expiring single-use token, with a daemon");
    for _ in 0..5 {
        let center = center();
        let home = Home::with(&center, WORK);
        let mut daemon = home.daemon(&[]);
        daemon.wait_for("has started");
        // Whoever comes first makes the exchange: the daemon that notices the file, or the first caller.
        ask_at_once(&center, &home);
        tally.add(CALLERS);
    }
    tally.survived();
}
