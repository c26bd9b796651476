//! `GetRoleCredentials`, `ListAccounts`, `ListAccountRoles` and Logout (`sso/2019-06-10/service-2.json`).

use std::ops::Range;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    exception::{Exception, Refusal},
    state::State,
    wire::{Ask, Reply},
};
use crate::time::Timestamp;

/// `GET /federation/credentials`
pub(super) fn role_credentials(state: &mut State, ask: &Ask, now: Timestamp) -> Result<Reply, Refusal> {
    let (_, start_url) = authenticate(state, ask, now)?;
    let (Some(account), Some(role)) = (ask.query("account_id"), ask.query("role_name")) else {
        return Err(Refusal::request("account_id and role_name are required").of(&start_url));
    };
    let given = state.credentials(account, role, now).map_err(|refusal| refusal.of(&start_url))?;
    let reply = Reply::json(&json!({ "roleCredentials": {
        "accessKeyId": given.access_key_id,
        "secretAccessKey": given.secret_access_key,
        "sessionToken": given.session_token,
        "expiration": given.expires_at.millis(),
    }}));
    Ok(reply.of(&start_url))
}

/// `GET /assignment/accounts`
pub(super) fn accounts(state: &State, ask: &Ask, now: Timestamp) -> Result<Reply, Refusal> {
    let (_, start_url) = authenticate(state, ask, now)?;
    let all = state.options.accounts.iter().map(|account| {
        json!({ "accountId": account.id, "accountName": account.name, "emailAddress": account.email })
    });
    page("accountList", all.collect(), ask, &start_url)
}

/// `GET /assignment/roles`
pub(super) fn roles(state: &State, ask: &Ask, now: Timestamp) -> Result<Reply, Refusal> {
    let (_, start_url) = authenticate(state, ask, now)?;
    let Some(id) = ask.query("account_id") else {
        return Err(Refusal::request("account_id is required").of(&start_url));
    };
    let Some(account) = state.options.accounts.iter().find(|account| account.id == id) else {
        return Err(Refusal::new(Exception::Forbidden, "No access").of(&start_url));
    };
    let all = account.roles.iter().map(|role| json!({ "roleName": role, "accountId": account.id }));
    page("roleList", all.collect(), ask, &start_url)
}

/// `POST /logout`: the session's tokens die; its role credentials live on, as the model says.
pub(super) fn logout(state: &mut State, ask: &Ask, now: Timestamp) -> Result<Reply, Refusal> {
    let (session, start_url) = authenticate(state, ask, now)?;
    state.end(session);
    Ok(Reply::nothing().of(&start_url))
}

fn authenticate(state: &State, ask: &Ask, now: Timestamp) -> Result<(usize, String), Refusal> {
    state.authenticate(ask.header("x-amz-sso_bearer_token"), now)
}

/// The page of `all` that was asked for.
fn page(name: &str, all: Vec<Value>, ask: &Ask, start_url: &str) -> Result<Reply, Refusal> {
    let wanted = window(all.len(), ask.query("max_result"), ask.query("next_token"));
    let range = wanted.map_err(|refusal| refusal.of(start_url))?;
    let mut body = json!({});
    if range.end < all.len() {
        body["nextToken"] = json!(URL_SAFE_NO_PAD.encode(format!("from {}", range.end)));
    }
    body[name] = all.into_iter().skip(range.start).take(range.len()).collect();
    Ok(Reply::json(&body).of(start_url))
}

/// Which of `length` things a page has.
fn window(length: usize, size: Option<&str>, token: Option<&str>) -> Result<Range<usize>, Refusal> {
    let size = size.map_or(Some(MAX_RESULT), |text| text.parse().ok());
    let size = size.filter(|size| (1..=MAX_RESULT).contains(size));
    let size = size.ok_or(Refusal::request("max_result is a number from 1 to 100"))?;
    let start = token.map_or(Some(0), offset).filter(|start| *start <= length);
    let start = start.ok_or(Refusal::request("next_token is invalid"))?;
    Ok(start..length.min(start + size))
}

fn offset(token: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("from ")?.parse().ok()
}

/// The most that a page may have (`MaxResultType`).
const MAX_RESULT: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_pages() {
        let two = URL_SAFE_NO_PAD.encode("from 2");
        for (length, size, token, expected) in [
            (3, None, None, Some(0..3)),
            (300, None, None, Some(0..100)),
            (3, Some("2"), None, Some(0..2)),
            (3, Some("2"), Some(two.as_str()), Some(2..3)),
            (2, Some("2"), Some(two.as_str()), Some(2..2)),
            (1, Some("2"), Some(two.as_str()), None),
            (3, Some("0"), None, None),
            (3, Some("101"), None, None),
            (3, Some("x"), None, None),
            (3, None, Some("!"), None),
        ] {
            assert_eq!(window(length, size, token).ok(), expected, "{length} {size:?} {token:?}");
        }
    }
}
