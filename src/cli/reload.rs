//! `sso-refresh reload`: makes the daemon load its configuration again, and tells its verdict.

use super::{
    context::{Context, block_on},
    exit::{self, Failure},
    out,
};

pub(super) fn run(context: &Context) -> Result<u8, Failure> {
    match block_on(async { Ok(context.client().reload().await?) })? {
        Ok(taken_up) => {
            out::line(&taken_up)?;
            Ok(exit::DONE)
        }
        Err(refused) => Err(Failure::new(exit::USAGE, refused)),
    }
}
