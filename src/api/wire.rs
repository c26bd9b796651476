//! The JSON objects between the router and the client, where they differ from what the loop speaks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{IssuedToken, Refusal, VERSION};
use crate::{
    session::{role::RoleCredentials, status::Status, token::Secret},
    time::Timestamp,
};

/// The answer of the token routes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenAnswer {
    pub version: u32,
    pub session: String,
    #[serde(serialize_with = "Secret::reveal")]
    pub access_token: Secret,
    pub token_type: String,
    pub expires_at: Timestamp,
    /// Whole seconds from the answer, rounded down.
    pub expires_in: u64,
}

impl TokenAnswer {
    pub(super) fn new(issued: IssuedToken, now: Timestamp) -> Self {
        Self {
            version: VERSION,
            session: issued.session,
            access_token: issued.access_token,
            token_type: "Bearer".into(),
            expires_at: issued.expires_at,
            expires_in: issued.expires_at.since(now).as_secs(),
        }
    }

    pub(super) fn into_issued(self) -> IssuedToken {
        IssuedToken { session: self.session, access_token: self.access_token, expires_at: self.expires_at }
    }
}

/// Role credentials as the container-credentials clients of the AWS SDKs want them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CredentialsAnswer {
    pub access_key_id: String,
    #[serde(serialize_with = "Secret::reveal")]
    pub secret_access_key: Secret,
    #[serde(serialize_with = "Secret::reveal")]
    pub token: Secret,
    /// In whole seconds and with `Z`: some SDKs read nothing else.
    pub expiration: Timestamp,
    pub account_id: String,
}

impl CredentialsAnswer {
    pub(super) fn new(credentials: RoleCredentials) -> Self {
        let RoleCredentials { account, access_key_id, secret_access_key, session_token, expires_at } =
            credentials;
        Self {
            access_key_id,
            secret_access_key,
            token: session_token,
            expiration: expires_at,
            account_id: account,
        }
    }

    pub(super) fn into_credentials(self) -> RoleCredentials {
        let Self { access_key_id, secret_access_key, token, expiration, account_id } = self;
        RoleCredentials {
            account: account_id,
            access_key_id,
            secret_access_key,
            session_token: token,
            expires_at: expiration,
        }
    }
}

/// The answer of a refresh.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RefreshAnswer {
    pub version: u32,
    #[serde(flatten)]
    pub status: Status,
}

/// The answer of a reload.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReloadAnswer {
    pub version: u32,
    pub message: String,
}

/// Every error. The capitalized pair is what the container-credentials clients of the AWS SDKs look for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ErrorAnswer {
    pub code: String,
    pub message: String,
    #[serde(rename = "Code", default)]
    pub code_for_sdks: String,
    #[serde(rename = "Message", default)]
    pub message_for_sdks: String,
    /// The session that needs a sign-in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<String>,
}

impl ErrorAnswer {
    pub(super) fn new(code: &str, message: &str, session: Option<&str>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            code_for_sdks: code.into(),
            message_for_sdks: message.into(),
            session: session.map(Into::into),
        }
    }

    /// The refusal that this error carries, with the `Retry-After` of its answer; `None` for any other error.
    pub(super) fn into_refusal(self, retry_after: Option<Duration>) -> Option<Refusal> {
        let Self { code, message, session, .. } = self;
        match code.as_str() {
            "UnknownSession" => Some(Refusal::UnknownSession { message }),
            "UnknownProfile" => Some(Refusal::UnknownProfile { message }),
            "NoAccess" => Some(Refusal::NoAccess { message }),
            "SignInNeeded" => Some(Refusal::SignInNeeded { session: session.unwrap_or_default(), message }),
            "MinValidityTooLong" => Some(Refusal::TooLong { message }),
            "Temporary" => Some(Refusal::Temporary { message, retry_after }),
            _ => None,
        }
    }
}

/// The `code` of a reload that was refused.
pub(super) const CONFIGURATION_REFUSED: &str = "ConfigurationRefused";
