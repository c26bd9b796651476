//! [`Manager`]: the service manager of this system, asked and told by its own commands.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::time::{sleep, timeout};

use crate::{
    api::client,
    cli::{
        context::Context,
        exit::{self, Failure},
    },
    config::{environment::Environment, paths::Paths},
    login::surroundings::{self, Machine, Way},
    platform::Supervisor,
    service::{self, Carried, Command, File, OnFailure, State, Unfit, Verb, Wanted, launchd, systemd},
};

/// How long to wait before a command is run again whose failure passes.
const PAUSE: Duration = Duration::from_millis(500);

/// The service manager, and where it has its files.
pub(in crate::cli) struct Manager {
    pub(super) supervisor: Supervisor,
    home: PathBuf,
    /// Of the units.
    folder: PathBuf,
}

impl Manager {
    /// The one of this system.
    ///
    /// # Errors
    /// Where none answers: what to do instead is in the line.
    pub(in crate::cli) async fn reach(context: &Context) -> Result<Self, Failure> {
        let question = match Supervisor::HERE {
            Supervisor::Systemd => systemd::ask_folders(),
            Supervisor::Launchd => launchd::ask_domain(),
        };
        match attempt(&question).await {
            Ok(said) => Ok(Self::at(context, Some(&said))),
            Err(why) => Err(unreachable(&context.paths, &why)),
        }
    }

    /// The same, whether it answers or not.
    pub(in crate::cli) fn unasked(context: &Context) -> Self {
        Self::at(context, None)
    }

    fn at(context: &Context, said: Option<&str>) -> Self {
        let home = context.paths.home.clone();
        let config_home =
            context.env.absolute_path("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        Self { supervisor: Supervisor::HERE, folder: systemd::folder(&config_home, &home, said), home }
    }

    /// How the service is.
    pub(in crate::cli) async fn state(&self) -> Result<State, Failure> {
        Ok(match self.supervisor {
            Supervisor::Systemd => systemd::state(&run(&systemd::ask_state()).await?.unwrap_or_default()),
            Supervisor::Launchd => launchd::state(run(&launchd::ask_state()).await?.as_deref(), &self.home),
        })
    }

    /// The commands of a verb.
    pub(super) fn control(&self, verb: Verb, state: &State) -> Vec<Command> {
        service::control(self.supervisor, &self.home, verb, state)
    }

    /// The files of the service.
    pub(super) fn files(&self, wanted: &Wanted, sandbox: bool) -> Result<Vec<File>, Unfit> {
        match self.supervisor {
            Supervisor::Systemd => systemd::files(wanted, &self.folder, sandbox),
            Supervisor::Launchd => launchd::files(wanted),
        }
    }

    /// Every file that an installation may have left.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        match self.supervisor {
            Supervisor::Systemd => systemd::places(&self.folder),
            Supervisor::Launchd => vec![launchd::place(&self.home)],
        }
    }

    /// A folder that an installation may have made, for files of the user too.
    pub(super) fn drop_ins(&self) -> Option<PathBuf> {
        (self.supervisor == Supervisor::Systemd).then(|| systemd::drop_ins(&self.folder))
    }

    /// Folders for the files of all services, which an installation makes where they are missing: the inner one first.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        match self.supervisor {
            Supervisor::Systemd => self.folder.ancestors().take(2).map(Path::to_owned).collect(),
            Supervisor::Launchd => Vec::new(),
        }
    }

    /// The main file, where there is one.
    pub(in crate::cli) fn file(&self) -> Option<PathBuf> {
        self.places().into_iter().next().filter(|path| path.exists())
    }

    /// Whether the service ends with the last connection to a machine at which nobody sits.
    pub(in crate::cli) async fn ends_with_user(&self, env: &Environment) -> bool {
        if self.supervisor != Supervisor::Systemd
            || matches!(surroundings::way(env, Machine::look(env)), Way::Browser)
        {
            return false;
        }
        let said = run(&systemd::ask_linger(nix::unistd::getuid().as_raw())).await;
        said.ok().flatten().is_some_and(|said| said.trim() == "Linger=no")
    }

    /// Whether a sandbox starts here; else why not.
    pub(super) async fn sandbox(&self) -> Result<(), String> {
        match self.supervisor {
            Supervisor::Systemd => attempt(&systemd::probe()).await.map(drop),
            Supervisor::Launchd => Ok(()),
        }
    }
}

/// What is in force for the service here.
pub(super) fn carried(context: &Context) -> Carried {
    Carried::of(&context.env, &context.paths)
}

/// Runs a command to its end and gives what it says; none where its failure does not matter.
pub(in crate::cli) async fn run(command: &Command) -> Result<Option<String>, Failure> {
    match attempt(command).await {
        Ok(said) => Ok(Some(said)),
        Err(why) if command.failure == OnFailure::Ignore => {
            tracing::debug!("{why}");
            Ok(None)
        }
        Err(why) => {
            Err(Failure::new(exit::FAILED, format!("{why}; `sso-refresh service logs` may tell more")))
        }
    }
}

/// The same for a command whose failure is for the caller to judge.
async fn attempt(command: &Command) -> Result<String, String> {
    let line = command.words.join(" ");
    let again = async {
        loop {
            match once(command).await {
                Err(_) if command.failure == OnFailure::Again => sleep(PAUSE).await,
                ended => return ended,
            }
        }
    };
    match timeout(command.limit, again).await {
        Ok(Ok(said)) => Ok(said),
        Ok(Err(why)) => Err(format!("`{line}` {why}")),
        Err(_) if command.failure == OnFailure::Again => match once(command).await {
            Ok(said) => Ok(said),
            Err(why) => Err(format!("`{line}` {why}")),
        },
        Err(_) => Err(format!("`{line}` did not end within {} s", command.limit.as_secs())),
    }
}

async fn once(command: &Command) -> Result<String, String> {
    let [program, arguments @ ..] = command.words.as_slice() else { return Ok(String::new()) };
    let output = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "is not to be had here".to_owned(),
            _ => format!("can't be started: {error}"),
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.split_whitespace().collect();
    let said = crate::config::line(said.join(" "));
    Err(match said.trim_end_matches('.') {
        "" => format!("failed ({})", output.status),
        said => format!("failed: {said}"),
    })
}

fn unreachable(paths: &Paths, why: &str) -> Failure {
    let runtime = PathBuf::from(format!("/run/user/{}", nix::unistd::getuid()));
    let hint = match Supervisor::HERE {
        // It is there, and only the way to it is not.
        Supervisor::Systemd if !paths.runtime.starts_with(&runtime) && runtime.join("systemd").is_dir() => {
            &format!("`export XDG_RUNTIME_DIR={}`, and try again", runtime.display())
        }
        Supervisor::Systemd => {
            "in a container let its own supervisor run `sso-refresh run`, or keep that open in a terminal; after `su` \
             or `sudo` sign in as the user itself"
        }
        Supervisor::Launchd => "sign in at the machine itself, or keep `sso-refresh run` open in a terminal",
    };
    Failure::new(exit::FAILED, format!("no service manager answers ({why}): {hint}"))
}

/// That no daemon runs but the one of the service: the second would be refused.
pub(super) async fn nobody_else(context: &Context, state: &State) -> Result<(), Failure> {
    // To ask the socket of a service that is down would start it.
    if !state.is_down() || state.listening {
        return Ok(());
    }
    match context.client().status().await {
        Ok(report) => {
            let pid = report.daemon.pid;
            Err(Failure::new(
                exit::FAILED,
                format!(
                    "sso-refresh runs outside of the service (process {pid}): end it with `kill {pid}` first"
                ),
            ))
        }
        Err(client::Error::Hung) => Err(client::Error::Hung.into()),
        Err(_) => Ok(()),
    }
}
