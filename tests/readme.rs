//! What README.md says is true: its commands are there and those marked run, its configuration is accepted, and the
//! files that it names exist.

#![cfg(feature = "simulator")]
#![expect(clippy::unwrap_used, reason = "a README or a program that can't be read fails the test")]

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output},
};

use tempfile::{NamedTempFile, TempDir};

const README: &str = include_str!("../README.md");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// How long the demo runs here: a refresh or two.
const DEMO: [&str; 2] = ["--for", "12s"];

/// What a block of shell commands is marked with whose commands run here.
const RUNS: &str = "sh test";

#[test]
fn the_marked_shell_commands_run() {
    let mut ran = 0;
    for line in blocks(RUNS).flat_map(str::lines).filter(|line| !line.starts_with('#')) {
        let line = line.replacen("cargo run --release --", "sso-refresh", 1);
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            // These tests are that one.
            ["cargo", "test"] => {}
            ["sso-refresh", "demo"] => expect_success(&["demo", DEMO[0], DEMO[1]]),
            ["sso-refresh", arguments @ ..] => expect_success(arguments),
            _ => panic!("{line}: can't be run here; leave its block unmarked"),
        }
        ran += 1;
    }
    assert!(ran > 0, "README.md has no block marked `{RUNS}`");
}

fn expect_success(arguments: &[&str]) {
    let output = sso_refresh(arguments);
    assert!(output.status.success() && !output.stdout.is_empty(), "{arguments:?}: {output:?}");
}

/// Two words at most are a command; a flag in the table of commands is one of the command in the row.
#[test]
fn every_command_and_flag_is_in_the_help() {
    let named: BTreeSet<Vec<&str>> = code().filter_map(command).collect();
    for word in ["run", "service", "status", "token", "refresh", "config"] {
        assert!(
            named.contains(&vec![word]) || named.iter().any(|words| words[0] == word),
            "{word}: {named:?}"
        );
    }
    for words in named {
        help(&words);
    }
    let mut rows = 0;
    for row in README.lines().filter(|row| row.starts_with("| `sso-refresh ")) {
        rows += 1;
        let help = help(&spans(row).find_map(command).unwrap());
        for flag in spans(row).flat_map(str::split_whitespace).filter(|word| word.starts_with("--")) {
            let flag = flag.trim_matches(|c: char| !c.is_ascii_lowercase());
            assert!(help.contains(&format!("--{flag}")), "{row}: --{flag} is not in\n{help}");
        }
    }
    assert!(rows > 5, "the table of commands was not found");
}

#[test]
fn every_command_of_the_program_is_in_the_table() {
    let text = String::from_utf8(sso_refresh(&["--help"]).stdout).unwrap();
    let listed = text.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    // A description that goes on in the next line is indented further.
    let names = listed
        .lines()
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| *name != "help") {
        let row = format!("| `sso-refresh {name}");
        assert!(
            README.lines().any(|line| line.starts_with(&row)),
            "README.md has no row `sso-refresh {name}`"
        );
    }
}

fn help(command: &[&str]) -> String {
    let output = sso_refresh(&[command, &["--help"]].concat());
    assert!(output.status.success(), "README.md names `sso-refresh {}`: {output:?}", command.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// The words of a command: `config check` of `sso-refresh config check --quiet`, `token` of `sso-refresh token work`.
fn command(code: &str) -> Option<Vec<&str>> {
    let is_word = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    let mut words = code.strip_prefix("sso-refresh ")?.split_whitespace().take_while(is_word);
    let first = words.next()?;
    let has_verbs = ["config", "service"].contains(&first);
    Some(if has_verbs { std::iter::once(first).chain(words.take(1)).collect() } else { vec![first] })
}

#[test]
fn the_configuration_is_accepted_and_has_effect() {
    // What there is to set, in the order of the text.
    let expected = ["ok: 1 session (work)", "ok: 0 sessions"];
    let examples: Vec<&str> = blocks("toml").collect();
    assert_eq!(examples.len(), expected.len());
    for (example, expected) in examples.into_iter().zip(expected) {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(example.as_bytes()).unwrap();
        let output = sso_refresh(&["config", "check", "--config", file.path().to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.starts_with(expected), "{output:?}");
    }
}

#[test]
fn every_file_that_is_named_exists_and_every_module_is_named() {
    let in_links =
        README.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    let links = in_links.filter(|target| !target.starts_with("http") && !target.starts_with('#'));
    let files = code().filter(|code| {
        ["src/", "tests/", "packaging/", ".ci/"].iter().any(|folder| code.starts_with(folder))
    });
    for name in links.chain(files) {
        assert!(Path::new(ROOT).join(name).exists(), "README.md names {name}");
    }
    for entry in fs::read_dir(Path::new(ROOT).join("src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // The crate's own page has the same text as this file's first lines.
        let counts =
            Path::new(&name).extension().is_some_and(|extension| extension == "rs") && name != "lib.rs";
        assert!(!counts || README.contains(&format!("`src/{name}`")), "README.md does not name src/{name}");
    }
}

#[test]
fn every_heading_that_is_linked_is_there() {
    let anchors: BTreeSet<String> = README
        .lines()
        .filter(|line| line.starts_with("##"))
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            words.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
        })
        .collect();
    let linked: Vec<&str> = README
        .split("](#")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(anchor, _)| anchor))
        .collect();
    assert!(linked.len() > 10, "{linked:?}");
    for anchor in linked {
        assert!(anchors.contains(anchor), "README.md links #{anchor}, and has {anchors:?}");
    }
}

/// Runs the program in an empty home directory, with an environment of its own.
fn sso_refresh(arguments: &[&str]) -> Output {
    let home = TempDir::with_prefix("sso-").unwrap();
    Command::new(env!("CARGO_BIN_EXE_sso-refresh"))
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .output()
        .unwrap()
}

/// The fenced blocks of that kind.
fn blocks(kind: &str) -> impl Iterator<Item = &'static str> {
    let opening = format!("```{kind}\n");
    let pieces: Vec<&str> = README.split(&opening).skip(1).collect();
    pieces.into_iter().map(|rest| rest.split("\n```").next().unwrap_or_default())
}

/// Every piece of code: spans within a line, and the lines of shell blocks.
fn code() -> impl Iterator<Item = &'static str> {
    let lines = ["sh", RUNS].into_iter().flat_map(blocks).flat_map(str::lines);
    let text = README.lines().filter(|line| !line.starts_with("```"));
    lines.chain(text.flat_map(spans))
}

/// What stands between backquotes in a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}
