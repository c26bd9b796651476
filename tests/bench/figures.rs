//! What the program costs: time, memory, wake-ups and bytes, each beside a yardstick of the same run.
//!
//! `cargo bench` takes all measurements, `cargo bench -- token ready` those two. Nothing fails for being slow:
//! a machine that has other work makes every time longer, so what counts is the ratio to the yardstick. The
//! binary is the one that cargo built, or the one that `FIGURES_BINARY` names.

#![expect(clippy::print_stdout, reason = "the figures are for people to read")]

#[path = "../support/authority.rs"]
mod authority;
mod bare;
mod center;
mod credentials;
mod daemon;
mod endpoint;
mod figure;
mod floor;
mod home;
mod idle;
mod lateness;
mod many;
mod memory;
mod node;
mod proc;
mod program;
mod ready;
mod requests;
mod resolve;
mod samples;
mod size;
mod token;
mod ways;

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::bail;

use figure::{Figure, table};

type Measure = fn(&Path) -> anyhow::Result<Vec<Figure>>;

const MEASUREMENTS: &[(&str, Measure)] = &[
    ("size", size::measure),
    ("ready", ready::measure),
    ("token", token::measure),
    ("credentials", credentials::measure),
    ("requests", requests::measure),
    ("endpoint", endpoint::measure),
    ("resolve", resolve::measure),
    ("lateness", lateness::measure),
    ("memory", memory::measure),
    ("many", many::measure),
    ("idle", idle::measure),
];

fn main() -> anyhow::Result<()> {
    let (flags, names): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    // `cargo test --all-targets` runs benchmarks too, without this flag.
    if !flags.iter().any(|flag| flag == "--bench") {
        println!("nothing is measured: run `cargo bench`");
        return Ok(());
    }
    if let Some(unknown) = names.iter().find(|name| MEASUREMENTS.iter().all(|(known, _)| known != name)) {
        let known: Vec<&str> = MEASUREMENTS.iter().map(|(name, _)| *name).collect();
        bail!("there is no measurement `{unknown}`; known are {}", known.join(", "));
    }
    let binary = std::env::var_os("FIGURES_BINARY")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_sso-refresh")), PathBuf::from);
    let folder = tempfile::tempdir()?;
    println!("{} on a machine with a load of {}", binary.display(), proc::load());
    let binary = install(&binary, folder.path())?;

    let mut figures = Vec::new();
    for (name, measure) in MEASUREMENTS {
        if !names.is_empty() && names.iter().all(|wanted| wanted != name) {
            continue;
        }
        println!("\n{name}");
        match measure(&binary) {
            Ok(measured) => {
                for figure in &measured {
                    println!("  {figure}");
                }
                figures.extend(measured);
            }
            Err(error) => println!("  NOT MEASURED: {error:#}"),
        }
    }
    println!("\n{}\nload at the end: {}", table(&figures), proc::load());
    Ok(())
}

/// A copy, as every installed program is one: pages of a file that a linker has just written lie in memory one by
/// one, and cost more to map.
fn install(binary: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let installed = folder.join("sso-refresh");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(&installed)?;
    file.write_all(&fs::read(binary)?)?;
    Ok(installed)
}
