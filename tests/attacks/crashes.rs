//! The program killed before each of its steps: every file is whole afterwards, and the next run is fresh or says
//! what is lost.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use sso_refresh::simulator::Options;

use crate::{
    inspection::{assert_good, assert_names_sign_in, has_own_copy, inspect, inspect_after_next_run},
    place::center,
    steps::{Step, Then, at_every_step, trace},
    support::{Center, Home, WORK, WORK_AND_HOME},
    tally::Tally,
};

/// Little enough for everything to refresh it.
const EXPIRING: Duration = Duration::from_secs(20);

/// What was done before a crash.
#[derive(Default)]
struct Past {
    changes: usize,
    /// The refresh token was sent, and the answer is not on disk yet: only then may a token be lost.
    unsaved: bool,
    last: Option<String>,
}

impl Past {
    /// Kills before the change `at`.
    fn or_kill(&mut self, step: &Step, at: usize) -> Then {
        if !step.changes {
            return Then::Go;
        }
        self.changes += 1;
        self.last = Some(format!("{} {} {}", step.call, step.target.display(), step.text));
        if self.changes == at {
            return Then::Kill;
        }
        if step.sends() {
            self.unsaved = true;
        } else if step.call.ends_with("sync") && step.target.extension().is_some_and(|end| end == "tmp") {
            self.unsaved = false;
        }
        Then::Go
    }
}

/// The next `token` is good, or it is lost where that may be; nothing is left of the crash when somebody works on the
/// files again.
#[track_caller]
fn recover(center: &Center, home: &Home, past: &Past) {
    let mut may_be_lost = past.unsaved;
    for line in ["token work --min-validity 5m", "refresh work"] {
        let ran = home.run(line);
        inspect(home);
        if may_be_lost && ran.code == 3 {
            assert_names_sign_in(&ran);
            center.sign_in(home, "work", EXPIRING);
            may_be_lost = false;
        } else {
            assert!(ran.code == 0, "killed before change {} ({:?}): {ran:?}", past.changes, past.last);
        }
    }
    assert_good(center, home, &home.run("token work"));
    inspect_after_next_run(home);
}

/// The daemon after a crash: it starts, keeps what is there, and ends when told to.
#[track_caller]
fn restart(home: &Home) {
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);
}

#[test]
fn killed_in_an_exchange_of_a_command() {
    let mut tally = Tally::of("Crashes: killed at every step of an exchange, no daemon");
    tally.add(at_every_step(|at| {
        let center = center();
        let home = Home::with(&center, WORK);
        center.sign_in(&home, "work", EXPIRING);
        let mut past = Past::default();
        let Some(ran) = trace(&home, ["refresh", "work"], |step| past.or_kill(step, at)) else {
            return false;
        };
        inspect(&home);
        recover(&center, &home, &past);
        ran.code == -1
    }));
    tally.survived();
}

#[test]
fn killed_in_an_exchange_of_the_daemon() {
    let mut tally = Tally::of("Crashes: killed at every step of an exchange of the daemon");
    tally.add(at_every_step(|at| {
        let center = center();
        let home = Home::with(&center, WORK);
        center.sign_in(&home, "work", EXPIRING);
        let mut past = Past::default();
        let ran = trace(&home, ["run"], |step| match past.or_kill(step, at) {
            Then::Go if step.text.contains("work: refreshed") => Then::End,
            then => then,
        });
        let Some(ran) = ran else { return false };
        inspect(&home);
        recover(&center, &home, &past);
        ran.code == -1
    }));
    tally.survived();
}

#[test]
fn killed_in_the_first_start() {
    let mut tally = Tally::of("Crashes: killed at every step of the first start");
    tally.add(at_every_step(|at| {
        let center = center();
        let home = Home::with(&center, WORK);
        let mut past = Past::default();
        let ran = trace(&home, ["run"], |step| match past.or_kill(step, at) {
            Then::Go if step.text.contains("has started") => Then::End,
            then => then,
        });
        let Some(ran) = ran else { return false };
        inspect(&home);
        restart(&home);
        inspect_after_next_run(&home);
        center.sign_in(&home, "work", EXPIRING);
        recover(&center, &home, &Past::default());
        ran.code == -1
    }));
    tally.survived();
}

#[test]
fn killed_in_a_reload() {
    let mut tally = Tally::of("Crashes: killed at every step of a reload");
    tally.add(at_every_step(|at| {
        let center = center();
        let home = Home::with(&center, WORK);
        center.sign_in(&home, "work", Duration::from_secs(25 * 60));
        let (mut past, mut begun) = (Past::default(), false);
        let ran = trace(&home, ["run"], |step| {
            if step.text.contains("keeps the token fresh that") && !begun {
                begun = true;
                // Another session, and a token that is due now.
                home.write_aws_config(WORK_AND_HOME);
                home.write_config("refresh_before = \"30m\"\n");
                kill(step.process, Signal::SIGHUP).unwrap();
                return Then::Go;
            }
            match begun.then(|| past.or_kill(step, at)) {
                Some(Then::Kill) => Then::Kill,
                _ if step.text.contains("work: refreshed") => Then::End,
                _ => Then::Go,
            }
        });
        let Some(ran) = ran else { return false };
        inspect(&home);
        restart(&home);
        recover(&center, &home, &past);
        ran.code == -1
    }));
    tally.survived();
}

fn approving() -> Center {
    Center::start(Options {
        single_use: true,
        auto_approve: true,
        interval: Duration::ZERO,
        ..Options::default()
    })
}

#[test]
fn killed_in_a_sign_in() {
    let mut tally = Tally::of("Crashes: killed at every step of `login`");
    for signed_in in [false, true] {
        tally.add(at_every_step(|at| {
            let center = approving();
            let home = Home::with(&center, WORK);
            if signed_in {
                center.sign_in(&home, "work", EXPIRING);
            }
            let mut past = Past::default();
            let Some(ran) = trace(&home, ["login"], |step| past.or_kill(step, at)) else { return false };
            inspect(&home);
            let saved = home.token_path("work").exists();
            assert!(saved || !signed_in);
            if saved {
                assert_good(&center, &home, &home.run("token --min-validity 5m"));
            } else {
                assert_names_sign_in(&home.run("token"));
            }
            assert_eq!(home.run("login").code, 0);
            inspect_after_next_run(&home);
            assert_good(&center, &home, &home.run("token"));
            ran.code == -1
        }));
    }
    tally.survived();
}

#[test]
fn killed_in_a_sign_out() {
    let mut tally = Tally::of("Crashes: killed at every step of `logout`");
    tally.add(at_every_step(|at| {
        let center = approving();
        let home = Home::with(&center, WORK);
        assert_eq!(home.run("login").code, 0);
        let old = home.access_token("work");
        let mut past = Past::default();
        let Some(ran) = trace(&home, ["logout"], |step| past.or_kill(step, at)) else { return false };
        inspect(&home);
        match home.access_token("work") {
            // It may be over at the server; what `refresh` does then is seen elsewhere.
            Some(held) => {
                assert_eq!(Some(&held), old.as_ref());
                assert_eq!(home.run("logout").code, 0);
            }
            None => assert_names_sign_in(&home.run("token")),
        }
        let files = inspect_after_next_run(&home);
        assert!(!home.token_path("work").exists());
        assert!(!has_own_copy(&files), "killed before change {} ({:?})", past.changes, past.last);
        ran.code == -1
    }));
    tally.survived();
}
