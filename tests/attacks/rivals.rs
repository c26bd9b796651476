//! A sign-in or a sign-out of the AWS CLI at every step of an exchange of ours: the login stays, the deleted file
//! stays deleted, and an answer that comes late is dropped.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    sync::OnceLock,
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    inspection::{assert_good, assert_names_sign_in, client, has_own_copy, inspect_after_next_run},
    place::{center, until},
    steps::{Then, at_every_step, trace},
    support::{Center, Home, WORK},
    tally::Tally,
};

/// Little enough for everything to refresh it.
const EXPIRING: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);

/// A rival of the daemon ends what it has begun at once, or less than so many steps later.
const LATE: usize = 4;

/// What asks for a token that only an exchange can give where the old one is still there.
const ASK: &str = "token work --min-validity 5m";

/// A home whose token ends soon.
fn expiring(center: &Center) -> Home {
    let home = Home::with(center, WORK);
    center.sign_in(&home, "work", EXPIRING);
    home
}

/// `aws sso login`: it opens the file, which empties it, and writes.
struct Login {
    file: File,
    text: String,
    client: String,
}

impl Login {
    fn begin(center: &Center, home: &Home) -> Self {
        // The text is made elsewhere.
        let elsewhere = Home::new();
        center.sign_in(&elsewhere, "work", HOUR);
        let text = fs::read_to_string(elsewhere.token_path("work")).unwrap();
        let file = OpenOptions::new().write(true).truncate(true).open(home.token_path("work")).unwrap();
        Self { file, text, client: client(&elsewhere).unwrap() }
    }

    /// Writes the rest; gives the client of the sign-in.
    fn end(mut self) -> String {
        self.file.write_all(self.text.as_bytes()).unwrap();
        self.client
    }
}

/// `aws sso logout`.
fn log_out(home: &Home) {
    fs::remove_file(home.token_path("work")).unwrap();
}

#[track_caller]
fn assert_signed_in(center: &Center, home: &Home, with: &str) {
    assert_good(center, home, &home.run(ASK));
    assert_eq!(client(home).as_deref(), Some(with), "the sign-in is lost");
    inspect_after_next_run(home);
}

#[track_caller]
fn assert_signed_out(home: &Home) {
    assert!(!home.token_path("work").exists(), "the file is back");
    assert_names_sign_in(&home.run(ASK));
    assert!(!home.token_path("work").exists(), "the file is back");
    assert!(!has_own_copy(&inspect_after_next_run(home)));
}

#[test]
fn a_sign_in_during_an_exchange_of_a_command_stays() {
    let mut tally = Tally::of("Rivals: `aws sso login` at every step of an exchange, no daemon");
    // It writes at once, or some steps after it has opened the file.
    for late in [0, 1, 3] {
        tally.add(at_every_step(|at| {
            let center = center();
            let home = expiring(&center);
            let (mut steps, mut login, mut signed_in) = (0, None, None);
            let ran = trace(&home, ["refresh", "work"], |_| {
                steps += 1;
                if steps == at {
                    login = Some(Login::begin(&center, &home));
                }
                if steps == at + late {
                    signed_in = login.take().map(Login::end);
                }
                Then::Go
            });
            let signed_in = signed_in.or_else(|| login.map(Login::end));
            let (Some(ran), Some(signed_in)) = (ran, signed_in) else { return false };
            assert_eq!(ran.code, 0, "step {at}: {ran:?}");
            assert_signed_in(&center, &home, &signed_in);
            true
        }));
    }
    tally.survived();
}

#[test]
fn a_sign_out_during_an_exchange_of_a_command_stays() {
    let mut tally = Tally::of("Rivals: `aws sso logout` at every step of an exchange, no daemon");
    tally.add(at_every_step(|at| {
        let center = center();
        let home = expiring(&center);
        let mut steps = 0;
        let ran = trace(&home, ["refresh", "work"], |_| {
            steps += 1;
            if steps == at {
                log_out(&home);
            }
            Then::Go
        });
        let Some(ran) = ran.filter(|_| steps >= at) else { return false };
        assert!(ran.code == 0 || ran.code == 3, "step {at}: {ran:?}");
        assert_signed_out(&home);
        true
    }));
    tally.survived();
}

/// Runs the daemon to the end of its exchange. At step `at` a rival begins what `begin` is, and `end` is done some steps
/// later; the daemon is stopped when `seen` has found that it knows. Whether there was such a step.
///
/// Nothing is left to a thread that a busy machine may hold up for seconds, as no AWS CLI is between two system calls.
fn beside_daemon<T>(
    home: &Home,
    at: usize,
    begin: impl Fn() -> T,
    end: impl Fn(T),
    seen: impl Fn() + Send + Sync,
) -> bool {
    let (mut steps, mut begun) = (0, None);
    thread::scope(|scope| {
        let ran = trace(home, ["run"], |step| {
            steps += 1;
            if steps == at {
                begun = Some(begin());
            }
            if steps >= at + at % LATE
                && let Some(begun) = begun.take()
            {
                end(begun);
                let (stop, seen) = (Stop(step.process), &seen);
                scope.spawn(move || {
                    seen();
                    drop(stop);
                });
            }
            let done = step.text.contains("work: refreshed") && steps < at;
            if done { Then::End } else { Then::Go }
        });
        // It ended before.
        begun.map(end);
        let Some(ran) = ran.filter(|_| steps >= at) else { return false };
        // It may be asked to end before it listens to that.
        assert!([0, -1].contains(&ran.code), "step {at}: {ran:?}");
        true
    })
}

/// Stops a daemon when it is dropped, as it is where something was waited for in vain.
struct Stop(Pid);

impl Drop for Stop {
    fn drop(&mut self) {
        // It may be stopping already.
        let _ = kill(self.0, Signal::SIGTERM);
    }
}

#[test]
fn a_sign_in_during_an_exchange_of_the_daemon_stays() {
    let mut tally = Tally::of("Rivals: `aws sso login` at every step of an exchange of the daemon");
    tally.add(at_every_step(|at| {
        let center = center();
        let home = expiring(&center);
        let signed_in = OnceLock::new();
        let sign_in = |login: Login| signed_in.set(login.end()).unwrap();
        let seen = || {
            until("the sign-in to be taken up", || {
                let ran = home.run(ASK);
                let token = home.access_token("work")?;
                (ran.stdout.trim_end() == token && client(&home).as_ref() == signed_in.get()).then_some(())
            });
        };
        let done = beside_daemon(&home, at, || Login::begin(&center, &home), sign_in, seen);
        if done {
            assert_signed_in(&center, &home, signed_in.get().unwrap());
        }
        done
    }));
    tally.survived();
}

#[test]
fn a_sign_out_during_an_exchange_of_the_daemon_stays() {
    let mut tally = Tally::of("Rivals: `aws sso logout` at every step of an exchange of the daemon");
    tally.add(at_every_step(|at| {
        let center = center();
        let home = expiring(&center);
        let seen = || until("the sign-out to be seen", || (home.run(ASK).code == 3).then_some(()));
        let done = beside_daemon(&home, at, || log_out(&home), |()| (), seen);
        if done {
            assert_signed_out(&home);
        }
        done
    }));
    tally.survived();
}
