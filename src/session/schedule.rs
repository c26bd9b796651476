//! When: lead, jitter and backoff, as plain functions of their arguments.
//!
//! A `random` is uniform in 0..1 and comes from outside, so that every decision can be replayed.

use std::time::Duration;

use super::token::Token;
use crate::time::Timestamp;

/// The life of an access token where nothing better is known: IAM Identity Center's documented one hour.
pub const TYPICAL_LIFE: Duration = Duration::from_secs(3600);

/// The longest wait between two attempts; also how far a retry can be parked by a clock that is stepped back.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// The longest `Retry-After` that is believed.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// How long after a first `invalid_grant` the exchange is tried once more: a rival that spent the refresh
/// token needs this long at most to write what it got for it.
pub const CONFIRM_AFTER: Duration = Duration::from_secs(2);

/// The shortest wait between two attempts, whatever event asks for one.
pub const SHORTEST_BACKOFF: Duration = Duration::from_secs(2);

/// For the first minute of an outage no wait is longer, so that a short one ends within five seconds.
const EARLY_BACKOFF: Duration = Duration::from_secs(5);

/// After the first minute the longest wait is this part of the time that the outage has lasted, which grows
/// exponentially with the attempts.
const BACKOFF_PART: u32 = 6;

/// The settings that a session's decisions depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Refresh when this much of the token's life is left; never later than half of it.
    pub refresh_before: Duration,
    /// How long a sign-in lasts, where the user says so.
    pub session_duration: Option<Duration>,
    /// How long before the session's end it is announced.
    pub warn_before_session_end: Duration,
    /// The least time between two automatic exchanges, retries apart.
    pub floor: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            refresh_before: Duration::from_secs(20 * 60),
            session_duration: None,
            warn_before_session_end: Duration::from_secs(15 * 60),
            floor: Duration::from_secs(30),
        }
    }
}

/// How long before its expiry a token of this life is refreshed.
pub fn lead(policy: &Policy, life: Duration) -> Duration {
    policy.refresh_before.min(life / 2)
}

/// The moment at which `token` is refreshed: `lead` before its expiry, and by chance up to a tenth of that
/// earlier, so that sessions which were signed in together drift apart.
pub fn refresh_at(policy: &Policy, token: &Token, life: Duration, random: f64) -> Timestamp {
    let lead = lead(policy, life);
    token.expires_at.before(lead + lead.mul_f64(0.1 * random.clamp(0.0, 1.0)))
}

/// How long to wait after a failed attempt, `failing_for` after the first of an unbroken row of failures.
pub fn backoff(failing_for: Duration, random: f64) -> Duration {
    let longest = (failing_for / BACKOFF_PART).clamp(EARLY_BACKOFF, LONGEST_BACKOFF);
    SHORTEST_BACKOFF + longest.saturating_sub(SHORTEST_BACKOFF).mul_f64(random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::token::Secret;

    const fn mins(mins: u64) -> Duration {
        Duration::from_secs(mins * 60)
    }

    #[test]
    fn lead_is_the_margin_but_at_most_half_of_the_life() {
        for (margin, life, expected) in [
            (mins(20), mins(60), mins(20)),
            (mins(30), mins(60), mins(30)),
            (mins(45), mins(60), mins(30)),
            (mins(20), mins(15), Duration::from_secs(450)),
            (mins(20), Duration::from_secs(1), Duration::from_millis(500)),
            (mins(20), Duration::ZERO, Duration::ZERO),
        ] {
            let policy = Policy { refresh_before: margin, ..Policy::default() };
            assert_eq!(lead(&policy, life), expected);
        }
    }

    #[test]
    fn jitter_only_makes_it_earlier_and_by_a_tenth_of_the_lead_at_most() {
        let expires_at = Timestamp::from_secs(1_800_000_000);
        let token = Token {
            access_token: Secret::new("a"),
            expires_at,
            issued_at: None,
            refresh_token: None,
            registration: None,
        };
        for (random, expected) in [(0.0, mins(20)), (0.5, mins(21)), (1.0, mins(22)), (7.0, mins(22))] {
            let at = refresh_at(&Policy::default(), &token, mins(60), random);
            assert_eq!(expires_at.since(at), expected);
        }
    }

    #[test]
    fn backoff_stays_short_for_a_minute_and_then_grows_to_five() {
        for (failing_for, random, expected) in [
            (0, 0.0, 2.0),
            (0, 1.0, 5.0),
            (30, 1.0, 5.0),
            (60, 1.0, 10.0),
            (600, 1.0, 100.0),
            (600, 0.5, 51.0),
            (1800, 1.0, 300.0),
            (1_000_000, 1.0, 300.0),
            (1_000_000, 0.0, 2.0),
        ] {
            let wait = backoff(Duration::from_secs(failing_for), random);
            assert_eq!(wait, Duration::from_secs_f64(expected), "{failing_for} {random}");
        }
    }
}
