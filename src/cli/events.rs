//! `sso-refresh events`: what the daemon tells, as it happens.

use futures_util::StreamExt;
use serde::Deserialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use super::{
    context::{Context, block_on},
    exit::{self, Failure},
    out,
};
use crate::{api::client::events::Next, platform::is_ignored};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Each line is a JSON object, and `event` in it says what happened. For people:\n\n  \
                        sso-refresh events | jq --unbuffered -r .message\n\n\
                        Exit codes: 4 the daemon is not running, 5 it has ended.")]
pub(super) struct Args {
    /// Only the events of these sessions; without any all events, those of the daemon among them
    sessions: Vec<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    for name in &args.sessions {
        // A daemon with its old settings may know a session that a broken file does not name.
        if context.config_error().is_none() {
            context.session(Some(name))?;
        }
    }
    block_on(async {
        let mut events = context.client().events().await?;
        let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal));
        let mut signals = Signals::new(wanted).map_err(|error| {
            Failure::new(exit::FAILED, format!("signals can't be waited for: {error}; close some programs"))
        })?;
        loop {
            let next = tokio::select! {
                Some(_) = signals.next() => return Ok(exit::DONE),
                next = events.next() => next?,
            };
            match next {
                Next::Event(json) if is_wanted(&json, &args.sessions) => out::line(&json)?,
                Next::Event(_) => {}
                Next::End(why) => return Err(ended(why.as_deref())),
            }
        }
    })
}

fn is_wanted(json: &str, sessions: &[String]) -> bool {
    #[derive(Deserialize)]
    struct Whose {
        session: Option<String>,
    }
    sessions.is_empty()
        || serde_json::from_str(json)
            .is_ok_and(|Whose { session }| session.is_some_and(|session| sessions.contains(&session)))
}

fn ended(why: Option<&str>) -> Failure {
    let why = why.unwrap_or("the daemon has gone");
    Failure::new(exit::TEMPORARY, format!("no more events, {why}: run `sso-refresh events` again"))
}
