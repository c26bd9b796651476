//! `RegisterClient`, `StartDeviceAuthorization` and `CreateToken`: JSON in, JSON out
//! (`sso-oidc/2019-06-10/service-2.json`).

use reqwest::Url;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    exception::{Exception, Refusal},
    state::{
        Issued, State,
        client::{Application, Grant},
    },
    wire::{Ask, Reply},
};
use crate::time::Timestamp;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RegisterClient {
    client_name: Option<String>,
    client_type: Option<String>,
    scopes: Option<Vec<String>>,
    redirect_uris: Option<Vec<String>>,
    grant_types: Option<Vec<String>>,
    issuer_url: Option<String>,
}

/// `POST /client/register`; `base` is the URL of this server.
pub(super) fn register(state: &mut State, ask: &Ask, base: &str, now: Timestamp) -> Result<Reply, Refusal> {
    let body: RegisterClient = read(ask)?;
    if body.client_type.as_deref() != Some("public") {
        return Err(Refusal::new(Exception::InvalidClientMetadata, "clientType must be public"));
    }
    let grants = body.grant_types.unwrap_or_default();
    let application = Application {
        name: body.client_name.unwrap_or_default(),
        scopes: body.scopes.unwrap_or_default(),
        grants: grants.iter().map(|name| Grant::parse(name)).collect::<Result<_, _>>()?,
        redirect_uris: body.redirect_uris.unwrap_or_default(),
        issuer_url: body.issuer_url,
    };
    let client = state.register(application, now)?;
    Ok(Reply::json(&json!({
        "clientId": client.id,
        "clientSecret": client.secret,
        "clientIdIssuedAt": now.secs(),
        "clientSecretExpiresAt": client.expires_at.secs(),
        "authorizationEndpoint": format!("{base}/authorize"),
        "tokenEndpoint": format!("{base}/token"),
    })))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StartDeviceAuthorization {
    client_id: Option<String>,
    client_secret: Option<String>,
    start_url: Option<String>,
}

/// `POST /device_authorization`; `base` is the URL of this server.
pub(super) fn start_device(
    state: &mut State,
    ask: &Ask,
    base: &str,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    let body: StartDeviceAuthorization = read(ask)?;
    let (id, secret) = (required(body.client_id)?, required(body.client_secret)?);
    let start_url = required(body.start_url)?;
    if !Url::parse(&start_url).is_ok_and(|url| url.has_host()) {
        return Err(Refusal::request("startUrl is no URL"));
    }
    let client = state.verify(&id, &secret, Grant::DeviceCode, now)?;
    let device = state.start_device(&client, &start_url, now);
    let reply = Reply::json(&json!({
        "deviceCode": device.code,
        "userCode": device.user_code,
        "verificationUri": format!("{base}/device"),
        "verificationUriComplete": format!("{base}/device?user_code={}", device.user_code),
        "expiresIn": state.options.device_code_life.as_secs(),
        "interval": state.options.interval.as_secs(),
    }));
    Ok(reply.of(&start_url))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateToken {
    client_id: Option<String>,
    client_secret: Option<String>,
    grant_type: Option<String>,
    device_code: Option<String>,
    code: Option<String>,
    refresh_token: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
}

/// `POST /token`; `rotate` says whether a refresh gives a new refresh token.
pub(super) fn create_token(
    state: &mut State,
    ask: &Ask,
    rotate: bool,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    if ask.query("aws_iam").is_some() {
        return Err(Refusal::request("CreateTokenWithIAM is not simulated"));
    }
    let body: CreateToken = read(ask)?;
    let (id, secret) = (required(body.client_id)?, required(body.client_secret)?);
    let grant = Grant::parse(&required(body.grant_type)?)?;
    let client = state.verify(&id, &secret, grant, now)?;
    let issued = match grant {
        Grant::RefreshToken => state.refresh(&client, &required(body.refresh_token)?, rotate, now)?,
        Grant::DeviceCode => state.poll(&client, &required(body.device_code)?, now)?,
        Grant::AuthorizationCode => {
            let (uri, verifier) = (required(body.redirect_uri)?, required(body.code_verifier)?);
            state.redeem(&client, &required(body.code)?, &uri, &verifier, now)?
        }
    };
    Ok(token(&issued, now))
}

/// The `grantType` that a body of `CreateToken` asks for, for the journal.
pub(super) fn grant_type(ask: &Ask) -> Option<&'static str> {
    let body: CreateToken = read(ask).ok()?;
    Some(Grant::parse(&body.grant_type?).ok()?.name())
}

fn token(issued: &Issued, now: Timestamp) -> Reply {
    let mut body = json!({
        "accessToken": issued.access_token,
        "tokenType": "Bearer",
        "expiresIn": issued.expires_at.since(now).as_secs(),
    });
    if let Some(token) = &issued.refresh_token {
        body["refreshToken"] = json!(token);
    }
    Reply::json(&body).of(&issued.start_url)
}

fn read<T: DeserializeOwned>(ask: &Ask) -> Result<T, Refusal> {
    // Through a map, since serde would also take an array for a struct.
    let members: Map<String, Value> = serde_json::from_slice(&ask.body).map_err(|_| UNREADABLE)?;
    serde_json::from_value(Value::Object(members)).map_err(|_| UNREADABLE)
}

const UNREADABLE: Refusal = Refusal::request("The body is not the JSON of this operation");

fn required(field: Option<String>) -> Result<String, Refusal> {
    field.filter(|text| !text.is_empty()).ok_or(Refusal::request("A required field is missing"))
}
