//! `service uninstall`: takes away what `service install` has brought.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use super::{changes, manager::Manager};
use crate::{
    cli::{
        context::Context,
        exit::{self, Failure},
        out,
    },
    daemon::instance::Instance,
    platform::Supervisor,
    service::{self, launchd},
};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Delete files that were changed by hand too
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    let paths = &context.paths;
    let manager = Manager::reach(context).await?;
    let state = manager.state().await?;
    let found = manager.places().into_iter().map(|path| {
        let standing = changes::standing(&path, None);
        (path, standing)
    });
    let steps = service::uninstall(manager.supervisor, found.collect(), &state, args.force);
    changes::make(&steps, paths).await?;
    if let Some(folder) = manager.drop_ins() {
        match fs::remove_dir(&folder) {
            Ok(()) => out::line(&format!("deleted {}", paths.show(&folder)))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => out::line(&format!("kept {}: what is left in it is yours", paths.show(&folder)))?,
        }
    }
    match clear(&paths.runtime) {
        Ok(true) => out::line(&format!("deleted {}", paths.show(&paths.runtime)))?,
        Ok(false) => {}
        Err(why) => tracing::warn!("{} stays: {why}", paths.show(&paths.runtime)),
    }
    if steps.is_empty() {
        out::line("The service was not installed.")?;
    } else {
        for folder in manager.folders() {
            // What is not empty is somebody else's too.
            if fs::remove_dir(&folder).is_ok() {
                out::line(&format!("deleted {}", paths.show(&folder)))?;
            }
        }
    }
    let log = launchd::log_file(&paths.home);
    let log = log.parent().filter(|_| manager.supervisor == Supervisor::Launchd);
    for (kept, what) in [
        (Some(paths.config.as_path()), "your configuration"),
        (Some(&paths.aws_config), "the configuration of AWS"),
        (Some(&paths.token_cache), "your sign-ins; `sso-refresh logout --all` ends them"),
        (Some(&paths.state), "what was learned of your sessions, and their last good tokens"),
        (log, "the log"),
    ] {
        if let Some(kept) = kept.filter(|path| path.exists()) {
            out::line(&format!("kept {}: {what}", paths.show(kept)))?;
        }
    }
    Ok(exit::DONE)
}

/// Removes the folder of sockets and locks, if nobody is at work in it; whether there was one.
fn clear(folder: &Path) -> Result<bool, String> {
    if !folder.is_dir() {
        return Ok(false);
    }
    let text = |error: io::Error| error.to_string();
    let _alone = Instance::lock(folder).map_err(|error| error.to_string())?;
    let mut held = Vec::new();
    for entry in fs::read_dir(folder).map_err(text)? {
        let path = entry.map_err(text)?.path();
        // A lock that is deleted while it is held would let two in.
        if path.extension().is_some_and(|extension| extension == "lock") && !path.ends_with("daemon.lock") {
            let file = File::open(&path).map_err(text)?;
            file.try_lock()
                .map_err(|_| format!("{} is locked by a command that is at work", path.display()))?;
            held.push(file);
        }
    }
    fs::remove_dir_all(folder).map_err(text)?;
    Ok(true)
}
