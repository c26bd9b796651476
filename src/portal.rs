//! [`Client`] of the portal (`sso/2019-06-10/service-2.json`): role credentials, accounts, roles, logout.
//!
//! Requests are unsigned; the access token says whose they are. The portal throttles who asks more than some twenty
//! times a second, so pages are asked for one after the other with a pause between them, and a 429 is tried again with
//! patience.

pub mod error;

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, de};

pub use self::error::{Error, Verdict};
use crate::{
    http::{self, Answer},
    session::{
        role::{Role, RoleCredentials},
        token::Secret,
    },
    time::Timestamp,
};

/// How the portal learns whose request it is.
const TOKEN_HEADER: &str = "x-amz-sso_bearer_token";

/// The least time between two requests of one who asks much: 16 a second.
pub const SPACING: Duration = Duration::from_millis(60);

/// How often a request that was throttled is tried again: 40 s at most in all.
const RETRIES: u32 = 5;
/// How long after the first time; twice as long after each other one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, whatever the server asks for: whoever waits is told rather than kept.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The most that a page may have (`MaxResultType`).
const PAGE: u32 = 100;
/// The most pages of a listing: more accounts than any organization of AWS may have.
const PAGES: usize = 1000;

/// The portal at one base URL.
#[derive(Clone, Debug)]
pub struct Client {
    http: http::Client,
    base_url: String,
}

/// How a logout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logout {
    /// The session was ended.
    Ended,
    /// The portal does not know the token (any more).
    AlreadyOver,
}

/// An account that the user may use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// `accountId`.
    #[serde(rename = "accountId")]
    pub id: String,
    /// `accountName`, as an administrator wrote it; empty where there is none.
    #[serde(rename = "accountName", default)]
    pub name: String,
    /// `emailAddress` of its owner; empty where there is none.
    #[serde(default)]
    pub email_address: String,
}

impl Client {
    /// `base_url` is the portal of the session's region, or the user's own.
    pub fn new(http: http::Client, base_url: &str) -> Self {
        Self { http, base_url: base_url.trim_end_matches('/').to_owned() }
    }

    /// `GetRoleCredentials`.
    pub async fn role_credentials(&self, token: &Secret, role: &Role) -> Result<RoleCredentials, Error> {
        let query = [("role_name", role.name.as_str()), ("account_id", &role.account)];
        let answer = self.get("GetRoleCredentials", "/federation/credentials", &query, token).await?;
        let CredentialsResponse { role_credentials: given } = success(&answer)?;
        let parts = [&given.access_key_id, given.secret_access_key.expose(), given.session_token.expose()];
        if !parts.into_iter().all(is_usable) {
            return Err(Error::of_nonsense(&answer));
        }
        Ok(RoleCredentials {
            account: role.account.clone(),
            access_key_id: given.access_key_id,
            secret_access_key: given.secret_access_key,
            session_token: given.session_token,
            expires_at: Timestamp::from_millis(given.expiration),
        })
    }

    /// `ListAccounts`, all pages. `progress` is told how many there are after each page but the last.
    pub async fn accounts(&self, token: &Secret, progress: impl Fn(usize)) -> Result<Vec<Account>, Error> {
        self.list::<AccountsResponse>("ListAccounts", "/assignment/accounts", &[], token, progress).await
    }

    /// `ListAccountRoles` of the account of that id, all pages: the names. `progress` as of [`Self::accounts`].
    pub async fn roles(
        &self,
        token: &Secret,
        account: &str,
        progress: impl Fn(usize),
    ) -> Result<Vec<String>, Error> {
        let query = [("account_id", account)];
        self.list::<RolesResponse>("ListAccountRoles", "/assignment/roles", &query, token, progress).await
    }

    /// All accounts, each with its roles. `progress` is told of how many accounts the roles are known, and how many
    /// accounts there are so far.
    pub async fn assignments(
        &self,
        token: &Secret,
        progress: impl Fn(usize, usize),
    ) -> Result<Vec<(Account, Vec<String>)>, Error> {
        let accounts = self.accounts(token, |number| progress(0, number)).await?;
        let number = accounts.len();
        let mut assignments = Vec::with_capacity(number);
        for account in accounts {
            tokio::time::sleep(SPACING).await;
            let roles = self.roles(token, &account.id, |_| {}).await?;
            assignments.push((account, roles));
            progress(assignments.len(), number);
        }
        Ok(assignments)
    }

    /// Whether the portal is there: who has no token is refused as only it does.
    pub async fn reach(&self) -> Result<(), Error> {
        let answer =
            self.http.get(&format!("{}/assignment/accounts?max_result=1", self.base_url), &[]).await?;
        match Error::of_failure(&answer) {
            Error::Service { status: 400..500, .. } => Ok(()),
            error => Err(error),
        }
    }

    /// `Logout`: ends the session of `token` at the server. Role credentials that were handed out live on.
    pub async fn logout(&self, token: &Secret) -> Result<Logout, Error> {
        let url = format!("{}/logout", self.base_url);
        let answer = self.http.post_empty(&url, &[(TOKEN_HEADER, token)]).await?;
        tracing::debug!("Logout: {} answered {}", answer.host, answer.status);
        if (200..300).contains(&answer.status) && is_empty_success(&answer) {
            return Ok(Logout::Ended);
        }
        match Error::of_failure(&answer) {
            Error::Service { exception, status: 401, .. } if exception == "UnauthorizedException" => {
                Ok(Logout::AlreadyOver)
            }
            error => Err(error),
        }
    }

    /// All pages of a listing.
    async fn list<P: Page>(
        &self,
        operation: &str,
        path: &str,
        query: &[(&str, &str)],
        token: &Secret,
        progress: impl Fn(usize),
    ) -> Result<Vec<P::Item>, Error> {
        let size = PAGE.to_string();
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        for page in 1.. {
            let mut query = query.to_vec();
            query.push(("max_result", &size));
            query.extend(next.as_deref().map(|next| ("next_token", next)));
            let answer = self.get(operation, path, &query, token).await?;
            let (listed, token) = success::<P>(&answer)?.parts();
            items.extend(listed);
            next = token.filter(|next| !next.is_empty());
            if next.is_none() {
                break;
            }
            // A part must not be taken for the whole.
            if page == PAGES {
                return Err(Error::of_nonsense(&answer));
            }
            progress(items.len());
            tokio::time::sleep(SPACING).await;
        }
        Ok(items)
    }

    /// A successful answer. One who is throttled comes back a little later.
    async fn get(
        &self,
        operation: &str,
        path: &str,
        query: &[(&str, &str)],
        token: &Secret,
    ) -> Result<Answer, Error> {
        let query: Vec<String> = query
            .iter()
            .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        let url = format!("{}{path}?{}", self.base_url, query.join("&"));
        let mut tries = 0;
        loop {
            let result = self.http.get(&url, &[(TOKEN_HEADER, token)]).await;
            match &result {
                Ok(Answer { host, status, .. }) => tracing::debug!("{operation}: {host} answered {status}"),
                Err(error) => tracing::debug!("{operation}: no answer: {error}"),
            }
            let answer = result?;
            if (200..300).contains(&answer.status) {
                return Ok(answer);
            }
            let error = Error::of_failure(&answer);
            if !error.is_throttled() || tries == RETRIES {
                return Err(error);
            }
            let pause = pause(tries, answer.retry_after, fastrand::f64());
            tries += 1;
            tracing::debug!("{operation}: asked too often; it is tried again in {} ms", pause.as_millis());
            tokio::time::sleep(pause).await;
        }
    }
}

/// How long to wait after `tries` retries: as the server asks, else exponentially longer, of which the second half is
/// as `random` (0..1) has it. Those who were throttled together do not come back together.
fn pause(tries: u32, asked: Option<Duration>, random: f64) -> Duration {
    let own = || (FIRST_PAUSE * 2_u32.saturating_pow(tries)).mul_f64(random.mul_add(0.5, 0.5));
    asked.unwrap_or_else(own).min(LONGEST_PAUSE)
}

fn success<T: de::DeserializeOwned>(answer: &Answer) -> Result<T, Error> {
    answer.body.json_object().ok_or_else(|| Error::of_nonsense(answer))
}

fn is_empty_success(answer: &Answer) -> bool {
    matches!(answer.body.bytes().trim_ascii(), b"" | b"{}" | b"null")
}

/// Printable ASCII without a blank: anything else could be sent in no header.
fn is_usable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialsResponse {
    role_credentials: GivenCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenCredentials {
    access_key_id: String,
    secret_access_key: Secret,
    session_token: Secret,
    /// Milliseconds since the Unix epoch.
    expiration: i64,
}

/// A page of a listing. One without its list is none: what is not listed is taken for gone.
trait Page: de::DeserializeOwned {
    type Item;

    /// The list, and where the next page begins.
    fn parts(self) -> (Vec<Self::Item>, Option<String>);
}

impl Page for AccountsResponse {
    type Item = Account;

    fn parts(self) -> (Vec<Account>, Option<String>) {
        (self.account_list, self.next_token)
    }
}

impl Page for RolesResponse {
    type Item = String;

    fn parts(self) -> (Vec<String>, Option<String>) {
        (self.role_list.into_iter().map(|role| role.role_name).collect(), self.next_token)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountsResponse {
    account_list: Vec<Account>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RolesResponse {
    role_list: Vec<GivenRole>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenRole {
    role_name: String,
}

#[cfg(test)]
mod tests;
