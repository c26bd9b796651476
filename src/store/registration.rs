//! The AWS CLI's file for a client registration, in the folder of the token files: a sign-in may use it again as
//! long as it is good, and the CLI may use ours.

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::{Locked, error::Error, file, json, stray};
use crate::{
    session::token::{Registration, Secret},
    time::Timestamp,
};

/// What AWS CLI v2 calls the file (`BaseSSOTokenFetcher._registration_cache_key`): the SHA-1 of a JSON text of what
/// the registration is for, and `.json`.
///
/// `session` is absent in a legacy profile. `scopes` are the configured ones in their order; `None` where the
/// setting is absent. The device flow and the one with PKCE have the same name; `grantTypes` tells them apart.
pub fn registration_name(
    session: Option<&str>,
    start_url: &str,
    region: &str,
    scopes: Option<&[String]>,
) -> String {
    let key = Key { region, scopes, session_name: session, start_url, tool: "botocore" };
    // A struct of texts can't fail to become JSON.
    let bytes = json::dumps(&key).unwrap_or_default();
    format!("{}.json", file::hex(&Sha1::digest(&*bytes)))
}

/// In the order of the keys' names, as Python sorts them.
#[derive(Serialize)]
struct Key<'a> {
    region: &'a str,
    scopes: Option<&'a [String]>,
    session_name: Option<&'a str>,
    #[serde(rename = "startUrl")]
    start_url: &'a str,
    tool: &'static str,
}

/// A client registration with what it is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client; its `expires_at` is always known.
    pub registration: Registration,
    /// What it was registered for; empty where the sign-in asked for none.
    pub scopes: Vec<String>,
    /// How it may sign in: `authorization_code` and `refresh_token` for PKCE; empty for the device flow.
    pub grant_types: Vec<String>,
}

/// A client as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    client_id: String,
    #[serde(serialize_with = "Secret::reveal")]
    client_secret: Secret,
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    grant_types: Vec<String>,
}

impl Locked {
    /// Keeps a client registration of the session under `name` ([`registration_name`]), where the AWS CLI finds it
    /// too. One whose end is unknown is not kept, because the CLI could not read it.
    pub fn save_registration(&self, name: &str, client: &Client) -> Result<(), Error> {
        let Some(bytes) = write(client) else { return Ok(()) };
        let path = self.path().with_file_name(name);
        stray::remove_all(&path);
        file::replace(&path, &bytes)?;
        Ok(())
    }
}

impl Written {
    /// `None` where the end of `client` is unknown.
    pub(super) fn of(client: &Client) -> Option<Self> {
        let Client { registration, scopes, grant_types } = client;
        Some(Self {
            client_id: registration.client_id.clone(),
            client_secret: registration.client_secret.clone(),
            expires_at: registration.expires_at?,
            scopes: scopes.clone(),
            grant_types: grant_types.clone(),
        })
    }
}

impl From<Written> for Client {
    fn from(written: Written) -> Self {
        Self {
            registration: Registration {
                client_id: written.client_id,
                client_secret: written.client_secret,
                expires_at: Some(written.expires_at),
            },
            scopes: written.scopes,
            grant_types: written.grant_types,
        }
    }
}

/// The registration in a file; `None` where it holds none.
pub(super) fn parse(bytes: &[u8]) -> Option<Client> {
    serde_json::from_slice::<Written>(bytes).ok().map(Into::into)
}

/// The file for `client`; `None` where its end is unknown, since the AWS CLI can't do without.
pub(super) fn write(client: &Client) -> Option<Zeroizing<Vec<u8>>> {
    json::dumps(&Written::of(client)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_are_the_aws_clis() {
        let account = scopes(&["sso:account:access"]);
        let two = scopes(&["sso:account:access", "codewhisperer:completions"]);
        let url = "https://d-1234567890.awsapps.com/start";
        // All but the first were computed with Python's json and hashlib.
        for (session, scopes, expected) in [
            (Some("my-sso"), Some(&*account), "a8343d65418848d0bc13a5f25cbb32508ceec5d1.json"),
            (Some("my-sso"), None, "8b2cedd020fb181ad4cf906d1d27b232fd31557e.json"),
            (None, None, "365414a68be7c9bfc776c660981dbdbd942acea4.json"),
            (Some("my-sso"), Some(&[][..]), "8d72c27ea00d5059f816f34d824c9f6ce5e667e9.json"),
            (Some("my-sso"), Some(&*two), "9e94e01ea9138dcff6b4c1caa09d3787e04b2b08.json"),
            (Some("Zürich \"😀\""), Some(&*account), "e7760097565d59167176a87e4ef35fdcc648a235.json"),
        ] {
            assert_eq!(registration_name(session, url, "us-east-1", scopes), expected, "{session:?}");
        }
    }

    #[test]
    fn reads_and_writes_the_file_of_the_aws_cli() {
        for line in [
            r#"{"clientId": "id", "clientSecret": "s", "expiresAt": "2027-02-21T15:10:40Z"}"#,
            concat!(
                r#"{"clientId": "id", "clientSecret": "s", "expiresAt": "2027-02-21T15:10:40Z", "#,
                r#""scopes": ["sso:account:access"], "grantTypes": ["authorization_code", "refresh_token"]}"#
            ),
        ] {
            let client = parse(line.as_bytes()).unwrap();
            assert_eq!(client.registration.client_secret.expose(), "s");
            assert_eq!(String::from_utf8_lossy(&write(&client).unwrap()), line);
        }
    }

    #[test]
    fn anything_else_is_no_registration() {
        for line in [
            "",
            "{}",
            "[]",
            r#"{"clientId": "id", "clientSecret": "s"}"#,
            r#"{"clientId": "id", "clientSecret": "s", "expiresAt": "soon"}"#,
            r#"{"clientId": 1, "clientSecret": "s", "expiresAt": "2027-02-21T15:10:40Z"}"#,
            r#"{"accessToken": "a", "expiresAt": "2027-02-21T15:10:40Z"}"#,
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
