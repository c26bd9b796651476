//! `status --history`: the last day of each session as people see it at once, or all that is kept of it as JSON.

use std::{fmt::Write, iter};

use anstyle::Style;
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::{
    timeline::{Gap, Phase, Scale, gaps, order, phases},
    trouble_line,
};
use crate::{
    api::{VERSION, client},
    cli::{
        context::{Context, block_on},
        exit::{self, Failure},
        login::screen::is_utf8,
        out,
        palette::{FAINT, SOON, WELL, WRONG},
        table::readable_width,
        wrap::{cut, painted, wrapped},
    },
    config,
    events::{Event, history},
    kind::Kind,
    time::{
        Timestamp,
        zone::{Local, Zone},
    },
};

/// As much of a session's name is shown at least, in columns.
const NAME_MIN: usize = 8;
/// How many happenings are told below the timeline.
const TOLD: usize = 8;
/// Every so many parts of the day have a label.
const LABELLED: i64 = 8;
/// Where what happened begins: behind `Mon 16:10`.
const INDENT: usize = 11;
/// Where the meaning of a sign begins: behind it and its word.
const MEANING: usize = 17;

/// What is said where there is nothing to draw.
const UNKNOWN: &str = "nothing is known of them: the daemon keeps the history while it runs";

/// As JSON.
#[derive(Serialize)]
struct Printed {
    version: u32,
    events: Vec<Event>,
}

/// A session and all that is known of its past.
struct Past {
    session: String,
    events: Vec<Event>,
}

/// What the day is drawn of.
struct Day {
    now: Timestamp,
    zone: Zone,
    /// The daemon's own events.
    own: Vec<Event>,
    pasts: Vec<Past>,
    /// When the daemon had gone without a word.
    gaps: Vec<Gap>,
    /// Why the daemon can't be asked: it does not run, say.
    trouble: Option<client::Error>,
}

/// What it is drawn on.
#[derive(Clone, Copy)]
struct Paper {
    width: usize,
    utf8: bool,
}

pub(super) fn run(given: Option<&str>, json: bool, context: &Context) -> Result<u8, Failure> {
    let settings = context.settings()?;
    let given = given.map(|name| context.session(Some(name))).transpose()?;
    if settings.sessions.is_empty() {
        return Err(config::no_session(settings).into());
    }
    // Before the history is read: what is told by then is in it.
    let answer = if json { None } else { Some(block_on(async { Ok(context.client().status().await) })?) };
    let read = |session: Option<&str>| {
        history::read(&context.paths.state, session).map_err(|error| {
            let folder = context.paths.show(&context.paths.state.join("history"));
            Failure::new(exit::FAILED, format!("can't read the history in {folder}: {error}; move it away"))
        })
    };
    let mut own = read(None)?;
    let mut pasts = Vec::new();
    for session in settings.sessions.keys() {
        pasts.push(Past { session: session.clone(), events: read(Some(session))? });
    }
    let is_meant = |past: &Past| given.is_none_or(|given| given.name == past.session);
    let Some(answer) = answer else {
        pasts.retain(is_meant);
        let mut events: Vec<Event> =
            own.into_iter().chain(pasts.into_iter().flat_map(|past| past.events)).collect();
        events.sort_by_key(order);
        out::json(&Printed { version: VERSION, events })?;
        return Ok(exit::DONE);
    };
    let now = context.clock.now();
    let trouble = match answer {
        Ok(report) => {
            own.extend(unwritten_start(&own, report.daemon.started_at));
            None
        }
        Err(error) => Some(error),
    };
    let all = own.iter().chain(pasts.iter().flat_map(|past| &past.events));
    let gaps = gaps(all, now, !matches!(trouble, Some(client::Error::NotRunning)));
    pasts.retain(is_meant);
    let day = Day { now, zone: Zone::find(context.env.get("TZ")), own, pasts, gaps, trouble };
    out::text(&day.drawn(Paper { width: readable_width(), utf8: is_utf8(&context.env) }))?;
    Ok(exit::DONE)
}

/// Of a daemon that runs and whose start is not in the history: the disk may have been full.
fn unwritten_start(own: &[Event], started_at: Timestamp) -> Option<Event> {
    let is_it = |event: &Event| event.event == Kind::Started.name() && event.at >= started_at;
    (!own.iter().any(is_it)).then(|| Event::new(Kind::Started.name(), started_at, "the daemon has started"))
}

impl Day {
    fn drawn(&self, paper: Paper) -> String {
        let Paper { width, utf8 } = paper;
        let names: Vec<String> = self.pasts.iter().map(|past| config::line(&past.session)).collect();
        let longest = names.iter().map(|name| name.width()).max().unwrap_or_default();
        let has_room = |scale: &Scale, name: usize| name + 2 + scale.parts() <= width;
        let scale = match Scale::Quarters {
            quarters if has_room(&quarters, longest) => quarters,
            _ if has_room(&Scale::HalfHours, longest.min(NAME_MIN)) => Scale::HalfHours,
            _ => Scale::Hours,
        };
        let column = longest.min(width.saturating_sub(scale.parts() + 2).max(NAME_MIN));
        let mut text = format!("{:column$}  {}\n", "", self.ruler(scale));
        let mut seen = Vec::new();
        for (past, name) in self.pasts.iter().zip(&names) {
            let name = cut(name, column, paper.ellipsis());
            let phases = phases(&[&self.own[..], &past.events].concat(), &self.gaps, self.now, scale);
            let rest = column - name.width();
            let row = format!("{name}{:rest$}  {}", "", row(&phases, utf8));
            let _ = writeln!(text, "{}", row.trim_end());
            seen.extend(phases);
        }
        let clock = format!("{}, {}", self.zone.local(self.now).hour_and_minute(), self.zone.name(self.now));
        let part = scale.words();
        let about = format!("the last 24 hours, until now ({clock}), {part} a character:");
        let _ = writeln!(text, "\n{}", wrapped(&about, width).join("\n"));
        for phase in Phase::ALL.into_iter().filter(|phase| *phase != Phase::Unknown && seen.contains(phase)) {
            let (style, (word, meaning)) = (style(phase), meaning(phase));
            let mut begins = format!("  {style}{}{style:#} {word:11}  ", sign(phase, utf8));
            for line in wrapped(meaning, width.saturating_sub(MEANING)) {
                let _ = writeln!(text, "{begins}{line}");
                begins = " ".repeat(MEANING);
            }
        }
        if seen.iter().all(|phase| *phase == Phase::Unknown) {
            for line in wrapped(UNKNOWN, width.saturating_sub(2)) {
                let _ = writeln!(text, "  {line}");
            }
        }
        let told = self.told();
        if !told.is_empty() {
            text.push('\n');
        }
        for (at, said) in told {
            let mut when = format!("{} {}", at.day(), at.hour_and_minute());
            for line in wrapped(&said, width.saturating_sub(INDENT)) {
                let _ = writeln!(text, "{:INDENT$}{line}", std::mem::take(&mut when));
            }
        }
        if let Some(trouble) = &self.trouble {
            text.push('\n');
            text.push_str(&painted(&trouble_line(trouble), WRONG, width));
        }
        text
    }

    /// The hours above the parts that begin with them, the day where one begins, and where now is.
    fn ruler(&self, scale: Scale) -> String {
        const NOW: &str = "now";
        let secs = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let every = LABELLED * secs(scale.part());
        let (mut ruler, mut at) = (String::new(), scale.beginning(self.now));
        for part in 0..scale.parts() {
            let local = self.zone.local(at);
            // Not every zone is a whole number of parts from UTC, and a summer may begin in a part.
            let labelled = local.secs() + every - 1 - (local.secs() - 1).rem_euclid(every);
            at = at.after(scale.part());
            if labelled >= self.zone.local(at).secs() {
                continue;
            }
            let label = match Local::at(labelled) {
                midnight if labelled.rem_euclid(24 * 3600) == 0 => midnight.day().to_owned(),
                hour => hour.hour_and_minute(),
            };
            if ruler.len() <= part && part + label.len() + NOW.len() < scale.parts() {
                let _ = write!(ruler, "{:part$}{label}", "", part = part - ruler.len());
            }
        }
        format!("{ruler}{NOW:>rest$}", rest = scale.parts().saturating_sub(ruler.len()))
    }

    /// The last that happened beside refreshes.
    fn told(&self) -> Vec<(Local, String)> {
        let usual = [Kind::Refreshed, Kind::TakenUp, Kind::Listening, Kind::Configured].map(Kind::name);
        let begins = Scale::HalfHours.beginning(self.now);
        let events = self.own.iter().chain(self.pasts.iter().flat_map(|past| &past.events));
        let events = events.filter(|event| !usual.contains(&&*event.event));
        let gap = |gap: &Gap| {
            let last = self.zone.local(gap.begins).hour_and_minute();
            (gap.ends, format!("the daemon was killed or crashed, some time after {last}"))
        };
        // At the end of a gap the next one has started, which is told after it.
        let mut told: Vec<(Timestamp, String)> = self.gaps.iter().map(gap).collect();
        told.extend(events.map(|event| (event.at, config::line(&event.message))));
        told.extend(self.pasts.iter().flat_map(Past::sign_ins));
        told.retain(|(at, _)| begins <= *at && *at <= self.now);
        told.sort_by_key(|(at, _)| *at);
        let last = told.split_off(told.len().saturating_sub(TOLD));
        last.into_iter().map(|(at, said)| (self.zone.local(at), said)).collect()
    }
}

impl Past {
    /// A token that was taken up after one was missing.
    fn sign_ins(&self) -> impl Iterator<Item = (Timestamp, String)> {
        let mut events: Vec<&Event> = self.events.iter().collect();
        events.sort_by_key(|event| order(event));
        let mut missing = false;
        let ended = move |event: &&Event| {
            let is = |kind: Kind| event.event == kind.name();
            let was_missing = missing;
            missing = is(Kind::SignedOut) || is(Kind::SignInNeeded) || missing && !is(Kind::TakenUp);
            was_missing && !missing
        };
        let said = iter::repeat_with(|| format!("{}: signed in", config::line(&self.session)));
        events.into_iter().filter(ended).map(|event| event.at).zip(said)
    }
}

impl Paper {
    fn ellipsis(self) -> &'static str {
        if self.utf8 { "…" } else { "..." }
    }
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
        (Phase::Due, true) => '▄',
        (Phase::Due, false) => '~',
        (Phase::Outage, true) => '×',
        (Phase::Outage, false) => 'x',
        (Phase::SignedOut, true) => '○',
        (Phase::SignedOut, false) => 'o',
        (Phase::Asleep, _) => 'z',
        (Phase::Stopped, true) => '·',
        (Phase::Stopped, false) => '.',
        (Phase::Lost, _) => '?',
    }
}

fn style(phase: Phase) -> Style {
    match phase {
        Phase::Unknown => Style::new(),
        Phase::Fresh => WELL,
        Phase::Due => SOON,
        Phase::Outage | Phase::SignedOut => WRONG,
        Phase::Asleep | Phase::Stopped | Phase::Lost => FAINT,
    }
}

/// In a word, and for who wants to know.
fn meaning(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Unknown => ("unknown", "nothing is known"),
        Phase::Fresh => ("fresh", "programs had a good token"),
        Phase::Due => ("due", "it could not be refreshed for a while, and was still good"),
        Phase::Outage => ("outage", "the token had expired"),
        Phase::SignedOut => ("signed out", "only a sign-in could help"),
        Phase::Asleep => ("asleep", "the machine slept"),
        Phase::Stopped => ("not running", "the daemon did not run"),
        Phase::Lost => ("not known", "the daemon was killed or crashed at some moment of this"),
    }
}

#[cfg(test)]
mod tests;
