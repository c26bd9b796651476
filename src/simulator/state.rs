//! [`State`]: clients, sessions and tokens as Identity Center keeps them. No HTTP and no clock: each question
//! comes with the time at which it is asked.

pub(super) mod client;
pub(super) mod consent;
pub(super) mod random;

use std::{collections::BTreeMap, time::Duration};

use self::{
    client::{Application, Client, Clients, Grant},
    consent::{Answer, Authorization, Authorizations, Device, Devices},
    random::Random,
};
use super::{
    Options,
    exception::{Exception, Refusal},
};
use crate::time::Timestamp;

/// How long a token lives that nobody can refresh, whatever the administrator sets.
const LEGACY_LIFE: Duration = Duration::from_secs(8 * 3600);

/// Everything that the services remember.
#[derive(Debug)]
pub(super) struct State {
    pub(super) options: Options,
    pub(super) random: Random,
    clients: Clients,
    devices: Devices,
    authorizations: Authorizations,
    sessions: Vec<Session>,
    access: BTreeMap<String, Access>,
    refresh: BTreeMap<String, Refresh>,
    credentials: BTreeMap<String, Credentials>,
}

/// A user's sign-in at a start URL. Browsers keep it: who signs in again while it lasts gets tokens of the same
/// session, and its end stays where it was.
#[derive(Debug)]
struct Session {
    start_url: String,
    ends_at: Timestamp,
    ended: bool,
}

#[derive(Debug)]
struct Access {
    session: usize,
    expires_at: Timestamp,
}

#[derive(Debug)]
struct Refresh {
    session: usize,
    client_id: String,
    scopes: Vec<String>,
}

/// What `CreateToken` gives.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) expires_at: Timestamp,
    pub(super) refresh_token: Option<String>,
    pub(super) start_url: String,
}

/// What `GetRoleCredentials` gives, and whose they are.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: String,
    pub(super) expires_at: Timestamp,
    pub(super) account: String,
    pub(super) role: String,
}

impl State {
    pub(super) fn new(options: Options) -> Self {
        Self {
            random: Random::new(options.seed),
            options,
            clients: Clients::default(),
            devices: Devices::default(),
            authorizations: Authorizations::default(),
            sessions: Vec::new(),
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
            credentials: BTreeMap::new(),
        }
    }

    /// `RegisterClient`.
    pub(super) fn register(&mut self, application: Application, now: Timestamp) -> Result<Client, Refusal> {
        let expires_at = now.after(self.options.registration_life);
        let client = Client::new(application, expires_at, &mut self.random)?;
        self.clients.insert(client.clone());
        Ok(client)
    }

    /// The client of that id, whose registration is still good.
    pub(super) fn client(&self, id: &str, now: Timestamp) -> Result<&Client, Refusal> {
        self.clients.find(id, now)
    }

    /// The client of that id, which has proved itself and may use `grant`.
    pub(super) fn verify(
        &self,
        id: &str,
        secret: &str,
        grant: Grant,
        now: Timestamp,
    ) -> Result<Client, Refusal> {
        self.clients.verify(id, secret, grant, now).cloned()
    }

    /// `StartDeviceAuthorization`, for a client that was verified.
    pub(super) fn start_device(&mut self, client: &Client, start_url: &str, now: Timestamp) -> Device {
        let mut device = Device {
            code: self.random.code(),
            user_code: self.random.user_code(),
            client_id: client.id.clone(),
            start_url: start_url.to_owned(),
            expires_at: now.after(self.options.device_code_life),
            interval: self.options.interval,
            polled_at: None,
            answer: Answer::Nothing,
        };
        if self.options.auto_approve {
            device.answer = Answer::Yes(self.browse(start_url, now));
        }
        self.devices.insert(device.clone());
        device
    }

    /// The device code that a user reads off a screen.
    pub(super) fn device(&mut self, user_code: &str, now: Timestamp) -> Option<&Device> {
        self.devices.by_user_code(user_code, now).map(|device| &*device)
    }

    /// The user approves or denies a device code; `false` where there is none that waits for it.
    pub(super) fn decide(&mut self, user_code: &str, yes: bool, now: Timestamp) -> bool {
        let Some(device) = self.devices.by_user_code(user_code, now) else { return false };
        if device.answer != Answer::Nothing {
            return false;
        }
        let start_url = device.start_url.clone();
        let answer = if yes { Answer::Yes(self.browse(&start_url, now)) } else { Answer::No };
        if let Some(device) = self.devices.by_user_code(user_code, now) {
            device.answer = answer;
        }
        true
    }

    /// Puts a question on the page; the number is for [`State::answer`].
    pub(super) fn ask(&mut self, authorization: Authorization, now: Timestamp) -> String {
        let id = self.random.code();
        self.authorizations.ask(id.clone(), authorization, now);
        id
    }

    /// The question of that number, which is then off the page.
    pub(super) fn answer(&mut self, id: &str, now: Timestamp) -> Option<Authorization> {
        self.authorizations.answer(id, now)
    }

    /// The user allows what was asked: an authorization code.
    pub(super) fn allow(&mut self, authorization: Authorization, now: Timestamp) -> String {
        let code = self.random.code();
        let session = self.browse(&authorization.start_url, now);
        self.authorizations.allow(code.clone(), authorization, session, now);
        code
    }

    /// `CreateToken` by `authorization_code`.
    pub(super) fn redeem(
        &mut self,
        client: &Client,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let (authorization, session) =
            self.authorizations.redeem(code, &client.id, redirect_uri, verifier, now)?;
        self.issue_first(session, client, authorization.scopes, now)
    }

    /// `CreateToken` by `device_code`.
    pub(super) fn poll(&mut self, client: &Client, code: &str, now: Timestamp) -> Result<Issued, Refusal> {
        let session = self.devices.poll(code, &client.id, now)?;
        self.issue_first(session, client, client.scopes.clone(), now)
    }

    /// `CreateToken` by `refresh_token`; `rotate` says whether the answer has a new one.
    pub(super) fn refresh(
        &mut self,
        client: &Client,
        token: &str,
        rotate: bool,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        const DEAD: Refusal = Refusal::grant("Invalid refresh token provided");
        let refresh = self.refresh.get(token).filter(|refresh| refresh.client_id == client.id).ok_or(DEAD)?;
        let (session, scopes) = (refresh.session, refresh.scopes.clone());
        self.alive(session, now).map_err(|start_url| DEAD.of(&start_url))?;
        let mut issued = self.issue(session, &scopes, now);
        if rotate {
            if self.options.single_use {
                self.refresh.remove(token);
            }
            issued.refresh_token = Some(self.issue_refresh(session, client, scopes));
        } else {
            issued.refresh_token = Some(token.to_owned());
        }
        Ok(issued)
    }

    /// As if a user had signed in through a browser: a registration, a session, a token.
    pub(super) fn sign_in(
        &mut self,
        start_url: &str,
        scopes: Vec<String>,
        now: Timestamp,
    ) -> (Client, Issued) {
        let expires_at = now.after(self.options.registration_life);
        let client = Client::signed_in(scopes, expires_at, &mut self.random);
        self.clients.insert(client.clone());
        let session = self.browse(start_url, now);
        let issued = self.issue_both(session, &client, client.scopes.clone(), now);
        (client, issued)
    }

    /// Whose access token that is: the number of the session and its start URL.
    pub(super) fn authenticate(
        &self,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<(usize, String), Refusal> {
        let dead = Refusal::new(Exception::Unauthorized, "Session token not found or invalid");
        let Some(access) = token.and_then(|token| self.access.get(token)) else { return Err(dead) };
        let Session { start_url, ended, .. } = &self.sessions[access.session];
        if *ended || access.expires_at <= now {
            return Err(dead.of(start_url));
        }
        Ok((access.session, start_url.clone()))
    }

    /// Ends one session: its tokens die, role credentials live on.
    pub(super) fn end(&mut self, session: usize) {
        self.sessions[session].ended = true;
    }

    /// Ends every session of a start URL, as an administrator does.
    pub(super) fn end_all(&mut self, start_url: &str) {
        for session in &mut self.sessions {
            session.ended |= same_portal(&session.start_url, start_url);
        }
    }

    /// `GetRoleCredentials`, for a session that was authenticated.
    pub(super) fn credentials(
        &mut self,
        account: &str,
        role: &str,
        now: Timestamp,
    ) -> Result<Credentials, Refusal> {
        let accounts = &self.options.accounts;
        let known = accounts.iter().any(|one| one.id == account && one.roles.iter().any(|name| name == role));
        if !known {
            return Err(Refusal::new(Exception::Forbidden, "No access"));
        }
        self.credentials.retain(|_, old| old.expires_at > now);
        let given = Credentials {
            access_key_id: self.random.access_key_id(),
            secret_access_key: self.random.secret_access_key(),
            session_token: self.random.session_token(),
            expires_at: now.after(self.options.role_life),
            account: account.to_owned(),
            role: role.to_owned(),
        };
        self.credentials.insert(given.access_key_id.clone(), given.clone());
        Ok(given)
    }

    /// The role credentials with that access key, still good.
    pub(super) fn credentials_of(&self, access_key_id: &str, now: Timestamp) -> Option<&Credentials> {
        self.credentials.get(access_key_id).filter(|given| given.expires_at > now)
    }

    /// The session that the user's browser has at this start URL, or a new one.
    fn browse(&mut self, start_url: &str, now: Timestamp) -> usize {
        let alive = |session: &Session| {
            same_portal(&session.start_url, start_url) && !session.ended && session.ends_at > now
        };
        self.sessions.iter().position(alive).unwrap_or_else(|| {
            let ends_at = now.after(self.options.session_life);
            self.sessions.push(Session { start_url: start_url.to_owned(), ends_at, ended: false });
            self.sessions.len() - 1
        })
    }

    /// The tokens of a sign-in, unless its session ended in the meantime.
    fn issue_first(
        &mut self,
        session: usize,
        client: &Client,
        scopes: Vec<String>,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let over = |start_url: String| Refusal::grant("The session is over").of(&start_url);
        self.alive(session, now).map_err(over)?;
        Ok(self.issue_both(session, client, scopes, now))
    }

    /// The tokens of a sign-in: without a scope it is a legacy one, without a refresh token.
    fn issue_both(&mut self, session: usize, client: &Client, scopes: Vec<String>, now: Timestamp) -> Issued {
        let mut issued = self.issue(session, &scopes, now);
        if !scopes.is_empty() && client.has(Grant::RefreshToken) {
            issued.refresh_token = Some(self.issue_refresh(session, client, scopes));
        }
        issued
    }

    /// An access token, which ends with its session at the latest, unless it is a legacy one.
    fn issue(&mut self, session: usize, scopes: &[String], now: Timestamp) -> Issued {
        let Session { start_url, ends_at, .. } = &self.sessions[session];
        let expires_at = if scopes.is_empty() {
            now.after(LEGACY_LIFE)
        } else {
            now.after(self.options.token_life).min(*ends_at)
        };
        let access_token = self.random.access_token();
        // Dead ones are known for a while, so that the journal can tell whose they were.
        self.access.retain(|_, old| old.expires_at.after(self.options.token_life) > now);
        self.access.insert(access_token.clone(), Access { session, expires_at });
        Issued { access_token, expires_at, refresh_token: None, start_url: start_url.clone() }
    }

    fn issue_refresh(&mut self, session: usize, client: &Client, scopes: Vec<String>) -> String {
        let token = self.random.refresh_token();
        let client_id = client.id.clone();
        self.refresh.insert(token.clone(), Refresh { session, client_id, scopes });
        token
    }

    /// Whether the session goes on; else its start URL.
    fn alive(&self, session: usize, now: Timestamp) -> Result<(), String> {
        let Session { start_url, ends_at, ended } = &self.sessions[session];
        if *ended || *ends_at <= now { Err(start_url.clone()) } else { Ok(()) }
    }
}

/// Whether two start URLs lead to one portal: some are written with a final `/` or `#/`.
fn same_portal(one: &str, other: &str) -> bool {
    one.trim_end_matches(['/', '#']) == other.trim_end_matches(['/', '#'])
}
