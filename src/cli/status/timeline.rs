//! [`phases`]: how a session was in each half hour of a day, by its events and those of the daemon.

use std::time::Duration;

use crate::{events::Event, kind::Kind, time::Timestamp};

/// How long a part of the day is.
pub(super) const PART: Duration = Duration::from_secs(30 * 60);
/// Trouble that is over sooner is none: a machine that wakes up needs a moment until it is on the network.
const NOTICED: Duration = Duration::from_secs(2 * 60);
/// How long a daemon may go on after it has begun to stop.
const STOP: Duration = Duration::from_secs(60);
/// Of how many parts the day is.
pub(super) const PARTS: usize = 48;

/// How a session was. The later it stands here the more it matters: a part shows the worst that was in it for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Nothing is known.
    Unknown,
    /// Nobody looked after it.
    Stopped,
    /// The machine slept.
    Asleep,
    /// There was a good token.
    Fresh,
    /// There was one, and it could not be refreshed.
    Retried,
    /// There was none that was good, though nobody had signed out.
    Expired,
    /// A sign-in was needed.
    SignedOut,
}

impl Phase {
    pub(super) const ALL: [Self; 7] = [
        Self::Fresh,
        Self::Retried,
        Self::Expired,
        Self::SignedOut,
        Self::Asleep,
        Self::Stopped,
        Self::Unknown,
    ];

    /// Whether it is to be seen where it lasted so long, even if something else lasted longer.
    fn is_noticed(self, lasted: Duration) -> bool {
        match self {
            Self::Unknown | Self::Stopped | Self::Asleep | Self::Fresh => false,
            Self::Retried | Self::Expired => lasted >= NOTICED,
            // Only the user ends it: however short, it is remembered.
            Self::SignedOut => true,
        }
    }
}

/// When the first part of the day begins that ends with the half hour of `now`.
pub(super) fn beginning(now: Timestamp) -> Timestamp {
    let part = i64::try_from(PART.as_secs()).unwrap_or(i64::MAX);
    let last = Timestamp::from_secs(now.secs().div_euclid(part) * part);
    (1..PARTS).fold(last, |begins, _| begins.before(PART))
}

/// Each part of the day until `now`. `events` are those of the session and of the daemon, in any order.
pub(super) fn phases(events: &[Event], now: Timestamp) -> [Phase; PARTS] {
    let spans = spans(events, now);
    let mut begins = beginning(now);
    std::array::from_fn(|_| {
        let ends = begins.after(PART);
        let phase = summed_up(&spans, begins, ends);
        begins = ends;
        phase
    })
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
        // Whoever tells something runs; but the last exchange may end after the stop has begun.
        let stopped = self.stopped.filter(|at| event.at.since(*at) < STOP);
        self.stopped = stopped.filter(|_| !is(Kind::Started));
        if is(Kind::Stopping) {
            self.stopped = Some(event.at);
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
                (if self.fails { Phase::Retried } else { Phase::Fresh }, ends.min(expires_at))
            }
            Some(_) => (Phase::Expired, ends),
            None if self.fails => (Phase::Expired, ends),
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
            lay_over(&mut spans, event.at.before(slept), event.at);
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

/// Whatever was thought of that time: the machine slept, and nobody noticed anything.
fn lay_over(spans: &mut Vec<Span>, begins: Timestamp, ends: Timestamp) {
    for span in spans.iter_mut() {
        span.ends = span.ends.min(begins.max(span.begins));
    }
    spans.push(Span { begins, ends, phase: Phase::Asleep });
}

#[cfg(test)]
mod tests;
