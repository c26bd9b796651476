//! Takes over the Node.js script that refreshed one session before: its client, its last token and its process.
//!
//! 1. Read its files. What is wrong in them is said before anything is changed.
//! 2. End its process, where that is asked for, and read its token once more: it may have refreshed it meanwhile, and a
//!    refresh token may be good for one use.
//! 3. Under the session's lock, look at what the session has; configure the session; write its token.

mod config_toml;
mod credentials;
mod dotenv;
mod error;
mod offer;
mod old_script;
mod target;
mod token_json;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use zeroize::Zeroizing;

use self::{
    credentials::Credentials,
    offer::{Offer, Verdict},
    target::Target,
    token_json::TokenJson,
};
pub use self::{
    error::Error,
    old_script::{OldScript, pid_file},
};
use crate::{
    config::{self, SessionSettings, Settings, environment::Environment, paths::Paths},
    exchange::Exchanger,
    oidc::{self, Grant},
    session::{
        event::{Memory, Stored},
        token::Token,
    },
    store::{self, Identity, Locked, file},
    time::Clock,
};

/// A file that is being written is read again this often …
const RE_READINGS: u32 = 10;
/// … this far apart, before it is called broken.
const RE_READING_PAUSE: Duration = Duration::from_millis(100);

/// What is to be taken over.
#[derive(Debug)]
pub struct Request {
    /// The script's `.env`.
    pub env_file: PathBuf,
    /// Its `token.json`, which need not be there. Its pid file is beside it.
    pub token_file: PathBuf,
    /// What the session is to be called.
    pub session: Option<String>,
    /// Where a sign-in to it begins.
    pub start_url: Option<String>,
    /// Whether to end the script's process.
    pub stop_old: bool,
}

/// What a take-over works on.
#[derive(Debug)]
pub struct Place<'a> {
    /// Where the files are.
    pub paths: &'a Paths,
    /// The environment, which the settings depend on.
    pub env: &'a Environment,
    /// The settings before.
    pub settings: &'a Settings,
    /// The token files and the network.
    pub exchanger: &'a Exchanger,
    /// The time.
    pub clock: &'a Clock,
}

/// What was done.
#[derive(Debug)]
pub struct Imported {
    /// The session, as it is configured now.
    pub session: SessionSettings,
    /// Its token.
    pub token: Token,
    /// Whether the token was taken over earlier, and nothing was to be done about it.
    pub was_there: bool,
    /// Whether `config.toml` was changed.
    pub configured: bool,
    /// What became of the old script.
    pub script: OldScript,
    /// The script's files that hold secrets.
    pub leftovers: Vec<PathBuf>,
}

/// Takes the old script over. To do so again changes nothing.
///
/// # Errors
/// What is wrong with the script's files or the session is said before anything is changed.
pub async fn import(request: &Request, place: &Place<'_>) -> Result<Imported, Error> {
    Import { request, place }.run().await
}

struct Import<'a> {
    request: &'a Request,
    place: &'a Place<'a>,
}

/// What is to become of `config.toml`.
struct Edit {
    /// The session as it is configured then.
    session: SessionSettings,
    /// Its text, where there is one …
    before: Option<String>,
    /// … and what it becomes, where it changes.
    after: Option<String>,
}

impl Import<'_> {
    async fn run(&self) -> Result<Imported, Error> {
        let Request { env_file, token_file, stop_old, .. } = self.request;
        let credentials = self.credentials()?;
        let edit = self.edit(&credentials)?;
        let name = &edit.session.name;
        let exchanger = self.place.exchanger;

        // What would be refused in the end is refused before the script is ended.
        let (offer, _) = self.offer(&credentials).await?;
        self.judge(&offer, &exchanger.read(name).await.0, name)?;
        let mut script = OldScript::find(token_file);
        if *stop_old {
            script = script.stop(token_file).await?;
        }
        let (offer, broken) = self.offer(&credentials).await?;
        if let Some(Error::Broken { file, what }) = broken {
            let used = self.show(env_file);
            tracing::warn!("{file} is broken: {what}; the refresh token of {used} is used instead");
        }

        let mut locked = exchanger.lock(name).await.map_err(Error::Locked)?;
        let there = self.judge(&offer, &locked.read()?.stored, name)?;
        self.configure(&edit)?;
        let was_there = there.is_some();
        let token = match there {
            Some(token) => token,
            None => self.take(&mut locked, &edit.session, &offer).await?,
        };
        Ok(Imported {
            configured: edit.after.is_some(),
            session: edit.session,
            token,
            was_there,
            script,
            leftovers: [env_file, token_file].into_iter().filter(|path| path.exists()).cloned().collect(),
        })
    }

    fn credentials(&self) -> Result<Credentials, Error> {
        let path = &self.request.env_file;
        let name = self.show(path);
        let bytes = self.read(path)?.ok_or_else(|| Error::NoEnvFile { file: name.clone() })?;
        Credentials::parse(&bytes, &name)
    }

    /// What the script leaves, and what is wrong with its own file where the `.env` has to do. That file goes first:
    /// an exchange may have used up what the `.env` began with.
    async fn offer(&self, credentials: &Credentials) -> Result<(Offer, Option<Error>), Error> {
        let (found, broken) = match self.token_json().await {
            Ok(found) => (found, None),
            Err(error @ Error::Broken { .. }) => (TokenJson::default(), Some(error)),
            Err(error) => return Err(error),
        };
        let refresh_token = match (found.refresh_token, credentials.refresh_token()) {
            (Some(token), _) | (None, Ok(token)) => token,
            (None, Err(Error::Missing { .. })) if !self.request.token_file.exists() => {
                let (env_file, token_file) = (&self.request.env_file, &self.request.token_file);
                return Err(Error::NoToken {
                    token_file: self.show(token_file),
                    env_file: self.show(env_file),
                });
            }
            (None, Err(missing)) => return Err(broken.unwrap_or(missing)),
        };
        let registration = credentials.registration.clone();
        Ok((Offer { registration, refresh_token, access: found.access }, broken))
    }

    /// Reads it until it is whole, or has not been so for a second.
    async fn token_json(&self) -> Result<TokenJson, Error> {
        let path = &self.request.token_file;
        let name = self.show(path);
        let read = || match self.read(path)? {
            Some(bytes) => TokenJson::parse(&bytes, &name),
            None => Ok(TokenJson::default()),
        };
        for _ in 0..RE_READINGS {
            match read() {
                Err(Error::Broken { .. }) => tokio::time::sleep(RE_READING_PAUSE).await,
                found => return found,
            }
        }
        read()
    }

    /// The session's token, where there is nothing to take over any more.
    fn judge(&self, offer: &Offer, stored: &Stored, session: &str) -> Result<Option<Token>, Error> {
        match offer.judge(stored, self.place.clock.now()) {
            Verdict::Take => Ok(None),
            Verdict::There(token) => Ok(Some(token)),
            Verdict::Taken => Err(Error::SignedIn { session: session.to_owned() }),
        }
    }

    /// Chooses the session and judges `config.toml` as it will be.
    fn edit(&self, credentials: &Credentials) -> Result<Edit, Error> {
        let Place { paths, env, settings, .. } = self.place;
        let start_url = self.request.start_url.as_deref().or(credentials.start_url.as_deref());
        let target =
            Target::choose(settings, self.request.session.as_deref(), &credentials.region, start_url)?;
        let before = match fs::read_to_string(&paths.config) {
            Ok(text) => Some(text),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                None
            }
            Err(source) => {
                return Err(config::Error::Unreadable { path: paths.show(&paths.config), source }.into());
            }
        };
        let not_extendable = || Error::NotExtendable {
            file: paths.show(&paths.config),
            session: target.session.clone(),
            keys: target.keys(),
        };
        let text = before.as_deref().unwrap_or_default();
        let after = if target.is_configured() {
            None
        } else {
            Some(config_toml::extended(text, &target).ok_or_else(not_extendable)?)
        };
        let judged = config::explain_with(paths, env, after.as_deref().unwrap_or(text));
        let (mut settings, _) = judged.map_err(|error| match error {
            // It is good without what is added.
            config::Error::File(error) => {
                Error::Unfit { file: self.show(&self.request.env_file), message: error.message }
            }
            error => error.into(),
        })?;
        let session = settings.sessions.remove(&target.session).ok_or_else(not_extendable)?;
        Ok(Edit { session, before, after })
    }

    fn configure(&self, edit: &Edit) -> Result<(), Error> {
        let Some(after) = &edit.after else { return Ok(()) };
        let path = &self.place.paths.config;
        if file::replace_seen(path, edit.before.as_deref().map(str::as_bytes), after.as_bytes())? {
            Ok(())
        } else {
            Err(store::Error::Busy { path: path.clone() }.into())
        }
    }

    /// Writes the token, after an exchange where there is no access token.
    async fn take(
        &self,
        locked: &mut Locked,
        session: &SessionSettings,
        offer: &Offer,
    ) -> Result<Token, Error> {
        let token = if let Some(token) = offer.token() {
            token
        } else {
            locked.reserve()?;
            self.exchange(session, offer).await?
        };
        let identity = Identity { start_url: session.start_url.clone(), region: session.region.clone() };
        locked.create(&token, &identity)?;
        let store = self.place.exchanger.store();
        let memory = store.memory(&session.name);
        let life = token.life().map(|life| life.as_secs());
        // When the user signed in, nobody knows.
        let now = Memory {
            signed_in_at: None,
            end_announced_for: None,
            token_life_secs: life.or(memory.token_life_secs),
            ..memory
        };
        if let Err(error) = store.remember(&session.name, now) {
            tracing::warn!("{}: {error}", session.name);
        }
        Ok(token)
    }

    async fn exchange(&self, session: &SessionSettings, offer: &Offer) -> Result<Token, Error> {
        let grant = Grant::RefreshToken { refresh_token: &offer.refresh_token };
        let client = self.place.exchanger.oidc(session)?;
        let issued = client.create_token(&offer.registration, grant).await.map_err(|source| {
            let session = session.name.clone();
            match source.verdict() {
                oidc::Verdict::SignIn(_) => Error::Refused { session, source },
                oidc::Verdict::Retry { .. } => Error::NotNow { session, source },
            }
        })?;
        let refresh_token = issued.refresh_token.clone().unwrap_or_else(|| offer.refresh_token.clone());
        Ok(Token { refresh_token: Some(refresh_token), ..issued })
    }

    /// Reads one of the script's files; nobody else can read it from then on.
    fn read(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        match file::open_private(path) {
            Ok(opened) => Ok(opened.map(|opened| opened.bytes)),
            Err(store::Error::NotAFile { .. } | store::Error::TooLarge { .. }) => {
                Err(Error::NotTheScripts { file: self.show(path) })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn show(&self, path: &Path) -> String {
        self.place.paths.show(path)
    }
}
