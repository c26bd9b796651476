//! What is shown of all sessions: in answers whenever somebody asks, in the status line of the service manager once a
//! second at most, however many sessions change.

use std::time::Duration;

use super::{Daemon, report};
use crate::{
    platform::manager,
    session::status::{State, Status},
    time::Timestamp,
};

/// How long a status line stays at least.
const STAYS: Duration = Duration::from_secs(1);

/// The status line.
#[derive(Debug, Default)]
pub(super) struct Shown {
    line: String,
    at: Option<Timestamp>,
    /// It may be another by now.
    differs: bool,
}

impl Shown {
    /// Something happened that it may tell of.
    pub(super) fn differs(&mut self) {
        self.differs = true;
    }

    /// What it says is of the moment before the first file was read: it stays no longer than that.
    pub(super) fn is_preliminary(&mut self) {
        self.at = None;
    }

    /// When it is to be written again; `None` where nothing happened.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.differs.then(|| self.at.map_or(now, |at| at.min(now).after(STAYS)))
    }
}

impl Daemon {
    pub(super) fn statuses(&self) -> Vec<Status> {
        let now = self.clock.now();
        self.sessions.values().map(|session| session.status(now)).collect()
    }

    /// Writes the status line, where it may be another and has been there for long enough.
    pub(super) fn show_status(&mut self) {
        let now = self.clock.now();
        if self.shown.next(now).is_none_or(|at| at > now) {
            return;
        }
        let statuses = self.statuses();
        let well = self.sessions.values().zip(&statuses).filter(|(_, status)| status.state == State::Fresh);
        let next = well.filter_map(|(session, _)| session.next_refresh()).min();
        let (config_error, endpoint_error) = (self.config_error.as_deref(), self.endpoint.trouble());
        let line = report::line(&statuses, next, config_error, endpoint_error);
        if line != self.shown.line {
            manager::status(&line);
        }
        self.shown = Shown { line, at: Some(now), differs: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_for_a_second_unless_it_is_preliminary_or_the_clock_is_set_back() {
        let at = Timestamp::from_secs;
        let mut shown = Shown { at: Some(at(1000)), ..Shown::default() };
        assert_eq!(shown.next(at(1000)), None, "nothing happened");
        shown.differs();
        assert_eq!(shown.next(at(1000)), Some(at(1001)));
        assert_eq!(shown.next(at(10)), Some(at(11)));
        shown.is_preliminary();
        assert_eq!(shown.next(at(1000)), Some(at(1000)));
    }
}
