//! [`Client`]: who registered, for what, until when.

use std::collections::BTreeMap;

use reqwest::Url;

use super::random::Random;
use crate::{
    simulator::exception::{Exception, Refusal},
    time::Timestamp,
};

/// How a token can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulator) enum Grant {
    RefreshToken,
    AuthorizationCode,
    DeviceCode,
}

impl Grant {
    /// The `grantType` of `CreateToken`.
    pub(in crate::simulator) const fn name(self) -> &'static str {
        match self {
            Self::RefreshToken => "refresh_token",
            Self::AuthorizationCode => "authorization_code",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }

    pub(in crate::simulator) fn parse(name: &str) -> Result<Self, Refusal> {
        let all = [Self::RefreshToken, Self::AuthorizationCode, Self::DeviceCode];
        all.into_iter()
            .find(|grant| grant.name() == name)
            .ok_or(Refusal::new(Exception::UnsupportedGrantType, "The grant type is not supported"))
    }
}

/// What `RegisterClient` is given.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Application {
    pub(in crate::simulator) name: String,
    pub(in crate::simulator) scopes: Vec<String>,
    /// None at all: the device code and the refresh, as the service took it before it knew this field.
    pub(in crate::simulator) grants: Vec<Grant>,
    pub(in crate::simulator) redirect_uris: Vec<String>,
    /// The start URL, where the browser's sign-in goes.
    pub(in crate::simulator) issuer_url: Option<String>,
}

/// A registered client.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Client {
    pub(in crate::simulator) id: String,
    pub(in crate::simulator) secret: String,
    pub(in crate::simulator) name: String,
    pub(in crate::simulator) scopes: Vec<String>,
    grants: Vec<Grant>,
    redirect_uris: Vec<Url>,
    pub(in crate::simulator) issuer_url: Option<String>,
    pub(in crate::simulator) expires_at: Timestamp,
}

impl Client {
    pub(super) fn new(
        application: Application,
        expires_at: Timestamp,
        random: &mut Random,
    ) -> Result<Self, Refusal> {
        let Application { name, scopes, mut grants, redirect_uris, issuer_url } = application;
        if name.is_empty() {
            return Err(Refusal::request("clientName is missing"));
        }
        if !scopes.iter().all(|scope| is_scope(scope)) {
            return Err(Refusal::new(Exception::InvalidScope, "A scope is malformed"));
        }
        if grants.is_empty() {
            grants = vec![Grant::DeviceCode, Grant::RefreshToken];
        }
        if grants.contains(&Grant::DeviceCode) && grants.contains(&Grant::AuthorizationCode) {
            // So clients have found it: sorah/mairu#18, synfinatic/aws-sso-cli#1359.
            return Err(Refusal::new(Exception::InvalidScope, "A client can't have both sign-in grants"));
        }
        let redirect_uris = redirect_uris.iter().map(|uri| native_uri(uri)).collect::<Option<Vec<_>>>();
        let redirect_uris = redirect_uris
            .ok_or(Refusal::new(Exception::InvalidRedirectUri, "Expected http://127.0.0.1/oauth/callback"))?;
        if grants.contains(&Grant::AuthorizationCode) && (redirect_uris.is_empty() || issuer_url.is_none()) {
            return Err(Refusal::request("authorization_code needs redirectUris and issuerUrl"));
        }
        Ok(Self { name, grants, redirect_uris, issuer_url, ..Self::signed_in(scopes, expires_at, random) })
    }

    /// The client of a sign-in that is told of and not asked for.
    pub(super) fn signed_in(scopes: Vec<String>, expires_at: Timestamp, random: &mut Random) -> Self {
        let id = random.client_id();
        Self {
            secret: random.client_secret(&id, expires_at.secs()),
            id,
            name: "simulated-sign-in".into(),
            scopes,
            grants: vec![Grant::DeviceCode, Grant::RefreshToken],
            redirect_uris: Vec::new(),
            issuer_url: None,
            expires_at,
        }
    }

    pub(super) fn has(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }

    /// Whether the client may be sent to `uri`: as it was registered, the port apart (RFC 8252 §7.3).
    pub(in crate::simulator) fn may_redirect_to(&self, uri: &str) -> bool {
        native_uri(uri).is_some_and(|uri| self.redirect_uris.contains(&uri))
    }
}

/// All that `RegisterClient` gave out.
#[derive(Debug, Default)]
pub(super) struct Clients(BTreeMap<String, Client>);

impl Clients {
    pub(super) fn insert(&mut self, client: Client) {
        self.0.insert(client.id.clone(), client);
    }

    /// The client of that id, whose registration is still good.
    pub(super) fn find(&self, id: &str, now: Timestamp) -> Result<&Client, Refusal> {
        let client = self.0.get(id).filter(|client| client.expires_at > now);
        client.ok_or(Refusal::new(Exception::InvalidClient, "Client is unknown or has expired"))
    }

    /// The same, and it has proved itself and may use `grant`.
    pub(super) fn verify(
        &self,
        id: &str,
        secret: &str,
        grant: Grant,
        now: Timestamp,
    ) -> Result<&Client, Refusal> {
        let client = self.find(id, now)?;
        if client.secret != secret {
            return Err(Refusal::new(Exception::InvalidClient, "Client secret is wrong"));
        }
        if !client.has(grant) {
            return Err(Refusal::new(
                Exception::UnauthorizedClient,
                "Client is not registered for this grant",
            ));
        }
        Ok(client)
    }
}

/// A redirect URI that the service takes for a native client, without its port: `http`, 127.0.0.1 (not `[::1]`)
/// and the path that AWS's own clients use (sorah/mairu#17).
fn native_uri(uri: &str) -> Option<Url> {
    let mut url = Url::parse(uri).ok()?;
    let native = url.scheme() == "http"
        && url.host_str() == Some("127.0.0.1")
        && url.path() == "/oauth/callback"
        && url.query().is_none()
        && url.fragment().is_none();
    url.set_port(None).ok()?;
    native.then_some(url)
}

/// A scope-token of RFC 6749 §3.3.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_redirect_uris_of_native_clients_alone() {
        for (uri, good) in [
            ("http://127.0.0.1/oauth/callback", true),
            ("http://127.0.0.1:43210/oauth/callback", true),
            ("http://[::1]/oauth/callback", false),
            ("http://localhost/oauth/callback", false),
            ("http://127.0.0.1/", false),
            ("http://127.0.0.1/oauth/callback?a=b", false),
            ("http://127.0.0.1.example.com/oauth/callback", false),
            ("https://127.0.0.1/oauth/callback", false),
            ("", false),
        ] {
            assert_eq!(native_uri(uri).is_some(), good, "{uri}");
        }
    }
}
