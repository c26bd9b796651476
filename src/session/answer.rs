//! What a session says of itself: [`Answer`] to who wants its token, [`Status`] to who looks.

use std::time::Duration;

use super::{
    Phase, Retry, Session,
    event::Reason,
    status::{Next, State, Status},
    token::{Secret, Token},
};
use crate::time::Timestamp;

/// What a session can say now to a program that wants its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Here it is.
    Token(&'a Token),
    /// An exchange is in flight or about to begin: ask again when it has ended.
    Wait,
    /// Only a sign-in helps.
    SignInNeeded {
        /// Why, in words.
        why: String,
    },
    /// It does not work at the moment.
    Temporary {
        /// What went wrong.
        message: String,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// No token of this session lasts that long.
    TooLong {
        /// How long they last.
        life: Duration,
    },
}

impl Session {
    /// How many exchanges have ended so far.
    pub fn attempts(&self) -> u64 {
        self.attempts
    }

    /// The access token, good or not.
    pub fn access_token(&self) -> Option<&Secret> {
        self.token.as_ref().map(|token| &token.access_token)
    }

    /// Whether another exchange has to wait, unless the user wants one: the last one was a moment ago and went well, or
    /// the server asked for patience.
    pub fn rests(&self, now: Timestamp) -> bool {
        let until = match &self.phase {
            Phase::Fresh { .. } => self.attempted_at.map(|at| at.after(self.policy.floor)),
            Phase::Backoff(Retry { not_before, .. }) => *not_before,
            Phase::Unread | Phase::SignedOut | Phase::LoginRequired { .. } => None,
        };
        self.in_flight.is_none() && until.is_some_and(|at| at > now)
    }

    /// What there is for a program that wants a token which is good for `min_validity`, and that has seen
    /// `attempts` exchanges end when it asked.
    pub fn answer(&self, min_validity: Duration, attempts: u64, now: Timestamp) -> Answer<'_> {
        if let Some(token) = self.token.as_ref().filter(|token| is_good(token, min_validity, now)) {
            return Answer::Token(token);
        }
        if self.in_flight.is_some() {
            return Answer::Wait;
        }
        if let Some(why) = self.needs_sign_in() {
            return Answer::SignInNeeded { why };
        }
        match &self.phase {
            // A token that is just out does not last that long either.
            Phase::Fresh { .. } if min_validity > self.life() || self.attempts > attempts => {
                Answer::TooLong { life: self.life() }
            }
            Phase::Unread | Phase::Fresh { .. } | Phase::SignedOut | Phase::LoginRequired { .. } => {
                Answer::Wait
            }
            Phase::Backoff(retry) if self.is_worth_waiting(retry, attempts, now) => Answer::Wait,
            Phase::Backoff(retry) => Answer::Temporary { message: self.trouble_words(), retry_at: retry.at },
        }
    }

    /// Whether the first exchange after `attempts` was refused and the next, seconds later, is to confirm it: until
    /// then nobody can say whether a sign-in is needed.
    pub fn is_confirming(&self, attempts: u64) -> bool {
        let refused = self.trouble.as_ref().is_some_and(|trouble| trouble.refused);
        refused && matches!(self.phase, Phase::Backoff(_)) && self.attempts == attempts + 1
    }

    /// Why no exchange can give another token, in words; `None` where one can.
    pub fn needs_sign_in(&self) -> Option<String> {
        match &self.phase {
            Phase::SignedOut => Some("it is signed out".into()),
            // Which file, and what is wrong with it, nobody can guess.
            Phase::LoginRequired { reason: reason @ Reason::Unreadable, message } => {
                Some(words(*reason, message.as_deref()))
            }
            Phase::LoginRequired { reason, .. } => Some(reason.to_string()),
            Phase::Fresh { .. } if !self.is_refreshable() => {
                Some("its token was issued without a refresh token".into())
            }
            Phase::Unread | Phase::Fresh { .. } | Phase::Backoff(_) => None,
        }
    }

    /// How the session is doing. Never a secret.
    pub fn status(&self, now: Timestamp) -> Status {
        let token = self.token.as_ref();
        let end = self.session_end().filter(|(end, _)| *end > now);
        let login = format!("sso-refresh login {}", self.name);
        let (state, reason, remedy) = match &self.phase {
            _ if self.in_flight.is_some() => (State::Refreshing, None, None),
            Phase::Unread => (State::SignedOut, Some("its token file is being read".into()), None),
            Phase::SignedOut => (State::SignedOut, Some("there is no token file".into()), Some(login)),
            Phase::Fresh { .. } if !self.is_refreshable() => {
                (State::Fresh, Some("it was issued without a refresh token".into()), Some(login))
            }
            Phase::Fresh { .. } => (State::Fresh, None, None),
            Phase::Backoff(_) => (State::Backoff, None, None),
            Phase::LoginRequired { reason, message } => {
                (State::LoginRequired, Some(words(*reason, message.as_deref())), Some(login))
            }
        };
        Status {
            session: self.name.clone(),
            state,
            reason,
            expires_at: token.map(|token| token.expires_at),
            token_life_secs: token.map(|_| self.life().as_secs()),
            next: self.next_attempt().map(|(at, why)| Next { at, why: why.into() }),
            signed_in_at: self.memory.signed_in_at,
            session_ends_at: end.map(|(end, _)| end),
            session_end_source: end.map(|(_, source)| source),
            session_end_announced_at: end.map(|(end, _)| self.announced_at(end)),
            registration_expires_at: token
                .and_then(|token| token.registration.as_ref())
                .and_then(|registration| registration.expires_at),
            refreshed_at: self.refreshed_at,
            last_error: self.trouble.as_ref().map(|trouble| trouble.message.clone()),
            remedy,
            usable: token.is_some_and(|token| is_good(token, Duration::from_secs(1), now))
                && !matches!(self.phase, Phase::LoginRequired { .. }),
        }
    }

    /// Who asked before the last failure waits for the attempt that was brought forward for its sake, and for the
    /// one that confirms a refusal.
    fn is_worth_waiting(&self, retry: &Retry, attempts: u64, now: Timestamp) -> bool {
        const PATIENCE: Duration = Duration::from_secs(3);
        (self.attempts == attempts || self.is_confirming(attempts)) && retry.at <= now.after(PATIENCE)
    }

    fn trouble_words(&self) -> String {
        self.trouble.as_ref().map_or_else(String::new, |trouble| trouble.message.clone())
    }
}

fn is_good(token: &Token, min_validity: Duration, now: Timestamp) -> bool {
    token.left(now) >= min_validity.max(Duration::from_secs(1))
}

fn words(reason: Reason, message: Option<&str>) -> String {
    match message {
        Some(message) => format!("{reason} ({message})"),
        None => reason.to_string(),
    }
}
