//! `sso-refresh token`: prints an access token and nothing else.

use std::time::Duration;

use serde::Serialize;

use super::{
    context::{Context, block_on},
    direct::{self, Direct},
    exit::{self, Failure},
    out,
};
use crate::{
    api::{IssuedToken, VERSION},
    config::file::duration,
    session::token::Secret,
    time::Timestamp,
};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing but the token goes to standard output. So that it is in no list of processes:\n\n  \
                        sso-refresh token --header | curl --header @- https://..."
)]
pub(super) struct Args {
    /// The session; without it the only one, else `default_session`, else the one of `AWS_PROFILE`
    session: Option<String>,
    /// How long the token must be good; one that is not is refreshed first
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::parse)]
    min_validity: Duration,
    /// Print a JSON object with the token and its end
    #[arg(long)]
    json: bool,
    /// Print it as an HTTP header: `Authorization: Bearer …`
    #[arg(long, conflicts_with = "json")]
    header: bool,
}

/// The same object as the API's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    version: u32,
    session: &'a str,
    #[serde(serialize_with = "Secret::reveal")]
    access_token: Secret,
    token_type: &'static str,
    expires_at: Timestamp,
    expires_in: u64,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    block_on(async {
        if let Some(issued) = ask(args, context).await? {
            return print(args, context, &issued);
        }
        let session = context.session(args.session.as_deref())?;
        let mut direct = Direct::open(context, session).await?;
        let issued = direct.token(args.min_validity).await;
        let printed = match issued {
            Ok(issued) => print(args, context, &issued),
            Err(refusal) => Err(Failure::of(&session.name, refusal)),
        };
        direct.close().await;
        printed
    })
}

/// Asks the daemon; nothing where it has to be done without. Where the configuration on disk can't be read, the
/// daemon still has its own, and knows its own default.
async fn ask(args: &Args, context: &Context) -> Result<Option<IssuedToken>, Failure> {
    let given = args.session.as_deref();
    let named = match context.config_error() {
        Some(_) => given,
        None => Some(context.session(given)?.name.as_str()),
    };
    match context.client().token(named, args.min_validity).await {
        Ok(issued) => Ok(Some(issued)),
        Err(error) => direct::is_called_for(named, error).map(|()| None),
    }
}

fn print(args: &Args, context: &Context, issued: &IssuedToken) -> Result<u8, Failure> {
    let IssuedToken { session, access_token, expires_at } = issued;
    if args.json {
        out::json(&Printed {
            version: VERSION,
            session,
            access_token: access_token.clone(),
            token_type: "Bearer",
            expires_at: *expires_at,
            expires_in: expires_at.since(context.clock.now()).as_secs(),
        })?;
    } else {
        out::secret(if args.header { "Authorization: Bearer " } else { "" }, access_token)?;
    }
    Ok(exit::DONE)
}
