//! [`Scrape`]: what is written when somebody asks.

use std::{fmt, sync::Arc};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, registry::Unit};

use super::{
    Connections, Metrics,
    page::Page,
    words::{Listener, Word},
};
use crate::{
    session::status::{State, Status},
    time::Timestamp,
};

const STATES: [State; 5] =
    [State::Fresh, State::Refreshing, State::Backoff, State::LoginRequired, State::SignedOut];
const SECONDS: Option<&Unit> = Some(&Unit::Seconds);

/// How things are.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When.
    pub now: Timestamp,
    /// When the program started.
    pub started_at: Timestamp,
    /// Its version.
    pub version: String,
    /// Whether the configuration on disk is in force.
    pub configured: bool,
    /// How many seconds the clock is ahead of that of AWS, where that is more than a minute.
    pub clock_ahead_secs: i64,
    /// The sessions.
    pub sessions: Vec<Status>,
}

/// What is told of any process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) started_at: Timestamp,
}

/// What is told of this one.
#[derive(Debug)]
pub(super) struct Scrape {
    pub(super) metrics: Arc<Metrics>,
    pub(super) moment: Moment,
}

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let help = "When the daemon started";
        Page::new(encoder).value("process_start_time", help, SECONDS, seconds(self.started_at))
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut page = Page::new(encoder);
        self.daemon(&mut page)?;
        self.sessions(&mut page)?;
        self.moments(&mut page)?;
        self.exchanges(&mut page)?;
        self.api(&mut page)?;
        self.work(&mut page)
    }
}

impl Scrape {
    fn daemon(&self, page: &mut Page<'_>) -> fmt::Result {
        let Moment { version, configured, clock_ahead_secs, .. } = &self.moment;
        page.info("build", "The daemon's version", ("version", version))?;
        page.value(
            "config_last_reload_successful",
            "Whether the configuration on disk is in force",
            None,
            flag(*configured),
        )?;
        // Far from where a whole number is no more one.
        #[expect(clippy::cast_precision_loss, reason = "seconds between two clocks")]
        let ahead = *clock_ahead_secs as f64;
        page.value(
            "clock_ahead",
            "How far the clock is ahead of that of AWS, below zero behind; 0 within a minute",
            SECONDS,
            ahead,
        )
    }

    fn sessions(&self, page: &mut Page<'_>) -> fmt::Result {
        let sessions = || self.moment.sessions.iter();
        page.gauge(
            "session_state",
            "1 for the state that the session is in",
            None,
            ["session", "state"],
            sessions().flat_map(|status| {
                STATES
                    .iter()
                    .map(|state| ([status.session.as_str(), state.word()], flag(*state == status.state)))
            }),
        )?;
        page.gauge(
            "session_usable",
            "Whether programs have a good token of the session now",
            None,
            ["session"],
            sessions().map(|status| ([status.session.as_str()], flag(status.usable))),
        )?;
        page.gauge(
            "token_left",
            "How long the access token is good for, below zero since when it is not",
            SECONDS,
            ["session"],
            sessions().filter_map(|status| {
                let left = status.expires_at?.millis() - self.moment.now.millis();
                Some(([status.session.as_str()], of_millis(left)))
            }),
        )
    }

    fn moments(&self, page: &mut Page<'_>) -> fmt::Result {
        let mut each = |name, help, at: fn(&Status) -> Option<Timestamp>| {
            let moments = self.moment.sessions.iter();
            let moments =
                moments.filter_map(|status| Some(([status.session.as_str()], seconds(at(status)?))));
            page.gauge(name, help, SECONDS, ["session"], moments)
        };
        each("token_expiry_timestamp", "When the access token ends", |status| status.expires_at)?;
        each(
            "session_end_timestamp",
            "When the sign-in likely ends, where that was configured or learned",
            |status| status.session_ends_at,
        )?;
        each("registration_expiry_timestamp", "When the client registration ends", |status| {
            status.registration_expires_at
        })?;
        each("last_refresh_timestamp", "When the token was last refreshed by this daemon", |status| {
            status.refreshed_at
        })?;
        each("next_attempt_timestamp", "When the session acts next", |status| {
            status.next.as_ref().map(|next| next.at)
        })
    }

    fn exchanges(&self, page: &mut Page<'_>) -> fmt::Result {
        let exchanges = self.metrics.exchanges();
        page.counter(
            "exchanges",
            "Exchanges that ended; so does each attempt to write a token that could not be written",
            ["session", "result"],
            exchanges.each(),
        )?;
        page.counter(
            "exchange_errors",
            "Exchanges that were refused or failed, by the reason",
            ["session", "reason"],
            exchanges.errors(),
        )?;
        page.histogram(
            "exchange_lateness",
            "How long after its planned moment an exchange began",
            &self.metrics.lateness,
        )
    }

    fn api(&self, page: &mut Page<'_>) -> fmt::Result {
        page.counter(
            "http_requests",
            "Requests that were answered",
            ["route", "listener", "status"],
            self.metrics.requests.each(),
        )?;
        let listeners =
            || Listener::ALL.iter().map(|listener| ([listener.word()], self.metrics.at(*listener)));
        // There are never so many.
        #[expect(clippy::cast_precision_loss, reason = "some dozens")]
        let open = listeners().map(|(labels, connections)| (labels, connections.open() as f64));
        page.gauge("connections", "Connections that are open", None, ["listener"], open)?;
        let mut each = |name, help, count: fn(&Connections) -> u64| {
            let counts = listeners().map(|(labels, connections)| (labels, count(connections)));
            page.counter(name, help, ["listener"], counts)
        };
        each("connections_accepted", "Connections that were accepted", |of| of.accepted.get())?;
        each(
            "connections_refused",
            "Connections of another user, and those that had gone before their turn",
            |of| of.refused.get(),
        )?;
        each("connections_displaced", "Idle connections that were closed in favour of new ones", |of| {
            of.displaced.get()
        })
    }

    fn work(&self, page: &mut Page<'_>) -> fmt::Result {
        let Metrics { wakes, fetches, hooks, reloads, .. } = &*self.metrics;
        let one = |(word, count)| ([word], count);
        page.counter("wakes", "What woke the main loop", ["cause"], wakes.each().map(one))?;
        page.counter(
            "credential_fetches",
            "Fetches of role credentials that ended",
            ["result"],
            fetches.each().map(one),
        )?;
        page.counter("hook_runs", "Hooks that ended, or were not run", ["result"], hooks.each().map(one))?;
        page.counter(
            "reloads",
            "Times that the configuration was loaded again",
            ["result"],
            reloads.each().map(one),
        )
    }
}

fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

/// Seconds since 1970, with their fraction.
fn seconds(at: Timestamp) -> f64 {
    of_millis(at.millis())
}

#[expect(clippy::cast_precision_loss, reason = "exact for 200,000 years")]
fn of_millis(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
