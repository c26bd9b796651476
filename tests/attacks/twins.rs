//! Two daemons started together: one lives, the other says so.

use nix::sys::signal::Signal;

use crate::{
    place::until,
    steps::{Then, at_every_step, trace},
    support::{Daemon, Home, WORK},
    tally::Tally,
};

/// What the second one is told.
const RUNNING: &str = "sso-refresh is already running";

fn home() -> Home {
    let home = Home::new();
    home.write_aws_config(WORK);
    home
}

/// Ends a daemon that lives.
#[track_caller]
fn end(mut daemon: Daemon) {
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);
}

/// Which of the two has ended by itself.
fn ended(daemons: &mut [Daemon; 2]) -> Option<usize> {
    daemons.iter_mut().position(|daemon| daemon.0.try_wait().unwrap().is_some())
}

#[test]
fn of_two_daemons_at_once_one_lives() {
    let mut tally = Tally::of("Rivals: two daemons started together");
    for _ in 0..50 {
        let home = home();
        let mut daemons = [home.daemon(&[]), home.daemon(&[])];
        let dead = until("one to give up", || ended(&mut daemons));
        let [first, second] = daemons;
        let (mut dead, mut alive) = if dead == 0 { (first, second) } else { (second, first) };
        dead.wait_for(RUNNING);
        assert_eq!(dead.wait(), 1);
        alive.wait_for("has started");
        end(alive);
        tally.tried();
    }
    tally.survived();
}

#[test]
fn a_daemon_beside_every_step_of_the_start_of_another() {
    let mut tally = Tally::of("Rivals: a daemon started at every step of another's start");
    tally.add(at_every_step(|at| {
        let home = home();
        let (mut steps, mut second) = (0, None);
        let first = trace(&home, ["run"], |step| {
            steps += 1;
            if steps == at {
                second = start(&home);
            }
            if step.text.contains("has started") { Then::End } else { Then::Go }
        });
        let Some(first) = first.filter(|_| steps >= at) else { return false };
        if let Some(second) = second {
            assert!(first.code == 1 && first.stderr.contains(RUNNING), "step {at}: {first:?}");
            end(second);
        } else {
            assert_eq!(first.code, 0, "step {at}: {first:?}");
        }
        true
    }));
    tally.survived();
}

/// Starts a second one while the first stands still: it lives, or is told that it is not alone.
fn start(home: &Home) -> Option<Daemon> {
    let mut daemon = home.daemon(&[]);
    // Either line names the program.
    if daemon.wait_for("sso-refresh").contains("has started") {
        return Some(daemon);
    }
    assert_eq!(daemon.wait(), 1);
    None
}
