//! [`TokenJson`]: the file in which the old script keeps its token.

use std::time::Duration;

use serde::Deserialize;

use super::{credentials::is_placeholder, error::Error};
use crate::{session::token::Secret, time::Timestamp};

/// `token.json` as the script writes it; `tokenType`, `updatedAt` and `createdAt` tell nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    access_token: Option<Secret>,
    refresh_token: Option<Secret>,
    /// In milliseconds since the Unix epoch.
    expires_at: Option<i64>,
    /// In seconds.
    expires_in: Option<u64>,
}

/// What the file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TokenJson {
    /// An access token whose end is known.
    pub(super) access: Option<Access>,
    /// The last refresh token that the script was given.
    pub(super) refresh_token: Option<Secret>,
}

/// An access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Access {
    /// The token itself.
    pub(super) token: Secret,
    /// When it ends, in whole seconds as in a token file.
    pub(super) expires_at: Timestamp,
    /// When it was issued, where the file tells how long it is good for.
    pub(super) issued_at: Option<Timestamp>,
}

impl TokenJson {
    /// Reads the file; `name` is its path as people write it.
    ///
    /// # Errors
    /// [`Error::Broken`] where it is not what the script writes, which it also is while it is being written.
    pub(super) fn parse(bytes: &[u8], name: &str) -> Result<Self, Error> {
        let written: Written = serde_json::from_slice(bytes).map_err(|error| {
            let what = if error.is_eof() {
                "it is cut short".to_owned()
            } else {
                // What the library says may quote a secret.
                format!("line {}, column {} is not what the script writes", error.line(), error.column())
            };
            Error::Broken { file: name.to_owned(), what }
        })?;
        let filled = |secret: Option<Secret>| secret.filter(|secret| !secret.expose().is_empty());
        let refresh_token = filled(written.refresh_token);
        if refresh_token.as_ref().is_some_and(|token| is_placeholder(token.expose())) {
            return Err(Error::Placeholder { place: name.to_owned(), key: "refreshToken" });
        }
        let access = filled(written.access_token).zip(written.expires_at).map(|(token, millis)| {
            let expires_at = Timestamp::from_secs(Timestamp::from_millis(millis).secs());
            let life = written.expires_in.map(Duration::from_secs);
            Access { token, expires_at, issued_at: life.map(|life| expires_at.before(life)) }
        });
        Ok(Self { access, refresh_token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{
  "accessToken": "planted-access",
  "refreshToken": "planted-refresh",
  "tokenType": "Bearer",
  "expiresIn": 3600,
  "expiresAt": 1798765200999,
  "updatedAt": "2026-12-31T00:00:00.000Z"
}"#;

    #[test]
    fn reads_what_the_script_writes() {
        let found = TokenJson::parse(WHOLE.as_bytes(), "token.json").unwrap();
        let access = found.access.unwrap();
        assert_eq!(access.token.expose(), "planted-access");
        assert_eq!(access.expires_at, Timestamp::from_secs(1_798_765_200));
        assert_eq!(access.issued_at, Some(Timestamp::from_secs(1_798_761_600)));
        assert_eq!(found.refresh_token.unwrap().expose(), "planted-refresh");
    }

    #[test]
    fn takes_what_is_there() {
        for (from, to, access, refresh) in [
            ("accessToken", "x", false, true),
            ("1798765200999", "null", false, true),
            ("planted-access", "", false, true),
            ("refreshToken", "x", true, false),
            ("planted-refresh", "", true, false),
            ("\"expiresIn\": 3600,", "", true, true),
        ] {
            let found = TokenJson::parse(WHOLE.replace(from, to).as_bytes(), "token.json").unwrap();
            assert_eq!((found.access.is_some(), found.refresh_token.is_some()), (access, refresh), "{from}");
        }
        assert_eq!(TokenJson::parse(b"{}", "token.json").unwrap(), TokenJson::default());
    }

    #[test]
    fn says_what_is_broken_and_no_secret() {
        for (text, expected) in [
            (String::new(), "token.json is broken: it is cut short"),
            (WHOLE[..60].to_owned(), "token.json is broken: it is cut short"),
            (
                WHOLE.replace("1798765200999", "\"planted\""),
                "token.json is broken: line 6, column 24 is not what the script writes",
            ),
            (
                "[\"planted\"]".to_owned(),
                "token.json is broken: line 1, column 11 is not what the script writes",
            ),
        ] {
            let error = TokenJson::parse(text.as_bytes(), "token.json").unwrap_err().to_string();
            assert!(error.starts_with(expected) && !error.contains("planted"), "{error}");
        }
        let text = WHOLE.replace("planted-refresh", "your-refresh-token");
        let error = TokenJson::parse(text.as_bytes(), "token.json").unwrap_err();
        assert!(matches!(error, Error::Placeholder { key: "refreshToken", .. }), "{error}");
    }
}
