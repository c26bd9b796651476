//! A simulated life: a session, its token file, the server, rivals, the network, sleep and a clock that may be
//! wrong. Everything happens at milliseconds of true time; the session sees the local clock alone.
//!
//! After every event the world checks what must always hold, and fails naming the seed's history.

use std::time::Duration;

use fastrand::Rng;
use sso_refresh::{
    daemon::{notifications::Notifications, report},
    session::{
        Session,
        event::{Action, Event, Failure, Generation, Memory, Notice, Outcome, Reason, Stored, Wake},
        horizon::Seen,
        schedule::Policy,
        status::State,
        token::{Registration, Secret, Token},
    },
    time::Timestamp,
};

use crate::step::{Step, Tally};

pub(crate) const SECOND: i64 = 1000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Longer than any exchange takes, the floor, and the first backoff after it.
const SETTLED: i64 = MINUTE;
/// The longest wait between two attempts.
const LONGEST_BACKOFF: i64 = 5 * MINUTE;
/// How long a client waits for an answer that never comes.
const TIMEOUT: i64 = 30 * SECOND;
/// How long after a change of the file it is read.
const WATCH: i64 = 100;

struct Flight {
    generation: Generation,
    sent: Token,
    acts_at: i64,
    lands_at: i64,
    /// What the server said; none before it acted, or where nothing will come.
    said: Option<Result<Token, ()>>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a part of the world that is well or not")]
pub(crate) struct World {
    rng: Rng,
    pub(crate) now: i64,
    offset: i64,
    session: Session,
    file: Option<Token>,
    flight: Option<Flight>,
    reading: Option<(i64, Generation)>,
    token_life: i64,
    /// The refresh token that the server takes; none while there is no session.
    valid: Option<String>,
    issued: u64,
    network: bool,
    disk: bool,
    torn: bool,
    /// When the conditions for a fresh token last began to hold.
    settled_since: i64,
    lose_next: bool,
    last_exchange: Option<i64>,
    stepped_since_exchange: bool,
    notifications: Notifications,
    /// How long the machine has slept in all.
    slept: i64,
    /// The number of the last notification that was shown.
    shown: u64,
    pub(crate) tally: Tally,
}

impl World {
    pub(crate) fn new(seed: u64, token_life: i64, refresh_before: i64) -> Self {
        let policy = Policy {
            refresh_before: Duration::from_millis(refresh_before.unsigned_abs()),
            ..Policy::default()
        };
        let mut world = Self {
            rng: Rng::with_seed(seed),
            now: 0,
            offset: 1_800_000_000_000,
            session: Session::new("work", policy, Memory::default(), Generation(0)),
            file: None,
            flight: None,
            reading: None,
            token_life,
            valid: None,
            issued: 0,
            network: true,
            disk: true,
            torn: false,
            settled_since: 0,
            lose_next: false,
            last_exchange: None,
            stepped_since_exchange: false,
            notifications: Notifications::default(),
            slept: 0,
            shown: 0,
            tally: Tally::default(),
        };
        world.notifications.set(true);
        world.notifications.add("work", Seen::default());
        world.sign_in();
        world.tell(Event::FileChanged);
        world
    }

    pub(crate) fn state(&self) -> State {
        self.session.status(self.local()).state
    }

    pub(crate) fn is_network_up(&self) -> bool {
        self.network
    }

    pub(crate) fn play(&mut self, step: Step) {
        match step {
            Step::Pass(millis) => self.run_until(self.now + millis),
            Step::Sleep(millis) => {
                self.now += millis;
                self.slept += millis;
                self.unsettle();
                self.tell(Event::Woken(Wake::Resume));
            }
            Step::SetClock(by) => {
                // A foreign token that is read only after the step can't be judged by anybody.
                self.run_until(self.now + WATCH);
                self.offset += by;
                self.stepped_since_exchange = true;
                self.unsettle();
                self.tell(Event::Woken(Wake::ClockStep));
            }
            Step::NetworkDown => self.network = false,
            Step::NetworkUp => {
                if !self.network {
                    self.unsettle();
                }
                self.network = true;
                self.tell(Event::Woken(Wake::Network));
            }
            Step::Rival => self.rival(),
            Step::Login if !self.disk => {}
            Step::Login => {
                self.torn = false;
                self.sign_in();
                self.file_changed();
            }
            Step::Logout => {
                self.valid = None;
                self.torn = false;
                self.file = None;
                self.file_changed();
            }
            Step::Reload(secs) => {
                let policy = Policy { refresh_before: Duration::from_secs(secs), ..Policy::default() };
                self.unsettle();
                self.tell(Event::Reconfigured(policy));
            }
            Step::AskRefresh => self.tell(Event::RefreshAsked),
            Step::AskToken(secs) => self.tell(Event::TokenAsked { min_validity: Duration::from_secs(secs) }),
            Step::LoseAnswer => self.lose_next = true,
            Step::SessionEnds => self.valid = None,
            Step::DiskFull => self.disk = false,
            Step::DiskFree => {
                // Nobody says so: it is noticed at the next attempt.
                self.settled_since = self.now + LONGEST_BACKOFF;
                self.disk = true;
            }
            Step::FileTorn => {
                self.torn = true;
                self.file_changed();
            }
            Step::FileMended => {
                self.settled_since = self.now + LONGEST_BACKOFF;
                self.torn = false;
                self.file_changed();
            }
        }
        self.check_freshness();
    }

    /// The settings change: a sign-in lasts that long.
    pub(crate) fn set_session_duration(&mut self, millis: i64) {
        let session_duration = Some(Duration::from_millis(millis.unsigned_abs()));
        self.tell(Event::Reconfigured(Policy { session_duration, ..Policy::default() }));
    }

    /// Runs everything that is to happen up to `end`.
    pub(crate) fn run_until(&mut self, end: i64) {
        loop {
            let flight = self.flight.as_ref().map(|flight| match flight.said {
                None if flight.acts_at < flight.lands_at && self.now < flight.acts_at => flight.acts_at,
                _ => flight.lands_at,
            });
            let reading = self.reading.map(|(at, _)| at);
            let wake = self.session.next_wake().map(|(at, _)| at.millis() - self.offset);
            let Some(next) = [flight, reading, wake].into_iter().flatten().min().filter(|at| *at <= end)
            else {
                break;
            };
            self.now = self.now.max(next);
            if flight == Some(next) {
                self.advance_flight();
            } else if reading == Some(next) {
                self.finish_reading();
            } else {
                self.tally.wakes += 1;
                self.tell(Event::Woken(Wake::Deadline));
            }
            self.check_freshness();
        }
        self.now = self.now.max(end);
        self.check_freshness();
    }

    fn local(&self) -> Timestamp {
        Timestamp::from_millis(self.now + self.offset)
    }

    fn unsettle(&mut self) {
        self.settled_since = self.settled_since.max(self.now);
    }

    fn issue(&mut self) -> Token {
        self.issued += 1;
        let refresh = format!("refresh-{}", self.issued);
        self.valid = Some(refresh.clone());
        Token {
            access_token: Secret::new(format!("access-{}", self.issued)),
            expires_at: Timestamp::from_secs((self.now + self.offset + self.token_life).div_euclid(SECOND)),
            issued_at: Some(self.local()),
            refresh_token: Some(Secret::new(refresh)),
            registration: Some(Registration {
                client_id: "client".into(),
                client_secret: Secret::new("client-secret"),
                expires_at: None,
            }),
        }
    }

    fn sign_in(&mut self) {
        let token = self.issue();
        self.file = Some(Token { issued_at: None, ..token });
        self.unsettle();
    }

    fn rival(&mut self) {
        let alive = self.file.as_ref().is_some_and(|token| self.is_valid(token));
        if alive && self.network && self.disk && !self.torn {
            let token = self.issue();
            self.file = Some(Token { issued_at: None, ..token });
            self.file_changed();
        }
    }

    fn is_valid(&self, token: &Token) -> bool {
        self.valid.as_deref() == token.refresh_token.as_ref().map(Secret::expose)
    }

    fn file_changed(&mut self) {
        self.tell(Event::FileChanged);
    }

    fn finish_reading(&mut self) {
        if let Some((_, generation)) = self.reading.take() {
            let stored = match &self.file {
                _ if self.torn => Stored::Broken("torn".into()),
                None => Stored::Missing,
                Some(token) => Stored::Token(token.clone()),
            };
            self.tell(Event::Read { generation, stored, memory: Memory::default() });
        }
    }

    /// The server acts, or the answer lands.
    fn advance_flight(&mut self) {
        let Some(mut flight) = self.flight.take() else { return };
        if flight.said.is_none() && self.now < flight.lands_at {
            if !self.network {
                flight.lands_at = flight.lands_at.min(self.now + 50);
            } else if self.is_valid(&flight.sent) {
                let token = self.issue();
                if std::mem::take(&mut self.lose_next) {
                    self.tally.lost_answers += 1;
                    flight.lands_at = self.now + TIMEOUT;
                } else {
                    flight.said = Some(Ok(token));
                }
            } else {
                flight.said = Some(Err(()));
            }
            flight.acts_at = flight.lands_at;
            self.flight = Some(flight);
            return;
        }
        let outcome = self.outcome(&flight);
        self.tell(Event::Exchanged { generation: flight.generation, outcome });
    }

    fn outcome(&mut self, flight: &Flight) -> Outcome {
        let Some(said) = &flight.said else {
            self.tally.failures += 1;
            return Outcome::Failed(Failure {
                message: "no answer".into(),
                kind: "timeout",
                retry_after: None,
            });
        };
        if self.torn {
            self.tally.failures += 1;
            return Outcome::Failed(Failure { message: "torn".into(), kind: "file", retry_after: None });
        }
        let Some(file) = self.file.clone() else { return Outcome::Gone };
        if file.refresh_token != flight.sent.refresh_token {
            self.tally.adopted += 1;
            return Outcome::Adopted(file);
        }
        match said {
            Ok(token) if !self.disk => Outcome::Unsaved {
                token: token.clone(),
                sent: flight.sent.clone(),
                message: "disk full".into(),
            },
            Ok(token) => {
                self.file = Some(token.clone());
                Outcome::Refreshed(token.clone())
            }
            Err(()) => Outcome::Refused { reason: Reason::InvalidGrant, message: "invalid_grant".into() },
        }
    }

    fn tell(&mut self, event: Event) {
        let (before, local) = (self.session.status(self.local()), self.local());
        let asked = matches!(event, Event::RefreshAsked);
        let reads = matches!(event, Event::Read { .. });
        // Without a wait where something gave hope meanwhile.
        let fails = matches!(event, Event::Exchanged { outcome: Outcome::Failed(_), .. });
        let stale = match event {
            Event::Exchanged { generation, .. } | Event::Read { generation, .. } => {
                generation != self.session.generation()
            }
            _ => false,
        };
        let shown = format!("{event:?}");
        let actions = self.session.handle(event, local, self.rng.f64());

        let after = self.session.status(local);
        if stale {
            assert_eq!(
                (before.expires_at, &before.last_error, before.session_ends_at),
                (after.expires_at, &after.last_error, after.session_ends_at),
                "a stale generation changed the state: {shown}"
            );
        }
        if let Some((wake, why)) = self.session.next_wake() {
            assert!(wake > local, "a wake in the past after {shown}: {why}");
        }
        for action in actions {
            if matches!(action, Action::Exchange { .. }) {
                let silent = matches!(before.state, State::SignedOut | State::LoginRequired);
                assert!(reads || !silent, "an exchange while {:?} after {shown}", before.state);
                let automatic = !asked && !fails && before.state != State::Backoff;
                self.check_spacing(automatic, &shown);
            }
            self.act(action);
        }
        self.notifications.look("work", self.session.concern(local), self.session.expires_at());
        self.look_at_screen();
    }

    /// The desktop shows what it is asked to, and what works again for a moment.
    fn look_at_screen(&mut self) {
        let wanted = self.notifications.wanted();
        assert!(wanted.len() <= 1, "several of one session: {wanted:?}");
        for notification in wanted.into_values() {
            if notification.number <= self.shown {
                continue;
            }
            self.shown = notification.number;
            self.tally.shown += 1;
            self.notifications.shown(self.shown);
            if notification.action.is_none() {
                self.notifications.over(self.shown);
            }
        }
    }

    fn check_spacing(&mut self, automatic: bool, shown: &str) {
        if let (true, false, Some(last)) = (automatic, self.stepped_since_exchange, self.last_exchange) {
            let gap = self.now - last;
            assert!(gap >= 30 * SECOND, "automatic exchanges {gap} ms apart, after {shown}");
        }
        self.last_exchange = Some(self.now);
        self.stepped_since_exchange = false;
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Read { generation } => self.reading = Some((self.now + WATCH, generation)),
            Action::Exchange { generation, known, enough } => self.exchange(generation, known, enough),
            Action::Save { generation, token, sent } => {
                assert!(self.flight.is_none(), "a save beside an exchange");
                let said = Some(Ok(token));
                let flight = Flight { generation, sent, acts_at: self.now, lands_at: self.now + WATCH, said };
                self.flight = Some(flight);
            }
            Action::Tell(notice) => {
                report::tell("work", &notice, self.session.next_refresh(), self.local());
                let slept = Duration::from_millis(self.slept.unsigned_abs());
                self.notifications.tell("work", &notice, slept, self.local());
                match notice {
                    Notice::SignInNeeded { .. } => self.tally.sign_ins_needed += 1,
                    _ => self.tally.told += 1,
                }
            }
            Action::Remember(_) | Action::Forget => {}
        }
    }

    fn exchange(&mut self, generation: Generation, known: Option<Token>, enough: Duration) {
        assert!(self.flight.is_none(), "two exchanges in flight");
        if self.torn {
            let outcome =
                Outcome::Failed(Failure { message: "torn".into(), kind: "file", retry_after: None });
            return self.tell(Event::Exchanged { generation, outcome });
        }
        let Some(file) = self.file.clone() else {
            return self.tell(Event::Exchanged { generation, outcome: Outcome::Gone });
        };
        let newer = known.is_none_or(|known| !known.same_as(&file) && file.expires_at > known.expires_at);
        if newer && file.left(self.local()) > enough {
            self.tally.adopted += 1;
            return self.tell(Event::Exchanged { generation, outcome: Outcome::Adopted(file) });
        }
        self.tally.exchanges += 1;
        let acts_at = self.now + self.rng.i64(20..2 * SECOND);
        let lands_at = acts_at + self.rng.i64(20..2 * SECOND);
        self.flight = Some(Flight { generation, sent: file, acts_at, lands_at, said: None });
    }

    /// Where the network was up, the refresh token good and the machine awake with a steady clock for a minute,
    /// the token in the file has not expired by true time.
    fn check_freshness(&mut self) {
        let good = self.network
            && self.disk
            && !self.torn
            && self.file.as_ref().is_some_and(|token| self.is_valid(token));
        if !good {
            return self.unsettle();
        }
        if self.now - self.settled_since < SETTLED {
            return;
        }
        let expires = self.file.as_ref().map_or(0, |token| token.expires_at.millis()) - self.offset;
        assert!(
            expires > self.now,
            "expired {} ms ago with a good network and refresh token, state {:?}, next {:?}",
            self.now - expires,
            self.state(),
            self.session.next_wake()
        );
    }
}
