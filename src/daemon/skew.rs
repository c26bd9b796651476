//! How far the clock of this machine is from that of AWS, and whether that is news.

use std::time::Duration;

use super::Daemon;
use crate::{
    http::skew::Skew,
    kind::{Kind, told},
    platform::SET_CLOCK,
    time::words,
};

/// What a clock that is off by more than this is told of. AWS refuses what a clock signs that is off by minutes.
const TOLERATED: Duration = Duration::from_secs(60);

/// It is right again when it is off by no more than this.
const RIGHT: Duration = Duration::from_secs(30);

/// What was last told.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    told: Option<Skew>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// It is off by so much.
    Off(Skew),
    /// It was, and is right again.
    Right,
}

impl Clocks {
    /// How many seconds the clock is ahead, where it is off.
    pub(super) fn ahead_secs(&self) -> Option<i64> {
        self.told.map(Skew::secs)
    }

    /// An answer shows that it is off by `skew`: whether that is news.
    fn heard(&mut self, skew: Skew) -> Option<News> {
        let (size, told) = (skew.size(), self.told);
        if told.is_some_and(|told| size > RIGHT && told.since(skew) <= TOLERATED) {
            return None;
        }
        self.told = (size > TOLERATED).then_some(skew);
        self.told.map(News::Off).or(told.map(|_| News::Right))
    }
}

impl Daemon {
    /// An answer shows how far the clock is off.
    pub(super) fn heard_of_clock(&mut self, skew: Skew) {
        match self.clocks.heard(skew) {
            Some(News::Off(skew)) => {
                let line = sentence(skew.secs());
                told!(warn, Kind::ClockSkew, ahead_secs = skew.secs(), "{line}");
                self.effects.news.publish_of(Kind::ClockSkew, line);
            }
            Some(News::Right) => told!(info, Kind::ClockRight, "the clock of this machine is right again"),
            None => {}
        }
    }
}

/// What a clock that is so many seconds ahead means, and what to do.
pub fn sentence(ahead_secs: i64) -> String {
    let by = words(Duration::from_secs(ahead_secs.unsigned_abs()));
    let way = if ahead_secs < 0 { "behind" } else { "ahead of" };
    format!(
        "the clock of this machine is {by} {way} that of AWS, which refuses what is signed by it: set it with {SET_CLOCK}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_until_it_is_right_or_off_by_another_minute() {
        let mut clocks = Clocks::default();
        let off = |secs: i64| Some(News::Off(Skew::from_millis(secs * 1000)));
        for (secs, expected, ahead) in [
            (0, None, None),
            (60, None, None),
            (-60, None, None),
            (61, off(61), Some(61)),
            (61, None, Some(61)),
            (100, None, Some(61)),
            // Almost right is not right.
            (45, None, Some(61)),
            (130, off(130), Some(130)),
            (-7200, off(-7200), Some(-7200)),
            (-7199, None, Some(-7200)),
            (-30, Some(News::Right), None),
            (59, None, None),
            (86_400, off(86_400), Some(86_400)),
            // No more than what is tolerated, at once.
            (40, Some(News::Right), None),
        ] {
            assert_eq!(clocks.heard(Skew::from_millis(secs * 1000)), expected, "{secs}");
            assert_eq!(clocks.ahead_secs(), ahead, "{secs}");
        }
    }

    #[test]
    fn the_sentence_says_which_way_and_what_to_do() {
        for (secs, expected) in
            [(7380, "is 2h 3m ahead of that of AWS"), (-61, "is 1m 1s behind that of AWS")]
        {
            let sentence = sentence(secs);
            assert!(sentence.contains(expected) && sentence.ends_with(SET_CLOCK), "{sentence}");
        }
    }
}
