//! [`Starter`]: begins a sign-in that the user has asked for on the desktop, outside of the service and its sandbox.

use std::{
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::{hooks::NOT_FOR_HOOKS, notifications::SignIn};
use crate::{
    config::{environment::Environment, paths::Paths},
    kind::{Kind, told},
    platform::Inherited,
    service::Carried,
};

/// How long the service manager may take to start it.
const LIMIT: Duration = Duration::from_secs(10);

/// How it is begun.
#[derive(Clone, Debug)]
pub(super) struct Starter {
    program: PathBuf,
    /// What it is to find in its environment to work on the same files.
    variables: Vec<(String, String)>,
    /// There is a service manager of the user, if this is there.
    manager: Option<PathBuf>,
    inherited: Inherited,
}

impl Starter {
    /// By this program, at `program`.
    pub(super) fn new(program: PathBuf, env: &Environment, paths: &Paths, inherited: Inherited) -> Self {
        let manager = env.absolute_path("XDG_RUNTIME_DIR").map(|folder| folder.join("systemd/private"));
        Self { program, variables: Carried::of(env, paths).variables, manager, inherited }
    }

    /// Begins it, in a task of its own.
    pub(super) fn start(&self, sign_in: SignIn) {
        let starter = self.clone();
        tokio::spawn(async move {
            let session = &sign_in.session;
            tracing::info!("{session}: signs in, as was asked for on the desktop");
            if let Err(why) = starter.run(&sign_in).await {
                told!(
                    warn,
                    Kind::SignInNotStarted,
                    sso_session = session,
                    "{session}: the sign-in that was asked for on the desktop {why}: run `sso-refresh {}` in a terminal",
                    words(&sign_in).join(" ")
                );
            }
        });
    }

    async fn run(&self, sign_in: &SignIn) -> Result<(), String> {
        if self.manager.as_ref().is_some_and(|manager| manager.exists()) {
            match timeout(LIMIT, self.end_of(self.by_manager(sign_in))).await {
                Ok(Ok(status)) if status.success() => return Ok(()),
                failed => tracing::debug!("the service manager starts no sign-in: {failed:?}"),
            }
        }
        let mut command = Command::new(&self.program);
        command.args(words(sign_in));
        match self.end_of(command).await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("ended with {status}")),
            Err(error) => Err(format!("can't be started ({error})")),
        }
    }

    /// The same in a service of its own.
    fn by_manager(&self, sign_in: &SignIn) -> Command {
        let mut command = Command::new("systemd-run");
        // The browser that it opens may be the first one, and stays when it ends.
        command.args([
            "--user",
            "--collect",
            "--quiet",
            "--service-type=exec",
            "--property=KillMode=process",
        ]);
        for (name, _) in &self.variables {
            // Their values are in the environment.
            command.arg(format!("--setenv={name}"));
        }
        // The manager puts variables into them, as in the ExecStart= of a unit.
        let words = words(sign_in).into_iter().map(|word| word.replace('$', "$$"));
        command.arg("--").arg(&self.program).args(words);
        command
    }

    async fn end_of(&self, mut command: Command) -> io::Result<ExitStatus> {
        for name in NOT_FOR_HOOKS {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        self.inherited.give_at_start(command.as_std_mut());
        command.status().await
    }
}

/// The arguments. A name may look like a flag.
fn words(sign_in: &SignIn) -> Vec<&str> {
    let flag = if sign_in.renew { &["--renew"][..] } else { &[] };
    [&["login"][..], flag, &["--", &sign_in.session]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_is_told_which_variables_and_not_what_is_in_them() {
        let pairs =
            [("HOME", "/home/me"), ("XDG_RUNTIME_DIR", "/run/user/7"), ("AWS_CONFIG_FILE", "/etc/aws")];
        let env = Environment::from_pairs(pairs);
        let paths = Paths::resolve(&env, None).unwrap();
        let starter = Starter::new("/opt/sso-refresh".into(), &env, &paths, Inherited::find());
        assert_eq!(starter.manager, Some("/run/user/7/systemd/private".into()));
        for (renew, expected) in [(false, "login -- -$${x}"), (true, "login --renew -- -$${x}")] {
            let command = starter.by_manager(&SignIn { session: "-${x}".into(), renew });
            let words: Vec<_> = command.as_std().get_args().filter_map(|word| word.to_str()).collect();
            assert_eq!(
                words.join(" "),
                format!(
                    "--user --collect --quiet --service-type=exec --property=KillMode=process \
                     --setenv=AWS_CONFIG_FILE -- /opt/sso-refresh {expected}"
                )
            );
        }
    }
}
