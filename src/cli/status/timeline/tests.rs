use super::*;

/// 12:10 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_800_014_400 + 600);

const HOUR: Duration = Duration::from_secs(3600);

/// So many minutes before [`NOW`].
fn ago(minutes: u64) -> Timestamp {
    NOW.before(Duration::from_secs(minutes * 60))
}

fn event(kind: Kind, minutes: u64) -> Event {
    Event::new(kind.name(), ago(minutes), "")
}

/// A token that is good for an hour.
fn refreshed(minutes: u64) -> Event {
    Event { expires_at: Some(ago(minutes).after(HOUR)), ..event(Kind::Refreshed, minutes) }
}

fn resumed(minutes: u64, slept: u64) -> Event {
    Event { asleep_secs: Some(slept * 60), ..event(Kind::Resumed, minutes) }
}

fn drawn_of(events: &[Event], runs: bool) -> String {
    let sign = |phase: Phase| match phase {
        Phase::Unknown => ' ',
        Phase::Stopped => '.',
        Phase::Lost => '?',
        Phase::Asleep => 'z',
        Phase::Fresh => '=',
        Phase::Due => '~',
        Phase::Outage => 'x',
        Phase::SignedOut => '-',
    };
    let phases = phases(events, &gaps(events.iter(), NOW, runs), NOW, Scale::HalfHours);
    phases.into_iter().map(sign).collect::<String>().trim_start().to_owned()
}

fn drawn(events: &[Event]) -> String {
    drawn_of(events, true)
}

#[test]
fn the_day_ends_with_the_half_hour_of_now() {
    let scale = Scale::HalfHours;
    assert_eq!(scale.beginning(NOW), ago(23 * 60 + 40));
    assert_eq!(scale.beginning(ago(10)), ago(23 * 60 + 40), "at its first moment");
    assert_eq!(Scale::Quarters.beginning(NOW), ago(23 * 60 + 55));
    assert_eq!(phases(&[], &[], NOW, scale), [Phase::Unknown; 48]);
    assert_eq!(phases(&[refreshed(20)], &[], NOW, Scale::Quarters)[94..], [Phase::Fresh; 2]);
    let whole: Vec<Event> = (0..50).map(|number| refreshed(number * 40)).collect();
    assert_eq!(drawn(&whole), "=".repeat(48));
}

#[test]
fn what_happened_is_seen() {
    // The parts of the last hours begin 130, 100, 70, 40 and 10 minutes ago.
    for (events, expected) in [
        (vec![refreshed(40)], "=="),
        // Of which nothing was heard any more.
        (vec![refreshed(130)], "==xxx"),
        (vec![refreshed(100), event(Kind::RefreshFailing, 60), refreshed(35)], "=~x="),
        (
            vec![refreshed(130), event(Kind::RefreshFailing, 90), event(Kind::Recovered, 20), refreshed(20)],
            "=~xx=",
        ),
        (vec![event(Kind::RefreshFailing, 30), refreshed(9)], "x="),
        (vec![refreshed(100), event(Kind::SignInNeeded, 65), refreshed(9)], "=---"),
        (vec![event(Kind::SignedOut, 30)], "--"),
        (vec![refreshed(100), event(Kind::Stopping, 69)], "=..."),
        (vec![refreshed(130), event(Kind::Stopping, 99), event(Kind::Started, 39), refreshed(39)], "=..=="),
        // Its last exchange ended after the stop had begun; and one that was not told to stop, and came back unnoticed.
        (
            vec![
                refreshed(100),
                event(Kind::Stopping, 69),
                Event { at: ago(69).after(STOP / 2), ..refreshed(69) },
            ],
            "=...",
        ),
        (
            vec![
                refreshed(100),
                event(Kind::Stopping, 69),
                resumed(11, 58),
                Event { at: ago(11).after(STOP / 2), ..refreshed(11) },
            ],
            "=zz.",
        ),
        (vec![refreshed(100), event(Kind::Stopping, 69), refreshed(38)], "=.=="),
        // Longer than what else was in a half hour.
        (vec![refreshed(130), resumed(12, 95), refreshed(12)], "=zzz="),
        // Not long enough to matter.
        (vec![refreshed(70), resumed(60, 5), refreshed(30)], "==="),
        // That the token expired meanwhile, and for a moment after, mattered to nobody.
        (vec![refreshed(130), resumed(12, 60), refreshed(11)], "==zz="),
        (vec![event(Kind::Configured, 40), refreshed(10)], "="),
    ] {
        assert_eq!(drawn(&events), expected, "{events:?}");
        let backwards: Vec<Event> = events.iter().rev().cloned().collect();
        if events.iter().enumerate().all(|(at, one)| events.iter().skip(at + 1).all(|it| it.at != one.at)) {
            assert_eq!(drawn(&backwards), expected, "in any order");
        }
    }
}

#[test]
fn trouble_is_shown_that_lasts_and_the_future_is_not() {
    let moment = vec![refreshed(30), event(Kind::RefreshFailing, 25), event(Kind::Recovered, 24)];
    assert_eq!(drawn(&moment), "==");
    let mut blip = vec![refreshed(30), event(Kind::RefreshFailing, 25), event(Kind::Recovered, 23)];
    assert_eq!(drawn(&blip), "~=");
    // The clock was set back since.
    blip.push(Event { at: NOW.after(HOUR), ..event(Kind::SignedOut, 0) });
    assert_eq!(drawn(&blip), "~=");
}

/// One after which the next is planned in 40 minutes.
fn planned(minutes: u64) -> Event {
    let event = refreshed(minutes);
    Event { next_refresh: Some(event.at.after(HOUR * 2 / 3)), ..event }.of("work")
}

#[test]
fn a_daemon_that_went_without_a_word_is_not_taken_for_one_that_runs() {
    let started = |minutes| event(Kind::Started, minutes);
    let failing = event(Kind::RefreshFailing, 125).of("work");
    let needed = event(Kind::SignInNeeded, 125).of("work");
    // The parts of the last hours begin 130, 100, 70, 40 and 10 minutes ago.
    for (events, runs, expected) in [
        // Killed after the refresh, and what would have been told 42 minutes later was not.
        (vec![planned(130), started(39), planned(39)], true, "?..=="),
        (vec![planned(130), started(39), planned(39)], false, "?..??"),
        (vec![planned(130)], false, "?...."),
        (vec![planned(130), event(Kind::Stopping, 99)], false, "=...."),
        // One that tries again says nothing, and no more does one that needs a sign-in.
        (vec![planned(130), failing.clone(), started(39), planned(39)], true, "???=="),
        (vec![planned(130), needed.clone()], false, "?????"),
        (vec![planned(130), needed, event(Kind::Stopping, 70)], false, "--..."),
        // It said something of another session.
        (vec![planned(110), event(Kind::SessionEnding, 95).of("home")], false, "=?..."),
        // What is told before the start is no sign of the one before.
        (vec![planned(130), event(Kind::NotWatched, 39), started(39), planned(39)], true, "?..=="),
        // The first of all.
        (vec![started(39), planned(39)], true, "=="),
    ] {
        assert_eq!(drawn_of(&events, runs), expected, "{runs} {events:?}");
    }
    let gaps = gaps([planned(130), started(39)].iter(), NOW, true);
    assert_eq!(gaps, [Gap { begins: ago(130), due: ago(90).after(LATE), ends: ago(39) }]);
}

#[test]
fn a_clock_that_was_set_back_between_two_daemons_kills_none() {
    let started = |minutes| event(Kind::Started, minutes);
    // The first one, by whose clock it was later; then the second.
    let stopped = [started(60), planned(55), event(Kind::Stopping, 50)];
    let next = [started(90), planned(90)];
    let events: Vec<&Event> = stopped.iter().chain(&next).collect();
    assert_eq!(gaps(events.iter().copied(), NOW, true), []);
    assert_eq!(gaps(events.iter().copied(), ago(70), true), [], "the first is still to come");
    // Nobody set it: the first was killed.
    let (killed, next) = ([started(90), planned(90)], [started(60), planned(55)]);
    assert_eq!(gaps(killed.iter().chain(&next), NOW, true).len(), 1);
}
