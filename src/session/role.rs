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
}

#[cfg(test)]
mod tests {
    use super::*;

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
