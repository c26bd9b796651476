//! `sso-refresh reload`: makes the daemon load its configuration again, and tells its verdict.

use super::{
    context::{Context, block_on},
    exit::{self, Failure},
    out,
};

/// What stands below the options in its help.
pub(super) const HELP: &str = "Where there is a mistake, it is told with line and column, and the daemon keeps its old settings.\n\n  \
                               sso-refresh config check && sso-refresh reload\n\n\
                               Exit codes: 2 the configuration is refused, 4 the daemon is not running.";

pub(super) fn run(context: &Context) -> Result<u8, Failure> {
    match block_on(async { Ok(context.client().reload().await?) })? {
        Ok(taken_up) => {
            out::line(&taken_up)?;
            Ok(exit::DONE)
        }
        Err(refused) => Err(Failure::new(exit::USAGE, refused)),
    }
}
