//! `sso-refresh service …`: the daemon under systemd or launchd, by the same verbs.

pub(super) mod changes;
mod install;
mod logs;
pub(super) mod manager;
mod status;
mod uninstall;

use self::manager::Manager;
use super::{
    context::{Context, block_on},
    exit::{self, Failure},
    out, reload,
};
use crate::service::{Activity, Verb, systemd::UNMASK};

/// What is to be done with it.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Install the service, and start it now and with each of your sessions
    Install(install::Args),
    /// Stop it and take it away; your configuration and sign-ins stay
    Uninstall(uninstall::Args),
    /// Start it
    Start,
    /// Stop it, until it is started or your session begins again
    Stop,
    /// Stop it and start it
    Restart,
    /// Make it load its configuration again, and say whether it does
    Reload,
    /// Show how it and the sessions are
    Status(status::Args),
    /// Show its log
    Logs(logs::Args),
}

pub(super) fn run(command: &Command, context: &Context) -> Result<u8, Failure> {
    match command {
        Command::Install(args) => block_on(install::run(args, context)),
        Command::Uninstall(args) => block_on(uninstall::run(args, context)),
        Command::Start => block_on(control(Verb::Start, context)),
        Command::Stop => block_on(control(Verb::Stop, context)),
        Command::Restart => block_on(control(Verb::Restart, context)),
        // The service managers' own way says that it failed, and not why.
        Command::Reload => reload::run(context),
        Command::Status(args) => block_on(status::run(args, context)),
        Command::Logs(args) => block_on(logs::run(args, context)),
    }
}

async fn control(verb: Verb, context: &Context) -> Result<u8, Failure> {
    let manager = Manager::reach(context).await?;
    let state = manager.state().await?;
    let installed = state.loaded || manager.file().is_some();
    match verb {
        Verb::Stop if !installed => {
            out::line("The service is not installed.")?;
            return Ok(exit::DONE);
        }
        Verb::Start | Verb::Restart if state.masked => {
            let line = format!("the service is masked, so that nothing can start it: `{UNMASK}` ends that");
            return Err(Failure::new(exit::FAILED, line));
        }
        Verb::Start | Verb::Restart if !installed => {
            let line = "the service is not installed: `sso-refresh service install` does that";
            return Err(Failure::new(exit::FAILED, line));
        }
        Verb::Start | Verb::Restart => {
            // With a mistake in it the daemon would not start, and the one that runs would be lost.
            context.settings()?;
            manager::nobody_else(context, &state).await?;
        }
        Verb::Stop => {}
    }
    for command in manager.control(verb, &state) {
        manager::run(&command).await?;
    }
    let state = manager.state().await?;
    let process = state.pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
    out::line(&match state.activity {
        Activity::Running => format!("The service runs{process}."),
        Activity::Changing => format!("The service is starting or stopping{process}."),
        Activity::Stopped | Activity::Failed => "The service is stopped.".to_owned(),
    })?;
    Ok(exit::DONE)
}
