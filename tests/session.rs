//! The state machine of one session, a table a rule: at each line something happens, and the actions that it
//! must lead to stand beside it. Times are seconds after the test's beginning; the random number is 0.

use std::time::Duration;

use sso_refresh::{
    session::{
        Answer, Session,
        event::{Action, Event, Failure, Generation, Memory, Notice, Outcome, Reason, Stored, Wake},
        schedule::Policy,
        status::State,
        token::{Registration, Secret, Token},
    },
    time::Timestamp,
};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A token `name` that was issued at `issued` and ends at `expires`.
fn token(name: &str, issued: i64, expires: i64) -> Token {
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

fn legacy(name: &str, expires: i64) -> Token {
    Token { refresh_token: None, ..token(name, 0, expires) }
}

/// Drives one session and writes down what it asks for.
struct Drive {
    session: Session,
    /// The generation of the last exchange or save that was asked for.
    asked: Generation,
}

impl Drive {
    fn new(policy: Policy, memory: Memory) -> Self {
        Self { session: Session::new("work", policy, memory, Generation(0)), asked: Generation(0) }
    }

    /// A session that took up `token` at `now`.
    fn with(token: Token, now: i64) -> Self {
        let mut drive = Self::new(Policy::default(), Memory::default());
        drive.read(now, Stored::Token(token));
        drive
    }

    fn event(&mut self, now: i64, event: Event) -> String {
        let actions = self.session.handle(event, at(now), 0.0);
        let words: Vec<String> = actions.iter().map(|action| self.word(action)).collect();
        if let Some((wake, why)) = self.session.next_wake() {
            assert!(wake > at(now), "a wake in the past: {why}");
        }
        words.join(" ")
    }

    fn word(&mut self, action: &Action) -> String {
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

    fn read(&mut self, now: i64, stored: Stored) -> String {
        let generation = self.session.generation();
        self.event(now, Event::Read { generation, stored, memory: Memory::default() })
    }

    fn done(&mut self, now: i64, outcome: Outcome) -> String {
        let generation = self.asked;
        self.event(now, Event::Exchanged { generation, outcome })
    }

    fn wake(&mut self, now: i64) -> String {
        self.event(now, Event::Woken(Wake::Deadline))
    }

    /// When it wants to be woken, in seconds after the beginning, and why.
    fn next(&self) -> Option<(i64, &'static str)> {
        self.session.next_wake().map(|(wake, why)| (wake.secs() - at(0).secs(), why))
    }

    fn state(&self, now: i64) -> State {
        self.session.status(at(now)).state
    }
}

fn failure(message: &str, retry_after: Option<u64>) -> Outcome {
    Outcome::Failed(Failure { message: message.into(), retry_after: retry_after.map(secs) })
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Refused { reason, message: "no".into() }
}

#[test]
fn when_a_token_is_refreshed_at_its_margin_but_at_half_of_its_life_at_the_latest() {
    for (life, refresh_before, expected) in [
        (HOUR, 20 * 60, 40 * 60),
        (HOUR, 30 * 60, 30 * 60),
        (HOUR, 2 * 3600, 30 * 60),
        (900, 20 * 60, 450),
        (8 * HOUR, 20 * 60, 8 * HOUR - 1200),
    ] {
        let policy = Policy { refresh_before: secs(refresh_before), ..Policy::default() };
        let mut drive = Drive::new(policy, Memory::default());
        assert_eq!(drive.read(0, Stored::Token(token("a", 0, life))), "taken-up");
        assert_eq!(drive.next(), Some((expected, "refresh")), "{life} {refresh_before}");
        assert_eq!(drive.wake(expected - 1), "", "a wake-up too early does no harm");
        assert_eq!(drive.wake(expected), "exchange");
    }
}

#[test]
fn when_the_life_is_unknown_an_hour_or_what_was_learned_is_assumed() {
    for (learned, left, expected) in [
        (None, HOUR, HOUR - 1200),
        (None, 1500, 300),
        (Some(900), 600, 150),
        // What is left of it shows that it lives longer than was learned.
        (Some(900), HOUR, HOUR - 1200),
        (Some(0), 600, 300),
        (Some(1), 8 * HOUR, 8 * HOUR - 1200),
    ] {
        let memory = Memory { token_life_secs: learned, ..Memory::default() };
        let mut drive = Drive::new(Policy::default(), memory);
        drive.read(0, Stored::Token(Token { issued_at: None, ..token("a", 0, left) }));
        assert_eq!(drive.next(), Some((expected, "refresh")), "{learned:?} {left}");
    }
}

#[test]
fn when_a_token_is_due_as_soon_as_it_is_found_it_is_refreshed_at_once() {
    let mut drive = Drive::new(Policy::default(), Memory::default());
    assert_eq!(drive.event(0, Event::FileChanged), "read");
    assert_eq!(drive.read(0, Stored::Token(token("a", -HOUR, 60))), "taken-up exchange");
}

#[test]
fn floor_holds_back_automatic_exchanges_and_no_explicit_one() {
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    assert_eq!(drive.done(1, Outcome::Refreshed(token("b", 1, 11))), "remember refreshed");
    assert_eq!(drive.next(), Some((30, "refresh")), "30 s after the last one began");
    assert_eq!(drive.wake(29), "");
    assert_eq!(drive.event(5, Event::RefreshAsked), "exchange");
}

#[test]
fn exchange_is_one_at_a_time_whoever_asks() {
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    assert_eq!(drive.event(1, Event::RefreshAsked), "");
    assert_eq!(drive.event(1, Event::TokenAsked { min_validity: secs(300) }), "");
    assert_eq!(drive.wake(40), "");
    assert_eq!(drive.state(40), State::Refreshing);
}

#[test]
fn token_asked_for_longer_than_is_left_is_refreshed_early() {
    for (min_validity, expected, wait) in [
        (60, "", false),
        (3000, "", false),
        (3001, "exchange", true),
        // No token lasts that long: an exchange would not help.
        (3601, "", false),
    ] {
        let mut drive = Drive::with(token("a", 0, HOUR), 0);
        assert_eq!(
            drive.event(600, Event::TokenAsked { min_validity: secs(min_validity) }),
            expected,
            "{min_validity}"
        );
        assert_eq!(drive.session.answer(secs(min_validity), 0, at(600)) == Answer::Wait, wait);
    }
}

#[test]
fn keep_late_answers_of_an_older_generation_change_nothing() {
    for (what, outcome) in [
        ("refreshed", Outcome::Refreshed(token("late", 10, HOUR))),
        ("gone", Outcome::Gone),
        ("refused", refused(Reason::InvalidClient)),
        ("failed", failure("down", None)),
    ] {
        let mut drive = Drive::with(token("a", -HOUR, 60), 0);
        assert_eq!(drive.read(5, Stored::Token(token("login", 5, HOUR + 5))), "taken-up");
        let before = drive.session.status(at(6)).expires_at;
        assert_eq!(drive.done(6, outcome), "", "{what}");
        assert_eq!(drive.session.status(at(6)).expires_at, before, "{what}");
        assert_eq!(drive.state(6), State::Fresh, "{what}");
    }
}

#[test]
fn keep_a_second_exchange_waits_for_the_answer_that_nobody_wants_any_more() {
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    drive.read(5, Stored::Token(token("login", 5, HOUR + 5)));
    assert_eq!(drive.event(6, Event::RefreshAsked), "", "the old one is still in flight");
    assert_eq!(drive.done(7, Outcome::Gone), "");
    assert_eq!(drive.event(8, Event::RefreshAsked), "exchange");
}

#[test]
fn keep_a_reading_begun_before_the_last_change_is_done_again() {
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    let begun = drive.session.generation();
    drive.done(1, Outcome::Refreshed(token("b", 1, HOUR)));
    let stored = Stored::Token(token("a", -HOUR, 60));
    let memory = Memory::default();
    assert_eq!(drive.event(1, Event::Read { generation: begun, stored, memory }), "read");
    assert_eq!(drive.session.status(at(1)).expires_at, Some(at(HOUR)));
}

#[test]
fn keep_a_deleted_file_is_a_logout_and_the_own_copy_goes() {
    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    assert_eq!(drive.read(10, Stored::Missing), "forget signed-out");
    assert_eq!(drive.read(11, Stored::Missing), "", "told once");
    assert_eq!(drive.next(), None);
    assert_eq!(drive.event(12, Event::RefreshAsked), "");
    assert_eq!(drive.state(12), State::SignedOut);
    let mut drive = Drive::new(Policy::default(), Memory::default());
    assert_eq!(drive.read(0, Stored::Missing), "forget signed-out", "missing at the start likewise");
}

#[test]
fn keep_a_broken_file_takes_no_known_token_away() {
    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    assert_eq!(drive.read(10, Stored::Broken("torn".into())), "");
    assert_eq!(drive.state(10), State::Fresh);
    assert_eq!(drive.session.status(at(10)).last_error.as_deref(), Some("torn"));
    assert_eq!(drive.read(11, Stored::Token(token("a", 0, HOUR))), "");
    assert_eq!(drive.session.status(at(11)).last_error, None, "the same token again");
    let mut drive = Drive::new(Policy::default(), Memory::default());
    assert_eq!(drive.read(0, Stored::Broken("torn".into())), "sign-in:Unreadable");
    assert_eq!(drive.read(1, Stored::Broken("torn".into())), "", "told once");
    assert_eq!(drive.read(2, Stored::Token(token("a", 2, HOUR))), "remember taken-up");
}

#[test]
fn keep_a_file_out_of_reach_is_neither_a_logout_nor_a_reason_to_sign_in() {
    let gone = || Stored::Unreachable("no disk".into());
    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    assert_eq!(drive.read(10, gone()), "");
    assert_eq!((drive.state(10), drive.session.status(at(10)).usable), (State::Fresh, true));
    assert_eq!(drive.session.status(at(10)).last_error.as_deref(), Some("no disk"));
    let mut drive = Drive::new(Policy::default(), Memory::default());
    assert_eq!(drive.read(0, gone()), "failing");
    assert_eq!(drive.read(1, gone()), "", "told once");
    assert_eq!((drive.state(1), drive.session.needs_sign_in()), (State::Backoff, None));
    assert!(drive.next().is_some(), "it looks again by itself");
    assert_eq!(drive.read(2, Stored::Token(token("a", 2, HOUR))), "taken-up recovered:2", "nobody signed in");
    assert_eq!(drive.read(3, Stored::Missing), "forget signed-out", "now it is one");
}

#[test]
fn keep_a_token_that_cannot_be_written_is_written_later_and_never_asked_for_again() {
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    let (new, old) = (token("b", 1, HOUR), token("a", -HOUR, 60));
    let unsaved = || Outcome::Unsaved { token: new.clone(), sent: old.clone(), message: "disk full".into() };
    assert_eq!(drive.done(1, unsaved()), "failing");
    assert_eq!(drive.next(), Some((3, "write the new token")));
    assert_eq!(drive.session.status(at(1)).expires_at, Some(at(60)), "nobody is told before it is on disk");
    assert_eq!(drive.wake(3), "save");
    assert_eq!(drive.done(3, unsaved()), "", "told once");
    assert_eq!(drive.event(5, Event::RefreshAsked), "save", "even when asked for");
    assert_eq!(drive.done(5, Outcome::Refreshed(new.clone())), "remember refreshed recovered:4");
}

#[test]
fn final_reasons_end_a_session_and_all_else_is_tried_again() {
    for (outcome, expected, state) in [
        (refused(Reason::InvalidClient), "sign-in:InvalidClient", State::LoginRequired),
        (refused(Reason::ExpiredToken), "sign-in:ExpiredToken", State::LoginRequired),
        (refused(Reason::UnauthorizedClient), "sign-in:UnauthorizedClient", State::LoginRequired),
        (refused(Reason::InvalidGrant), "", State::Backoff),
        (failure("connection refused", None), "failing", State::Backoff),
        (Outcome::Gone, "forget signed-out", State::SignedOut),
    ] {
        let mut drive = Drive::with(token("a", -HOUR, 60), 0);
        assert_eq!(drive.done(1, outcome), expected);
        assert_eq!(drive.state(1), state);
    }
}

#[test]
fn final_invalid_grant_is_believed_the_second_time() {
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    assert_eq!(drive.done(1, refused(Reason::InvalidGrant)), "");
    assert_eq!(drive.next(), Some((3, "retry")));
    assert_eq!(drive.wake(3), "exchange");
    assert_eq!(drive.done(4, refused(Reason::InvalidGrant)), "sign-in:InvalidGrant");
    assert_eq!(drive.next(), None);
    let status = drive.session.status(at(5));
    assert_eq!(status.remedy.as_deref(), Some("sso-refresh login work"));
    assert!(!status.usable);
}

#[test]
fn final_invalid_grant_is_forgotten_when_a_rival_has_won_the_race() {
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    drive.done(1, refused(Reason::InvalidGrant));
    assert_eq!(drive.wake(3), "exchange");
    assert_eq!(drive.done(3, Outcome::Adopted(token("rival", 1, HOUR))), "taken-up");
    assert_eq!(drive.state(3), State::Fresh);
}

#[test]
fn final_means_silence_until_the_file_changes() {
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    drive.done(1, refused(Reason::InvalidClient));
    for event in [
        Event::Woken(Wake::Deadline),
        Event::Woken(Wake::Network),
        Event::Woken(Wake::Resume),
        Event::Woken(Wake::ClockStep),
        Event::RefreshAsked,
        Event::TokenAsked { min_validity: secs(60) },
        Event::Reconfigured(Policy::default()),
    ] {
        assert_eq!(drive.event(HOUR, event), "");
    }
    assert_eq!(drive.read(HOUR, Stored::Broken("torn".into())), "", "what the server said stays");
    assert_eq!(drive.read(HOUR, Stored::Token(token("a", -HOUR, 60))), "", "the file is the same");
    let login = Stored::Token(token("b", HOUR, 2 * HOUR));
    assert_eq!(drive.read(HOUR, login), "remember taken-up");
    assert_eq!(drive.state(HOUR), State::Fresh);
}

#[test]
fn backoff_is_told_once_and_its_end_too() {
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    assert_eq!(drive.done(1, failure("down", None)), "failing");
    assert_eq!(drive.wake(3), "exchange", "two seconds later");
    assert_eq!(drive.done(4, failure("still down", None)), "");
    assert_eq!(drive.session.status(at(4)).last_error.as_deref(), Some("still down"));
    assert_eq!(drive.wake(6), "exchange");
    assert_eq!(drive.done(7, Outcome::Refreshed(token("b", 7, HOUR))), "remember refreshed recovered:6");
    assert_eq!(drive.session.status(at(7)).last_error, None);
}

#[test]
fn backoff_honours_retry_after_up_to_an_hour_whatever_happens() {
    for (retry_after, expected) in [(10, 11), (90, 91), (999_999, HOUR + 1)] {
        let mut drive = Drive::with(token("a", -HOUR, 60), 0);
        drive.done(1, failure("slow down", Some(retry_after)));
        drive.event(2, Event::Woken(Wake::Network));
        drive.event(2, Event::TokenAsked { min_validity: secs(60) });
        assert_eq!(drive.next(), Some((expected, "retry")), "{retry_after}");
    }
}

#[test]
fn backoff_ends_at_once_when_the_network_returns_or_the_machine_resumes() {
    for wake in [Wake::Network, Wake::Resume, Wake::ClockStep] {
        let mut drive = Drive::with(token("a", -HOUR, 60), 0);
        for now in [0, 100, 200, 600, 1200] {
            drive.done(now, failure("down", None));
            drive.event(now + 2, Event::RefreshAsked);
        }
        drive.session.handle(
            Event::Exchanged { generation: drive.asked, outcome: failure("down", None) },
            at(1300),
            1.0,
        );
        assert_eq!(drive.next().map(|(at, _)| at), Some(1300 + 216), "a sixth of the outage");
        assert_eq!(drive.event(1310, Event::Woken(wake)), "exchange", "{wake:?}");
    }
}

#[test]
fn time_deadlines_survive_a_sleep_and_a_clock_that_is_set() {
    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    assert_eq!(drive.event(5 * HOUR, Event::Woken(Wake::Resume)), "exchange", "asleep past the expiry");

    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    assert_eq!(drive.event(60, Event::Woken(Wake::Resume)), "", "a nap");

    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    assert_eq!(drive.event(-DAY, Event::Woken(Wake::ClockStep)), "exchange", "the expiry can't be trusted");

    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    drive.done(1, Outcome::Refreshed(token("b", 1, HOUR)));
    assert_eq!(drive.event(2, Event::Woken(Wake::ClockStep)), "");
    assert_eq!(drive.event(3, Event::Reconfigured(Policy::default())), "");
    assert_eq!(drive.next(), Some((30, "refresh")), "held back by the floor, and not forgotten");

    let mut drive = Drive::with(legacy("a", 8 * HOUR), 0);
    assert_eq!(drive.event(60, Event::Woken(Wake::ClockStep)), "", "nothing can be done for this one");

    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    drive.done(1, failure("down", None));
    assert_eq!(drive.event(-DAY, Event::Woken(Wake::Deadline)), "");
    assert_eq!(drive.next(), Some((-DAY + 300, "retry")), "a retry is never parked");
}

#[test]
fn time_a_step_of_any_size_costs_one_exchange_and_ends_nothing() {
    // Without a registration whose end is to be announced.
    let token = |name, issued, expires| {
        let mut token = token(name, issued, expires);
        token.registration.as_mut().unwrap().expires_at = None;
        token
    };
    for step in [60, -60, DAY, -DAY, -8 * YEAR, 13 * YEAR, -60 * YEAR, 1000 * YEAR] {
        let mut drive = Drive::with(token("a", 0, HOUR), 0);
        assert_eq!(drive.event(step, Event::Woken(Wake::ClockStep)), "exchange", "{step}");
        drive.done(step + 1, Outcome::Refreshed(token("b", step + 1, step + HOUR)));
        assert_eq!(drive.state(step + 1), State::Fresh, "{step}");
        assert_eq!(drive.next(), Some((step + HOUR - 1200, "refresh")), "{step}");

        // Back again: at once, or after the floor, which must not lie where the clock was.
        let mut at = 2;
        if drive.event(at, Event::Woken(Wake::ClockStep)).is_empty() {
            at = drive.next().unwrap().0;
            assert_eq!(drive.wake(at), "exchange", "{step}");
        }
        assert!(at <= 32, "{step}: {at}");

        // And once more while it fails: nothing is parked where the clock was.
        drive.done(at, failure("down", None));
        drive.event(at + step, Event::Woken(Wake::ClockStep));
        assert!([State::Backoff, State::Refreshing].contains(&drive.state(at + step)), "{step}");
        assert!(drive.next().is_none_or(|(next, _)| next <= at + step + 300), "{step}: {:?}", drive.next());
    }
}

#[test]
fn session_end_is_learned_from_near_and_announced_once() {
    let mut drive = Drive::new(Policy::default(), Memory::default());
    drive.read(0, Stored::Missing);
    assert_eq!(drive.read(10, Stored::Token(token("a", 10, HOUR + 10))), "remember taken-up");
    drive.wake(40 * 60 + 10);
    drive.done(40 * 60 + 11, Outcome::Refreshed(token("b", 2411, 2411 + HOUR)));
    drive.event(HOUR, Event::RefreshAsked);
    drive.done(HOUR, refused(Reason::InvalidGrant));
    drive.wake(HOUR + 2);
    assert_eq!(drive.done(HOUR + 10, refused(Reason::InvalidGrant)), "remember sign-in:InvalidGrant");
    let again = drive.read(2 * HOUR, Stored::Token(token("c", 2 * HOUR, 5 * HOUR)));
    assert_eq!(again, "remember taken-up");
    let end = 3 * HOUR; // an hour after the sign-in
    assert_eq!(drive.session.status(at(2 * HOUR)).session_ends_at, Some(at(end)));
    assert_eq!(drive.next(), Some((end - 900, "announce the end of the session")));
    assert_eq!(drive.wake(end - 900), format!("remember session-ends:{end}"));
    assert_eq!(drive.wake(end - 899), "");
}

#[test]
fn session_end_is_not_learned_from_afar_and_unlearned_when_it_is_survived() {
    let mut drive = Drive::new(Policy::default(), Memory { signed_in_at: Some(at(0)), ..Memory::default() });
    drive.read(0, Stored::Token(token("a", 0, HOUR)));
    drive.wake(3 * DAY);
    drive.done(3 * DAY, refused(Reason::InvalidGrant));
    drive.wake(3 * DAY + 2);
    assert_eq!(drive.done(3 * DAY + 3, refused(Reason::InvalidGrant)), "sign-in:InvalidGrant");

    let memory = Memory {
        signed_in_at: Some(at(0)),
        learned_duration_secs: Some(3600),
        end_announced_for: Some(at(0)),
        token_life_secs: Some(3600),
    };
    let mut drive = Drive::new(Policy::default(), memory);
    drive.read(2 * HOUR, Stored::Token(token("a", HOUR, 2 * HOUR)));
    assert_eq!(
        drive.done(2 * HOUR, Outcome::Refreshed(token("b", 2 * HOUR, 3 * HOUR))),
        "remember refreshed"
    );
    assert_eq!(drive.session.status(at(2 * HOUR)).session_ends_at, None);
}

#[test]
fn session_end_moves_when_a_sign_in_is_left_word_of() {
    let policy = Policy { session_duration: Some(secs(8 * 3600)), ..Policy::default() };
    let mut drive = Drive::new(policy, Memory { signed_in_at: Some(at(0)), ..Memory::default() });
    drive.read(0, Stored::Token(token("a", 0, HOUR)));
    let (generation, stored) = (drive.session.generation(), Stored::Token(token("b", 900, HOUR + 900)));
    let memory = Memory { signed_in_at: Some(at(900)), ..Memory::default() };
    assert_eq!(drive.event(901, Event::Read { generation, stored, memory }), "taken-up");
    assert_eq!(drive.session.status(at(901)).session_ends_at, Some(at(900 + 8 * HOUR)));
    let (generation, stored) = (drive.session.generation(), Stored::Token(token("b", 900, HOUR + 900)));
    let late = Memory { signed_in_at: Some(at(905)), ..Memory::default() };
    assert_eq!(drive.event(906, Event::Read { generation, stored, memory: late }), "");
    assert_eq!(drive.session.status(at(906)).session_ends_at, Some(at(905 + 8 * HOUR)));
}

#[test]
fn session_end_is_known_where_it_is_configured() {
    let policy = Policy { session_duration: Some(secs(8 * 3600)), ..Policy::default() };
    let mut drive = Drive::new(policy, Memory { signed_in_at: Some(at(0)), ..Memory::default() });
    drive.read(0, Stored::Token(token("a", 0, HOUR)));
    assert_eq!(drive.session.status(at(0)).session_ends_at, Some(at(8 * HOUR)));
}

#[test]
fn registration_end_is_announced_a_day_before_and_once() {
    let mut near = token("a", 0, 8 * DAY);
    near.registration.as_mut().unwrap().expires_at = Some(at(3 * DAY));
    let mut drive = Drive::with(near, 0);
    assert_eq!(drive.next(), Some((2 * DAY, "announce the end of the client registration")));
    assert_eq!(drive.wake(2 * DAY), "registration-ends");
    assert_eq!(drive.wake(2 * DAY + 1), "");
}

#[test]
fn unrefreshable_token_is_used_to_its_end_and_then_needs_a_sign_in() {
    let mut drive = Drive::with(legacy("a", 8 * HOUR), 0);
    assert_eq!(drive.next(), Some((8 * HOUR, "expiry: the token can't be refreshed")));
    assert_eq!(drive.event(10, Event::RefreshAsked), "");
    assert_eq!(drive.event(10, Event::TokenAsked { min_validity: secs(9 * 3600) }), "");
    assert_eq!(drive.event(8 * HOUR - 60, Event::TokenAsked { min_validity: secs(300) }), "");
    assert!(drive.session.status(at(8 * HOUR - 60)).usable);
    assert_eq!(drive.wake(8 * HOUR), "sign-in:NotRefreshable");
}

#[test]
fn reload_plans_again() {
    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    let policy = Policy { refresh_before: secs(1800), ..Policy::default() };
    assert_eq!(drive.event(1, Event::Reconfigured(policy)), "");
    assert_eq!(drive.next(), Some((1800, "refresh")));
}

#[test]
fn answers_follow_the_state() {
    let good = token("a", 0, HOUR);
    let mut drive = Drive::new(Policy::default(), Memory::default());
    let answer = |drive: &Drive, now, min| format!("{:?}", drive.session.answer(secs(min), 0, at(now)));
    assert_eq!(answer(&drive, 0, 60), "Wait", "not read yet");
    drive.read(0, Stored::Token(good));
    assert!(answer(&drive, 0, 60).starts_with("Token"));
    assert!(answer(&drive, 0, 3601).starts_with("TooLong"));
    assert_eq!(answer(&drive, HOUR - 30, 60), "Wait");
    drive.wake(HOUR - 30);
    assert_eq!(answer(&drive, HOUR - 30, 60), "Wait");
    drive.done(HOUR - 29, failure("down", None));
    assert!(answer(&drive, HOUR - 29, 60).starts_with("Temporary"));
    assert!(answer(&drive, HOUR - 29, 10).starts_with("Token"), "what is left is served");
    drive.read(HOUR, Stored::Missing);
    assert!(answer(&drive, HOUR, 60).starts_with("SignInNeeded"));
}

#[test]
fn answers_end_with_an_exchange_that_gave_no_longer_token() {
    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    let wanted = Duration::from_millis(3_599_500);
    assert_eq!(drive.event(10, Event::TokenAsked { min_validity: wanted }), "exchange");
    drive.done(12, Outcome::Refreshed(token("b", 11, HOUR + 11)));
    assert!(matches!(drive.session.answer(wanted, 0, at(12)), Answer::TooLong { .. }));
    assert_eq!(drive.session.answer(wanted, 1, at(12)), Answer::Wait, "who asks now may get a longer one");
}

#[test]
fn token_asked_for_is_not_forgotten_by_a_new_plan_behind_the_floor() {
    let waiting = || {
        let mut drive = Drive::with(token("a", -HOUR, 60), 0);
        drive.done(1, Outcome::Refreshed(token("b", 1, 2400)));
        drive.event(2, Event::TokenAsked { min_validity: secs(2399) });
        drive
    };
    let mut drive = waiting();
    drive.event(3, Event::Reconfigured(Policy::default()));
    assert_eq!(drive.next(), Some((30, "refresh")), "a reload");
    let mut drive = waiting();
    drive.read(3, Stored::Token(token("rival", 3, 2000)));
    assert_eq!(drive.next(), Some((30, "refresh")), "a rival's token that is too short");
    let mut drive = waiting();
    drive.read(3, Stored::Token(token("rival", 3, HOUR)));
    assert_eq!(drive.next().map(|(at, _)| at > 30), Some(true), "one that is long enough");
}

#[test]
fn exchange_adopts_only_what_lasts_as_long_as_somebody_waits_for() {
    for (event, expected) in
        [(Event::RefreshAsked, 1200), (Event::TokenAsked { min_validity: secs(3000) }, 3000)]
    {
        let mut drive = Drive::with(token("a", 0, HOUR), 0);
        let actions = drive.session.handle(event, at(1000), 0.0);
        let Some(Action::Exchange { enough, .. }) = actions.first() else { panic!("{actions:?}") };
        assert_eq!(*enough, secs(expected));
    }
}

#[test]
fn answers_wait_for_the_confirmation_of_a_refusal_and_no_longer() {
    let answer = |drive: &Drive, now, attempts| {
        let words = format!("{:?}", drive.session.answer(secs(60), attempts, at(now)));
        words.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
    };
    let refused_once = || {
        let mut drive = Drive::with(token("a", -HOUR, 0), 0);
        drive.done(1, refused(Reason::InvalidGrant));
        drive
    };
    let mut drive = refused_once();
    assert_eq!((answer(&drive, 1, 0).as_str(), drive.session.is_confirming(0)), ("Wait", true));
    assert_eq!(
        (answer(&drive, 1, 1).as_str(), drive.session.is_confirming(1)),
        ("Wait", false),
        "the next one"
    );
    drive.wake(3);
    assert_eq!((answer(&drive, 3, 0).as_str(), drive.session.is_confirming(0)), ("Wait", true), "in flight");
    drive.done(4, refused(Reason::InvalidGrant));
    assert_eq!((answer(&drive, 4, 0).as_str(), drive.session.is_confirming(0)), ("SignInNeeded", false));

    let mut drive = refused_once();
    drive.wake(3);
    drive.done(4, failure("down", None));
    assert_eq!((answer(&drive, 4, 0).as_str(), drive.session.is_confirming(0)), ("Temporary", false));
}

#[test]
fn an_exchange_that_never_began_is_waited_for_no_more() {
    let mut drive = Drive::with(token("a", -HOUR, 0), 0);
    let withdrawn = drive.asked;
    assert_eq!(drive.read(1, Stored::Missing), "forget signed-out");
    assert!(drive.session.is_refreshing(), "as far as is known");
    assert_eq!(drive.event(1, Event::Withdrawn { generation: withdrawn }), "");
    assert!(!drive.session.is_refreshing());
    assert_eq!(drive.session.status(at(1)).state, State::SignedOut);
    assert_eq!(drive.read(50, Stored::Token(token("b", 35, 60))), "remember taken-up exchange", "at once");
    drive.event(51, Event::Withdrawn { generation: withdrawn });
    assert!(drive.session.is_refreshing(), "another one is meant");
}

#[test]
fn who_waited_for_an_exchange_that_never_began_waits_for_another() {
    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    let asked = || Event::TokenAsked { min_validity: secs(3000) };
    assert_eq!(drive.event(1200, asked()), "exchange");
    let withdrawn = drive.asked;
    // Of somebody else, newer, and not enough.
    assert_eq!(drive.read(1201, Stored::Token(token("b", 200, HOUR + 200))), "taken-up");
    assert_eq!(
        drive.event(1201, Event::Withdrawn { generation: withdrawn }),
        "exchange",
        "no floor after nothing"
    );
    assert_eq!(drive.done(1202, Outcome::Refreshed(token("c", 1202, HOUR + 1202))), "remember refreshed");

    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    assert_eq!(drive.event(1200, asked()), "exchange");
    let withdrawn = drive.asked;
    assert_eq!(drive.read(1201, Stored::Token(token("b", 1200, HOUR + 1200))), "taken-up");
    assert_eq!(drive.event(1201, Event::Withdrawn { generation: withdrawn }), "", "it is enough");
}
