//! The daemon: [`run`] is the start-up order, then one loop that owns every session.
//!
//! Whatever happens comes to that loop as one of three: something that was done for a session, a call of a local
//! program, or a wake-up from outside. The session decides what follows; `effects` does it.

mod agenda;
pub mod broker;
mod calls;
mod changes;
mod deadlines;
mod desk;
mod effects;
mod endpoint;
mod files;
mod heartbeat;
mod hooks;
mod hope;
pub mod instance;
mod news;
pub mod notifications;
mod notify;
pub mod pace;
mod recorder;
mod relevel;
mod reload;
pub mod report;
mod shown;
mod sign_in;
pub mod skew;
mod stop;
pub mod waiters;
mod wake;
mod watch;

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

pub use self::relevel::Relevel;
use self::{
    agenda::Agenda,
    calls::Parked,
    desk::Desk,
    effects::{Done, Effects, Planned},
    endpoint::Endpoint,
    files::{Files, Stamp},
    heartbeat::Heartbeat,
    hooks::Hooks,
    hope::Hope,
    instance::Instance,
    news::News,
    notify::Notify,
    pace::{Pace, Queued},
    recorder::Recorder,
    shown::Shown,
    sign_in::Starter,
    skew::Clocks,
    stop::{LAST_EVENTS, STOP_PATIENCE},
    waiters::Waiters,
    wake::{Wakes, Woken},
};
use crate::{
    api::{Call, router::Router, unix},
    config::{Settings, environment::Environment, paths::Paths},
    exchange::{Exchanger, server},
    metrics::{Cause, Metrics},
    platform::{Fired, Inherited, manager},
    session::{
        Session,
        event::{Action, Event, Generation, Notice, Wake},
        schedule::Policy,
    },
    store::{self, Store},
    time::{Clock, Timestamp},
};

/// How long clients may take to take their last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

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
    /// What the programs get that are run as hooks.
    pub inherited: Inherited,
    /// Where this program is, for those who sign in from the desktop.
    pub program: PathBuf,
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
    let Startup { settings, paths, env, clock, policy, relevel, inherited, program } = startup;
    let store = Store::new(paths.token_cache.clone(), paths.state.clone(), paths.runtime.clone());
    match store.prepare() {
        // Told when they can't be watched, and made when they can.
        Err(error) if error.is_passing() => {}
        prepared => prepared?,
    }
    let _instance = Instance::lock(&paths.runtime)?;
    let listener = unix::bind(&paths.socket)?;
    let mut wakes = Wakes::new()?;
    let (calls_in, mut calls) = mpsc::channel(CALLS);
    let (done_in, mut done) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let router = Router::new(calls_in.clone(), clock.clone());
    let metrics = Arc::clone(router.metrics());
    let server = tokio::spawn(unix::serve(listener, router.clone(), async { drop(stopped.await) }));

    let exchanger = Exchanger::new(store, &settings.http, clock.clone());
    let starter = Starter::new(program, &env, &paths, inherited);
    let reports = done_in.clone();
    // Nobody listens any more when the daemon ends.
    let notify = Notify::new(&env, clock.clone(), starter, move |done| drop(reports.send(done)));
    let mut daemon = Daemon {
        started_at: clock.now(),
        effects: Effects::new(
            exchanger,
            done_in.clone(),
            News::new(
                clock.clone(),
                Hooks::new(done_in.clone(), inherited, Arc::clone(&metrics)),
                Recorder::new(&paths.state, done_in),
            ),
        ),
        endpoint: Endpoint::new(router, &paths.runtime),
        notify,
        settings,
        paths,
        env,
        clock,
        policy,
        relevel,
        sessions: BTreeMap::new(),
        agenda: Agenda::default(),
        pace: Pace::default(),
        files: Files::default(),
        hope: Hope::default(),
        waiters: Waiters::default(),
        desk: Desk::new(calls_in),
        parked: Vec::new(),
        reload_at: None,
        loaded: [const { None }; 3],
        poll_at: None,
        unwatched: None,
        files_differ: false,
        stopping: false,
        config_error: None,
        shown: Shown::default(),
        clocks: Clocks::default(),
        metrics,
        heartbeat: Heartbeat::new(),
        generation: Generation::default(),
    };
    daemon.begin();
    daemon.show_status();
    daemon.shown.is_preliminary();
    daemon.watch(&mut wakes);
    manager::ready();
    daemon.has_started();

    daemon.turn(&mut wakes, &mut calls, &mut done).await?;
    manager::stopping(STOP_PATIENCE + LAST_EVENTS + LAST_ANSWERS);
    // Whoever follows the events hears of it before the end.
    daemon.will_stop();
    // Nobody listens where the server has ended by itself.
    let _ = stop.send(());
    let endpoint = daemon.endpoint.close();
    // Whoever asks from now on is told so, and at the end whoever still waits, or the servers would wait for them.
    drop(calls);
    daemon.finish(&mut wakes, &mut done).await;
    daemon.write_down(&mut done).await;
    drop(daemon);
    let servers = async { tokio::join!(server, endpoint.join_all()) };
    let _ = tokio::time::timeout(LAST_ANSWERS, servers).await;
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
    /// Boxed, because a map that grew has room for half as many again.
    sessions: BTreeMap<String, Box<Session>>,
    /// When each session wants to be woken.
    agenda: Agenda,
    /// The exchanges that have not begun.
    pace: Pace<Planned>,
    files: Files,
    hope: Hope,
    effects: Effects,
    waiters: Waiters,
    /// The role credentials.
    desk: Desk,
    endpoint: Endpoint,
    notify: Notify,
    parked: Vec<Parked>,
    reload_at: Option<Timestamp>,
    /// What the configuration files looked like when they were last loaded here.
    loaded: [Option<Stamp>; 3],
    /// When to look at all files and what to watch: soon after a folder came or went, and now and then where the
    /// system tells of no change.
    poll_at: Option<Timestamp>,
    /// Why it doesn't.
    unwatched: Option<String>,
    /// Other files are to be watched than before.
    files_differ: bool,
    /// No exchange is begun any more.
    stopping: bool,
    /// Why the configuration on disk is not in force.
    config_error: Option<String>,
    started_at: Timestamp,
    shown: Shown,
    /// This machine's and that of AWS.
    clocks: Clocks,
    metrics: Arc<Metrics>,
    heartbeat: Heartbeat,
    /// Higher than any of a session that was taken away: an answer to it must not reach its successor.
    generation: Generation,
}

type Results = mpsc::UnboundedReceiver<Done>;

impl Daemon {
    async fn turn(
        &mut self,
        wakes: &mut Wakes,
        calls: &mut mpsc::Receiver<Call>,
        done: &mut Results,
    ) -> Result<(), Error> {
        let mut asked = Vec::with_capacity(CALLS);
        loop {
            let deadline = self.deadline();
            wakes.listen(self.hope.is_there() || self.desk.is_hoping());
            tokio::select! {
                biased;
                Some(done) = done.recv() => {
                    self.metrics.woken(Cause::Ended);
                    self.done(done);
                }
                1.. = calls.recv_many(&mut asked, CALLS) => {
                    self.metrics.woken(Cause::Call);
                    self.ask_all(asked.drain(..));
                }
                woken = wakes.next(deadline) => {
                    let woken = woken?;
                    self.metrics.woken(woken.cause());
                    match woken {
                        Woken::Timer(Fired::Deadline) => self.due(),
                        Woken::Timer(Fired::ClockStep) => self.wake_all(Wake::ClockStep),
                        Woken::Timer(Fired::Resume) => {
                            self.has_resumed();
                            self.wake_all(Wake::Resume);
                        }
                        Woken::Files(paths) => self.changed(&paths),
                        Woken::Network => self.hope.changed(self.clock.now()),
                        // Whether it was taken up is in the log and in the status.
                        Woken::Reload => drop(self.reload()),
                        Woken::Stop => return Ok(()),
                    }
                }
            }
            if std::mem::take(&mut self.files_differ) {
                self.watch(wakes);
            }
            self.begin_exchanges();
            self.begin_fetches();
            self.pass_on_news();
            self.show_status();
            self.notify.show();
            self.heartbeat.turn(self.clock.now());
        }
    }

    fn handle(&mut self, name: &str, event: Event) {
        let (Some(session), Some(settings)) = (self.sessions.get_mut(name), self.settings.sessions.get(name))
        else {
            return;
        };
        let now = self.clock.now();
        // Whoever asks for an exchange now plans it for now.
        let planned = session.next_refresh().map_or(now, |at| at.min(now));
        let before = session.access_token().cloned();
        let actions = session.handle(event, now, fastrand::f64());
        let next_refresh = session.next_refresh();
        for action in actions {
            if let Action::Tell(notice) = &action {
                self.notify.tell(name, notice, now);
            }
            match action {
                // It could be cut off between the server and the disk.
                Action::Exchange { .. } if self.stopping => continue,
                Action::Exchange { generation, ref known, .. } => {
                    let expires_at = known.as_ref().map_or(now, |token| token.expires_at);
                    let (session, server) = (name.to_owned(), server(settings));
                    let work = Planned { at: planned, action };
                    let queued = Queued { session, server, generation, expires_at, work };
                    self.pace.queue(queued, now);
                    continue;
                }
                Action::Read { .. } => self.files.begin(name),
                Action::Forget => self.desk.signed_out(name),
                // With the same access token it is the same user.
                Action::Tell(Notice::TakenUp { .. }) if session.access_token() != before.as_ref() => {
                    self.desk.start_over(name, now);
                }
                Action::Tell(Notice::Refreshed { .. }) => self.desk.hope(Some(name), now),
                _ => {}
            }
            self.effects.run(settings, action, next_refresh);
        }
        let next = session.next_wake();
        if let Some((at, why)) = next {
            tracing::debug!(sso_session = name, at_ms = at.millis(), "{name}: wakes next at {at}: {why}");
        }
        self.agenda.set(name, next.map(|(at, _)| at));
        self.hope.set(name, session.is_hoping());
        self.waiters.settle(session, now);
        if self.waiters.wait_for(name) {
            self.pace.hurry(name, now);
        }
        self.shown.differs();
        let generation = session.generation();
        self.look_at_concern(name);
        // Nobody wants it any more: the session signed out, or found another token.
        if let Some(stale) = self.pace.queued(name).filter(|queued| *queued != generation) {
            self.pace.withdraw(name);
            self.handle(name, Event::Withdrawn { generation: stale });
        }
    }
}
