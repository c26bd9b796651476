//! [`Metrics`]: what happened since the start, counted; [`Metrics::text`] is all of it and how the sessions are doing, as
//! [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/) text.
//!
//! Counting is an addition. Nothing else is done before somebody asks, and what was written for them is forgotten. A
//! session is known by its name; accounts, roles, profiles, keys and tokens are in none of it.

mod exchanges;
mod page;
mod requests;
mod scrape;
mod tally;
mod words;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    metrics::histogram::Histogram,
    registry::Registry,
};

use self::{
    exchanges::Exchanges,
    requests::Requests,
    scrape::{Process, Scrape},
    tally::Tally,
};
pub use self::{
    scrape::Moment,
    words::{Cause, Fetched, HookEnd, Listener, Loaded},
};
use crate::{session::event::Outcome, time::Timestamp};

/// What the names begin with.
const PREFIX: &str = "sso_refresh";
/// What the text is called over HTTP.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How late an exchange begins, in seconds: at once, in the queue of a thousand others, after a short outage, or asleep.
const LATENESS: [f64; 11] = [0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0];

/// What happened since the start. To be shared.
#[derive(Debug)]
pub struct Metrics {
    requests: Requests,
    connections: [Connections; 2],
    wakes: Tally<Cause>,
    fetches: Tally<Fetched>,
    hooks: Tally<HookEnd>,
    reloads: Tally<Loaded>,
    lateness: Histogram,
    exchanges: Mutex<Exchanges>,
}

/// Those of one listener.
#[derive(Debug, Default)]
struct Connections {
    /// One for each that is open.
    open: Arc<()>,
    accepted: tally::Count,
    /// Of another user, or gone before its turn.
    refused: tally::Count,
    /// Had nothing to say, and gave way to a new one.
    displaced: tally::Count,
}

/// A connection that is open until this is dropped.
#[derive(Debug)]
pub struct Open(#[expect(dead_code, reason = "it is there")] Arc<()>);

impl Metrics {
    /// Nothing has happened. Requests are counted by `routes`.
    pub fn new(routes: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            requests: Requests::new(routes),
            connections: Default::default(),
            wakes: Tally::default(),
            fetches: Tally::default(),
            hooks: Tally::default(),
            reloads: Tally::default(),
            lateness: Histogram::new(LATENESS),
            exchanges: Mutex::default(),
        }
    }

    /// A request was answered with the HTTP status `status`; `route` is its place among the routes, where it has one.
    pub fn answered(&self, listener: Listener, route: Option<usize>, status: u16) {
        self.requests.add(listener, route, status);
    }

    /// A connection is open for as long as what this returns is there.
    pub fn connected(&self, listener: Listener) -> Open {
        let connections = self.at(listener);
        connections.accepted.add();
        Open(Arc::clone(&connections.open))
    }

    /// A connection was not taken up, since it is another user's or has gone before its turn.
    pub fn refused(&self, listener: Listener) {
        self.at(listener).refused.add();
    }

    /// A connection is closed in favour of a new one.
    pub fn displaced(&self, listener: Listener) {
        self.at(listener).displaced.add();
    }

    /// The loop was woken.
    pub fn woken(&self, cause: Cause) {
        self.wakes.add(cause);
    }

    /// A fetch of role credentials has ended.
    pub fn fetched(&self, how: Fetched) {
        self.fetches.add(how);
    }

    /// A hook has ended, or was not run.
    pub fn hook_ended(&self, how: HookEnd) {
        self.hooks.add(how);
    }

    /// The configuration was loaded again.
    pub fn loaded(&self, how: Loaded) {
        self.reloads.add(how);
    }

    /// There is a session of that name from now on, of which nothing is counted yet.
    pub fn begin(&self, session: &str) {
        self.exchanges().begin(session);
    }

    /// Nothing is told of that session any more.
    pub fn forget(&self, session: &str) {
        self.exchanges().forget(session);
    }

    /// An exchange begins at `now` that was to begin at `planned`.
    pub fn exchange_begins(&self, planned: Timestamp, now: Timestamp) {
        self.lateness.observe(now.since(planned).as_secs_f64());
    }

    /// An exchange of `session` has ended. One of a session that is no more is not counted.
    pub fn exchanged(&self, session: &str, outcome: &Outcome) {
        self.exchanges().add(session, outcome);
    }

    /// All of it, with how things are at this `moment`.
    pub fn text(self: &Arc<Self>, moment: Moment) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process { started_at: moment.started_at }));
        let metrics = Arc::clone(self);
        let scrape = Box::new(Scrape { metrics, moment });
        registry.sub_registry_with_prefix(PREFIX).register_collector(scrape);
        let mut text = String::new();
        // A text takes whatever is written into it.
        let _ = encode_registry(&mut text, &registry).and_then(|()| encode_eof(&mut text));
        text
    }

    fn at(&self, listener: Listener) -> &Connections {
        &self.connections[listener as usize]
    }

    fn exchanges(&self) -> MutexGuard<'_, Exchanges> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    fn open(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }
}

#[cfg(test)]
mod tests;
