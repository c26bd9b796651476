//! `sso-refresh login`: signs in with a device code ([RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)).

use std::time::Duration;

use super::{
    context::{Context, Selection, block_on},
    exit::{self, Failure},
    out,
};
use crate::{
    api::client,
    config::SessionSettings,
    exchange::Exchanger,
    oidc::{self, DeviceAuthorization, ErrorKind, RegisterRequest, device},
    session::{
        event::Memory,
        token::{Registration, Token},
    },
    store::{self, Identity, registration_name},
    time::{Timestamp, words},
};

/// A registration that ends sooner is not used again: the AWS CLI draws the line there too.
const REGISTRATION_LEFT: Duration = Duration::from_secs(15 * 60);

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Sign in with a code that is approved in a browser anywhere: the way of this version in any case
    #[arg(long)]
    device_code: bool,
    /// Open no browser: this version opens none in any case
    #[arg(long)]
    no_browser: bool,
}

/// A sign-in under way.
struct SignIn<'a> {
    session: &'a SessionSettings,
    start_url: &'a str,
    exchanger: &'a Exchanger,
    context: &'a Context,
    client: oidc::Client,
}

/// A client, and whether it has to be kept yet.
struct Registered {
    client: store::Client,
    is_new: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    let sessions = context.sessions(&args.selection)?;
    let exchanger = context.exchanger()?;
    block_on(async {
        let mut codes = Vec::new();
        for session in sessions {
            let invite = |authorization: &DeviceAuthorization| {
                tell(&invitation(session, authorization, context.clock.now()));
                Ok(())
            };
            let signed_in = sign_in(session, &exchanger, context, invite).await;
            match signed_in.and_then(|(token, memory)| out::line(&done(session, &token, memory))) {
                Ok(()) => {}
                Err(Failure::Line { code, line }) => {
                    Failure::new(code, format!("{}: {line}", session.name)).say();
                    codes.push(code);
                }
                Err(closed) => return Err(closed),
            }
        }
        if codes.is_empty() && matches!(context.client().ping().await, Err(client::Error::NotRunning)) {
            tell("The daemon is not running: `sso-refresh run` keeps the token fresh.\n");
        }
        Ok(exit::worst(codes))
    })
}

/// Signs in: `invite` shows the user what to approve. Gives the token, which is on disk by then, and what is
/// remembered of the session.
pub(super) async fn sign_in(
    session: &SessionSettings,
    exchanger: &Exchanger,
    context: &Context,
    invite: impl FnOnce(&DeviceAuthorization) -> Result<(), Failure>,
) -> Result<(Token, Memory), Failure> {
    let start_url = session.sign_in_url()?;
    let sign_in = SignIn { session, start_url, exchanger, context, client: exchanger.oidc(session)? };
    sign_in.try_room()?;
    let (registered, authorization) = sign_in.begin().await?;
    invite(&authorization)?;
    let registration = &registered.client.registration;
    let token =
        device::poll(&sign_in.client, registration, &authorization, &context.clock, tokio::time::sleep)
            .await
            .map_err(failure)?;
    let memory = sign_in.keep(&registered, &token).await?;
    Ok((token, memory))
}

impl SignIn<'_> {
    /// Finds out that a token could be written before the user is asked for anything. Whoever has the lock just now
    /// finds it out too.
    fn try_room(&self) -> Result<(), Failure> {
        if let Some(mut locked) = self.exchanger.store().try_lock(&self.session.name)? {
            locked.reserve()?;
        }
        Ok(())
    }

    /// Asks for a device code, with the AWS CLI's registration or the one before where it still fits.
    async fn begin(&self) -> Result<(Registered, DeviceAuthorization), Failure> {
        if let Some(known) = self.known_registration() {
            match self.authorize(&known.registration).await {
                Ok(authorization) => {
                    return Ok((Registered { client: known, is_new: false }, authorization));
                }
                Err(oidc::Error::Service { kind: ErrorKind::InvalidClient, .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let client = self.register().await?;
        let authorization = self.authorize(&client.registration).await?;
        Ok((Registered { client, is_new: true }, authorization))
    }

    async fn authorize(&self, registration: &Registration) -> Result<DeviceAuthorization, oidc::Error> {
        self.client.start_device_authorization(registration, self.start_url).await
    }

    fn known_registration(&self) -> Option<store::Client> {
        let known = self.exchanger.store().registration(&self.registration_name()).ok()??;
        let enough = self.context.clock.now().after(REGISTRATION_LEFT);
        let fits = known.registration.expires_at.is_some_and(|end| end > enough)
            && known.scopes == self.session.scopes
            && !known.grant_types.iter().any(|grant| grant == "authorization_code");
        fits.then_some(known)
    }

    async fn register(&self) -> Result<store::Client, Failure> {
        let name = format!("sso-refresh-{}", self.session.name);
        let request = RegisterRequest {
            client_name: &name,
            scopes: &self.session.scopes,
            grant_types: &[],
            redirect_uris: &[],
            issuer_url: None,
            client_type: oidc::ClientType::Public,
        };
        let registration = self.client.register(&request).await?;
        Ok(store::Client { registration, scopes: self.session.scopes.clone(), grant_types: Vec::new() })
    }

    /// Writes everything that a sign-in gave. Nothing is written before there is a token, so that an interrupted
    /// sign-in leaves nothing behind.
    async fn keep(&self, registered: &Registered, token: &Token) -> Result<Memory, Failure> {
        let store = self.exchanger.store();
        let name = &self.session.name;
        let mut locked =
            self.exchanger.lock(name).await.map_err(|message| Failure::new(exit::TEMPORARY, message))?;
        let SessionSettings { start_url, region, .. } = self.session.clone();
        locked.create(token, &Identity { start_url, region })?;
        let memory = Memory {
            signed_in_at: Some(self.context.clock.now()),
            token_life_secs: token.life().map(|life| life.as_secs()),
            end_announced_for: None,
            ..store.memory(name)
        };
        let kept = store.remember(name, memory);
        let registration_kept = if registered.is_new {
            locked.save_registration(&self.registration_name(), &registered.client)
        } else {
            Ok(())
        };
        // The sign-in itself is safe.
        for error in [kept, registration_kept].into_iter().filter_map(Result::err) {
            tracing::warn!("{name}: {error}");
        }
        Ok(memory)
    }

    fn registration_name(&self) -> String {
        let SessionSettings { name, region, scopes, .. } = self.session;
        registration_name(Some(name), self.start_url, region, Some(scopes))
    }
}

fn done(session: &SessionSettings, token: &Token, memory: Memory) -> String {
    let SessionSettings { name, start_url, session_duration, .. } = session;
    let start_url = start_url.as_deref().unwrap_or(name);
    let duration = session_duration.or(memory.learned_duration());
    let more = match duration.zip(memory.signed_in_at) {
        _ if token.refresh_token.is_none() => {
            " and can't be refreshed, since the server gave no refresh token".to_owned()
        }
        Some((duration, at)) => format!(", the session until about {}", at.after(duration)),
        None => String::new(),
    };
    format!("{name}: signed in to {start_url}; the token is good until {}{more}", token.expires_at)
}

fn failure(failure: device::Failure) -> Failure {
    match failure {
        device::Failure::Refused(error) => error.into(),
        device::Failure::Denied => {
            Failure::new(exit::FAILED, format!("{failure}: run this again to approve it"))
        }
        device::Failure::Expired => Failure::new(exit::FAILED, failure.to_string()),
    }
}

fn invitation(session: &SessionSettings, authorization: &DeviceAuthorization, now: Timestamp) -> String {
    let DeviceAuthorization { user_code, verification_uri, verification_uri_complete, expires_at, .. } =
        authorization;
    let asked = match verification_uri_complete {
        Some(page) => format!("    {page}\n\nand check that it shows the code {user_code}."),
        None => format!("    {verification_uri}\n\nand type the code {user_code}."),
    };
    format!(
        "To sign in to {}, open this page in any browser:\n\n{asked} It is good for {}; Ctrl-C gives up.\n",
        session.name,
        words(expires_at.since(now))
    )
}

/// Says something on standard error, where it is not mistaken for the result.
fn tell(text: &str) {
    // There is nowhere to tell that standard error is closed.
    drop(std::io::Write::write_all(&mut anstream::stderr(), text.as_bytes()));
}
