//! `sso-refresh logout`: ends the session at the server and deletes its token file.

use super::{
    context::{Context, Selection, block_on},
    exit::{self, Failure},
    out,
};
use crate::login::end::sign_out;

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The token file is that of the AWS CLI and the SDKs, so they are signed out too. Role credentials that \
                        a program has already outlive this until they end.\n\n  \
                        sso-refresh logout work\n  \
                        sso-refresh logout --all"
)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    let sessions = context.sessions(&args.selection)?;
    let exchanger = context.exchanger()?;
    block_on(async {
        let mut codes = Vec::new();
        for session in sessions {
            match sign_out(session, &exchanger).await {
                Ok(done) => out::line(&format!("{}: {done}", session.name))?,
                Err(error) => {
                    let failure = Failure::from(error);
                    failure.say();
                    codes.push(failure.code());
                }
            }
        }
        Ok(exit::worst(codes))
    })
}
