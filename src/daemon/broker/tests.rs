use super::*;
use crate::session::token::Secret;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn at(minutes: u32) -> Timestamp {
    NOW.after(MINUTE * minutes)
}

fn role(name: &str) -> Role {
    Role { session: "work".into(), account: "012345678901".into(), name: name.into() }
}

fn credentials(key: &str, expires_at: Timestamp) -> RoleCredentials {
    RoleCredentials {
        account: "012345678901".into(),
        access_key_id: key.into(),
        secret_access_key: Secret::new("planted"),
        session_token: Secret::new("planted"),
        expires_at,
    }
}

fn temporary(retry_after: Option<Duration>) -> Refusal {
    Refusal::Temporary { message: "offline".into(), retry_after }
}

/// A broker that was asked for the role `R`, and got credentials that are good for `life`.
fn with_credentials(life: Duration) -> Broker {
    let mut broker = Broker::default();
    let (fetch, _) = broker.ask(&role("R"), None, NOW);
    let fetched = broker.fetched(&fetch.unwrap(), Ok(credentials("first", NOW.after(life))), NOW);
    assert_eq!(fetched, Some(News::Nothing));
    broker
}

/// What somebody who asks now gets at once: a key, the code of a refusal, or nothing; and whether that began a fetch.
fn ask(broker: &mut Broker, min_validity: Option<Duration>, now: Timestamp) -> (String, Option<Fetch>) {
    let (fetch, attempts) = broker.ask(&role("R"), min_validity, now);
    (said(broker, min_validity, attempts, now), fetch)
}

fn said(broker: &Broker, min_validity: Option<Duration>, attempts: u64, now: Timestamp) -> String {
    match broker.answer(&role("R"), min_validity, attempts, now) {
        None => "waits".into(),
        Some(Ok(credentials)) => credentials.access_key_id,
        Some(Err(refusal)) => refusal.code().into(),
    }
}

#[test]
fn all_who_ask_at_once_wait_for_one_fetch() {
    let mut broker = Broker::default();
    let (answer, fetch) = ask(&mut broker, None, NOW);
    assert_eq!((answer.as_str(), fetch.is_some()), ("waits", true));
    for _ in 0..10 {
        assert_eq!(ask(&mut broker, None, NOW), ("waits".into(), None));
    }
    assert!(broker.ask(&role("Other"), None, NOW).0.is_some(), "another role is another fetch");
    broker.fetched(&fetch.unwrap(), Ok(credentials("first", NOW.after(HOUR))), NOW);
    assert_eq!(said(&broker, None, 0, NOW), "first");
    assert_eq!(ask(&mut broker, None, NOW), ("first".into(), None));
}

#[test]
fn they_are_handed_out_while_enough_is_left() {
    for (minute, answer, fetches) in [
        (1, "first", false),
        (39, "first", false),
        (40, "first", true),
        (44, "first", true),
        (45, "waits", true),
        (61, "waits", true),
    ] {
        let (got, fetch) = ask(&mut with_credentials(HOUR), None, at(minute));
        assert_eq!((got.as_str(), fetch.is_some()), (answer, fetches), "{minute}");
    }
    for (minute, validity, answer, fetches) in [
        (1, 59, "first", false),
        (1, 60, "waits", true),
        (1, 61, "MinValidityTooLong", false),
        (30, 40, "waits", true),
        (50, 5, "first", true),
        (59, 1, "first", true),
    ] {
        let (got, fetch) = ask(&mut with_credentials(HOUR), Some(MINUTE * validity), at(minute));
        assert_eq!((got.as_str(), fetch.is_some()), (answer, fetches), "{minute} {validity}");
    }
}

#[test]
fn they_are_renewed_ahead_while_somebody_asks() {
    let mut broker = with_credentials(HOUR);
    assert_eq!(broker.next(), Some(at(40)));
    assert_eq!(broker.due(at(39)), []);
    let fetch = broker.due(at(40)).remove(0);
    assert_eq!((broker.due(at(40)), broker.next()), (Vec::new(), Some(at(60))));
    assert_eq!(ask(&mut broker, None, at(41)), ("first".into(), None), "the old ones meanwhile");
    broker.fetched(&fetch, Ok(credentials("second", at(101))), at(41));
    assert_eq!(ask(&mut broker, None, at(41)), ("second".into(), None));

    assert_eq!(broker.due(at(81)).len(), 1, "asked for 40 minutes ago");
    let mut broker = with_credentials(HOUR * 3);
    assert_eq!((broker.next(), broker.due(at(160))), (Some(at(160)), Vec::new()), "not in use");
    assert_eq!(broker.next(), Some(at(180)));
    let (answer, fetch) = ask(&mut broker, None, at(161));
    assert_eq!((answer.as_str(), fetch.is_some()), ("first", true), "who asks makes them renewed");

    let mut broker = with_credentials(HOUR * 3);
    assert_eq!((broker.due(at(160)), broker.due(at(180))), (Vec::new(), Vec::new()));
    assert!(broker.held.is_empty() && broker.next().is_none(), "what is over is wiped");
}

#[test]
fn a_renewal_that_fails_takes_nothing_away() {
    let mut broker = with_credentials(HOUR);
    let fetch = broker.due(at(40)).remove(0);
    assert_eq!(broker.fetched(&fetch, Err(temporary(None)), at(40)), Some(News::RenewalFails));
    assert_eq!(ask(&mut broker, None, at(40)), ("first".into(), None));
    // It is tried again, and again.
    let mut holds = Vec::new();
    for _ in 0..6 {
        let next = broker.next().unwrap();
        holds.push(next.since(at(40)).as_secs());
        let fetch = broker.due(next).remove(0);
        assert_eq!(broker.fetched(&fetch, Err(temporary(None)), next), Some(News::Nothing));
    }
    assert_eq!(holds, [1, 3, 7, 15, 30, 45]);
    for (minute, validity, answer) in
        [(50, None, "first"), (59, None, "first"), (50, Some(5), "first"), (50, Some(20), "Temporary")]
    {
        let (fetch, attempts) = broker.ask(&role("R"), validity.map(|it| MINUTE * it), at(minute));
        if let Some(fetch) = fetch {
            broker.fetched(&fetch, Err(temporary(None)), at(minute));
        }
        assert_eq!(said(&broker, validity.map(|it| MINUTE * it), attempts, at(minute)), answer, "{minute}");
    }
    // While the next one gets no answer, nobody waits for it.
    let (answer, fetch) = ask(&mut broker, None, at(55));
    assert_eq!((answer.as_str(), fetch.is_some()), ("first", true));
    assert_eq!(ask(&mut broker, Some(MINUTE * 10), at(55)).0, "waits", "but for who says so");

    let mut broker = with_credentials(HOUR);
    let fetch = broker.due(at(40)).remove(0);
    broker.fetched(&fetch, Err(temporary(Some(HOUR))), at(40));
    assert_eq!(broker.next(), Some(at(45)), "as long as the server asks, within bounds");
    let (answer, fetch) = ask(&mut broker, None, at(61));
    assert_eq!((answer.as_str(), fetch.is_some()), ("waits", true));
    broker.fetched(&fetch.unwrap(), Err(temporary(None)), at(61));
    assert_eq!(ask(&mut broker, None, at(61)), ("Temporary".into(), None), "and then they are over");
}

#[test]
fn an_answer_that_ends_earlier_takes_nothing_away_either() {
    let mut broker = with_credentials(HOUR);
    for (minute, key, answer) in [(40, "shorter", "first"), (41, "same", "same")] {
        let end = if key == "shorter" { at(50) } else { at(60) };
        let fetch = broker.due(at(minute)).remove(0);
        broker.fetched(&fetch, Ok(credentials(key, end)), at(minute));
        assert_eq!(ask(&mut broker, None, at(minute)), (answer.into(), None));
        assert!(broker.next().is_some_and(|next| next > at(minute)), "it is no loop");
    }
}

#[test]
fn who_asks_while_it_fails_is_told_when_to_come_back() {
    let mut broker = Broker::default();
    let fetch = ask(&mut broker, None, NOW).1.unwrap();
    assert_eq!(broker.fetched(&fetch, Err(temporary(None)), NOW), Some(News::Fails));
    let (none, attempts) = broker.ask(&role("R"), None, NOW);
    let answer = broker.answer(&role("R"), None, attempts, NOW).unwrap().unwrap_err();
    assert_eq!((none, answer), (None, temporary(Some(Duration::from_secs(1)))));
    broker.hope(Some("home"), NOW);
    assert_eq!(ask(&mut broker, None, NOW).1, None, "another session's luck");
    broker.hope(Some("work"), NOW);
    let fetch = ask(&mut broker, None, NOW).1.unwrap();
    broker.fetched(&fetch, Err(Refusal::NoAccess { message: "no".into() }), NOW);
    assert_eq!(ask(&mut broker, None, NOW), ("NoAccess".into(), None));
    assert!(ask(&mut broker, None, NOW.after(MINUTE)).1.is_some(), "it may be assigned by now");
}

#[test]
fn a_result_that_comes_too_late_is_dropped() {
    let mut broker = Broker::default();
    let fetch = ask(&mut broker, None, NOW).1.unwrap();
    assert_eq!(broker.retain(|role| role.session != "work"), [role("R")]);
    assert_eq!(broker.fetched(&fetch, Ok(credentials("late", at(60))), NOW), None);
    assert_eq!(said(&broker, None, 0, NOW), "Temporary");
    let again = ask(&mut broker, None, NOW).1.unwrap();
    assert_eq!(broker.fetched(&fetch, Ok(credentials("late", at(60))), NOW), None);
    assert_eq!(broker.fetched(&again, Ok(credentials("right", at(60))), NOW), Some(News::Nothing));
    assert_eq!(ask(&mut broker, None, NOW).0, "right");
}

#[test]
fn another_token_is_another_beginning() {
    let mut broker = with_credentials(HOUR);
    assert_eq!(broker.start_over("home", at(1)), []);
    assert_eq!(ask(&mut broker, None, at(1)).0, "first", "another session's");
    assert_eq!(broker.start_over("work", at(1)), [], "nobody waits");
    let (answer, fetch) = ask(&mut broker, None, at(1));
    assert_eq!(answer, "waits");
    // Meanwhile there is another one: whoever waits gets what comes with that.
    let again = broker.start_over("work", at(1)).remove(0);
    assert_eq!(broker.fetched(&fetch.unwrap(), Ok(credentials("of before", at(90))), at(1)), None);
    assert_eq!(said(&broker, None, 1, at(1)), "waits");
    broker.fetched(&again, Ok(credentials("right", at(50))), at(1));
    assert_eq!(said(&broker, None, 1, at(1)), "right", "though it ends earlier");
}

#[test]
fn short_lives_and_wrong_clocks_are_no_loop() {
    let second = Duration::from_secs(1);
    for (life, renewed_after) in [(10 * second, 5 * second), (20 * MINUTE, 10 * MINUTE)] {
        let mut broker = with_credentials(life);
        assert_eq!(ask(&mut broker, None, NOW), ("first".into(), None), "as good as it gets: {life:?}");
        assert_eq!(broker.next(), Some(NOW.after(renewed_after)));
    }
    let mut broker = with_credentials(Duration::ZERO);
    assert_eq!(ask(&mut broker, None, NOW), ("Temporary".into(), None), "over when they came");
    // The clock is set back by a day, or a machine wakes up.
    let mut broker = with_credentials(HOUR);
    let fetch = broker.due(at(40)).remove(0);
    broker.fetched(&fetch, Err(temporary(None)), at(40));
    let yesterday = NOW.before(HOUR * 24);
    broker.hope(None, yesterday);
    assert_eq!(ask(&mut broker, None, yesterday), ("first".into(), None));
    assert_eq!(broker.next(), Some(at(40)));
}

#[test]
fn debug_shows_no_secret() {
    assert!(!format!("{:?}", with_credentials(HOUR)).contains("planted"));
}

#[test]
fn what_came_by_another_way_serves_as_well_and_need_not_be_new() {
    let mut broker = Broker::default();
    broker.keep(&role("R"), credentials("first", NOW.after(HOUR)), NOW);
    broker.keep(&role("R"), credentials("first", NOW.after(HOUR)), at(30));
    assert_eq!(broker.next(), Some(at(40)), "they live for an hour still");
    assert_eq!(ask(&mut broker, None, at(39)), ("first".into(), None));
    let fetch = broker.due(at(40)).remove(0);
    broker.fetched(&fetch, Err(temporary(None)), at(40));
    broker.keep(&role("R"), credentials("second", at(101)), at(41));
    assert_eq!(ask(&mut broker, None, at(41)), ("second".into(), None), "and the trouble is over");
}

#[test]
fn who_wants_a_moment_longer_than_is_left_gets_it() {
    let secs = Duration::from_secs;
    let mut broker = with_credentials(HOUR);
    let (answer, fetch) = ask(&mut broker, Some(HOUR), NOW.after(secs(60)));
    assert_eq!(answer, "waits");
    let (then, end) = (NOW.after(secs(61)), NOW.after(secs(3661)));
    broker.fetched(&fetch.unwrap(), Ok(credentials("second", end)), then);
    assert_eq!(said(&broker, Some(HOUR), 1, then), "second");
    // AWS gives the same ones again: for a while nobody asks it for others.
    let (_, fetch) = ask(&mut broker, Some(HOUR), then.after(secs(60)));
    broker.fetched(&fetch.unwrap(), Ok(credentials("second", end)), then.after(secs(60)));
    let (answer, fetch) = ask(&mut broker, Some(HOUR), then.after(secs(60)));
    assert_eq!((answer.as_str(), fetch), ("MinValidityTooLong", None));
    assert!(ask(&mut broker, Some(HOUR), then.after(secs(60) + FLOOR)).1.is_some());
}

#[test]
fn who_always_wants_a_moment_longer_causes_two_fetches_in_the_time_of_one() {
    let mut broker = with_credentials(HOUR);
    let (mut fetches, mut life) = (0, HOUR);
    for tick in 1..=300_u32 {
        let now = NOW.after(MINUTE + Duration::from_secs(tick.into()));
        // As long as those that it was given last lived, to the hundredth that is forgiven.
        let (_, fetch) = ask(&mut broker, Some(life + life / 100), now);
        if let Some(fetch) = fetch {
            fetches += 1;
            life = HOUR.saturating_sub(Duration::from_millis(u64::from(tick % 7)));
            let key = format!("fetch {fetches}");
            broker.fetched(&fetch, Ok(credentials(&key, now.after(life))), now);
        }
    }
    assert!((10..=21).contains(&fetches), "{fetches} in five minutes");
}
