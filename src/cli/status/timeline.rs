//! [`phases`]: how a session was in each part of a day, by its events and those of the daemon.

use std::{collections::BTreeMap, time::Duration};

use crate::{events::Event, kind::Kind, time::Timestamp};

/// Trouble that is over sooner is none: a machine that wakes up needs a moment until it is on the network.
const NOTICED: Duration = Duration::from_secs(2 * 60);
/// How long a daemon may go on after it has begun to stop.
const STOP: Duration = Duration::from_secs(60);
/// How much later than planned a refresh may be told of: its answer takes a while.
const LATE: Duration = Duration::from_secs(2 * 60);

/// How finely a day is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// In 24 parts.
    Hours,
    /// In 48 parts.
    HalfHours,
    /// In 96.
    Quarters,
}

/// How a session was. The later it stands here the more it matters: a part shows the worst that was in it for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Nothing is known.
    Unknown,
    /// The daemon had gone without a word at some moment of this time.
    Lost,
    /// Nobody looked after it.
    Stopped,
    /// The machine slept.
    Asleep,
    /// There was a good token.
    Fresh,
    /// There was one, and it could not be refreshed.
    Due,
    /// There was none that was good, though nobody had signed out.
    Outage,
    /// A sign-in was needed.
    SignedOut,
}

impl Scale {
    /// Of how many parts the day is.
    pub(super) const fn parts(self) -> usize {
        match self {
            Self::Hours => 24,
            Self::HalfHours => 48,
            Self::Quarters => 96,
        }
    }

    /// How long a part is.
    pub(super) const fn part(self) -> Duration {
        Duration::from_secs(match self {
            Self::Hours => 60 * 60,
            Self::HalfHours => 30 * 60,
            Self::Quarters => 15 * 60,
        })
    }

    /// How long a part is, for people.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Hours => "an hour",
            Self::HalfHours => "half an hour",
            Self::Quarters => "a quarter of an hour",
        }
    }

    /// When the first part of the day begins that ends with the part of `now`.
    pub(super) fn beginning(self, now: Timestamp) -> Timestamp {
        let part = i64::try_from(self.part().as_secs()).unwrap_or(i64::MAX);
        let last = Timestamp::from_secs(now.secs().div_euclid(part) * part);
        (1..self.parts()).fold(last, |begins, _| begins.before(self.part()))
    }
}

impl Phase {
    pub(super) const ALL: [Self; 8] = [
        Self::Fresh,
        Self::Due,
        Self::Outage,
        Self::SignedOut,
        Self::Asleep,
        Self::Stopped,
        Self::Lost,
        Self::Unknown,
    ];

    /// Whether it is to be seen where it lasted so long, even if something else lasted longer.
    fn is_noticed(self, lasted: Duration) -> bool {
        match self {
            Self::Unknown | Self::Lost | Self::Stopped | Self::Asleep | Self::Fresh => false,
            Self::Due | Self::Outage => lasted >= NOTICED,
            // Only the user ends it: however short, it is remembered.
            Self::SignedOut => true,
        }
    }
}

/// Each part of the day until `now`. `events` are those of the session and of the daemon, in any order; in `gaps` the
/// daemon had gone.
pub(super) fn phases(events: &[Event], gaps: &[Gap], now: Timestamp, scale: Scale) -> Vec<Phase> {
    let mut spans = spans(events, now);
    for gap in gaps {
        let due = gap.due.max(gap.begins).min(gap.ends);
        lay_over(&mut spans, Span { begins: gap.begins, ends: due, phase: Phase::Lost });
        lay_over(&mut spans, Span { begins: due, ends: gap.ends, phase: Phase::Stopped });
    }
    let mut begins = scale.beginning(now);
    let part = |_| {
        let ends = begins.after(scale.part());
        let phase = summed_up(&spans, begins, ends);
        begins = ends;
        phase
    };
    (0..scale.parts()).map(part).collect()
}

/// A time at whose end the daemon had gone, of which it had told nobody: it was killed, or the power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// When it told something for the last time.
    pub(super) begins: Timestamp,
    /// When it would have told something at the latest.
    due: Timestamp,
    /// When the next one started, or now.
    pub(super) ends: Timestamp,
}

/// When the daemon had gone without a word, by the events of all sessions and its own, which are in the order in which they
/// were written; and whether one `runs` now.
pub(super) fn gaps<'a>(events: impl Iterator<Item = &'a Event>, now: Timestamp, runs: bool) -> Vec<Gap> {
    let mut own = 0;
    let number = |event: &'a Event| {
        own += usize::from(event.session.is_none());
        (own, event)
    };
    let mut events: Vec<(usize, &Event)> = events.filter(|event| !is_early(event)).map(number).collect();
    events.retain(|(_, event)| event.at <= now);
    events.sort_by_key(|(_, event)| order(event));
    let (mut gaps, mut sign, mut before) = (Vec::new(), Sign::default(), 0);
    for (number, event) in events {
        if event.event == Kind::Started.name() {
            // Where another was written before it the clock was set back: what looks like its past is not.
            let gap = std::mem::take(&mut sign).gap(event.at);
            gaps.extend(gap.filter(|_| before + 1 == number));
        }
        if event.session.is_none() {
            before = number;
        }
        sign.take(event);
    }
    if !runs {
        gaps.extend(sign.gap(now));
    }
    gaps
}

/// The last sign of life of a daemon.
#[derive(Default)]
struct Sign {
    at: Option<Timestamp>,
    stopped: Option<Timestamp>,
    /// When each session was to be refreshed. One that is tried again is silent until that goes well.
    planned: BTreeMap<String, Timestamp>,
}

impl Sign {
    fn take(&mut self, event: &Event) {
        self.at = Some(event.at);
        self.stopped = still_stopped(self.stopped, event);
        let Some(session) = &event.session else { return };
        let is_planned =
            [Kind::TakenUp, Kind::Refreshed, Kind::Recovered].map(Kind::name).contains(&&*event.event);
        match event.next_refresh.filter(|_| is_planned) {
            Some(next) => drop(self.planned.insert(session.clone(), next)),
            None if [Kind::RefreshFailing, Kind::SignedOut, Kind::SignInNeeded]
                .map(Kind::name)
                .contains(&&*event.event) =>
            {
                self.planned.remove(session);
            }
            None => {}
        }
    }

    /// What there is between it and the moment at which it is known that the daemon had gone.
    fn gap(self, ends: Timestamp) -> Option<Gap> {
        let begins = self.at.filter(|at| self.stopped.is_none() && *at < ends)?;
        let due = self.planned.into_values().min().map_or(ends, |due| due.after(LATE));
        Some(Gap { begins, due, ends })
    }
}

/// What may be told before it is told that the daemon has started.
fn is_early(event: &Event) -> bool {
    [Kind::ConfigurationDoubtful, Kind::NotWatched].map(Kind::name).contains(&&*event.event)
}

/// When the daemon began to stop that has told `event`, if it did; `stopped` is what was known before.
fn still_stopped(stopped: Option<Timestamp>, event: &Event) -> Option<Timestamp> {
    if event.event == Kind::Stopping.name() {
        return Some(event.at);
    }
    // Whoever tells something runs; but the last exchange may end after the stop has begun, which a sleep may draw out.
    let slept = Duration::from_secs(event.asleep_secs.unwrap_or_default());
    let stopped = stopped.filter(|at| event.at.since(*at) < STOP + slept);
    stopped.filter(|_| event.event != Kind::Started.name()).map(|at| at.after(slept))
}

/// By what events are sorted: of one moment, the end of the daemon is the last.
pub(super) fn order(event: &Event) -> (Timestamp, bool) {
    (event.at, event.event == Kind::Stopping.name())
}

/// A time in which nothing changed.
#[derive(Clone, Copy, Debug)]
struct Span {
    begins: Timestamp,
    ends: Timestamp,
    phase: Phase,
}

/// Trouble that was noticed; else what lasted the longest.
fn summed_up(spans: &[Span], begins: Timestamp, ends: Timestamp) -> Phase {
    let mut lasted = [(Phase::Unknown, Duration::ZERO); Phase::ALL.len()];
    for span in spans {
        let within = span.ends.min(ends).since(span.begins.max(begins));
        let (phase, total) = &mut lasted[span.phase as usize];
        (*phase, *total) = (span.phase, *total + within);
    }
    let seen = || lasted.iter().filter(|(_, total)| !total.is_zero());
    let trouble = seen().filter(|(phase, total)| phase.is_noticed(*total)).max_by_key(|(phase, _)| *phase);
    let longest = || seen().max_by_key(|(phase, total)| (*total, *phase));
    trouble.or_else(longest).map_or(Phase::Unknown, |(phase, _)| *phase)
}

/// What is known of a session at a moment.
#[derive(Default)]
struct Known {
    expires_at: Option<Timestamp>,
    fails: bool,
    signed_out: bool,
    /// When the daemon began to stop.
    stopped: Option<Timestamp>,
}

impl Known {
    fn take(&mut self, event: &Event) {
        let is = |kind: Kind| event.event == kind.name();
        self.stopped = still_stopped(self.stopped, event);
        if is(Kind::Stopping) {
            self.fails = false;
        } else if is(Kind::TakenUp) || is(Kind::Refreshed) {
            (self.expires_at, self.fails, self.signed_out) = (event.expires_at, false, false);
        } else if is(Kind::RefreshFailing) {
            self.fails = true;
        } else if is(Kind::Recovered) {
            self.fails = false;
        } else if is(Kind::SignedOut) || is(Kind::SignInNeeded) {
            (self.expires_at, self.fails, self.signed_out) = (None, false, true);
        }
    }

    /// From `begins` on, until when, and how it was.
    fn phase(&self, begins: Timestamp, ends: Timestamp) -> (Phase, Timestamp) {
        match self.expires_at {
            _ if self.stopped.is_some() => (Phase::Stopped, ends),
            _ if self.signed_out => (Phase::SignedOut, ends),
            Some(expires_at) if begins < expires_at => {
                (if self.fails { Phase::Due } else { Phase::Fresh }, ends.min(expires_at))
            }
            Some(_) => (Phase::Outage, ends),
            None if self.fails => (Phase::Outage, ends),
            None => (Phase::Unknown, ends),
        }
    }
}

fn spans(events: &[Event], now: Timestamp) -> Vec<Span> {
    let mut events: Vec<&Event> = events.iter().filter(|event| event.at <= now).collect();
    events.sort_by_key(|event| order(event));
    let (mut known, mut spans) = (Known::default(), Vec::new());
    let moments = events.iter().map(|event| event.at).skip(1).chain([now]);
    for (event, next) in events.iter().zip(moments) {
        known.take(event);
        let slept = event.asleep_secs.filter(|_| event.event == Kind::Resumed.name());
        if let Some(slept) = slept.map(Duration::from_secs) {
            // Whatever was thought of that time: nobody noticed anything.
            lay_over(
                &mut spans,
                Span { begins: event.at.before(slept), ends: event.at, phase: Phase::Asleep },
            );
        }
        let mut begins = event.at;
        while begins < next {
            let (phase, ends) = known.phase(begins, next);
            spans.push(Span { begins, ends, phase });
            begins = ends;
        }
    }
    spans
}

/// Has `span` take the place of what there was at that time.
fn lay_over(spans: &mut Vec<Span>, span: Span) {
    let mut rest = Vec::new();
    for old in spans.iter_mut().filter(|old| old.begins < span.ends && span.begins < old.ends) {
        if span.ends < old.ends {
            rest.push(Span { begins: span.ends, ..*old });
        }
        old.ends = span.begins.max(old.begins);
    }
    spans.append(&mut rest);
    spans.push(span);
}

#[cfg(test)]
mod tests;
