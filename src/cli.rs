//! The command line: [`Cli`] as clap reads it, and the dispatch to one module a command.

mod access;
mod accounts;
mod completions;
mod config;
mod context;
mod credentials;
#[cfg(feature = "simulator")]
mod demo;
mod direct;
mod doctor;
mod events;
mod exec;
mod exit;
mod import;
mod listing;
mod log;
mod login;
mod logout;
mod man;
mod out;
mod palette;
mod profiles;
mod program;
mod refresh;
mod reload;
mod roles;
mod run;
mod service;
#[cfg(test)]
mod sheet;
#[cfg(feature = "simulator")]
mod simulate;
mod status;
mod table;
mod template;
mod token;
mod uninterrupted;
mod usage;
mod wrap;

use std::{env, path::PathBuf, process::ExitCode};

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use self::{context::Context, exit::Failure, log::Verbosity};
use crate::platform;

/// Where the help lists the flags of all commands.
const EVERYWHERE: &str = "Options of every command";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "sso-refresh",
    version,
    about = "Keeps AWS IAM Identity Center (AWS SSO) sessions fresh, for every AWS program of yours.",
    after_help = "It finds the sessions in ~/.aws/config by itself. To begin:\n\n  \
                  aws configure sso             if there is no session yet\n  \
                  sso-refresh login             signs in\n  \
                  sso-refresh service install   keeps the tokens fresh from now on\n  \
                  sso-refresh status            shows how they are\n\n\
                  Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 a sign-in is needed, \
                  4 the daemon is not running, 5 temporary: try again later.",
    max_term_width = 100,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
struct Cli {
    /// Use this configuration file [default: ~/.config/sso-refresh/config.toml]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Say more; twice: even more
    #[arg(short, long, global = true, help_heading = EVERYWHERE, action = ArgAction::Count)]
    verbose: u8,
    /// Say nothing but errors
    #[arg(short, long, global = true, help_heading = EVERYWHERE, conflicts_with = "verbose")]
    quiet: bool,
    /// When to use colours
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "WHEN", default_value = "auto")]
    color: Color,
    #[command(subcommand)]
    command: Command,
}

/// `--color`; `auto` is on a terminal only.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep all sessions fresh, in the foreground
    #[command(after_help = run::HELP)]
    Run,
    /// Sign in
    Login(login::Args),
    /// Sign out: end the session at AWS and delete its token file
    Logout(logout::Args),
    /// Show how the sessions are
    Status(status::Args),
    /// Follow what the daemon does, one JSON object a line
    Events(events::Args),
    /// Print an access token, refreshed first where it would not last
    Token(token::Args),
    /// Refresh now
    Refresh(refresh::Args),
    /// Print credentials of a role: for `credential_process`, a shell or a script
    Credentials(credentials::Args),
    /// Run a command with credentials of a role that renew themselves
    Exec(exec::Args),
    /// List the accounts that a session may use
    Accounts(listing::Wanted),
    /// List the roles that a session may use in an account
    Roles(roles::Args),
    /// Write a profile for every account and role into the AWS config file
    Profiles(profiles::Args),
    /// Take over the Node.js script that refreshed a session before
    Import(import::Args),
    /// Find out what is wrong, and what to do about it
    Doctor(doctor::Args),
    /// Check or show the configuration
    #[command(subcommand, after_help = config::HELP)]
    Config(config::Command),
    /// Make the daemon load its configuration again
    #[command(after_help = reload::HELP)]
    Reload,
    /// Have the daemon started and watched over by systemd or launchd
    #[command(subcommand)]
    Service(service::Command),
    /// See it work against an embedded Identity Center, without an AWS account
    #[cfg(feature = "simulator")]
    Demo(demo::Args),
    /// Run an embedded Identity Center, to test any AWS SSO program against
    #[cfg(feature = "simulator")]
    Simulate(simulate::Args),
    /// Print the completions for a shell
    Completions(completions::Args),
    /// Show a manual page, or write them all
    Man(man::Args),
}

/// Reads the command line, does what it says and returns the exit code.
pub(crate) fn main() -> ExitCode {
    if completions::answered() {
        return exit::DONE.into();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if let Some(failure) = usage::failure(&error, env::args_os().skip(1)) {
                failure.say();
                return failure.code().into();
            }
            // A closed pipe is no error, and there is nowhere to tell of any other.
            drop(error.print());
            return u8::try_from(error.exit_code()).unwrap_or(exit::USAGE).into();
        }
    };
    cli.color.choose();
    let is_silent = cli.verbose == 0 && cli.command.is_for_a_prompt();
    match cli.run() {
        Ok(code) => code.into(),
        Err(failure) => {
            if !is_silent {
                failure.say();
            }
            failure.code().into()
        }
    }
}

impl Cli {
    fn run(self) -> Result<u8, Failure> {
        // The demonstration tells by itself what the log would, and in a prompt it would be in the way.
        let quiet = self.quiet || (self.verbose == 0 && self.command.tells_by_itself());
        let verbosity = Verbosity { verbose: self.verbose, quiet };
        if !matches!(self.command, Command::Run) {
            log::for_command(verbosity);
        }
        let inherited = platform::Inherited::find();
        platform::harden();
        platform::own_files();
        let context = || Context::load(self.config.as_deref());
        match &self.command {
            Command::Run => run::run(context()?, verbosity, inherited),
            Command::Login(args) => login::run(args, &context()?),
            Command::Logout(args) => logout::run(args, &context()?),
            Command::Status(args) => status::run(args, &context()?),
            Command::Events(args) => events::run(args, &context()?),
            Command::Token(args) => token::run(args, &context()?),
            Command::Refresh(args) => refresh::run(args, &context()?),
            Command::Credentials(args) => credentials::run(args, &context()?),
            Command::Exec(args) => exec::run(args, &context()?, inherited),
            Command::Accounts(args) => accounts::run(args, &context()?, quiet),
            Command::Roles(args) => roles::run(args, &context()?, quiet),
            Command::Profiles(args) => profiles::run(args, &context()?, quiet),
            Command::Import(args) => import::run(args, &context()?),
            Command::Doctor(args) => doctor::run(args, &context()?),
            Command::Config(command) => config::run(command, &context()?),
            Command::Reload => reload::run(&context()?),
            Command::Service(command) => service::run(command, &context()?),
            #[cfg(feature = "simulator")]
            Command::Demo(args) => demo::run(args),
            #[cfg(feature = "simulator")]
            Command::Simulate(args) => simulate::run(args),
            Command::Completions(args) => completions::run(args),
            Command::Man(args) => man::run(args),
        }
    }
}

impl Command {
    fn tells_by_itself(&self) -> bool {
        match self {
            #[cfg(feature = "simulator")]
            Self::Demo(_) => true,
            // Lines of a log would stand in its picture.
            Self::Status(args) if args.watch => true,
            _ => self.is_for_a_prompt(),
        }
    }

    /// Whether what it prints becomes a part of something else, where an error would be in the way.
    fn is_for_a_prompt(&self) -> bool {
        matches!(self, Self::Status(args) if args.is_for_a_prompt())
    }
}

impl Color {
    fn choose(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_stand_before_or_after_the_command() {
        for line in [
            "sso-refresh -vv --config /c token work --min-validity 5m --header",
            "sso-refresh token work --config /c -v --color never",
            "sso-refresh status --json -q",
            "sso-refresh status work --history --color always",
            "sso-refresh status work --watch --color never",
            "sso-refresh status work --format {session}:{left}",
            "sso-refresh refresh --all",
            "sso-refresh events work home",
            "sso-refresh login --device-code --no-browser work",
            "sso-refresh logout --all --color=always",
            "sso-refresh config show --json",
            "sso-refresh credentials --profile dev --format fish --min-validity 30m",
            "sso-refresh credentials --account 1 --role R --session work --print-config",
            "sso-refresh roles work --account 1 --json",
            "sso-refresh profiles work --dry-run --prefix aws/ --template {account_id}:{role} --region us-east-1 --json",
            "sso-refresh service install --no-start --force",
            "sso-refresh service logs -f -n 5",
            "sso-refresh service status --json",
            "sso-refresh doctor --fix --json",
            "sso-refresh exec --profile dev -- aws s3 ls --recursive",
            "sso-refresh exec --env --account 1 --role R --session work -q -- env",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "sso-refresh",
            "sso-refresh tokn",
            "sso-refresh -q -v status",
            "sso-refresh status --format {left} --json",
            "sso-refresh status --format {left} --history",
            "sso-refresh status --format {lft}",
            "sso-refresh token --json --header",
            "sso-refresh status --watch --history",
            "sso-refresh token --min-validity soon",
            "sso-refresh refresh work --all",
            "sso-refresh credentials --account 1",
            "sso-refresh credentials --profile dev --session work",
            "sso-refresh credentials --profile dev --account 1 --role R",
            "sso-refresh roles",
            "sso-refresh profiles --template {name}",
            "sso-refresh profiles --prefix =x",
            "sso-refresh service",
            "sso-refresh service install --print --force",
            "sso-refresh exec --profile dev",
            "sso-refresh exec --profile dev env",
            "sso-refresh exec --session work -- env",
        ] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), i32::from(exit::USAGE), "{line}");
        }
    }
}
