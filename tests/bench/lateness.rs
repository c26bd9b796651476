//! `lateness`: from the moment that the daemon has planned until its request arrives at the server.

use std::{collections::BTreeMap, fs, path::Path, thread, time::Duration};

use anyhow::ensure;
use serde_json::Value;
use sso_refresh::{
    simulator::Operation,
    time::{Clock, Timestamp},
};

use crate::{
    center::Center,
    daemon,
    figure::Figure,
    home::{Home, start_url},
    samples::{Samples, Stopwatch, millis},
};

const SESSIONS: u32 = 20;
/// The jitter is up to a tenth of this.
const REFRESH_BEFORE: Duration = Duration::from_secs(30);
/// Longer than the jitter, so that nothing is due at the start.
const FIRST: Duration = Duration::from_secs(5);
const APART: Duration = Duration::from_millis(700);
/// When all must be done.
const LOST: Duration = Duration::from_secs(40);
const AIM: Duration = Duration::from_millis(20);

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let center = Center::start(None)?;
    let names: Vec<String> = (0..SESSIONS).map(|number| format!("s{number}")).collect();
    let sessions: Vec<&str> = names.iter().map(String::as_str).collect();
    let config = format!(
        "refresh_before = \"{}s\"\n[log]\nlevel = \"debug\"\nformat = \"json\"",
        REFRESH_BEFORE.as_secs()
    );
    let home = Home::new(&sessions, &center.url, &config)?;
    for (number, name) in (0..).zip(&sessions) {
        home.sign_in(&center, name, REFRESH_BEFORE + FIRST + APART * number)?;
    }
    let daemon = daemon::start(&home, binary)?;
    let sleepers = thread::spawn(asleep);
    let waiting = Stopwatch::start();
    while center.simulator.count(Operation::CreateToken) < sessions.len() {
        ensure!(waiting.elapsed() < LOST, "not every session was refreshed");
        thread::sleep(Duration::from_millis(50));
    }
    drop(daemon);

    let planned = planned(&fs::read_to_string(home.path(daemon::LOG))?);
    let calls = center.simulator.calls();
    let mut late = Vec::new();
    for call in calls.iter().filter(|call| call.operation == Operation::CreateToken) {
        let is_it = |name: &&&str| call.start_url.as_deref() == Some(start_url(name).as_str());
        let Some(name) = sessions.iter().find(is_it) else { continue };
        // What is planned after the refresh lies after it.
        let at = planned.get(*name).and_then(|all| all.iter().copied().filter(|at| *at <= call.at).max());
        late.extend(at.map(|at| call.at.since(at)));
    }
    ensure!(late.len() == sessions.len(), "{} of {} were planned and arrived", late.len(), sessions.len());
    let late = Samples::of(late)?;
    let figure = Figure::new("refresh later than planned", whole(&late)).aim("≤ 20 ms", late.max() <= AIM);
    let Ok(sleepers) = sleepers.join() else { return Ok(vec![figure]) };
    let sleepers = Samples::of(sleepers)?;
    let yardstick = format!("a thread asleep: {}", whole(&sleepers));
    Ok(vec![figure.beside(yardstick, millis(late.max()), millis(sleepers.max()))])
}

/// The yardstick: how late a thread wakes up that sleeps until moments as far apart as those.
fn asleep() -> Vec<Duration> {
    let clock = Clock::system();
    let wake_up = |_| {
        let planned = clock.now().after(APART);
        thread::sleep(APART);
        clock.now().since(planned)
    };
    (0..SESSIONS).map(wake_up).collect()
}

fn whole(samples: &Samples) -> String {
    let [median, max] = [samples.median(), samples.max()].map(|it| it.as_millis());
    format!("median {median} ms, max {max} ms")
}

/// The moments that the log says the daemon would wake up for, by session.
fn planned(log: &str) -> BTreeMap<String, Vec<Timestamp>> {
    let mut planned: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for line in log.lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        let field = |name: &str| event["fields"].get(name).or_else(|| event.get(name));
        if let Some(name) = field("session").and_then(Value::as_str)
            && let Some(at) = field("at_ms").and_then(Value::as_i64)
        {
            planned.entry(name.to_owned()).or_default().push(Timestamp::from_millis(at));
        }
    }
    planned
}
