//! `service logs`: the log, by the program that reads it on this system.

use std::{os::unix::process::CommandExt, process::Command};

use super::manager::Manager;
use crate::{
    cli::{
        context::Context,
        exit::{self, Failure},
    },
    platform::Supervisor,
    service::{NAME, launchd},
};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Go on with what is written from now on
    #[arg(short, long)]
    follow: bool,
    /// Only this many of the last lines
    #[arg(short = 'n', long, value_name = "COUNT")]
    lines: Option<u32>,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    // What was written while there was one can still be read.
    if let Err(failure) = Manager::reach(context).await {
        failure.say();
    }
    let words = match Supervisor::HERE {
        Supervisor::Systemd => journal(args),
        Supervisor::Launchd => {
            let file = launchd::log_file(&context.paths.home);
            if !file.exists() {
                let line = format!("there is no log at {} yet: `sso-refresh service start`", file.display());
                return Err(Failure::new(exit::FAILED, line));
            }
            tail(args, &file.display().to_string())
        }
    };
    // It takes the place of this process, so that its pager and Ctrl-C are its own.
    let error = Command::new(&words[0]).args(&words[1..]).exec();
    Err(Failure::new(
        exit::FAILED,
        format!("can't start {}: {error}; the log is where `sso-refresh run` writes it", words[0]),
    ))
}

fn journal(args: &Args) -> Vec<String> {
    let mut words = vec!["journalctl".to_owned(), "--user".to_owned(), format!("--unit={NAME}.service")];
    words.extend(args.follow.then(|| "--follow".to_owned()));
    words.extend(args.lines.map(|lines| format!("--lines={lines}")));
    words
}

fn tail(args: &Args, file: &str) -> Vec<String> {
    let mut words = vec!["tail".to_owned(), "-n".to_owned(), args.lines.unwrap_or(1000).to_string()];
    words.extend(args.follow.then(|| "-F".to_owned()));
    words.push(file.to_owned());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_its_reader() {
        let some = Args { follow: true, lines: Some(5) };
        let none = Args { follow: false, lines: None };
        assert_eq!(
            journal(&some).join(" "),
            "journalctl --user --unit=sso-refresh.service --follow --lines=5"
        );
        assert_eq!(journal(&none).join(" "), "journalctl --user --unit=sso-refresh.service");
        assert_eq!(tail(&some, "/l").join(" "), "tail -n 5 -F /l");
        assert_eq!(tail(&none, "/l").join(" "), "tail -n 1000 /l");
    }
}
