//! The client that signs in: the AWS CLI's registration or the one before where it still fits, else a new one.

use crate::{
    config::SessionSettings,
    oidc::{self, RegisterRequest},
    session::horizon::REGISTRATION_WARNING,
    store::Client,
    time::Timestamp,
};

/// Without a port: AWS takes any, as RFC 8252 section 7.3 has it for 127.0.0.1.
const REDIRECT_URI: &str = "http://127.0.0.1/oauth/callback";

/// How a client signs in. One for both can't be registered: AWS refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Through a browser, with PKCE.
    Browser,
    /// With a device code.
    Device,
}

/// A client, and whether it has to be kept yet.
#[derive(Clone, Debug)]
pub(super) struct Registered {
    pub(super) client: Client,
    pub(super) is_new: bool,
}

impl Flow {
    /// What is registered, and by what the AWS CLI tells its registrations apart.
    fn grant_types(self) -> &'static [&'static str] {
        match self {
            Self::Browser => &["authorization_code", "refresh_token"],
            Self::Device => &[],
        }
    }

    /// Whether a known registration is good for this, and for long enough: when its end is announced, a sign-in is to
    /// bring another one.
    pub(super) fn fits(self, known: &Client, scopes: &[String], now: Timestamp) -> bool {
        let lasts = known.registration.expires_at.is_some_and(|end| end > now.after(REGISTRATION_WARNING));
        let signs_in_by_code = known.grant_types.iter().any(|grant| grant == "authorization_code");
        lasts && known.scopes == scopes && signs_in_by_code == (self == Self::Browser)
    }

    /// Registers a client.
    pub(super) async fn register(
        self,
        service: &oidc::Client,
        session: &SessionSettings,
        start_url: &str,
    ) -> Result<Client, oidc::Error> {
        let name = format!("sso-refresh-{}", session.name);
        let browser = self == Self::Browser;
        let request = RegisterRequest {
            client_name: &name,
            scopes: &session.scopes,
            grant_types: self.grant_types(),
            redirect_uris: if browser { &[REDIRECT_URI] } else { &[] },
            issuer_url: browser.then_some(start_url),
            client_type: oidc::ClientType::Public,
        };
        let registration = service.register(&request).await?;
        let grant_types = self.grant_types().iter().map(ToString::to_string).collect();
        Ok(Client { registration, scopes: session.scopes.clone(), grant_types })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::token::{Registration, Secret};

    #[test]
    fn a_registration_is_for_one_flow_and_its_scopes_while_it_lasts() {
        let now = Timestamp::from_secs(1_798_761_600);
        let scopes = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let wanted = scopes("sso:account:access");
        for (left, grants, known_scopes, flows) in [
            (86_401, "", "sso:account:access", [false, true]),
            (86_400, "", "sso:account:access", [false, false]),
            (86_401, "authorization_code refresh_token", "sso:account:access", [true, false]),
            (86_400, "authorization_code refresh_token", "sso:account:access", [false, false]),
            (86_401, "urn:ietf:params:oauth:grant-type:device_code", "sso:account:access", [false, true]),
            (86_401, "authorization_code", "sso:account:access openid", [false, false]),
            (86_401, "authorization_code", "", [false, false]),
        ] {
            let known = Client {
                registration: Registration {
                    client_id: "c".into(),
                    client_secret: Secret::new("s"),
                    expires_at: Some(now.after(Duration::from_secs(left))),
                },
                scopes: scopes(known_scopes),
                grant_types: scopes(grants),
            };
            let fits = [Flow::Browser, Flow::Device].map(|flow| flow.fits(&known, &wanted, now));
            assert_eq!(fits, flows, "{left} {grants} {known_scopes}");
        }
    }
}
