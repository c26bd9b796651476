//! `sso-refresh run`: the daemon, in the foreground.

use super::{
    context::{Context, block_on},
    exit::{self, Failure},
    log::{self, Verbosity},
    program,
};
use crate::{
    api::unix,
    daemon::{self, Startup},
    platform::{self, Inherited},
    session::schedule::Policy,
};

/// The fewest descriptors that the daemon works with: most are for its exchanges, some for those who ask.
const DESCRIPTORS_MIN: usize = 40;

/// What stands below the options in its help.
pub(super) const HELP: &str = "This is what the service starts (`sso-refresh service install`); by hand it is for a container, or for a look. It \
                               logs to standard error. SIGTERM and Ctrl-C end it; SIGHUP and `sso-refresh reload` load \
                               the configuration again. To see more of what it does:\n\n  \
                               sso-refresh run -v";

pub(super) fn run(context: Context, verbosity: Verbosity, inherited: Inherited) -> Result<u8, Failure> {
    let descriptors = unix::descriptors();
    if descriptors < DESCRIPTORS_MIN {
        let line = format!(
            "{descriptors} open files are too few for the daemon: allow it {DESCRIPTORS_MIN} at least (`ulimit -n`)"
        );
        return Err(Failure::new(exit::USAGE, line));
    }
    let (settings, paths, env, clock) = context.into_settings()?;
    let relevel = log::for_daemon(&settings.log, verbosity, &paths.home)?;
    if let Err(error) = platform::lock_secrets() {
        tracing::debug!("what is in memory can reach the swap area: {error}; `ulimit -l` limits it");
    }
    // A name alone is looked for as a shell does.
    let program = program::path().unwrap_or_else(|_| "sso-refresh".into());
    let startup =
        Startup { settings, paths, env, clock, policy: Policy::default(), relevel, inherited, program };
    // In a task of its own: the runtime makes a system call for each time that anybody wakes what it blocks on.
    let ended = block_on(async { Ok(tokio::spawn(daemon::run(startup)).await) })?;
    ended
        .map_err(|error| Failure::new(exit::FAILED, format!("the daemon broke off: {error}")))?
        .map_err(|error| Failure::new(code(&error), error.to_string()))?;
    Ok(exit::DONE)
}

/// What stands in the way of its folders and its socket is for the user to move, and no start is better than the last.
fn code(error: &daemon::Error) -> u8 {
    match error {
        daemon::Error::Store(_)
        | daemon::Error::Socket(
            unix::Error::Foreign { .. } | unix::Error::NotASocket { .. } | unix::Error::NotAFolder { .. },
        ) => exit::USAGE,
        daemon::Error::Instance(_) | daemon::Error::Socket(_) | daemon::Error::Wakes(_) => exit::FAILED,
    }
}
