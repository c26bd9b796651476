//! [`Direct`]: a session in the hands of a command, where no daemon does it. The same core decides, and the same
//! code works on the files under the same lock.

use std::time::Duration;

use super::{context::Context, exit::Failure, uninterrupted::Uninterrupted};
use crate::{
    api::{IssuedToken, Refusal, client},
    bearer::Bearer,
    config::SessionSettings,
    daemon::waiters,
    exchange::{Exchanged, Exchanger, Replaced},
    session::{
        Session,
        event::{Action, Event, Generation, Notice, Wake},
        schedule::Policy,
        status::{State, Status},
        token::Secret,
    },
    time::{Clock, Timestamp, words},
};

/// How long a command follows retries. An exchange that is under way is waited for in any case.
const PATIENCE: Duration = Duration::from_secs(10);

/// One session, for the length of a command.
#[derive(Debug)]
pub(super) struct Direct<'a> {
    settings: &'a SessionSettings,
    exchanger: Exchanger,
    clock: Clock,
    session: Session,
    /// What the session asked for and nobody has begun.
    work: Option<Action>,
    /// What is to be looked at before the command ends; it has the session's lock.
    replaced: Option<Replaced>,
}

/// Whether a command may go on without the daemon that answered so. One that is there and sick is told of, and a
/// session or a profile that it does not know is one that was configured since it started.
pub(super) fn is_called_for(session: Option<&str>, error: client::Error) -> Result<(), Failure> {
    match error {
        client::Error::NotRunning
        | client::Error::Refused(Refusal::UnknownSession { .. } | Refusal::UnknownProfile { .. }) => Ok(()),
        client::Error::Refused(refusal) => Err(match session {
            Some(session) => Failure::of(session, refusal),
            None => refusal.into(),
        }),
        error => {
            tracing::warn!("{error}; did it without");
            Ok(())
        }
    }
}

impl<'a> Direct<'a> {
    /// Reads the token file of a session.
    pub(super) async fn open(context: &Context, settings: &'a SessionSettings) -> Result<Self, Failure> {
        Ok(Self::with(context.exchanger()?, settings, context.clock.clone()).await)
    }

    /// The same with what a command has at hand.
    pub(super) async fn with(exchanger: Exchanger, settings: &'a SessionSettings, clock: Clock) -> Self {
        // It is the daemon that announces the end of a session, once.
        let policy = Policy { warn_before_session_end: Duration::ZERO, ..Context::policy(settings) };
        let memory = exchanger.store().memory(&settings.name);
        let session = Session::new(&settings.name, policy, memory, Generation::default());
        let mut direct = Self { settings, exchanger, clock, session, work: None, replaced: None };
        direct.look().await;
        direct
    }

    /// Reads the token file once more.
    pub(super) async fn look(&mut self) {
        self.read().await;
    }

    /// A token that is good for `min_validity`. One that is on disk costs no exchange.
    pub(super) async fn token(&mut self, min_validity: Duration) -> Result<IssuedToken, Refusal> {
        self.handle(Event::TokenAsked { min_validity });
        let issued =
            self.until(|session, now| waiters::answer(session, min_validity, session.attempts(), now));
        match issued.await {
            // Nobody tries again by itself, whatever the session says.
            Some(Err(Refusal::Temporary { .. })) | None => Err(self.not_now(min_validity)),
            Some(answer) => answer,
        }
    }

    /// Refreshes now.
    pub(super) async fn refresh(&mut self) -> Result<Status, Refusal> {
        self.handle(Event::RefreshAsked);
        let settled = self.until(|session, now| {
            let working = session.is_refreshing() || session.status(now).state == State::Backoff;
            (!working).then_some(())
        });
        settled.await;
        waiters::refreshed(&self.session, self.clock.now())?;
        Ok(self.status())
    }

    /// Whether AWS gave this command another token.
    pub(super) fn has_refreshed(&self) -> bool {
        self.session.status(self.clock.now()).refreshed_at.is_some()
    }

    /// How the session is, as far as its file tells: nothing happens by itself without a daemon.
    pub(super) fn status(&self) -> Status {
        let status = self.session.status(self.clock.now());
        let status = Status { session_end_announced_at: None, ..status };
        if status.state != State::Refreshing {
            return Status { next: None, ..status };
        }
        let expired = (!status.usable).then(|| "its token has expired, and nothing refreshes it".to_owned());
        let remedy = expired.as_ref().map(|_| format!("sso-refresh refresh {}", self.settings.name));
        Status { state: State::Fresh, next: None, reason: expired, remedy, ..status }
    }

    /// Looks once more at the file that was replaced, after the answer was printed.
    pub(super) async fn close(mut self) {
        self.look_again().await;
    }

    /// The same, for a command that goes on. Until then it has the session's lock.
    pub(super) async fn look_again(&mut self) {
        if let Some(replaced) = self.replaced.take() {
            replaced.look_again().await;
        }
    }

    /// Does what the session asks for until `done` has an answer, and follows retries for as long as patience
    /// lasts.
    async fn until<T>(&mut self, done: impl Fn(&Session, Timestamp) -> Option<T>) -> Option<T> {
        let give_up = self.clock.now().after(PATIENCE);
        loop {
            let now = self.clock.now();
            if let Some(answer) = done(&self.session, now) {
                return Some(answer);
            }
            if let Some(action) = self.work.take() {
                self.perform(action).await;
                continue;
            }
            let (at, why) = self.session.next_wake().filter(|(at, _)| *at < give_up)?;
            tracing::debug!("{}: waiting {}: {why}", self.settings.name, words(at.since(now)));
            tokio::time::sleep(at.since(now)).await;
            self.handle(Event::Woken(Wake::Deadline));
        }
    }

    async fn perform(&mut self, action: Action) {
        // It has the lock that everything but a reading needs.
        self.look_again().await;
        let uninterrupted = Uninterrupted::begin();
        let (generation, Exchanged { outcome, replaced }) = match action {
            Action::Exchange { generation, known, enough } => {
                (generation, self.exchanger.exchange(self.settings, known.as_ref(), enough).await)
            }
            Action::Save { generation, token, sent } => {
                (generation, self.exchanger.save(self.settings, &token, &sent).await)
            }
            Action::Read { .. } => return self.read().await,
            Action::Remember(_) | Action::Forget | Action::Tell(_) => return,
        };
        drop(uninterrupted);
        self.replaced = replaced;
        self.handle(Event::Exchanged { generation, outcome });
    }

    async fn read(&mut self) {
        let generation = self.session.generation();
        let name = &self.settings.name;
        let (stored, whole) = self.exchanger.read(name).await;
        if !whole {
            match self.exchanger.heal(self.settings).await {
                Ok(replaced) => self.replaced = replaced,
                Err(error) => {
                    tracing::warn!("{name}: the token file is broken and can't be healed: {error}");
                }
            }
        }
        let memory = self.exchanger.store().memory(name);
        self.handle(Event::Read { generation, stored, memory });
    }

    fn handle(&mut self, event: Event) {
        let store = self.exchanger.store();
        let name = &self.settings.name;
        for action in self.session.handle(event, self.clock.now(), fastrand::f64()) {
            let kept = match action {
                Action::Remember(memory) => store.remember(name, memory),
                Action::Forget => store.forget(name),
                Action::Tell(notice) => {
                    tell(name, &notice);
                    Ok(())
                }
                Action::Read { .. } | Action::Exchange { .. } | Action::Save { .. } => {
                    self.work = Some(action);
                    Ok(())
                }
            };
            if let Err(error) = kept {
                tracing::warn!("{name}: {error}");
            }
        }
    }

    fn not_now(&self, min_validity: Duration) -> Refusal {
        let Status { expires_at, last_error, .. } = self.session.status(self.clock.now());
        let message = match (last_error, expires_at) {
            (Some(error), _) => error,
            (None, Some(at)) => {
                let wanted = words(min_validity);
                return Refusal::TooLong {
                    message: format!(
                        "the token is good until {at}, which is less than {wanted}: ask for less"
                    ),
                };
            }
            (None, None) => "no token could be had: try again later".to_owned(),
        };
        Refusal::Temporary { message, retry_after: None }
    }
}

impl Bearer for Direct<'_> {
    type Error = Refusal;

    fn session(&self) -> &str {
        &self.settings.name
    }

    async fn token(&mut self, min_validity: Duration) -> Result<Result<IssuedToken, Refusal>, Refusal> {
        Ok(Direct::token(self, min_validity).await)
    }

    async fn refresh(&mut self, rejected: &Secret) -> Result<(), Refusal> {
        // Somebody else may have been quicker.
        if Direct::token(self, Duration::ZERO).await.is_ok_and(|issued| issued.access_token != *rejected) {
            return Ok(());
        }
        Direct::refresh(self).await.map(|_| ())
    }

    fn refused(&self, refusal: Refusal) -> Refusal {
        refusal
    }
}

/// What is worth a line with `-v`; the rest is in the command's answer.
fn tell(session: &str, notice: &Notice) {
    match notice {
        Notice::TakenUp { expires_at } => tracing::info!("{session}: found a token, good until {expires_at}"),
        Notice::Refreshed { expires_at } => tracing::info!("{session}: refreshed, good until {expires_at}"),
        Notice::Failing { message, .. } => tracing::info!("{session}: {message}"),
        Notice::Recovered { .. }
        | Notice::SignedOut
        | Notice::SignInNeeded { .. }
        | Notice::SessionEnding { .. }
        | Notice::RegistrationEnding { .. } => {}
    }
}
