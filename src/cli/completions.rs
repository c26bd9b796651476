//! `sso-refresh completions`: what a shell needs to complete the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{
    Cli,
    exit::{self, Failure},
    out,
};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "For bash, for instance:\n\n  \
                        sso-refresh completions bash > ~/.local/share/bash-completion/completions/sso-refresh")]
pub(super) struct Args {
    /// Which shell
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sso-refresh", &mut script);
    out::text(&String::from_utf8_lossy(&script))?;
    Ok(exit::DONE)
}
