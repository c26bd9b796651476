//! `token`: what it takes to have the token printed, whole process.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::json;

use crate::{
    center::Center,
    daemon,
    figure::Figure,
    floor,
    home::Home,
    node,
    ways::{Way, race},
};

const ROUNDS: usize = 60;
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

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let center = Center::start(None)?;
    let home = Home::new(&["work"], &center.url, "")?;
    let token = home.sign_in(&center, "work", Duration::from_secs(3600))?;
    let _daemon = daemon::start(&home, binary)?;

    let mut ways = vec![Way::new("sso-refresh token", binary, ["token"])];
    ways.push(Way::new("cat token.json", "cat", [old_file(&home, &token)?]));
    match floor::compile(&home) {
        Ok(floor) => ways.push(floor::way(&home, floor, TARGET)),
        Err(error) => println!("  WITHOUT the floor client: {error:#}"),
    }
    match script(&home) {
        Ok(script) => ways.push(Way::new(SCRIPT, script, [""; 0]).aim("≤ 1/45", AIM)),
        Err(error) => println!("  WITHOUT {SCRIPT}: {error:#}"),
    }
    race(&home, ROUNDS, ways, &token)
}

const SCRIPT: &str = "get-token.sh";
const TARGET: &str = "/token?min_validity=60";

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
