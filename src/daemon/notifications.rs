//! [`Notifications`]: what is to be on the user's screen. It knows no desktop, no clock and no file.
//!
//! Three things are shown: that a sign-in is needed, that a session is about to end, and that something works again
//! after it had failed for long. The first two are true or not at any moment, are taken away when they are not, and
//! once the user has put them away are never shown again, nor by another daemon unless this one has taken them away
//! itself. At most one is shown of a session.

mod words;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    platform::desktop::{Notification, Wanted},
    session::{
        event::Notice,
        horizon::{Concern, Seen},
    },
    time::Timestamp,
};

/// A failure below this is none that anybody has noticed.
const LONG: Duration = Duration::from_secs(600);
/// How long nothing more is said of what works again, of whatever session: an outage is one for all of them, and may
/// come again and again.
const QUIET: Duration = Duration::from_secs(12 * 3600);
/// How long after its button was pressed another press is taken for the same one.
const PRESS: Duration = Duration::from_secs(5);
/// The name under which it is shown what works again. No session is called that.
const REPAIRED: &str = "";

/// What is known of all sessions, and what is shown of them.
#[derive(Debug, Default)]
pub struct Notifications {
    on: bool,
    sessions: BTreeMap<String, Known>,
    repaired: Option<Repaired>,
    /// The last that was given to a notification.
    number: u64,
    differs: bool,
}

#[derive(Debug, Default)]
struct Known {
    seen: Seen,
    open: Option<Open>,
    /// How long the machine had slept when it began to fail.
    slept: Duration,
}

/// A concern that was not seen when it came up.
#[derive(Debug)]
struct Open {
    concern: Concern,
    number: u64,
    /// The user has put it away.
    over: bool,
    pressed_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Repaired {
    session: String,
    after: Duration,
    at: Timestamp,
    number: u64,
    /// It was shown, or is not true any more.
    over: bool,
}

/// A sign-in that the user has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// To which session.
    pub session: String,
    /// There is one that is about to end.
    pub renew: bool,
}

impl Notifications {
    /// Whether anything is to be shown from now on.
    pub fn set(&mut self, on: bool) {
        self.differs |= self.on != on;
        self.on = on;
    }

    /// There is a session of which that was `seen`.
    pub fn add(&mut self, session: &str, seen: Seen) {
        self.sessions.insert(session.to_owned(), Known { seen, ..Known::default() });
    }

    /// There is no such session any more.
    pub fn remove(&mut self, session: &str) {
        self.differs |= self.sessions.remove(session).is_some_and(|known| known.open.is_some());
    }

    /// That is the concern about `session`, whose token ends at `expires_at`. Gives what is to be kept of what was seen,
    /// where that is another than before.
    pub fn look(
        &mut self,
        session: &str,
        concern: Option<Concern>,
        expires_at: Option<Timestamp>,
    ) -> Option<Seen> {
        let known = self.sessions.get_mut(session)?;
        if known.open.as_ref().is_some_and(|open| concern.is_some_and(|concern| same(open.concern, concern)))
        {
            // There may be a desktop by now.
            self.differs = true;
            return None;
        }
        let is_news = concern.filter(|concern| !known.seen.has(*concern));
        self.differs |= known.open.is_some() || is_news.is_some();
        known.open = is_news.map(|concern| {
            self.number += 1;
            Open { concern, number: self.number, over: false, pressed_at: None }
        });
        let lost = known.seen.lost.filter(|_| concern.is_none());
        let found = lost.zip(expires_at).is_some_and(|(lost, expires_at)| lost.secs() != expires_at.secs());
        if found {
            known.seen.lost = None;
        }
        found.then_some(known.seen)
    }

    /// That was told of `session` at `now`; the machine has slept so long in all.
    pub fn tell(&mut self, session: &str, notice: &Notice, slept: Duration, now: Timestamp) {
        let Some(known) = self.sessions.get_mut(session) else { return };
        match notice {
            Notice::Failing { .. } => {
                known.slept = slept;
                if let Some(repaired) = self.repaired.as_mut().filter(|repaired| repaired.session == session)
                {
                    repaired.over = true;
                    self.differs = true;
                }
            }
            Notice::Recovered { after } => {
                // A night is no failure.
                let awake = after.saturating_sub(slept.saturating_sub(known.slept));
                let lately =
                    self.repaired.as_ref().is_some_and(|last| last.at <= now && now.since(last.at) < QUIET);
                if awake > LONG && !lately {
                    self.number += 1;
                    let (session, number) = (session.to_owned(), self.number);
                    self.repaired = Some(Repaired { session, after: awake, at: now, number, over: false });
                    self.differs = true;
                }
            }
            _ => {}
        }
    }

    /// Whether the desktop is to be told of it, which is asked once.
    pub fn take_differs(&mut self) -> bool {
        std::mem::take(&mut self.differs)
    }

    /// What is to be on the screen.
    pub fn wanted(&self) -> Wanted {
        if !self.on {
            return Wanted::new();
        }
        let of_session = |(name, known): (&String, &Known)| {
            let open = known.open.as_ref().filter(|open| !open.over)?;
            Some((name.clone(), words::of_concern(name, open.concern, open.number)))
        };
        let mut wanted: Wanted = self.sessions.iter().filter_map(of_session).collect();
        if let Some(repaired) = self.repaired.as_ref().filter(|repaired| !repaired.over)
            && !wanted.contains_key(&repaired.session)
        {
            let Repaired { session, after, at, number, .. } = repaired;
            let notification = words::of_repair(session, *after, *number);
            wanted.insert(REPAIRED.into(), Notification { until: at.after(QUIET), ..notification });
        }
        wanted
    }

    /// The notification of that number was shown: what was seen of which session from now on.
    pub fn shown(&mut self, number: u64) -> Option<(String, Seen)> {
        self.note(number, true)
    }

    /// It was taken away, and gives what [`Self::shown`] does: where it is still true, the daemon stops or is to show
    /// nothing, and whoever shows notifications after that shows it again. It was not put away by the user, and would
    /// stay as a text that nobody takes away and a button that nobody hears.
    pub fn taken_away(&mut self, number: u64) -> Option<(String, Seen)> {
        self.note(number, false)
    }

    fn note(&mut self, number: u64, is_seen: bool) -> Option<(String, Seen)> {
        let (name, known) = self.of(number)?;
        match known.open.as_ref()?.concern {
            Concern::SignInNeeded { lost, .. } => known.seen.lost = is_seen.then_some(lost),
            Concern::SessionEnding { signed_in_at, .. } => {
                known.seen.ending = is_seen.then_some(signed_in_at);
            }
        }
        Some((name.clone(), known.seen))
    }

    /// It is not on the screen any more.
    pub fn over(&mut self, number: u64) {
        self.differs = true;
        if let Some(repaired) = self.repaired.as_mut().filter(|repaired| repaired.number == number) {
            repaired.over = true;
        }
        if let Some(open) = self.of(number).and_then(|(_, known)| known.open.as_mut()) {
            open.over = true;
        }
    }

    /// What is to be done, where it asks for something that can be done.
    pub fn pressed(&mut self, number: u64, now: Timestamp) -> Option<SignIn> {
        let (name, known) = self.of(number)?;
        let open = known.open.as_mut()?;
        if open.pressed_at.is_some_and(|at| at <= now && now.since(at) < PRESS) {
            return None;
        }
        open.pressed_at = Some(now);
        let renew = matches!(open.concern, Concern::SessionEnding { .. });
        Some(SignIn { session: name.clone(), renew })
    }

    fn of(&mut self, number: u64) -> Option<(&String, &mut Known)> {
        let is_it = |known: &Known| known.open.as_ref().is_some_and(|open| open.number == number);
        self.sessions.iter_mut().find(|(_, known)| is_it(known))
    }
}

impl Seen {
    fn has(self, concern: Concern) -> bool {
        // On the disk they are whole seconds.
        let same = |seen: Option<Timestamp>, at: Timestamp| seen.is_some_and(|seen| seen.secs() == at.secs());
        match concern {
            Concern::SignInNeeded { lost, .. } => same(self.lost, lost),
            Concern::SessionEnding { signed_in_at, .. } => same(self.ending, signed_in_at),
        }
    }
}

fn same(one: Concern, other: Concern) -> bool {
    match (one, other) {
        (Concern::SignInNeeded { lost, .. }, Concern::SignInNeeded { lost: other, .. }) => lost == other,
        (Concern::SessionEnding { .. }, Concern::SessionEnding { .. }) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
