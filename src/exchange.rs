//! One exchange of a session's refresh token, from the lock to the disk: the place where the store and the OIDC
//! service meet. The daemon and the commands that work without it run the same code under the same lock.
//!
//! 1. Take the session's lock.
//! 2. Read the file again. Where somebody else's token is newer and good for long enough, adopt it and stop.
//! 3. Send *the file's* refresh token, client id and secret, once there is room on the disk for the answer.
//! 4. Write the answer, unless the file was deleted or changed meanwhile. Only then tell anybody.
//! 5. Look once more at the file that was replaced; only then let go of the lock.

mod replaced;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::replaced::Replaced;
use crate::{
    config::{HttpSettings, SessionSettings},
    http::{
        self,
        skew::{Skew, Witness},
    },
    oidc::{self, Grant, Verdict, endpoint},
    platform::Process,
    portal,
    session::{
        event::{Failure, Outcome, Stored},
        token::{Registration, Secret, Token},
    },
    store::{self, Identity, Locked, Reading, Saved, Store},
    time::Clock,
};

/// How long to try for the session's lock: longer than an exchange of somebody else can take.
const LOCK_PATIENCE: Duration = Duration::from_secs(45);

/// How often, meanwhile, to look whether who has it is stopped, and will never let go of it.
const STOPPED_PATIENCE: Duration = Duration::from_secs(2);

/// How often to try for it.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A file that is not whole may be just being written: it is read again this often …
const RE_READINGS: u32 = 10;

/// … this far apart, before it is called broken.
const RE_READING_PAUSE: Duration = Duration::from_millis(100);

/// Exchanges tokens and keeps them on disk. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Exchanger {
    store: Store,
    http: http::Options,
    clock: Clock,
}

/// What came of an exchange.
#[derive(Debug)]
pub struct Exchanged {
    /// How it ended.
    pub outcome: Outcome,
    /// The file that was replaced, to be looked at again. It has the session's lock.
    pub replaced: Option<Replaced>,
}

impl Exchanger {
    /// Works on the files of `store`, over the network as `http` has it.
    pub fn new(store: Store, http: &HttpSettings, clock: Clock) -> Self {
        let HttpSettings { ca_bundle, proxy } = http.clone();
        Self { store, http: http::Options { ca_bundle, proxy, ..http::Options::default() }, clock }
    }

    /// The same, where every answer of AWS shows to `tell` how far the clock is off.
    #[must_use]
    pub fn showing_skew(mut self, tell: impl Fn(Skew) + Send + Sync + 'static) -> Self {
        self.http.witness = Some(Witness::new(self.clock.clone(), tell));
        self
    }

    /// The files.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A client for the OIDC service of `session`. It is built for each exchange and dropped after it, since
    /// its TLS roots are most of the memory of an idle daemon.
    ///
    /// # Errors
    /// Where the CA bundle or the proxy can't be used.
    pub fn oidc(&self, session: &SessionSettings) -> Result<oidc::Client, http::Error> {
        Ok(oidc::Client::new(self.http()?, &server(session), self.clock.clone()))
    }

    /// A client for the portal of `session`, to be dropped likewise.
    ///
    /// # Errors
    /// As [`Self::oidc`].
    pub fn portal(&self, session: &SessionSettings) -> Result<portal::Client, http::Error> {
        Ok(portal::Client::new(self.http()?, &portal_url(session)))
    }

    fn http(&self) -> Result<http::Client, http::Error> {
        http::Client::new(&self.http)
    }

    /// What the token file of `session` holds, and whether the file is whole. One that is not, and stays so for a
    /// second, should be healed. A token that is new has a copy from here on.
    pub async fn read(&self, session: &str) -> (Stored, bool) {
        let mut reading = self.settled(|store| store.read(session)).await;
        if let Ok(Reading { unattended: true, .. }) = reading {
            match self.store.attend(session) {
                Ok(true) => reading = self.store.read(session),
                Ok(false) => {}
                // An exchange will say it.
                Err(error) => tracing::debug!(sso_session = session, "{session}: {error}"),
            }
        }
        match reading {
            Ok(Reading { stored, healed_from, .. }) => (stored, healed_from.is_none()),
            Err(error) => (error.into(), true),
        }
    }

    /// Makes the broken token file of `session` whole again from what is left of it or from the own copy.
    ///
    /// # Errors
    /// What and why, in a line.
    pub async fn heal(&self, session: &SessionSettings) -> Result<Option<Replaced>, String> {
        let mut locked = self.lock(&session.name).await?;
        let Some(orphan) = locked.heal().map_err(|error| error.to_string())? else { return Ok(None) };
        let healed = locked.read().map_err(|error| error.to_string())?;
        let Stored::Token(ours) = healed.stored else { return Ok(None) };
        Ok(Some(Replaced { locked, orphan, ours, identity: identity(session) }))
    }

    /// Exchanges the refresh token of `session`, unless the file holds a token newer than `known` that is good
    /// for `enough`.
    pub async fn exchange(
        &self,
        session: &SessionSettings,
        known: Option<&Token>,
        enough: Duration,
    ) -> Exchanged {
        let mut locked = match self.lock(&session.name).await {
            Ok(locked) => locked,
            Err(message) => return failed("lock", message).into(),
        };
        let sent = match self.settled(|_| locked.read()).await {
            Ok(Reading { stored: Stored::Token(token), .. }) => token,
            Ok(Reading { stored: Stored::Missing, .. }) => return Outcome::Gone.into(),
            Ok(Reading { stored: Stored::Broken(message) | Stored::Unreachable(message), .. }) => {
                return failed("file", message).into();
            }
            Err(error) => return failed("file", error.to_string()).into(),
        };
        let newer = known.is_none_or(|known| !known.same_as(&sent) && sent.expires_at > known.expires_at);
        if newer && sent.left(self.clock.now()) >= enough {
            return Outcome::Adopted(sent).into();
        }
        let Some((refresh_token, registration)) = sent.refresh_token.as_ref().zip(sent.registration.as_ref())
        else {
            return Outcome::Adopted(sent).into();
        };
        if let Err(error) = locked.reserve() {
            let message = format!("nothing is refreshed as long as a new token can't be kept: {error}");
            return failed("disk", message).into();
        }
        match self.post(session, refresh_token, registration).await {
            Ok(token) => save(locked, session, &kept(token, &sent), &sent),
            Err(error) => self.refused(session, &locked, &sent, &error).await.into(),
        }
    }

    /// Writes a token that was issued for `sent` earlier but could not be written.
    pub async fn save(&self, session: &SessionSettings, token: &Token, sent: &Token) -> Exchanged {
        match self.lock(&session.name).await {
            Ok(locked) => save(locked, session, token, sent),
            Err(message) => Outcome::Unsaved { token: token.clone(), sent: sent.clone(), message }.into(),
        }
    }

    /// Takes the lock that no two processes hold at a time.
    ///
    /// # Errors
    /// What and why, in a line.
    pub async fn lock(&self, session: &str) -> Result<Locked, String> {
        let tries = |time: Duration| time.as_millis() / LOCK_PAUSE.as_millis();
        for number in 0..tries(LOCK_PATIENCE) {
            match self.store.try_lock(session) {
                Ok(Some(locked)) => return Ok(locked),
                Ok(None) => {}
                Err(error) => return Err(error.to_string()),
            }
            if number > 0
                && number % tries(STOPPED_PATIENCE) == 0
                && let Some(Process { pid, stopped: true, .. }) =
                    self.store.lock_holder(session).and_then(Process::find)
            {
                return Err(format!(
                    "another process of sso-refresh ({pid}) holds the lock of `{session}` and is stopped: continue it \
                     with `kill -CONT {pid}` or end it with `kill -KILL {pid}`"
                ));
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Err(match self.store.lock_holder(session) {
            Some(pid) => format!(
                "another process of sso-refresh ({pid}) has held the lock of `{session}` for too long: end it with \
                 `kill {pid}`"
            ),
            None => format!(
                "another process of sso-refresh has held the lock of `{session}` for too long: end it"
            ),
        })
    }

    /// Reads until the file is whole, or has not been so for a second.
    async fn settled(
        &self,
        read: impl Fn(&Store) -> Result<Reading, store::Error>,
    ) -> Result<Reading, store::Error> {
        for _ in 0..RE_READINGS {
            let reading = read(&self.store)?;
            if reading.healed_from.is_none() && !matches!(reading.stored, Stored::Broken(_)) {
                return Ok(reading);
            }
            tokio::time::sleep(RE_READING_PAUSE).await;
        }
        read(&self.store)
    }

    /// A refusal is believed only if the file still holds what was refused.
    async fn refused(
        &self,
        session: &SessionSettings,
        locked: &Locked,
        sent: &Token,
        error: &oidc::Error,
    ) -> Outcome {
        let reason = match error.verdict() {
            Verdict::SignIn(reason) => reason,
            Verdict::Retry { after: retry_after } => {
                let region = error.may_be_region().then(|| format!(": {}", session.region_remedy()));
                let (message, kind) = (format!("{error}{}", region.unwrap_or_default()), error.word());
                return Outcome::Failed(Failure { message, kind, retry_after });
            }
        };
        match self.settled(|_| locked.read()).await {
            Ok(Reading { stored: Stored::Missing, .. }) => Outcome::Gone,
            Ok(Reading { stored: Stored::Token(theirs), .. })
                if theirs.refresh_token != sent.refresh_token =>
            {
                Outcome::Adopted(theirs)
            }
            Ok(Reading { stored: Stored::Token(_), .. }) => {
                Outcome::Refused { reason, message: error.to_string() }
            }
            Ok(Reading { stored: Stored::Broken(message) | Stored::Unreachable(message), .. }) => {
                failed("file", message)
            }
            Err(error) => failed("file", error.to_string()),
        }
    }

    async fn post(
        &self,
        session: &SessionSettings,
        refresh_token: &Secret,
        registration: &Registration,
    ) -> Result<Token, oidc::Error> {
        let client = self.oidc(session)?;
        client.create_token(registration, Grant::RefreshToken { refresh_token }).await
    }
}

/// The base URL of the portal of `session`.
pub fn portal_url(session: &SessionSettings) -> String {
    let SessionSettings { region, use_fips, use_dual_stack, .. } = session;
    let of_region = || endpoint::portal_url(region, *use_fips, *use_dual_stack);
    session.portal_endpoint.clone().unwrap_or_else(of_region)
}

/// A refresh token that does not come back stays good (RFC 6749 section 6).
fn kept(mut token: Token, sent: &Token) -> Token {
    if token.refresh_token.is_none() {
        token.refresh_token.clone_from(&sent.refresh_token);
    }
    token
}

fn save(mut locked: Locked, session: &SessionSettings, token: &Token, sent: &Token) -> Exchanged {
    let identity = identity(session);
    match locked.save(token, Some(sent), &identity) {
        Ok(Saved::Written(orphan)) => Exchanged {
            outcome: Outcome::Refreshed(token.clone()),
            replaced: orphan.map(|orphan| Replaced { locked, orphan, ours: token.clone(), identity }),
        },
        Ok(Saved::Gone) => Outcome::Gone.into(),
        Ok(Saved::Superseded(theirs)) => Outcome::Adopted(theirs).into(),
        Err(error) => {
            let message = format!("the new token can't be written: {error}");
            Outcome::Unsaved { token: token.clone(), sent: sent.clone(), message }.into()
        }
    }
}

/// The OIDC service that exchanges the tokens of `session`: its base URL.
pub fn server(session: &SessionSettings) -> String {
    session
        .oidc_endpoint
        .clone()
        .unwrap_or_else(|| endpoint::oidc_url(&session.region, session.use_fips, session.use_dual_stack))
}

fn failed(kind: &'static str, message: String) -> Outcome {
    Outcome::Failed(Failure { message, kind, retry_after: None })
}

fn identity(session: &SessionSettings) -> Identity {
    Identity { start_url: session.start_url.clone(), region: session.region.clone() }
}

impl From<Outcome> for Exchanged {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, replaced: None }
    }
}
