//! [`Drive`]: a session in the hands of a test, and what its actions are in short.

use std::time::Duration;

use sso_refresh::{
    session::{
        Session,
        event::{Action, Event, Failure, Generation, Memory, Notice, Outcome, Reason, Stored, Wake},
        schedule::Policy,
        status::State,
        token::{Registration, Secret, Token},
    },
    time::Timestamp,
};

pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 24 * HOUR;
pub(crate) const YEAR: i64 = 365 * DAY;

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A token `name` that was issued at `issued` and ends at `expires`.
pub(crate) fn token(name: &str, issued: i64, expires: i64) -> Token {
    Token {
        access_token: Secret::new(format!("access-{name}")),
        expires_at: at(expires),
        issued_at: Some(at(issued)),
        refresh_token: Some(Secret::new(format!("refresh-{name}"))),
        registration: Some(Registration {
            client_id: "client".into(),
            client_secret: Secret::new("client-secret"),
            expires_at: Some(at(90 * DAY)),
        }),
    }
}

pub(crate) fn legacy(name: &str, expires: i64) -> Token {
    Token { refresh_token: None, ..token(name, 0, expires) }
}

/// Drives one session and writes down what it asks for.
pub(crate) struct Drive {
    pub(crate) session: Session,
    /// The generation of the last exchange or save that was asked for.
    pub(crate) asked: Generation,
}

impl Drive {
    pub(crate) fn new(policy: Policy, memory: Memory) -> Self {
        Self { session: Session::new("work", policy, memory, Generation(0)), asked: Generation(0) }
    }

    /// A session that took up `token` at `now`.
    pub(crate) fn with(token: Token, now: i64) -> Self {
        let mut drive = Self::new(Policy::default(), Memory::default());
        drive.read(now, Stored::Token(token));
        drive
    }

    pub(crate) fn event(&mut self, now: i64, event: Event) -> String {
        let actions = self.session.handle(event, at(now), 0.0);
        let words: Vec<String> = actions.iter().map(|action| self.word(action)).collect();
        if let Some((wake, why)) = self.session.next_wake() {
            assert!(wake > at(now), "a wake in the past: {why}");
        }
        words.join(" ")
    }

    pub(crate) fn word(&mut self, action: &Action) -> String {
        match action {
            Action::Read { .. } => "read".into(),
            Action::Exchange { generation, .. } => {
                self.asked = *generation;
                "exchange".into()
            }
            Action::Save { generation, .. } => {
                self.asked = *generation;
                "save".into()
            }
            Action::Remember(_) => "remember".into(),
            Action::Forget => "forget".into(),
            Action::Tell(notice) => match notice {
                Notice::TakenUp { .. } => "taken-up".into(),
                Notice::Refreshed { .. } => "refreshed".into(),
                Notice::Failing { .. } => "failing".into(),
                Notice::Recovered { after } => format!("recovered:{}", after.as_secs()),
                Notice::SignedOut => "signed-out".into(),
                Notice::SignInNeeded { reason, .. } => format!("sign-in:{reason:?}"),
                Notice::SessionEnding { at: end } => format!("session-ends:{}", end.since(at(0)).as_secs()),
                Notice::RegistrationEnding { .. } => "registration-ends".into(),
            },
        }
    }

    pub(crate) fn read(&mut self, now: i64, stored: Stored) -> String {
        let generation = self.session.generation();
        self.event(now, Event::Read { generation, stored, memory: Memory::default() })
    }

    pub(crate) fn done(&mut self, now: i64, outcome: Outcome) -> String {
        let generation = self.asked;
        self.event(now, Event::Exchanged { generation, outcome })
    }

    pub(crate) fn wake(&mut self, now: i64) -> String {
        self.event(now, Event::Woken(Wake::Deadline))
    }

    /// When it wants to be woken, in seconds after the beginning, and why.
    pub(crate) fn next(&self) -> Option<(i64, &'static str)> {
        self.session.next_wake().map(|(wake, why)| (wake.secs() - at(0).secs(), why))
    }

    pub(crate) fn state(&self, now: i64) -> State {
        self.session.status(at(now)).state
    }
}

pub(crate) fn failure(message: &str, retry_after: Option<u64>) -> Outcome {
    Outcome::Failed(Failure { message: message.into(), kind: "network", retry_after: retry_after.map(secs) })
}

pub(crate) fn refused(reason: Reason) -> Outcome {
    Outcome::Refused { reason, message: "no".into() }
}
