//! `doctor`: each check seen failing, its remedy run where that is a command of ours, and the check passing then.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what is missing fails the test")]

use std::{
    fs::{self, File, FileTimes, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
    time::Duration,
};

use serde_json::Value;
use sso_refresh::simulator::Options;

use crate::support::{Center, Home, Ran, START_URL, WORK, secrets};

mod each;
mod files;
mod machine;
mod network;
mod remedies;
mod shown;

const MINUTE: Duration = Duration::from_secs(60);

/// The findings of `check`, how the command ended, and all that it printed.
fn doctor(home: &Home, line: &str) -> (Vec<Value>, Ran) {
    let ran = home.run(&format!("doctor --json {line}"));
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert_eq!(printed["version"], 1);
    (printed["checks"].as_array().unwrap().clone(), ran)
}

/// The findings of one check that are not ok.
fn wrong(home: &Home, check: &str) -> Vec<Value> {
    let (findings, ran) = doctor(home, "");
    let (all, fails) = (findings.iter().filter(|found| found["check"] == check), |found: &Value| {
        found["verdict"] == "failure"
    });
    assert!(all.clone().count() > 0, "there is no check {check}: {ran:?}");
    assert_eq!(ran.code, i32::from(findings.iter().any(fails)), "{ran:?}");
    all.filter(|found| found["verdict"] != "ok").cloned().collect()
}

/// Sees `check` find `verdict` with a remedy that is a command of ours, runs that, and sees the check pass.
fn mended_by_its_remedy(home: &Home, check: &str, verdict: &str) {
    let found = wrong(home, check);
    assert_eq!(found.len(), 1, "{check}: {found:?}");
    assert_eq!(found[0]["verdict"], verdict, "{check}: {found:?}");
    let command = found[0]["remedy"]["command"].as_str().unwrap();
    let ran = home.run(command.strip_prefix("sso-refresh ").unwrap());
    assert!([0, 1].contains(&ran.code), "{command}: {ran:?}");
    assert_eq!(wrong(home, check), [Value::Null; 0], "{check} after {command}: {ran:?}");
}
