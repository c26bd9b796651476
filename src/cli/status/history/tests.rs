use std::time::Duration;

use super::*;

/// 12:10 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_800_014_400 + 600);

fn event(kind: Kind, minutes: u64, message: &str) -> Event {
    Event::new(kind.name(), NOW.before(Duration::from_secs(minutes * 60)), message)
}

/// Refreshed from so many minutes ago, every 40, up to so many ago.
fn refreshed(from: u64, to: u64) -> impl Iterator<Item = Event> {
    (to..=from).rev().step_by(40).map(|minutes| {
        let event = event(Kind::Refreshed, minutes, "refreshed");
        Event { expires_at: Some(event.at.after(Duration::from_secs(3600))), ..event }
    })
}

fn pasts() -> Vec<Past> {
    let own = [
        event(Kind::Stopping, 1250, "stopping"),
        event(
            Kind::Started,
            1150,
            "sso-refresh 0.1.0 has started: it keeps fresh home, work; programs ask at /run/user/1000/sso-refresh/api.sock",
        ),
        Event { asleep_secs: Some(6 * 3600), ..event(Kind::Resumed, 300, "the machine was asleep for 6h") },
    ];
    let past = |session: &str, events: Vec<Event>| {
        let of = events.into_iter().map(|event| event.of(session));
        Past { session: session.into(), events: own.iter().cloned().chain(of).collect() }
    };
    let mut work: Vec<Event> = refreshed(1400, 1251).chain(refreshed(1149, 891)).collect();
    work.push(event(Kind::RefreshFailing, 890, "work: could not refresh, and tries again from 2027-01-14T21:20:02Z on: can't resolve oidc.us-east-1.amazonaws.com"));
    work.push(event(Kind::Recovered, 740, "work: works again, after 2h 30m"));
    work.extend(refreshed(740, 700));
    work.extend(refreshed(299, 200));
    work.push(event(
        Kind::SignInNeeded,
        170,
        "work: the sign-in session has ended: sign in with `sso-refresh login work`",
    ));
    work.extend(refreshed(75, 0));
    let home: Vec<Event> = refreshed(299, 0).collect();
    vec![past("home", home), past("work", work)]
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn a_day_is_understood_at_once() {
    let text = plain(&drawn(&pasts(), NOW, true));
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    insta::assert_snapshot!(text, @r"
                 16:00   20:00   00:00   04:00   08:00
    home       ····                zzzzzzzzzzzz███████████
    work  ██████···████████▄▄××××██zzzzzzzzzzzz████○○○○███

    half an hour each, times in UTC:
      █ fresh: programs had a good token
      ▄ could not be refreshed for a while, the token was still good
      × outage: the token had expired
      ○ signed out, or a sign-in was needed
      z the machine was asleep
      · the daemon was not running

    15:20  stopping
    17:00  sso-refresh 0.1.0 has started: it keeps fresh home, work; programs ask a…
    21:20  work: could not refresh, and tries again from 2027-01-14T21:20:02Z on: c…
    23:50  work: works again, after 2h 30m
    07:10  the machine was asleep for 6h
    09:20  work: the sign-in session has ended: sign in with `sso-refresh login wor…
    ");
}

#[test]
fn and_without_utf8_and_with_long_names() {
    let mut pasts = pasts();
    pasts[0].session = "an-account-of-somebody-with-a-very-long-name".into();
    pasts[1].events.retain(|event| event.session.is_none());
    let text = plain(&drawn(&pasts, NOW, false));
    assert!(text.is_ascii() && text.lines().all(|line| line.len() <= WIDTH), "{text}");
    insta::assert_snapshot!(text, @r"
                                           16:00   20:00   00:00   04:00   08:00
    an-account-of-somebody-with...       ....                zzzzzzzzzzzz===========
    work                                 ....                zzzzzzzzzzzz

    half an hour each, times in UTC:
      = fresh: programs had a good token
      z the machine was asleep
      . the daemon was not running

    15:20  stopping
    17:00  sso-refresh 0.1.0 has started: it keeps fresh home, work; programs ask...
    07:10  the machine was asleep for 6h
    ");
}

#[test]
fn colours_are_for_what_is_not_plain() {
    let text = drawn(&pasts()[1..], NOW, true);
    insta::assert_snapshot!(text.lines().nth(1).unwrap().replace('\u{1b}', "^"), @"work  ^[32m██████^[0m^[2m···^[0m^[32m████████^[0m^[33m▄▄^[0m^[31m××××^[0m^[32m██^[0m^[34mzzzzzzzzzzzz^[0m^[32m████^[0m^[35m○○○○^[0m^[32m███^[0m");
    let nothing = Past { session: "new".into(), events: Vec::new() };
    let text = drawn(&[nothing], NOW, true);
    insta::assert_snapshot!(text, @r"
                16:00   20:00   00:00   04:00   08:00
    new

    half an hour each, times in UTC:
      nothing is known of the last day: the daemon keeps the history while it runs
    ");
}
