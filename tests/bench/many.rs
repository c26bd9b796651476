//! `many`: what the daemon holds with the credentials of many profiles, and with many sessions.

use std::{path::Path, thread, time::Duration};

use anyhow::ensure;
use sso_refresh::simulator::{Account, Options};

use crate::{
    center::Center,
    daemon,
    figure::Figure,
    home::{Home, profile},
    proc, program,
    size::{as_f64, megabytes},
};

const AIM: u64 = 12_000_000;
/// Idle threads of tokio's pool for blocking work end after ten seconds.
const SETTLED: Duration = Duration::from_secs(12);
/// As many roles as an account may have here.
const ROLES: usize = 10;

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let least = profiles(binary, 1)?;
    for count in [1, 100, 1000] {
        let memory = if count == 1 { least } else { profiles(binary, count)? };
        figures.push(figure(&format!("RSS with the credentials of {count} profiles"), memory, least));
    }
    figures.push(figure("RSS with 1000 sessions", sessions(binary, 1000)?, least));
    Ok(figures)
}

fn figure(what: &str, memory: u64, least: u64) -> Figure {
    let figure = Figure::new(what, megabytes(memory)).aim("≤ 12 MB", memory <= AIM);
    figure.beside(format!("one profile: {}", megabytes(least)), as_f64(memory), as_f64(least))
}

/// The memory of a daemon that has the credentials of that many profiles of one session.
fn profiles(binary: &Path, count: usize) -> anyhow::Result<u64> {
    let names: Vec<String> = (0..ROLES).map(|number| format!("Role{number}")).collect();
    let roles: Vec<&str> = names.iter().map(String::as_str).collect();
    let account = |number: usize| format!("{:012}", number + 1);
    let accounts = (0..count.div_ceil(ROLES)).map(|number| Account::new(&account(number), "Account", &roles));
    let center = Center::with(Options { accounts: accounts.collect(), ..Options::default() }, None)?;
    let home = Home::new(&["work"], &center.url, "")?;
    let mut written = String::new();
    for number in 0..count {
        written += &profile(&format!("p{number}"), "work", &account(number / ROLES), &names[number % ROLES]);
    }
    home.add(&written)?;
    home.sign_in(&center, "work", Duration::from_secs(3600))?;
    let daemon = daemon::start(&home, binary)?;
    for number in 0..count {
        let mut command = home.command(binary);
        let (printed, _) = program::run(command.args(["credentials", "--profile", &format!("p{number}")]))?;
        ensure!(printed.contains("AccessKeyId"), "no credentials were printed");
    }
    thread::sleep(SETTLED);
    Ok(proc::memory(daemon.pid())?.rss)
}

/// The memory of a daemon with that many sessions, all signed in.
fn sessions(binary: &Path, count: usize) -> anyhow::Result<u64> {
    let center = Center::start(None)?;
    let names: Vec<String> = (0..count).map(|number| format!("s{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let home = Home::new(&names, &center.url, "")?;
    for name in &names {
        home.sign_in(&center, name, Duration::from_secs(3600))?;
    }
    let daemon = daemon::start(&home, binary)?;
    let (printed, _) = program::run(home.command(binary).args(["status", "--json"]))?;
    ensure!(printed.contains("s999") || count < 1000, "the daemon does not know all sessions");
    thread::sleep(SETTLED);
    Ok(proc::memory(daemon.pid())?.rss)
}
