//! [`Zone`]: the clock on the user's wall, for what people read and nothing else.

use tz::TimeZone;

use super::Timestamp;

/// The days as they are short, from that of 1970-01-01 on.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A time zone, with its summers.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

/// A moment as a clock on a wall shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local(i64);

impl Zone {
    /// The one that `tz` names as the variable `TZ` does, else the one of the machine, else UTC.
    pub fn find(tz: Option<&str>) -> Self {
        let named = tz.map_or_else(TimeZone::local, TimeZone::from_posix_tz);
        Self(named.unwrap_or_else(|_| TimeZone::utc()))
    }

    /// What the clock shows at a moment.
    pub fn local(&self, at: Timestamp) -> Local {
        Local(at.secs().saturating_add(self.offset(at)))
    }

    /// How far it is from UTC at a moment: `UTC`, `UTC+05:45`.
    pub fn name(&self, at: Timestamp) -> String {
        let minutes = self.offset(at) / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        match minutes.abs() {
            0 => "UTC".into(),
            minutes => format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        }
    }

    fn offset(&self, at: Timestamp) -> i64 {
        // None where a rule of the zone makes no sense.
        self.0.find_local_time_type(at.secs()).map_or(0, |local| local.ut_offset().into())
    }
}

impl Local {
    /// What the clock shows so many seconds after 1970 began by it.
    pub const fn at(secs: i64) -> Self {
        Self(secs)
    }

    /// Seconds since 1970 by this clock.
    pub const fn secs(self) -> i64 {
        self.0
    }

    /// `16:10`.
    pub fn hour_and_minute(self) -> String {
        let minutes = self.0.div_euclid(60).rem_euclid(24 * 60);
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// `Mon`.
    pub fn day(self) -> &'static str {
        let day = self.0.div_euclid(24 * 60 * 60).rem_euclid(7);
        usize::try_from(day).ok().and_then(|day| DAYS.get(day)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15T08:00:00Z, a Friday.
    const WINTER: Timestamp = Timestamp::from_secs(1_800_000_000);
    /// 2027-07-15T08:00:00Z, a Thursday.
    const SUMMER: Timestamp = Timestamp::from_secs(1_815_638_400);

    #[test]
    fn the_clock_goes_by_the_zone_and_its_summer() {
        let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
        for (tz, at, day, shown, name) in [
            ("UTC", WINTER, "Fri", "08:00", "UTC"),
            (berlin, WINTER, "Fri", "09:00", "UTC+01:00"),
            (berlin, SUMMER, "Thu", "10:00", "UTC+02:00"),
            ("<+0545>-5:45", WINTER, "Fri", "13:45", "UTC+05:45"),
            ("EST5EDT,M3.2.0,M11.1.0", WINTER, "Fri", "03:00", "UTC-05:00"),
            ("<-09>9", WINTER, "Thu", "23:00", "UTC-09:00"),
            ("nonsense", WINTER, "Fri", "08:00", "UTC"),
            ("CET-1", Timestamp::from_secs(-3601), "Wed", "23:59", "UTC+01:00"),
        ] {
            let zone = Zone::find(Some(tz));
            let local = zone.local(at);
            assert_eq!(
                (local.day(), local.hour_and_minute().as_str(), zone.name(at).as_str()),
                (day, shown, name),
                "{tz} {at}"
            );
        }
        // Whatever the machine's is.
        assert!(!Zone::find(None).local(WINTER).day().is_empty());
    }
}
