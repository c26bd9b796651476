//! [`Broker`]: which role credentials are in hand, who gets them, and when others are fetched.
//!
//! It decides alone: what is asked, the time and what was fetched come from outside. One fetch a role is in flight,
//! whoever asks; one that fails takes nothing away that is still good.

use std::{collections::BTreeMap, time::Duration};

use super::agenda::Agenda;
use crate::{
    api::Refusal,
    bearer::{over, too_long},
    session::{
        event::Generation,
        role::{Role, RoleCredentials, lasts},
    },
    time::Timestamp,
};

/// Credentials are handed out while more than this is left: with less, botocore asks again for each use.
const ENOUGH: Duration = Duration::from_secs(15 * 60);

/// They are renewed when this is left …
const RENEW_BEFORE: Duration = Duration::from_secs(20 * 60);

/// … while somebody has asked for them within this time.
const IN_USE: Duration = Duration::from_secs(60 * 60);

/// What is left at least of what is handed out when nothing better can be had: a request of an SDK and its retries. Of a
/// short life it is an eighth.
const LAST_RESORT: Duration = Duration::from_secs(60);

/// The least time between two fetches of one role, after one that brought nothing new; half of a short life. After one that
/// did it is the least time since the one before: whoever wants some that last a moment longer gets them at once, and
/// whoever always does is no load for AWS.
const FLOOR: Duration = Duration::from_secs(30);

/// After one that failed; twice as long after each other one …
const FIRST_HOLD: Duration = Duration::from_secs(1);
/// … up to this …
const LONGEST_HOLD: Duration = Duration::from_secs(15);
/// … and to this where the server asks for it.
const LONGEST_ASKED: Duration = Duration::from_secs(5 * 60);

/// The role credentials of all sessions.
#[derive(Debug, Default)]
pub struct Broker {
    held: BTreeMap<Role, Held>,
    agenda: Agenda<Role>,
    /// How many fetches were begun.
    count: u64,
}

/// Something to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Of which role.
    pub role: Role,
    /// Comes back with the result: one that comes too late is dropped.
    pub generation: Generation,
    /// When the credentials that are in hand end, or now.
    pub expires_at: Timestamp,
}

/// What a fetch says that is worth more than a line for whoever looks for mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It went well, or still fails.
    Nothing,
    /// It is the first one that failed; whoever asked is told.
    Fails,
    /// The same, and nobody may have asked: what is in hand will not last.
    RenewalFails,
}

#[derive(Debug)]
struct Held {
    credentials: Option<RoleCredentials>,
    /// How much was left of them when they came.
    life: Duration,
    asked_at: Timestamp,
    in_flight: Option<Generation>,
    /// How many fetches have ended.
    attempts: u64,
    /// No other one before.
    not_before: Timestamp,
    /// When the last new ones came.
    renewed_at: Option<Timestamp>,
    /// Why the last one failed.
    trouble: Option<Refusal>,
    /// How many have failed since one went well.
    failures: u32,
}

impl Broker {
    /// Somebody asks for credentials that are good for `min_validity`: what is to be fetched for that, and how many
    /// fetches had ended before.
    pub fn ask(
        &mut self,
        role: &Role,
        min_validity: Option<Duration>,
        now: Timestamp,
    ) -> (Option<Fetch>, u64) {
        let held = self.held.entry(role.clone()).or_insert_with(|| Held::new(now));
        held.asked_at = now;
        let attempts = held.attempts;
        let wanted =
            held.is_due(now) || !held.suffices(min_validity, now) && held.could_suffice(min_validity);
        (if wanted { self.begin(role, now) } else { None }, attempts)
    }

    /// What there is for somebody who wants credentials that are good for `min_validity`, and who asked when `attempts`
    /// fetches had ended; `None` where it is worth waiting.
    pub fn answer(
        &self,
        role: &Role,
        min_validity: Option<Duration>,
        attempts: u64,
        now: Timestamp,
    ) -> Option<Result<RoleCredentials, Refusal>> {
        let Some(held) = self.held.get(role) else { return Some(Err(ask_again())) };
        let credentials = held.credentials.as_ref().filter(|held| held.left(now) > Duration::ZERO);
        let left = credentials.map_or(Duration::ZERO, |held| held.left(now));
        if let Some(credentials) = credentials.filter(|_| held.suffices(min_validity, now)) {
            return Some(Ok(credentials.clone()));
        }
        // Where nothing better can be had: it must do for a request at least.
        let does = held.trouble.is_none() || left >= LAST_RESORT.min(held.life / 8);
        let usable = credentials.filter(|_| min_validity.is_none() && does);
        if held.in_flight.is_some() && held.attempts == attempts {
            // An SDK gives up long before a fetch that gets no answer does: who can do with what is in hand does not
            // wait for another one once one has failed.
            return usable.filter(|_| held.trouble.is_some()).map(|credentials| Ok(credentials.clone()));
        }
        let given = match (usable, &held.trouble) {
            (Some(credentials), _) => Ok(credentials.clone()),
            (None, Some(Refusal::Temporary { message, .. })) => Err(Refusal::Temporary {
                message: message.clone(),
                retry_after: Some(held.not_before.since(now)),
            }),
            (None, Some(trouble)) => Err(trouble.clone()),
            (None, None) if credentials.is_some() => Err(too_long(role, held.life)),
            (None, None) => Err(over(Some(held.not_before.since(now)))),
        };
        Some(given)
    }

    /// A fetch has ended: what is new, if it was still awaited.
    pub fn fetched(
        &mut self,
        fetch: &Fetch,
        result: Result<RoleCredentials, Refusal>,
        now: Timestamp,
    ) -> Option<News> {
        let held = self.held.get_mut(&fetch.role).filter(|held| held.in_flight == Some(fetch.generation))?;
        held.in_flight = None;
        held.attempts += 1;
        let failures = held.failures;
        match result {
            Ok(credentials) => held.keep(credentials, Duration::ZERO, now),
            Err(refusal) => {
                held.not_before = now.after(hold(failures, &refusal));
                held.failures = failures.saturating_add(1);
                held.trouble = Some(refusal);
            }
        }
        let news = match (failures, held.failures, &held.credentials) {
            (0, 1, Some(_)) => News::RenewalFails,
            (0, 1, None) => News::Fails,
            _ => News::Nothing,
        };
        self.plan(&fetch.role);
        Some(news)
    }

    /// Credentials of `role` have come by another way than a fetch. They need not be new: what is left of them says
    /// little of how long they live.
    pub fn keep(&mut self, role: &Role, credentials: RoleCredentials, now: Timestamp) {
        let held = self.held.entry(role.clone()).or_insert_with(|| Held::new(now));
        held.keep(credentials, held.life, now);
        self.plan(role);
    }

    /// When [`Self::due`] has something to do.
    pub fn next(&self) -> Option<Timestamp> {
        self.agenda.next()
    }

    /// What is to be renewed now. What is over, or nobody asks for any more, is dropped.
    pub fn due(&mut self, now: Timestamp) -> Vec<Fetch> {
        let mut fetches = Vec::new();
        for role in self.agenda.due(now) {
            let Some(held) = self.held.get_mut(&role) else { continue };
            held.credentials.take_if(|credentials| credentials.left(now).is_zero());
            let in_use = now.since(held.asked_at) <= IN_USE;
            match &held.credentials {
                Some(_) if held.is_due(now) && in_use => {
                    fetches.extend(self.begin(&role, now));
                    self.plan(&role);
                }
                // Whoever asks from now on makes it renewed.
                Some(credentials) if held.is_due(now) => {
                    let end = credentials.expires_at;
                    self.agenda.set(&role, Some(end));
                }
                None if held.in_flight.is_none() => self.remove(&role),
                Some(_) | None => self.plan(&role),
            }
        }
        fetches
    }

    /// Whether the last fetch of any role failed.
    pub(super) fn is_failing(&self) -> bool {
        self.held.values().any(|held| held.failures > 0)
    }

    /// Something happened to a session, or to all, that gives hope: nothing is held back any more.
    pub fn hope(&mut self, session: Option<&str>, now: Timestamp) {
        let concerned = self.held.keys().filter(|role| session.is_none_or(|name| name == role.session));
        for role in concerned.cloned().collect::<Vec<_>>() {
            if let Some(held) = self.held.get_mut(&role) {
                held.asked_at = held.asked_at.min(now);
                held.not_before = held.not_before.min(now);
            }
            self.plan(&role);
        }
    }

    /// A session got a token of somebody else's making, who may have signed in as another user: nothing that was had with
    /// the one of before is handed out any more. What is to be fetched again for those who wait.
    pub fn start_over(&mut self, session: &str, now: Timestamp) -> Vec<Fetch> {
        let mut fetches = Vec::new();
        let concerned = self.held.keys().filter(|role| role.session == session);
        for role in concerned.cloned().collect::<Vec<_>>() {
            let Some(held) = self.held.get_mut(&role) else { continue };
            let awaited = held.in_flight.is_some();
            *held = Held { attempts: held.attempts, asked_at: held.asked_at.min(now), ..Held::new(now) };
            fetches.extend(if awaited { self.begin(&role, now) } else { None });
            self.plan(&role);
        }
        fetches
    }

    /// Keeps the credentials only of those roles of which `wanted` says so. The roles that are no more.
    pub fn retain(&mut self, wanted: impl Fn(&Role) -> bool) -> Vec<Role> {
        let unwanted: Vec<Role> = self.held.keys().filter(|role| !wanted(role)).cloned().collect();
        for role in &unwanted {
            self.remove(role);
        }
        unwanted
    }

    fn begin(&mut self, role: &Role, now: Timestamp) -> Option<Fetch> {
        let held = self.held.get_mut(role)?;
        // A clock that was set back must not park anything.
        held.not_before = held.not_before.min(now.after(LONGEST_ASKED));
        if held.in_flight.is_some() || held.not_before > now {
            return None;
        }
        self.count += 1;
        let generation = Generation(self.count);
        held.in_flight = Some(generation);
        let expires_at = held.credentials.as_ref().map_or(now, |credentials| credentials.expires_at);
        self.plan(role);
        Some(Fetch { role: role.clone(), generation, expires_at })
    }

    fn plan(&mut self, role: &Role) {
        self.agenda.set(role, self.held.get(role).and_then(Held::next));
    }

    fn remove(&mut self, role: &Role) {
        self.held.remove(role);
        self.agenda.set(role, None);
    }
}

impl Held {
    fn new(now: Timestamp) -> Self {
        Self {
            credentials: None,
            life: Duration::ZERO,
            asked_at: now,
            in_flight: None,
            attempts: 0,
            not_before: now,
            renewed_at: None,
            trouble: None,
            failures: 0,
        }
    }

    /// They live as long as what is left of them, or `life`.
    fn keep(&mut self, credentials: RoleCredentials, life: Duration, now: Timestamp) {
        // No success shortens what is in hand.
        let old = self.credentials.as_ref();
        let mut is_new = false;
        if old.is_none_or(|old| old.expires_at <= credentials.expires_at) {
            // Those that are in hand already live as long as they did.
            let same = old.is_some_and(|old| old.access_key_id == credentials.access_key_id);
            is_new = !same;
            self.life = credentials.left(now).max(if same { self.life } else { life });
            self.credentials = Some(credentials);
        }
        let floor = if self.life.is_zero() { FLOOR } else { FLOOR.min(self.life / 2) };
        let before = if is_new && !self.life.is_zero() { self.renewed_at.replace(now) } else { Some(now) };
        // A clock that was set back must not park anything.
        self.not_before = before.map_or(now, |before| before.min(now).after(floor)).max(now);
        self.trouble = None;
        self.failures = 0;
    }

    /// Of a short life it is half.
    fn renew_before(&self) -> Duration {
        RENEW_BEFORE.min(self.life / 2)
    }

    fn renew_at(&self) -> Option<Timestamp> {
        Some(self.credentials.as_ref()?.expires_at.before(self.renew_before()))
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.renew_at().is_some_and(|at| at <= now)
    }

    fn suffices(&self, min_validity: Option<Duration>, now: Timestamp) -> bool {
        self.credentials.as_ref().is_some_and(|credentials| match min_validity {
            Some(min_validity) => credentials.last(min_validity, now),
            None => credentials.left(now) > ENOUGH.min(self.renew_before() * 3 / 4),
        })
    }

    /// Whether new ones may be good for that long: those that are in hand tell how long they live.
    fn could_suffice(&self, min_validity: Option<Duration>) -> bool {
        self.credentials.is_none() || min_validity.is_none_or(|validity| lasts(self.life, validity))
    }

    fn next(&self) -> Option<Timestamp> {
        let Some(credentials) = &self.credentials else {
            // Until then it is known how often it has failed.
            return self.in_flight.is_none().then_some(self.not_before.after(LONGEST_ASKED));
        };
        let renewal = self.renew_at()?.max(self.not_before);
        let waits = self.in_flight.is_none() && renewal < credentials.expires_at;
        Some(if waits { renewal } else { credentials.expires_at })
    }
}

fn hold(failures: u32, refusal: &Refusal) -> Duration {
    let own = FIRST_HOLD.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_HOLD);
    match refusal {
        Refusal::Temporary { retry_after: Some(asked), .. } => own.max((*asked).min(LONGEST_ASKED)),
        _ => own,
    }
}

fn ask_again() -> Refusal {
    Refusal::Temporary {
        message: "the settings have changed or the session was signed out: ask again".into(),
        retry_after: None,
    }
}

#[cfg(test)]
mod tests;
