//! The pure core: [`Session`], the state machine of one session.
//!
//! [`Session::handle`] takes what happened, the time and a random number, and returns what is to be done;
//! [`Session::next_wake`] says when it wants to be called again, and why. Nothing here reads a clock, a file or
//! the network. A wake-up that is not needed does no harm, and an event that does not fit changes nothing.
//!
//! ```text
//!              token in the file                due
//! signed-out ───────────────────▶ fresh ───────────────▶ refreshing
//!      ▲                           ▲ ▲  new token            │ │
//!      │ file deleted              │ └───────────────────────┘ │ failed
//!   (any state)     somebody signs │                 retry  ┌──▼─────┐
//!                   in             │          refreshing ◀──┤ backoff│
//!                            login-required ◀───────────────└────────┘
//!                                              refused, and confirmed
//! ```

mod answer;
pub mod event;
pub mod horizon;
pub mod role;
pub mod schedule;
pub mod status;
pub mod token;
mod trouble;

use std::time::Duration;

use self::{
    event::{Action, Event, Failure, Generation, Memory, Notice, Outcome, Reason, Stored, Wake},
    schedule::{LONGEST_BACKOFF, LONGEST_RETRY_AFTER, Policy, TYPICAL_LIFE},
    token::Token,
    trouble::Trouble,
};
use crate::time::Timestamp;

pub use self::answer::Answer;

/// One Identity Center session: what is known of it, and what it waits for.
#[derive(Clone, Debug)]
pub struct Session {
    name: String,
    policy: Policy,
    memory: Memory,
    phase: Phase,
    token: Option<Token>,
    /// How much was left of the token when it came: its life is no shorter.
    left_at_first: Duration,
    /// Counts every change of state: work that began before the last one comes too late.
    generation: Generation,
    /// The exchange whose answer has not come yet, even if nobody waits for it any more.
    in_flight: Option<Generation>,
    /// The clock was set since the last exchange began: the expiry that it brought was reckoned with the wrong one.
    clock_stepped: bool,
    /// Something gave new hope since the exchange began that is in flight: where it fails, that was for the old reason,
    /// and from this moment on another makes sense.
    hoped: Option<Timestamp>,
    /// The longest validity that somebody waits for.
    wanted: Duration,
    /// When the last exchange began.
    attempted_at: Option<Timestamp>,
    /// The same, and the validity that was waited for, from before the exchange that is in flight was asked for.
    before: (Option<Timestamp>, Duration),
    /// How many exchanges have ended.
    attempts: u64,
    refreshed_at: Option<Timestamp>,
    trouble: Option<Trouble>,
    registration_announced: Option<Timestamp>,
}

/// What the session waits for.
#[derive(Clone, Debug)]
enum Phase {
    /// For the file to be read for the first time.
    Unread,
    /// For a sign-in.
    SignedOut,
    /// For the token to be due.
    Fresh { due: Timestamp },
    /// For another attempt.
    Backoff(Retry),
    /// For a sign-in, since the server or the file says so.
    LoginRequired { reason: Reason, message: Option<String> },
}

/// The next attempt after one that failed.
#[derive(Clone, Debug)]
struct Retry {
    at: Timestamp,
    /// What the server asked for: no event makes it earlier.
    not_before: Option<Timestamp>,
    /// Write this token instead of asking for another: new and old.
    unsaved: Option<Box<(Token, Token)>>,
}

impl Session {
    /// A session of which nothing is known but what was remembered. The first event should be
    /// [`Event::FileChanged`]. Where it takes the place of another, `generation` is the other's next.
    pub fn new(name: impl Into<String>, policy: Policy, memory: Memory, generation: Generation) -> Self {
        Self {
            name: name.into(),
            policy,
            memory,
            phase: Phase::Unread,
            token: None,
            left_at_first: Duration::ZERO,
            generation,
            in_flight: None,
            clock_stepped: false,
            hoped: None,
            wanted: Duration::ZERO,
            attempted_at: None,
            before: (None, Duration::ZERO),
            attempts: 0,
            refreshed_at: None,
            trouble: None,
            registration_announced: None,
        }
    }

    /// The session's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The generation that work begun now would carry.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether an exchange is in flight.
    pub fn is_refreshing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether it fails, or may be about to: a network that changes is of use to no other.
    pub fn is_hoping(&self) -> bool {
        self.in_flight.is_some() || matches!(self.phase, Phase::Backoff(_))
    }

    /// Takes `event` into account and says what is to be done. `random` is uniform in 0..1.
    pub fn handle(&mut self, event: Event, now: Timestamp, random: f64) -> Vec<Action> {
        self.distrust_the_future(now);
        let mut actions = Vec::new();
        match event {
            Event::FileChanged => actions.push(Action::Read { generation: self.generation }),
            Event::Read { generation, .. } if generation != self.generation => {
                actions.push(Action::Read { generation: self.generation });
            }
            Event::Read { stored, memory, .. } => self.read(stored, memory, now, random, &mut actions),
            Event::Exchanged { generation, outcome } => {
                // Its token may have been seen in the file before the answer came to be told here.
                let is_known = matches!(&outcome, Outcome::Refreshed(token) if self.has(token));
                let mut counts = generation == self.generation;
                if self.in_flight == Some(generation) {
                    self.in_flight = None;
                    self.attempts += 1;
                    counts |= is_known;
                }
                if counts {
                    self.exchanged(outcome, now, random, &mut actions);
                }
            }
            Event::Withdrawn { generation } if self.in_flight == Some(generation) => self.withdrawn(now),
            Event::Withdrawn { .. } => {}
            Event::Woken(wake) => self.woken(wake, now),
            Event::RefreshAsked => self.refresh_asked(now, &mut actions),
            Event::TokenAsked { min_validity } => self.token_asked(min_validity, now),
            Event::Reconfigured(policy) => {
                self.policy = policy;
                self.plan(random);
            }
        }
        self.look(now, &mut actions);
        self.look_ahead(now, &mut actions);
        actions
    }

    /// When to call again with [`Event::Woken`], and why.
    pub fn next_wake(&self) -> Option<(Timestamp, &'static str)> {
        [self.next_attempt(), self.next_announcement()].into_iter().flatten().min()
    }

    /// When it will next try to refresh, where it can.
    pub fn next_refresh(&self) -> Option<Timestamp> {
        self.next_attempt().filter(|_| self.is_refreshable()).map(|(at, _)| at)
    }

    fn next_attempt(&self) -> Option<(Timestamp, &'static str)> {
        if self.in_flight.is_some() {
            return None;
        }
        match &self.phase {
            Phase::Unread | Phase::SignedOut | Phase::LoginRequired { .. } => None,
            Phase::Fresh { due } if self.is_refreshable() => Some((self.after_floor(*due), "refresh")),
            Phase::Fresh { due } => Some((*due, "expiry: the token can't be refreshed")),
            Phase::Backoff(Retry { at, unsaved: Some(_), .. }) => Some((*at, "write the new token")),
            Phase::Backoff(Retry { at, .. }) => Some((*at, "retry")),
        }
    }

    fn after_floor(&self, due: Timestamp) -> Timestamp {
        self.attempted_at.map_or(due, |at| due.max(at.after(self.policy.floor)))
    }

    /// A clock that was stepped back must not park anything: what lies in the future and can't, is now.
    fn distrust_the_future(&mut self, now: Timestamp) {
        self.attempted_at = self.attempted_at.map(|at| at.min(now));
        if let Some(trouble) = &mut self.trouble {
            trouble.since = trouble.since.min(now);
            trouble.hope_since = trouble.hope_since.min(now);
        }
        if let Phase::Backoff(retry) = &mut self.phase {
            retry.not_before = retry.not_before.map(|at| at.min(now.after(LONGEST_RETRY_AFTER)));
            let parked = retry.at.min(now.after(LONGEST_BACKOFF));
            retry.at = retry.not_before.map_or(parked, |not_before| parked.max(not_before));
        }
    }

    fn read(
        &mut self,
        stored: Stored,
        memory: Memory,
        now: Timestamp,
        random: f64,
        actions: &mut Vec<Action>,
    ) {
        match stored {
            Stored::Token(token) if self.has(&token) => {
                self.readable_again();
                self.take_word(memory);
            }
            Stored::Token(token) => {
                self.note_sign_in(memory, now, actions);
                actions.push(Action::Tell(Notice::TakenUp { expires_at: token.expires_at }));
                self.take_up(token, now, random, actions);
            }
            Stored::Missing => self.signed_out(actions),
            Stored::Broken(message) => self.unreadable(message, now, actions),
            Stored::Unreachable(message) => self.unreachable(message, now, random, actions),
        }
    }

    fn has(&self, token: &Token) -> bool {
        self.token.as_ref().is_some_and(|known| known.same_as(token))
    }

    fn exchanged(&mut self, outcome: Outcome, now: Timestamp, random: f64, actions: &mut Vec<Action>) {
        match outcome {
            Outcome::Refreshed(token) => {
                self.refreshed_at = Some(now);
                self.note_refresh(&token, now, actions);
                actions.push(Action::Tell(Notice::Refreshed { expires_at: token.expires_at }));
                self.take_up(token, now, random, actions);
            }
            Outcome::Adopted(token) => {
                actions.push(Action::Tell(Notice::TakenUp { expires_at: token.expires_at }));
                self.take_up(token, now, random, actions);
            }
            Outcome::Gone => self.signed_out(actions),
            Outcome::Refused { reason, message } => self.refused(reason, message, now, actions),
            Outcome::Failed(failure) => self.failed(failure, None, now, random, actions),
            Outcome::Unsaved { token, sent, message } => {
                let failure = Failure { message, kind: "disk", retry_after: None };
                self.failed(failure, Some(Box::new((token, sent))), now, random, actions);
            }
        }
    }

    fn take_up(&mut self, token: Token, now: Timestamp, random: f64, actions: &mut Vec<Action>) {
        self.generation.0 += 1;
        if let Some(trouble) = self.trouble.take()
            && trouble.told
        {
            actions.push(Action::Tell(Notice::Recovered { after: now.since(trouble.since) }));
        }
        if token.left(now) >= self.wanted {
            self.wanted = Duration::ZERO;
        }
        self.left_at_first = token.left(now);
        self.token = Some(token);
        self.phase = Phase::Fresh { due: now };
        self.plan(random);
    }

    fn plan(&mut self, random: f64) {
        let (refreshable, life) = (self.is_refreshable(), self.life());
        if let (Some(token), Phase::Fresh { due }) = (&self.token, &mut self.phase) {
            let planned = schedule::refresh_at(&self.policy, token, life, random);
            // Somebody may wait for longer than this token lasts.
            let planned = planned.min(token.expires_at.before(self.wanted));
            *due = match (refreshable, self.clock_stepped) {
                (true, true) => planned.min(*due),
                (true, false) => planned,
                (false, _) => token.expires_at,
            };
        }
    }

    fn is_refreshable(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.refresh_token.is_some() && token.registration.is_some())
    }

    fn signed_out(&mut self, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::SignedOut) {
            return;
        }
        self.generation.0 += 1;
        self.token = None;
        self.trouble = None;
        self.phase = Phase::SignedOut;
        actions.extend([Action::Forget, Action::Tell(Notice::SignedOut)]);
        self.forget_sign_in(actions);
    }

    fn sign_in_needed(&mut self, reason: Reason, message: Option<String>, actions: &mut Vec<Action>) {
        if matches!(&self.phase, Phase::LoginRequired { reason: known, .. } if *known == reason) {
            return;
        }
        self.generation.0 += 1;
        self.trouble = None;
        actions.push(Action::Tell(Notice::SignInNeeded { reason, message: message.clone() }));
        self.phase = Phase::LoginRequired { reason, message };
    }

    fn woken(&mut self, wake: Wake, now: Timestamp) {
        if wake != Wake::Deadline {
            self.hoped = self.in_flight.map(|_| self.earliest(wake, now));
            if let Some(trouble) = &mut self.trouble {
                trouble.hope_since = now;
            }
        }
        self.clock_stepped |=
            wake == Wake::ClockStep && matches!(self.phase, Phase::Fresh { .. } | Phase::Backoff(_));
        let refreshable = self.is_refreshable();
        match (wake, &mut self.phase) {
            (Wake::ClockStep, Phase::Fresh { due }) if refreshable => *due = (*due).min(now),
            (Wake::ClockStep | Wake::Resume | Wake::Network, Phase::Backoff(_)) => {
                self.hurry(self.earliest(wake, now), now);
            }
            _ => {}
        }
    }

    fn refresh_asked(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        if self.in_flight.is_none()
            && self.is_refreshable()
            && matches!(self.phase, Phase::Fresh { .. } | Phase::Backoff(_))
        {
            self.attempt(now, actions);
        }
    }

    fn token_asked(&mut self, min_validity: Duration, now: Timestamp) {
        let enough = self.token.as_ref().is_some_and(|token| token.left(now) >= min_validity);
        if enough || !self.is_refreshable() || min_validity > self.life() {
            return;
        }
        self.wanted = self.wanted.max(min_validity);
        match &mut self.phase {
            Phase::Fresh { due } => *due = (*due).min(now),
            Phase::Backoff(_) => self.hurry(self.earliest(Wake::Deadline, now), now),
            Phase::Unread | Phase::SignedOut | Phase::LoginRequired { .. } => {}
        }
    }

    /// Nothing was sent. Whoever waits for more than the token that came instead waits for another exchange.
    fn withdrawn(&mut self, now: Timestamp) {
        let (attempted_at, wanted) = self.before;
        self.in_flight = None;
        self.attempted_at = attempted_at.map(|at| at.min(now));
        self.token_asked(wanted, now);
    }

    /// Does what is due.
    fn look(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        if self.next_attempt().is_none_or(|(at, _)| at > now) {
            return;
        }
        if matches!(self.phase, Phase::Fresh { .. }) && !self.is_refreshable() {
            return self.sign_in_needed(Reason::NotRefreshable, None, actions);
        }
        self.attempt(now, actions);
    }

    fn attempt(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let unsaved = match &mut self.phase {
            Phase::Backoff(retry) => retry.unsaved.take(),
            _ => None,
        };
        self.generation.0 += 1;
        self.in_flight = Some(self.generation);
        self.clock_stepped = false;
        self.hoped = None;
        let generation = self.generation;
        if let Some((token, sent)) = unsaved.map(|pair| *pair) {
            return actions.push(Action::Save { generation, token, sent });
        }
        let wanted = std::mem::take(&mut self.wanted);
        self.before = (self.attempted_at.replace(now), wanted);
        let enough = schedule::lead(&self.policy, self.life()).max(wanted);
        actions.push(Action::Exchange { generation, known: self.token.clone(), enough });
    }

    /// Of the token: as it is known, else as was learned or is usual, which may be wrong.
    fn life(&self) -> Duration {
        let assumed = || self.memory.token_life().unwrap_or(TYPICAL_LIFE).max(self.left_at_first);
        self.token.as_ref().and_then(Token::life).unwrap_or_else(assumed)
    }
}
