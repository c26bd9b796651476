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

fn day(tz: &str) -> Day {
    let own = vec![
        event(Kind::Stopping, 1250, "stopping"),
        event(
            Kind::Started,
            1150,
            "sso-refresh 0.1.0 has started: it keeps fresh home, work; programs ask at /run/user/1000/sso-refresh/api.sock",
        ),
        Event { asleep_secs: Some(6 * 3600), ..event(Kind::Resumed, 300, "the machine was asleep for 6h") },
        event(Kind::Started, 29, "sso-refresh 0.1.0 has started"),
    ];
    let past = |session: &str, events: Vec<Event>| Past {
        session: session.into(),
        events: events.into_iter().map(|event| event.of(session)).collect(),
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
    // Killed, and started again an hour and a half later.
    work.extend(refreshed(139, 130).map(|event| Event { event: Kind::TakenUp.name().into(), ..event }));
    work.extend(refreshed(28, 0));
    let home: Vec<Event> = refreshed(299, 130).chain(refreshed(28, 0)).collect();
    let pasts = vec![past("home", home), past("work", work)];
    let gaps = gaps(own.iter().chain(pasts.iter().flat_map(|past| &past.events)), NOW, true);
    Day { now: NOW, zone: Zone::find(Some(tz)), own, pasts, gaps, trouble: None }
}

const OLD: Paper = Paper { width: 80, utf8: true };
const WIDE: Paper = Paper { width: 140, utf8: true };

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn shown(day: &Day, paper: Paper) -> String {
    let text = plain(&day.drawn(paper));
    // A command is not broken, so that it can be copied.
    assert!(text.lines().all(|line| line.width() <= paper.width || line.contains('`')), "{text}");
    text
}

#[test]
fn a_day_is_understood_at_once() {
    insta::assert_snapshot!(shown(&day("UTC"), OLD), @r"
                 16:00   20:00   Fri     04:00   08:00 now
    home       ····                zzzzzzzzzzzz██████???██
    work  ██████···████████▄▄××××██zzzzzzzzzzzz████○○???██

    the last 24 hours, until now (12:10, UTC), half an hour a character:
      █ fresh        programs had a good token
      ▄ due          it could not be refreshed for a while, and was still good
      × outage       the token had expired
      ○ signed out   only a sign-in could help
      z asleep       the machine slept
      · not running  the daemon did not run
      ? not known    the daemon was killed or crashed at some moment of this

    Thu 17:00  sso-refresh 0.1.0 has started: it keeps fresh home, work; programs
               ask at /run/user/1000/sso-refresh/api.sock
    Thu 21:20  work: could not refresh, and tries again from 2027-01-14T21:20:02Z
               on: can't resolve oidc.us-east-1.amazonaws.com
    Thu 23:50  work: works again, after 2h 30m
    Fri 07:10  the machine was asleep for 6h
    Fri 09:20  work: the sign-in session has ended: sign in with
               `sso-refresh login work`
    Fri 09:51  work: signed in
    Fri 11:41  the daemon was killed or crashed, some time after 09:51
    Fri 11:41  sso-refresh 0.1.0 has started
    ");
}

#[test]
fn a_wide_terminal_shows_quarters() {
    insta::assert_snapshot!(shown(&day("UTC"), WIDE), @r"
                 14:00   16:00   18:00   20:00   22:00   Fri     02:00   04:00   06:00   08:00   10:00 now
    home              ·······                                 zzzzzzzzzzzzzzzzzzzzzzzz██████████????????██
    work    ██████████·······█████████████████▄▄▄××××××××█████zzzzzzzzzzzzzzzzzzzzzzzz████████○○○???????██

    the last 24 hours, until now (12:10, UTC), a quarter of an hour a character:
      █ fresh        programs had a good token
      ▄ due          it could not be refreshed for a while, and was still good
      × outage       the token had expired
      ○ signed out   only a sign-in could help
      z asleep       the machine slept
      · not running  the daemon did not run
      ? not known    the daemon was killed or crashed at some moment of this

    Thu 17:00  sso-refresh 0.1.0 has started: it keeps fresh home, work; programs ask at /run/user/1000/sso-refresh/api.sock
    Thu 21:20  work: could not refresh, and tries again from 2027-01-14T21:20:02Z on: can't resolve oidc.us-east-1.amazonaws.com
    Thu 23:50  work: works again, after 2h 30m
    Fri 07:10  the machine was asleep for 6h
    Fri 09:20  work: the sign-in session has ended: sign in with `sso-refresh login work`
    Fri 09:51  work: signed in
    Fri 11:41  the daemon was killed or crashed, some time after 09:51
    Fri 11:41  sso-refresh 0.1.0 has started
    ");
}

#[test]
fn times_are_those_on_the_wall() {
    let rulers = ["CET-1CEST,M3.5.0,M10.5.0/3", "<+0545>-5:45", "EST5EDT,M3.2.0,M11.1.0"].map(|tz| {
        let shown = shown(&day(tz), OLD);
        let said = shown.lines().find(|line| line.starts_with("the last")).unwrap();
        let told = shown.lines().find(|line| line.contains("it keeps")).unwrap();
        format!("{}\n{said}\n{told}\n", shown.lines().next().unwrap())
    });
    insta::assert_snapshot!(rulers.join("\n"), @r"
               16:00   20:00   Fri     04:00   08:00   now
    the last 24 hours, until now (13:10, UTC+01:00), half an hour a character:
    Thu 18:00  sso-refresh 0.1.0 has started: it keeps fresh home, work; programs

             20:00   Fri     04:00   08:00   12:00     now
    the last 24 hours, until now (17:55, UTC+05:45), half an hour a character:
    Thu 22:45  sso-refresh 0.1.0 has started: it keeps fresh home, work; programs

           08:00   12:00   16:00   20:00   Fri         now
    the last 24 hours, until now (07:10, UTC-05:00), half an hour a character:
    Thu 12:00  sso-refresh 0.1.0 has started: it keeps fresh home, work; programs
    ");
    // The night in which the clock goes from 1:59 to 3:00, and the one in which it goes from 2:59 back to 2:00.
    let nights = ["2027-03-28T10:10:00Z", "2027-10-31T10:10:00Z"].map(|now| {
        let day = Day { now: Timestamp::parse(now).unwrap(), ..day("CET-1CEST,M3.5.0,M10.5.0/3") };
        assert!(day.ruler(Scale::Quarters).ends_with("now"));
        day.ruler(Scale::HalfHours)
    });
    insta::assert_snapshot!(nights.join("\n"), @r"
    12:00   16:00   20:00   Sun   04:00   08:00 now
          16:00   20:00   Sun       04:00       now
    ");
}

#[test]
fn without_utf8_and_with_long_names() {
    let mut day = day("UTC");
    day.pasts[0].session = "an-account-of-somebody-with-a-very-long-name".into();
    day.pasts[1].events.clear();
    day.trouble = Some(client::Error::NotRunning);
    for width in [80, 140] {
        assert!(shown(&day, Paper { width, utf8: false }).is_ascii());
    }
    insta::assert_snapshot!(shown(&day, Paper { utf8: false, ..OLD }), @r"
                                           16:00   20:00   Fri     04:00   08:00 now
    an-account-of-somebody-with...       ....                zzzzzzzzzzzz======???==
    work                                 ....                zzzzzzzzzzzz      ???

    the last 24 hours, until now (12:10, UTC), half an hour a character:
      = fresh        programs had a good token
      z asleep       the machine slept
      . not running  the daemon did not run
      ? not known    the daemon was killed or crashed at some moment of this

    Thu 15:20  stopping
    Thu 17:00  sso-refresh 0.1.0 has started: it keeps fresh home, work; programs
               ask at /run/user/1000/sso-refresh/api.sock
    Fri 07:10  the machine was asleep for 6h
    Fri 11:41  the daemon was killed or crashed, some time after 09:51
    Fri 11:41  sso-refresh 0.1.0 has started

    the daemon is not running: start it with `sso-refresh service start`; until then
    nothing is refreshed by itself
    ");
}

#[test]
fn a_narrow_terminal_shows_hours_and_wide_characters_move_nothing() {
    let mut day = day("UTC");
    day.pasts[0].session = "工作会话工作".into();
    insta::assert_snapshot!(shown(&day, Paper { width: 50, utf8: true }), @r"
                     16:00   Fri       now
    工作会话工作    ··        zzzzzz███??█
    work          ██··████▄××█zzzzzz██○??█

    the last 24 hours, until now (12:10, UTC), an hour
    a character:
      █ fresh        programs had a good token
      ▄ due          it could not be refreshed for a
                     while, and was still good
      × outage       the token had expired
      ○ signed out   only a sign-in could help
      z asleep       the machine slept
      · not running  the daemon did not run
      ? not known    the daemon was killed or crashed
                     at some moment of this

    Thu 17:00  sso-refresh 0.1.0 has started: it keeps
               fresh home, work; programs ask at
               /run/user/1000/sso-refresh/api.sock
    Thu 21:20  work: could not refresh, and tries
               again from 2027-01-14T21:20:02Z on:
               can't resolve
               oidc.us-east-1.amazonaws.com
    Thu 23:50  work: works again, after 2h 30m
    Fri 07:10  the machine was asleep for 6h
    Fri 09:20  work: the sign-in session has ended:
               sign in with `sso-refresh login work`
    Fri 09:51  work: signed in
    Fri 11:41  the daemon was killed or crashed, some
               time after 09:51
    Fri 11:41  sso-refresh 0.1.0 has started
    ");
}

#[test]
fn colours_are_for_what_is_not_plain() {
    let mut day = day("UTC");
    day.pasts.remove(0);
    day.trouble = Some(client::Error::NotRunning);
    let escaped = |paper| {
        let text = day.drawn(paper).replace('\u{1b}', "^");
        text.lines().skip(1).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(escaped(OLD), @r"
    work  ^[32m██████^[0m^[2m···^[0m^[32m████████^[0m^[33m▄▄^[0m^[31m××××^[0m^[32m██^[0m^[2mzzzzzzzzzzzz^[0m^[32m████^[0m^[31m○○^[0m^[2m???^[0m^[32m██^[0m

    the last 24 hours, until now (12:10, UTC), half an hour a character:
      ^[32m█^[0m fresh        programs had a good token
      ^[33m▄^[0m due          it could not be refreshed for a while, and was still good
      ^[31m×^[0m outage       the token had expired
      ^[31m○^[0m signed out   only a sign-in could help
      ^[2mz^[0m asleep       the machine slept
      ^[2m·^[0m not running  the daemon did not run
      ^[2m?^[0m not known    the daemon was killed or crashed at some moment of this

    Thu 17:00  sso-refresh 0.1.0 has started: it keeps fresh home, work; programs
               ask at /run/user/1000/sso-refresh/api.sock
    Thu 21:20  work: could not refresh, and tries again from 2027-01-14T21:20:02Z
               on: can't resolve oidc.us-east-1.amazonaws.com
    Thu 23:50  work: works again, after 2h 30m
    Fri 07:10  the machine was asleep for 6h
    Fri 09:20  work: the sign-in session has ended: sign in with
               `sso-refresh login work`
    Fri 09:51  work: signed in
    Fri 11:41  the daemon was killed or crashed, some time after 09:51
    Fri 11:41  sso-refresh 0.1.0 has started

    ^[31mthe daemon is not running: start it with `sso-refresh service start`; until then^[0m
    ^[31mnothing is refreshed by itself^[0m
    ");
    insta::assert_snapshot!(escaped(WIDE), @r"
    work    ^[32m██████████^[0m^[2m·······^[0m^[32m█████████████████^[0m^[33m▄▄▄^[0m^[31m××××××××^[0m^[32m█████^[0m^[2mzzzzzzzzzzzzzzzzzzzzzzzz^[0m^[32m████████^[0m^[31m○○○^[0m^[2m???????^[0m^[32m██^[0m

    the last 24 hours, until now (12:10, UTC), a quarter of an hour a character:
      ^[32m█^[0m fresh        programs had a good token
      ^[33m▄^[0m due          it could not be refreshed for a while, and was still good
      ^[31m×^[0m outage       the token had expired
      ^[31m○^[0m signed out   only a sign-in could help
      ^[2mz^[0m asleep       the machine slept
      ^[2m·^[0m not running  the daemon did not run
      ^[2m?^[0m not known    the daemon was killed or crashed at some moment of this

    Thu 17:00  sso-refresh 0.1.0 has started: it keeps fresh home, work; programs ask at /run/user/1000/sso-refresh/api.sock
    Thu 21:20  work: could not refresh, and tries again from 2027-01-14T21:20:02Z on: can't resolve oidc.us-east-1.amazonaws.com
    Thu 23:50  work: works again, after 2h 30m
    Fri 07:10  the machine was asleep for 6h
    Fri 09:20  work: the sign-in session has ended: sign in with `sso-refresh login work`
    Fri 09:51  work: signed in
    Fri 11:41  the daemon was killed or crashed, some time after 09:51
    Fri 11:41  sso-refresh 0.1.0 has started

    ^[31mthe daemon is not running: start it with `sso-refresh service start`; until then nothing is refreshed by itself^[0m
    ");
}

#[test]
fn where_nothing_is_known_it_says_so() {
    let (own, gaps) = (Vec::new(), Vec::new());
    let pasts = vec![Past { session: "new".into(), events: Vec::new() }];
    let trouble = Some(client::Error::NotRunning);
    let day = Day { now: NOW, zone: Zone::find(Some("UTC")), own, pasts, gaps, trouble };
    insta::assert_snapshot!(shown(&day, OLD), @r"
                16:00   20:00   Fri     04:00   08:00 now
    new

    the last 24 hours, until now (12:10, UTC), half an hour a character:
      nothing is known of them: the daemon keeps the history while it runs

    the daemon is not running: start it with `sso-refresh service start`; until then
    nothing is refreshed by itself
    ");
}

#[test]
fn a_start_that_is_not_in_the_history_is_known_from_the_daemon() {
    let own = day("UTC").own;
    assert_eq!(unwritten_start(&own, NOW.before(Duration::from_secs(29 * 60))), None);
    let since = NOW.before(Duration::from_secs(60));
    assert_eq!(unwritten_start(&own, since).unwrap().at, since);
}
