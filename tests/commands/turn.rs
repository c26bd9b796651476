//! Several sign-ins at once, one after another, and anew.

use std::net::{Ipv4Addr, TcpListener};

use nix::sys::signal::Signal;
use sso_refresh::simulator::{Operation, Options};

use crate::{
    support::{Center, Daemon, Home, Ran, WORK, WORK_AND_HOME},
    visitor::{Visitor, decide, visit},
};

fn center() -> Center {
    Center::start(Options::default())
}

/// What a sign-in to `work` says that waits for another; one that does not would say at once what to open.
fn joined(login: &mut Daemon) -> String {
    let line = login.wait_for(" to work");
    assert!(line.contains("is under way"), "{line}");
    line
}

#[test]
fn two_at_once_give_one_tab() {
    let center = center();
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let mut first = visitor.start(&home, "login");
    let url = visitor.tab(0);
    let mut second = visitor.start(&home, "login");
    let line = joined(&mut second);
    assert!(line.contains(&format!("(process {})", first.0.id())), "{line}");
    assert_eq!(second.wait_for("/authorize?").trim(), url, "it tells the page of the first");
    assert_eq!(decide(&url, "approve").title, "You are signed in");
    for login in [&mut first, &mut second] {
        assert!(login.first_line().starts_with("work: signed in"));
        assert_eq!(login.wait(), 0);
    }
    assert_eq!(visitor.tabs().len(), 1);
    assert_eq!(center.exchanges(), 1);
}

#[test]
fn the_second_begins_where_the_first_came_to_nothing() {
    let center = center();
    let home = Home::with(&center, WORK_AND_HOME);
    let visitor = Visitor::new(&home);
    let mut first = visitor.start(&home, "login work");
    let url = visitor.tab(0);
    let mut second = visitor.start(&home, "login work");
    joined(&mut second);
    // Another session has nothing to wait for.
    let mut other = visitor.start(&home, "login home");
    decide(&visitor.tab(1), "approve");
    assert_eq!(other.wait(), 0);
    decide(&url, "deny");
    assert_eq!(first.wait(), 1);
    // Killed, and not only refused.
    let mut third = visitor.start(&home, "login work");
    visitor.tab(2);
    joined(&mut third);
    second.signal(Signal::SIGKILL);
    second.wait();
    decide(&visitor.tab(3), "approve");
    assert!(third.first_line().starts_with("work: signed in"));
    assert_eq!(third.wait(), 0);
}

#[test]
fn a_renewal_ends_the_old_session_first() {
    let center = center();
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let sign_in = |line: &str, tab: usize| {
        let mut login = visitor.start(&home, line);
        let shown = decide(&visitor.tab(tab), "approve");
        assert_eq!(shown.title, "You are signed in", "{line}");
        login.wait_for(if line.contains("renew") { "Ending the session of work first" } else { "Opening" });
        assert_eq!(login.wait(), 0);
    };
    let logouts = || center.simulator().count(Operation::Logout);
    sign_in("login", 0);
    let old = home.access_token("work");
    sign_in("login", 1);
    assert_eq!(logouts(), 0);
    sign_in("login --renew", 2);
    assert_eq!(logouts(), 1);
    assert_ne!(home.access_token("work"), old);
    let operations: Vec<_> = center.simulator().calls().iter().map(|call| call.operation).collect();
    let position = |wanted| operations.iter().rposition(|operation| *operation == wanted);
    assert!(position(Operation::Logout) < position(Operation::Authorize), "{operations:?}");
    assert_eq!(home.run("refresh").code, 0);

    // Signed out in between, as was said.
    let mut login = visitor.start(&home, "login --renew");
    visitor.tab(3);
    login.signal(Signal::SIGKILL);
    login.wait();
    assert_eq!(home.run("status").code, 3);
    sign_in("login --renew", 4);
}

#[test]
fn a_renewal_that_can_not_begin_leaves_the_old_session() {
    let center = Center::start(Options { auto_approve: true, ..Options::default() });
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let mut login = visitor.start(&home, "login");
    visit(&visitor.tab(0));
    assert_eq!(login.wait(), 0);
    let token = home.access_token("work");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    for (fault, line, code, said) in [
        ("", format!("login --renew --port {port}"), 1, "can't listen on 127.0.0.1"),
        ("RegisterClient:drop", "login --renew --device-code".to_owned(), 5, "work: "),
        ("Logout:drop", "login --renew".to_owned(), 5, "is kept: "),
    ] {
        center.set_faults(fault);
        let ran: Ran = visitor.command(&home, &line).output().unwrap().into();
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran:?}");
        assert!(ran.stderr.contains(said), "{ran:?}");
        assert_eq!(home.access_token("work"), token, "{line}");
    }
    center.set_faults("");
    assert_eq!((home.run("refresh").code, visitor.tabs().len()), (0, 1), "it lives at AWS too");
}

#[test]
fn all_sessions_one_tab_at_a_time() {
    let center = center();
    let home = Home::with(&center, WORK_AND_HOME);
    let visitor = Visitor::new(&home);
    let mut login = visitor.start(&home, "login --all");
    let first = visitor.tab(0);
    assert_eq!(visitor.tabs().len(), 1);
    decide(&first, "deny");
    decide(&visitor.tab(1), "approve");
    assert_eq!(login.wait(), 1, "one was refused");
    assert_eq!(visitor.tabs().len(), 2);
    assert_eq!(home.run("status work").code, 0);
    assert_eq!(home.run("status home").code, 3);
}

/// The demonstration signs in through the browser where it is asked to.
#[test]
fn the_demonstration_shows_the_page() {
    let home = Home::new();
    let visitor = Visitor::new(&home);
    let mut command = visitor.command(&home, "demo --browser --for 1s");
    let mut demo = Daemon(command.spawn().unwrap());
    let url = visitor.tab(0);
    assert_eq!(visit(&url).title, "Allow access?");
    assert_eq!(decide(&url, "approve").title, "You are signed in");
    assert_eq!(demo.wait(), 0);
}
