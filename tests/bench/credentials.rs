//! `credentials`: what it takes to have the credentials of a role printed, whole process, with a daemon that has them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use serde_json::{Value, json};
use sso_refresh::store::token_file_name;

use crate::{
    center::Center,
    daemon,
    figure::Figure,
    floor,
    home::{ACCOUNT, Home, ROLE},
    program,
    ways::{Way, race},
};

const SESSION: &str = "work";
const ROUNDS: usize = 20;
/// The AWS CLI takes at least this many times as long.
const AIM: f64 = 150.0;

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let center = Center::start(None)?;
    let home = Home::new(&["work"], &center.url, "")?;
    home.sign_in(&center, "work", Duration::from_secs(3600))?;
    let _daemon = daemon::start(&home, binary)?;

    let arguments = ["credentials", "--profile", "work"];
    let (printed, _) = program::run(home.command(binary).args(arguments))?;
    let credentials: Value = serde_json::from_str(&printed)?;
    let mut ways = vec![Way::new("sso-refresh credentials", binary, arguments)];
    match floor::compile(&home) {
        Ok(floor) => {
            let target = format!("/v1/sessions/{SESSION}/credentials?account_id={ACCOUNT}&role_name={ROLE}");
            ways.push(floor::way(&home, floor, &target));
        }
        Err(error) => println!("  WITHOUT the floor client: {error:#}"),
    }
    match aws_cli(&home) {
        Ok(aws) => {
            warm(&home, &credentials)?;
            let arguments = ["configure", "export-credentials", "--profile", "work"];
            ways.push(Way::new("aws configure export-credentials", aws, arguments).aim("≤ 1/150", AIM));
        }
        Err(error) => println!("  WITHOUT the AWS CLI: {error:#}"),
    }
    let key = credentials["AccessKeyId"].as_str().context("no AccessKeyId was printed")?;
    race(&home, ROUNDS, ways, key)
}

/// The AWS CLI v2; the first release does not know the command.
fn aws_cli(home: &Home) -> anyhow::Result<PathBuf> {
    let is_second = |aws: &PathBuf| {
        program::run(home.command(aws).arg("--version")).is_ok_and(|(said, _)| said.starts_with("aws-cli/2."))
    };
    let wanted = "there is no version 2 of `aws` on the PATH (Debian's package awscli will do)";
    program::all("aws").into_iter().find(is_second).context(wanted)
}

/// Gives the CLI the credentials in its own cache, so that it asks nobody either. The file is named for what
/// botocore's `SSOCredentialFetcher._create_cache_key` makes, and hashed as the name of a token file is.
fn warm(home: &Home, credentials: &Value) -> anyhow::Result<()> {
    let key = format!(r#"{{"accountId":"{ACCOUNT}","roleName":"{ROLE}","sessionName":"work"}}"#);
    let mut cached = json!({ "ProviderType": "sso", "Credentials": {} });
    for member in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"] {
        cached["Credentials"][member] = credentials[member].clone();
    }
    home.write(&format!(".aws/cli/cache/{}", token_file_name(&key)), cached.to_string().as_bytes())?;
    Ok(())
}
