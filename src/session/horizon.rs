//! What lies ahead: the end of the Identity Center session, which no response tells and which is learned or
//! configured, and the end of the client registration, which the token file tells.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Phase, Session,
    event::{Action, Memory, Notice, Reason},
    schedule::TYPICAL_LIFE,
    status::EndSource,
    token::Token,
};
use crate::time::Timestamp;

/// How long before the end of the client registration it is announced.
pub const REGISTRATION_WARNING: Duration = Duration::from_secs(24 * 3600);

/// What stands for the expiry of a token that nobody could read.
const NO_TOKEN: Timestamp = Timestamp::from_secs(0);

/// Something that only the user can do something about. It is the same one as long as its moments are the same, over
/// restarts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Only a sign-in helps.
    SignInNeeded {
        /// Why.
        reason: Reason,
        /// When the token ends, or ended, for which that is so.
        lost: Timestamp,
    },
    /// The Identity Center session is about to end, and that was announced.
    SessionEnding {
        /// When.
        at: Timestamp,
        /// The sign-in that it began with.
        signed_in_at: Timestamp,
    },
}

/// The last concerns of each kind that the user has been shown, kept across restarts so that none is shown twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// [`Concern::SignInNeeded`] of the token that ended then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<Timestamp>,
    /// [`Concern::SessionEnding`] of the sign-in at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Timestamp>,
}

impl Session {
    /// What the user is to know of at this moment.
    pub fn concern(&self, now: Timestamp) -> Option<Concern> {
        match &self.phase {
            Phase::Unread | Phase::SignedOut => None,
            Phase::LoginRequired { reason, .. } => {
                let lost = self.token.as_ref().map_or(NO_TOKEN, |token| token.expires_at);
                Some(Concern::SignInNeeded { reason: *reason, lost })
            }
            Phase::Fresh { .. } | Phase::Backoff(_) => {
                let signed_in_at = self.memory.signed_in_at?;
                let (at, _) = self.session_end().filter(|(at, _)| *at > now)?;
                (self.memory.end_announced_for == Some(signed_in_at))
                    .then_some(Concern::SessionEnding { at, signed_in_at })
            }
        }
    }

    /// When the token ends that is known.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.token.as_ref().map(|token| token.expires_at)
    }

    /// When the Identity Center session likely ends, and how that is known.
    pub(super) fn session_end(&self) -> Option<(Timestamp, EndSource)> {
        let (duration, source) = self.session_duration()?;
        Some((self.memory.signed_in_at?.after(duration), source))
    }

    fn session_duration(&self) -> Option<(Duration, EndSource)> {
        let configured = self.policy.session_duration.map(|duration| (duration, EndSource::Configured));
        configured.or_else(|| self.memory.learned_duration().map(|duration| (duration, EndSource::Learned)))
    }

    /// When `end` is to be announced: not right at the sign-in, however short the session is.
    pub(super) fn announced_at(&self, end: Timestamp) -> Timestamp {
        let half = self.session_duration().map_or(Duration::ZERO, |(duration, _)| duration) / 2;
        end.before(self.policy.warn_before_session_end.min(half))
    }

    /// The next announcement that is still to be made.
    pub(super) fn next_announcement(&self) -> Option<(Timestamp, &'static str)> {
        if matches!(self.phase, Phase::Unread | Phase::SignedOut | Phase::LoginRequired { .. }) {
            return None;
        }
        let session = self
            .unannounced_session_end()
            .map(|end| (self.announced_at(end), "announce the end of the session"));
        let registration = self
            .unannounced_registration_end()
            .map(|end| (end.before(REGISTRATION_WARNING), "announce the end of the client registration"));
        [session, registration].into_iter().flatten().min()
    }

    /// Announces what has come near enough.
    pub(super) fn look_ahead(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        while self.next_announcement().is_some_and(|(at, _)| at <= now) {
            if let Some(at) = self.unannounced_session_end()
                && self.announced_at(at) <= now
            {
                self.memory.end_announced_for = self.memory.signed_in_at;
                actions.push(Action::Remember(self.memory));
                if at > now {
                    actions.push(Action::Tell(Notice::SessionEnding { at }));
                }
            } else if let Some(at) = self.unannounced_registration_end() {
                self.registration_announced = Some(at);
                actions.push(Action::Tell(Notice::RegistrationEnding { at }));
            }
        }
    }

    /// A token that appears where there was none, or where only a sign-in could help, is a sign-in; so is one
    /// whose writer left word of it in `memory`.
    pub(super) fn note_sign_in(&mut self, memory: Memory, now: Timestamp, actions: &mut Vec<Action>) {
        if self.take_word(memory) {
            return;
        }
        if matches!(self.phase, Phase::SignedOut | Phase::LoginRequired { .. }) {
            self.memory.signed_in_at = Some(now);
            actions.push(Action::Remember(self.memory));
        }
    }

    /// Believes what the writer of the file left word of, which may come after the file itself; whether it is news.
    pub(super) fn take_word(&mut self, memory: Memory) -> bool {
        let is_news = memory.signed_in_at > self.memory.signed_in_at;
        if is_news {
            self.memory.signed_in_at = memory.signed_in_at;
        }
        is_news
    }

    pub(super) fn forget_sign_in(&mut self, actions: &mut Vec<Action>) {
        if self.memory.signed_in_at.take().is_some() {
            actions.push(Action::Remember(self.memory));
        }
    }

    /// Learns the life of a token, and that the session outlasts what was learned of its duration.
    pub(super) fn note_refresh(&mut self, token: &Token, now: Timestamp, actions: &mut Vec<Action>) {
        let before = self.memory;
        self.memory.token_life_secs = token.life().map(|life| life.as_secs()).or(before.token_life_secs);
        let learned_end = self.memory.signed_in_at.zip(self.memory.learned_duration());
        if learned_end.is_some_and(|(signed_in_at, duration)| signed_in_at.after(duration) < now) {
            self.memory.learned_duration_secs = None;
        }
        if self.memory != before {
            actions.push(Action::Remember(self.memory));
        }
    }

    /// Learns the duration of a session from its end, if that was seen from near: a laptop that slept for a
    /// weekend has seen nothing.
    pub(super) fn learn_duration(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        let seen_from_near = self
            .refreshed_at
            .is_some_and(|at| now.since(at) <= self.memory.token_life().unwrap_or(TYPICAL_LIFE));
        if let (Some(signed_in_at), true) = (self.memory.signed_in_at, seen_from_near) {
            self.memory.learned_duration_secs = Some(now.since(signed_in_at).as_secs());
            actions.push(Action::Remember(self.memory));
        }
    }

    fn unannounced_session_end(&self) -> Option<Timestamp> {
        let announced = self.memory.end_announced_for == self.memory.signed_in_at;
        self.session_end().filter(|_| !announced).map(|(end, _)| end)
    }

    fn unannounced_registration_end(&self) -> Option<Timestamp> {
        let end = self.token.as_ref()?.registration.as_ref()?.expires_at?;
        (self.registration_announced != Some(end)).then_some(end)
    }
}

impl Memory {
    /// The life of an access token, where an exchange has shown it.
    pub fn token_life(&self) -> Option<Duration> {
        self.token_life_secs.map(Duration::from_secs)
    }

    /// How long a sign-in lasts, where one was seen from beginning to end.
    pub fn learned_duration(&self) -> Option<Duration> {
        self.learned_duration_secs.map(Duration::from_secs)
    }
}
