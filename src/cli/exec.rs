//! `sso-refresh exec`: runs a command with credentials of a role that renew themselves.

mod child;
mod endpoint;
mod environment;
mod feed;

use std::{ffi::OsString, os::unix::process::CommandExt, process::Command};

use self::{
    child::{Ended, Running},
    endpoint::Endpoint,
    environment::Given,
    feed::Feed,
};
use super::{
    context::{Context, block_on},
    exit::{self, Failure},
    uninterrupted::Uninterrupted,
};
use crate::{
    config::{self, resolve_profile},
    platform::Inherited,
    session::role::{Role, RoleCredentials},
};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The command gets the address of an endpoint on 127.0.0.1 in its environment, and the AWS CLI and all \
                  SDKs get their credentials from there, for as long as it runs.\n\n  \
                  sso-refresh exec --profile dev -- terraform apply\n  \
                  sso-refresh exec --profile dev -- bash -i\n\n\
                  Exit codes: that of the command; 126 it can't be run, 127 there is no such command. Without credentials \
                  it is not run: 3 a sign-in is needed, 5 try again later."
)]
pub(super) struct Args {
    /// The profile in the AWS config file that names session, account and role; without it the one of `AWS_PROFILE`
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// The account, instead of a profile
    #[arg(long, value_name = "ID", requires = "role", conflicts_with = "profile")]
    account: Option<String>,
    /// The role in that account
    #[arg(long, value_name = "NAME", requires = "account", conflicts_with = "profile")]
    role: Option<String>,
    /// The session; without it the only one, else `default_session`, else the one of `AWS_PROFILE`
    #[arg(long, value_name = "SESSION", requires = "account", conflicts_with = "profile")]
    session: Option<String>,
    /// Give the credentials themselves, as variables: for programs that know of no endpoint. They do not renew
    #[arg(long)]
    env: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What is run with what.
struct Plan {
    /// The profile, or what stands for it in the address of the endpoint.
    name: String,
    role: Role,
    /// Where the profile is used.
    region: Option<String>,
}

/// What is left to do when the runtime has ended.
enum Next {
    /// To end as the command did.
    End(Ended),
    /// To become the command.
    Become(RoleCredentials),
}

pub(super) fn run(args: &Args, context: &Context, inherited: Inherited) -> Result<u8, Failure> {
    let plan = Plan::new(args, context)?;
    let command = |given: Given<'_>| {
        let mut words = args.command.iter();
        // clap lets nobody through without one.
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command.args(words);
        environment::change(&mut command, &context.env, plan.region.as_deref(), given);
        command
    };
    if !args.env {
        warn_of_default(&plan.role, context)?;
    }
    let next = block_on(async {
        let mut feed = Feed::new(context, &plan.name, &plan.role)?;
        let credentials = feed.first().await;
        if credentials.is_err() || args.env {
            feed.close().await;
            return Ok(Next::Become(credentials?));
        }
        let (endpoint, calls) = Endpoint::open(&plan.name, &context.clock)?;
        let given = Given::Endpoint { uri: endpoint.uri(), token: endpoint.token() };
        // From now on a signal is for the command to heed.
        Uninterrupted::leave();
        let mut running = Running::start(&mut command(given), inherited)?;
        let ended = tokio::select! {
            ended = running.end() => ended,
            never = feed.serve(calls) => match never {},
            never = endpoint.serve() => match never {},
        };
        feed.close().await;
        Ok(Next::End(ended))
    })?;
    match next {
        Next::End(ended) => Ok(ended.pass_on()),
        Next::Become(credentials) => {
            let mut command = command(Given::Keys(&credentials));
            let error = inherited.give_to(|| command.exec());
            Err(child::not_started(&command, &error))
        }
    }
}

impl Plan {
    fn new(args: &Args, context: &Context) -> Result<Self, Failure> {
        let settings = context.settings()?;
        if let (Some(account), Some(name)) = (&args.account, &args.role) {
            let session = context.session(args.session.as_deref())?.name.clone();
            let role = Role { session, account: account.clone(), name: name.clone() };
            return Ok(Self { name: format!("{account}-{name}"), role, region: None });
        }
        let Some(name) = args.profile.as_deref().or_else(|| context.env.get("AWS_PROFILE")) else {
            let line = "no role is named: give a --profile (or set AWS_PROFILE), or --account and --role";
            return Err(Failure::new(exit::USAGE, line));
        };
        let role = resolve_profile(settings, name)?;
        let profile = settings.profiles.iter().find(|profile| profile.name == name);
        let region = profile.and_then(|profile| profile.region.clone());
        Ok(Self { name: name.to_owned(), role, region })
    }
}

/// A default profile that gives other credentials is what AWS programs take first where none is named.
fn warn_of_default(role: &Role, context: &Context) -> Result<(), Failure> {
    let Some((key, place)) = config::aws_config(&context.paths)?.default_credentials else { return Ok(()) };
    let same = resolve_profile(context.settings()?, "default").is_ok_and(|default| default == *role);
    if !same {
        tracing::warn!(
            "the default profile has {key} ({}), and AWS programs take its credentials before those of this command: give \
             that profile a name, or use --env",
            place.origin()
        );
    }
    Ok(())
}
