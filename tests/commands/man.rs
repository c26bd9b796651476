//! `man`: the pages as readers of manuals take them, and where they are put.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a page that can't be had fails the test; one that can't be read is said"
)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{support::Home, terminal::Terminal};

/// All pages, written to a folder of `home`.
fn pages(home: &Home) -> Vec<PathBuf> {
    let ran = home.run("man --dir manual");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    ran.stdout.lines().map(|line| home.path(line)).collect()
}

/// Whether that program is here; else it is said that a test is left out.
fn can_run(program: &str) -> bool {
    let found = Command::new(program).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("SKIPPED: there is no `{program}`; install mandoc and man-db");
    }
    found
}

#[test]
fn they_are_written_where_man_looks_and_are_for_everybody() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let pages = pages(&home);
    for name in ["man1/sso-refresh.1", "man1/sso-refresh-service-install.1", "man5/sso-refresh.toml.5"] {
        assert!(pages.contains(&home.path("manual").join(name)), "{name}: {pages:?}");
    }
    for page in &pages {
        assert_eq!(page.metadata().unwrap().permissions().mode() & 0o777, 0o644, "{}", page.display());
    }
    let printed = home.run("man service install").stdout;
    assert_eq!(
        printed,
        std::fs::read_to_string(home.path("manual/man1/sso-refresh-service-install.1")).unwrap()
    );
    let again = self::pages(&home);
    assert_eq!(again, pages, "they are written over");
}

#[test]
fn who_reads_manuals_finds_no_fault() {
    let home = Home::new();
    let pages = pages(&home);
    if can_run("mandoc") {
        for page in &pages {
            let said = output(Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(page));
            // No date, so that the same source makes the same page.
            let faults: Vec<&str> = said.lines().filter(|line| !line.contains("missing date")).collect();
            assert!(faults.is_empty(), "{faults:#?}");
        }
    }
    if can_run("man") {
        for page in &pages {
            let mut man = Command::new("man");
            man.args(["--warnings", "-E", "UTF-8", "-l"])
                .arg(page)
                .env("LC_ALL", "C.UTF-8")
                .env("MANWIDTH", "80");
            let output = man.stdin(Stdio::null()).output().unwrap();
            assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            // A line to type is as long as it is.
            let faults: Vec<&str> = said.lines().filter(|line| !line.contains("can't break line")).collect();
            assert!(faults.is_empty(), "{}: {faults:#?}", page.display());
        }
    }
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn on_a_terminal_a_page_is_shown() {
    let home = Home::new();
    let folder = home.path("bin");
    home.write("bin/man", "#!/bin/sh\necho \"shown: ${1##*/}\"\n");
    executable(&folder.join("man"));
    let mut command = home.command(["man", "login"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
    let (mut terminal, mut man) = Terminal::start(command, (24, 80));
    assert_eq!(terminal.wait_for("shown"), "shown: sso-refresh-login.1");
    assert_eq!(man.wait(), 0);

    let mut command = home.command(["man", "login"]);
    command.env("PATH", home.path("nowhere"));
    let (mut terminal, _man) = Terminal::start(command, (24, 80));
    terminal.wait_for(".SH NAME");
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_has_no_page_or_no_place_is_said() {
    let home = Home::new();
    let ran = home.run("man logni");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(
        ran.stderr
            .starts_with("sso-refresh: there is no page for `logni`, did you mean `login`?; there are "),
        "{ran:?}"
    );
    home.write("file", "");
    let ran = home.run("man --dir file");
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("can't write file/man1: ") && ran.stderr.ends_with("choose another --dir\n"),
        "{ran:?}"
    );
}
