//! `sso-refresh doctor`: what may be wrong, and what to do about it.

mod gather;
mod list;
mod probe;

use serde::Serialize;

use self::{gather::Seen, list::Marks};
use super::{
    context::{Context, block_on},
    exit::{self, Failure},
    login::is_utf8,
    out,
    table::readable_width,
};
use crate::{
    api::VERSION,
    doctor::{self, Finding, Topic, Verdict},
};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "It changes nothing without --fix.\n\n  \
                        sso-refresh doctor --fix\n  \
                        sso-refresh doctor --json | jq '.checks[] | select(.verdict == \"failure\")'\n\n\
                        Exit codes: 0 nothing fails, 1 something does. A warning is no failure.")]
pub(super) struct Args {
    /// Mend what can be mended without a loss: modes of files, and what crashes have left
    #[arg(long)]
    fix: bool,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    version: u32,
    /// What `--fix` did.
    mended: &'a [String],
    checks: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    topic: &'static str,
    #[serde(flatten)]
    finding: &'a Finding,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    let mended = if args.fix { gather::mend(context) } else { Vec::new() };
    let topics = block_on(async {
        let seen = Seen::gather(context).await;
        Ok(doctor::examine(&seen.facts()))
    })?;
    if args.json {
        out::json(&Printed { version: VERSION, mended: &mended, checks: rows(&topics) })?;
    } else {
        for line in &mended {
            out::line(line)?;
        }
        let marks = if is_utf8(&context.env) { Marks::Unicode } else { Marks::Ascii };
        out::text(&list::text(&topics, marks, readable_width()))?;
    }
    let fails = topics.iter().any(|topic| topic.verdict() == Verdict::Failure);
    Ok(if fails { exit::FAILED } else { exit::DONE })
}

fn rows(topics: &[Topic]) -> Vec<Row<'_>> {
    let rows = topics
        .iter()
        .flat_map(|topic| topic.findings.iter().map(move |finding| Row { topic: topic.name, finding }));
    rows.collect()
}
