//! A thousand kills in a row on one home directory.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    inspection::{accepts, assert_good, assert_names_sign_in, client, inspect, inspect_after_next_run},
    place::{center, until},
    steps::{Then, trace},
    support::{Center, Home, WORK},
    tally::Tally,
};

const KILLS: usize = 1000;
const SEED: u64 = 7;

const REFRESH: &[&str] = &["refresh"];

/// What is killed. Each begins with an exchange, or takes up what the one before has left.
const LINES: [&[&str]; 4] = [REFRESH, REFRESH, &["token", "--min-validity", "5m"], &["run"]];

/// More steps than an exchange has before its end.
const STEPS: usize = 62;

/// Little enough for everything to refresh it.
const EXPIRING: Duration = Duration::from_secs(20);

fn refusals(center: &Center) -> usize {
    let calls = center.simulator().calls();
    calls.iter().filter(|call| call.error == Some("InvalidGrantException")).count()
}

/// How long the program takes until a new token is on disk.
fn exchange_time(center: &Center, home: &Home) -> Duration {
    let old = center.sign_in(home, "work", EXPIRING);
    let begin = Instant::now();
    let mut child = quiet(home.command(["refresh"])).spawn().unwrap();
    until("a new token", || (home.access_token("work")? != old.access_token.expose()).then_some(()));
    let took = begin.elapsed();
    child.wait().unwrap();
    took
}

fn quiet(mut command: Command) -> Command {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Kills before a step in every third try, at any moment in the others.
fn kill(home: &Home, line: &[&str], random: &mut fastrand::Rng, longest: Duration) {
    if random.u8(..3) == 0 {
        let at = random.usize(1..=STEPS);
        let mut changes = 0;
        let traced = trace(home, line, |step| {
            changes += usize::from(step.changes);
            // An idle daemon has no more steps.
            if changes == at || step.text.contains("work: ") { Then::Kill } else { Then::Go }
        });
        if traced.is_some() {
            return;
        }
    }
    let mut child = quiet(home.command(line)).spawn().unwrap();
    thread::sleep(longest.mul_f64(random.f64()));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_thousand_kills_in_a_row() {
    let mut tally = Tally::of("Crashes: killed at random, a thousand times in one home");
    let center = center();
    let home = Home::with(&center, WORK);
    let mut longest = exchange_time(&center, &home);
    let mut random = fastrand::Rng::with_seed(SEED);
    let (mut lost, mut refused) = (0, 0);
    let mut signed_in = client(&home);
    for _ in 0..KILLS {
        let line = LINES[random.usize(..LINES.len())];
        if line != REFRESH {
            // Only a token that ends soon is refreshed by these; whatever a crash has left must not replace it.
            center.sign_in(&home, "work", EXPIRING);
            signed_in = client(&home);
        }
        let exchanges = center.exchanges();
        kill(&home, line, &mut random, longest);
        // So that on an idle and on a busy machine about every other kill comes after the server was asked.
        longest = longest.mul_f64(if center.exchanges() > exchanges { 0.98 } else { 1.02 });
        inspect(&home);
        assert_eq!(client(&home), signed_in);
        let held = home.access_token("work").unwrap();
        assert!(accepts(&center, &held), "neither the old token nor the new one");
        // An answer was lost with the process that waited for it: that is told, and a sign-in helps.
        if refusals(&center) > refused {
            let ran = home.run("refresh");
            if ran.code != 0 {
                assert_names_sign_in(&ran);
                center.sign_in(&home, "work", EXPIRING);
                signed_in = client(&home);
                lost += 1;
            }
            refused = refusals(&center);
        }
        tally.tried();
    }
    let exchanges = center.exchanges();
    println!("{KILLS} kills, {exchanges} exchanges, {lost} answers lost with their process");
    assert!(exchanges > KILLS / 4, "hardly any of them had anything to lose");
    let ran = home.run("refresh");
    if ran.code != 0 {
        assert_names_sign_in(&ran);
        center.sign_in(&home, "work", EXPIRING);
        assert_eq!(home.run("refresh").code, 0);
    }
    inspect_after_next_run(&home);
    assert_good(&center, &home, &home.run("token"));
    tally.survived();
}
