//! `resolve`: what it takes a program that has its SDK loaded to get credentials, from the daemon's endpoint and by the
//! SDK's own way over the session.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::{
    center::Center,
    daemon::{self, Endpoint},
    figure::Figure,
    home::Home,
    node, program,
    samples::{Samples, millis},
};

const ROUNDS: u32 = 40;
/// Rounds that the first imports and connections fall into.
const WARM_UPS: usize = 3;

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let center = Center::start(None)?;
    let home = Home::new(&["work"], &center.url, "[listen]\naddress = \"127.0.0.1:0\"")?;
    home.sign_in(&center, "work", Duration::from_secs(3600))?;
    let _daemon = daemon::start(&home, binary)?;
    let endpoint = daemon::endpoint(&home, binary)?;

    let mut figures = Vec::new();
    for (name, client) in [("botocore", botocore(&home)), ("AWS SDK for JavaScript", javascript(&home))] {
        match client {
            Ok(client) => figures.push(client.compare(name, &home, &center, &endpoint)?),
            Err(error) => println!("  WITHOUT {name}: {error:#}"),
        }
    }
    Ok(figures)
}

/// A program that resolves credentials again and again.
struct Client {
    program: PathBuf,
    script: PathBuf,
}

/// What it prints.
#[derive(Deserialize)]
struct Resolved {
    took: Vec<f64>,
    key: String,
}

impl Client {
    fn compare(
        &self,
        name: &str,
        home: &Home,
        center: &Center,
        endpoint: &Endpoint,
    ) -> anyhow::Result<Figure> {
        let mut by_endpoint = self.command(home, "");
        by_endpoint
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint.url("/v1/credentials/work"))
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", &endpoint.token);
        let mut by_session = self.command(home, "work");
        by_session
            .env("AWS_ENDPOINT_URL_SSO", &center.url)
            .env("AWS_ENDPOINT_URL_SSO_OIDC", &center.url)
            .env("AWS_REGION", "us-east-1");
        let ours = resolve(&mut by_endpoint)?;
        let theirs = resolve(&mut by_session)?;
        let figure = Figure::new(format!("{name}, by the endpoint"), ours.to_string());
        let [of_ours, of_theirs] = [&ours, &theirs].map(|samples| millis(samples.median()));
        Ok(figure.beside(format!("by the session: {theirs}"), of_ours, of_theirs))
    }

    fn command(&self, home: &Home, profile: &str) -> Command {
        let mut command = home.command(&self.program);
        command.arg(&self.script).args([profile, &ROUNDS.to_string()]).env("NODE_NO_WARNINGS", "1");
        command
    }
}

fn resolve(command: &mut Command) -> anyhow::Result<Samples> {
    let (printed, _) = program::run(command)?;
    let Resolved { took, key } = serde_json::from_str(&printed)?;
    ensure!(key.starts_with("ASIA"), "the credentials are of somebody else");
    Samples::of(took.into_iter().skip(WARM_UPS).map(|took| Duration::from_secs_f64(took / 1000.0)).collect())
}

/// The first Python that has botocore.
fn botocore(home: &Home) -> anyhow::Result<Client> {
    let has_it =
        |python: &PathBuf| program::run(home.command(python).args(["-c", "import botocore.session"])).is_ok();
    let program = program::all("python3").into_iter().find(has_it);
    let program = program.context("no python3 on the PATH has botocore")?;
    Ok(Client { program, script: scripts().join("resolve.py") })
}

/// Node.js looks for packages beside the script, so it is copied to them.
fn javascript(home: &Home) -> anyhow::Result<Client> {
    let packages = std::env::var_os("FIGURES_NODE_MODULES")
        .context("FIGURES_NODE_MODULES names no node_modules with @aws-sdk/credential-providers")?;
    std::os::unix::fs::symlink(packages, home.path("node_modules"))?;
    let script = home.write("resolve.mjs", &std::fs::read(scripts().join("resolve.mjs"))?)?;
    Ok(Client { program: node::find()?, script })
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/resolve")
}
