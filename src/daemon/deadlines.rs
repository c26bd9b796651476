//! When the daemon must look at something again, and at what.

use std::time::Duration;

use super::Daemon;
use crate::{
    session::event::{Event, Wake},
    time::Timestamp,
};

/// How often all files are looked at where the system tells of no change.
pub(super) const POLL: Duration = Duration::from_secs(60);

impl Daemon {
    /// When the loop must turn again.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let own = [self.agenda.next(), self.pace.next(now), self.files.next(), self.shown.next(now)];
        let others = [
            self.desk.next(now),
            self.endpoint.next(),
            self.hope.next(now),
            self.heartbeat.next(),
            self.reload_at,
            self.poll_at,
        ];
        own.into_iter().chain(others).flatten().min()
    }

    /// Does what is due.
    pub(super) fn due(&mut self) {
        let now = self.clock.now();
        if self.reload_at.is_some_and(|at| at <= now) {
            self.reload_changed();
        }
        self.endpoint.due(now);
        if self.poll_at.is_some_and(|at| at <= now) {
            self.poll_at = Some(now.after(POLL));
            self.files_differ = true;
            self.files.all_changed(now);
            self.reload_changed();
        }
        if self.hope.tell(now) {
            self.wake_all(Wake::Network);
        }
        for name in self.files.due(now) {
            self.handle(&name, Event::FileChanged);
        }
        for name in self.agenda.due(now) {
            self.handle(&name, Event::Woken(Wake::Deadline));
        }
    }

    /// Makes every session look again, at its file and at the time.
    pub(super) fn wake_all(&mut self, wake: Wake) {
        tracing::debug!("looks at every session again: {wake:?}");
        let now = self.clock.now();
        self.heartbeat.clock_set();
        self.files.all_changed(now);
        self.files.clamp(now);
        self.hope.clamp(now);
        self.reload_at = self.reload_at.map(|at| at.min(now));
        self.poll_at = self.poll_at.map(|at| at.min(now.after(POLL)));
        self.desk.hope(None, now);
        self.endpoint.hope(now);
        self.notify.hope();
        let names: Vec<String> = self.sessions.keys().cloned().collect();
        for name in names {
            self.handle(&name, Event::Woken(wake));
        }
    }
}
