//! A captive portal, and a clock that is off by ten minutes.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread,
};

use sso_refresh::{
    platform::SET_CLOCK,
    time::{Clock, Timestamp},
};

use super::*;

/// A hotel's network before `center`: whatever is asked, it answers with its page, until somebody has agreed there. Its
/// port.
fn captive_portal(center: &Center) -> u16 {
    const PAGE: &str = "<html><form action=/agree><button>I agree</button></form></html>";
    let beyond: u16 = center.url().rsplit_once(':').unwrap().1.parse().unwrap();
    let agreed = Arc::new(AtomicBool::new(false));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, agreed) = (stream.unwrap(), Arc::clone(&agreed));
            thread::spawn(move || {
                let mut asked = [0; 4096];
                let count = stream.read(&mut asked).unwrap_or(0);
                if agreed.load(Ordering::SeqCst) {
                    let mut through = TcpStream::connect(("127.0.0.1", beyond)).unwrap();
                    through.write_all(&asked[..count]).unwrap();
                    let (mut back, mut forth) = (stream.try_clone().unwrap(), through.try_clone().unwrap());
                    thread::spawn(move || std::io::copy(&mut stream, &mut forth));
                    let _ = std::io::copy(&mut through, &mut back);
                    return;
                }
                agreed.store(asked.starts_with(b"GET /agree"), Ordering::SeqCst);
                let length = PAGE.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{PAGE}"
                );
            });
        }
    });
    port
}

/// Opens a page of that port as a browser does, and agrees to what it is shown.
fn open_a_page_and_agree(port: u16) {
    for path in ["/", "/agree"] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let asked = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(asked.as_bytes()).unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        assert!(page.contains("action=/agree"), "{page}");
    }
}

#[test]
fn who_opens_a_page_in_a_browser_gets_through_a_captive_portal() {
    let center = center();
    for line in
        ["token", "refresh", "login", "accounts", "credentials --account 012345678901 --role Developer"]
    {
        let home = Home::with(&center, WORK);
        let line = format!("sso-refresh {line}");
        let port = captive_portal(&center);
        home.write_config(&format!("[session.work]\nendpoint = \"http://127.0.0.1:{port}\"\n"));
        // What asks the portal alone finds it as well.
        let left = if line.contains("ac") { 50 * MINUTE } else { Duration::ZERO };
        center.sign_in(&home, "work", left);
        let said = fails(&home, &line, 5);
        assert!(
            said.contains(
                "the network may want you to sign in: open any page in a browser and do so, then try again"
            ),
            "{line}: {said}"
        );
        open_a_page_and_agree(port);
        works(&home, &line);
    }
}

#[test]
fn a_clock_that_is_off_by_ten_minutes_is_set_by_the_command_in_the_line() {
    let ahead = Arc::new(AtomicI64::new(0));
    let clock = {
        let ahead = Arc::clone(&ahead);
        Clock::from_fn(move || {
            let secs = ahead.load(Ordering::SeqCst);
            Timestamp::from_millis(Clock::system().now().millis() + secs * 1000)
        })
    };
    let center = Center::start(Options { clock, ..Options::default() });
    let home = Home::with(&center, WORK);
    // The clock of a machine can't be set in a test: that of AWS stands for it.
    tool(&home, SET_CLOCK.trim_matches('`').split(' ').next().unwrap(), "echo \"$*\" >>\"$HOME/set\"\n");
    for secs in [605, -605] {
        ahead.store(secs, Ordering::SeqCst);
        center.sign_in(&home, "work", MINUTE);
        let mut daemon = home.daemon(&[]);
        let logged = daemon.wait_for("the clock of this machine");
        let status = run(&home, "sso-refresh status");
        let shown = last_sentence(&status.stdout);
        for line in [&logged, &shown] {
            assert!(line.contains("10m") && line.ends_with(SET_CLOCK), "{line}");
        }
        works(&home, command(&shown));
        assert!(home.path("set").exists());
        ahead.store(0, Ordering::SeqCst);
        works(&home, "sso-refresh refresh");
        let status = run(&home, "sso-refresh status");
        assert!(!status.stdout.contains("clock"), "{status:?}");
    }
}
