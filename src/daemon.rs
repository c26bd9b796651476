//! The daemon: [`run`] is the start-up order, then one loop that owns every session.
//!
//! Whatever happens comes to that loop as one of three: something that was done for a session, a call of a local
//! program, or a wake-up from outside. The session decides what follows; `effects` does it.

mod effects;
pub mod instance;
mod reload;
pub mod report;
pub mod waiters;
mod wake;
mod watch;

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    io,
    path::PathBuf,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use self::{
    effects::Effects,
    instance::Instance,
    waiters::Waiters,
    wake::{Wakes, Woken},
    watch::Watch,
};
use crate::{
    api::{self, Call, DaemonInfo, Refusal, Report, router::Router, unix},
    config::{self, SessionSettings, Settings, environment::Environment, paths::Paths},
    exchange::Exchanger,
    platform::{Fired, manager},
    session::{
        Session,
        event::{Event, Generation, Wake},
        schedule::Policy,
        status::Status,
    },
    store::{self, Store},
    time::{Clock, Timestamp},
};

/// How long after a file changed it is read: whoever writes it in place is done by then.
const AFTER_WRITE: Duration = Duration::from_millis(100);

/// How long a stop waits for exchanges in flight to be written.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// How many calls may wait for the loop.
const CALLS: usize = 64;

/// All that a daemon starts from.
pub struct Startup {
    /// The settings in force at first.
    pub settings: Settings,
    /// Where everything is.
    pub paths: Paths,
    /// The environment that the settings are loaded with again.
    pub env: Environment,
    /// The time.
    pub clock: Clock,
    /// What the settings don't say of a session's policy.
    pub policy: Policy,
    /// Changes the level of the log.
    pub relevel: Relevel,
}

/// Changes the level of the log, when `log.level` is another after a reload.
pub struct Relevel(Box<dyn Fn(tracing::Level)>);

impl Relevel {
    /// By calling `change`.
    pub fn new(change: impl Fn(tracing::Level) + 'static) -> Self {
        Self(Box::new(change))
    }

    /// Not at all: the log is somebody else's.
    pub fn never() -> Self {
        Self::new(|_| {})
    }
}

impl std::fmt::Debug for Relevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Relevel")
    }
}

/// Why the daemon can't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another one runs, or the lock can't be taken.
    #[error(transparent)]
    Instance(#[from] instance::Error),
    /// The folders can't be made.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The socket can't be bound.
    #[error(transparent)]
    Socket(#[from] unix::Error),
    /// The system has no timer or signals left.
    #[error("can't wait for time and signals: {0}; close other programs and start again")]
    Wakes(#[from] io::Error),
}

/// Keeps all sessions fresh until it is told to stop.
///
/// # Errors
/// Where it can't start, or its timer fails.
pub async fn run(startup: Startup) -> Result<(), Error> {
    let Startup { settings, paths, env, clock, policy, relevel } = startup;
    let store = Store::new(paths.token_cache.clone(), paths.state.clone(), paths.runtime.clone());
    store.prepare()?;
    let _instance = Instance::lock(&paths.runtime)?;
    let listener = unix::bind(&paths.socket)?;
    let mut wakes = Wakes::new(watch(&paths))?;
    let (calls_in, mut calls) = mpsc::channel(CALLS);
    let (done_in, mut done) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let router = Router::new(calls_in, clock.clone());
    let server = tokio::spawn(unix::serve(listener, router, async { drop(stopped.await) }));

    let exchanger = Exchanger::new(store, &settings.http, clock.clone());
    let mut daemon = Daemon {
        started_at: clock.now(),
        effects: Effects::new(exchanger, done_in),
        settings,
        paths,
        env,
        clock,
        policy,
        relevel,
        sessions: BTreeMap::new(),
        token_files: HashMap::new(),
        waiters: Waiters::default(),
        unread: BTreeMap::new(),
        reload_at: None,
        config_error: None,
        status_line: String::new(),
        generation: Generation::default(),
    };
    daemon.begin();
    manager::ready();
    tracing::info!(
        "sso-refresh {} has started: {}; programs ask at {}",
        env!("CARGO_PKG_VERSION"),
        report::names(daemon.sessions.keys()),
        daemon.paths.socket.display()
    );

    daemon.turn(&mut wakes, &mut calls, &mut done).await?;
    manager::stopping();
    tracing::info!("stopping");
    // Nobody listens where the server has ended by itself.
    let _ = stop.send(());
    daemon.finish(&mut wakes, &mut done).await;
    let _ = server.await;
    Ok(())
}

/// The loop's own: nothing here is shared.
#[derive(Debug)]
struct Daemon {
    settings: Settings,
    paths: Paths,
    env: Environment,
    clock: Clock,
    policy: Policy,
    relevel: Relevel,
    sessions: BTreeMap<String, Session>,
    /// Whose token file has this name.
    token_files: HashMap<OsString, String>,
    effects: Effects,
    waiters: Waiters,
    /// Sessions whose file changed, and when to read it.
    unread: BTreeMap<String, Timestamp>,
    reload_at: Option<Timestamp>,
    /// Why the configuration on disk is not in force.
    config_error: Option<String>,
    started_at: Timestamp,
    status_line: String,
    /// Higher than any of a session that was taken away: an answer to it must not reach its successor.
    generation: Generation,
}

type Done = mpsc::UnboundedReceiver<(String, Event)>;

impl Daemon {
    async fn turn(
        &mut self,
        wakes: &mut Wakes,
        calls: &mut mpsc::Receiver<Call>,
        done: &mut Done,
    ) -> Result<(), Error> {
        loop {
            let deadline = self.deadline();
            let all_read = self.sessions.values().all(Session::is_read);
            tokio::select! {
                biased;
                Some((session, event)) = done.recv() => self.handle(&session, event),
                Some(call) = calls.recv(), if all_read => self.call(call),
                woken = wakes.next(deadline) => match woken? {
                    Woken::Timer(Fired::Deadline) => self.due(),
                    Woken::Timer(Fired::ClockStep) => self.wake_all(Wake::ClockStep),
                    Woken::Timer(Fired::Resume) => self.wake_all(Wake::Resume),
                    Woken::Files(paths) => self.changed(wakes, &paths),
                    // Whether it was taken up is in the log and in the status.
                    Woken::Reload => drop(self.reload()),
                    Woken::Stop => return Ok(()),
                },
            }
        }
    }

    /// Waits until no exchange is in flight any more, or for the next signal.
    async fn finish(&mut self, wakes: &mut Wakes, done: &mut Done) {
        let last = self.clock.now().after(STOP_PATIENCE);
        while self.sessions.values().any(Session::is_refreshing) {
            tokio::select! {
                biased;
                Some((session, event)) = done.recv() => self.handle(&session, event),
                woken = wakes.next(Some(last)) => match woken {
                    Ok(Woken::Timer(Fired::Deadline) | Woken::Stop) | Err(_) => {
                        tracing::warn!("stopping while an exchange is in flight");
                        return;
                    }
                    Ok(_) => {}
                },
            }
        }
    }

    /// When the loop must turn again.
    fn deadline(&self) -> Option<Timestamp> {
        let sessions = self.sessions.values().filter_map(|session| Some(session.next_wake()?.0));
        sessions.chain(self.unread.values().copied()).chain(self.reload_at).min()
    }

    fn due(&mut self) {
        let now = self.clock.now();
        if self.reload_at.is_some_and(|at| at <= now) {
            self.reload_changed();
        }
        let is_unread = |(name, at): (&String, &Timestamp)| (*at <= now).then(|| name.clone());
        let unread: Vec<String> = self.unread.iter().filter_map(is_unread).collect();
        for name in unread {
            self.unread.remove(&name);
            self.handle(&name, Event::FileChanged);
        }
        let is_due = |session: &&Session| session.next_wake().is_some_and(|(at, _)| at <= now);
        let due: Vec<String> = self.sessions.values().filter(is_due).map(|it| it.name().to_owned()).collect();
        for name in due {
            self.handle(&name, Event::Woken(Wake::Deadline));
        }
    }

    fn wake_all(&mut self, wake: Wake) {
        tracing::debug!("looks at every session again: {wake:?}");
        let names: Vec<String> = self.sessions.keys().cloned().collect();
        for name in names {
            self.handle(&name, Event::Woken(wake));
        }
    }

    fn handle(&mut self, name: &str, event: Event) {
        let (Some(session), Some(settings)) = (self.sessions.get_mut(name), self.settings.sessions.get(name))
        else {
            return;
        };
        let now = self.clock.now();
        for action in session.handle(event, now, fastrand::f64()) {
            self.effects.run(settings, action);
        }
        if let Some((at, why)) = session.next_wake() {
            tracing::debug!(session = name, at_ms = at.millis(), "{name}: wakes next at {at}: {why}");
        }
        self.waiters.settle(session, now);
        self.show_status();
    }

    fn changed(&mut self, wakes: &mut Wakes, paths: &[PathBuf]) {
        let now = self.clock.now();
        let config = [&self.paths.config, &self.paths.aws_config, &self.paths.aws_credentials];
        let mut folders = false;
        for path in paths {
            folders |= self.paths.token_cache.starts_with(path);
            if config.iter().any(|file| file.starts_with(path)) {
                folders |= !config.contains(&path);
                self.reload_at.get_or_insert(now.after(AFTER_WRITE));
            }
            if path.parent() == Some(&self.paths.token_cache)
                && let Some(session) = path.file_name().and_then(|name| self.token_files.get(name))
            {
                self.unread.entry(session.clone()).or_insert(now.after(AFTER_WRITE));
            }
        }
        if folders {
            self.watch_again(wakes);
        }
    }

    /// A watched folder went or came: everything in it may be another.
    fn watch_again(&mut self, wakes: &mut Wakes) {
        if let Some(Err(error)) = wakes.watch.as_mut().map(Watch::look_again) {
            tracing::warn!("{error}: changes made by other programs are noticed late");
        }
        let at = self.clock.now().after(AFTER_WRITE);
        for name in self.sessions.keys() {
            self.unread.entry(name.clone()).or_insert(at);
        }
    }

    fn call(&mut self, call: Call) {
        // Whoever went away needs no answer: a reply that can't be sent is dropped.
        match call {
            Call::Ping { reply } => drop(reply.send(())),
            Call::Status { reply } => drop(reply.send(self.report())),
            Call::Reload { reply } => drop(reply.send(self.reload())),
            Call::Token { session, min_validity, reply } => match self.named(session.as_deref()) {
                Ok((name, attempts)) => {
                    self.waiters.token(&name, attempts, min_validity, reply);
                    self.handle(&name, Event::TokenAsked { min_validity });
                }
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
            Call::Refresh { session, reply } => match self.named(Some(&session)) {
                Ok((name, attempts)) => {
                    self.waiters.refresh(&name, attempts, reply);
                    self.handle(&name, Event::RefreshAsked);
                }
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
        }
    }

    /// The session that is meant, and how many of its exchanges have ended.
    fn named(&self, given: Option<&str>) -> Result<(String, u64), Refusal> {
        let unknown = |message: String| Refusal::UnknownSession { message };
        let settings = config::resolve_session(&self.settings, &self.env, given)
            .map_err(|error| unknown(error.to_string()))?;
        let session = self.sessions.get(&settings.name);
        let session = session.ok_or_else(|| unknown(format!("there is no session `{}`", settings.name)))?;
        Ok((settings.name.clone(), session.attempts()))
    }

    fn statuses(&self) -> Vec<Status> {
        let now = self.clock.now();
        self.sessions.values().map(|session| session.status(now)).collect()
    }

    fn report(&self) -> Report {
        Report {
            version: api::VERSION,
            daemon: DaemonInfo {
                version: env!("CARGO_PKG_VERSION").into(),
                pid: std::process::id(),
                started_at: self.started_at,
                config_error: self.config_error.clone(),
            },
            sessions: self.statuses(),
        }
    }

    fn show_status(&mut self) {
        let line = report::line(&self.statuses(), self.config_error.as_deref());
        if line != self.status_line {
            manager::status(&line);
            self.status_line = line;
        }
    }
}

fn watch(paths: &Paths) -> Option<Watch> {
    let files = vec![paths.config.clone(), paths.aws_config.clone(), paths.aws_credentials.clone()];
    Watch::new(&paths.token_cache, files)
        .inspect_err(|error| tracing::warn!("{error}: changes made by other programs are noticed late"))
        .ok()
}

fn policy_of(settings: &SessionSettings, base: Policy, warn_before_session_end: Duration) -> Policy {
    Policy {
        refresh_before: settings.refresh_before,
        session_duration: settings.session_duration,
        warn_before_session_end,
        ..base
    }
}
