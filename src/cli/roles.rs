//! `sso-refresh roles`: the roles that a session may use in an account.

use serde::Serialize;

use super::{
    context::Context,
    exit::{self, Failure},
    listing::{Progress, Wanted, listed, table},
    out,
    table::terminal_width,
};
use crate::api::VERSION;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    wanted: Wanted,
    /// The account; `sso-refresh accounts` lists them
    #[arg(long, value_name = "ID")]
    account: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    version: u32,
    session: &'a str,
    account_id: &'a str,
    roles: Vec<Role>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    role_name: String,
}

pub(super) fn run(args: &Args, context: &Context, quiet: bool) -> Result<u8, Failure> {
    let Args { wanted, account } = args;
    let session = context.session(wanted.session.as_deref())?;
    let progress = Progress::new(quiet);
    let mut names =
        listed(context, session, format_args!("the account {account}"), &async |portal, token| {
            portal.roles(token, account, |number| progress.tell(format_args!("{number} roles"))).await
        })?;
    drop(progress);
    names.sort();
    if wanted.json {
        let roles = names.into_iter().map(|role_name| Role { role_name }).collect();
        out::json(&Printed { version: VERSION, session: &session.name, account_id: account, roles })?;
    } else {
        out::text(&table(["ROLE"], names.into_iter().map(|name| [name])).text(terminal_width()))?;
    }
    Ok(exit::DONE)
}
