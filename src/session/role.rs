//! What a session is for: [`Role`], and the [`RoleCredentials`] that AWS gives for one.

use std::{fmt, time::Duration};

use super::token::Secret;
use crate::time::Timestamp;

/// A role in an account, as one session may use it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    /// The session's name.
    pub session: String,
    /// `accountId`: a text, because it may begin with zeros.
    pub account: String,
    /// `roleName`: of the permission set, not of the IAM role behind it.
    pub name: String,
}

/// ``the role `R` in the account A``. Names come from files and from AWS: fit for a line they are not.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the role `{}` in the account {}", self.name, self.account)
    }
}

/// What `GetRoleCredentials` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleCredentials {
    /// The account that they are for.
    pub account: String,
    /// `accessKeyId`: it names the credentials, and is no secret.
    pub access_key_id: String,
    /// `secretAccessKey`.
    pub secret_access_key: Secret,
    /// `sessionToken`.
    pub session_token: Secret,
    /// When they end.
    pub expires_at: Timestamp,
}

impl RoleCredentials {
    /// How long they are good after `now`; zero where they are over.
    pub fn left(&self, now: Timestamp) -> Duration {
        self.expires_at.since(now)
    }

    /// Whether they are good for `validity` after `now`; see [`lasts`].
    pub fn last(&self, validity: Duration, now: Timestamp) -> bool {
        lasts(self.left(now), validity)
    }
}

/// Whether what is good for `left` is good for `validity`, give or take a hundredth. Who asks for a whole hour of a role
/// that lasts an hour means those that are just out: a little less is left of them, since the answer was on its way and
/// clocks differ. What is over is good for nothing.
pub fn lasts(left: Duration, validity: Duration) -> bool {
    left > Duration::ZERO && left + left / 100 >= validity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_just_out_last_as_long_as_their_role() {
        for (left, validity, expected) in [
            (3600, 3600, true),
            (3570, 3600, true),
            (3550, 3600, false),
            (60, 60, true),
            (59, 60, false),
            (1, 0, true),
            (0, 0, false),
        ] {
            let [left, wanted] = [left, validity].map(Duration::from_secs);
            assert_eq!(lasts(left, wanted), expected, "{left:?} for {wanted:?}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let credentials = RoleCredentials {
            account: "012345678901".into(),
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: Secret::new("planted-key"),
            session_token: Secret::new("planted-token"),
            expires_at: Timestamp::from_secs(0),
        };
        let shown = format!("{credentials:?} {credentials:#?}");
        assert!(!shown.contains("planted"), "{shown}");
    }
}
