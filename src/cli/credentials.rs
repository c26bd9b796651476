//! `sso-refresh credentials`: prints credentials of a role, for `credential_process`, a shell or a script.

mod format;
pub(super) mod recipe;

use std::time::Duration;

use self::{format::Format, recipe::recipe};
use super::{
    access::Access,
    context::{Context, block_on},
    direct,
    exit::{self, Failure},
    out,
};
use crate::{
    api::{Wanted, client},
    bearer::{over, too_long, with_token},
    config::{file::duration, resolve_profile},
    session::role::{Role, RoleCredentials},
};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "In ~/.aws/config, under another name than the profile that has the sso_session (SDKs differ in which \
                  of the two they take):\n\n  \
                  [profile dev-always]\n  \
                  credential_process = /usr/bin/sso-refresh credentials --profile dev\n\n\
                  `--print-config` prints the line with credential_process as it must be on this machine."
)]
pub(super) struct Args {
    /// The profile in the AWS config file that names session, account and role
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// The account, instead of a profile
    #[arg(long, value_name = "ID", requires = "role", conflicts_with = "profile")]
    account: Option<String>,
    /// The role in that account
    #[arg(long, value_name = "NAME", requires = "account", conflicts_with = "profile")]
    role: Option<String>,
    /// The session; without it the only one, else `default_session`, else the one of `AWS_PROFILE`
    #[arg(long, value_name = "SESSION", conflicts_with = "profile")]
    session: Option<String>,
    /// How to print them
    #[arg(long, value_name = "FORMAT", default_value = "process")]
    format: Format,
    /// How long they must be good; without it more than 15 minutes, unless AWS fails
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    min_validity: Option<Duration>,
    /// Print the line for the AWS config file that runs this command
    #[arg(long, conflicts_with_all = ["format", "min_validity"])]
    print_config: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    if args.print_config {
        return print_config(args, context);
    }
    block_on(async {
        let wanted = args.wanted(context)?;
        let client = context.client();
        let daemon = match client.credentials(&wanted, args.min_validity).await {
            Ok(credentials) => return print(args, context, &credentials),
            Err(error) => {
                let knows_less = matches!(error, client::Error::Refused(_));
                let session = match &wanted {
                    Wanted::Role(role) => Some(role.session.clone()),
                    Wanted::Profile(profile) => role_of(profile, context).ok().map(|role| role.session),
                };
                direct::is_called_for(session.as_deref(), error)?;
                knows_less.then_some(client)
            }
        };
        let role = match wanted {
            Wanted::Role(role) => role,
            Wanted::Profile(profile) => role_of(&profile, context)?,
        };
        let session = context.session(Some(&role.session))?;
        let mut access = Access::new(context, session, daemon);
        let printed = match fetch(args, context, &role, &mut access).await {
            Ok(credentials) => print(args, context, &credentials),
            Err(failure) => Err(failure),
        };
        access.close().await;
        printed
    })
}

impl Args {
    /// What to ask the daemon for: the role that the files name now, of which it may know an older one. Where they can't
    /// be read, it still has its own.
    fn wanted(&self, context: &Context) -> Result<Wanted, Failure> {
        match (&self.account, &self.role, &self.profile) {
            (Some(account), Some(name), _) => {
                let session = match (&self.session, context.config_error()) {
                    (Some(session), Some(_)) => session.clone(),
                    (given, _) => context.session(given.as_deref())?.name.clone(),
                };
                Ok(Wanted::Role(Role { session, account: account.clone(), name: name.clone() }))
            }
            (_, _, Some(profile)) => Ok(match context.config_error() {
                Some(_) => Wanted::Profile(profile.clone()),
                None => Wanted::Role(role_of(profile, context)?),
            }),
            _ => Err(nothing_named(context)),
        }
    }
}

/// `AWS_PROFILE` may name the very profile whose `credential_process` runs this.
fn nothing_named(context: &Context) -> Failure {
    let aside = context.env.get("AWS_PROFILE").map_or(
        "",
        |_| "; AWS_PROFILE does not count, or a credential_process that is called by it would call itself",
    );
    Failure::new(exit::USAGE, format!("name a --profile, or --account and --role{aside}"))
}

fn role_of(profile: &str, context: &Context) -> Result<Role, Failure> {
    Ok(resolve_profile(context.settings()?, profile)?)
}

/// Does what the daemon does: a call to the portal, with a token that is refreshed first if need be.
async fn fetch(
    args: &Args,
    context: &Context,
    role: &Role,
    access: &mut Access<'_>,
) -> Result<RoleCredentials, Failure> {
    let portal = context.exchanger()?.portal(context.session(Some(&role.session))?)?;
    let ask = |token| {
        let portal = portal.clone();
        async move { portal.role_credentials(&token, role).await }
    };
    let credentials = with_token(access, role, ask).await?;
    let now = context.clock.now();
    let left = credentials.left(now);
    match args.min_validity {
        _ if left.is_zero() => Err(over(None).into()),
        Some(wanted) if !credentials.last(wanted, now) => Err(too_long(role, left).into()),
        _ => Ok(credentials),
    }
}

fn print(args: &Args, context: &Context, credentials: &RoleCredentials) -> Result<u8, Failure> {
    out::text(&args.format.text(credentials, context.clock.now()))?;
    Ok(exit::DONE)
}

fn print_config(args: &Args, context: &Context) -> Result<u8, Failure> {
    // A line that does not work is not printed.
    let wanted = args.wanted(context)?;
    let config = context.paths.config.display().to_string();
    let mut flags = Vec::new();
    if context.paths.config_given {
        flags.push(("--config", config.as_str()));
    }
    match (&args.profile, &wanted) {
        (Some(profile), _) | (None, Wanted::Profile(profile)) => flags.push(("--profile", profile)),
        (None, Wanted::Role(Role { session, account, name })) => {
            flags.extend([("--account", account.as_str()), ("--role", name), ("--session", session)]);
        }
    }
    out::line(&recipe(&flags)?)?;
    Ok(exit::DONE)
}
