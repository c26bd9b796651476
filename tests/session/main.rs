//! The state machine of one session, a table a rule: at each line something happens, and the actions that it
//! must lead to stand beside it. Times are seconds after the test's beginning; the random number is 0.

mod answers;
mod drive;
mod ends;

use sso_refresh::{
    session::event::{Event, Memory, Outcome, Reason, Stored, Wake},
    session::schedule::Policy,
    session::status::State,
    session::token::Token,
};

use drive::{DAY, Drive, HOUR, YEAR, at, failure, legacy, refused, secs, token};

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
fn backoff_is_short_where_hope_came_while_the_exchange_was_in_flight() {
    for wake in [Wake::Network, Wake::Resume, Wake::ClockStep] {
        let mut drive = Drive::with(token("a", -HOUR, 60), 0);
        assert_eq!(drive.event(3, Event::Woken(wake)), "", "one at a time");
        assert_eq!(drive.done(5, failure("no answer", None)), "failing exchange", "{wake:?}");
        // That one began after the event.
        assert_eq!(drive.done(6, failure("no answer", None)), "");
        assert_eq!(drive.next(), Some((8, "retry")), "{wake:?}");
    }
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    drive.event(0, Event::Woken(Wake::Resume));
    assert_eq!(drive.done(1, failure("refused", None)), "failing");
    assert_eq!(drive.next(), Some((2, "retry")), "never so early that events could make it loop");
    assert_eq!(drive.event(1, Event::Woken(Wake::Network)), "exchange", "this one is told seldom");
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    drive.event(1, Event::Woken(Wake::Network));
    drive.done(5, failure("slow down", Some(90)));
    assert_eq!(drive.next(), Some((95, "retry")), "what the server asks for goes first");
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
