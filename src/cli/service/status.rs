//! `service status`: how the service manager has the service, and how the sessions are.

use serde::Serialize;

use super::manager::Manager;
use crate::{
    api::{VERSION, client},
    cli::{
        context::Context,
        exit::{self, Failure},
        out,
        status::Overview,
        table::readable_width,
    },
    config::paths::Paths,
    service::{Activity, State},
};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 the service runs and every session is usable, 4 it does not run, 3 a session needs a \
                        sign-in, 5 one is not usable now."
)]
pub(in crate::cli) struct Args {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    service: Service<'a>,
    /// What `sso-refresh status --json` prints; none where the sessions can't be shown, which standard error explains.
    status: Option<Overview>,
}

#[derive(Serialize)]
struct Service<'a> {
    installed: bool,
    enabled: bool,
    state: &'static str,
    pid: Option<u32>,
    /// Why it does not run, in the service manager's word.
    result: Option<&'a str>,
    file: Option<String>,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    let manager = Manager::reach(context).await?;
    if !args.json {
        return show(&manager, context).await;
    }
    let state = manager.state().await?;
    let (status, code) = sessions(&state, context).await?;
    let service = Service {
        installed: state.loaded,
        enabled: state.enabled,
        state: word(state.activity),
        pid: state.pid,
        result: state.result.as_deref(),
        file: state.file.as_ref().map(|file| file.display().to_string()),
    };
    out::json(&Report { version: VERSION, service, status })?;
    Ok(code)
}

/// Shows both to people.
pub(super) async fn show(manager: &Manager, context: &Context) -> Result<u8, Failure> {
    let state = manager.state().await?;
    for line in lines(&state, &context.paths) {
        out::line(&line)?;
    }
    let (overview, code) = sessions(&state, context).await?;
    if let Some(overview) = overview {
        // One that comes up meanwhile is the service's.
        if let Some(pid) = overview.daemon_pid().filter(|_| state.is_down()) {
            out::line(&format!(
                "sso-refresh runs outside of the service (process {pid}): `kill {pid}` ends it."
            ))?;
        }
        out::text(&format!("\n{}", overview.text(context.clock.now(), readable_width())))?;
    }
    Ok(code)
}

/// How the sessions are, and the exit code. That a service is down is the news, whatever keeps the sessions from being
/// shown.
async fn sessions(state: &State, context: &Context) -> Result<(Option<Overview>, u8), Failure> {
    match overview(state, context).await {
        Ok(overview) => {
            let code = code(state, &overview);
            Ok((Some(overview), code))
        }
        Err(failure) if state.activity == Activity::Running => Err(failure),
        Err(failure) => {
            failure.say();
            Ok((None, exit::NO_DAEMON))
        }
    }
}

/// A service that is down is not asked: its socket would start it.
async fn overview(state: &State, context: &Context) -> Result<Overview, Failure> {
    let answer =
        if state.would_be_woken() { Err(client::Error::NotRunning) } else { context.client().status().await };
    Overview::gather(None, context, answer).await
}

fn code(state: &State, overview: &Overview) -> u8 {
    match state.activity {
        Activity::Running => overview.code(),
        Activity::Stopped | Activity::Changing | Activity::Failed => exit::NO_DAEMON,
    }
}

fn word(activity: Activity) -> &'static str {
    match activity {
        Activity::Running => "running",
        Activity::Stopped => "stopped",
        Activity::Changing => "changing",
        Activity::Failed => "failed",
    }
}

fn lines(state: &State, paths: &Paths) -> Vec<String> {
    if !state.loaded {
        return vec!["The service is not installed: `sso-refresh service install` does that.".to_owned()];
    }
    let process = state.pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
    let result = state.result.as_ref().map(|result| format!(" ({result})")).unwrap_or_default();
    let asked = if state.listening { " until a program asks for a token" } else { "" };
    let mut lines = vec![match state.activity {
        Activity::Running => format!("The service runs{process}."),
        Activity::Changing => format!("The service is starting or stopping{process}."),
        Activity::Stopped => {
            format!("The service is stopped{asked}: `sso-refresh service start` starts it.")
        }
        Activity::Failed => format!(
            "The service has failed{result}: `sso-refresh service logs` tells why, and `sso-refresh service start` \
             starts it again."
        ),
    }];
    let file = state.file.as_ref().map(|file| format!(" ({})", paths.show(file))).unwrap_or_default();
    lines.push(if state.enabled {
        format!("It starts with your session{file}.")
    } else {
        format!("It does not start with your session{file}: `sso-refresh service install` changes that.")
    });
    if state.stale {
        lines.push("Its files have changed since: `sso-refresh service install` takes that up.".to_owned());
    }
    lines
}
