//! `sso-refresh refresh`: refreshes now.

use serde::Serialize;

use super::{
    context::{Context, Selection, block_on},
    direct::{self, Direct},
    exit::{self, Failure},
    out,
};
use crate::{api::VERSION, config::SessionSettings, session::status::Status};

/// What the command takes.
#[derive(Debug, clap::Args)]
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
        for session in sessions {
            match refresh(session, context).await {
                Ok(status) => {
                    if !args.json {
                        out::line(&line(&status))?;
                    }
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

async fn refresh(session: &SessionSettings, context: &Context) -> Result<Status, Failure> {
    match context.client().refresh(&session.name).await {
        Ok(status) => return Ok(status),
        Err(error) => direct::is_called_for(Some(&session.name), error)?,
    }
    let mut direct = Direct::open(context, session).await?;
    let refreshed = direct.refresh().await;
    direct.close().await;
    refreshed.map_err(|refusal| Failure::of(&session.name, refusal))
}

fn line(status: &Status) -> String {
    match status.expires_at {
        Some(at) => format!("{}: refreshed, good until {at}", status.session),
        None => format!("{}: {}", status.session, status.state.word()),
    }
}
