//! Wall-clock time: [`Timestamp`], its RFC 3339 forms as AWS writes them, and [`Clock`], the only reader of
//! the system's clock; [`zone`] has the clock on the user's wall.
//!
//! Everything here speaks UTC wall-clock time, because the expiry of a token is absolute and other processes
//! write it. A monotonic clock would stop while the machine sleeps.

pub mod zone;

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{
    OffsetDateTime, PrimitiveDateTime, format_description::well_known::Rfc3339, macros::format_description,
};

/// A moment in UTC, in whole milliseconds since the Unix epoch.
///
/// Arithmetic saturates: a lifetime of 10^12 seconds in an answer is a far future, not a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last second that [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) can write.
    const LAST: i64 = 253_402_300_799_000;
    /// The first second of the year 1.
    const FIRST: i64 = -62_135_596_800_000;

    /// From milliseconds since the Unix epoch, clamped to the years 1 to 9999.
    pub const fn from_millis(millis: i64) -> Self {
        if millis > Self::LAST {
            Self(Self::LAST)
        } else if millis < Self::FIRST {
            Self(Self::FIRST)
        } else {
            Self(millis)
        }
    }

    /// From whole seconds since the Unix epoch, clamped likewise.
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment, `by` later.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis_of(by)))
    }

    /// This moment, `by` earlier.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(millis_of(by)))
    }

    /// How long from `earlier` to this moment; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads every form of `expiresAt` that some AWS tool writes: RFC 3339 with `Z`, an offset or a fraction;
    /// `…UTC` of old AWS CLIs; and no zone at all, which is taken as UTC.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| {
            let bare = text.strip_suffix("UTC").unwrap_or(text).trim_end();
            let format =
                format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]");
            Some(PrimitiveDateTime::parse(bare, format).ok()?.assume_utc())
        })?;
        // Not by way of UTC as a date: 9999-12-31T23:59:59-01:00 has none, and would be a panic.
        let millis = moment.unix_timestamp_nanos().div_euclid(1_000_000);
        Some(Self::from_millis(i64::try_from(millis).ok()?))
    }
}

impl Timestamp {
    /// `16:10 UTC`, where a line is short and the day is clear.
    pub fn hour_and_minute(self) -> String {
        let minutes = self.secs().div_euclid(60).rem_euclid(24 * 60);
        format!("{:02}:{:02} UTC", minutes / 60, minutes % 60)
    }
}

/// `2026-11-23T16:10:41Z`: whole seconds, rounded down, the one form that every SDK reads.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp(self.secs()).map_err(|_| fmt::Error)?;
        f.write_str(&moment.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a timestamp like 2026-11-23T16:10:41Z"))
    }
}

/// Where the current time comes from; a test hands in its own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Arc::new(system_now))
    }

    /// A clock that answers what `now` does.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A duration as people read it, in its two largest units: `1h 12m`, `19m 3s`, `4s`, `2d`.
pub fn words(duration: Duration) -> String {
    let secs = duration.as_secs();
    let units = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let largest = units.iter().position(|(size, _)| secs >= *size).unwrap_or(units.len() - 1);
    let (size, name) = units[largest];
    match units.get(largest + 1) {
        Some((next, smaller)) if secs % size / next > 0 => {
            format!("{}{name} {}{smaller}", secs / size, secs % size / next)
        }
        _ => format!("{}{name}", secs / size),
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system_now() -> Timestamp {
    let now = std::time::SystemTime::now();
    match now.duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => Timestamp::from_secs(0).after(since),
        Err(before) => Timestamp::from_secs(0).before(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_that_an_aws_tool_writes() {
        let whole = Timestamp::from_secs(1_798_761_600); // 2027-01-01T00:00:00Z
        for (text, expected) in [
            ("2027-01-01T00:00:00Z", Some(whole)),
            ("2027-01-01T00:00:00.123456Z", Some(whole.after(Duration::from_millis(123)))),
            ("2027-01-01T00:00:00.097123456Z", Some(whole.after(Duration::from_millis(97)))),
            ("2027-01-01T00:00:00+00:00", Some(whole)),
            ("2027-01-01T02:00:00+02:00", Some(whole)),
            ("2026-12-31T19:30:00-04:30", Some(whole)),
            ("2027-01-01T00:00:00UTC", Some(whole)),
            ("2027-01-01T00:00:00", Some(whole)),
            ("2027-01-01T00:00:00.5", Some(whole.after(Duration::from_millis(500)))),
            (" 2027-01-01T00:00:00Z\n", Some(whole)),
            ("1798761600", None),
            ("2027-13-01T00:00:00Z", None),
            ("2027-01-01", None),
            ("", None),
        ] {
            assert_eq!(Timestamp::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn writes_whole_seconds_rounded_down_with_a_z() {
        for (millis, expected) in [
            (1_798_761_600_999, "2027-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (0, "1970-01-01T00:00:00Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
            (i64::MIN, "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), expected);
        }
    }

    #[test]
    fn says_the_time_of_the_day() {
        for (secs, expected) in [
            (1_800_000_059, "08:00 UTC"),
            (1_800_000_060, "08:01 UTC"),
            (86_399, "23:59 UTC"),
            (-1, "23:59 UTC"),
        ] {
            assert_eq!(Timestamp::from_secs(secs).hour_and_minute(), expected);
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let now = Timestamp::from_secs(1_798_761_600);
        assert_eq!(now.after(Duration::MAX).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(now.before(Duration::MAX).to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(now.since(now.after(Duration::from_secs(1))), Duration::ZERO);
    }

    #[test]
    fn the_ends_of_the_calendar_are_as_far_as_it_goes() {
        let (first, last) = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z");
        for (text, expected) in [
            ("9999-12-31T23:59:59Z", Some(last)),
            ("9999-12-31T23:59:59.999999999Z", Some(last)),
            ("9999-12-31T23:59:60Z", Some(last)),
            ("9999-12-31T23:59:59-00:01", Some(last)),
            ("9999-12-31T23:59:59-23:59", Some(last)),
            ("9999-12-31T23:59:59.5UTC", Some(last)),
            ("0000-01-01T00:00:00Z", Some(first)),
            ("0000-01-01T00:00:00+23:59", Some(first)),
            ("0000-01-01T00:00:00", Some(first)),
            ("0001-01-01T00:00:00+00:01", Some(first)),
            ("-0001-01-01T00:00:00Z", None),
            ("10000-01-01T00:00:00Z", None),
        ] {
            let parsed = Timestamp::parse(text);
            assert_eq!(parsed.map(|moment| moment.to_string()).as_deref(), expected, "{text}");
            let Some(moment) = parsed else { continue };
            for by in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
                for moved in [moment.after(by), moment.before(by)] {
                    assert_eq!(Timestamp::parse(&moved.to_string()).map(Timestamp::secs), Some(moved.secs()));
                }
            }
        }
    }

    #[test]
    fn says_durations_in_two_units() {
        for (secs, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (1143, "19m 3s"),
            (4320, "1h 12m"),
            (172_800, "2d"),
            (176_400, "2d 1h"),
        ] {
            assert_eq!(words(Duration::from_secs(secs)), expected);
        }
    }
}
