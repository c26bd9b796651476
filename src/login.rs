//! [`SignIn`]: how a user gets a token for a session: through a browser with PKCE, or with a device code.
//!
//! Nothing is written before there is a token, so that a sign-in that is broken off leaves nothing behind. The one
//! exception is asked for: [`SignIn::leave`] keeps what the process that brings the code will need.

pub mod browser;
mod callback;
pub mod end;
mod error;
mod listener;
mod pages;
mod paste;
mod pkce;
pub mod qr;
mod registration;
pub mod surroundings;
pub mod turn;

use std::time::Duration;

use futures_util::{Stream, StreamExt};

use self::{
    callback::Answer,
    pages::Page,
    pkce::{Question, State, Verifier},
    registration::{Flow, Registered},
};
pub use self::{error::Error, listener::Listener, turn::Turn};
use crate::{
    config::SessionSettings,
    exchange::Exchanger,
    oidc::{self, DeviceAuthorization, ErrorKind, Grant, device},
    session::{
        event::Memory,
        token::{Secret, Token},
    },
    store::{self, Identity, Locked, Pending, registration_name},
    time::{Clock, Timestamp},
};

/// How long the user has. A question that AWS asks in a browser is not good for longer.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// The pauses before another attempt to exchange the code, which is good for a few minutes.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// What a sign-in gave. It is on disk.
#[derive(Debug)]
pub struct SignedIn {
    /// The token.
    pub token: Token,
    /// What is remembered of the session.
    pub memory: Memory,
}

/// A sign-in to one session.
#[derive(Debug)]
pub struct SignIn<'a> {
    session: &'a SessionSettings,
    start_url: &'a str,
    exchanger: &'a Exchanger,
    clock: Clock,
    service: oidc::Client,
}

/// A sign-in with a device code that waits for its approval.
#[derive(Debug)]
pub struct DeviceCode {
    registered: Registered,
    authorization: DeviceAuthorization,
}

impl DeviceCode {
    /// What the user is to see.
    pub fn authorization(&self) -> &DeviceAuthorization {
        &self.authorization
    }

    /// The page that the user is to open.
    pub fn page(&self) -> &str {
        let DeviceAuthorization { verification_uri, verification_uri_complete, .. } = &self.authorization;
        verification_uri_complete.as_ref().unwrap_or(verification_uri)
    }

    /// When the code ends.
    pub fn expires_at(&self) -> Timestamp {
        self.authorization.expires_at
    }
}

/// A sign-in through a browser that waits for its code.
#[derive(Debug)]
pub struct Authorization {
    registered: Registered,
    verifier: Verifier,
    state: State,
    redirect_uri: String,
    url: String,
}

impl Authorization {
    /// The page that the user is to open.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl<'a> SignIn<'a> {
    /// A sign-in to `session`.
    ///
    /// # Errors
    /// Where no start URL is configured, or no request can be made.
    pub fn new(session: &'a SessionSettings, exchanger: &'a Exchanger, clock: Clock) -> Result<Self, Error> {
        let start_url = session.sign_in_url()?;
        Ok(Self { session, start_url, exchanger, clock, service: exchanger.oidc(session)? })
    }

    /// Begins a sign-in with a device code.
    pub async fn device_code(&self) -> Result<DeviceCode, Error> {
        self.try_room()?;
        let authorize = async |client: &store::Client| {
            self.service.start_device_authorization(&client.registration, self.start_url).await
        };
        if let Some(client) = self.known(Flow::Device) {
            match authorize(&client).await {
                Ok(authorization) => {
                    return Ok(DeviceCode {
                        registered: Registered { client, is_new: false },
                        authorization,
                    });
                }
                Err(oidc::Error::Service { kind: ErrorKind::InvalidClient, .. }) => {}
                Err(error) => return Err(self.not_begun(error)),
            }
        }
        let client = self.register(Flow::Device).await?;
        let authorization = authorize(&client).await.map_err(|error| self.not_begun(error))?;
        Ok(DeviceCode { registered: Registered { client, is_new: true }, authorization })
    }

    /// Waits until the user has approved the code.
    pub async fn with_device_code(&self, code: &DeviceCode) -> Result<SignedIn, Error> {
        let DeviceCode { registered, authorization } = code;
        let registration = &registered.client.registration;
        let token = device::poll(&self.service, registration, authorization, &self.clock, tokio::time::sleep)
            .await
            .map_err(|failure| match failure {
                device::Failure::Refused(error) => self.not_exchanged(error),
                device::Failure::Denied => Error::Denied,
                device::Failure::Expired => Error::Expired,
            })?;
        self.keep(self.lock().await?, registered, token)
    }

    /// Waits for the browser to come back to `listener`, or for what the user pastes.
    ///
    /// `None` where nobody can paste any more and nobody came back: `pasted` ended. A stream that is to have no say
    /// never ends.
    pub async fn with_browser(
        &self,
        listener: Listener,
        authorization: &Authorization,
        mut pasted: impl Stream<Item = String> + Unpin,
    ) -> Result<Option<SignedIn>, Error> {
        let mut serving = listener.serve(&self.session.name, &authorization.state);
        let answer = tokio::select! {
            answer = serving.answer() => answer,
            answer = read_paste(&mut pasted, &authorization.state) => match answer {
                Some(answer) => answer,
                None => return Ok(None),
            },
            () = tokio::time::sleep(PATIENCE) => return Err(Error::TimedOut),
        };
        let result = self.redeem(authorization, answer).await;
        let name = &self.session.name;
        serving
            .show(match &result {
                Ok(_) => Page::signed_in(name, self.start_url),
                Err(Error::Denied) => Page::refused(name),
                Err(error) => Page::failed(name, &error.to_string()),
            })
            .await;
        result.map(Some)
    }

    /// Begins a sign-in through a browser that will come back to that port of this machine.
    pub async fn authorize(&self, port: u16) -> Result<Authorization, Error> {
        self.try_room()?;
        let known = self.known(Flow::Browser);
        let is_new = known.is_none();
        let client = match known {
            Some(known) => known,
            None => self.register(Flow::Browser).await?,
        };
        let (verifier, state) = (Verifier::new()?, State::new()?);
        let redirect_uri = format!("http://127.0.0.1:{port}{}", callback::PATH);
        let question = Question {
            base_url: self.service.base_url(),
            client_id: &client.registration.client_id,
            redirect_uri: &redirect_uri,
            scopes: &self.session.scopes,
        };
        let url = question.url(&state, &verifier);
        Ok(Authorization { registered: Registered { client, is_new }, verifier, state, redirect_uri, url })
    }

    /// Keeps what [`Self::take_up`] needs, on disk and for [`PATIENCE`].
    pub fn leave(&self, authorization: &Authorization) -> Result<(), Error> {
        let pending = Pending {
            client: authorization.registered.client.clone(),
            verifier: authorization.verifier.secret().clone(),
            state: authorization.state.secret().clone(),
            redirect_uri: authorization.redirect_uri.clone(),
            expires_at: self.clock.now().after(PATIENCE),
        };
        Ok(self.exchanger.store().keep_pending(&self.session.name, &pending)?)
    }

    /// Ends the sign-in that was left, with what the user brings: the address that the browser ended at, or the
    /// code in it.
    pub async fn take_up(&self, brought: &str) -> Result<SignedIn, Error> {
        let (store, name) = (self.exchanger.store(), &self.session.name);
        let pending = store.pending(name, self.clock.now())?.ok_or(Error::NothingPending)?;
        let authorization = Authorization {
            // It was not kept: there was no token yet.
            registered: Registered { client: pending.client, is_new: true },
            verifier: Verifier::kept(pending.verifier),
            state: State::kept(pending.state),
            redirect_uri: pending.redirect_uri,
            url: String::new(),
        };
        let answer = paste::read(brought, &authorization.state)?;
        let result = self.redeem(&authorization, answer).await;
        // An answer that did not get through may be brought again.
        if !result.as_ref().is_err_and(is_temporary) {
            store.forget_pending(name)?;
        }
        result
    }

    async fn redeem(&self, authorization: &Authorization, answer: Answer) -> Result<SignedIn, Error> {
        let code = match answer {
            Answer::Code(code) => code,
            Answer::Refused(refusal) if refusal.error == "access_denied" => return Err(Error::Denied),
            Answer::Refused(refusal) => return Err(Error::Refused(refusal)),
        };
        let mut locked = self.lock().await?;
        locked.reserve()?;
        let mut pauses = PAUSES.iter();
        loop {
            match (self.exchange(authorization, &code).await, pauses.next()) {
                (Ok(token), _) => return self.keep(locked, &authorization.registered, token),
                (Err(error), Some(pause)) if is_temporary(&error) => {
                    tracing::warn!("{}: {error}; trying again", self.session.name);
                    tokio::time::sleep(*pause).await;
                }
                (Err(error), _) if is_temporary(&error) => return Err(error),
                (Err(Error::Oidc(error)), _) => {
                    self.forget_if_unknown(&authorization.registered, &error)?;
                    return Err(self.not_exchanged(error));
                }
                (Err(error), _) => return Err(error),
            }
        }
    }

    async fn register(&self, flow: Flow) -> Result<store::Client, Error> {
        let registered = flow.register(&self.service, self.session, self.start_url).await;
        registered.map_err(|error| self.not_begun(error))
    }

    fn not_begun(&self, error: oidc::Error) -> Error {
        if error.may_be_region() {
            return Error::WrongRegion { error, region_remedy: self.session.region_remedy() };
        }
        error.into()
    }

    fn not_exchanged(&self, error: oidc::Error) -> Error {
        match error {
            oidc::Error::Service { status: 400 | 401, .. } => {
                Error::NotExchanged { error, region_remedy: self.session.region_remedy() }
            }
            error => error.into(),
        }
    }

    /// A client that the server does not know would fail for ever.
    fn forget_if_unknown(&self, registered: &Registered, error: &oidc::Error) -> Result<(), Error> {
        let unknown = matches!(
            error,
            oidc::Error::Service { kind: ErrorKind::InvalidClient | ErrorKind::UnauthorizedClient, .. }
        );
        let (store, name) = (self.exchanger.store(), self.registration_name());
        let is_it =
            |kept: &store::Client| kept.registration.client_id == registered.client.registration.client_id;
        if unknown && store.registration(&name).ok().flatten().as_ref().is_some_and(is_it) {
            store.forget_registration(&name)?;
        }
        Ok(())
    }

    async fn exchange(&self, authorization: &Authorization, code: &Secret) -> Result<Token, Error> {
        let Authorization { registered, verifier, redirect_uri, .. } = authorization;
        let grant = Grant::AuthorizationCode { code, code_verifier: verifier.secret(), redirect_uri };
        Ok(self.service.create_token(&registered.client.registration, grant).await?)
    }

    /// Finds out that a token could be written before the user is asked for anything. Whoever has the lock just now
    /// finds it out too.
    fn try_room(&self) -> Result<(), Error> {
        if let Some(mut locked) = self.exchanger.store().try_lock(&self.session.name)? {
            locked.reserve()?;
        }
        Ok(())
    }

    async fn lock(&self) -> Result<Locked, Error> {
        self.exchanger.lock(&self.session.name).await.map_err(Error::Busy)
    }

    /// The registration that is kept and good for this.
    fn known(&self, flow: Flow) -> Option<store::Client> {
        let known = self.exchanger.store().registration(&self.registration_name()).ok()??;
        flow.fits(&known, &self.session.scopes, self.clock.now()).then_some(known)
    }

    /// What its file is called, here and in the AWS CLI.
    fn registration_name(&self) -> String {
        let SessionSettings { name, region, scopes, .. } = self.session;
        registration_name(Some(name), self.start_url, region, Some(scopes))
    }

    /// Writes everything that a sign-in gave.
    fn keep(&self, mut locked: Locked, registered: &Registered, token: Token) -> Result<SignedIn, Error> {
        let store = self.exchanger.store();
        let name = &self.session.name;
        let SessionSettings { start_url, region, .. } = self.session.clone();
        locked.create(&token, &Identity { start_url, region })?;
        let memory = Memory {
            signed_in_at: Some(self.clock.now()),
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
        Ok(SignedIn { token, memory })
    }
}

/// The first pasted line that is an answer; `None` where there will be none. What else is pasted is told.
async fn read_paste(pasted: &mut (impl Stream<Item = String> + Unpin), state: &State) -> Option<Answer> {
    while let Some(line) = pasted.next().await {
        if line.trim().is_empty() {
            continue;
        }
        match paste::read(&line, state) {
            Ok(answer) => return Some(answer),
            Err(error) => tracing::warn!("{error}"),
        }
    }
    None
}

/// Whether the code may still be good, and another attempt get through.
fn is_temporary(error: &Error) -> bool {
    match error {
        Error::Oidc(oidc::Error::Transport(_) | oidc::Error::Malformed { .. }) => true,
        Error::Oidc(oidc::Error::Service { kind, .. }) => {
            matches!(kind, ErrorKind::InternalServer | ErrorKind::SlowDown | ErrorKind::Unknown)
        }
        _ => false,
    }
}
