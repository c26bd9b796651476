//! [`Bus`]: a real D-Bus session of its own, and [`Recorder`]: a desktop on it that shows nothing and writes down all
//! that it is asked.

#![expect(clippy::unwrap_used, reason = "what a test can't set up fails the test")]
#![expect(clippy::print_stderr, reason = "what is skipped is said")]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use futures_util::StreamExt;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zbus::{Connection, Message, MessageStream, OwnedVariant, connection::Builder, message::Type};

use crate::visitor::until;

const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const BUS: &str = "org.freedesktop.DBus";
const SCREEN_SAVER: &str = "org.gnome.ScreenSaver";

/// Starts nobody: the services of this machine are not meant.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=FOLDER</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// The daemon of a bus.
pub(crate) struct Bus {
    daemon: Child,
    pub(crate) address: String,
    _folder: tempfile::TempDir,
}

impl Bus {
    /// Starts one; none where this machine has no `dbus-daemon`, which is said.
    pub(crate) fn start() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("bus").tempdir().unwrap();
        let config = folder.path().join("bus.conf");
        let text = CONFIG.replace("FOLDER", folder.path().to_str().unwrap());
        std::fs::File::create(&config).unwrap().write_all(text.as_bytes()).unwrap();
        let started = Command::new("dbus-daemon")
            .args(["--nofork", "--print-address"])
            .arg(format!("--config-file={}", config.display()))
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut daemon) = started else {
            eprintln!("\n!!! SKIPPED: no notification is tried, because there is no dbus-daemon here\n");
            return None;
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Some(Self { daemon, address: address.trim().into(), _folder: folder })
    }

    /// Somebody else on it says to who asked for a notification that it was pressed, closed, and that the desktop is
    /// gone.
    pub(crate) fn forge(&self, shown: &Shown) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bus = Builder::address(self.address.as_str()).build().await.unwrap();
            let (to, path) = (Some(shown.sender.as_str()), "/org/freedesktop/Notifications");
            let pressed = (shown.id, "sign-in");
            bus.emit_signal(to, path, NOTIFICATIONS, "ActionInvoked", &pressed).await.unwrap();
            bus.emit_signal(to, path, NOTIFICATIONS, "NotificationClosed", &(shown.id, 2_u32)).await.unwrap();
            let owner = self.owner(&bus).await;
            let gone = (NOTIFICATIONS, owner.as_str(), "");
            bus.emit_signal(to, "/org/freedesktop/DBus", BUS, "NameOwnerChanged", &gone).await.unwrap();
            // It takes them in turn, so that they are on their way by then.
            self.owner(&bus).await;
        });
    }

    async fn owner(&self, bus: &Connection) -> String {
        let owner = bus.call_method(Some(BUS), "/", Some(BUS), "GetNameOwner", &NOTIFICATIONS).await.unwrap();
        owner.body().deserialize().unwrap()
    }

    /// Stops it, or lets it go on.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.daemon.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        drop(self.daemon.kill());
        drop(self.daemon.wait());
    }
}

/// A notification as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) id: u32,
    /// Who asked for it, by its unique name.
    pub(crate) sender: String,
    pub(crate) replaces: u32,
    pub(crate) app: String,
    pub(crate) summary: String,
    pub(crate) body: String,
    pub(crate) actions: Vec<String>,
    pub(crate) urgency: u8,
    pub(crate) expires: i32,
}

#[derive(Debug, Default)]
struct Seen {
    shown: Vec<Shown>,
    closed: Vec<u32>,
    /// The names of all calls.
    calls: Vec<String>,
    bytes: Vec<u8>,
    locked: bool,
    mute: bool,
    fragile: bool,
}

/// What the user does.
#[derive(Debug)]
enum Deed {
    Press(u32),
    Dismiss(u32),
    Lock(bool),
    CountOthers(mpsc::Sender<usize>),
}

pub(crate) struct Recorder {
    seen: Arc<Mutex<Seen>>,
    deeds: UnboundedSender<Deed>,
}

impl Recorder {
    /// Shows what comes from now on.
    pub(crate) fn start(bus: &Bus) -> Self {
        let (seen, (deeds, done)) = (Arc::<Mutex<Seen>>::default(), unbounded_channel());
        let (ready, is_ready) = mpsc::channel();
        let (its, address) = (Arc::clone(&seen), bus.address.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let bus = Builder::address(address.as_str()).build().await.unwrap();
                let messages = MessageStream::from(&bus);
                bus.request_name(NOTIFICATIONS).await.unwrap();
                bus.request_name(SCREEN_SAVER).await.unwrap();
                ready.send(()).unwrap();
                serve(&bus, messages, done, &its).await;
            });
        });
        is_ready.recv().unwrap();
        Self { seen, deeds }
    }

    /// The notifications so far.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        self.seen.lock().unwrap().shown.clone()
    }

    /// The last one, once there are so many.
    pub(crate) fn wait_for(&self, count: usize) -> Shown {
        until("a notification", || self.shown().get(count - 1).cloned())
    }

    pub(crate) fn wait_for_closed(&self, id: u32) {
        until("a notification to be taken away", || {
            self.seen.lock().unwrap().closed.contains(&id).then_some(())
        });
    }

    pub(crate) fn wait_for_call(&self, name: &str) {
        until("a call", || self.seen.lock().unwrap().calls.iter().any(|call| call == name).then_some(()));
    }

    /// Is gone for a moment whenever it is to show something, which it does not.
    pub(crate) fn break_at_each(&self) {
        self.seen.lock().unwrap().fragile = true;
    }

    /// How often it was called by that name.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.seen.lock().unwrap().calls.iter().filter(|call| *call == name).count()
    }

    /// Answers nobody any more.
    pub(crate) fn mute(&self) {
        self.seen.lock().unwrap().mute = true;
    }

    pub(crate) fn press(&self, id: u32) {
        self.deeds.send(Deed::Press(id)).unwrap();
    }

    pub(crate) fn dismiss(&self, id: u32) {
        self.deeds.send(Deed::Dismiss(id)).unwrap();
    }

    pub(crate) fn lock(&self, locked: bool) {
        self.deeds.send(Deed::Lock(locked)).unwrap();
    }

    /// Waits until nobody else is on the bus.
    pub(crate) fn wait_alone(&self) {
        until("everybody else to leave the bus", || {
            let (count, counted) = mpsc::channel();
            self.deeds.send(Deed::CountOthers(count)).unwrap();
            (counted.recv().unwrap() == 0).then_some(())
        });
    }

    /// Whether any of these was in what it was sent.
    pub(crate) fn was_sent_any_of(&self, texts: &[String]) -> bool {
        let bytes = &self.seen.lock().unwrap().bytes;
        texts.iter().any(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }
}

async fn serve(
    bus: &Connection,
    mut messages: MessageStream,
    mut deeds: UnboundedReceiver<Deed>,
    seen: &Mutex<Seen>,
) {
    let nobody = None::<&str>;
    let path = "/org/freedesktop/Notifications";
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(Ok(message)) if message.message_type() == Type::MethodCall => answer(bus, &message, seen).await,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            deed = deeds.recv() => match deed {
                Some(Deed::Press(id)) => {
                    bus.emit_signal(nobody, path, NOTIFICATIONS, "ActionInvoked", &(id, "sign-in")).await.unwrap();
                }
                Some(Deed::Dismiss(id)) => {
                    bus.emit_signal(nobody, path, NOTIFICATIONS, "NotificationClosed", &(id, 2_u32)).await.unwrap();
                }
                Some(Deed::Lock(locked)) => {
                    seen.lock().unwrap().locked = locked;
                    let path = "/org/gnome/ScreenSaver";
                    bus.emit_signal(nobody, path, SCREEN_SAVER, "ActiveChanged", &locked).await.unwrap();
                }
                Some(Deed::CountOthers(count)) => {
                    let all = bus.call_method(Some(BUS), "/", Some(BUS), "ListNames", &()).await.unwrap();
                    let all: Vec<String> = all.body().deserialize().unwrap();
                    count.send(all.iter().filter(|name| name.starts_with(':')).count() - 1).unwrap();
                }
                None => return,
            },
        }
    }
}

async fn answer(bus: &Connection, message: &Message, seen: &Mutex<Seen>) {
    let (header, body) = (message.header(), message.body());
    let member = header.member().unwrap().to_string();
    let mut replied = 0;
    let (locked, mute, fragile) = {
        let mut seen = seen.lock().unwrap();
        seen.calls.push(member.clone());
        seen.bytes.extend_from_slice(message.data());
        match member.as_str() {
            "Notify" if !seen.fragile => {
                type Arguments =
                    (String, u32, String, String, String, Vec<String>, HashMap<String, OwnedVariant>, i32);
                let (app, replaces, _, summary, body, actions, hints, expires): Arguments =
                    body.deserialize().unwrap();
                replied =
                    if replaces == 0 { 100 + u32::try_from(seen.shown.len()).unwrap() } else { replaces };
                let urgency = u8::try_from(&*hints["urgency"]).unwrap();
                let (id, sender) = (replied, header.sender().unwrap().to_string());
                seen.shown.push(Shown {
                    id,
                    sender,
                    replaces,
                    app,
                    summary,
                    body,
                    actions,
                    urgency,
                    expires,
                });
            }
            "CloseNotification" => seen.closed.push(body.deserialize().unwrap()),
            _ => {}
        }
        (seen.locked, seen.mute, seen.fragile)
    };
    if mute {
        return;
    }
    if fragile && member == "Notify" {
        bus.reply_error(&header, "org.freedesktop.DBus.Error.NoReply", &"it is gone").await.unwrap();
        bus.release_name(NOTIFICATIONS).await.unwrap();
        bus.request_name(NOTIFICATIONS).await.unwrap();
        return;
    }
    let answered = match member.as_str() {
        "GetCapabilities" => bus.reply(&header, &vec!["actions", "body"]).await,
        "Notify" => bus.reply(&header, &replied).await,
        "GetActive" => bus.reply(&header, &locked).await,
        _ => bus.reply(&header, &()).await,
    };
    answered.unwrap();
}
