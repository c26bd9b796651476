//! `token`: what it takes to have the token printed, whole process.

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::{
    center::Center,
    daemon,
    figure::Figure,
    home::Home,
    node,
    program::{self, run},
    samples::{Samples, millis},
};

const ROUNDS: usize = 60;
const WARM_UPS: usize = 5;
/// The old script takes at least this many times as long.
const AIM: f64 = 45.0;

/// The folder of the old script, in the home directory.
const FOLDER: &str = "aws-sso-token-refresh";
/// What the old script had for this, word for word.
const GET_TOKEN: &str = r#"#!/bin/bash
cd ~/aws-sso-token-refresh
if [ -f token.json ]; then
  node -e "console.log(require('./token.json').accessToken)"
else
  echo " No token file found. Please authenticate first."
  exit 1
fi
"#;

/// A way to have the token printed.
struct Way {
    name: &'static str,
    program: PathBuf,
    argument: Option<PathBuf>,
    times: Vec<Duration>,
}

impl Way {
    fn new(name: &'static str, program: impl Into<PathBuf>, argument: Option<PathBuf>) -> Self {
        Self { name, program: program.into(), argument, times: Vec::new() }
    }

    fn command(&self, home: &Home) -> Command {
        let mut command = home.command(&self.program);
        command.args(&self.argument);
        command
    }
}

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let center = Center::start(None)?;
    let home = Home::new(&["work"], &center.url, "")?;
    let token = home.sign_in(&center, "work", Duration::from_secs(3600))?;
    let _daemon = daemon::start(&home, binary)?;

    let mut ways = vec![Way::new("sso-refresh token", binary, Some("token".into()))];
    let file = old_file(&home, &token)?;
    ways.push(Way::new("cat token.json", "cat", Some(file)));
    match floor(&home) {
        Ok(floor) => ways.push(Way::new("floor client in Rust", floor, Some(home.socket()))),
        Err(error) => println!("  WITHOUT the floor client: {error:#}"),
    }
    match script(&home) {
        Ok(script) => ways.push(Way::new(SCRIPT, script, None)),
        Err(error) => println!("  WITHOUT {SCRIPT}: {error:#}"),
    }
    for round in 0..WARM_UPS + ROUNDS {
        for way in &mut ways {
            let (printed, took) = run(&mut way.command(&home))?;
            ensure!(printed.contains(&token), "{} did not print the token", way.name);
            if round >= WARM_UPS {
                way.times.push(took);
            }
        }
    }
    compare(ways)
}

const SCRIPT: &str = "get-token.sh";

/// The first way beside each of the others.
fn compare(ways: Vec<Way>) -> anyhow::Result<Vec<Figure>> {
    let mut ways = ways.into_iter();
    let ours = ways.next().context("no way was tried")?;
    let ours_took = Samples::of(ours.times)?;
    let ours_median = millis(ours_took.median());
    ways.map(|way| {
        let took = Samples::of(way.times)?;
        let median = millis(took.median());
        let figure = Figure::new(ours.name, ours_took.to_string()).beside(
            format!("{}: {took}", way.name),
            ours_median,
            median,
        );
        let is_script = way.name == SCRIPT;
        Ok(if is_script { figure.aim("≤ 1/45", ours_median * AIM <= median) } else { figure })
    })
    .collect()
}

/// The old script's token file, in its folder.
fn old_file(home: &Home, token: &str) -> anyhow::Result<PathBuf> {
    let tokens = json!({
        "accessToken": token,
        "refreshToken": "aorAAAAAG".repeat(60),
        "tokenType": "Bearer",
        "expiresIn": 3600,
        "expiresAt": 4_102_444_800_000_u64,
        "updatedAt": "2026-01-01T00:00:00.000Z",
    });
    home.write(&format!("{FOLDER}/token.json"), serde_json::to_string_pretty(&tokens)?.as_bytes())
}

fn script(home: &Home) -> anyhow::Result<PathBuf> {
    node::find()?;
    let script = home.write(&format!("{FOLDER}/{SCRIPT}"), GET_TOKEN.as_bytes())?;
    fs::set_permissions(&script, Permissions::from_mode(0o755))?;
    Ok(script)
}

/// Compiles the floor client.
fn floor(home: &Home) -> anyhow::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/floor.rs");
    let floor = home.path("floor");
    let rustc = program::find("rustc").context("rustc is not on the PATH")?;
    let options: [&OsStr; 6] = [
        "-O".as_ref(),
        "--edition=2024".as_ref(),
        "-Cstrip=symbols".as_ref(),
        "-o".as_ref(),
        floor.as_ref(),
        source.as_ref(),
    ];
    let status = Command::new(rustc).args(options).status()?;
    ensure!(status.success(), "rustc ended with {status}");
    Ok(floor)
}
