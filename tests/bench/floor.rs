//! The floor: the least that a client written in Rust can do. `floor/client.rs` is its source.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use crate::{home::Home, program, ways::Way};

/// Compiles the client.
pub(crate) fn compile(home: &Home) -> anyhow::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/floor/client.rs");
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

/// The compiled client, asking the daemon for `target`.
pub(crate) fn way(home: &Home, floor: PathBuf, target: &str) -> Way {
    Way::new("floor client in Rust", floor, [OsString::from(home.socket()), target.into()])
}
