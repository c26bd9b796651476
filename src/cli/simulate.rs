//! `sso-refresh simulate`: the embedded Identity Center alone.

use std::{net::Ipv4Addr, time::Duration};

use futures_util::StreamExt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use super::{
    context::block_on,
    exit::{self, Failure},
    out,
};
use crate::{
    config::file::duration,
    simulator::{Fault, Options, Simulator},
};

/// What the command takes. Each default is the simulator's.
#[derive(Debug, clap::Args)]
#[command(after_help = "A FAULT is OPERATION:KIND[:MODIFIER]..., for instance\n\n  \
                        CreateToken:status=429:retry-after=30:times=2\n  \
                        CreateToken:InvalidGrantException:after=3\n  \
                        *:html=200\n\n\
                        It gives a token to anybody who asks, and listens on 127.0.0.1 only.")]
#[expect(clippy::struct_excessive_bools, reason = "they are switches of their own, not a state")]
pub(super) struct Args {
    /// The port; 0 picks one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where every id, code and token comes from: the same seed gives the same ones
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The life of an access token [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    token_life: Option<Duration>,
    /// The life of a sign-in [default: 8h]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    session_life: Option<Duration>,
    /// The life of a client registration [default: 90days]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    registration_life: Option<Duration>,
    /// The life of role credentials [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    role_life: Option<Duration>,
    /// The life of a device code [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    device_code_life: Option<Duration>,
    /// The time between two polls for a device code [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    interval: Option<Duration>,
    /// How much later each answer comes [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    latency: Option<Duration>,
    /// Keep the same refresh token for the whole session
    #[arg(long)]
    no_rotate: bool,
    /// A refresh token dies when it is used
    #[arg(long)]
    single_use: bool,
    /// Approve every sign-in at once
    #[arg(long)]
    auto_approve: bool,
    /// Serve /admin/ for tests in other processes
    #[arg(long)]
    admin: bool,
    /// Something that is to go wrong; repeatable
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    block_on(async {
        let failed =
            |error| Failure::new(exit::FAILED, format!("can't simulate: {error}; try another --port"));
        // Before anybody can know that it listens, and end it.
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        let address = (Ipv4Addr::LOCALHOST, args.port).into();
        let simulator = Simulator::start(address, options(args)).await.map_err(failed)?;
        out::line(&format!("listening on {}", simulator.url()))?;
        drop(std::io::Write::write_all(&mut anstream::stderr(), help(&simulator.url()).as_bytes()));
        signals.next().await;
        simulator.stop();
        Ok(exit::DONE)
    })
}

fn options(args: &Args) -> Options {
    let default = Options::default();
    Options {
        seed: args.seed,
        token_life: args.token_life.unwrap_or(default.token_life),
        session_life: args.session_life.unwrap_or(default.session_life),
        registration_life: args.registration_life.unwrap_or(default.registration_life),
        role_life: args.role_life.unwrap_or(default.role_life),
        device_code_life: args.device_code_life.unwrap_or(default.device_code_life),
        interval: args.interval.unwrap_or(default.interval),
        latency: args.latency.unwrap_or(default.latency),
        rotate: !args.no_rotate,
        single_use: args.single_use,
        auto_approve: args.auto_approve,
        admin: args.admin,
        faults: args.faults.clone(),
        ..default
    }
}

fn help(url: &str) -> String {
    format!(
        "An IAM Identity Center that is not one. In the shell of a program that should use it:\n\n  \
         export AWS_ENDPOINT_URL_SSO_OIDC={url}\n  \
         export AWS_ENDPOINT_URL_SSO={url}\n  \
         export AWS_ENDPOINT_URL_STS={url}\n\n\
         Any start URL and region will do. Ctrl-C ends it.\n"
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn the_defaults_are_the_simulators() {
        let shown = |options: &Options| format!("{options:?}");
        let Line { args } = Line::parse_from(["simulate"]);
        assert_eq!(shown(&options(&args)), shown(&Options::default()));
    }

    #[test]
    fn the_help_says_the_defaults() {
        let Options { token_life, session_life, registration_life, role_life, .. } = Options::default();
        let Options { device_code_life, interval, latency, .. } = Options::default();
        let command = <Line as clap::CommandFactory>::command();
        for (flag, default) in [
            ("token_life", token_life),
            ("session_life", session_life),
            ("registration_life", registration_life),
            ("role_life", role_life),
            ("device_code_life", device_code_life),
            ("interval", interval),
            ("latency", latency),
        ] {
            let argument = command.get_arguments().find(|known| known.get_id() == flag).unwrap();
            let help = argument.get_help().unwrap().to_string();
            let said = help.rsplit("[default: ").next().unwrap().trim_end_matches(']');
            assert_eq!(duration::parse(said), Ok(default), "{help}");
        }
    }
}
