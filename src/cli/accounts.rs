//! `sso-refresh accounts`: the accounts that a session may use.

use serde::Serialize;

use super::{
    context::Context,
    exit::{self, Failure},
    listing::{Progress, Wanted, listed, table},
    out,
    table::terminal_width,
};
use crate::api::VERSION;

#[derive(Serialize)]
struct Printed<'a> {
    version: u32,
    session: &'a str,
    accounts: Vec<Account>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    #[serde(rename = "accountId")]
    id: String,
    #[serde(rename = "accountName")]
    name: String,
    email_address: String,
}

pub(super) fn run(wanted: &Wanted, context: &Context, quiet: bool) -> Result<u8, Failure> {
    let session = context.session(wanted.session.as_deref())?;
    let progress = Progress::new(quiet);
    let listed = listed(context, session, "the accounts", &async |portal, token| {
        portal.accounts(token, |number| progress.tell(format_args!("{number} accounts"))).await
    })?;
    drop(progress);
    let mut accounts: Vec<Account> = listed
        .into_iter()
        .map(|it| Account { id: it.id, name: it.name, email_address: it.email_address })
        .collect();
    accounts.sort_by_cached_key(|account| (account.name.to_lowercase(), account.id.clone()));
    if wanted.json {
        out::json(&Printed { version: VERSION, session: &session.name, accounts })?;
    } else {
        let rows = accounts.into_iter().map(|it| [it.id, it.name, it.email_address]);
        out::text(&table(["ACCOUNT", "NAME", "EMAIL"], rows).text(terminal_width()))?;
    }
    Ok(exit::DONE)
}
