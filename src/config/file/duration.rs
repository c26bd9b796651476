//! [`AtMostDays`]: a duration as people write it, with an upper bound that catches a wrong unit.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};

const DAY: u64 = 24 * 60 * 60;

/// A duration like `90s`, `20m` or `1h 30m`: more than nothing and at most so many days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtMostDays<const DAYS: u64>(pub Duration);

impl<'de, const DAYS: u64> Deserialize<'de> for AtMostDays<DAYS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Visitor::<DAYS>)
    }
}

/// Reads a duration of any length.
///
/// # Errors
/// How to write one.
pub fn parse(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "write it like \"90s\", \"20m\" or \"8h\"")
}

struct Visitor<const DAYS: u64>;

impl<const DAYS: u64> de::Visitor<'_> for Visitor<DAYS> {
    type Value = AtMostDays<DAYS>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"20m\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let duration = parse(text).map_err(|how| E::custom(format!("`{text}` is not a duration: {how}")))?;
        if duration.is_zero() {
            return Err(E::custom("a duration must be more than nothing"));
        }
        if duration > Duration::from_secs(DAYS * DAY) {
            return Err(E::custom(format!("`{text}` is longer than {DAYS} days")));
        }
        Ok(AtMostDays(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        #[derive(Deserialize)]
        struct Table {
            d: AtMostDays<90>,
        }
        for (text, secs) in [
            ("90s", Some(90)),
            ("20m", Some(1200)),
            ("8h", Some(28_800)),
            ("1h 30m", Some(5400)),
            ("1h30m", Some(5400)),
            ("90d", Some(90 * DAY)),
            ("90d 1s", None),
            ("0h", None),
            ("", None),
            ("20", None),
            ("20 minuets", None),
            ("99999999999999999999y", None),
        ] {
            let read = toml::from_str::<Table>(&format!("d = \"{text}\"")).ok();
            assert_eq!(read.map(|table| table.d.0.as_secs()), secs, "{text:?}");
        }
    }
}
