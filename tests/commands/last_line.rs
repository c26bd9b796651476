//! Who reads only the last line of what a command says can mend what is wrong: the line is taken, what it says is done,
//! and then the same command works.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::time::Duration;

use sso_refresh::simulator::Options;

use crate::{
    shell::{last_line, quoted, shell, tool},
    support::{Center, Home, Ran, WORK},
};

mod machine;
mod network;
mod region;
mod session;

const MINUTE: Duration = Duration::from_secs(60);

/// A sign-in is approved at once.
fn center() -> Center {
    Center::start(Options { auto_approve: true, interval: Duration::ZERO, ..Options::default() })
}

fn run(home: &Home, line: &str) -> Ran {
    shell(home, line).output().unwrap().into()
}

/// The last line of a command that fails with `code`.
fn fails(home: &Home, line: &str, code: i32) -> String {
    let ran = run(home, line);
    assert_eq!(ran.code, code, "{line}: {ran:?}");
    last_line(&ran)
}

fn works(home: &Home, line: &str) {
    let ran = run(home, line);
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
}

/// The command that a line ends with.
fn command(line: &str) -> &str {
    quoted(line).pop().unwrap()
}

/// What stands last in `shown`, in one line however it was broken.
fn last_sentence(shown: &str) -> String {
    let last = shown.trim_end().rsplit("\n\n").next().unwrap_or_default();
    last.split_whitespace().collect::<Vec<_>>().join(" ")
}
