//! [`Offer`]: the sign-in that the old script leaves, beside the one that the session has.

use super::token_json::Access;
use crate::{
    session::{
        event::Stored,
        token::{Registration, Secret, Token},
    },
    time::Timestamp,
};

/// What there is to take over.
#[derive(Debug)]
pub(super) struct Offer {
    /// The client.
    pub(super) registration: Registration,
    /// The last refresh token that is known.
    pub(super) refresh_token: Secret,
    /// The access token that came with it, good or not.
    pub(super) access: Option<Access>,
}

/// What to do about an offer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take it over.
    Take,
    /// It was taken over already; this is the token of now.
    There(Token),
    /// The session is signed in by somebody else.
    Taken,
}

impl Offer {
    /// Judges by what the session's token file holds.
    ///
    /// The refresh token may be good for one use. Of two tokens of one client, the later one is the one whose refresh
    /// token still counts.
    pub(super) fn judge(&self, held: &Stored, now: Timestamp) -> Verdict {
        let Stored::Token(held) = held else { return Verdict::Take };
        let client = held.registration.as_ref().map(|registration| &registration.client_id);
        if client != Some(&self.registration.client_id) {
            let refreshable = client.is_some() && held.refresh_token.is_some();
            return if refreshable || held.expires_at > now { Verdict::Taken } else { Verdict::Take };
        }
        match &self.access {
            Some(access) if access.expires_at.secs() > held.expires_at.secs() => Verdict::Take,
            _ => Verdict::There(held.clone()),
        }
    }

    /// The token, where there is an access token.
    pub(super) fn token(&self) -> Option<Token> {
        let Access { token, expires_at, issued_at } = self.access.clone()?;
        Some(Token {
            access_token: token,
            expires_at,
            issued_at,
            refresh_token: Some(self.refresh_token.clone()),
            registration: Some(self.registration.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_798_761_600);

    fn client(id: &str) -> Registration {
        Registration { client_id: id.into(), client_secret: Secret::new("secret"), expires_at: None }
    }

    fn token(client_id: Option<&str>, refresh_token: Option<&str>, secs: i64) -> Token {
        Token {
            access_token: Secret::new("theirs"),
            expires_at: Timestamp::from_secs(NOW.secs() + secs),
            issued_at: None,
            refresh_token: refresh_token.map(Secret::new),
            registration: client_id.map(client),
        }
    }

    #[test]
    fn the_later_token_of_one_client_counts_and_no_other_client_is_replaced() {
        let access = |secs| {
            let expires_at = Timestamp::from_secs(NOW.secs() + secs);
            Some(Access { token: Secret::new("ours"), expires_at, issued_at: None })
        };
        for (held, access, expected) in [
            (None, access(60), "take"),
            (None, None, "take"),
            (Some(token(Some("old"), Some("r"), 60)), access(60), "there"),
            (Some(token(Some("old"), Some("r"), 60)), access(61), "take"),
            (Some(token(Some("old"), Some("r"), 60)), access(59), "there"),
            (Some(token(Some("old"), Some("r"), -60)), None, "there"),
            (Some(token(Some("new"), Some("r"), 60)), access(3600), "taken"),
            (Some(token(Some("new"), Some("r"), -60)), access(3600), "taken"),
            (Some(token(Some("new"), None, 60)), access(3600), "taken"),
            (Some(token(Some("new"), None, -60)), access(3600), "take"),
            (Some(token(None, Some("r"), 60)), access(3600), "taken"),
            (Some(token(None, Some("r"), 0)), access(3600), "take"),
        ] {
            let name = format!("{held:?} {access:?}");
            let offer = Offer { registration: client("old"), refresh_token: Secret::new("r"), access };
            let found = match offer.judge(&held.map_or(Stored::Missing, Stored::Token), NOW) {
                Verdict::Take => "take",
                Verdict::There(_) => "there",
                Verdict::Taken => "taken",
            };
            assert_eq!(found, expected, "{name}");
        }
        let broken = Stored::Broken("it is empty".into());
        let offer = Offer { registration: client("old"), refresh_token: Secret::new("r"), access: None };
        assert_eq!(offer.judge(&broken, NOW), Verdict::Take);
        assert_eq!(offer.token(), None);
    }
}
