//! `status --history`: the last day of each session as people see it at once, or all that is kept of it as JSON.

use std::fmt::Write;

use anstyle::{AnsiColor, Effects, Style};
use serde::Serialize;

use super::timeline::{PARTS, Phase, beginning, order, phases};
use crate::{
    api::VERSION,
    cli::{
        context::Context,
        exit::{self, Failure},
        login::screen::is_utf8,
        out,
    },
    config,
    events::{Event, history},
    kind::Kind,
    time::Timestamp,
};

/// What an old terminal has room for, in characters.
const WIDTH: usize = 80;
/// The most characters of a session's name that are shown.
const NAME_MAX: usize = WIDTH - PARTS - 2;
/// How many happenings are told below the timeline.
const TOLD: usize = 8;
/// Every so many parts of the day have a label.
const LABELLED: usize = 8;

/// As JSON.
#[derive(Serialize)]
struct Printed {
    version: u32,
    events: Vec<Event>,
}

/// A session and all that is known of its past, the daemon's among it.
struct Past {
    session: String,
    events: Vec<Event>,
}

pub(super) fn run(given: Option<&str>, json: bool, context: &Context) -> Result<u8, Failure> {
    let sessions = match given {
        Some(name) => vec![context.session(Some(name))?.name.clone()],
        None => context.settings()?.sessions.keys().cloned().collect(),
    };
    if sessions.is_empty() {
        return Err(config::no_session(context.settings()?).into());
    }
    let read = |session: Option<&str>| {
        history::read(&context.paths.state, session).map_err(|error| {
            let folder = context.paths.show(&context.paths.state.join("history"));
            Failure::new(exit::FAILED, format!("can't read the history in {folder}: {error}; move it away"))
        })
    };
    let own = read(None)?;
    let mut pasts = Vec::new();
    for session in sessions {
        let events = [own.clone(), read(Some(&session))?].concat();
        pasts.push(Past { session, events });
    }
    if json {
        let of_sessions =
            pasts.into_iter().flat_map(|past| past.events).filter(|event| event.session.is_some());
        let mut events: Vec<Event> = own.into_iter().chain(of_sessions).collect();
        events.sort_by_key(order);
        out::json(&Printed { version: VERSION, events })?;
    } else {
        out::text(&drawn(&pasts, context.clock.now(), is_utf8(&context.env)))?;
    }
    Ok(exit::DONE)
}

fn drawn(pasts: &[Past], now: Timestamp, utf8: bool) -> String {
    let ellipsis = if utf8 { "…" } else { "..." };
    let names: Vec<String> = pasts.iter().map(|past| cut(&past.session, NAME_MAX, ellipsis)).collect();
    let column = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut text = format!("{:column$}  {}\n", "", ruler(beginning(now)));
    let mut seen = Vec::new();
    for (name, past) in names.iter().zip(pasts) {
        let phases = phases(&past.events, now);
        let row = format!("{name:column$}  {}", row(&phases, utf8));
        let _ = writeln!(text, "{}", row.trim_end());
        seen.extend(phases);
    }
    text.push_str("\nhalf an hour each, times in UTC:\n");
    for phase in Phase::ALL.into_iter().filter(|phase| *phase != Phase::Unknown && seen.contains(phase)) {
        let style = style(phase);
        let _ = writeln!(text, "  {style}{}{style:#} {}", sign(phase, utf8), meaning(phase));
    }
    if seen.iter().all(|phase| *phase == Phase::Unknown) {
        text.push_str("  nothing is known of the last day: the daemon keeps the history while it runs\n");
    }
    let told = happenings(pasts, now);
    if !told.is_empty() {
        text.push('\n');
        for line in told {
            let _ = writeln!(text, "{}", cut(&line, WIDTH, ellipsis));
        }
    }
    text
}

/// The hours above the parts that begin with them.
fn ruler(begins: Timestamp) -> String {
    let mut ruler = String::new();
    let mut at = begins;
    for part in 0..PARTS {
        let label = at.hour_and_minute();
        let label = label.trim_end_matches(" UTC");
        let half_hours = at.secs().div_euclid(30 * 60);
        if half_hours % i64::try_from(LABELLED).unwrap_or(1) == 0 && part + label.len() <= PARTS {
            let _ = write!(ruler, "{:part$}{label}", "", part = part - ruler.len());
        }
        at = at.after(super::timeline::PART);
    }
    ruler
}

/// One character for each part; neighbours of a kind are coloured together.
fn row(phases: &[Phase], utf8: bool) -> String {
    let mut row = String::new();
    for same in phases.chunk_by(|one, next| one == next) {
        let (Some(phase), length) = (same.first(), same.len()) else { continue };
        let style = style(*phase);
        let _ = write!(row, "{style}{}{style:#}", sign(*phase, utf8).to_string().repeat(length));
    }
    row
}

/// Different in height or form, so that no colour is needed.
fn sign(phase: Phase, utf8: bool) -> char {
    match (phase, utf8) {
        (Phase::Unknown, _) => ' ',
        (Phase::Fresh, true) => '█',
        (Phase::Fresh, false) => '=',
        (Phase::Retried, true) => '▄',
        (Phase::Retried, false) => '~',
        (Phase::Expired, true) => '×',
        (Phase::Expired, false) => 'x',
        (Phase::SignedOut, true) => '○',
        (Phase::SignedOut, false) => 'o',
        (Phase::Asleep, _) => 'z',
        (Phase::Stopped, true) => '·',
        (Phase::Stopped, false) => '.',
    }
}

fn style(phase: Phase) -> Style {
    let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    match phase {
        Phase::Unknown => Style::new(),
        Phase::Fresh => color(AnsiColor::Green),
        Phase::Retried => color(AnsiColor::Yellow),
        Phase::Expired => color(AnsiColor::Red),
        Phase::SignedOut => color(AnsiColor::Magenta),
        Phase::Asleep => color(AnsiColor::Blue),
        Phase::Stopped => Style::new().effects(Effects::DIMMED),
    }
}

fn meaning(phase: Phase) -> &'static str {
    match phase {
        Phase::Unknown => "nothing is known",
        Phase::Fresh => "fresh: programs had a good token",
        Phase::Retried => "could not be refreshed for a while, the token was still good",
        Phase::Expired => "outage: the token had expired",
        Phase::SignedOut => "signed out, or a sign-in was needed",
        Phase::Asleep => "the machine was asleep",
        Phase::Stopped => "the daemon was not running",
    }
}

/// The last that happened beside refreshes.
fn happenings(pasts: &[Past], now: Timestamp) -> Vec<String> {
    let usual = [Kind::Refreshed, Kind::TakenUp, Kind::Listening, Kind::Configured].map(Kind::name);
    let begins = beginning(now);
    let mut told: Vec<&Event> = Vec::new();
    for event in pasts.iter().flat_map(|past| &past.events) {
        let is_told = begins <= event.at && event.at <= now && !usual.contains(&&*event.event);
        // Those of the daemon come with each session.
        if is_told && !told.contains(&event) {
            told.push(event);
        }
    }
    told.sort_by_key(|event| event.at);
    let last = told.split_off(told.len().saturating_sub(TOLD));
    let line = |event: &Event| {
        let at = event.at.hour_and_minute();
        config::line(format_args!("{}  {}", at.trim_end_matches(" UTC"), event.message))
    };
    last.into_iter().map(line).collect()
}

fn cut(text: &str, width: usize, ellipsis: &str) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(ellipsis.chars().count());
    text.chars().take(kept).chain(ellipsis.chars()).collect()
}

#[cfg(test)]
mod tests;
