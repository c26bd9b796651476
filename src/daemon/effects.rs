//! Does what a session asks for, in tasks of their own, and brings back what came of it, an exchange with the
//! generation of its request.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use tokio::{
    sync::mpsc,
    task::{Id, JoinError, JoinSet},
};

use super::{Daemon, broker::Fetch, news::News, pace::Queued, recorder::Written, report};
use crate::{
    api::Refusal,
    config::SessionSettings,
    exchange::{Exchanged, Exchanger, server},
    http::skew::Skew,
    kind::{Kind, told},
    platform::{self, desktop::Report},
    session::{
        event::{Action, Event, Generation, Stored},
        horizon::Seen,
        role::RoleCredentials,
    },
    store::Error,
    time::Timestamp,
};

/// What was done.
#[derive(Debug)]
pub(super) enum Done {
    /// Something for a session to know.
    Event(String, Box<Event>),
    /// An exchange with the server of that URL has ended.
    Ended(String),
    /// A fetch of role credentials has ended.
    Fetched(Fetch, Result<RoleCredentials, Refusal>),
    /// A hook has ended.
    HookEnded,
    /// Something became of a notification on the desktop.
    Notified(Report),
    /// Something was written to the history.
    Recorded(Box<Written>),
    /// AWS answered, and so showed how far the clock is off.
    Clock(Skew),
    /// The token file of a session was broken; it is whole again, or why it is not.
    Healed(String, Result<(), String>),
}

/// What a session asks for, and when it was to begin.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) at: Timestamp,
    pub(super) action: Action,
}

/// The doing side of the daemon.
#[derive(Debug)]
pub(super) struct Effects {
    /// How exchanges are made.
    pub(super) exchanger: Exchanger,
    /// Whom things are told.
    pub(super) news: News,
    done: mpsc::UnboundedSender<Done>,
    readings: mpsc::UnboundedSender<Reading>,
    /// The exchanges under way, those of sessions that are no more among them.
    exchanges: JoinSet<()>,
    /// Whose they are.
    under_way: BTreeMap<Id, String>,
}

impl Effects {
    /// Does things with `exchanger` and says so to `done`, and to people and programs by `news`.
    pub(super) fn new(exchanger: Exchanger, done: mpsc::UnboundedSender<Done>, news: News) -> Self {
        let exchanger = watched(exchanger, &done);
        let readings = Reading::task(done.clone());
        Self { exchanger, news, done, readings, exchanges: JoinSet::new(), under_way: BTreeMap::new() }
    }

    /// Makes exchanges with another one from now on.
    pub(super) fn set_exchanger(&mut self, exchanger: Exchanger) {
        self.exchanger = watched(exchanger, &self.done);
    }

    /// Where what was done is said.
    pub(super) fn done(&self) -> mpsc::UnboundedSender<Done> {
        self.done.clone()
    }

    /// Does `action` for `session`, which will next try to refresh at `next`, or begins to.
    pub(super) fn run(&mut self, session: &SessionSettings, action: Action, next: Option<Timestamp>) {
        let store = self.exchanger.store();
        let name = &session.name;
        let kept = match action {
            Action::Read { generation } => return self.read(session, generation),
            Action::Exchange { generation, known, enough } => {
                let (exchanger, session) = (self.exchanger.clone(), session.clone());
                let server = server(&session);
                return self.exchange(name.clone(), generation, Some(server), async move {
                    let exchanged = exchanger.exchange(&session, known.as_ref(), enough).await;
                    (session, exchanged)
                });
            }
            Action::Save { generation, token, sent } => {
                let (exchanger, session) = (self.exchanger.clone(), session.clone());
                return self.exchange(name.clone(), generation, None, async move {
                    let exchanged = exchanger.save(&session, &token, &sent).await;
                    (session, exchanged)
                });
            }
            Action::Tell(notice) => return self.news.tell(name, &notice, next),
            Action::Remember(memory) => store.remember(name, memory),
            Action::Forget => store.forget(name),
        };
        warn_unless(name, kept);
    }

    /// Keeps what the user has been shown of `session`.
    pub(super) fn remember_seen(&self, session: &str, seen: Seen) {
        warn_unless(session, self.exchanger.store().remember_seen(session, seen));
    }

    /// Waits for one of the exchanges under way; whether there was none. May be dropped and called again.
    pub(super) async fn exchange_ended(&mut self) -> bool {
        let ended = self.exchanges.join_next_with_id().await;
        let none = ended.is_none();
        self.forget(ended);
        none
    }

    /// The sessions whose exchanges are under way.
    pub(super) fn under_way(&mut self) -> impl Iterator<Item = &str> {
        self.forget_ended();
        self.under_way.values().map(String::as_str)
    }

    fn read(&self, session: &SessionSettings, generation: Generation) {
        let (exchanger, session) = (self.exchanger.clone(), session.clone());
        // Nobody reads any more when the daemon ends; the file has it all.
        let _ = self.readings.send(Reading { exchanger, session, generation });
    }

    fn exchange(
        &mut self,
        name: String,
        generation: Generation,
        server: Option<String>,
        work: impl Future<Output = (SessionSettings, Exchanged)> + Send + 'static,
    ) {
        self.forget_ended();
        let done = self.done.clone();
        let task = self.exchanges.spawn(async move {
            let (session, Exchanged { outcome, replaced }) = work.await;
            give_back().await;
            let exchanged = Event::Exchanged { generation, outcome };
            let _ = done.send(Done::Event(session.name.clone(), Box::new(exchanged)));
            if let Some(server) = server {
                let _ = done.send(Done::Ended(server));
            }
            if let Some(replaced) = replaced {
                replaced.look_again().await;
            }
        });
        self.under_way.insert(task.id(), name);
    }

    fn forget_ended(&mut self) {
        while let Some(ended) = self.exchanges.try_join_next_with_id() {
            self.forget(Some(ended));
        }
    }

    fn forget(&mut self, ended: Option<Result<(Id, ()), JoinError>>) {
        if let Some(ended) = ended {
            self.under_way.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
        }
    }
}

/// A token file to be read.
struct Reading {
    exchanger: Exchanger,
    session: SessionSettings,
    generation: Generation,
}

impl Reading {
    /// Whatever is sent to it is read in the order in which it came. One that has to wait holds up no other. In a task
    /// each, those of a thousand sessions would be on the heap together, and leave it in holes.
    fn task(done: mpsc::UnboundedSender<Done>) -> mpsc::UnboundedSender<Self> {
        let (readings, mut asked) = mpsc::unbounded_channel::<Self>();
        tokio::spawn(async move {
            let asked = stream::poll_fn(|context| asked.poll_recv(context));
            asked.for_each_concurrent(None, |reading| reading.run(&done)).await;
        });
        readings
    }

    async fn run(self, done: &mpsc::UnboundedSender<Done>) {
        let Self { exchanger, session, generation } = self;
        let (stored, whole) = exchanger.read(&session.name).await;
        let memory = exchanger.store().memory(&session.name);
        platform::lock_growth();
        // Nobody listens any more when the daemon ends.
        let read = Event::Read { generation, stored, memory };
        let _ = done.send(Done::Event(session.name.clone(), Box::new(read)));
        if !whole {
            let (verdict, replaced) = match exchanger.heal(&session).await {
                Ok(replaced) => (Ok(()), replaced),
                Err(error) => (Err(error), None),
            };
            let _ = done.send(Done::Healed(session.name, verdict));
            if let Some(replaced) = replaced {
                replaced.look_again().await;
            }
        }
    }
}

impl Daemon {
    /// Something that was begun has ended.
    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Event(session, event) => {
                if let Event::Read { generation, stored, .. } = &*event {
                    if let Some(current) = self.sessions.get(&session).map(|session| session.generation()) {
                        self.files.end(&session, *generation, current);
                    }
                    // What was watched is not there any more.
                    self.files_differ |= matches!(stored, Stored::Unreachable(_)) && self.unwatched.is_none();
                }
                if let Event::Exchanged { outcome, .. } = &*event {
                    self.metrics.exchanged(&session, outcome);
                }
                self.handle(&session, *event);
                self.ask_again(&session);
            }
            Done::Ended(server) => self.pace.ended(&server),
            Done::Notified(report) => self.notified(report),
            Done::HookEnded => self.effects.news.hook_ended(),
            Done::Recorded(written) => self.effects.news.recorded(*written),
            Done::Clock(skew) => self.heard_of_clock(skew),
            Done::Fetched(fetch, result) => self.fetched(&fetch, result),
            Done::Healed(session, verdict) => {
                let news = self.files.healed(&session, verdict.is_ok(), self.clock.now());
                if let Some(event) = report::healed(&session, &verdict, news, self.clock.now()) {
                    self.effects.news.publish(event);
                }
            }
        }
    }

    /// Begins the exchanges whose turn it is.
    pub(super) fn begin_exchanges(&mut self) {
        let now = self.clock.now();
        while let Some(Queued { session, work: Planned { at, action }, server, .. }) = self.pace.begin(now) {
            match self.settings.sessions.get(&session) {
                Some(settings) => {
                    self.metrics.exchange_begins(at, now);
                    self.effects.run(settings, action, None);
                }
                None => self.pace.ended(&server),
            }
        }
    }
}

fn warn_unless(session: &str, kept: Result<(), Error>) {
    if let Err(error) = kept {
        told!(
            warn,
            Kind::StateTrouble,
            sso_session = session,
            "{session}: the own state can't be kept: {error}"
        );
    }
}

/// Says to `done` how far the clock is off.
fn watched(exchanger: Exchanger, done: &mpsc::UnboundedSender<Done>) -> Exchanger {
    let done = done.clone();
    // Nobody listens any more when the daemon ends.
    exchanger.showing_skew(move |skew| drop(done.send(Done::Clock(skew))))
}

/// Gives back what an exchange with a server needed. Its connection ends in a task of its own, and has the TLS roots with
/// it: that comes first.
pub(super) async fn give_back() {
    tokio::task::yield_now().await;
    platform::release_free();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        config::HttpSettings,
        daemon::{hooks::Hooks, recorder::Recorder},
        metrics::Metrics,
        session::event::Outcome,
        store::fixture::{Place, SESSION},
        time::Clock,
    };

    #[tokio::test]
    async fn what_has_ended_is_not_under_way() {
        let place = Place::new();
        let exchanger = Exchanger::new(place.store.clone(), &HttpSettings::default(), Clock::system());
        let (done, mut ended) = mpsc::unbounded_channel();
        let hooks = Hooks::new(done.clone(), platform::Inherited::find(), Arc::new(Metrics::new([])));
        let recorder = Recorder::new(&place.at("state"), done.clone());
        let mut effects = Effects::new(exchanger, done, News::new(Clock::system(), hooks, recorder));
        let session = SessionSettings {
            name: SESSION.into(),
            start_url: Some("https://example.awsapps.com/start".into()),
            region: "eu-west-1".into(),
            scopes: Vec::new(),
            refresh_before: std::time::Duration::from_secs(1200),
            session_duration: None,
            oidc_endpoint: None,
            portal_endpoint: None,
            use_fips: false,
            use_dual_stack: false,
            origin: String::new(),
        };
        effects.exchange(SESSION.into(), Generation(1), None, async {
            (session, Exchanged { outcome: Outcome::Gone, replaced: None })
        });
        assert_eq!(effects.under_way().collect::<Vec<_>>(), [SESSION]);
        assert!(matches!(ended.recv().await, Some(Done::Event(..))));
        assert_eq!(effects.under_way().count(), 0);
    }
}
