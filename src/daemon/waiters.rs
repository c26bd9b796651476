//! Local programs that wait for a session: each is answered as soon as the session can say something.

use std::{collections::BTreeMap, time::Duration};

use tokio::sync::oneshot;

use super::desk::changed;
use crate::{
    api::{IssuedToken, Refusal},
    session::{Answer, Session, status::Status},
    time::{Timestamp, words},
};

/// Who waits, for which session.
#[derive(Debug, Default)]
pub struct Waiters(BTreeMap<String, Vec<Waiter>>);

#[derive(Debug)]
struct Waiter {
    /// How many exchanges of the session had ended when it asked.
    attempts: u64,
    wants: Wants,
}

#[derive(Debug)]
enum Wants {
    Token { min_validity: Duration, reply: oneshot::Sender<Result<IssuedToken, Refusal>> },
    Refresh { reply: oneshot::Sender<Result<Status, Refusal>> },
}

impl Waiters {
    /// Waits for a token of `session`, of which `attempts` exchanges have ended, that is good for `min_validity`.
    pub fn token(
        &mut self,
        session: &str,
        attempts: u64,
        min_validity: Duration,
        reply: oneshot::Sender<Result<IssuedToken, Refusal>>,
    ) {
        self.push(session, attempts, Wants::Token { min_validity, reply });
    }

    /// Waits for the exchange of `session` that is in flight.
    pub fn refresh(&mut self, session: &str, attempts: u64, reply: oneshot::Sender<Result<Status, Refusal>>) {
        self.push(session, attempts, Wants::Refresh { reply });
    }

    /// Whether anybody waits for `session`.
    pub fn wait_for(&self, session: &str) -> bool {
        self.0.contains_key(session)
    }

    /// Answers everybody who can be answered now that `session` has changed.
    pub fn settle(&mut self, session: &Session, now: Timestamp) {
        let Some(waiting) = self.0.remove(session.name()) else { return };
        let waiting: Vec<_> = waiting.into_iter().filter_map(|waiter| waiter.settle(session, now)).collect();
        if !waiting.is_empty() {
            self.0.insert(session.name().to_owned(), waiting);
        }
    }

    /// Tells everybody who waits for `session` that it is another or no more.
    pub fn dismiss(&mut self, session: &str) {
        for waiter in self.0.remove(session).unwrap_or_default() {
            // Whoever went away needs no answer.
            match waiter.wants {
                Wants::Token { reply, .. } => drop(reply.send(Err(changed(session)))),
                Wants::Refresh { reply } => drop(reply.send(Err(changed(session)))),
            }
        }
    }

    /// Lets nobody wait but for those sessions of which `will_change` says so. The others learn that the daemon stops.
    pub fn keep(&mut self, will_change: impl Fn(&str) -> bool) {
        self.0.retain(|session, _| will_change(session));
    }

    fn push(&mut self, session: &str, attempts: u64, wants: Wants) {
        self.0.entry(session.to_owned()).or_default().push(Waiter { attempts, wants });
    }
}

impl Waiter {
    /// Answers, or goes on waiting.
    fn settle(self, session: &Session, now: Timestamp) -> Option<Self> {
        match self.wants {
            Wants::Token { reply, .. } if reply.is_closed() => None,
            Wants::Token { min_validity, reply } => {
                let Some(answer) = answer(session, min_validity, self.attempts, now) else {
                    return Some(Self { wants: Wants::Token { min_validity, reply }, ..self });
                };
                drop(reply.send(answer));
                None
            }
            Wants::Refresh { reply }
                if session.is_refreshing() && session.attempts() == self.attempts
                    || session.is_confirming(self.attempts) =>
            {
                Some(Self { wants: Wants::Refresh { reply }, ..self })
            }
            Wants::Refresh { reply } => {
                drop(reply.send(refreshed(session, now)));
                None
            }
        }
    }
}

/// What `session` can say now; `None` where it is worth waiting.
pub fn answer(
    session: &Session,
    min_validity: Duration,
    attempts: u64,
    now: Timestamp,
) -> Option<Result<IssuedToken, Refusal>> {
    let name = session.name();
    match session.answer(min_validity, attempts, now) {
        Answer::Wait => None,
        Answer::Token(token) => Some(Ok(IssuedToken {
            session: name.to_owned(),
            access_token: token.access_token.clone(),
            expires_at: token.expires_at,
        })),
        Answer::SignInNeeded { why } => Some(Err(sign_in_needed(name, &why))),
        Answer::Temporary { message, retry_at } => {
            let retry_after = retry_at.since(now);
            let message = format!("{message}; it is tried again in {}", words(retry_after));
            Some(Err(Refusal::Temporary { message, retry_after: Some(retry_after) }))
        }
        Answer::TooLong { life } => Some(Err(Refusal::TooLong {
            message: format!("the tokens of `{name}` last {}: ask for less than that", words(life)),
        })),
    }
}

/// What came of an exchange of `session` that somebody asked for.
pub fn refreshed(session: &Session, now: Timestamp) -> Result<Status, Refusal> {
    let status = session.status(now);
    if let Some(why) = session.needs_sign_in() {
        return Err(sign_in_needed(session.name(), &why));
    }
    match status.last_error {
        Some(message) => {
            Err(Refusal::Temporary { message, retry_after: status.next.map(|next| next.at.since(now)) })
        }
        None => Ok(status),
    }
}

/// The refusal of a session that needs a sign-in, for the reason `why`.
pub(super) fn sign_in_needed(session: &str, why: &str) -> Refusal {
    let message = format!("`{session}` needs a sign-in, since {why}: run `sso-refresh login {session}`");
    Refusal::SignInNeeded { session: session.to_owned(), message }
}
