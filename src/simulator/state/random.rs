//! [`Random`]: identifiers, codes and tokens that look like AWS's, all from one seed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use fastrand::Rng;

/// A seeded source; the same seed gives the same texts in the same order.
#[derive(Debug)]
pub(in crate::simulator) struct Random(Rng);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// `clientId`: 22 characters and the region, as in the ids that AWS gives out.
    pub(super) fn client_id(&mut self) -> String {
        format!("{}{}", self.text(22), URL_SAFE_NO_PAD.encode("us-east-1"))
    }

    /// `clientSecret`: like a JSON Web Token, more than a kilobyte.
    pub(super) fn client_secret(&mut self, client_id: &str, expires: i64) -> String {
        let head = URL_SAFE_NO_PAD.encode(r#"{"kid":"key-1564028099","alg":"HS384"}"#);
        let claims = serde_json::json!({ "clientId": client_id, "expires": expires, "seal": self.text(800) });
        format!("{head}.{}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()), self.text(64))
    }

    /// `accessToken`.
    pub(super) fn access_token(&mut self) -> String {
        format!("aoaAAAAAG{}:{}", self.text(180), self.text(130))
    }

    /// `refreshToken`.
    pub(super) fn refresh_token(&mut self) -> String {
        format!("aorAAAAAG{}:{}", self.text(180), self.text(130))
    }

    /// `deviceCode`, an authorization code, the number of a question on a page.
    pub(super) fn code(&mut self) -> String {
        self.text(86)
    }

    /// `userCode`: `BCDF-GHJK`, letters that no word is made of.
    pub(super) fn user_code(&mut self) -> String {
        let four = |random: &mut Self| random.pick(4, b"BCDFGHJKLMNPQRSTVWXZ");
        format!("{}-{}", four(self), four(self))
    }

    /// `accessKeyId` of temporary credentials.
    pub(super) fn access_key_id(&mut self) -> String {
        format!("ASIA{}", self.pick(16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
    }

    /// `secretAccessKey`.
    pub(super) fn secret_access_key(&mut self) -> String {
        self.text(40)
    }

    /// `sessionToken`.
    pub(super) fn session_token(&mut self) -> String {
        format!("IQoJb3JpZ2luX2Vj{}", self.text(640))
    }

    /// A request id, in the form of a UUID.
    pub(in crate::simulator) fn request_id(&mut self) -> String {
        let parts = [8, 4, 4, 4, 12].map(|length| self.pick(length, b"0123456789abcdef"));
        parts.join("-")
    }

    fn text(&mut self, length: usize) -> String {
        self.pick(length, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    }

    fn pick(&mut self, length: usize, from: &[u8]) -> String {
        (0..length).filter_map(|_| self.0.choice(from)).map(|byte| char::from(*byte)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_texts() {
        let run = |seed| {
            let mut random = Random::new(seed);
            [random.client_id(), random.user_code(), random.access_token(), random.request_id()]
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        assert_eq!(run(1)[1].len(), 9);
        assert_eq!(run(1)[3].len(), 36);
    }

    #[test]
    fn a_client_secret_is_long_and_in_three_parts() {
        let secret = Random::new(1).client_secret("client", 0);
        assert!(secret.len() > 1000 && secret.split('.').count() == 3, "{}", secret.len());
    }
}
