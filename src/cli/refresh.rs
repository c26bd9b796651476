//! `sso-refresh refresh`: refreshes now.

use serde::Serialize;

use super::{
    context::{Context, Selection, block_on},
    direct::{self, Direct},
    exit::{self, Failure},
    out,
};
use crate::{
    api::{
        VERSION,
        client::{self, Client},
    },
    config::SessionSettings,
    session::status::Status,
};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The daemon refreshes by itself; this is for a token that must last from now on.\n\n  \
                        sso-refresh refresh work\n  \
                        sso-refresh refresh --all --json | jq -r '.sessions[].state'\n\n\
                        Exit codes: 3 a sign-in is needed, 5 try again later."
)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Print a JSON object with the state of each session after its refresh
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Printed {
    version: u32,
    sessions: Vec<Status>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    let sessions = context.sessions(&args.selection)?;
    block_on(async {
        let (mut codes, mut refreshed) = (Vec::new(), Vec::new());
        let mut daemon = Some(context.client());
        for session in sessions {
            match refresh(session, context, &mut daemon).await {
                Ok((status, direct)) => {
                    let said = if args.json { Ok(()) } else { out::line(&line(&status)) };
                    if let Some(direct) = direct {
                        direct.close().await;
                    }
                    said?;
                    refreshed.push(status);
                }
                Err(failure) => {
                    failure.say();
                    codes.push(failure.code());
                }
            }
        }
        if args.json {
            out::json(&Printed { version: VERSION, sessions: refreshed })?;
        }
        Ok(exit::worst(codes))
    })
}

/// Refreshes, and gives what is to be closed once that was said. A `daemon` that is not well is not asked a second
/// time.
async fn refresh<'a>(
    session: &'a SessionSettings,
    context: &Context,
    daemon: &mut Option<Client>,
) -> Result<(Status, Option<Direct<'a>>), Failure> {
    if let Some(client) = daemon {
        match client.refresh(&session.name).await {
            Ok(status) => return Ok((status, None)),
            Err(error) => {
                if !matches!(error, client::Error::Refused(_)) {
                    *daemon = None;
                }
                direct::is_called_for(Some(&session.name), error)?;
            }
        }
    }
    let mut direct = Direct::open(context, session).await?;
    match direct.refresh().await {
        Ok(status) => Ok((status, Some(direct))),
        Err(refusal) => {
            direct.close().await;
            Err(Failure::of(&session.name, refusal))
        }
    }
}

fn line(status: &Status) -> String {
    match status.expires_at {
        Some(at) => format!("{}: refreshed, good until {at}", status.session),
        None => format!("{}: {}", status.session, status.state.word()),
    }
}
