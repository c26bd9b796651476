//! `service install`: writes the files, has them read, and starts the daemon.

use std::{env, path::PathBuf};

use super::{
    changes,
    manager::{self, Manager},
    status,
};
use crate::{
    cli::{
        context::Context,
        exit::{self, Failure},
        import, out, program,
    },
    import::OldScript,
    platform::Supervisor,
    service::{self, Activity, Carried, Options, State, Unfit, Wanted, systemd},
    store::Store,
};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What the daemon would use of this environment (AWS_CONFIG_FILE, HTTPS_PROXY and the like, and \
                        --config) goes with it. Run it again after an update, or when one of those is another. No file \
                        that you have changed is written over."
)]
pub(in crate::cli) struct Args {
    /// Show the files, and write nothing
    #[arg(long)]
    print: bool,
    /// Don't start it now
    #[arg(long, conflicts_with = "print")]
    no_start: bool,
    /// Write over files that were changed by hand, or are somebody else's
    #[arg(long, conflicts_with = "print")]
    force: bool,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    let program = program::path()?;
    let carried = manager::carried(context);
    if args.print {
        let manager = match Manager::reach(context).await {
            Ok(manager) => manager,
            Err(_) => Manager::unasked(context),
        };
        let places = places(context);
        let wanted = Wanted { program: &program, paths: &context.paths, carried: &carried, places: &places };
        for file in manager.files(&wanted, true)? {
            out::text(&format!("# {}\n{}\n", context.paths.show(&file.path), file.text))?;
        }
        return Ok(exit::DONE);
    }
    // A daemon with a mistake in its configuration would not start.
    context.settings()?;
    let manager = Manager::reach(context).await?;
    let state = manager.state().await?;
    manager::nobody_else(context, &state).await?;
    let sandbox = manager.sandbox().await;
    // What a sandbox opens must be there.
    let store = Store::new(
        context.paths.token_cache.clone(),
        context.paths.state.clone(),
        context.paths.runtime.clone(),
    );
    store.prepare()?;
    let places = places(context);
    let wanted = Wanted { program: &program, paths: &context.paths, carried: &carried, places: &places };
    let files = manager.files(&wanted, sandbox.is_ok())?;
    if sandbox.is_ok() && manager.supervisor == Supervisor::Systemd && !systemd::has_sandbox(&files) {
        out::line("The sandbox is left out, since it would hide a file of the service that is in /tmp.")?;
    }
    let is_wanted = |path: &PathBuf| files.iter().any(|file| file.path == *path);
    let obsolete = manager.places().into_iter().filter(|path| !is_wanted(path));
    let obsolete = obsolete.map(|path| (path.clone(), changes::standing(&path, None))).collect();
    let found = files.into_iter().map(|file| {
        let standing = changes::standing(&file.path, Some(&file.text));
        (file, standing)
    });
    let options =
        Options { force: args.force, start: !args.no_start, outdated: is_outdated(context, &state).await };
    let steps =
        service::install(manager.supervisor, &context.paths, found.collect(), obsolete, &state, options);
    if let Err(why) = sandbox {
        out::line(&format!("The sandbox is left out, since it does not start here: {why}"))?;
    }
    changes::make(&steps, &context.paths).await?;
    remarks(context, &manager, &program, &carried, &state).await?;
    if args.no_start {
        out::line(
            "It is started by `sso-refresh service start`, or when you sign in to this machine again.",
        )?;
        return Ok(exit::DONE);
    }
    out::line("")?;
    // It is installed, however the sessions are.
    if let Err(failure) = status::show(&manager, context).await {
        failure.say();
    }
    Ok(exit::DONE)
}

/// What the daemon writes to, behind all links.
fn places(context: &Context) -> Vec<PathBuf> {
    let paths = &context.paths;
    let mut places: Vec<PathBuf> = [&paths.token_cache, &paths.state]
        .iter()
        .map(|path| path.canonicalize().unwrap_or_else(|_| (*path).clone()))
        .collect();
    places.dedup();
    places
}

async fn is_outdated(context: &Context, state: &State) -> bool {
    if state.activity != Activity::Running {
        return false;
    }
    let report = context.client().status().await;
    report.is_ok_and(|report| report.daemon.version != env!("CARGO_PKG_VERSION"))
}

/// What the user should know besides.
async fn remarks(
    context: &Context,
    manager: &Manager,
    program: &std::path::Path,
    carried: &Carried,
    before: &State,
) -> Result<(), Failure> {
    let paths = &context.paths;
    if let (Some(old), Some(new)) = (&before.file, manager.file())
        && *old != new
    {
        out::line(&format!("{} goes before {}", paths.show(&new), old.display()))?;
    }
    for (name, value) in &carried.variables {
        out::line(&format!("The service gets {name}={value} as it is here."))?;
    }
    for name in &carried.secret {
        tracing::warn!(
            "{name} has a password in it and is not for a unit: set `proxy` in {}",
            paths.show(&paths.config)
        );
    }
    if service::is_passing_place(program, &env::temp_dir()) {
        tracing::warn!(
            "{} may be gone or another soon, and the service with it: put it into a lasting place (`cargo install --path .`) \
             and install the service from there",
            paths.show(program)
        );
    }
    if let OldScript::Running(process) = OldScript::find(&import::usual_token_file(paths)) {
        tracing::warn!(
            "the old script still runs (process {}) and races for the refresh token: `sso-refresh import --stop-old` takes \
             it over",
            process.pid
        );
    }
    if manager.ends_with_user(&context.env).await {
        out::line(
            "It runs while you are signed in to this machine. `loginctl enable-linger` keeps it when you sign out, and \
             starts it with the machine.",
        )?;
    }
    Ok(())
}

impl From<Unfit> for Failure {
    fn from(error: Unfit) -> Self {
        Self::new(exit::USAGE, error.to_string())
    }
}
