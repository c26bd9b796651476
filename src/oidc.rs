//! [`Client`] of the OIDC service (`sso-oidc/2019-06-10/service-2.json`): register, authorize a device, and
//! exchange a grant for a token.
//!
//! Requests are unsigned JSON with camel-case members, as the AWS CLI sends them.

pub mod device;
pub mod endpoint;
pub mod error;

use std::{sync::Once, time::Duration};

use serde::{Deserialize, Serialize, de};
use serde_json::value::RawValue;

pub use self::error::{Error, ErrorKind, Verdict};
use crate::{
    http::{self, Answer},
    kind::{Kind, told},
    session::{
        schedule::TYPICAL_LIFE,
        token::{Registration, Secret, Token},
    },
    time::{Clock, Timestamp},
};

/// No token of AWS lives longer (a session ends after 90 days at the latest), so a larger `expiresIn` is wrong.
const MAX_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// RFC 8628 section 3.2: the interval where the server names none.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

/// The service at one base URL.
#[derive(Clone, Debug)]
pub struct Client {
    http: http::Client,
    base_url: String,
    clock: Clock,
}

impl Client {
    /// `base_url` is one of [`endpoint::oidc_url`] or the user's own; `clock` dates the tokens.
    pub fn new(http: http::Client, base_url: &str, clock: Clock) -> Self {
        Self { http, base_url: base_url.trim_end_matches('/').to_owned(), clock }
    }

    /// The base URL, without a slash at its end. The page that a browser is sent to is below it too.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// `RegisterClient`.
    pub async fn register(&self, request: &RegisterRequest<'_>) -> Result<Registration, Error> {
        let exchange = self.post("RegisterClient", "/client/register", request).await?;
        let response: RegisterResponse = exchange.success()?;
        if response.client_id.is_empty() || response.client_secret.expose().is_empty() {
            return Err(Error::of_nonsense(&exchange.answer));
        }
        Ok(Registration {
            client_id: response.client_id,
            client_secret: response.client_secret,
            // RFC 7591 section 3.2.1: 0 means that the secret does not expire.
            expires_at: response.client_secret_expires_at.filter(|secs| *secs > 0).map(Timestamp::from_secs),
        })
    }

    /// `StartDeviceAuthorization`.
    pub async fn start_device_authorization(
        &self,
        registration: &Registration,
        start_url: &str,
    ) -> Result<DeviceAuthorization, Error> {
        let request = DeviceRequest {
            client_id: &registration.client_id,
            client_secret: &registration.client_secret,
            start_url,
        };
        let exchange = self.post("StartDeviceAuthorization", "/device_authorization", &request).await?;
        let response: DeviceResponse = exchange.success()?;
        let life = usable_seconds(response.expires_in.as_deref());
        // It is opened in a browser: nothing but a web page may come of it.
        let pages = [Some(&response.verification_uri), response.verification_uri_complete.as_ref()];
        let (true, Some(life)) = (pages.into_iter().flatten().all(|page| is_web_page(page)), life) else {
            return Err(Error::of_nonsense(&exchange.answer));
        };
        let interval = response.interval.map_or(DEFAULT_INTERVAL, Duration::from_secs);
        Ok(DeviceAuthorization {
            device_code: response.device_code,
            user_code: http::printable(&response.user_code, 40),
            verification_uri: response.verification_uri,
            verification_uri_complete: response.verification_uri_complete,
            expires_at: exchange.sent_at.after(life),
            interval: interval.clamp(Duration::from_secs(1), Duration::from_secs(60)),
        })
    }

    /// `CreateToken`. The token's refresh token is as returned: where it is absent, the old one stays good.
    ///
    /// Where the answer does not say in whole seconds how long the token is good, an hour is assumed: with the token
    /// the only refresh token that is still good would be thrown away.
    ///
    /// The registration must be the one that the grant was given to.
    pub async fn create_token(&self, registration: &Registration, grant: Grant<'_>) -> Result<Token, Error> {
        let exchange = self.post("CreateToken", "/token", &TokenRequest::new(registration, grant)).await?;
        exchange.token(registration)
    }

    /// Whether the service is there: what lacks everything is refused as only it does.
    pub async fn reach(&self) -> Result<(), Error> {
        let exchange = self.post("CreateToken", "/token", &serde_json::Map::new()).await?;
        match Error::of_failure(&exchange.answer) {
            Error::Service { status: 400..500, .. } => Ok(()),
            error => Err(error),
        }
    }

    async fn post(&self, operation: &str, path: &str, body: &impl Serialize) -> Result<Exchange, Error> {
        // Before the request, so that no expiry is later than the server's.
        let sent_at = self.clock.now();
        let result = self.http.post_json(&format!("{}{path}", self.base_url), body).await;
        let took_ms = self.clock.now().since(sent_at).as_millis();
        match &result {
            Ok(Answer { host, status, .. }) => {
                tracing::debug!("{operation}: {host} answered {status} after {took_ms} ms");
            }
            Err(error) => tracing::debug!("{operation}: no answer after {took_ms} ms: {error}"),
        }
        Ok(Exchange { answer: result?, sent_at })
    }
}

/// What a client asks to be registered as.
///
/// One registration per flow: the service refuses one for both the device and the authorization code.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterRequest<'a> {
    /// `clientName`, shown to the user on the page of approval.
    pub client_name: &'a str,
    /// `scopes`; without any, no refresh token is issued.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub scopes: &'a [String],
    /// `grantTypes`; empty for the device flow, as older AWS CLIs have it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub grant_types: &'a [&'a str],
    /// `redirectUris`, without a port.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub redirect_uris: &'a [&'a str],
    /// `issuerUrl`: the start URL, for the authorization code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_url: Option<&'a str>,
    /// `clientType`.
    pub client_type: ClientType,
}

/// The only client type that the service has.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientType {
    /// A client that can keep no secret of its vendor's.
    #[default]
    Public,
}

/// A device code that waits for the user.
#[derive(Clone, Debug)]
pub struct DeviceAuthorization {
    /// `deviceCode`, to be exchanged for the token.
    pub device_code: Secret,
    /// `userCode`, which the user compares or types.
    pub user_code: String,
    /// `verificationUri`, where the user types it: http or https.
    pub verification_uri: String,
    /// `verificationUriComplete`, the same with the code filled in.
    pub verification_uri_complete: Option<String>,
    /// When the code ends.
    pub expires_at: Timestamp,
    /// The least time between two polls, 1 to 60 seconds.
    pub interval: Duration,
}

/// What is exchanged for a token.
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    /// A refresh token.
    RefreshToken {
        /// `refreshToken`.
        refresh_token: &'a Secret,
    },
    /// The code that the browser brought back (RFC 7636).
    AuthorizationCode {
        /// `code`.
        code: &'a Secret,
        /// `codeVerifier`.
        code_verifier: &'a Secret,
        /// `redirectUri`, with the port, exactly as in the authorization URL.
        redirect_uri: &'a str,
    },
    /// A device code (RFC 8628).
    DeviceCode {
        /// `deviceCode`.
        device_code: &'a Secret,
    },
}

/// What [`Client::create_token`] makes of an answer, for the fuzz targets.
#[cfg(fuzzing)]
pub fn token_for_fuzzing(
    answer: Answer,
    sent_at: Timestamp,
    registration: &Registration,
) -> Result<Token, Error> {
    Exchange { answer, sent_at }.token(registration)
}

struct Exchange {
    answer: Answer,
    sent_at: Timestamp,
}

impl Exchange {
    fn token(&self, registration: &Registration) -> Result<Token, Error> {
        let response: TokenResponse = self.success()?;
        if !is_sendable(&response.access_token) {
            return Err(Error::of_nonsense(&self.answer));
        }
        let life = usable_seconds(response.expires_in.as_deref()).unwrap_or_else(|| {
            warn_of_assumed_life(&self.answer.host);
            TYPICAL_LIFE
        });
        let expires_at = self.sent_at.after(life);
        Ok(Token {
            access_token: response.access_token,
            expires_at: Timestamp::from_secs(expires_at.secs()),
            issued_at: Some(self.sent_at),
            refresh_token: response.refresh_token.filter(|token| !token.expose().is_empty()),
            registration: Some(registration.clone()),
        })
    }

    fn success<T: de::DeserializeOwned>(&self) -> Result<T, Error> {
        match self.answer.status {
            200..=299 => self.answer.body.json_object().ok_or_else(|| Error::of_nonsense(&self.answer)),
            _ => Err(Error::of_failure(&self.answer)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the members of the answer are named so")]
struct RegisterResponse {
    client_id: String,
    client_secret: Secret,
    client_secret_expires_at: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceRequest<'a> {
    client_id: &'a str,
    #[serde(serialize_with = "Secret::reveal")]
    client_secret: &'a Secret,
    start_url: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceResponse {
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: Option<Box<RawValue>>,
    interval: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    grant_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_verifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_code: Option<&'a str>,
}

impl<'a> TokenRequest<'a> {
    fn new(registration: &'a Registration, grant: Grant<'a>) -> Self {
        let bare = Self {
            client_id: &registration.client_id,
            client_secret: registration.client_secret.expose(),
            grant_type: "",
            refresh_token: None,
            code: None,
            code_verifier: None,
            redirect_uri: None,
            device_code: None,
        };
        match grant {
            Grant::RefreshToken { refresh_token } => {
                Self { grant_type: "refresh_token", refresh_token: Some(refresh_token.expose()), ..bare }
            }
            Grant::AuthorizationCode { code, code_verifier, redirect_uri } => Self {
                grant_type: "authorization_code",
                code: Some(code.expose()),
                code_verifier: Some(code_verifier.expose()),
                redirect_uri: Some(redirect_uri),
                ..bare
            },
            Grant::DeviceCode { device_code } => Self {
                grant_type: "urn:ietf:params:oauth:grant-type:device_code",
                device_code: Some(device_code.expose()),
                ..bare
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenResponse {
    access_token: Secret,
    expires_in: Option<Box<RawValue>>,
    refresh_token: Option<Secret>,
}

/// `expiresIn`, as a number or (tolerated) as its digits: at least a second, at most [`MAX_LIFE`]. It is read apart from
/// the rest, which one bad number (`1e400`) must not take along.
fn usable_seconds(expires_in: Option<&RawValue>) -> Option<Duration> {
    let text = expires_in?.get();
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let secs: f64 = digits.parse().ok()?;
    (1.0..=MAX_LIFE.as_secs_f64()).contains(&secs).then(|| Duration::from_secs_f64(secs.trunc()))
}

/// Once: a server that is odd stays so.
fn warn_of_assumed_life(host: &str) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        told!(
            warn,
            Kind::OddServer,
            "{host} gives tokens without a usable `expiresIn`: they are taken to be good for an hour; if it is not \
             AWS itself, check the setting `endpoint`"
        );
    });
}

/// RFC 6749 appendix A.12: a token is printable ASCII. Anything else could not go into a header.
fn is_sendable(token: &Secret) -> bool {
    !token.expose().is_empty() && token.expose().bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

fn is_web_page(uri: &str) -> bool {
    (uri.starts_with("https://") || uri.starts_with("http://"))
        && !uri.chars().any(|c| c.is_control() || c == ' ')
}

#[cfg(test)]
mod tests;
