//! What ends a session, what is announced of it, and what does not end it.

use sso_refresh::{
    session::event::{Action, Event, Generation, Memory, Outcome, Reason, Stored, Wake},
    session::horizon::Concern,
    session::schedule::Policy,
    session::status::{EndSource, State},
    session::{Session, token::Token},
};

use crate::drive::{DAY, Drive, HOUR, at, failure, legacy, refused, secs, token};

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
    let status = drive.session.status(at(2 * HOUR));
    assert_eq!(
        (status.session_ends_at, status.session_end_source),
        (Some(at(end)), Some(EndSource::Learned))
    );
    assert_eq!(status.session_end_announced_at, Some(at(end - 900)));
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
    let status = drive.session.status(at(0));
    assert_eq!(
        (status.session_ends_at, status.session_end_source),
        (Some(at(8 * HOUR)), Some(EndSource::Configured))
    );
    let over = drive.session.status(at(8 * HOUR));
    assert_eq!((over.session_ends_at, over.session_end_source), (None, None));
}

#[test]
fn status_tells_how_long_token_and_sign_in_last_in_all() {
    let mut drive = Drive::new(Policy::default(), Memory::default());
    drive.read(0, Stored::Missing);
    let status = drive.session.status(at(0));
    assert_eq!((status.token_life_secs, status.signed_in_at), (None, None));
    // The file of another program does not tell when its token was issued: it lives for what is left at least.
    drive.read(10, Stored::Token(Token { issued_at: None, ..token("a", 10, 2 * HOUR) }));
    let status = drive.session.status(at(HOUR));
    assert_eq!((status.token_life_secs, status.signed_in_at), (Some(7190), Some(at(10))));
    drive.event(HOUR, Event::RefreshAsked);
    drive.done(HOUR + 1, Outcome::Refreshed(token("b", HOUR + 1, HOUR + 901)));
    let json = serde_json::to_value(drive.session.status(at(HOUR + 2))).unwrap();
    assert_eq!((&json["token_life_secs"], &json["signed_in_at"]), (&900.into(), &at(10).to_string().into()));
}

/// A session of eight hours that began at 0, with `token`, and what it remembered at last.
fn of_eight_hours(memory: Memory, token: Token, now: i64) -> (Session, Memory) {
    let policy = Policy { session_duration: Some(secs(8 * 3600)), ..Policy::default() };
    let mut session = Session::new("work", policy, memory, Generation(0));
    let (generation, stored) = (session.generation(), Stored::Token(token));
    let read = Event::Read { generation, stored, memory };
    let memory = remembered(session.handle(read, at(now), 0.0)).unwrap_or(memory);
    (session, memory)
}

fn remembered(actions: Vec<Action>) -> Option<Memory> {
    actions.into_iter().rev().find_map(|action| match action {
        Action::Remember(memory) => Some(memory),
        _ => None,
    })
}

fn announcements(actions: &[Action]) -> usize {
    actions.iter().filter(|action| format!("{action:?}").contains("SessionEnding")).count()
}

#[test]
fn session_end_is_announced_once_whatever_happens_after_it() {
    let start = Memory { signed_in_at: Some(at(0)), ..Memory::default() };
    let (end, late) = (8 * HOUR, token("a", 7 * HOUR, 9 * HOUR));
    let (mut session, memory) = of_eight_hours(start, late.clone(), end - 1000);
    assert_eq!((memory, session.concern(at(end - 1000))), (start, None));
    let actions = session.handle(Event::Woken(Wake::Resume), at(end - 600), 0.0);
    assert_eq!(announcements(&actions), 1);
    let memory = remembered(actions).unwrap();
    let concern = Some(Concern::SessionEnding { at: at(end), signed_in_at: at(0) });
    assert_eq!(session.concern(at(end - 600)), concern);
    assert_eq!(session.concern(at(end)), None, "it is over");
    // The clock is set back and comes to the same moment again, the machine sleeps, the settings are loaded again.
    let policy = |warn| Policy {
        session_duration: Some(secs(8 * 3600)),
        warn_before_session_end: secs(warn),
        ..Policy::default()
    };
    for (now, event) in [
        (end - 2 * HOUR, Event::Woken(Wake::ClockStep)),
        (end - 900, Event::Woken(Wake::Deadline)),
        (end - 500, Event::Woken(Wake::Resume)),
        (end - 400, Event::Reconfigured(policy(3600))),
        (end - 300, Event::Reconfigured(policy(60))),
        (end - 30, Event::Woken(Wake::Deadline)),
    ] {
        assert_eq!(announcements(&session.handle(event, at(now), 0.0)), 0, "at {now}");
    }
    // After a start of the daemon, from what is on the disk.
    let disk: Memory = serde_json::from_value(serde_json::to_value(memory).unwrap()).unwrap();
    let (mut session, _) = of_eight_hours(disk, late, end - 20);
    assert_eq!(announcements(&session.handle(Event::Woken(Wake::Deadline), at(end - 10), 0.0)), 0);
    assert_eq!(session.concern(at(end - 10)), concern, "but it is known");
}

#[test]
fn session_end_that_is_past_is_not_announced() {
    let start = Memory { signed_in_at: Some(at(0)), ..Memory::default() };
    let (mut session, _) = of_eight_hours(start, token("a", 7 * HOUR, 9 * HOUR), 7 * HOUR);
    let actions = session.handle(Event::Woken(Wake::Resume), at(8 * HOUR), 0.0);
    assert_eq!((announcements(&actions), session.concern(at(8 * HOUR))), (0, None));
    // Not later either, when the clock is set back.
    let actions = session.handle(Event::Woken(Wake::ClockStep), at(8 * HOUR - 60), 0.0);
    assert_eq!(announcements(&actions), 0);
}

#[test]
fn session_end_of_a_short_session_is_not_announced_at_the_sign_in() {
    let policy = Policy { session_duration: Some(secs(1200)), ..Policy::default() };
    let mut drive = Drive::new(policy, Memory { signed_in_at: Some(at(0)), ..Memory::default() });
    assert_eq!(drive.read(0, Stored::Token(token("a", 0, HOUR))), "taken-up");
    assert_eq!(drive.next(), Some((600, "announce the end of the session")));
}

#[test]
fn a_lost_session_is_a_concern_until_there_is_another_token() {
    let mut drive = Drive::with(token("a", -HOUR, 60), 0);
    assert_eq!(drive.session.concern(at(0)), None);
    drive.done(1, refused(Reason::InvalidClient));
    let concern = Concern::SignInNeeded { reason: Reason::InvalidClient, lost: at(60) };
    assert_eq!(drive.session.concern(at(1)), Some(concern));
    drive.read(2, Stored::Token(token("b", 2, HOUR)));
    assert_eq!(drive.session.concern(at(2)), None);
    drive.read(3, Stored::Missing);
    assert_eq!(drive.session.concern(at(3)), None, "whoever signs out knows it");
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
