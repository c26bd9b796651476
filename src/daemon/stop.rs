//! The end: what is under way is finished first, since a token that is good for one use is lost with its answer.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Daemon, Results,
    wake::{Wakes, Woken},
};
use crate::{
    kind::{Kind, told},
    platform::Fired,
    time::words,
};

/// How long a stop waits for exchanges in flight to be written: longer than an answer may take to come.
pub(super) const STOP_PATIENCE: Duration = Duration::from_secs(35);

/// How long it waits for the last events to be in the history, and for the desktop to take away what is shown there.
pub(super) const LAST_EVENTS: Duration = Duration::from_secs(2);

impl Daemon {
    /// Begins nothing any more, and says so.
    pub(super) fn will_stop(&mut self) {
        self.stopping = true;
        self.give_up_the_queue();
        self.effects.news.end_hooks();
        self.notify.close();
        let line = self.under_way().map_or_else(
            || "stopping".to_owned(),
            |sessions| {
                format!(
                    "stopping as soon as the exchange of {sessions} is on disk, in {} at the latest; another signal \
                     ends it at once",
                    words(STOP_PATIENCE)
                )
            },
        );
        told!(info, Kind::Stopping, "{line}");
        self.effects.news.publish_of(Kind::Stopping, line);
    }

    /// Waits until what was begun is on disk, or for the next signal. What has not begun never will.
    pub(super) async fn finish(&mut self, wakes: &mut Wakes, done: &mut Results) {
        let mut last = self.clock.now().after(STOP_PATIENCE);
        loop {
            self.heartbeat.turn(self.clock.now());
            let wake = self.heartbeat.next().map_or(last, |at| at.min(last));
            tokio::select! {
                biased;
                Some(done) = done.recv() => self.done(done),
                idle = self.effects.exchange_ended() => {
                    if idle {
                        return;
                    }
                }
                woken = wakes.next(Some(wake)) => match woken {
                    Ok(Woken::Timer(Fired::Deadline)) if self.clock.now() < last => {}
                    // Who waits for an answer does so by a clock that nobody sets.
                    Ok(Woken::Timer(fired @ (Fired::ClockStep | Fired::Resume))) => {
                        if matches!(fired, Fired::Resume) {
                            // Who reads the history is to know why the stop took so long.
                            self.has_resumed();
                        }
                        self.heartbeat.clock_set();
                        last = self.clock.now().after(STOP_PATIENCE);
                    }
                    Ok(Woken::Timer(Fired::Deadline) | Woken::Stop) | Err(_) => {
                        if let Some(sessions) = self.under_way() {
                            told!(warn, Kind::CutOff, "stopping in the midst of an exchange of {sessions}");
                        }
                        return;
                    }
                    Ok(_) => {}
                },
            }
        }
    }

    /// Waits until the history has the last events, if its disk answers, and the screen is clear, if the desktop does.
    pub(super) async fn write_down(&mut self, done: &mut Results) {
        let written = async {
            let mut is_clear = false;
            while !(is_clear && self.effects.news.is_recorded()) {
                tokio::select! {
                    // What became of the last notification comes before the end of who has told it.
                    biased;
                    Some(ended) = done.recv() => self.done(ended),
                    () = self.notify.closed(), if !is_clear => is_clear = true,
                    else => break,
                }
            }
        };
        let is_late = tokio::time::timeout(LAST_EVENTS, written).await.is_err();
        if is_late && !self.effects.news.is_recorded() {
            told!(warn, Kind::StateTrouble, "the history lacks the last events: its disk does not answer");
        }
    }

    /// Whoever waits for an exchange that will not begin any more is told.
    fn give_up_the_queue(&mut self) {
        self.pace.withdraw_all();
        self.desk.close();
        let under_way: BTreeSet<&str> = self.effects.under_way().collect();
        self.waiters.keep(|session| under_way.contains(session));
    }

    /// The sessions whose exchanges are under way.
    fn under_way(&mut self) -> Option<String> {
        let names: Vec<&str> = self.effects.under_way().collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}
