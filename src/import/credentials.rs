//! [`Credentials`]: what the old script's `.env` must hold.

use super::{dotenv::Dotenv, error::Error};
use crate::session::token::{Registration, Secret};

/// With this the script's plan begins what is to be filled in: `your-client-id`.
const PLACEHOLDER: &str = "your-";

/// The client and the region, and what else the file says.
#[derive(Debug)]
pub(super) struct Credentials {
    /// The client that the refresh token was issued to. When it ends stands nowhere.
    pub(super) registration: Registration,
    /// `AWS_SSO_REGION`.
    pub(super) region: String,
    /// `AWS_SSO_START_URL`, which the script has no use for.
    pub(super) start_url: Option<String>,
    file: Dotenv,
    name: String,
}

impl Credentials {
    /// Reads the file; `name` is its path as people write it.
    pub(super) fn parse(bytes: &[u8], name: &str) -> Result<Self, Error> {
        let file = Dotenv::parse(bytes);
        let required = |key| required(&file, name, key);
        let registration = Registration {
            client_id: required("AWS_SSO_CLIENT_ID")?.expose().to_owned(),
            client_secret: required("AWS_SSO_CLIENT_SECRET")?,
            expires_at: None,
        };
        let region = required("AWS_SSO_REGION")?.expose().to_owned();
        let start_url = match required("AWS_SSO_START_URL") {
            Err(Error::Missing { .. }) => None,
            found => Some(found?.expose().to_owned()),
        };
        Ok(Self { registration, region, start_url, file, name: name.to_owned() })
    }

    /// `AWS_SSO_REFRESH_TOKEN`. The script never reads it, so a mistake in it counts only for whoever asks.
    pub(super) fn refresh_token(&self) -> Result<Secret, Error> {
        required(&self.file, &self.name, "AWS_SSO_REFRESH_TOKEN")
    }
}

fn required(file: &Dotenv, name: &str, key: &'static str) -> Result<Secret, Error> {
    let missing = || Error::Missing { file: name.to_owned(), key };
    let entry = file.get(key).ok_or_else(missing)?;
    let place = format!("{name}:{}", entry.line);
    match entry.value.expose() {
        _ if entry.unclosed => Err(Error::Unclosed { place, key }),
        "" => Err(missing()),
        value if is_placeholder(value) => Err(Error::Placeholder { place, key }),
        _ => Ok(entry.value.clone()),
    }
}

/// Whether nobody has filled this in yet.
pub(super) fn is_placeholder(value: &str) -> bool {
    value.starts_with(PLACEHOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "AWS_SSO_CLIENT_ID=client\nAWS_SSO_CLIENT_SECRET=secret\nAWS_SSO_REFRESH_TOKEN=refresh\n\
                         AWS_SSO_REGION=ca-central-1\n";

    fn parse(text: &str) -> Result<Credentials, String> {
        Credentials::parse(text.as_bytes(), ".env").map_err(|error| error.to_string())
    }

    #[test]
    fn reads_a_whole_file() {
        let found = parse(WHOLE).unwrap();
        assert_eq!(found.registration.client_id, "client");
        assert_eq!(found.registration.client_secret.expose(), "secret");
        assert_eq!(found.refresh_token().unwrap().expose(), "refresh");
        assert_eq!((found.region.as_str(), found.start_url), ("ca-central-1", None));
        let found = parse(&format!("{WHOLE}AWS_SSO_START_URL=https://x")).unwrap();
        assert_eq!(found.start_url.as_deref(), Some("https://x"));
    }

    #[test]
    fn says_which_line_to_fill_in() {
        for (from, to, expected) in [
            (
                "=client",
                "=your-client-id",
                ".env:1: AWS_SSO_CLIENT_ID is still the placeholder of the plan: put the real value there",
            ),
            (
                "=secret",
                "=\"your-client-secret\"",
                ".env:2: AWS_SSO_CLIENT_SECRET is still the placeholder of the plan: put the real value there",
            ),
            ("=secret", "='secret", ".env:2: the quote of AWS_SSO_CLIENT_SECRET is not closed: close it"),
            ("=ca-central-1", "=", ".env has no AWS_SSO_REGION: add the line AWS_SSO_REGION=…"),
            ("AWS_SSO_CLIENT_ID", "#", ".env has no AWS_SSO_CLIENT_ID: add the line AWS_SSO_CLIENT_ID=…"),
        ] {
            assert_eq!(parse(&WHOLE.replace(from, to)).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_refresh_token_that_the_script_never_read_is_no_mistake_by_itself() {
        for (text, expected) in [
            (WHOLE.replace("=refresh", "=your-refresh-token"), ".env:3: AWS_SSO_REFRESH_TOKEN is still"),
            (WHOLE.replace("=refresh", "="), ".env has no AWS_SSO_REFRESH_TOKEN: "),
        ] {
            let error = parse(&text).unwrap().refresh_token().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
