//! What somebody who asks is told, and when.

use std::time::Duration;

use sso_refresh::{
    session::Answer,
    session::event::{Action, Event, Memory, Outcome, Reason, Stored},
    session::schedule::Policy,
    session::status::State,
};

use crate::drive::{Drive, HOUR, at, failure, refused, secs, token};

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

#[test]
fn a_token_that_is_seen_in_the_file_before_its_answer_comes_is_told_as_refreshed() {
    let new = || token("b", 2400, 2400 + HOUR);
    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    assert_eq!(drive.event(2400, Event::RefreshAsked), "exchange");
    drive.read(2401, Stored::Token(new()));
    let said = drive.done(2402, Outcome::Refreshed(new()));
    assert!(said.contains("refreshed"), "{said}");
    assert_eq!(drive.done(2403, Outcome::Refreshed(new())), "", "once");

    let mut drive = Drive::with(token("a", 0, HOUR), 0);
    drive.event(2400, Event::RefreshAsked);
    drive.read(2401, Stored::Token(token("rival", 2400, 2400 + HOUR)));
    assert_eq!(drive.done(2402, Outcome::Refreshed(new())), "", "another's token stays");
}
