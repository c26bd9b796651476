//! What a sign-in gives: [`Token`] and [`Registration`], and [`Secret`], which keeps their secrets out of logs.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serializer};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::time::Timestamp;

/// A text that must not be seen: no `Display`, a redacted `Debug`, wiped when dropped.
///
/// It can be read from JSON, but is written only where a field says `serialize_with = "Secret::reveal"`, so
/// that each disclosure stands in the code.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// For `#[serde(serialize_with = "Secret::reveal")]`: writes the text itself.
    pub fn reveal<S: Serializer>(secret: &Self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&secret.0)
    }

    /// For `#[serde(serialize_with = "Secret::reveal_some")]`: the same for an optional field.
    pub fn reveal_some<S: Serializer>(secret: &Option<Self>, serializer: S) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_some(&secret.0),
            None => serializer.serialize_none(),
        }
    }
}

/// Not in constant time: it compares a secret with the user's own copy of it, never with a stranger's guess.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// An OIDC client as `RegisterClient` returned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// `clientId`.
    pub client_id: String,
    /// `clientSecret`.
    pub client_secret: Secret,
    /// When the secret ends (`clientSecretExpiresAt`; `registrationExpiresAt` in a token file), where known.
    pub expires_at: Option<Timestamp>,
}

/// The access token of a session with all that a refresh of it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// `accessToken`.
    pub access_token: Secret,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// When it was issued: known for our own exchanges and sign-ins only, since no token file says it.
    pub issued_at: Option<Timestamp>,
    /// `refreshToken`; absent where the sign-in asked for no scope (a token nobody can refresh).
    pub refresh_token: Option<Secret>,
    /// The client that the refresh token belongs to.
    pub registration: Option<Registration>,
}

impl Token {
    /// How long the access token is good after `now`; zero where it is over.
    pub fn left(&self, now: Timestamp) -> Duration {
        self.expires_at.since(now)
    }

    /// The whole life of the access token, where it is known when that began.
    pub fn life(&self) -> Option<Duration> {
        self.issued_at.map(|issued_at| self.expires_at.since(issued_at))
    }

    /// Whether a token file that holds `other` says the same as one that holds this.
    pub fn same_as(&self, other: &Self) -> bool {
        self.access_token == other.access_token
            && self.refresh_token == other.refresh_token
            && self.expires_at.secs() == other.expires_at.secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let token = Token {
            access_token: Secret::new("planted-access"),
            expires_at: Timestamp::from_secs(0),
            issued_at: None,
            refresh_token: Some(Secret::new("planted-refresh")),
            registration: Some(Registration {
                client_id: "client".into(),
                client_secret: Secret::new("planted-client"),
                expires_at: None,
            }),
        };
        let shown = format!("{token:?} {token:#?}");
        assert!(!shown.contains("planted"), "{shown}");
    }
}
