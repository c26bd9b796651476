use super::*;

/// 12:10 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_800_014_400 + 600);

/// So many minutes before [`NOW`].
fn ago(minutes: u64) -> Timestamp {
    NOW.before(Duration::from_secs(minutes * 60))
}

fn event(kind: Kind, minutes: u64) -> Event {
    Event::new(kind.name(), ago(minutes), "")
}

/// A token that is good for an hour.
fn refreshed(minutes: u64) -> Event {
    Event { expires_at: Some(ago(minutes).after(PART * 2)), ..event(Kind::Refreshed, minutes) }
}

fn resumed(minutes: u64, slept: u64) -> Event {
    Event { asleep_secs: Some(slept * 60), ..event(Kind::Resumed, minutes) }
}

fn drawn(events: &[Event]) -> String {
    let sign = |phase: Phase| match phase {
        Phase::Unknown => ' ',
        Phase::Stopped => '.',
        Phase::Asleep => 'z',
        Phase::Fresh => '=',
        Phase::Retried => '~',
        Phase::Expired => 'x',
        Phase::SignedOut => '-',
    };
    phases(events, NOW).map(sign).iter().collect::<String>().trim_start().to_owned()
}

#[test]
fn the_day_ends_with_the_half_hour_of_now() {
    assert_eq!(beginning(NOW), ago(23 * 60 + 40));
    assert_eq!(beginning(ago(10)), ago(23 * 60 + 40), "at its first moment");
    assert_eq!(phases(&[], NOW), [Phase::Unknown; PARTS]);
    let whole: Vec<Event> = (0..50).map(|number| refreshed(number * 40)).collect();
    assert_eq!(drawn(&whole), "=".repeat(PARTS));
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
    blip.push(Event { at: NOW.after(PART), ..event(Kind::SignedOut, 0) });
    assert_eq!(drawn(&blip), "~=");
}
