//! [`Desktop`]: notifications by the desktop's own means, as many as are wanted at a time.
//!
//! Each system has a `screen::run`, a task that brings what is on the screen into line with what is wanted. It lives
//! as long as something is to be shown or on the screen, and nothing of it is there else. Where there is no desktop,
//! nothing happens, and nothing is said.

#[cfg(any(test, all(target_os = "linux", feature = "desktop")))]
mod board;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::time::{Clock, Timestamp};

#[cfg(all(target_os = "linux", feature = "desktop"))]
#[path = "desktop/dbus.rs"]
mod screen;
#[cfg(target_os = "macos")]
#[path = "desktop/osascript.rs"]
mod screen;
#[cfg(not(any(all(target_os = "linux", feature = "desktop"), target_os = "macos")))]
#[path = "desktop/none.rs"]
mod screen;

/// How long after a desktop was looked for in vain it is not looked for again, unless there is something new.
const AGAIN: Duration = Duration::from_secs(60);

/// What the user is to read. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Another one has another number.
    pub number: u64,
    /// One line.
    pub summary: String,
    /// A sentence or two.
    pub body: String,
    /// What the desktop may go by, after `x-sso-refresh.`.
    pub category: &'static str,
    /// What a button says, where the desktop has buttons.
    pub action: Option<&'static str>,
    /// From then on it is not shown any more.
    pub until: Timestamp,
}

/// What is wanted on the screen: one at most under each name.
pub type Wanted = BTreeMap<String, Notification>;

/// What became of the notification of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The desktop has it.
    Shown(u64),
    /// It is not on the screen any more, and it was not taken away from here.
    Over(u64),
    /// It was taken away from here.
    TakenAway(u64),
    /// Its button was pressed.
    Pressed(u64),
}

/// Where reports go.
type Reports = Arc<dyn Fn(Report) + Send + Sync>;

/// What a `screen` works with.
#[cfg_attr(not(any(target_os = "macos", feature = "desktop")), expect(dead_code, reason = "there is none"))]
struct Show {
    wanted: watch::Receiver<Wanted>,
    bus: Option<String>,
    reports: Reports,
    clock: Clock,
}

/// Shows what is wanted.
pub struct Desktop {
    wanted: watch::Sender<Wanted>,
    /// The address of the session bus, where the system has one.
    bus: Option<String>,
    reports: Reports,
    clock: Clock,
    /// When it was last looked for.
    looked_at: Option<Timestamp>,
}

impl Desktop {
    /// Nothing is wanted yet.
    pub fn new(bus: Option<String>, clock: Clock, reports: impl Fn(Report) + Send + Sync + 'static) -> Self {
        Self { wanted: watch::Sender::default(), bus, reports: Arc::new(reports), clock, looked_at: None }
    }

    /// This is wanted from now on, and nothing else. To be called on the runtime.
    pub fn want(&mut self, wanted: Wanted) {
        let changes = |old: &mut Wanted| {
            let changes = *old != wanted;
            *old = wanted;
            changes
        };
        let is_news = self.wanted.send_if_modified(changes);
        // The task that is there has heard it.
        if self.wanted.receiver_count() > 0 || self.wanted.borrow().is_empty() {
            return;
        }
        let now = self.clock.now();
        let is_time = self.looked_at.is_none_or(|at| at > now || now >= at.after(AGAIN));
        if is_news || is_time {
            self.looked_at = Some(now);
            let show = Show {
                wanted: self.wanted.subscribe(),
                bus: self.bus.clone(),
                reports: Arc::clone(&self.reports),
                clock: self.clock.clone(),
            };
            tokio::spawn(async move {
                screen::run(show).await;
                super::release_free();
            });
        }
    }

    /// Waits until nothing of it is there: it has done what it could for what is wanted.
    pub async fn ended(&self) {
        self.wanted.closed().await;
    }

    /// There may be a desktop where there was none.
    pub fn hope(&mut self) {
        self.looked_at = None;
    }
}

impl fmt::Debug for Desktop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desktop").field("wanted", &self.wanted.borrow()).finish_non_exhaustive()
    }
}
