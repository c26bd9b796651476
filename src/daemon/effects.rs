//! Does what a session asks for, in tasks of their own, and brings back what came of it, an exchange with the
//! generation of its request.

use tokio::{sync::mpsc, task::JoinSet};

use super::report;
use crate::{
    config::SessionSettings,
    exchange::{Exchanged, Exchanger},
    platform,
    session::event::{Action, Event, Generation},
};

/// What was done.
#[derive(Debug)]
pub(super) enum Done {
    /// Something for a session to know.
    Event(String, Box<Event>),
    /// The token file of a session was broken; it is whole again, or why it is not.
    Healed(String, Result<(), String>),
}

/// The doing side of the daemon.
#[derive(Debug)]
pub(super) struct Effects {
    /// How exchanges are made.
    pub(super) exchanger: Exchanger,
    done: mpsc::UnboundedSender<Done>,
    /// The exchanges under way, those of sessions that are no more among them.
    exchanges: JoinSet<()>,
}

impl Effects {
    /// Does things with `exchanger` and says so to `done`.
    pub(super) fn new(exchanger: Exchanger, done: mpsc::UnboundedSender<Done>) -> Self {
        Self { exchanger, done, exchanges: JoinSet::new() }
    }

    /// Does `action` for `session`, or begins to.
    pub(super) fn run(&mut self, session: &SessionSettings, action: Action) {
        let store = self.exchanger.store();
        let name = &session.name;
        let kept = match action {
            Action::Read { generation } => return self.read(session, generation),
            Action::Exchange { generation, known, enough } => {
                let (exchanger, session) = (self.exchanger.clone(), session.clone());
                return self.exchange(generation, async move {
                    let exchanged = exchanger.exchange(&session, known.as_ref(), enough).await;
                    (exchanger, session, exchanged)
                });
            }
            Action::Save { generation, token, sent } => {
                let (exchanger, session) = (self.exchanger.clone(), session.clone());
                return self.exchange(generation, async move {
                    let exchanged = exchanger.save(&session, &token, &sent).await;
                    (exchanger, session, exchanged)
                });
            }
            Action::Tell(notice) => return report::tell(name, &notice),
            Action::Remember(memory) => store.remember(name, memory),
            Action::Forget => store.forget(name),
        };
        if let Err(error) = kept {
            tracing::warn!(session = name, "{name}: the own state can't be kept: {error}");
        }
    }

    /// Waits for one of the exchanges under way; whether there was none. May be dropped and called again.
    pub(super) async fn exchange_ended(&mut self) -> bool {
        self.exchanges.join_next().await.is_none()
    }

    fn read(&self, session: &SessionSettings, generation: Generation) {
        let (exchanger, done, session) = (self.exchanger.clone(), self.done.clone(), session.clone());
        tokio::spawn(async move {
            let name = session.name.clone();
            let (stored, whole) = exchanger.read(&name).await;
            let memory = exchanger.store().memory(&name);
            // Nobody listens any more when the daemon ends; the file has it all.
            let read = Event::Read { generation, stored, memory };
            let _ = done.send(Done::Event(name.clone(), Box::new(read)));
            if !whole {
                let healed = exchanger.heal(&session).await;
                let _ = done.send(Done::Healed(name, healed));
            }
        });
    }

    fn exchange(
        &mut self,
        generation: Generation,
        work: impl Future<Output = (Exchanger, SessionSettings, Exchanged)> + Send + 'static,
    ) {
        while self.exchanges.try_join_next().is_some() {}
        let done = self.done.clone();
        self.exchanges.spawn(async move {
            let (exchanger, session, Exchanged { outcome, orphan }) = work.await;
            platform::release_free();
            let exchanged = Event::Exchanged { generation, outcome };
            let _ = done.send(Done::Event(session.name.clone(), Box::new(exchanged)));
            if let Some((orphan, ours)) = orphan {
                exchanger.rescue(&session, orphan, &ours).await;
            }
        });
    }
}
