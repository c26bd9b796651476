//! `sso-refresh accounts`: the accounts that a session may use.

use serde::Serialize;

use super::{
    access::Access,
    context::{Context, block_on},
    exit::{self, Failure},
    listing::{Progress, table},
    out,
};
use crate::{api::VERSION, bearer::with_token};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The session; without it the only one, else `default_session`, else the one of `AWS_PROFILE`
    session: Option<String>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

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

pub(super) fn run(args: &Args, context: &Context, quiet: bool) -> Result<u8, Failure> {
    let session = context.session(args.session.as_deref())?;
    let portal = context.exchanger()?.portal(session)?;
    let listed = block_on(async {
        let mut access = Access::new(context, session, Some(context.client()));
        let listed = with_token(&mut access, "the accounts", |token| {
            let portal = portal.clone();
            async move {
                let progress = Progress::of("accounts", quiet);
                portal.accounts(&token, |number| progress.tell(number)).await
            }
        })
        .await;
        access.close().await;
        listed
    })?;
    let mut accounts: Vec<Account> = listed
        .into_iter()
        .map(|it| Account { id: it.id, name: it.name, email_address: it.email_address })
        .collect();
    accounts.sort_by_cached_key(|account| (account.name.to_lowercase(), account.id.clone()));
    if args.json {
        out::json(&Printed { version: VERSION, session: &session.name, accounts })?;
    } else {
        let rows = accounts.into_iter().map(|it| [it.id, it.name, it.email_address]);
        out::text(&table(["ACCOUNT", "NAME", "EMAIL"], rows))?;
    }
    Ok(exit::DONE)
}
