//! [`Feed`]: where the endpoint has its credentials from. The daemon is asked each time, since it knows of sign-ins and
//! sign-outs; what it gave is kept for when it is away. Then they are fetched here, as a daemon would, until it is back.

use std::{convert::Infallible, pin::Pin, rc::Rc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    time::timeout,
};

use super::super::{context::Context, direct::Direct, exit::Failure};
use crate::{
    api::{
        Call, Refusal, Wanted,
        client::{self, Client},
    },
    bearer::with_token,
    config::SessionSettings,
    daemon::broker::{Broker, Fetch},
    exchange::Exchanger,
    platform::{Fired, Timer},
    session::role::{Role, RoleCredentials},
    time::{Clock, Timestamp},
};

/// How long the daemon may take to answer where there is something to hand out without it: SDKs wait for a second.
const QUICK: Duration = Duration::from_millis(500);
/// How long a daemon that is there and sick is not asked again.
const SICK: Duration = Duration::from_secs(30);

/// The credentials of one role.
pub(super) struct Feed<'a> {
    /// What is asked for.
    name: String,
    role: Role,
    clock: Clock,
    daemon: Client,
    /// The daemon is not asked before.
    not_before: Option<Timestamp>,
    own: Rc<Mutex<Own<'a>>>,
    broker: Broker,
    seekers: Vec<Seeker>,
    work: FuturesUnordered<Work<'a>>,
    /// The user knows that a sign-in is needed.
    told: bool,
}

type Reply = oneshot::Sender<Result<RoleCredentials, Refusal>>;
type Work<'a> = Pin<Box<dyn Future<Output = Step> + 'a>>;

/// Somebody who waits for credentials that are good for `min_validity`.
struct Seeker {
    min_validity: Option<Duration>,
    /// How many fetches had ended when it asked.
    attempts: u64,
    reply: Reply,
}

/// Something has ended.
enum Step {
    /// A question to the daemon.
    Asked(Option<Duration>, Reply, Result<RoleCredentials, client::Error>),
    /// A fetch.
    Fetched(Fetch, Result<RoleCredentials, Refusal>),
    /// What nobody waits for.
    Done,
}

/// The session in our own hands.
struct Own<'a> {
    settings: &'a SessionSettings,
    exchanger: Exchanger,
    clock: Clock,
    direct: Option<Direct<'a>>,
}

impl<'a> Feed<'a> {
    /// Of `role`, which is asked for by `name`.
    pub(super) fn new(context: &'a Context, name: &str, role: &Role) -> Result<Self, Failure> {
        let settings = context.session(Some(&role.session))?;
        let (exchanger, clock) = (context.exchanger()?, context.clock.clone());
        Ok(Self {
            name: name.to_owned(),
            role: role.clone(),
            clock: clock.clone(),
            daemon: context.client(),
            not_before: None,
            own: Rc::new(Mutex::new(Own { settings, exchanger, clock, direct: None })),
            broker: Broker::default(),
            seekers: Vec::new(),
            work: FuturesUnordered::new(),
            // Whoever starts the command tells it, where it can't be started.
            told: true,
        })
    }

    /// The first ones, before the command is started.
    pub(super) async fn first(&mut self) -> Result<RoleCredentials, Failure> {
        let (reply, answer) = oneshot::channel();
        self.ask(None, reply);
        let mut answer = std::pin::pin!(answer);
        loop {
            tokio::select! {
                biased;
                answer = answer.as_mut() => {
                    let answer = answer.unwrap_or_else(|_| Err(not_here()));
                    return answer.map_err(|refusal| Failure::of(&self.role.session, refusal));
                }
                Some(step) = self.work.next() => self.step(step),
            }
        }
    }

    /// Answers what is asked, and renews ahead, for as long as it is waited for.
    pub(super) async fn serve(&mut self, mut calls: mpsc::Receiver<Call>) -> Infallible {
        let mut timer =
            Timer::new().inspect_err(|error| tracing::debug!("nothing is renewed ahead: {error}")).ok();
        loop {
            for fetch in self.broker.due(self.clock.now()) {
                self.fetch(fetch, true);
            }
            let next = self.broker.next();
            tokio::select! {
                Some(call) = calls.recv() => self.take(call),
                Some(step) = self.work.next() => self.step(step),
                fired = wait(timer.as_mut(), next) => {
                    if fired != Fired::Deadline {
                        self.broker.hope(None, self.clock.now());
                    }
                }
            }
        }
    }

    /// Ends what was begun: an exchange is never cut off.
    pub(super) async fn close(&mut self) {
        let own = self.own.clone();
        loop {
            tokio::select! {
                biased;
                mut own = own.lock() => {
                    if let Some(direct) = own.direct.take() {
                        direct.close().await;
                    }
                    return;
                }
                Some(_) = self.work.next() => {}
            }
        }
    }

    fn take(&mut self, call: Call) {
        // Whoever went away needs no answer.
        match call {
            Call::Credentials { wanted: Wanted::Profile(name), min_validity, reply } if name == self.name => {
                self.ask(min_validity, reply);
            }
            Call::Credentials { reply, .. } => drop(reply.send(Err(not_here()))),
            Call::Token { reply, .. } => drop(reply.send(Err(not_here()))),
            Call::Refresh { reply, .. } => drop(reply.send(Err(not_here()))),
            Call::Ping { reply } => drop(reply.send(())),
            Call::Status { .. } | Call::Events { .. } | Call::Reload { .. } => {}
        }
    }

    fn ask(&mut self, min_validity: Option<Duration>, reply: Reply) {
        let now = self.clock.now();
        if self.not_before.is_some_and(|at| now < at) {
            return self.do_without(min_validity, reply);
        }
        let (daemon, role) = (self.daemon.clone(), self.role.clone());
        let limit = self.in_hand(min_validity, now).map(|_| QUICK);
        self.work.push(Box::pin(async move {
            let wanted = Wanted::Role(role);
            let asked = daemon.credentials(&wanted, min_validity);
            let answer = match limit {
                Some(limit) => timeout(limit, asked).await.unwrap_or(Err(client::Error::Hung)),
                None => asked.await,
            };
            Step::Asked(min_validity, reply, answer)
        }));
    }

    /// Answers from memory, or when something was fetched.
    fn do_without(&mut self, min_validity: Option<Duration>, reply: Reply) {
        let (fetch, attempts) = self.broker.ask(&self.role, min_validity, self.clock.now());
        if let Some(fetch) = fetch {
            self.fetch(fetch, false);
        }
        self.seekers.push(Seeker { min_validity, attempts, reply });
        self.settle();
    }

    /// What could be handed out now.
    fn in_hand(&self, min_validity: Option<Duration>, now: Timestamp) -> Option<RoleCredentials> {
        self.broker.answer(&self.role, min_validity, u64::MAX, now)?.ok()
    }

    fn fetch(&mut self, fetch: Fetch, from_daemon: bool) {
        let daemon = (from_daemon && self.not_before.is_none_or(|at| at <= self.clock.now()))
            .then(|| self.daemon.clone());
        let own = self.own.clone();
        self.work.push(Box::pin(async move {
            if let Some(daemon) = daemon {
                let wanted = Wanted::Role(fetch.role.clone());
                match daemon.credentials(&wanted, None).await {
                    Ok(credentials) => return Step::Fetched(fetch, Ok(credentials)),
                    Err(client::Error::Refused(refusal)) if !knows_less(&refusal) => {
                        return Step::Fetched(fetch, Err(refusal));
                    }
                    Err(_) => {}
                }
            }
            let result = own.lock().await.fetch(&fetch.role).await;
            Step::Fetched(fetch, result)
        }));
    }

    fn step(&mut self, step: Step) {
        let now = self.clock.now();
        match step {
            Step::Asked(min_validity, reply, answer) => self.asked(min_validity, reply, answer, now),
            Step::Fetched(fetch, result) => {
                self.tell(&result);
                self.broker.fetched(&fetch, result, now);
                self.settle();
                // The token file that was replaced by the way; only now, since it takes a moment.
                let own = self.own.clone();
                self.work.push(Box::pin(async move {
                    own.lock().await.look_again().await;
                    Step::Done
                }));
            }
            Step::Done => {}
        }
    }

    fn asked(
        &mut self,
        min_validity: Option<Duration>,
        reply: Reply,
        answer: Result<RoleCredentials, client::Error>,
        now: Timestamp,
    ) {
        let answer = match answer {
            Ok(credentials) => {
                self.broker.keep(&self.role, credentials.clone(), now);
                Ok(credentials)
            }
            Err(client::Error::NotRunning) => return self.do_without(min_validity, reply),
            Err(client::Error::Refused(refusal)) if knows_less(&refusal) => {
                return self.do_without(min_validity, reply);
            }
            Err(client::Error::Refused(refusal)) => match refusal {
                // A daemon that has just started knows less than we do.
                Refusal::Temporary { .. } => self.in_hand(min_validity, now).ok_or(refusal),
                Refusal::SignInNeeded { .. } | Refusal::NoAccess { .. } => {
                    self.broker.retain(|_| false);
                    Err(refusal)
                }
                refusal => Err(refusal),
            },
            Err(error) => {
                // Once, and not with each request.
                if self.not_before.is_none() {
                    tracing::warn!("{error}; did it without");
                }
                self.not_before = Some(now.after(SICK));
                return self.do_without(min_validity, reply);
            }
        };
        self.not_before = None;
        self.tell(&answer);
        drop(reply.send(answer));
    }

    /// Answers those who can be answered.
    fn settle(&mut self) {
        let now = self.clock.now();
        for seeker in std::mem::take(&mut self.seekers) {
            let Seeker { min_validity, attempts, .. } = seeker;
            match self.broker.answer(&self.role, min_validity, attempts, now) {
                Some(answer) => drop(seeker.reply.send(answer)),
                None if seeker.reply.is_closed() => {}
                None => self.seekers.push(seeker),
            }
        }
    }

    /// Says once on standard error what only the user can mend.
    fn tell(&mut self, result: &Result<RoleCredentials, Refusal>) {
        match result {
            Ok(_) => self.told = false,
            Err(refusal @ (Refusal::SignInNeeded { .. } | Refusal::NoAccess { .. })) => {
                if !self.told {
                    Failure::from(refusal.clone()).say();
                }
                self.told = true;
            }
            Err(refusal) => tracing::info!("{}: {refusal}", self.role.session),
        }
    }
}

impl Own<'_> {
    /// A call to the portal, with a token that is refreshed first if need be.
    async fn fetch(&mut self, role: &Role) -> Result<RoleCredentials, Refusal> {
        let direct = match &mut self.direct {
            Some(direct) => {
                direct.look().await;
                direct
            }
            none => {
                none.insert(Direct::with(self.exchanger.clone(), self.settings, self.clock.clone()).await)
            }
        };
        with_token(direct, role, |token| {
            let portal = self.exchanger.portal(self.settings);
            async move { portal?.role_credentials(&token, role).await }
        })
        .await
    }

    async fn look_again(&mut self) {
        if let Some(direct) = &mut self.direct {
            direct.look_again().await;
        }
    }
}

/// Whether a daemon refuses what was configured since it started.
fn knows_less(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::UnknownSession { .. } | Refusal::UnknownProfile { .. })
}

fn not_here() -> Refusal {
    Refusal::UnknownProfile { message: "only the credentials of the command are to be had here".into() }
}

async fn wait(timer: Option<&mut Timer>, next: Option<Timestamp>) -> Fired {
    if let Some(timer) = timer
        && let Ok(fired) = timer.wait(next).await
    {
        return fired;
    }
    std::future::pending().await
}
