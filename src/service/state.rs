//! [`State`]: what a service manager says of the service.

use std::path::PathBuf;

/// How a service manager has the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of its own")]
pub struct State {
    /// The manager knows it.
    pub loaded: bool,
    /// Somebody has forbidden the manager to start it.
    pub masked: bool,
    /// It is started with the user's session.
    pub enabled: bool,
    /// What it does.
    pub activity: Activity,
    /// The process, while there is one.
    pub pid: Option<u32>,
    /// Why it is not running, in the manager's word.
    pub result: Option<String>,
    /// The file that it was read from.
    pub file: Option<PathBuf>,
    /// It, or a drop-in, has changed since the manager read it.
    pub stale: bool,
    /// Its main loop is watched by the manager; none where that is not told.
    pub watchdog: Option<bool>,
    /// It is not running, but the first program that asks starts it.
    pub listening: bool,
}

impl State {
    /// Whether it is down, and whoever asks for the daemon starts it.
    pub fn would_be_woken(&self) -> bool {
        matches!(self.activity, Activity::Stopped | Activity::Failed) && self.listening
    }
}

/// What a service does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// Nothing.
    #[default]
    Stopped,
    /// It is up, and has said so where the manager asks for that.
    Running,
    /// It comes up or goes down.
    Changing,
    /// Nothing any more: it failed.
    Failed,
}

impl State {
    /// Whether it neither runs nor is about to.
    pub fn is_down(&self) -> bool {
        matches!(self.activity, Activity::Stopped | Activity::Failed)
    }
}
