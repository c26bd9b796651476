//! The lines of the demonstration, each with the seconds since its beginning.

use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::super::{
    exit::Failure,
    out,
    palette::{SOON, WELL},
};
use crate::time::{Clock, Timestamp};

/// When it began.
pub(super) struct Timeline {
    clock: Clock,
    began_at: Timestamp,
}

impl Timeline {
    /// It begins now.
    pub(super) fn begin(clock: Clock) -> Self {
        Self { began_at: clock.now(), clock }
    }

    /// How long it has been going on.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.now().since(self.began_at)
    }

    /// Writes a line: what happened, and more about it.
    pub(super) fn line(&self, what: &str, more: &str) -> Result<(), Failure> {
        let style = style(what).bold();
        let line = format!("{:6.1}s  {style}{what:<10}{style:#}  {more}", self.elapsed().as_secs_f64());
        out::line(line.trim_end())
    }
}

fn style(what: &str) -> Style {
    match what {
        "refreshed" | "done" => WELL,
        "outage" | "retrying" => SOON,
        _ => AnsiColor::Cyan.on_default(),
    }
}
