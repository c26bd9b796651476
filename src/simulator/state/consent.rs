//! [`Devices`] and [`Authorizations`]: what a user is asked in a browser, and what came of it.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{
    simulator::exception::{Exception, Refusal},
    time::Timestamp,
};

/// A device code and what the user said.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Device {
    pub(in crate::simulator) code: String,
    pub(in crate::simulator) user_code: String,
    pub(in crate::simulator) client_id: String,
    pub(in crate::simulator) start_url: String,
    pub(super) expires_at: Timestamp,
    pub(super) interval: Duration,
    pub(super) polled_at: Option<Timestamp>,
    pub(in crate::simulator) answer: Answer,
}

/// What the user said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulator) enum Answer {
    Nothing,
    /// Yes; the number is that of the session.
    Yes(usize),
    No,
}

/// All device codes.
#[derive(Debug, Default)]
pub(super) struct Devices(BTreeMap<String, Device>);

impl Devices {
    /// What RFC 8628 §3.5 adds to the interval each time that a client asks too soon.
    const SLOW_DOWN: Duration = Duration::from_secs(5);
    /// A client that waits the interval may be measured a little short of it.
    const GRACE: Duration = Duration::from_millis(500);

    pub(super) fn insert(&mut self, device: Device) {
        self.0.insert(device.code.clone(), device);
    }

    pub(super) fn by_user_code(&mut self, user_code: &str, now: Timestamp) -> Option<&mut Device> {
        let user_code = user_code.trim().to_ascii_uppercase();
        self.0.values_mut().find(|device| device.user_code == user_code && device.expires_at > now)
    }

    /// A client asks whether its user has said yes. The number of the session, once, and then the code is used.
    pub(super) fn poll(&mut self, code: &str, client_id: &str, now: Timestamp) -> Result<usize, Refusal> {
        let device = self.0.get_mut(code).filter(|device| device.client_id == client_id);
        let device = device.ok_or(Refusal::grant("Invalid device code provided"))?;
        if device.expires_at <= now {
            return Err(Refusal::new(Exception::ExpiredToken, "Device code has expired"));
        }
        match device.answer {
            Answer::Yes(session) => {
                self.0.remove(code);
                Ok(session)
            }
            Answer::No => Err(Refusal::new(Exception::AccessDenied, "The user denied access")),
            Answer::Nothing => {
                let soon = device.polled_at.is_some_and(|at| now.since(at) + Self::GRACE < device.interval);
                device.polled_at = Some(now);
                if !soon {
                    return Err(Refusal::new(
                        Exception::AuthorizationPending,
                        "The user has not decided yet",
                    ));
                }
                device.interval += Self::SLOW_DOWN;
                Err(Refusal::new(Exception::SlowDown, "Asked too soon; wait 5 seconds more each time"))
            }
        }
    }
}

/// What `/authorize` was asked for: first a question on the page, then behind a code.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Authorization {
    pub(in crate::simulator) client_id: String,
    pub(in crate::simulator) start_url: String,
    pub(in crate::simulator) scopes: Vec<String>,
    pub(in crate::simulator) redirect_uri: String,
    pub(in crate::simulator) state: Option<String>,
    pub(in crate::simulator) challenge: String,
}

impl Authorization {
    /// The redirect URI with what the client is to learn (RFC 6749 §4.1.2), and its own `state`.
    pub(in crate::simulator) fn callback(&self, name: &str, value: &str) -> String {
        let Ok(mut url) = reqwest::Url::parse(&self.redirect_uri) else { return self.redirect_uri.clone() };
        url.query_pairs_mut().append_pair(name, value);
        if let Some(state) = &self.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        url.into()
    }
}

/// Questions that wait on a page and codes that wait for their client, each for ten minutes (RFC 6749 §4.1.2).
#[derive(Debug, Default)]
pub(super) struct Authorizations {
    questions: BTreeMap<String, (Authorization, Timestamp)>,
    codes: BTreeMap<String, (Authorization, usize, Timestamp)>,
}

impl Authorizations {
    const LIFE: Duration = Duration::from_secs(600);

    pub(super) fn ask(&mut self, id: String, authorization: Authorization, now: Timestamp) {
        self.questions.insert(id, (authorization, now.after(Self::LIFE)));
    }

    /// The question of that id, which can be answered once.
    pub(super) fn answer(&mut self, id: &str, now: Timestamp) -> Option<Authorization> {
        let (authorization, expires_at) = self.questions.remove(id)?;
        (expires_at > now).then_some(authorization)
    }

    pub(super) fn allow(
        &mut self,
        code: String,
        authorization: Authorization,
        session: usize,
        now: Timestamp,
    ) {
        self.codes.insert(code, (authorization, session, now.after(Self::LIFE)));
    }

    /// Turns a code in, once, and with the proof that it was asked for by the same client (RFC 7636 §4.6).
    pub(super) fn redeem(
        &mut self,
        code: &str,
        client_id: &str,
        redirect_uri: &str,
        verifier: &str,
        now: Timestamp,
    ) -> Result<(Authorization, usize), Refusal> {
        let known =
            self.codes.remove(code).filter(|(authorization, ..)| authorization.client_id == client_id);
        let (authorization, session, expires_at) =
            known.ok_or(Refusal::grant("Invalid authorization code provided"))?;
        if expires_at <= now {
            return Err(Refusal::new(Exception::ExpiredToken, "Authorization code has expired"));
        }
        if authorization.redirect_uri != redirect_uri {
            return Err(Refusal::grant("redirectUri is not the one of the authorization request"));
        }
        if challenge(verifier) != authorization.challenge {
            return Err(Refusal::grant("codeVerifier doesn't fit the code challenge"));
        }
        Ok((authorization, session))
    }
}

/// The code challenge of a verifier by the method S256 (RFC 7636 §4.2).
pub(in crate::simulator) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_the_challenge_of_the_rfc() {
        // RFC 7636, appendix B.
        let made = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(made, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_client_that_asks_too_soon_must_slow_down() {
        let start = Timestamp::from_secs(1_798_761_600);
        let mut devices = Devices::default();
        devices.insert(Device {
            code: "code".into(),
            user_code: "BCDF-GHJK".into(),
            client_id: "client".into(),
            start_url: "https://example.awsapps.com/start".into(),
            expires_at: start.after(Duration::from_secs(600)),
            interval: Duration::from_secs(5),
            polled_at: None,
            answer: Answer::Nothing,
        });
        for (second, client, expected) in [
            (0, "client", Exception::AuthorizationPending),
            (5, "client", Exception::AuthorizationPending),
            (6, "client", Exception::SlowDown),
            (11, "client", Exception::SlowDown),
            (26, "client", Exception::AuthorizationPending),
            (40, "stranger", Exception::InvalidGrant),
            (600, "client", Exception::ExpiredToken),
        ] {
            let now = start.after(Duration::from_secs(second));
            let refusal = devices.poll("code", client, now).unwrap_err();
            assert_eq!(refusal.exception, expected, "at {second} s");
        }
    }
}
