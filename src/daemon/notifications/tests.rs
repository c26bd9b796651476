use super::*;
use crate::session::event::Reason;

const NONE: Seen = Seen { lost: None, ending: None };

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn lost(secs: i64) -> Concern {
    Concern::SignInNeeded { reason: Reason::InvalidGrant, lost: at(secs) }
}

fn ending(secs: i64) -> Concern {
    Concern::SessionEnding { at: at(secs), signed_in_at: at(secs - 100) }
}

fn with(seen: Seen) -> Notifications {
    let mut notifications = Notifications::default();
    notifications.set(true);
    notifications.add("work", seen);
    notifications.add("home", NONE);
    notifications
}

/// The categories of what is wanted.
fn wanted(notifications: &Notifications) -> String {
    let words = |(name, it): (&String, &Notification)| format!("{name}:{}", it.category);
    notifications.wanted().iter().map(words).collect::<Vec<_>>().join(" ")
}

fn number(notifications: &Notifications, name: &str) -> u64 {
    notifications.wanted()[name].number
}

fn failing() -> Notice {
    Notice::Failing { message: String::new(), kind: "dns", retry_at: at(0) }
}

fn recovered(secs: u64) -> Notice {
    Notice::Recovered { after: Duration::from_secs(secs) }
}

#[test]
fn the_newest_truth_is_wanted_and_what_is_untrue_is_not() {
    let mut notifications = with(NONE);
    for (concern, expected) in [
        (None, ""),
        (Some(ending(500)), "work:session-ending"),
        (Some(ending(500)), "work:session-ending"),
        (Some(lost(600)), "work:sign-in-needed"),
        (None, ""),
        (Some(lost(700)), "work:sign-in-needed"),
        (Some(lost(700)), "work:sign-in-needed"),
    ] {
        assert_eq!(notifications.look("work", concern, None), None);
        assert_eq!(wanted(&notifications), expected);
    }
    notifications.set(false);
    assert_eq!(wanted(&notifications), "");
    notifications.set(true);
    notifications.remove("work");
    assert_eq!(wanted(&notifications), "");
    assert_eq!(notifications.look("work", Some(lost(1)), None), None, "nobody knows it");
}

#[test]
fn what_was_shown_is_not_shown_again_by_the_next_daemon() {
    let mut notifications = with(NONE);
    notifications.look("work", Some(lost(600)), Some(at(600)));
    let shown = number(&notifications, "work");
    let (session, seen) = notifications.shown(shown).unwrap();
    assert_eq!((session.as_str(), seen), ("work", Seen { lost: Some(at(600)), ending: None }));
    assert_eq!(wanted(&notifications), "work:sign-in-needed", "it stays there");
    assert_eq!(number(&notifications, "work"), shown);

    // A start: the token is taken up, tried, and refused again.
    let mut notifications = with(seen);
    for concern in [None, None, Some(lost(600))] {
        assert_eq!(notifications.look("work", concern, Some(at(600))), None);
        assert_eq!(wanted(&notifications), "");
    }
    // Another sign-in, and another loss.
    assert_eq!(notifications.look("work", None, Some(at(900))), Some(NONE));
    assert_eq!(notifications.look("work", Some(lost(900)), Some(at(900))), None);
    assert_eq!(wanted(&notifications), "work:sign-in-needed");
    // What nobody has seen is shown by the next daemon.
    let mut notifications = with(NONE);
    notifications.look("work", Some(lost(900)), Some(at(900)));
    assert_eq!(wanted(&notifications), "work:sign-in-needed");

    notifications.look("work", Some(ending(500)), None);
    let shown = number(&notifications, "work");
    let (_, seen) = notifications.shown(shown).unwrap();
    let mut notifications = with(seen);
    notifications.look("work", Some(ending(500)), None);
    assert_eq!(wanted(&notifications), "");
    notifications.look("work", Some(ending(900)), None);
    assert_eq!(wanted(&notifications), "work:session-ending");
}

#[test]
fn what_is_true_when_it_is_taken_away_is_shown_again() {
    let mut notifications = with(NONE);
    notifications.look("work", Some(lost(600)), Some(at(600)));
    notifications.look("home", Some(ending(500)), Some(at(600)));
    let (work, home) = (number(&notifications, "work"), number(&notifications, "home"));
    for number in [work, home] {
        assert_ne!(notifications.shown(number).unwrap().1, NONE);
    }
    notifications.set(false);
    assert_eq!(notifications.taken_away(work), Some(("work".into(), NONE)));
    assert_eq!(notifications.taken_away(home), Some(("home".into(), NONE)));
    notifications.set(true);
    assert_eq!(wanted(&notifications), "home:session-ending work:sign-in-needed");

    // One that is not true any more.
    notifications.look("work", None, Some(at(600)));
    assert_eq!(notifications.taken_away(work), None);
}

#[test]
fn what_the_user_puts_away_stays_away_and_what_is_pressed_signs_in() {
    let mut notifications = with(NONE);
    notifications.look("work", Some(lost(600)), None);
    notifications.look("home", Some(ending(500)), None);
    let (work, home) = (number(&notifications, "work"), number(&notifications, "home"));
    let sign_in = |session: &str, renew| Some(SignIn { session: session.into(), renew });
    assert_eq!(notifications.pressed(work, at(1000)), sign_in("work", false));
    assert_eq!(notifications.pressed(work, at(1001)), None, "the user clicks twice");
    assert_eq!(notifications.pressed(home, at(1001)), sign_in("home", true));
    assert_eq!(notifications.pressed(work, at(1060)), sign_in("work", false), "the first one failed");
    assert_eq!(notifications.pressed(work, at(50)), sign_in("work", false), "the clock was set");
    assert_eq!(notifications.pressed(99, at(1000)), None);
    notifications.take_differs();
    notifications.over(work);
    assert!(notifications.take_differs());
    assert_eq!(wanted(&notifications), "home:session-ending");
    notifications.look("work", Some(lost(600)), None);
    assert_eq!(wanted(&notifications), "home:session-ending");
}

#[test]
fn what_works_again_is_shown_where_it_had_failed_for_long_and_awake() {
    for (slept_before, slept_after, after, expected) in [
        (0, 0, 601, ":works-again"),
        (0, 0, 600, ""),
        (5000, 5000, 601, ":works-again"),
        (5000, 41_000, 36_500, ""),
        (5000, 41_000, 36_601, ":works-again"),
        (9000, 0, 700, ":works-again"),
    ] {
        let mut notifications = with(NONE);
        let slept = Duration::from_secs;
        notifications.tell("work", &failing(), slept(slept_before), at(0));
        notifications.tell("work", &recovered(after), slept(slept_after), at(50_000));
        assert_eq!(wanted(&notifications), expected, "{slept_before} {slept_after} {after}");
    }
}

#[test]
fn what_works_again_gives_way_and_does_not_flood() {
    let mut notifications = with(NONE);
    let fail = |notifications: &mut Notifications, session: &str, now| {
        notifications.tell(session, &failing(), Duration::ZERO, at(now));
        notifications.tell(session, &recovered(900), Duration::ZERO, at(now + 900));
    };
    fail(&mut notifications, "work", 0);
    let first = number(&notifications, REPAIRED);
    fail(&mut notifications, "home", 0);
    assert_eq!(number(&notifications, REPAIRED), first, "one outage for all of them");
    notifications.look("work", Some(ending(5000)), None);
    assert_eq!(wanted(&notifications), "work:session-ending", "one of a session");
    notifications.look("work", None, None);
    assert_eq!(wanted(&notifications), ":works-again");
    notifications.tell("work", &failing(), Duration::ZERO, at(2000));
    assert_eq!(wanted(&notifications), "", "it is not true any more");
    let mut shown = 0;
    for turn in 0..3 * 24 {
        fail(&mut notifications, "work", 3000 + turn * 1200);
        if let Some(notification) = notifications.wanted().get(REPAIRED) {
            shown += 1;
            notifications.over(notification.number);
        }
    }
    assert_eq!(shown, 2, "of a day of outages");
}
