//! [`Way`]: a program that prints something, and [`race`]: several of them in turn.

use std::{ffi::OsString, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, ensure};

use crate::{
    figure::Figure,
    home::Home,
    program::run,
    samples::{Samples, millis},
};

const WARM_UPS: usize = 3;

/// A way to have something printed, by a whole process.
pub(crate) struct Way {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    /// The yardstick takes at least this many times as long, where there is an aim.
    aim: Option<(&'static str, f64)>,
    times: Vec<Duration>,
}

impl Way {
    pub(crate) fn new<A: Into<OsString>>(
        name: &'static str,
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { name, program: program.into(), arguments, aim: None, times: Vec::new() }
    }

    /// A yardstick that ours must be `times` as quick as.
    pub(crate) fn aim(self, text: &'static str, times: f64) -> Self {
        Self { aim: Some((text, times)), ..self }
    }

    fn command(&self, home: &Home) -> Command {
        let mut command = home.command(&self.program);
        command.args(&self.arguments);
        command
    }
}

/// Runs them in turn, so that what else the machine does hits all, and tells the first one beside each of the others.
/// All must print `expected`.
pub(crate) fn race(
    home: &Home,
    rounds: usize,
    mut ways: Vec<Way>,
    expected: &str,
) -> anyhow::Result<Vec<Figure>> {
    for round in 0..WARM_UPS + rounds {
        for way in &mut ways {
            let (printed, took) = run(&mut way.command(home))?;
            ensure!(printed.contains(expected), "{} did not print what it should", way.name);
            if round >= WARM_UPS {
                way.times.push(took);
            }
        }
    }
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
        Ok(match way.aim {
            Some((text, times)) => figure.aim(text, ours_median * times <= median),
            None => figure,
        })
    })
    .collect()
}
