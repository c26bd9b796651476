//! [`Pace`]: when an exchange that a session asked for begins. A thousand tokens that are due at once are no load
//! for the server, and one server that hangs is no delay for the sessions of another.
//!
//! It decides alone: what is queued, the time and what has ended come from outside, so that lives can be simulated.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{session::event::Generation, time::Timestamp};

/// The most exchanges that begin within a second. They begin evenly spaced.
pub const PER_SECOND: u32 = 20;

/// The most exchanges in flight at one server.
pub const AT_ONE_SERVER: usize = 20;

const SPACING: Duration = Duration::from_millis(1000 / PER_SECOND as u64);

/// How far behind the others a token waits that has expired already. Nothing can be late any more that is, and
/// sessions whose server fails must not overtake all those that can still be kept fresh, again and again.
const EXPIRED_WAITS: Duration = Duration::from_secs(60);

/// Whoever is waited for goes before all that have more than this left; those that have less would be late for it.
const ASKED_WAITS: Duration = Duration::from_secs(10);

/// An exchange that is to be made.
#[derive(Debug)]
pub struct Queued<T> {
    /// Whose.
    pub session: String,
    /// With which server: its URL.
    pub server: String,
    /// The one of the session's request.
    pub generation: Generation,
    /// When the token that is to be replaced ends.
    pub expires_at: Timestamp,
    /// What is to be done.
    pub work: T,
}

/// The exchanges that wait to begin, and how many are under way.
#[derive(Debug)]
pub struct Pace<T> {
    waiting: BTreeMap<String, (Place, Queued<T>)>,
    servers: BTreeMap<String, Server>,
    /// The least time between two.
    spacing: Duration,
    /// When the last one began.
    begun_at: Option<Timestamp>,
    /// How many were ever queued.
    count: u64,
}

/// The first one goes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    deadline: Timestamp,
    count: u64,
    session: String,
}

#[derive(Debug, Default)]
struct Server {
    waiting: BTreeSet<Place>,
    in_flight: usize,
}

impl<T> Default for Pace<T> {
    fn default() -> Self {
        Self::spaced(SPACING)
    }
}

impl<T> Pace<T> {
    /// One with that much time between any two.
    pub fn spaced(spacing: Duration) -> Self {
        Self { waiting: BTreeMap::new(), servers: BTreeMap::new(), spacing, begun_at: None, count: 0 }
    }

    /// Queues an exchange, in the place of one that waits for the same session. Whose token ends first goes first.
    pub fn queue(&mut self, queued: Queued<T>, now: Timestamp) {
        self.withdraw(&queued.session);
        let deadline = if queued.expires_at > now { queued.expires_at } else { now.after(EXPIRED_WAITS) };
        self.count += 1;
        let place = Place { deadline, count: self.count, session: queued.session.clone() };
        self.servers.entry(queued.server.clone()).or_default().waiting.insert(place.clone());
        self.waiting.insert(queued.session.clone(), (place, queued));
    }

    /// Somebody waits for `session`: its exchange, if it is queued, goes before all that can wait a little.
    pub fn hurry(&mut self, session: &str, now: Timestamp) {
        if let Some((place, queued)) = self.waiting.get_mut(session)
            && let Some(server) = self.servers.get_mut(&queued.server)
        {
            server.waiting.remove(place);
            place.deadline = place.deadline.min(now.after(ASKED_WAITS));
            server.waiting.insert(place.clone());
        }
    }

    /// The generation of the exchange that is queued for `session`.
    pub fn queued(&self, session: &str) -> Option<Generation> {
        self.waiting.get(session).map(|(_, queued)| queued.generation)
    }

    /// Takes the exchange of `session` off the queue, where it has not begun.
    pub fn withdraw(&mut self, session: &str) -> Option<Queued<T>> {
        let (place, queued) = self.waiting.remove(session)?;
        if let Some(server) = self.servers.get_mut(&queued.server) {
            server.waiting.remove(&place);
        }
        self.forget_idle(&queued.server);
        Some(queued)
    }

    /// Takes all that has not begun off the queue.
    pub fn withdraw_all(&mut self) {
        self.waiting.clear();
        self.servers.retain(|_, server| {
            server.waiting.clear();
            server.in_flight > 0
        });
    }

    /// The next exchange, if it may begin at `now`: it counts as begun from then on, until [`Self::ended`].
    pub fn begin(&mut self, now: Timestamp) -> Option<Queued<T>> {
        // A clock that was set back must not park anything.
        self.begun_at = self.begun_at.map(|at| at.min(now));
        if self.begun_at.is_some_and(|at| at.after(self.spacing) > now) {
            return None;
        }
        let session = self.first()?.session.clone();
        let queued = self.withdraw(&session)?;
        self.servers.entry(queued.server.clone()).or_default().in_flight += 1;
        self.begun_at = Some(now);
        Some(queued)
    }

    /// When the next one may begin; `None` where nothing waits, or only for an answer.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.first()?;
        Some(self.begun_at.map_or(now, |at| at.min(now).after(self.spacing)))
    }

    /// An exchange with `server` that had begun has ended.
    pub fn ended(&mut self, server: &str) {
        if let Some(known) = self.servers.get_mut(server) {
            known.in_flight = known.in_flight.saturating_sub(1);
        }
        self.forget_idle(server);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn first(&self) -> Option<&Place> {
        if self.is_empty() {
            return None;
        }
        let open = self.servers.values().filter(|server| server.in_flight < AT_ONE_SERVER);
        open.filter_map(|server| server.waiting.first()).min()
    }

    fn forget_idle(&mut self, server: &str) {
        if self.servers.get(server).is_some_and(|known| known.in_flight == 0 && known.waiting.is_empty()) {
            self.servers.remove(server);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn queued(session: &str, server: &str, left: i64) -> Queued<()> {
        Queued {
            session: session.into(),
            server: server.into(),
            generation: Generation(7),
            expires_at: Timestamp::from_millis(NOW.millis() + left * 1000),
            work: (),
        }
    }

    fn at(millis: u64) -> Timestamp {
        NOW.after(Duration::from_millis(millis))
    }

    /// Begins all that may begin by the time that nothing can any more; each ends at once.
    fn order(pace: &mut Pace<()>) -> Vec<String> {
        let (mut now, mut sessions) = (NOW, Vec::new());
        while let Some(next) = pace.next(now) {
            now = now.max(next);
            let queued = pace.begin(now).unwrap();
            pace.ended(&queued.server);
            sessions.push(queued.session);
        }
        sessions
    }

    #[test]
    fn no_more_than_twenty_begin_in_any_second() {
        let mut pace = Pace::default();
        for number in 0..100 {
            pace.queue(queued(&number.to_string(), &format!("server {}", number % 10), 60), NOW);
        }
        let mut begun = Vec::new();
        for millis in 0..6000 {
            while pace.begin(at(millis)).is_some() {
                begun.push(millis);
            }
            assert_eq!(pace.next(at(millis)).is_some(), !pace.is_empty());
        }
        assert_eq!(begun.len(), 100, "all begin");
        assert_eq!(begun[0], 0, "the first at once");
        assert!(begun.windows(21).all(|window| window[20] - window[0] >= 1000), "{begun:?}");
        assert_eq!(begun[99], 99 * 50, "and no slower than that");
    }

    #[test]
    fn the_one_with_the_least_left_goes_first_and_a_wish_before_all_that_can_wait() {
        let mut pace = Pace::default();
        for (session, left) in
            [("long", 600), ("expired", -5), ("short", 30), ("asked", 3000), ("longer", 900), ("last", 3)]
        {
            pace.queue(queued(session, "server", left), NOW);
        }
        for session in ["asked", "last", "unknown"] {
            pace.hurry(session, NOW);
        }
        assert_eq!(order(&mut pace), ["last", "asked", "short", "expired", "long", "longer"]);
    }

    #[test]
    fn sessions_that_fail_again_and_again_hold_nobody_up_until_it_is_late() {
        let mut pace = Pace::default();
        pace.queue(queued("good", "server", 150), NOW);
        let mut begun_at = None;
        for tick in 0..20 * 150 {
            let now = at(tick * 50);
            for failing in 0..50 {
                let session = format!("failing {failing}");
                if pace.queued(&session).is_none() {
                    pace.queue(queued(&session, "server", -1), now);
                }
            }
            let begun = pace.begin(now).unwrap();
            pace.ended(&begun.server);
            if begun.session == "good" {
                begun_at = Some(tick / 20);
            }
        }
        assert!(begun_at.is_some_and(|second| second < 100), "{begun_at:?}");
    }

    #[test]
    fn callers_without_end_make_nobody_late() {
        let mut pace = Pace::default();
        pace.queue(queued("due", "server", 40), NOW);
        let begins = (0..1000).find(|tick| {
            let now = at(tick * 50);
            let session = format!("asked {tick}");
            pace.queue(queued(&session, "server", 3000), now);
            pace.hurry(&session, now);
            let begun = pace.begin(now).unwrap();
            pace.ended(&begun.server);
            begun.session == "due"
        });
        assert_eq!(begins.map(|tick| tick / 20), Some(30), "with ten seconds left");
    }

    #[test]
    fn a_server_that_hangs_holds_up_no_other() {
        let mut pace = Pace::default();
        for number in 0..100 {
            pace.queue(queued(&format!("hangs {number}"), "hung", 1), NOW);
        }
        let mut now = NOW;
        while let Some(next) = pace.next(now) {
            now = now.max(next);
            pace.begin(now).unwrap();
        }
        assert_eq!((pace.len(), pace.begin(at(60_000)).is_none()), (100 - AT_ONE_SERVER, true));
        pace.queue(queued("well", "other", 600), NOW);
        assert_eq!(pace.begin(at(60_000)).map(|queued| queued.session).as_deref(), Some("well"));
        pace.ended("hung");
        assert!(pace.begin(at(60_050)).is_some_and(|queued| queued.server == "hung"), "one place is free");
        assert!(pace.begin(at(60_100)).is_none());
    }

    #[test]
    fn what_is_withdrawn_never_begins_and_leaves_nothing() {
        let mut pace = Pace::default();
        for session in ["stays", "goes"] {
            pace.queue(queued(session, "server", 60), NOW);
        }
        pace.queue(queued("goes", "moved", 60), NOW);
        assert_eq!((pace.len(), pace.queued("goes")), (2, Some(Generation(7))));
        assert!(pace.withdraw("goes").is_some_and(|queued| queued.server == "moved"));
        assert!(pace.withdraw("goes").is_none() && pace.queued("goes").is_none());
        assert_eq!(order(&mut pace), ["stays"]);
        pace.queue(queued("stays", "server", 60), NOW);
        pace.withdraw_all();
        assert!(pace.is_empty() && pace.next(NOW).is_none() && pace.servers.is_empty());
    }

    #[test]
    fn a_clock_that_is_set_back_parks_nothing() {
        let mut pace = Pace::default();
        pace.queue(queued("one", "server", 60), NOW);
        pace.begin(NOW).unwrap();
        pace.queue(queued("two", "server", 60), NOW);
        let back = NOW.before(Duration::from_secs(86_400));
        assert_eq!(pace.next(back), Some(back.after(SPACING)));
        assert!(pace.begin(back).is_none());
        assert!(pace.begin(back.after(SPACING)).is_some());
    }
}
