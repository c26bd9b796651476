//! A thousand sessions of one daemon through four hours of simulated time: their exchanges pass through the queue
//! that the daemon has, one in a hundred fails, one server hangs for a while, and people sign out and in.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use fastrand::Rng;
use sso_refresh::{
    daemon::pace::{AT_ONE_SERVER, PER_SECOND, Pace, Queued},
    session::{
        Session,
        event::{Action, Event, Failure, Generation, Memory, Outcome, Stored, Wake},
        schedule::Policy,
        token::{Registration, Secret, Token},
    },
    time::Timestamp,
};

use crate::world::{HOUR, MINUTE, SECOND};

const SESSIONS: usize = 1000;
const TOKEN_LIFE: i64 = 5 * MINUTE;
/// How long a client waits for an answer that never comes.
const TIMEOUT: i64 = 30 * SECOND;
/// When the server of every tenth session hangs, and how long it takes until all its sessions are well again.
const HANGS: std::ops::Range<i64> = HOUR + 30 * MINUTE..HOUR + 40 * MINUTE;
const RECOVERS: i64 = 10 * MINUTE;

/// Counts what this thread has allocated and not freed: the tests beside it have threads of their own.
struct Counting;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: usize, sign: i64) {
    // The last memory of a thread is freed when there is nothing to count with any more.
    let _ = LIVE.try_with(|live| live.set(live.get() + sign * i64::try_from(bytes).unwrap_or(0)));
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait; this one hands on what it is given")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Member {
    session: Session,
    server: &'static str,
    file: Option<Token>,
    wake: Option<i64>,
    flying: bool,
}

struct Landing {
    member: usize,
    generation: Generation,
    sent: Option<Token>,
}

#[derive(Debug, Default)]
struct Tally {
    exchanges: u64,
    failures: u64,
    withdrawn: u64,
    longest_queue: usize,
    least_left: i64,
}

struct Crowd {
    rng: Rng,
    now: i64,
    members: Vec<Member>,
    wakes: BTreeSet<(i64, usize)>,
    pace: Pace<usize>,
    landings: BTreeMap<(i64, usize), Landing>,
    in_flight: BTreeMap<&'static str, usize>,
    /// When the last exchanges began.
    begun: VecDeque<i64>,
    issued: u64,
    tally: Tally,
}

fn local(now: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + now)
}

impl Crowd {
    fn new() -> Self {
        let policy = Policy::default();
        let member = |number: usize| Member {
            session: Session::new(number.to_string(), policy, Memory::default(), Generation(0)),
            server: if number.is_multiple_of(10) { "hangs" } else { "well" },
            file: None,
            wake: None,
            flying: false,
        };
        let mut crowd = Self {
            rng: Rng::with_seed(2026),
            now: 0,
            members: (0..SESSIONS).map(member).collect(),
            wakes: BTreeSet::new(),
            pace: Pace::default(),
            landings: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            begun: VecDeque::new(),
            issued: 0,
            tally: Tally { least_left: TOKEN_LIFE, ..Tally::default() },
        };
        for member in 0..SESSIONS {
            // All are due at once.
            let left = crowd.rng.i64(MINUTE..TOKEN_LIFE / 2);
            crowd.sign_in(member, left);
        }
        crowd
    }

    fn issue(&mut self, left: i64) -> Token {
        self.issued += 1;
        Token {
            access_token: Secret::new(format!("access-{:012}", self.issued)),
            expires_at: Timestamp::from_secs(local(self.now + left).secs()),
            issued_at: Some(local(self.now)),
            refresh_token: Some(Secret::new(format!("refresh-{:012}", self.issued))),
            registration: Some(Registration {
                client_id: "client".into(),
                client_secret: Secret::new("client-secret"),
                expires_at: None,
            }),
        }
    }

    fn sign_in(&mut self, member: usize, left: i64) {
        // A token file does not say when its token was issued.
        self.members[member].file = Some(Token { issued_at: None, ..self.issue(left) });
        self.tell(member, Event::FileChanged);
    }

    fn sign_out(&mut self, member: usize) {
        self.members[member].file = None;
        self.tell(member, Event::FileChanged);
    }

    fn tell(&mut self, number: usize, event: Event) {
        let now = local(self.now);
        let member = &mut self.members[number];
        let mut read = None;
        for action in member.session.handle(event, now, self.rng.f64()) {
            match action {
                Action::Read { generation } => read = Some(generation),
                Action::Exchange { generation, known, .. } => self.pace.queue(
                    Queued {
                        session: member.session.name().to_owned(),
                        server: member.server.to_owned(),
                        generation,
                        expires_at: known.map_or(now, |token| token.expires_at),
                        work: number,
                    },
                    now,
                ),
                // Nothing is ever unsaved here.
                Action::Save { .. } | Action::Remember(_) | Action::Forget | Action::Tell(_) => {}
            }
        }
        let wake = member.session.next_wake().map(|(at, _)| at.millis() - local(0).millis());
        if let Some(old) = std::mem::replace(&mut member.wake, wake) {
            self.wakes.remove(&(old, number));
        }
        self.wakes.extend(wake.map(|at| (at, number)));
        let (name, current) = (member.session.name().to_owned(), member.session.generation());
        if let Some(generation) = self.pace.queued(&name).filter(|queued| *queued != current) {
            self.pace.withdraw(&name);
            self.tally.withdrawn += 1;
            self.tell(number, Event::Withdrawn { generation });
        }
        if let Some(generation) = read {
            let stored = self.members[number].file.clone().map_or(Stored::Missing, Stored::Token);
            self.tell(number, Event::Read { generation, stored, memory: Memory::default() });
        }
        self.tally.longest_queue = self.tally.longest_queue.max(self.pace.len());
    }

    /// Begins what may begin.
    fn begin(&mut self) {
        while let Some(Queued { server, generation, work, .. }) = self.pace.begin(local(self.now)) {
            self.begun.push_back(self.now);
            while self.begun.front().is_some_and(|at| at + SECOND <= self.now) {
                self.begun.pop_front();
            }
            assert!(self.begun.len() <= PER_SECOND as usize, "{} in a second", self.begun.len());
            let member = &mut self.members[work];
            assert_eq!(server, member.server);
            assert!(!std::mem::replace(&mut member.flying, true), "two exchanges of one session");
            let in_flight = self.in_flight.entry(member.server).or_default();
            *in_flight += 1;
            assert!(*in_flight <= AT_ONE_SERVER, "{in_flight} in flight at {server}");
            let hangs = member.server == "hangs" && HANGS.contains(&self.now);
            let lands_at = self.now + if hangs { TIMEOUT } else { self.rng.i64(50..1500) };
            let sent = member.file.clone().filter(|_| !hangs && self.rng.u8(0..100) > 0);
            self.landings.insert((lands_at, work), Landing { member: work, generation, sent });
            self.tally.exchanges += 1;
        }
    }

    fn land(&mut self) {
        let Some((_, Landing { member, generation, sent })) = self.landings.pop_first() else { return };
        let new = self.issue(TOKEN_LIFE);
        let Member { file, server, flying, .. } = &mut self.members[member];
        *flying = false;
        let outcome = match (sent, &*file) {
            (_, None) => Outcome::Gone,
            (None, Some(_)) => {
                self.tally.failures += 1;
                Outcome::Failed(Failure { message: "no answer".into(), kind: "timeout", retry_after: None })
            }
            (Some(sent), Some(found)) if !sent.same_as(found) => Outcome::Adopted(found.clone()),
            (Some(_), Some(_)) => {
                *file = Some(new.clone());
                Outcome::Refreshed(new)
            }
        };
        *self.in_flight.entry(server).or_default() -= 1;
        self.pace.ended(server);
        self.tell(member, Event::Exchanged { generation, outcome });
    }

    fn run_until(&mut self, end: i64) {
        while self.now < end {
            let wake = self.wakes.first().map(|(at, _)| *at);
            let landing = self.landings.first_key_value().map(|((at, _), _)| *at);
            let turn = self.pace.next(local(self.now)).map(|at| at.millis() - local(0).millis());
            let next = [wake, landing, turn].into_iter().flatten().min().unwrap_or(end).min(end);
            self.now = self.now.max(next);
            if landing == Some(next) {
                self.land();
            } else if let Some((_, member)) = self.wakes.first().copied().filter(|(at, _)| *at <= self.now) {
                self.tell(member, Event::Woken(Wake::Deadline));
            }
            self.begin();
        }
    }

    fn check_freshness(&mut self) {
        let excused = HANGS.start..HANGS.end + RECOVERS;
        for member in &self.members {
            let Some(token) = &member.file else { continue };
            if member.server == "hangs" && excused.contains(&self.now) {
                continue;
            }
            let left = token.expires_at.millis() - local(self.now).millis();
            self.tally.least_left = self.tally.least_left.min(left);
            assert!(left > 0, "{} is late by {} ms at {}", member.session.name(), -left, self.now);
        }
    }

    /// One hour, in which somebody signs out every minute and in a minute later, and programs ask for tokens.
    fn hour(&mut self) {
        for minute in 0..60 {
            let someone = self.rng.usize(0..SESSIONS);
            self.sign_out(someone);
            for _ in 0..12 {
                self.run_until(self.now + 5 * SECOND);
                self.check_freshness();
                let asked = self.rng.usize(0..SESSIONS);
                self.tell(asked, Event::TokenAsked { min_validity: Duration::from_secs(200) });
                self.pace.hurry(&asked.to_string(), local(self.now));
            }
            let left = if minute % 2 == 0 { TOKEN_LIFE } else { MINUTE };
            self.sign_in(someone, left);
        }
    }
}

#[test]
fn four_hours_of_a_thousand_sessions() {
    let mut crowd = Crowd::new();
    let mut live = Vec::new();
    for _ in 0..4 {
        crowd.hour();
        live.push(LIVE.get());
    }
    println!("four hours of {SESSIONS} sessions: {:?}, live bytes by hours {live:?}", crowd.tally);
    let least = u64::try_from(4 * HOUR / (TOKEN_LIFE / 2)).unwrap() * SESSIONS as u64;
    assert!((least..least * 5 / 4).contains(&crowd.tally.exchanges), "{:?}", crowd.tally);
    assert!(crowd.tally.failures > 500 && crowd.tally.withdrawn > 0, "{:?}", crowd.tally);
    assert!(crowd.tally.longest_queue > SESSIONS / 2, "all were due at once: {:?}", crowd.tally);
    assert!(live[3] <= live[0] + live[0] / 20, "memory grows: {live:?}");
}
