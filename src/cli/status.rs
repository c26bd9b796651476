//! `sso-refresh status`: how the sessions are, from the daemon or from their files.

mod format;
mod history;
mod table;
mod timeline;
mod watch;
pub(super) mod words;

use std::{slice, time::Duration};

use anstyle::Style;
use serde::Serialize;
use tokio::time::timeout;

use self::format::Format;
use super::{
    context::{Context, block_on},
    direct::Direct,
    exit::{self, Failure},
    out,
    palette::{SOON, WRONG},
    table::readable_width,
    wrap::painted,
};
use crate::{
    api::{DaemonInfo, EndpointInfo, Report, VERSION, client},
    config::{self, SessionSettings, Settings, legacy},
    daemon::skew,
    session::status::{State, Status},
    time::Timestamp,
};

/// How long a prompt waits for the daemon, which takes a few milliseconds, before it reads the files instead; and for
/// those.
const PROMPT_PATIENCE: Duration = Duration::from_millis(300);

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "FORMAT is text with {session}, {state}, {left} (of the token), {expires} (when it ends, in UTC), {next} \
                  (what the session does next, and when), {ends} (when the session likely does) and {do} (the command \
                  to run, or nothing); {{ and }} are braces. What is not known is a dash. It prints a line a session, \
                  and where nothing can be told it prints nothing, so that a prompt stays one; -v says why.\n\n  \
                  sso-refresh status work --format '{session} {left}'\n  \
                  sso-refresh status --json | jq -r '.sessions[].state'\n\n\
                  Exit codes: 0 every session is usable, 3 one needs a sign-in, 5 one is not usable now."
)]
pub(super) struct Args {
    /// Only this session
    session: Option<String>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    /// Print a line a session, for prompts and status bars: '{session} {left}'
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["json", "history", "watch"])]
    format: Option<Format>,
    /// Show the last day instead; with --json all events that are kept
    #[arg(long)]
    history: bool,
    /// Show it live in the terminal: q quits, r refreshes the selected session, arrows select
    #[arg(long, conflicts_with_all = ["json", "format", "history"])]
    pub(super) watch: bool,
}

/// Everything that is shown; as it is, where JSON is asked for.
#[derive(Serialize)]
pub(super) struct Overview {
    version: u32,
    /// The daemon's process, where it runs.
    daemon: Option<DaemonInfo>,
    sessions: Vec<Status>,
    warnings: Vec<String>,
    /// What is wrong with the daemon.
    #[serde(skip)]
    trouble: Option<String>,
    /// Where the loopback endpoint is.
    #[serde(skip)]
    endpoint: Option<String>,
    /// Lines that would convert legacy profiles.
    #[serde(skip)]
    conversions: Vec<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    if args.watch {
        return watch::run(args.session.as_deref(), context);
    }
    if args.history {
        return history::run(args.session.as_deref(), args.json, context);
    }
    if let Some(format) = &args.format {
        return prompt(format, args.session.as_deref(), context);
    }
    block_on(async {
        let answer = context.client().status().await;
        let overview = Overview::gather(args.session.as_deref(), context, answer).await?;
        if args.json {
            out::json(&overview)?;
        } else {
            out::text(&overview.text(context.clock.now(), readable_width()))?;
        }
        Ok(overview.code())
    })
}

/// Prints what a prompt shows. Neither a daemon nor a disk that is stuck holds it up.
fn prompt(format: &Format, given: Option<&str>, context: &Context) -> Result<u8, Failure> {
    block_on(async {
        let asked = timeout(PROMPT_PATIENCE, async { context.client().status().await });
        let answer = asked.await.unwrap_or(Err(client::Error::NotRunning));
        let overview = timeout(PROMPT_PATIENCE, Overview::gather(given, context, answer)).await;
        let overview = overview.map_err(|_| {
            Failure::new(exit::TEMPORARY, "the token files can't be read in time; try again later")
        })??;
        let now = context.clock.now();
        let lines = overview.sessions.iter().map(|status| format.line(status, now) + "\n");
        out::text(&lines.collect::<String>())?;
        Ok(overview.code())
    })
}

impl Args {
    /// Whether what it prints is a part of something else, where nothing may come between.
    pub(super) fn is_for_a_prompt(&self) -> bool {
        self.format.is_some()
    }
}

impl Overview {
    /// Takes the daemon's `answer`, and what it leaves open from the files.
    pub(super) async fn gather(
        given: Option<&str>,
        context: &Context,
        answer: Result<Report, client::Error>,
    ) -> Result<Self, Failure> {
        let (report, trouble) = match answer {
            Ok(report) => (Some(report), None),
            Err(error) => (None, Some(error)),
        };
        let settings = match (context.settings(), &report) {
            (Ok(settings), _) => Some(settings),
            // The daemon goes on with what it had, and says itself what is wrong with the file.
            (Err(_), Some(_)) => None,
            (Err(failure), None) => return Err(failure),
        };
        let mut overview = Self {
            version: VERSION,
            daemon: None,
            sessions: Vec::new(),
            warnings: settings.map(|settings| settings.warnings.clone()).unwrap_or_default(),
            trouble: trouble.map(|error| trouble_line(&error)),
            endpoint: None,
            conversions: Vec::new(),
        };
        overview.take(report, given, context)?;
        if let Some(settings) = settings {
            overview.complete(settings, given, context).await?;
            for profile in legacy::profiles(settings) {
                overview.warnings.push(profile.warning());
                overview.conversions.push(profile.conversion());
            }
        }
        Ok(overview)
    }

    /// Takes what the daemon said.
    fn take(
        &mut self,
        report: Option<Report>,
        given: Option<&str>,
        context: &Context,
    ) -> Result<(), Failure> {
        let Some(Report { daemon, sessions, .. }) = report else { return Ok(()) };
        if let Some(error) = &daemon.config_error {
            let mended = context.config_error().is_none();
            let hint = if mended { "; it was mended since: run `sso-refresh reload`" } else { "" };
            self.warnings.insert(0, format!("the daemon goes on with its old settings: {error}{hint}"));
        } else if let Some(error) = context.config_error() {
            self.warnings.insert(0, error.to_string());
        }
        if let Some(EndpointInfo { address, token_file, error }) = &daemon.endpoint {
            self.endpoint = token_file.as_ref().map(|file| {
                format!("endpoint: http://{address}, with the token in {}", context.paths.show(file))
            });
            self.warnings.extend(error.clone());
        }
        self.warnings.extend(daemon.clock_ahead_secs.map(skew::sentence));
        self.daemon = Some(daemon);
        self.sessions = sessions;
        self.sessions.retain(|status| given.is_none_or(|name| name == status.session));
        match (given, context.config_error()) {
            (Some(name), Some(_)) if self.sessions.is_empty() => Err(Failure::new(
                exit::USAGE,
                format!("the daemon has no session `{name}`: see `sso-refresh status`"),
            )),
            _ => Ok(()),
        }
    }

    /// Reads the files of those sessions that the daemon said nothing of.
    async fn complete(
        &mut self,
        settings: &Settings,
        given: Option<&str>,
        context: &Context,
    ) -> Result<(), Failure> {
        if settings.sessions.is_empty() && self.sessions.is_empty() {
            return Err(no_session(settings));
        }
        let mut chosen: Vec<&SessionSettings> = match given {
            Some(_) if !self.sessions.is_empty() => Vec::new(),
            Some(name) => vec![context.session(Some(name))?],
            None => settings.sessions.values().collect(),
        };
        chosen.retain(|session| !self.sessions.iter().any(|known| known.session == session.name));
        for session in chosen {
            let direct = Direct::open(context, session).await?;
            self.sessions.push(direct.status());
            direct.close().await;
            if self.daemon.is_some() {
                let name = &session.name;
                self.warnings
                    .push(format!("the daemon does not know `{name}` yet: run `sso-refresh reload`"));
            }
        }
        self.sessions.sort_by(|one, other| one.session.cmp(&other.session));
        Ok(())
    }

    /// The process of the daemon that has answered.
    pub(super) fn daemon_pid(&self) -> Option<u32> {
        self.daemon.as_ref().map(|daemon| daemon.pid)
    }

    /// The exit code that the sessions ask for.
    pub(super) fn code(&self) -> u8 {
        exit::worst(self.sessions.iter().map(code))
    }

    /// What people read, in lines of `width` columns.
    pub(super) fn text(&self, now: Timestamp, width: usize) -> String {
        let mut text = table::table(&self.sessions, now, width);
        let mut paragraph = |style: Style, lines: &[String]| {
            if !lines.is_empty() {
                text.push('\n');
            }
            text.extend(lines.iter().map(|line| painted(line, style, width)));
        };
        paragraph(WRONG, self.trouble.as_slice());
        paragraph(Style::new(), self.endpoint.as_slice());
        let warnings = self.warnings.iter().map(|warning| format!("warning: {warning}"));
        paragraph(SOON, &warnings.collect::<Vec<_>>());
        for conversion in &self.conversions {
            paragraph(Style::new(), slice::from_ref(conversion));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

fn trouble_line(error: &client::Error) -> String {
    match error {
        client::Error::NotRunning => format!("{error}; until then nothing is refreshed by itself"),
        _ => error.to_string(),
    }
}

/// Nothing to show is a matter of configuration.
fn no_session(settings: &Settings) -> Failure {
    match legacy::profiles(settings).next() {
        Some(profile) => Failure::new(exit::USAGE, profile.warning()),
        None => config::no_session(settings).into(),
    }
}

fn code(status: &Status) -> u8 {
    match status.state {
        State::SignedOut | State::LoginRequired => exit::SIGN_IN,
        State::Fresh | State::Refreshing | State::Backoff if status.usable => exit::DONE,
        State::Fresh | State::Refreshing | State::Backoff => exit::TEMPORARY,
    }
}
