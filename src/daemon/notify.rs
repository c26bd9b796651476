//! [`Notify`]: how the user hears of things who looks at no log: the desktop, and what is pressed there.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Daemon, effects::Done, notifications::Notifications, sign_in::Starter};
use crate::{
    config::environment::Environment,
    platform::{
        desktop::{Desktop, Report},
        slept,
    },
    session::{Session, event::Notice},
    time::{Clock, Timestamp},
};

/// What stands for itself in an address, by the D-Bus specification.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'/').remove(b'.').remove(b'\\').remove(b'*');

/// What is to be shown, and where.
#[derive(Debug)]
pub(super) struct Notify {
    notifications: Notifications,
    desktop: Desktop,
    starter: Starter,
}

impl Notify {
    /// Of no session yet, on the desktop of `env`. What becomes of it is said by `report`.
    pub(super) fn new(
        env: &Environment,
        clock: Clock,
        starter: Starter,
        report: impl Fn(Done) + Send + Sync + 'static,
    ) -> Self {
        let desktop = Desktop::new(bus(env), clock, move |it| report(Done::Notified(it)));
        Self { notifications: Notifications::default(), desktop, starter }
    }

    /// The decisions.
    pub(super) fn notifications(&mut self) -> &mut Notifications {
        &mut self.notifications
    }

    /// That was told of `session`.
    pub(super) fn tell(&mut self, session: &str, notice: &Notice, now: Timestamp) {
        let slept = slept().unwrap_or(Duration::ZERO);
        self.notifications.tell(session, notice, slept, now);
    }

    /// There may be a desktop where there was none.
    pub(super) fn hope(&mut self) {
        self.desktop.hope();
    }

    /// Takes everything away, and shows nothing any more.
    pub(super) fn close(&mut self) {
        self.notifications.set(false);
        self.show();
    }

    /// Waits until everything is taken away, however long the desktop takes.
    pub(super) async fn closed(&self) {
        self.desktop.ended().await;
    }

    /// Has the desktop show what is to be shown, where that is another than before.
    pub(super) fn show(&mut self) {
        if self.notifications.take_differs() {
            self.desktop.want(self.notifications.wanted());
        }
    }
}

impl Daemon {
    /// Looks whether there is something about `session` that the user is to see.
    pub(super) fn look_at_concern(&mut self, session: &str) {
        let Some((concern, expires_at)) = self.sessions.get(session).map(|session| {
            let now = self.clock.now();
            (session.concern(now), Session::expires_at(session))
        }) else {
            return;
        };
        if let Some(seen) = self.notify.notifications.look(session, concern, expires_at) {
            self.effects.remember_seen(session, seen);
        }
    }

    /// Something became of a notification.
    pub(super) fn notified(&mut self, report: Report) {
        let now = self.clock.now();
        let notifications = &mut self.notify.notifications;
        match report {
            Report::Shown(number) => {
                if let Some((session, seen)) = notifications.shown(number) {
                    self.effects.remember_seen(&session, seen);
                }
            }
            Report::TakenAway(number) => {
                if let Some((session, seen)) = notifications.taken_away(number) {
                    self.effects.remember_seen(&session, seen);
                }
            }
            Report::Over(number) => notifications.over(number),
            Report::Pressed(number) => {
                if let Some(sign_in) = notifications.pressed(number, now) {
                    self.notify.starter.start(sign_in);
                }
            }
        }
    }
}

/// The address of the session bus.
fn bus(env: &Environment) -> Option<String> {
    let given = env.get("DBUS_SESSION_BUS_ADDRESS").filter(|address| !address.is_empty());
    given.map(str::to_owned).or_else(|| {
        let path = env.absolute_path("XDG_RUNTIME_DIR")?.join("bus");
        Some(format!("unix:path={}", utf8_percent_encode(path.to_str()?, PLAIN)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bus_is_where_the_environment_says() {
        for (pairs, expected) in [
            (&[][..], None),
            (&[("XDG_RUNTIME_DIR", "/run/user/7")], Some("unix:path=/run/user/7/bus")),
            (&[("XDG_RUNTIME_DIR", "/a b;c")], Some("unix:path=/a%20b%3Bc/bus")),
            (
                &[("XDG_RUNTIME_DIR", "/run"), ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/x")],
                Some("unix:path=/x"),
            ),
        ] {
            let found = bus(&Environment::from_pairs(pairs.iter().copied()));
            assert_eq!(found.as_deref(), expected);
        }
    }
}
