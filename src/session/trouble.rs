//! [`Trouble`]: what a session does about attempts that fail, from the first to the one that ends the session or
//! the row of failures.

use super::{
    Phase, Retry, Session,
    event::{Action, Failure, Notice, Reason, Wake},
    schedule::{self, CONFIRM_AFTER, LONGEST_RETRY_AFTER, SHORTEST_BACKOFF},
    token::Token,
};
use crate::time::Timestamp;

/// An unbroken row of failures.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) since: Timestamp,
    /// The backoff grows with the time since then: the beginning, or the last event that gave new hope.
    pub(super) hope_since: Timestamp,
    pub(super) message: String,
    /// The server said `invalid_grant` once.
    pub(super) refused: bool,
    pub(super) told: bool,
}

impl Session {
    /// A file that can't be read is no reason to give up a token that is still known.
    pub(super) fn unreadable(&mut self, message: String, now: Timestamp, actions: &mut Vec<Action>) {
        match &self.phase {
            Phase::Fresh { .. } => drop(self.trouble_since(now, &message)),
            Phase::Backoff(_) => {}
            // What the server said for good is not made better by a file that can't be read.
            Phase::LoginRequired { .. } if self.token.is_some() => {}
            Phase::Unread | Phase::SignedOut | Phase::LoginRequired { .. } => {
                self.sign_in_needed(Reason::Unreadable, Some(message), actions);
            }
        }
    }

    /// As long as nobody can look at the file, it may hold a token that needs no sign-in: an attempt looks again.
    pub(super) fn unreachable(
        &mut self,
        message: String,
        now: Timestamp,
        random: f64,
        actions: &mut Vec<Action>,
    ) {
        match &self.phase {
            Phase::Fresh { .. } => drop(self.trouble_since(now, &message)),
            Phase::Backoff(_) => {}
            Phase::LoginRequired { .. } if self.token.is_some() => {}
            Phase::Unread | Phase::SignedOut | Phase::LoginRequired { .. } => {
                self.generation.0 += 1;
                let failure = Failure { message, kind: "file", retry_after: None };
                self.failed(failure, None, now, random, actions);
            }
        }
    }

    pub(super) fn readable_again(&mut self) {
        if matches!(self.phase, Phase::Fresh { .. }) && self.in_flight.is_none() {
            self.trouble = None;
        }
    }

    /// One `invalid_grant` may be a race that a rival has just won: it is believed the second time. Whatever the
    /// file holds was read again before the outcome was called a refusal.
    pub(super) fn refused(
        &mut self,
        reason: Reason,
        message: String,
        now: Timestamp,
        actions: &mut Vec<Action>,
    ) {
        let confirmed = self.trouble.as_ref().is_some_and(|trouble| trouble.refused);
        if reason == Reason::InvalidGrant && !confirmed {
            let trouble = self.trouble_since(now, &message);
            trouble.refused = true;
            let retry = Retry { at: now.after(CONFIRM_AFTER), not_before: None, unsaved: None };
            self.phase = Phase::Backoff(retry);
            return;
        }
        if reason == Reason::InvalidGrant {
            self.learn_duration(now, actions);
        }
        self.sign_in_needed(reason, Some(message), actions);
    }

    pub(super) fn failed(
        &mut self,
        failure: Failure,
        unsaved: Option<Box<(Token, Token)>>,
        now: Timestamp,
        random: f64,
        actions: &mut Vec<Action>,
    ) {
        let trouble = self.trouble_since(now, &failure.message);
        let first = !std::mem::replace(&mut trouble.told, true);
        let wait = schedule::backoff(now.since(trouble.hope_since), random);
        let not_before = failure.retry_after.map(|after| now.after(after.min(LONGEST_RETRY_AFTER)));
        let at = self.hoped.take().map_or(now.after(wait), |hoped| hoped.max(now));
        let at = at.max(not_before.unwrap_or(now));
        self.phase = Phase::Backoff(Retry { at, not_before, unsaved });
        if first {
            actions.push(Action::Tell(Notice::Failing {
                message: failure.message,
                kind: failure.kind,
                retry_at: at,
            }));
        }
    }

    pub(super) fn trouble_since(&mut self, now: Timestamp, message: &str) -> &mut Trouble {
        let trouble = self.trouble.get_or_insert_with(|| Trouble {
            since: now,
            hope_since: now,
            message: String::new(),
            refused: false,
            told: false,
        });
        message.clone_into(&mut trouble.message);
        trouble
    }

    /// Brings the next attempt forward to `earliest`.
    pub(super) fn hurry(&mut self, earliest: Timestamp, now: Timestamp) {
        if let Phase::Backoff(retry) = &mut self.phase {
            retry.at = retry.at.min(earliest).max(retry.not_before.unwrap_or(now));
        }
    }

    /// When an event can lead to an attempt at the earliest: not so early that events could make it loop. A network
    /// that returns is told seldom enough, and is what was waited for.
    pub(super) fn earliest(&self, wake: Wake, now: Timestamp) -> Timestamp {
        let last = self.attempted_at.filter(|_| wake != Wake::Network);
        last.map_or(now, |at| now.max(at.after(SHORTEST_BACKOFF)))
    }
}
