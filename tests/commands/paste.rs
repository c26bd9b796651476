//! `login` with what the user brings back by hand.

#![expect(clippy::unwrap_used, reason = "what a test can't set up fails the test")]

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    process::{Child, Stdio},
};

use sso_refresh::simulator::{Operation, Options};

use crate::{
    support::{Center, Daemon, Home, Ran, WORK, WORK_AND_HOME},
    terminal::Terminal,
    visitor::{visit, way},
};

fn center() -> Center {
    Center::start(Options { auto_approve: true, ..Options::default() })
}

/// `login --no-browser` whose standard input is a pipe.
fn start(home: &Home) -> Daemon {
    let mut command = home.command(["login", "--no-browser"]);
    Daemon(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// The page that the user is told to open.
fn page(login: &mut Daemon) -> String {
    login.wait_for("/authorize?").trim().to_owned()
}

fn paste(child: &Child, line: &str) {
    writeln!(child.stdin.as_ref().unwrap(), "{line}").unwrap();
}

fn code(address: &str) -> String {
    address.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned()
}

#[test]
fn the_address_that_the_browser_ends_at_can_be_pasted() {
    let center = center();
    let home = Home::with(&center, WORK);
    let mut login = start(&home);
    let page = page(&mut login);
    let address = way(&page);
    for (line, said) in [
        (page.as_str(), "that is the address to open"),
        ("what now", "there is no code in that"),
        ("http://127.0.0.1:1/oauth/callback?code=of-another&state=guess", "that belongs to another sign-in"),
    ] {
        paste(&login.0, line);
        login.wait_for(said);
    }
    paste(&login.0, "");
    paste(&login.0, &format!("  {address} "));
    assert!(login.first_line().starts_with("work: signed in"));
    assert_eq!(login.wait(), 0);
    assert_eq!(home.run("refresh").code, 0);
}

#[test]
fn a_browser_on_this_machine_comes_back_by_itself() {
    let center = center();
    let home = Home::with(&center, WORK);
    let mut login = start(&home);
    assert_eq!(visit(&page(&mut login)).title, "You are signed in");
    assert_eq!(login.wait(), 0);
}

/// `line` in a terminal of that size.
fn in_terminal(home: &Home, line: &str, size: (u16, u16)) -> (Terminal, Daemon) {
    Terminal::start(home.command(line.split(' ')), size)
}

#[test]
fn the_code_can_be_typed_into_a_terminal() {
    let center = center();
    let home = Home::with(&center, WORK);
    let (mut terminal, mut login) = in_terminal(&home, "login --no-browser", (120, 60));
    let page = terminal.wait_for("/authorize?").trim().to_owned();
    assert!(terminal.shown.contains("██▄▄▄▄▄▄▄█"), "a code for a phone: {}", terminal.shown);
    terminal.wait_for("Ctrl-C gives up");
    writeln!(terminal.master, "{}", code(&way(&page))).unwrap();
    terminal.wait_for("work: signed in");
    assert_eq!(login.wait(), 0);
}

#[test]
fn a_device_code_is_shown_with_the_time_that_is_left() {
    let center = Center::start(Options { interval: std::time::Duration::ZERO, ..Options::default() });
    let home = Home::with(&center, WORK);
    for (size, fits) in [((100, 40), true), ((100, 12), false), ((30, 40), false)] {
        let (mut terminal, mut login) = in_terminal(&home, "login --device-code", size);
        terminal.wait_for("shows the code");
        let code = terminal.wait_for("-");
        assert_eq!(terminal.shown.contains("██▄▄▄▄▄▄▄█"), fits, "{size:?}: {}", terminal.shown);
        // For a moment it is ten minutes and no seconds.
        let line = terminal.wait_for("s left");
        assert!(line.contains("waiting, "), "{line}");
        let code = code.trim().trim_start_matches("\u{1b}[1m").trim_end_matches("\u{1b}[0m");
        assert!(center.simulator().approve(code), "{code:?}");
        terminal.wait_for("work: signed in");
        assert_eq!(login.wait(), 0);
    }
}

#[test]
fn a_script_brings_the_code_in_another_process() {
    let center = center();
    let home = Home::with(&center, WORK);
    let began = home.run("login --no-browser");
    assert_eq!(began.code, 3, "{began:?}");
    let hint = "work: finish within 10 minutes with `sso-refresh login work --code CODE_OR_ADDRESS`\n";
    assert!(began.stderr.ends_with(hint), "{began:?}");
    let kept: Vec<_> = fs::read_dir(home.path(".local/state/sso-refresh/sign-ins")).unwrap().collect();
    assert_eq!(kept.len(), 1);
    let mode = kept[0].as_ref().unwrap().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let finish =
        |code: &str| -> Ran { home.command(["login", "work", "--code", code]).output().unwrap().into() };

    let wrong = finish("http://127.0.0.1:1/oauth/callback?code=of-another&state=guess");
    assert_eq!(wrong.code, 2, "{wrong:?}");
    // The network is away just now.
    let address = way(began.stdout.trim_end());
    center.set_faults("CreateToken:drop");
    assert_eq!(finish(&address).code, 5);
    center.set_faults("");
    let done = finish(&address);
    assert!(done.code == 0 && done.stdout.starts_with("work: signed in"), "{done:?}");
    let again = finish(&address);
    assert_eq!(again.code, 3, "{again:?}");
    assert!(again.stderr.contains("work: no sign-in waits for a code"), "{again:?}");
    assert_eq!(fs::read_dir(home.path(".local/state/sso-refresh/sign-ins")).unwrap().count(), 0);
    assert_eq!(home.run("refresh").code, 0);

    // The code alone is enough, and a wrong one ends it.
    let began = home.run("login --no-browser");
    assert_eq!(finish(&code(&way(began.stdout.trim_end()))).code, 0);
    home.run("login --no-browser");
    assert_eq!(finish("not-the-code-of-this").code, 1);
    assert_eq!(finish("not-the-code-of-this").code, 3);

    // So does a sign-out: a client and its secret are left nowhere.
    home.run("login --no-browser");
    assert_eq!(home.run("logout").code, 0);
    assert_eq!(fs::read_dir(home.path(".local/state/sso-refresh/sign-ins")).unwrap().count(), 0);
}

#[test]
fn a_script_brings_the_codes_of_all_sessions() {
    let center = center();
    let home = Home::with(&center, WORK_AND_HOME);
    let began = home.run("login --all --no-browser");
    assert_eq!(began.code, 3, "{began:?}");
    let pages: Vec<&str> = began.stdout.lines().collect();
    assert_eq!(pages.len(), 2, "{began:?}");
    for (session, page) in ["home", "work"].into_iter().zip(pages) {
        let done = home.command(["login", session, "--code", &way(page)]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
    assert_eq!(home.run("status").code, 0);
}

#[test]
fn a_client_that_aws_has_forgotten_asks_for_no_second_code() {
    let center = center();
    let home = Home::with(&center, WORK);
    for (fault, code, registrations) in
        [("", 0, 1), ("CreateToken:InvalidClientException:times=1", 1, 1), ("", 0, 2)]
    {
        let began = home.run("login --no-browser");
        center.set_faults(fault);
        let done = home.command(["login", "--code", &way(began.stdout.trim_end())]).output().unwrap();
        assert_eq!(done.status.code(), Some(code), "{done:?}");
        assert_eq!(center.simulator().count(Operation::RegisterClient), registrations, "{fault}");
    }
}
