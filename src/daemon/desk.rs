//! [`Desk`]: where role credentials are handed out. The [`Broker`] decides; here its fetches are made, in tasks of their
//! own, and whoever waits for one is answered.
//!
//! A task gets its token as any program does, by a call to the loop. So everything that holds for a program that asks
//! for a token holds for it too.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{
    Daemon,
    broker::{Broker, Fetch, News},
    effects::{Done, give_back},
    pace::{Pace, Queued},
    waiters::sign_in_needed,
};
use crate::{
    api::{Call, IssuedToken, Refusal},
    bearer::{Bearer, with_token},
    config::{Settings, line, roles},
    events::Event,
    kind::{Kind, told},
    metrics::Fetched,
    portal,
    session::{
        role::{Role, RoleCredentials},
        token::Secret,
    },
    time::Timestamp,
};

/// Takes an answer.
pub(super) type Reply = oneshot::Sender<Result<RoleCredentials, Refusal>>;

/// The loop's side of role credentials.
#[derive(Debug)]
pub(super) struct Desk {
    broker: Broker,
    seekers: BTreeMap<Role, Vec<Seeker>>,
    /// The fetches that have not begun: below what the portal throttles.
    pace: Pace<Fetch>,
    /// Those under way, the ones of sessions that are no more among them.
    tasks: JoinSet<()>,
    calls: mpsc::Sender<Call>,
}

#[derive(Debug)]
struct Seeker {
    min_validity: Option<Duration>,
    /// How many fetches of the role had ended when it asked.
    attempts: u64,
    reply: Reply,
}

impl Desk {
    /// A desk whose tasks ask the loop through `calls`.
    pub(super) fn new(calls: mpsc::Sender<Call>) -> Self {
        Self {
            broker: Broker::default(),
            seekers: BTreeMap::new(),
            pace: Pace::spaced(portal::SPACING),
            tasks: JoinSet::new(),
            calls,
        }
    }

    /// When there is something to do.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        [self.broker.next(), self.pace.next(now)].into_iter().flatten().min()
    }

    /// Whether credentials can't be had for now that may be had over another network.
    pub(super) fn is_hoping(&self) -> bool {
        self.broker.is_failing()
    }

    /// Nothing of `session`, or of any, is held back any more.
    pub(super) fn hope(&mut self, session: Option<&str>, now: Timestamp) {
        self.broker.hope(session, now);
    }

    /// Drops the credentials of `session`, whose token is another; whoever waits gets those that come with the new one.
    pub(super) fn start_over(&mut self, session: &str, now: Timestamp) {
        for fetch in self.broker.start_over(session, now) {
            let key = key(&fetch.role);
            self.queue(fetch, now);
            self.pace.hurry(&key, now);
        }
    }

    /// Drops the credentials of `session`, which is signed out.
    pub(super) fn signed_out(&mut self, session: &str) {
        self.retain(|role| role.session != session, |role| sign_in_needed(&role.session, "it is signed out"));
    }

    /// Drops the credentials of those roles of which `wanted` does not say so; whoever waits for one is told `why`.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Role) -> bool, why: impl Fn(&Role) -> Refusal) {
        for role in self.broker.retain(wanted) {
            self.pace.withdraw(&key(&role));
            for Seeker { reply, .. } in self.seekers.remove(&role).unwrap_or_default() {
                // Whoever went away needs no answer.
                drop(reply.send(Err(why(&role))));
            }
        }
    }

    /// Nobody gets anything any more: whoever waits learns that the daemon stops.
    pub(super) fn close(&mut self) {
        self.pace.withdraw_all();
        self.seekers.clear();
        self.tasks.abort_all();
    }

    /// Those of one session alone are counted together: a session that hangs is no delay for another.
    fn queue(&mut self, fetch: Fetch, now: Timestamp) {
        let Fetch { role, generation, expires_at } = &fetch;
        let (session, server, generation, expires_at) =
            (key(role), role.session.clone(), *generation, *expires_at);
        self.pace.queue(Queued { session, server, generation, expires_at, work: fetch }, now);
    }

    /// Answers those who can be answered.
    fn settle(&mut self, role: &Role, now: Timestamp) {
        let Some(waiting) = self.seekers.remove(role) else { return };
        let mut left = Vec::new();
        for seeker in waiting {
            let Seeker { min_validity, attempts, .. } = seeker;
            match self.broker.answer(role, min_validity, attempts, now) {
                Some(answer) => drop(seeker.reply.send(answer)),
                None if seeker.reply.is_closed() => {}
                None => left.push(seeker),
            }
        }
        if !left.is_empty() {
            self.seekers.insert(role.clone(), left);
        }
    }
}

impl Daemon {
    /// Answers with credentials of `role`, now or when they were fetched.
    pub(super) fn ask_credentials(&mut self, role: &Role, min_validity: Option<Duration>, reply: Reply) {
        let now = self.clock.now();
        let (fetch, attempts) = self.desk.broker.ask(role, min_validity, now);
        if let Some(fetch) = fetch {
            self.desk.queue(fetch, now);
        }
        self.desk.seekers.entry(role.clone()).or_default().push(Seeker { min_validity, attempts, reply });
        self.desk.settle(role, now);
        if self.desk.seekers.contains_key(role) {
            self.desk.pace.hurry(&key(role), now);
        }
    }

    /// A fetch has ended.
    pub(super) fn fetched(&mut self, fetch: &Fetch, result: Result<RoleCredentials, Refusal>) {
        let now = self.clock.now();
        let Fetch { role, .. } = fetch;
        let name = &role.session;
        self.desk.pace.ended(name);
        self.metrics.fetched(match &result {
            Ok(_) => Fetched::Good,
            Err(Refusal::NoAccess { .. }) => Fetched::NoAccess,
            Err(Refusal::SignInNeeded { .. }) => Fetched::SignInNeeded,
            Err(_) => Fetched::Failed,
        });
        let said = match &result {
            Ok(credentials) => format!("has credentials of {role}, good until {}", credentials.expires_at),
            Err(refusal) => format!("can't get credentials of {role}: {refusal}"),
        };
        let said = line(format_args!("{name}: {said}"));
        match self.desk.broker.fetched(fetch, result, now) {
            Some(News::RenewalFails) => {
                told!(warn, Kind::CredentialsFailing, sso_session = name, "{said}");
                self.effects.news.publish(Event::new(Kind::CredentialsFailing.name(), now, said).of(name));
            }
            Some(News::Fails) => told!(info, Kind::CredentialsFailing, sso_session = name, "{said}"),
            Some(News::Nothing) => tracing::debug!(sso_session = name, "{said}"),
            None => tracing::debug!(sso_session = name, "{name}: credentials came too late and are dropped"),
        }
        self.desk.settle(role, now);
    }

    /// Begins the fetches whose turn it is.
    pub(super) fn begin_fetches(&mut self) {
        let now = self.clock.now();
        for fetch in self.desk.broker.due(now) {
            self.desk.queue(fetch, now);
        }
        while self.desk.tasks.try_join_next().is_some() {}
        while let Some(Queued { work: fetch, .. }) = self.desk.pace.begin(now) {
            self.fetch(fetch);
        }
    }

    /// Keeps the credentials only of what is configured as it was under the settings of before.
    pub(super) fn drop_changed_roles(&mut self, old: &Settings) {
        let new: BTreeSet<Role> = roles(&self.settings).collect();
        let gone: BTreeSet<Role> = roles(old).filter(|role| !new.contains(role)).collect();
        self.desk.retain(|role| !gone.contains(role), |role| changed(&role.session));
        // The way to the network may be another, too.
        self.desk.hope(None, self.clock.now());
    }

    fn fetch(&mut self, fetch: Fetch) {
        let Some(session) = self.settings.sessions.get(&fetch.role.session).cloned() else {
            return self.desk.pace.ended(&fetch.role.session);
        };
        let exchanger = self.effects.exchanger.clone();
        let awaited = Awaited { fetch: Some(fetch), done: self.effects.done() };
        let mut bearer = OfLoop { session: session.name.clone(), calls: self.desk.calls.clone() };
        self.desk.tasks.spawn(async move {
            let Some(Fetch { role, .. }) = &awaited.fetch else { return };
            let result = with_token(&mut bearer, role, |token| {
                let portal = exchanger.portal(&session);
                async move { portal?.role_credentials(&token, role).await }
            })
            .await;
            give_back().await;
            awaited.ends(result);
        });
    }
}

/// A fetch that the loop waits for. It waits in vain for none, not even for one that panics.
struct Awaited {
    fetch: Option<Fetch>,
    done: mpsc::UnboundedSender<Done>,
}

impl Awaited {
    fn ends(mut self, result: Result<RoleCredentials, Refusal>) {
        self.say(result);
    }

    fn say(&mut self, result: Result<RoleCredentials, Refusal>) {
        if let Some(fetch) = self.fetch.take() {
            // Nobody listens any more when the daemon ends.
            let _ = self.done.send(Done::Fetched(fetch, result));
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let message = "a mistake in sso-refresh broke it off; see its log".into();
            self.say(Err(Refusal::Temporary { message, retry_after: None }));
        }
    }
}

/// The loop as one of its own tasks sees it.
struct OfLoop {
    session: String,
    calls: mpsc::Sender<Call>,
}

impl OfLoop {
    async fn ask<T>(
        &self,
        call: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> Call,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let stopping = || Refusal::Temporary { message: "the daemon is stopping".into(), retry_after: None };
        self.calls.send(call(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

impl Bearer for OfLoop {
    type Error = Refusal;

    fn session(&self) -> &str {
        &self.session
    }

    async fn token(&mut self, min_validity: Duration) -> Result<Result<IssuedToken, Refusal>, Refusal> {
        let session = Some(self.session.clone());
        Ok(self.ask(|reply| Call::Token { session, min_validity, reply }).await)
    }

    async fn refresh(&mut self, rejected: &Secret) -> Result<(), Refusal> {
        let (session, rejected) = (self.session.clone(), Some(rejected.clone()));
        self.ask(|reply| Call::Refresh { session, rejected, reply }).await.map(|_| ())
    }

    fn refused(&self, refusal: Refusal) -> Refusal {
        refusal
    }
}

/// The refusal for whoever waits for something of a session that is another, or no more.
pub(super) fn changed(session: &str) -> Refusal {
    let message = format!("the settings of `{session}` have changed: ask again");
    Refusal::Temporary { message, retry_after: None }
}

/// What tells a role from all others in a text: no name has a control character.
fn key(role: &Role) -> String {
    format!("{}\n{}\n{}", role.session, role.account, role.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::Generation;

    fn awaited(done: &mpsc::UnboundedSender<Done>) -> Awaited {
        let role = Role { session: "work".into(), account: "1".into(), name: "R".into() };
        let fetch = Fetch { role, generation: Generation(1), expires_at: Timestamp::from_secs(0) };
        Awaited { fetch: Some(fetch), done: done.clone() }
    }

    #[tokio::test]
    async fn a_fetch_that_panics_is_over_and_one_that_is_given_up_is_silent() {
        let (done, mut said) = mpsc::unbounded_channel();
        let panics = awaited(&done);
        let task = tokio::spawn(async move {
            let _panics = panics;
            panic!("planted");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert!(matches!(said.recv().await, Some(Done::Fetched(_, Err(Refusal::Temporary { .. })))));
        drop(awaited(&done));
        awaited(&done).ends(Err(changed("work")));
        drop(done);
        assert!(matches!(said.recv().await, Some(Done::Fetched(..))));
        assert!(said.recv().await.is_none(), "one only");
    }
}
