//! `sso-refresh profiles`: a profile for every account and role of a session, in a block of its own in the AWS config
//! file. Nothing else in it is touched.

mod block;
mod entry;
mod template;

use std::borrow::Cow;

use serde::Serialize;
use similar::TextDiff;

use self::{
    block::{Layout, Unfit, key},
    entry::{Entry, entries, places, refuse_collisions},
    template::{Template, portable},
};
use super::{
    context::Context,
    exit::{self, Failure},
    listing::{Progress, Wanted, listed},
    out,
    uninterrupted::Uninterrupted,
};
use crate::{
    api::VERSION,
    config::{
        self, SessionSettings,
        aws::{AwsConfig, Text, ini::FileKind},
        line,
    },
    store::{self, file},
};

/// How often the block is put into what somebody else has just written.
const TRIES: u32 = 8;

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The profiles stand between two marked lines of the AWS config file, one block for each session. Running \
                  it again brings them up to date: what AWS lists no more goes. A key that you add to one of them, such \
                  as `output`, stays.\n\n\
                  A template has {account_name}, {account_id}, {role}, {session} and {email}; in what they stand for, a \
                  dash takes the place of whatever some AWS program would not take in a name.\n\n  \
                  sso-refresh profiles --dry-run\n  \
                  sso-refresh profiles --prefix work- --template '{account_name}-{role}'"
)]
pub(super) struct Args {
    #[command(flatten)]
    wanted: Wanted,
    /// Show what would change in the file, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// What each name begins with
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = portable)]
    prefix: String,
    /// How to name them
    #[arg(long, value_name = "TEMPLATE", default_value = DEFAULT_TEMPLATE)]
    template: Template,
    /// The region that they have; without it each keeps its own, and a new one has none
    #[arg(long, value_name = "REGION", value_parser = portable)]
    region: Option<String>,
    /// Let them run this program, for AWS programs that don't know `sso_session`
    #[arg(long)]
    credential_process: bool,
}

/// The first line of a block; like the markers, it has neither a colon nor an equals sign.
const NOTE: &str =
    "# Written by `sso-refresh profiles`, which writes it anew. Keys that you add to a profile stay.";

const DEFAULT_TEMPLATE: &str = "{account_name}-{role}";

/// What becomes of the file.
struct Edit {
    /// None where there is no file.
    before: Option<String>,
    after: String,
    added: Vec<String>,
    gone: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    version: u32,
    session: &'a str,
    file: String,
    changed: bool,
    dry_run: bool,
    profiles: Vec<Profile<'a>>,
    added: &'a [String],
    gone: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile<'a> {
    name: &'a str,
    account_id: &'a str,
    account_name: &'a str,
    role_name: &'a str,
}

pub(super) fn run(args: &Args, context: &Context, quiet: bool) -> Result<u8, Failure> {
    let session = context.session(args.wanted.session.as_deref())?;
    let work = Work { args, context, session };
    // What is wrong with the file is said before AWS is asked for long.
    work.edit(&[])?;
    let progress = Progress::new(quiet);
    let assignments = listed(context, session, "an account that was listed", &async |portal, token| {
        let tell = |known, accounts| progress.tell(format_args!("roles of {known} of {accounts} accounts"));
        portal.assignments(token, tell).await
    })?;
    drop(progress);
    let entries = entries(&session.name, assignments, &args.prefix, &args.template)?;
    for _ in 0..TRIES {
        let edit = work.edit(&entries)?;
        if args.dry_run || !edit.is_change() || edit.write(context)? {
            work.print(&edit, &entries)?;
            return Ok(exit::DONE);
        }
    }
    let busy = store::Error::Busy { path: context.paths.aws_config.clone() };
    Err(Failure::new(exit::TEMPORARY, busy.to_string()))
}

impl Edit {
    fn is_change(&self) -> bool {
        self.before.as_deref().unwrap_or_default() != self.after
    }

    /// `false` where the file is another by now.
    fn write(&self, context: &Context) -> Result<bool, Failure> {
        let _uninterrupted = Uninterrupted::begin();
        let before = self.before.as_deref().map(str::as_bytes);
        Ok(file::replace_seen(&context.paths.aws_config, before, self.after.as_bytes())?)
    }
}

struct Work<'a> {
    args: &'a Args,
    context: &'a Context,
    session: &'a SessionSettings,
}

impl Work<'_> {
    /// Reads the file, and puts `entries` into it.
    fn edit(&self, entries: &[Entry]) -> Result<Edit, Failure> {
        let (paths, session) = (&self.context.paths, &self.session.name);
        let name = self.file();
        let before = config::aws_text(paths, &paths.aws_config)?;
        let text = before.as_deref().unwrap_or_default();
        if !self.args.credential_process {
            self.require_session(text)?;
        }
        let layout = Layout::of(text, session).map_err(|unfit| self.unfit(&unfit))?;
        let mut taken = places(&name, &layout.outside(), FileKind::Config);
        let credentials = config::aws_text(paths, &paths.aws_credentials)?.unwrap_or_default();
        taken.extend(places(&paths.show(&paths.aws_credentials), &credentials, FileKind::Credentials));
        refuse_collisions(entries, &taken)?;
        let after = layout.with(&self.lines(entries, &layout)?);
        let is_new = |name: &&str| !layout.profiles().any(|old| old == *name);
        let is_gone = |name: &&str| !entries.iter().any(|entry| entry.name == *name);
        let added =
            entries.iter().map(|entry| entry.name.as_str()).filter(is_new).map(str::to_owned).collect();
        let gone = layout.profiles().filter(is_gone).map(str::to_owned).collect();
        Ok(Edit { before, after, added, gone })
    }

    /// What stands between the markers.
    fn lines(&self, entries: &[Entry], layout: &Layout) -> Result<Vec<String>, Failure> {
        let Args { region, credential_process, .. } = self.args;
        let config = self.context.paths.config.display().to_string();
        let flags =
            if self.context.paths.config_given { vec![("--config", config.as_str())] } else { vec![] };
        let process = credential_process.then_some(flags.as_slice());
        let without: &[&str] = if region.is_some() { &["region"] } else { &[] };
        let mut lines = Vec::new();
        if !entries.is_empty() {
            lines.push(NOTE.to_owned());
        }
        for entry in entries {
            lines.push(format!("[profile {}]", entry.name));
            lines.extend(entry.keys(&self.session.name, process)?);
            lines.extend(region.as_ref().map(|region| format!("region = {region}")));
            lines.extend(layout.added(&entry.name, without).into_iter().map(str::to_owned));
            lines.push(String::new());
        }
        Ok(lines)
    }

    /// A profile with `sso_session` is good for nothing where AWS programs don't find the session.
    fn require_session(&self, text: &str) -> Result<(), Failure> {
        let SessionSettings { name, .. } = self.session;
        let file = self.file();
        let aws = AwsConfig::parse(Text { name: &file, text }, Text::default());
        let found = aws.sessions.iter().find(|session| session.name == *name);
        if found.is_some_and(|session| session.start_url.is_some() && session.region.is_some()) {
            return Ok(());
        }
        let message = format_args!(
            "AWS programs look for the session `{name}` in {file}, which has no [sso-session {name}] with sso_start_url and \
             sso_region: write one there, or use --credential-process"
        );
        Err(Failure::new(exit::USAGE, line(message)))
    }

    fn unfit(&self, unfit: &Unfit) -> Failure {
        let session = &self.session.name;
        let (number, what) = match unfit {
            Unfit::Torn { line, marker } => (
                line,
                format!(
                    "`{marker}` has no counterpart, so that nobody can tell what belongs to the block: restore the other \
                     line, or delete this one"
                ),
            ),
            Unfit::Twice { lines: [first, second] } => (
                second,
                format!(
                    "a second block of `{session}` begins here, beside the one of line {first}: delete one of them"
                ),
            ),
            Unfit::Foreign { line } => (
                line,
                format!(
                    "this belongs to no profile, and the block of `{session}` that it is in is written anew: move it out \
                     of there"
                ),
            ),
            Unfit::Astray { line } => (
                line,
                format!(
                    "this belongs to the last profile of the block of `{session}` above, which is written anew: move it \
                     into the block or to another section"
                ),
            ),
        };
        Failure::new(exit::FAILED, line(format_args!("{}:{number}: {what}", self.file())))
    }

    fn print(&self, edit: &Edit, entries: &[Entry]) -> Result<(), Failure> {
        let Args { wanted, dry_run, .. } = self.args;
        let file = self.file();
        let changed = edit.is_change();
        let diff = dry_run.then(|| {
            let before = shown(edit.before.as_deref().unwrap_or_default());
            TextDiff::from_lines(&before, &shown(&edit.after)).unified_diff().header(&file, &file).to_string()
        });
        if wanted.json {
            let profiles = entries.iter().map(|entry| Profile {
                name: &entry.name,
                account_id: &entry.account.id,
                account_name: &entry.account.name,
                role_name: &entry.role,
            });
            return out::json(&Printed {
                version: VERSION,
                session: &self.session.name,
                file: self.context.paths.aws_config.display().to_string(),
                changed,
                dry_run: *dry_run,
                profiles: profiles.collect(),
                added: &edit.added,
                gone: &edit.gone,
                diff,
            });
        }
        match diff {
            Some(diff) if changed => out::text(&diff),
            _ => out::line(&self.summary(edit, entries.len())),
        }
    }

    fn summary(&self, edit: &Edit, number: usize) -> String {
        let (file, session) = (self.file(), &self.session.name);
        let profiles = match number {
            0 => "no profile".to_owned(),
            1 => "1 profile".to_owned(),
            number => format!("{number} profiles"),
        };
        let news = if edit.is_change() {
            format!("{} new, {} gone", edit.added.len(), edit.gone.len())
        } else {
            "nothing has changed".to_owned()
        };
        line(format_args!("{file} has {profiles} of `{session}`: {news}"))
    }

    fn file(&self) -> String {
        self.context.paths.show(&self.context.paths.aws_config)
    }
}

/// `text` as it may be shown: lines beside those that change are the user's, and some hold a secret.
fn shown(text: &str) -> String {
    const SECRET_KEYS: [&str; 3] = ["aws_secret_access_key", "aws_session_token", "aws_security_token"];
    let lines = text.split_inclusive('\n').map(|line| match key(line) {
        Some(key) if SECRET_KEYS.contains(&&*key) => {
            let end = &line[line.trim_end_matches(['\r', '\n']).len()..];
            Cow::from(format!("{key} = (not shown){end}"))
        }
        _ => Cow::from(line),
    });
    lines.collect()
}
