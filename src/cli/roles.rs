//! `sso-refresh roles`: the roles that a session may use in an account.

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
    /// The account; `sso-refresh accounts` lists them
    #[arg(long, value_name = "ID")]
    account: String,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
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
    let session = context.session(args.session.as_deref())?;
    let portal = context.exchanger()?.portal(session)?;
    let mut names = block_on(async {
        let mut access = Access::new(context, session, Some(context.client()));
        let listed = with_token(&mut access, format_args!("the account {}", args.account), |token| {
            let portal = portal.clone();
            async move {
                let progress = Progress::of("roles", quiet);
                portal.roles(&token, &args.account, |number| progress.tell(number)).await
            }
        })
        .await;
        access.close().await;
        listed
    })?;
    names.sort();
    if args.json {
        let roles = names.into_iter().map(|role_name| Role { role_name }).collect();
        out::json(&Printed { version: VERSION, session: &session.name, account_id: &args.account, roles })?;
    } else {
        out::text(&table(["ROLE"], names.into_iter().map(|name| [name])))?;
    }
    Ok(exit::DONE)
}
