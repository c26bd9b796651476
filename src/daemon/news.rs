//! [`News`]: how programs hear of what is told.

use std::time::Duration;

use super::{
    Daemon,
    hooks::Hooks,
    recorder::{Recorder, Written},
    report,
};
use crate::{
    config::{Settings, line},
    events::{
        Event,
        bus::{Bus, Subscription},
    },
    kind::{Kind, told},
    platform::slept,
    session::event::Notice,
    time::{Clock, Timestamp, words},
};

/// A sleep below this is none.
const NEWS: Duration = Duration::from_secs(1);

/// Whoever is told of events.
#[derive(Debug)]
pub(super) struct News {
    clock: Clock,
    bus: Bus,
    hooks: Hooks,
    recorder: Recorder,
    /// How long the machine had slept when that was last looked at.
    slept: Duration,
}

impl News {
    /// For nobody yet but `hooks` and the `recorder`. Events are of the time of `clock`.
    pub(super) fn new(clock: Clock, hooks: Hooks, recorder: Recorder) -> Self {
        Self { clock, bus: Bus::default(), hooks, recorder, slept: slept().unwrap_or_default() }
    }

    /// The events from now on.
    pub(super) fn subscribe(&mut self) -> Subscription {
        self.bus.subscribe()
    }

    /// Tells people and programs what `session` has to tell, which will next try to refresh at `next`.
    pub(super) fn tell(&mut self, session: &str, notice: &Notice, next: Option<Timestamp>) {
        let event = report::tell(session, notice, next, self.clock.now());
        self.publish(event);
    }

    /// Tells programs what people were told in `line`.
    pub(super) fn publish_of(&mut self, kind: Kind, line: String) {
        self.publish(Event::new(kind.name(), self.clock.now(), line));
    }

    /// Tells programs.
    pub(super) fn publish(&mut self, event: Event) {
        if let Err(error) = self.recorder.take(&event) {
            has_gaps(&error);
        }
        self.hooks.take(&event);
        self.bus.publish(event);
    }

    /// Goes by these settings from now on.
    pub(super) fn set(&mut self, settings: &Settings) {
        self.hooks.set(&settings.hooks);
        self.recorder.set_sessions(settings.sessions.keys().cloned().collect());
    }

    /// Something was written to the history, or not.
    pub(super) fn recorded(&mut self, written: Written) {
        if let Some(error) = self.recorder.ended(written) {
            has_gaps(&error);
        }
    }

    /// Whether the history is up to date.
    pub(super) fn is_recorded(&self) -> bool {
        self.recorder.is_idle()
    }

    /// A hook has ended.
    pub(super) fn hook_ended(&mut self) {
        self.hooks.ended();
    }

    /// Runs no hook any more.
    pub(super) fn end_hooks(&mut self) {
        self.hooks.close();
    }
}

fn has_gaps(why: &str) {
    told!(warn, Kind::StateTrouble, "the history has gaps, since it can't be written: {}", line(why));
}

impl Daemon {
    /// The first that is told.
    pub(super) fn has_started(&mut self) {
        let line = format!(
            "sso-refresh {} has started: {}; programs ask at {}",
            env!("CARGO_PKG_VERSION"),
            report::names(self.sessions.keys()),
            self.paths.socket.display()
        );
        told!(info, Kind::Started, "{line}");
        self.effects.news.publish_of(Kind::Started, line);
    }

    /// The machine is awake again, or its clock was set by so little that this is no news.
    pub(super) fn has_resumed(&mut self) {
        let News { clock, slept: before, .. } = &mut self.effects.news;
        let Ok(now) = slept() else { return };
        let asleep = now.saturating_sub(std::mem::replace(before, now));
        if asleep < NEWS {
            return;
        }
        let line = format!("the machine was asleep for {}", words(asleep));
        told!(info, Kind::Resumed, "{line}");
        let event = Event::new(Kind::Resumed.name(), clock.now(), line);
        self.effects.news.publish(Event { asleep_secs: Some(asleep.as_secs()), ..event });
    }

    /// Tells programs what was told of the endpoint.
    pub(super) fn pass_on_news(&mut self) {
        for (kind, line) in self.endpoint.take_told() {
            self.effects.news.publish_of(kind, line);
        }
    }
}
