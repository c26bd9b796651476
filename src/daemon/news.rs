//! [`News`]: how programs hear of what is told.

use std::{path::Path, time::Duration};

use super::{Daemon, hooks::Hooks, report};
use crate::{
    config::{HookSettings, line},
    events::{
        Event,
        bus::{Bus, Subscription},
        history::History,
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
    history: History,
    /// How long the machine had slept when that was last looked at.
    slept: Duration,
}

impl News {
    /// For nobody yet but `hooks` and the history in the folder `state`. Events are of the time of `clock`.
    pub(super) fn new(clock: Clock, hooks: Hooks, state: &Path) -> Self {
        let history = History::new(state);
        Self { clock, bus: Bus::default(), hooks, history, slept: slept().unwrap_or_default() }
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
        if let Err(error) = self.history.add(&event) {
            told!(
                warn,
                Kind::StateTrouble,
                "the history has gaps, since it can't be written: {}",
                line(error)
            );
        }
        self.hooks.take(&event);
        self.bus.publish(event);
    }

    /// Runs these hooks from now on.
    pub(super) fn set_hooks(&mut self, hooks: &HookSettings) {
        self.hooks.set(hooks);
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
