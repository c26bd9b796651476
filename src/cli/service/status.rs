//! `service status`: how the service manager has the service, and how the sessions are.

use anstyle::Style;
use serde::Serialize;

use super::manager::Manager;
use crate::{
    api::{VERSION, client},
    cli::{
        context::Context,
        exit::{self, Failure},
        out,
        palette::{SOON, WELL, WRONG},
        status::Overview,
        table::readable_width,
        wrap::painted,
    },
    config::paths::Paths,
    service::{Activity, State, systemd::UNMASK},
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
    let width = readable_width();
    out::text(&text(&state, &context.paths, width))?;
    let (overview, code) = sessions(&state, context).await?;
    if let Some(overview) = overview {
        // One that comes up meanwhile is the service's.
        if let Some(pid) = overview.daemon_pid().filter(|_| state.is_down()) {
            let line =
                format!("sso-refresh runs outside of the service (process {pid}): `kill {pid}` ends it.");
            out::text(&painted(&line, SOON, width))?;
        }
        out::text(&format!("\n{}", overview.text(context.clock.now(), width)))?;
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

/// What people read of it, in lines of `width` columns.
fn text(state: &State, paths: &Paths, width: usize) -> String {
    lines(state, paths).iter().map(|(style, line)| painted(line, *style, width)).collect()
}

fn lines(state: &State, paths: &Paths) -> Vec<(Style, String)> {
    if state.masked {
        let line = format!("The service is masked, so that nothing can start it: `{UNMASK}` ends that.");
        return vec![(WRONG, line)];
    }
    if !state.loaded {
        let line = "The service is not installed: `sso-refresh service install` does that.";
        return vec![(WRONG, line.to_owned())];
    }
    let process = state.pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
    let result = state.result.as_ref().map(|result| format!(" ({result})")).unwrap_or_default();
    let asked = if state.listening { " until a program asks for a token" } else { "" };
    let mut lines = vec![match state.activity {
        Activity::Running => (WELL, format!("The service runs{process}.")),
        Activity::Changing => (SOON, format!("The service is starting or stopping{process}.")),
        Activity::Stopped => {
            let style = if state.listening { SOON } else { WRONG };
            (style, format!("The service is stopped{asked}: `sso-refresh service start` starts it."))
        }
        Activity::Failed => (
            WRONG,
            format!(
                "The service has failed{result}: `sso-refresh service logs` tells why, and \
                 `sso-refresh service start` starts it again."
            ),
        ),
    }];
    let file = state.file.as_ref().map(|file| format!(" ({})", paths.show(file))).unwrap_or_default();
    lines.push(if state.enabled {
        (Style::new(), format!("It starts with your session{file}."))
    } else {
        let line =
            format!("It does not start with your session{file}: `sso-refresh service install` changes that.");
        (SOON, line)
    });
    if state.stale {
        let line = "Its files have changed since: `sso-refresh service install` takes that up.";
        lines.push((SOON, line.to_owned()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::sheet::sheet, config::environment::Environment};

    #[test]
    fn how_the_service_is_fits_a_terminal_and_has_its_colour() {
        let paths = Paths::resolve(&Environment::from_pairs([("HOME", "/home/me")]), None).unwrap();
        let of = |activity| State {
            loaded: true,
            masked: false,
            enabled: true,
            activity,
            pid: None,
            result: None,
            file: Some("/home/me/.config/systemd/user/sso-refresh.service".into()),
            stale: false,
            watchdog: None,
            listening: false,
        };
        let states = [
            State { pid: Some(4711), ..of(Activity::Running) },
            State { pid: Some(4711), enabled: false, stale: true, ..of(Activity::Changing) },
            State { listening: true, ..of(Activity::Stopped) },
            of(Activity::Stopped),
            State { result: Some("exit-code".into()), ..of(Activity::Failed) },
            State { loaded: false, ..of(Activity::Stopped) },
            State { loaded: false, masked: true, ..of(Activity::Stopped) },
        ];
        let all = |width| states.iter().map(|state| text(state, &paths, width) + "\n").collect();
        insta::assert_snapshot!(sheet(all), @r"
        ── 80 columns
        The service runs (process 4711).
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        The service is starting or stopping (process 4711).
        It does not start with your session
        (~/.config/systemd/user/sso-refresh.service): `sso-refresh service install`
        changes that.
        Its files have changed since: `sso-refresh service install` takes that up.

        The service is stopped until a program asks for a token:
        `sso-refresh service start` starts it.
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        The service is stopped: `sso-refresh service start` starts it.
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        The service has failed (exit-code): `sso-refresh service logs` tells why, and
        `sso-refresh service start` starts it again.
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        The service is not installed: `sso-refresh service install` does that.

        The service is masked, so that nothing can start it:
        `systemctl --user unmask sso-refresh.service sso-refresh.socket` ends that.


        ── in colour
        ^[32mThe service runs (process 4711).^[0m
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        ^[33mThe service is starting or stopping (process 4711).^[0m
        ^[33mIt does not start with your session^[0m
        ^[33m(~/.config/systemd/user/sso-refresh.service): `sso-refresh service install`^[0m
        ^[33mchanges that.^[0m
        ^[33mIts files have changed since: `sso-refresh service install` takes that up.^[0m

        ^[33mThe service is stopped until a program asks for a token:^[0m
        ^[33m`sso-refresh service start` starts it.^[0m
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        ^[31mThe service is stopped: `sso-refresh service start` starts it.^[0m
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        ^[31mThe service has failed (exit-code): `sso-refresh service logs` tells why, and^[0m
        ^[31m`sso-refresh service start` starts it again.^[0m
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        ^[31mThe service is not installed: `sso-refresh service install` does that.^[0m

        ^[31mThe service is masked, so that nothing can start it:^[0m
        ^[31m`systemctl --user unmask sso-refresh.service sso-refresh.socket` ends that.^[0m


        ── 140 columns
        The service runs (process 4711).
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        The service is starting or stopping (process 4711).
        It does not start with your session (~/.config/systemd/user/sso-refresh.service): `sso-refresh service install` changes that.
        Its files have changed since: `sso-refresh service install` takes that up.

        The service is stopped until a program asks for a token: `sso-refresh service start` starts it.
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        The service is stopped: `sso-refresh service start` starts it.
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        The service has failed (exit-code): `sso-refresh service logs` tells why, and `sso-refresh service start` starts it again.
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        The service is not installed: `sso-refresh service install` does that.

        The service is masked, so that nothing can start it: `systemctl --user unmask sso-refresh.service sso-refresh.socket` ends that.


        ── in colour
        ^[32mThe service runs (process 4711).^[0m
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        ^[33mThe service is starting or stopping (process 4711).^[0m
        ^[33mIt does not start with your session (~/.config/systemd/user/sso-refresh.service): `sso-refresh service install` changes that.^[0m
        ^[33mIts files have changed since: `sso-refresh service install` takes that up.^[0m

        ^[33mThe service is stopped until a program asks for a token: `sso-refresh service start` starts it.^[0m
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        ^[31mThe service is stopped: `sso-refresh service start` starts it.^[0m
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        ^[31mThe service has failed (exit-code): `sso-refresh service logs` tells why, and `sso-refresh service start` starts it again.^[0m
        It starts with your session (~/.config/systemd/user/sso-refresh.service).

        ^[31mThe service is not installed: `sso-refresh service install` does that.^[0m

        ^[31mThe service is masked, so that nothing can start it: `systemctl --user unmask sso-refresh.service sso-refresh.socket` ends that.^[0m
        ");
    }
}
