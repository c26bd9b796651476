//! `endpoint`: how many credentials a second the loopback endpoint hands out to wrk, and how quickly, beside a bare
//! hyper server that answers the same bytes.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, ensure};
use hyper::body::Bytes;

use crate::{bare, center::Center, daemon, figure::Figure, home::Home, program};

const CONNECTIONS: [u32; 3] = [1, 8, 64];
/// In turn, so that what else the machine does hits both.
const ROUNDS: usize = 3;
const SPAN: &str = "2s";
const PATH: &str = "/v1/credentials/work";
const AIM: f64 = 2.5;

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let wrk = program::find("wrk").context("wrk is not on the PATH")?;
    let center = Center::start(None)?;
    let home = Home::new(&["work"], &center.url, "[listen]\naddress = \"127.0.0.1:0\"")?;
    home.sign_in(&center, "work", Duration::from_secs(3600))?;
    let _daemon = daemon::start(&home, binary)?;
    let endpoint = daemon::endpoint(&home, binary)?;
    let url = endpoint.url(PATH);
    let (bare, _guard) = bare::over_tcp(Bytes::from(endpoint.get(PATH)?))?;
    let bare = format!("http://{bare}{PATH}");
    // A header on the command line would be there for everybody to read.
    let script = format!("wrk.headers[\"Authorization\"] = \"{}\"\n", endpoint.token);
    let script = home.write("authorization.lua", script.as_bytes())?;

    let mut figures = Vec::new();
    for connections in CONNECTIONS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for (url, rounds) in [(&url, &mut ours), (&bare, &mut theirs)] {
                let mut command = home.command(&wrk);
                command.args(["-t1", "-d", SPAN, "--latency", "-c", &connections.to_string(), "-s"]);
                command.arg(&script).arg(url);
                rounds.push(Load::run(&mut command)?);
            }
        }
        let [ours, theirs] = [ours, theirs].map(Load::middle);
        let (ours, theirs) = (ours?, theirs?);
        let what = format!("endpoint, {connections} connections");
        // In time per request, so that more is worse as everywhere.
        let times = theirs.rate / ours.rate;
        let mut figure = Figure::new(what, ours.to_string());
        figure = figure.beside(format!("bare hyper: {theirs}"), times, 1.0);
        figures.push(figure.aim("≤ 2.5", times <= AIM));
    }
    Ok(figures)
}

/// What wrk measured.
struct Load {
    /// Answers a second.
    rate: f64,
    p50: String,
    p99: String,
}

impl Load {
    fn run(command: &mut Command) -> anyhow::Result<Self> {
        let (printed, _) = program::run(command)?;
        ensure!(!printed.contains("Non-2xx"), "wrk got errors: {printed}");
        let after = |name: &str| {
            let line = printed.lines().find_map(|line| line.trim().strip_prefix(name));
            line.map(|rest| rest.trim().to_owned())
                .with_context(|| format!("wrk printed no {name}: {printed}"))
        };
        Ok(Self { rate: after("Requests/sec:")?.parse()?, p50: after("50%")?, p99: after("99%")? })
    }

    /// The one with the middle rate.
    fn middle(mut rounds: Vec<Self>) -> anyhow::Result<Self> {
        rounds.sort_by(|one, other| one.rate.total_cmp(&other.rate));
        let middle = rounds.len() / 2;
        rounds.into_iter().nth(middle).context("wrk never ran")
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} a second (p50 {}, p99 {})", self.rate, self.p50, self.p99)
    }
}
