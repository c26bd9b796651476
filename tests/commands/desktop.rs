//! Notifications, on a real D-Bus session.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{
    fs,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use sso_refresh::simulator::{Operation, Options};

use crate::{
    bus::{Bus, Recorder},
    support::{Center, Daemon, Home, START_URL, WORK, WORK_AND_HOME, after, secrets},
    visitor::{Visitor, until, visit},
};

/// Its page is approved without a click.
fn center() -> Center {
    Center::start(Options { auto_approve: true, ..Options::default() })
}

fn daemon(home: &Home, address: &str) -> Daemon {
    // As the browser of `Visitor` is, which writes down what is to be opened.
    let browser = PathBuf::from(format!("/bin/sh {}", home.path("browser").display()));
    let mut daemon =
        home.daemon_with(&[], [("DBUS_SESSION_BUS_ADDRESS", address.into()), ("BROWSER", browser)]);
    daemon.wait_for("has started");
    daemon
}

/// What is kept of each session: the file, below the home directory, and what is in it.
fn records(home: &Home) -> Vec<(String, String)> {
    let folder = ".local/state/sso-refresh/sessions";
    let names = fs::read_dir(home.path(folder)).unwrap().map(|file| file.unwrap().file_name());
    let paths = names.map(|name| format!("{folder}/{}", name.into_string().unwrap()));
    let records =
        paths.filter(|path| Path::new(path).extension().is_some_and(|extension| extension == "json"));
    records.map(|path| (path.clone(), fs::read_to_string(home.path(&path)).unwrap())).collect()
}

fn wait_until_remembered(home: &Home) {
    until("it to be remembered", || {
        records(home).iter().any(|(_, text)| text.contains("\"lost\"")).then_some(())
    });
}

/// Tokens for `work` and `home`, from the same sign-in, and their secrets.
fn signed_in(center: &Center, home: &Home) -> Vec<String> {
    let tokens = ["work", "home"].map(|session| center.sign_in(home, session, Duration::from_secs(3000)));
    tokens.iter().flat_map(secrets).collect()
}

/// AWS ends the session of all who signed in, and the daemon hears of it for `session`.
fn lose(center: &Center, home: &Home, daemon: &mut Daemon, session: &str) {
    center.simulator().end_session(START_URL);
    assert_eq!(home.run(&format!("refresh {session}")).code, 3);
    daemon.wait_for(&format!("{session}: the sign-in session has ended"));
}

#[test]
fn a_sign_in_that_is_needed_is_shown_once_and_its_button_begins_it() {
    let Some(bus) = Bus::start() else { return };
    let (recorder, center) = (Recorder::start(&bus), center());
    let home = Home::with(&center, WORK_AND_HOME);
    let visitor = Visitor::new(&home);
    let mut planted = signed_in(&center, &home);
    let mut first = daemon(&home, &bus.address);
    recorder.wait_alone();
    lose(&center, &home, &mut first, "home");
    let shown = recorder.wait_for(1);
    assert_eq!((shown.app.as_str(), shown.replaces), ("sso-refresh", 0));
    assert_eq!(shown.summary, "AWS sign-in needed: home");
    assert_eq!(shown.body, "The sign-in session has ended. To sign in: sso-refresh login home");
    assert_eq!(shown.actions, ["sign-in", "Sign in"]);
    assert_eq!((shown.urgency, shown.expires), (1, 0), "it stays, and breaks in nowhere");
    // A daemon that stops leaves no button that nobody hears, and the next one puts back what is still true.
    wait_until_remembered(&home);
    first.signal(Signal::SIGTERM);
    assert_eq!(first.wait(), 0);
    recorder.wait_for_closed(shown.id);
    let mut second = daemon(&home, &bus.address);
    lose(&center, &home, &mut second, "home");
    let shown = recorder.wait_for(2);
    assert_eq!(shown.summary, "AWS sign-in needed: home");

    // What the user has put away is not shown by the next one, nor what was left there by one that was killed.
    wait_until_remembered(&home);
    recorder.dismiss(shown.id);
    recorder.wait_alone();
    second.signal(Signal::SIGKILL);
    second.wait();
    let mut third = daemon(&home, &bus.address);
    lose(&center, &home, &mut third, "home");
    third.signal(Signal::SIGTERM);
    assert_eq!(third.wait(), 0);
    let mut fourth = daemon(&home, &bus.address);
    lose(&center, &home, &mut fourth, "home");
    lose(&center, &home, &mut fourth, "work");
    let shown = recorder.wait_for(3);
    assert_eq!(shown.summary, "AWS sign-in needed: work");
    assert_eq!(recorder.shown().len(), 3);

    recorder.press(shown.id);
    recorder.press(shown.id);
    visit(&visitor.tab(0));
    recorder.wait_for_closed(shown.id);
    assert_eq!(home.run("token work").code, 0);
    recorder.wait_alone();
    planted.push(home.access_token("work").unwrap());
    assert!(!recorder.was_sent_any_of(&planted), "a secret is on the bus");
    assert_eq!(recorder.shown().len(), 3);
    assert_eq!(visitor.tabs().len(), 1, "of two presses");
}

#[test]
fn a_session_about_to_end_is_renewed_by_the_button() {
    let Some(bus) = Bus::start() else { return };
    let (recorder, center) = (Recorder::start(&bus), center());
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let mut login = visitor.start(&home, "login");
    visit(&visitor.tab(0));
    assert_eq!(login.wait(), 0);
    // So long that it is not over before the button is pressed, and announced at once.
    home.write_config("[session.work]\nsession_duration = \"20m\"\n");
    let (path, text) = &records(&home)[0];
    let (before, behind) = text.split_once("\"signed_in_at\": \"").unwrap();
    let earlier = after(Duration::ZERO).before(Duration::from_secs(900));
    home.write(path, &format!("{before}\"signed_in_at\": \"{earlier}{}", &behind[20..]));

    let mut daemon = daemon(&home, &bus.address);
    let line = daemon.wait_for("the sign-in session ends about");
    assert!(line.contains("`sso-refresh login --renew work`"), "{line}");
    let shown = recorder.wait_for(1);
    assert_eq!(shown.summary, "AWS session about to end: work");
    assert!(shown.body.contains(" UTC. To begin a new one before that: sso-refresh login --renew work"));
    let ended = center.simulator().count(Operation::Logout);
    recorder.press(shown.id);
    visit(&visitor.tab(1));
    recorder.wait_for_closed(shown.id);
    assert_eq!(center.simulator().count(Operation::Logout), ended + 1, "the old one is ended first");
    assert_eq!(recorder.shown().len(), 1);
}

#[test]
fn a_locked_screen_holds_back_what_is_shown_when_it_is_unlocked_if_it_is_true_then() {
    let Some(bus) = Bus::start() else { return };
    let (recorder, center) = (Recorder::start(&bus), center());
    recorder.lock(true);
    let home = Home::with(&center, WORK_AND_HOME);
    signed_in(&center, &home);
    let mut daemon = daemon(&home, &bus.address);
    lose(&center, &home, &mut daemon, "home");
    lose(&center, &home, &mut daemon, "work");
    recorder.wait_for_call("GetActive");
    // Signed in again while nobody sat there.
    center.sign_in(&home, "home", Duration::from_secs(3000));
    daemon.wait_for("home: keeps the token fresh");
    assert!(recorder.shown().is_empty());
    recorder.lock(false);
    let shown = recorder.wait_for(1);
    assert_eq!(shown.summary, "AWS sign-in needed: work");

    // Put away, it stays away, and nobody is kept on the bus for it.
    recorder.dismiss(shown.id);
    recorder.wait_alone();
    recorder.lock(true);
    lose(&center, &home, &mut daemon, "home");
    home.write_config("[notify]\ndesktop = false\n");
    daemon.wait_for("the notifications on the desktop changed");
    recorder.wait_alone();
    recorder.lock(false);
    home.write_config("");
    assert_eq!(recorder.wait_for(2).summary, "AWS sign-in needed: home");
    assert_eq!(recorder.shown().len(), 2);
    home.write_config("[notify]\ndesktop = false\n");
    recorder.wait_for_closed(recorder.shown()[1].id);
    recorder.wait_alone();
}

#[test]
fn a_desktop_that_comes_later_shows_it() {
    let Some(bus) = Bus::start() else { return };
    let center = center();
    let home = Home::with(&center, WORK_AND_HOME);
    signed_in(&center, &home);
    let mut daemon = daemon(&home, &bus.address);
    lose(&center, &home, &mut daemon, "work");
    let recorder = Recorder::start(&bus);
    assert_eq!(recorder.wait_for(1).summary, "AWS sign-in needed: work");
}

#[test]
fn a_desktop_or_bus_that_hangs_holds_up_nothing() {
    let Some(bus) = Bus::start() else { return };
    let (recorder, center) = (Recorder::start(&bus), center());
    let home = Home::with(&center, WORK_AND_HOME);
    signed_in(&center, &home);
    let mut daemon = daemon(&home, &bus.address);
    recorder.mute();
    lose(&center, &home, &mut daemon, "home");
    recorder.wait_for_call("GetActive");
    center.sign_in(&home, "work", Duration::from_secs(3000));
    daemon.wait_for("work: keeps the token fresh");
    assert_eq!(home.run("refresh work").code, 0);
    bus.signal(Signal::SIGSTOP);
    assert_eq!(home.run("refresh work").code, 0);
    assert_eq!(home.run("status work").code, 0);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);
    bus.signal(Signal::SIGCONT);
}

#[test]
fn what_others_on_the_bus_say_counts_for_nothing() {
    let Some(bus) = Bus::start() else { return };
    let (recorder, center) = (Recorder::start(&bus), center());
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", Duration::from_secs(3000));
    let mut daemon = daemon(&home, &bus.address);
    lose(&center, &home, &mut daemon, "work");
    let shown = recorder.wait_for(1);
    bus.forge(&shown);
    // It still knows that it is there.
    center.sign_in(&home, "work", Duration::from_secs(3000));
    recorder.wait_for_closed(shown.id);
    let lines = last_lines(&mut daemon);
    assert!(lines.iter().all(|line| !line.contains("on the desktop")), "{lines:#?}");
}

#[test]
fn a_desktop_that_ends_whenever_it_is_to_show_something_is_left_alone() {
    let Some(bus) = Bus::start() else { return };
    let (recorder, center) = (Recorder::start(&bus), center());
    recorder.break_at_each();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", Duration::from_secs(3000));
    let mut daemon = daemon(&home, &bus.address);
    lose(&center, &home, &mut daemon, "work");
    recorder.wait_for_call("Notify");
    recorder.wait_alone();
    assert_eq!(recorder.count("Notify"), 3);
}

#[test]
fn a_bus_that_hangs_up_is_not_called_again_and_again() {
    let center = center();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", Duration::from_secs(3000));
    let listener = UnixListener::bind(home.path("bus")).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    thread::spawn(move || {
        for call in listener.incoming() {
            drop(call.unwrap());
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut daemon = daemon(&home, &format!("unix:path={}", home.path("bus").display()));
    lose(&center, &home, &mut daemon, "work");
    until("a call", || (calls.load(Ordering::Relaxed) > 0).then_some(()));
    for _ in 0..10 {
        assert_eq!(home.run("refresh work").code, 3);
    }
    last_lines(&mut daemon);
    let calls = calls.load(Ordering::Relaxed);
    // One a minute is usual.
    assert!(calls <= 4, "{calls} calls");
}

/// What it says until it stops, as it is told to.
fn last_lines(daemon: &mut Daemon) -> Vec<String> {
    daemon.signal(Signal::SIGTERM);
    let lines = std::iter::from_fn(|| Some(daemon.wait_for("")));
    let lines = lines.take_while(|line| !line.contains("stopping")).collect();
    assert_eq!(daemon.wait(), 0);
    lines
}

#[test]
fn without_a_desktop_nothing_is_said() {
    let center = center();
    let home = Home::with(&center, WORK_AND_HOME);
    signed_in(&center, &home);
    for address in ["unix:path=/nonexistent/bus", "nonsense", ""] {
        let mut daemon = daemon(&home, address);
        lose(&center, &home, &mut daemon, "work");
        let lines = last_lines(&mut daemon);
        assert!(
            lines.iter().all(|line| !line.contains("WARN") || line.contains("sign-in session")),
            "{lines:#?}"
        );
        center.sign_in(&home, "work", Duration::from_secs(3000));
    }
}
