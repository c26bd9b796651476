//! The daemon, and the service manager that is to keep it running.

use std::path::PathBuf;

use super::finding::{Check, Finding, Remedy, Topic};
use crate::{
    api::{DaemonInfo, client},
    service::{Activity, Standing, State, systemd::UNMASK},
};

const DAEMON: Check = Check("daemon");
const DAEMON_VERSION: Check = Check("daemon-version");
const DAEMON_CONFIG: Check = Check("daemon-config");
const ENDPOINT: Check = Check("endpoint");
const INSTALLED: Check = Check("service-installed");
const ENABLED: Check = Check("service-enabled");
const RUNNING: Check = Check("service-running");
const UNIT: Check = Check("service-version");
const WATCHDOG: Check = Check("watchdog");
const LINGER: Check = Check("linger");

const INSTALL: &str = "sso-refresh service install";
const INSTALL_ANYHOW: &str = "sso-refresh service install --force";
const START: &str = "sso-refresh service start";
const RESTART: &str = "sso-refresh service restart";

/// This program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What was seen.
#[derive(Debug)]
pub struct Facts<'a> {
    /// How the service manager has it, or why none answers.
    pub service: Result<Service<'a>, Silence>,
    /// What the daemon answers; none where to ask would start it, or might.
    pub daemon: Option<Result<&'a DaemonInfo, &'a client::Error>>,
    /// The configuration on disk can be read.
    pub config_is_valid: bool,
}

/// Why nothing is known of the service.
#[derive(Clone, Debug)]
pub enum Silence {
    /// No service manager can be asked; in words, with what to do instead.
    Unreachable(String),
    /// It was asked, and has said nothing for a second.
    Hung,
}

/// How a service manager has the service.
#[derive(Debug)]
pub struct Service<'a> {
    /// What it says.
    pub state: &'a State,
    /// Its main file, as far as it is known who wrote it.
    pub unit: Standing,
    /// The program that the file starts, where that is not there.
    pub missing_program: Option<PathBuf>,
    /// The service ends when the user signs out of a machine at which nobody sits; none where that is not known.
    pub ends_with_user: Option<bool>,
}

/// Whether tokens are refreshed without anybody's doing.
pub fn examine(facts: &Facts<'_>) -> Topic {
    let mut findings = vec![daemon(facts)];
    if let Some(Ok(daemon)) = facts.daemon {
        findings.extend([version(daemon, facts), config(daemon, facts)]);
        findings.extend(endpoint(daemon));
    }
    match &facts.service {
        Err(Silence::Unreachable(why)) => findings.push(INSTALLED.not_checked(why)),
        Err(Silence::Hung) => findings.push(hung()),
        Ok(service) if service.state.masked => findings.push(masked()),
        Ok(service) if !service.state.loaded => findings.push(not_installed()),
        Ok(service) => findings.extend(installed(service)),
    }
    let summary = match facts.daemon {
        Some(Ok(DaemonInfo { pid, .. })) => {
            format!("the daemon runs (process {pid}), and will be kept running")
        }
        _ => "as it should be".to_owned(),
    };
    Topic { name: "service", summary, findings }
}

fn is_installed(facts: &Facts<'_>) -> bool {
    facts.service.as_ref().is_ok_and(|service| service.state.loaded)
}

/// A command about the daemon, where the service manager has it.
fn by_service(facts: &Facts<'_>, command: &str, else_do: &str) -> Remedy {
    if is_installed(facts) { Remedy::run(command) } else { Remedy::act(else_do) }
}

fn daemon(facts: &Facts<'_>) -> Finding {
    let error = match facts.daemon {
        None => {
            return DAEMON.not_checked(match facts.service {
                Ok(_) => "the service is stopped, and to ask for the daemon would start it",
                Err(_) => "if the service is stopped, to ask for the daemon would start it",
            });
        }
        Some(Ok(daemon)) => return DAEMON.ok(format!("it runs (process {})", daemon.pid)),
        Some(Err(error)) => error,
    };
    let restart = || by_service(facts, RESTART, "end its process, and start `sso-refresh run` again");
    match error {
        client::Error::NotRunning => {
            let remedy = match &facts.service {
                Ok(service) if service.state.masked => Remedy::run(UNMASK),
                Ok(service) if service.state.loaded => start(service),
                Ok(_) => Remedy::run(INSTALL),
                Err(_) => Remedy::act(
                    "keep `sso-refresh run` open in a terminal, or have it started by what starts things here",
                ),
            };
            let finding = match &facts.service {
                Ok(service) if service.state.activity == Activity::Running => {
                    "the service runs, and nothing listens at its socket: no program can ask for a token"
                }
                _ => "no daemon runs: nothing is refreshed by itself",
            };
            DAEMON.failure(finding, remedy)
        }
        client::Error::Hung => DAEMON.failure("the daemon is there and does not answer", restart()),
        client::Error::NotOurs { path } | client::Error::Unreachable { path, .. } => DAEMON.failure(
            format!("the daemon's socket {} can't be used by you", path.display()),
            Remedy::act("set XDG_RUNTIME_DIR to a folder of your own, for the daemon too"),
        ),
        client::Error::Refused(refusal) => {
            DAEMON.failure(format!("the daemon refuses: {refusal}"), restart())
        }
        client::Error::Protocol(why) => {
            DAEMON.failure(format!("the daemon speaks another version than this program: {why}"), restart())
        }
    }
}

fn version(daemon: &DaemonInfo, facts: &Facts<'_>) -> Finding {
    if daemon.version == VERSION {
        return DAEMON_VERSION.ok(format!("it is version {VERSION}, as this program"));
    }
    let finding = format!("the daemon is version {}, and this program {VERSION}", daemon.version);
    let kill = format!("end it with `kill {}`, and start `sso-refresh run` again", daemon.pid);
    DAEMON_VERSION.warning(finding, by_service(facts, RESTART, &kill))
}

fn config(daemon: &DaemonInfo, facts: &Facts<'_>) -> Finding {
    let Some(error) = &daemon.config_error else {
        return DAEMON_CONFIG.ok("it goes by the configuration on disk, as far as it was told to");
    };
    let finding = format!("the daemon goes on with its old settings: {error}");
    let remedy = if facts.config_is_valid {
        Remedy::run("sso-refresh reload")
    } else {
        Remedy::act("mend the configuration, then run `sso-refresh reload`")
    };
    DAEMON_CONFIG.warning(finding, remedy)
}

fn endpoint(daemon: &DaemonInfo) -> Option<Finding> {
    let endpoint = daemon.endpoint.as_ref()?;
    Some(match &endpoint.error {
        None => ENDPOINT.ok(format!("it listens on {}", endpoint.address)),
        Some(error) => {
            let remedy = "end the program that has the port, or set another `address` in [listen] of config.toml; then run \
                          `sso-refresh reload`";
            // It says itself that the endpoint is not there.
            ENDPOINT.failure(error, Remedy::act(remedy))
        }
    })
}

fn hung() -> Finding {
    let remedy = "run `sso-refresh doctor` again when the machine has less to do; if it stays so, sign out of the machine \
                  and in again, or restart it";
    INSTALLED.warning("the service manager has not answered within a second", Remedy::act(remedy))
}

/// Its file is a link to nothing, which no installation replaces.
fn masked() -> Finding {
    INSTALLED.failure("the service is masked: nothing can start it", Remedy::run(UNMASK))
}

fn not_installed() -> Finding {
    let finding = "there is no service: a daemon ends with its terminal, and nothing starts it again";
    INSTALLED.warning(finding, Remedy::run(INSTALL))
}

fn installed(service: &Service<'_>) -> Vec<Finding> {
    let state = service.state;
    let mut findings = vec![
        INSTALLED.ok("it is installed"),
        if state.enabled {
            ENABLED.ok("it starts with your session")
        } else {
            ENABLED.warning("the service does not start with your session", Remedy::run(INSTALL))
        },
        running(service),
        unit(service),
    ];
    findings.extend(state.watchdog.map(|on| {
        if on {
            WATCHDOG.ok("a daemon that hangs is ended and started again")
        } else {
            let remedy = "run `systemctl --user edit sso-refresh` and add `WatchdogSec=5min` below [Service], or take away \
                          what turns it off there";
            WATCHDOG.warning("a daemon that hangs is left so: the unit has no watchdog", Remedy::act(remedy))
        }
    }));
    findings.push(match service.ends_with_user {
        Some(true) => {
            let finding = "the service ends when you sign out of this machine, at which nobody sits";
            LINGER.warning(finding, Remedy::run("loginctl enable-linger"))
        }
        Some(false) => LINGER.ok("it runs for as long as you need it"),
        None => LINGER.not_checked("`loginctl` has not answered within a second"),
    });
    findings
}

/// What starts it: nothing does before its program is there.
fn start(service: &Service<'_>) -> Remedy {
    match (&service.missing_program, &service.unit) {
        // A socket is not started below a service that runs.
        (None, _) if service.state.activity == Activity::Running => Remedy::run(RESTART),
        (None, _) => Remedy::run(START),
        // What somebody else has written is left alone without it.
        (Some(_), Standing::Edited | Standing::Foreign) => Remedy::run(INSTALL_ANYHOW),
        (Some(_), Standing::Ours { .. } | Standing::Same | Standing::Absent) => Remedy::run(INSTALL),
    }
}

fn running(service: &Service<'_>) -> Finding {
    let state = service.state;
    let why = state.result.as_ref().map(|result| format!(" ({result})")).unwrap_or_default();
    match state.activity {
        Activity::Running => RUNNING.ok("it runs"),
        Activity::Changing if service.missing_program.is_some() => {
            RUNNING.warning("the service is about to start or to end", start(service))
        }
        Activity::Changing => RUNNING
            .warning("the service is about to start or to end", Remedy::run("sso-refresh service status")),
        Activity::Stopped => RUNNING.failure("the service is stopped", start(service)),
        Activity::Failed if service.missing_program.is_some() => {
            RUNNING.failure(format!("the service has failed{why}"), start(service))
        }
        Activity::Failed => RUNNING.failure(
            format!("the service has failed{why}"),
            Remedy::act("see why with `sso-refresh service logs`, then run `sso-refresh service start`"),
        ),
    }
}

fn unit(service: &Service<'_>) -> Finding {
    if let Some(program) = &service.missing_program {
        let finding = format!("the service starts {}, which is not there", program.display());
        return UNIT.failure(finding, start(service));
    }
    if service.state.stale {
        let finding = "the service manager goes by an older file of the service";
        return UNIT.warning(finding, Remedy::run("systemctl --user daemon-reload"));
    }
    match &service.unit {
        Standing::Ours { version } if version != VERSION => {
            let finding =
                format!("the service's files are of version {version}, and this program is {VERSION}");
            UNIT.warning(finding, Remedy::run(INSTALL))
        }
        Standing::Ours { .. } | Standing::Same => UNIT.ok("its files are of this version"),
        Standing::Edited | Standing::Foreign | Standing::Absent => {
            UNIT.ok("its files are not of this program, or were changed")
        }
    }
}

#[cfg(test)]
mod tests;
