//! `sso-refresh config`: checks and shows the configuration.

use clap::Subcommand;
use serde::Serialize;

use super::{
    context::Context,
    exit::{self, Failure},
    out,
    table::{Cell, Table, terminal_width},
};
use crate::{
    api::VERSION,
    config::{self, Explained, Settings},
};

/// What stands below the options in its help.
pub(super) const HELP: &str = "`check` needs no daemon and changes nothing.\n\n  \
                               sso-refresh config check\n  \
                               sso-refresh config show --json | jq -r '.warnings[]'\n  \
                               \"${EDITOR:-vi}\" \"$(sso-refresh config path)\" && sso-refresh reload\n\n\
                               Exit codes: 2 there is a mistake.";

/// What is to be done with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Validate it: mistakes with line and column, and what some AWS program would not accept
    Check,
    /// Show the settings in force and where each comes from
    Show {
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print where the configuration file is, or would be
    Path,
}

#[derive(Serialize)]
struct Printed<'a> {
    version: u32,
    settings: &'a [Explained],
    warnings: &'a [String],
}

pub(super) fn run(command: &Command, context: &Context) -> Result<u8, Failure> {
    match command {
        Command::Check => check(context.settings()?),
        Command::Show { json } => show(*json, context),
        Command::Path => out::line(&context.paths.config.display().to_string()),
    }?;
    Ok(exit::DONE)
}

fn check(settings: &Settings) -> Result<(), Failure> {
    for warning in &settings.warnings {
        out::line(&format!("warning: {warning}"))?;
    }
    let names = settings.sessions.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    out::line(&match settings.sessions.len() {
        0 => "ok: 0 sessions; run `aws configure sso`, or add a [session.NAME] to config.toml".to_owned(),
        1 => format!("ok: 1 session ({names})"),
        count => format!("ok: {count} sessions ({names})"),
    })
}

fn show(json: bool, context: &Context) -> Result<(), Failure> {
    let (settings, explained) = config::explain(&context.paths, &context.env)?;
    if json {
        return out::json(&Printed { version: VERSION, settings: &explained, warnings: &settings.warnings });
    }
    out::text(&table(&explained).text(terminal_width()))?;
    if settings.sessions.is_empty() {
        out::line("\nNo session is configured: run `aws configure sso`, or add a [session.NAME] here.")?;
    }
    Ok(())
}

fn table(explained: &[Explained]) -> Table<3> {
    let mut table = Table::new(["SETTING", "VALUE", "FROM"]);
    for Explained { key, value, origin } in explained {
        let value = value.as_deref().filter(|value| !value.is_empty()).unwrap_or("-");
        table.row([key, value, origin].map(Cell::from), Vec::new());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::sheet::sheet;

    #[test]
    fn the_settings_fit_a_terminal() {
        let explained = |key: &str, value: Option<&str>, origin: &str| Explained {
            key: key.into(),
            value: value.map(Into::into),
            origin: origin.into(),
        };
        let settings = [
            explained("session.work.start_url", Some("https://example.awsapps.com/start"), "~/.aws/config:2"),
            explained("session.work.session_duration", None, "default"),
            explained("refresh_before", Some("25m"), "~/.config/sso-refresh/config.toml:1"),
        ];
        insta::assert_snapshot!(sheet(|width| table(&settings).text(Some(width))), @r"
        ── 80 columns
        SETTING                     VALUE                      FROM
        session.work.start_url      https://example.awsapps.c  ~/.aws/config:2
                                    om/start
        session.work.session_durat  -                          default
        ion
        refresh_before              25m                        ~/.config/sso-refresh/con
                                                               fig.toml:1

        ── without colours

        ── 140 columns
        SETTING                        VALUE                              FROM
        session.work.start_url         https://example.awsapps.com/start  ~/.aws/config:2
        session.work.session_duration  -                                  default
        refresh_before                 25m                                ~/.config/sso-refresh/config.toml:1

        ── without colours
        ");
    }
}
