//! The secrets of one sign-in through a browser ([RFC 7636](https://www.rfc-editor.org/rfc/rfc7636)), and the URL
//! of the page that it begins with.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::session::token::Secret;

/// How many characters a verifier has: as many as the AWS CLI's. RFC 7636 section 4.1 has 43 to 128.
const VERIFIER_LENGTH: usize = 64;

/// How many characters a state has, which is 193 bits.
const STATE_LENGTH: usize = 32;

/// What a verifier is made of (RFC 3986 section 2.3).
const UNRESERVED: &[u8; 66] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers: {0}; restart the machine")]
pub struct NoRandom(#[from] getrandom::Error);

/// The `code_verifier`: whoever has the code can do nothing with it without this.
#[derive(Clone, Debug)]
pub(super) struct Verifier(Secret);

impl Verifier {
    /// A new one.
    pub(super) fn new() -> Result<Self, NoRandom> {
        Ok(Self(random(VERIFIER_LENGTH)?))
    }

    /// One that was kept.
    pub(super) fn kept(verifier: Secret) -> Self {
        Self(verifier)
    }

    /// The text itself, for the exchange of the code.
    pub(super) fn secret(&self) -> &Secret {
        &self.0
    }

    /// The `code_challenge` of the method `S256`.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose()))
    }
}

/// The `state`, by which the answer of a browser is known for the one to this very question.
#[derive(Clone, Debug)]
pub(super) struct State(Secret);

impl State {
    /// A new one.
    pub(super) fn new() -> Result<Self, NoRandom> {
        Ok(Self(random(STATE_LENGTH)?))
    }

    /// One that was kept.
    pub(super) fn kept(state: Secret) -> Self {
        Self(state)
    }

    /// The text itself.
    pub(super) fn secret(&self) -> &Secret {
        &self.0
    }

    /// Whether it is `other`, in a time that says nothing about how much of it is right.
    pub(super) fn is(&self, other: &str) -> bool {
        self.0.expose().as_bytes().ct_eq(other.as_bytes()).into()
    }
}

/// What the page that a browser is sent to is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// The base URL of the OIDC service.
    pub(super) base_url: &'a str,
    /// The client that asks.
    pub(super) client_id: &'a str,
    /// Where the browser brings the code, with the port.
    pub(super) redirect_uri: &'a str,
    /// What the client wants to be allowed.
    pub(super) scopes: &'a [String],
}

impl Question<'_> {
    /// The URL of that page. AWS has the parameter `scopes` where RFC 6749 has `scope`.
    pub(super) fn url(&self, state: &State, verifier: &Verifier) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", self.client_id)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("state", state.0.expose())
            .append_pair("code_challenge_method", "S256")
            .append_pair("scopes", &self.scopes.join(" "))
            .append_pair("code_challenge", &verifier.challenge())
            .finish();
        format!("{}/authorize?{query}", self.base_url)
    }
}

/// So many characters, each of [`UNRESERVED`] as likely as any other.
fn random(length: usize) -> Result<Secret, NoRandom> {
    // The rest of a byte's values would make some characters likelier.
    let fair = u8::MAX - u8::MAX % 66;
    let mut text = Zeroizing::new(String::with_capacity(length));
    let mut bytes = Zeroizing::new([0; 2 * VERIFIER_LENGTH]);
    while text.len() < length {
        getrandom::fill(&mut *bytes)?;
        let fit = bytes.iter().filter(|byte| **byte < fair).map(|byte| UNRESERVED[usize::from(byte % 66)]);
        let missing = length - text.len();
        text.extend(fit.take(missing).map(char::from));
    }
    Ok(Secret::new(text.as_str()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636 appendix B.
        let verifier = Verifier::kept(Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn random_texts_have_their_length_and_use_every_character() {
        let texts: Vec<Secret> = (0..200).map(|_| random(VERIFIER_LENGTH).unwrap()).collect();
        let used: BTreeSet<u8> = texts.iter().flat_map(|text| text.expose().bytes()).collect();
        assert_eq!(used, UNRESERVED.iter().copied().collect());
        let different: BTreeSet<&str> = texts.iter().map(Secret::expose).collect();
        assert_eq!(different.len(), texts.len());
        assert!(texts.iter().all(|text| text.expose().len() == VERIFIER_LENGTH));
        assert_eq!(State::new().unwrap().secret().expose().len(), STATE_LENGTH);
    }

    #[test]
    fn a_state_is_itself_alone() {
        let state = State::kept(Secret::new("abc"));
        assert!(state.is("abc"));
        for other in ["", "ab", "abd", "abcd", "ABC"] {
            assert!(!state.is(other), "{other}");
        }
    }

    #[test]
    fn the_url_is_the_aws_clis() {
        let question = Question {
            base_url: "https://oidc.us-east-1.amazonaws.com",
            client_id: "client",
            redirect_uri: "http://127.0.0.1:43210/oauth/callback",
            scopes: &["sso:account:access".into(), "openid".into()],
        };
        let state = State::kept(Secret::new("the~state"));
        let verifier = Verifier::kept(Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert_eq!(
            question.url(&state, &verifier),
            "https://oidc.us-east-1.amazonaws.com/authorize?response_type=code&client_id=client\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A43210%2Foauth%2Fcallback&state=the%7Estate\
             &code_challenge_method=S256&scopes=sso%3Aaccount%3Aaccess+openid\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
