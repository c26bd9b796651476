//! Does what a session asks for, in tasks of their own, and brings back what came of it as an event with the
//! generation of the request.

use tokio::sync::mpsc;

use super::report;
use crate::{
    config::SessionSettings,
    exchange::{Exchanged, Exchanger},
    session::event::{Action, Event, Generation},
};

/// The doing side of the daemon.
#[derive(Debug)]
pub(super) struct Effects {
    /// How exchanges are made.
    pub(super) exchanger: Exchanger,
    done: mpsc::UnboundedSender<(String, Event)>,
}

impl Effects {
    /// Does things with `exchanger` and says so to `done`.
    pub(super) fn new(exchanger: Exchanger, done: mpsc::UnboundedSender<(String, Event)>) -> Self {
        Self { exchanger, done }
    }

    /// Does `action` for `session`, or begins to.
    pub(super) fn run(&self, session: &SessionSettings, action: Action) {
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

    fn read(&self, session: &SessionSettings, generation: Generation) {
        let (exchanger, done, name) = (self.exchanger.clone(), self.done.clone(), session.name.clone());
        tokio::spawn(async move {
            let stored = exchanger.read(&name).await;
            // Nobody listens any more when the daemon ends; the file has it all.
            let memory = exchanger.store().memory(&name);
            let _ = done.send((name, Event::Read { generation, stored, memory }));
        });
    }

    fn exchange(
        &self,
        generation: Generation,
        work: impl Future<Output = (Exchanger, SessionSettings, Exchanged)> + Send + 'static,
    ) {
        let done = self.done.clone();
        tokio::spawn(async move {
            let (exchanger, session, Exchanged { outcome, orphan }) = work.await;
            let _ = done.send((session.name.clone(), Event::Exchanged { generation, outcome }));
            if let Some(orphan) = orphan {
                exchanger.rescue(&session, orphan).await;
            }
        });
    }
}
