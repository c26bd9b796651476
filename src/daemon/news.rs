//! [`News`]: how programs hear of what is told.

use super::{Daemon, hooks::Hooks, report};
use crate::{
    config::HookSettings,
    events::{
        Event,
        bus::{Bus, Subscription},
    },
    kind::{Kind, told},
    session::event::Notice,
    time::{Clock, Timestamp},
};

/// Whoever is told of events.
#[derive(Debug)]
pub(super) struct News {
    clock: Clock,
    bus: Bus,
    hooks: Hooks,
}

impl News {
    /// For nobody yet but `hooks`. Events are of the time of `clock`.
    pub(super) fn new(clock: Clock, hooks: Hooks) -> Self {
        Self { clock, bus: Bus::default(), hooks }
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

    /// Tells programs what was told of the endpoint.
    pub(super) fn pass_on_news(&mut self) {
        for (kind, line) in self.endpoint.take_told() {
            self.effects.news.publish_of(kind, line);
        }
    }
}
