//! The desktops of Linux: `org.freedesktop.Notifications` on the session bus, by the Desktop Notifications
//! Specification 1.2, and the screen savers that tell whether the screen is locked.

use std::{collections::HashMap, time::Duration};

use futures_util::{FutureExt, StreamExt};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;
use zbus::{
    Connection, DynamicType, Message, MessageStream, Type, Variant, connection, message::Type as MessageType,
};

use super::{
    Notification, Report, Reports, Show,
    board::{Board, Step},
};

/// How long the bus and whoever answers on it may take. Who takes longer is as good as not there.
const LIMIT: Duration = Duration::from_secs(5);

/// What the program is called, and its icon by the Icon Naming Specification.
const APP: &str = "sso-refresh";
const ICON: &str = "dialog-password";

/// The name of the only action.
const ACTION: &str = "sign-in";

/// A service on the bus: its name, which is that of its interface too, and its path.
#[derive(Clone, Copy)]
struct Service {
    name: &'static str,
    path: &'static str,
}

const BUS: Service = Service { name: "org.freedesktop.DBus", path: "/org/freedesktop/DBus" };
const NOTIFICATIONS: Service =
    Service { name: "org.freedesktop.Notifications", path: "/org/freedesktop/Notifications" };
/// Plasma and others have the first, GNOME has the second.
const SCREEN_SAVERS: [Service; 2] = [
    Service { name: "org.freedesktop.ScreenSaver", path: "/org/freedesktop/ScreenSaver" },
    Service { name: "org.gnome.ScreenSaver", path: "/org/gnome/ScreenSaver" },
];

/// Shows what is wanted, for as long as there is something to show, to take away or to hear of.
pub(super) async fn run(show: Show) {
    let Show { mut wanted, bus, reports, clock } = show;
    let Some(bus) = bus else { return };
    let Some(mut screen) = limited(Screen::open(&bus)).await else { return };
    screen.look_at_lock().await;
    loop {
        let step = screen.board.next(&wanted.borrow_and_update(), clock.now());
        if let Some(step) = step {
            screen.take(step, &reports).await;
            // The answers are among them, and would fill the queue.
            while let Some(Some(Ok(message))) = screen.messages.next().now_or_never() {
                screen.hear(&message, &reports);
            }
            continue;
        }
        if screen.board.is_done(&wanted.borrow(), clock.now()) {
            return;
        }
        tokio::select! {
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                // What failed before may work with another one.
                screen.board.absent = false;
            }
            message = screen.messages.next() => {
                // An error is the last one.
                let Some(Ok(message)) = message else {
                    report_all(&reports, screen.board.cleared());
                    return;
                };
                screen.hear(&message, &reports);
            }
        }
    }
}

/// The connection, what comes from there, and what is known by it.
struct Screen {
    bus: Connection,
    messages: MessageStream,
    board: Board,
    /// Who shows notifications, by its unique name.
    owner: Option<String>,
}

impl Screen {
    async fn open(bus: &str) -> zbus::Result<Self> {
        let bus = connection::Builder::address(bus).build().await?;
        let messages = MessageStream::from(&bus);
        let screen = Self { bus, messages, board: Board::default(), owner: None };
        let Service { name, .. } = NOTIFICATIONS;
        screen.listen(&format!("interface='{name}',sender='{name}'")).await?;
        let owner_changes = format!("member='NameOwnerChanged',sender='{}',arg0='{name}'", BUS.name);
        screen.listen(&owner_changes).await?;
        for Service { name, .. } in SCREEN_SAVERS {
            screen.listen(&format!("interface='{name}',member='ActiveChanged',sender='{name}'")).await?;
        }
        Ok(screen)
    }

    /// One that doesn't say that it is locked is not.
    async fn look_at_lock(&mut self) {
        for saver in SCREEN_SAVERS {
            let asked = async {
                // Asked without a look, it could be started for that.
                let is_there = self.ask::<_, bool>(BUS, "NameHasOwner", &saver.name).await?;
                Ok(is_there && self.ask(saver, "GetActive", &()).await?)
            };
            let is_locked = limited(asked).await.unwrap_or(false);
            self.board.locked |= is_locked;
        }
    }

    async fn listen(&self, rule: &str) -> zbus::Result<()> {
        self.call(BUS, "AddMatch", &format!("type='signal',{rule}")).await.map(drop)
    }

    async fn call(
        &self,
        service: Service,
        method: &str,
        arguments: &(impl Serialize + DynamicType),
    ) -> zbus::Result<Message> {
        let Service { name, path } = service;
        self.bus.call_method(Some(name), path, Some(name), method, arguments).await
    }

    async fn ask<A: Serialize + DynamicType, R: DeserializeOwned + Type>(
        &self,
        service: Service,
        method: &str,
        arguments: &A,
    ) -> zbus::Result<R> {
        self.call(service, method, arguments).await?.body().deserialize()
    }

    async fn take(&mut self, step: Step, reports: &Reports) {
        match step {
            Step::Close { id, number } => {
                match timeout(LIMIT, self.call(NOTIFICATIONS, "CloseNotification", &id)).await {
                    Ok(Ok(_)) => reports(Report::TakenAway(number)),
                    // It is gone already.
                    Ok(Err(_)) => reports(Report::Over(number)),
                    Err(_late) => {}
                }
            }
            Step::Show { name, notification, over } => {
                // Whether it has buttons; that it is there at all.
                let asked = self.ask::<_, Vec<String>>(NOTIFICATIONS, "GetCapabilities", &());
                let Some(capabilities) = limited(asked).await else {
                    self.board.absent = true;
                    return;
                };
                let number = notification.number;
                let shown = self.notify(&notification, over.unwrap_or(0), &capabilities);
                match timeout(LIMIT, shown).await {
                    Ok(Ok((id, owner))) => {
                        if self.owner != owner {
                            report_all(reports, self.board.cleared());
                        }
                        self.owner = owner;
                        reports(Report::Shown(number));
                        if notification.action.is_some() {
                            return self.board.put(name, number, id);
                        }
                        // Nothing can be made of it, and it becomes no less true.
                        self.board.done(number);
                        reports(Report::Over(number));
                    }
                    Ok(Err(error)) => {
                        tracing::debug!("the desktop shows no notification: {error}");
                        if self.board.failed(number) {
                            reports(Report::Over(number));
                        }
                    }
                    // It has been asked, and may show it when it goes on.
                    Err(_late) => {
                        tracing::debug!("the desktop does not say whether it shows a notification");
                        self.board.done(number);
                        reports(Report::Shown(number));
                        reports(Report::Over(number));
                    }
                }
            }
        }
    }

    /// Its number there, and who gave it.
    async fn notify(
        &self,
        notification: &Notification,
        over: u32,
        capabilities: &[String],
    ) -> zbus::Result<(u32, Option<String>)> {
        let can = |what: &str| capabilities.iter().any(|capability| capability == what);
        let Notification { summary, body, category, action, .. } = notification;
        let body = if can("body-markup") { escaped(body) } else { body.clone() };
        let buttons = action.filter(|_| can("actions"));
        let actions = buttons.map_or_else(Vec::new, |label| vec![ACTION, label]);
        let category = format!("x-sso-refresh.{category}");
        let stays = action.is_some();
        let hints = HashMap::from([
            // Low, or normal: critical ones break in where the user wants no interruption.
            ("urgency", Variant::from(u8::from(stays))),
            ("transient", Variant::from(!stays)),
            ("category", Variant::from(category.as_str())),
        ]);
        // In milliseconds; 0 is never, −1 what is usual there.
        let expires = if stays { 0_i32 } else { -1 };
        let arguments = (APP, over, ICON, summary.as_str(), body.as_str(), actions, hints, expires);
        let reply = self.call(NOTIFICATIONS, "Notify", &arguments).await?;
        let owner = reply.header().sender().map(ToString::to_string);
        Ok((reply.body().deserialize()?, owner))
    }

    fn hear(&mut self, message: &Message, reports: &Reports) {
        let header = message.header();
        let (Some(interface), Some(member)) = (header.interface(), header.member()) else { return };
        if header.message_type() != MessageType::Signal {
            return;
        }
        let by_owner = header.sender().map(ToString::to_string) == self.owner;
        let body = message.body();
        match (interface.as_str(), member.as_str()) {
            (_, "ActiveChanged") => {
                if let Ok(active) = body.deserialize() {
                    self.board.locked = active;
                }
            }
            (_, "NameOwnerChanged") if header.sender().is_some_and(|sender| sender.as_str() == BUS.name) => {
                let Ok((_, old, new)) = body.deserialize::<(&str, &str, &str)>() else { return };
                self.board.absent = new.is_empty();
                // Whoever comes knows of nothing that the one before has shown. What is heard late may be of those before
                // who has shown it.
                if self.owner.as_deref() == Some(old) {
                    report_all(reports, self.board.cleared());
                }
            }
            (_, "ActionInvoked") if by_owner => {
                if let Ok((id, ACTION)) = body.deserialize()
                    && let Some(number) = self.board.number(id)
                {
                    reports(Report::Pressed(number));
                }
            }
            (_, "NotificationClosed") if by_owner => {
                if let Ok((id, _reason)) = body.deserialize::<(u32, u32)>() {
                    report_all(reports, self.board.closed(id));
                }
            }
            _ => {}
        }
    }
}

fn report_all(reports: &Reports, gone: impl IntoIterator<Item = u64>) {
    for number in gone {
        reports(Report::Over(number));
    }
}

/// Some desktops read a little HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What comes in time; what goes wrong is nobody's concern.
async fn limited<T>(work: impl Future<Output = zbus::Result<T>>) -> Option<T> {
    match timeout(LIMIT, work).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            tracing::debug!("no notifications: {error}");
            None
        }
        Err(_late) => {
            tracing::debug!("no notifications: no answer after {} s", LIMIT.as_secs());
            None
        }
    }
}
