//! Every table in terminals of 80 and 140 columns, with colours and without.

use std::{fs, io::Read as _, os::unix::fs::PermissionsExt as _, time::Duration};

use sso_refresh::simulator::Options;
use unicode_width::UnicodeWidthStr;

use crate::{
    support::{Center, Home, START_URL, WORK},
    terminal::Terminal,
};

/// Each command that prints one, and what is in its table.
const TABLES: [(&str, &str); 8] = [
    ("status", "TOKEN LEFT"),
    ("status --history", "the last 24 hours"),
    ("accounts work", "EMAIL"),
    ("roles work --account 012345678901", "ROLE"),
    ("config show", "SETTING"),
    ("config check", "ok: 3 sessions"),
    ("doctor", "First: "),
    ("service status", "TOKEN LEFT"),
];

#[test]
fn every_table_fits_its_terminal_and_has_no_colours_where_none_are_wanted() {
    let center = Center::start(Options::default());
    let long = "customer-production-administration-eu-west-1";
    let others = format!(
        "[sso-session {long}]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n\
         [sso-session 工作]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n\
         [profile old]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n"
    );
    let home = Home::with(&center, &format!("{WORK}{others}"));
    center.sign_in(&home, "work", Duration::from_secs(3000));
    home.write("bin/systemctl", "#!/bin/sh\necho LoadState=not-found\n");
    fs::set_permissions(home.path("bin/systemctl"), fs::Permissions::from_mode(0o700)).unwrap();

    for (line, expected) in TABLES {
        // There is no stand-in for launchd.
        if line == "service status" && cfg!(target_os = "macos") {
            continue;
        }
        let mut longest = Vec::new();
        for (width, colour) in [(80, "never"), (80, "always"), (140, "never"), (140, "always")] {
            let mut command = home.command(line.split(' ').chain(["--color", colour]));
            command.env("PATH", format!("{}:/usr/bin:/bin", home.path("bin").display()));
            let (mut terminal, mut daemon) = Terminal::start(command, (width, 40));
            let mut shown = Vec::new();
            // At the end of the program a terminal fails to read.
            let mut part = [0; 4096];
            while let Some(read) = terminal.master.read(&mut part).ok().filter(|read| *read > 0) {
                shown.extend_from_slice(&part[..read]);
            }
            daemon.wait();
            let shown = String::from_utf8(shown).unwrap();
            // What was taken back again is no part of it.
            let kept = |line: &str| line.rsplit("\r\u{1b}[K").next().unwrap().trim_end().to_owned() + "\n";
            let shown: String = shown.lines().map(kept).collect();
            let plain = anstream::adapter::strip_str(&shown).to_string();
            assert!(plain.contains(expected), "{line}: {shown}");
            if colour == "never" {
                assert_eq!(plain, shown, "{line} has colours");
            }
            // A command is not broken, and nor is a word such as a path.
            let whole = |line: &&str| line.contains('`') || !line.trim().contains(' ');
            let widths: Vec<usize> =
                plain.lines().filter(|line| !whole(line)).map(UnicodeWidthStr::width).collect();
            let widest = widths.into_iter().max().unwrap_or_default();
            assert!(widest <= usize::from(width), "{line} at {width}: {plain}");
            longest.push(widest);
        }
        if ["status", "doctor", "service status"].contains(&line) {
            assert!(longest[2] > 80, "{line} leaves the room of a wide terminal unused: {longest:?}");
        }
    }
}
