//! `sso-refresh run`: the daemon, in the foreground.

use super::{
    context::{Context, block_on},
    exit::{self, Failure},
    log::{self, Verbosity},
};
use crate::{
    daemon::{self, Startup},
    session::schedule::Policy,
};

pub(super) fn run(context: Context, verbosity: Verbosity) -> Result<u8, Failure> {
    let (settings, paths, env, clock) = context.into_settings()?;
    let relevel = log::for_daemon(&settings.log, verbosity)?;
    let startup = Startup { settings, paths, env, clock, policy: Policy::default(), relevel };
    block_on(async {
        daemon::run(startup).await.map_err(|error| Failure::new(exit::FAILED, error.to_string()))
    })?;
    Ok(exit::DONE)
}
