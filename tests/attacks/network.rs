//! Networks that refuse, cut, stall, drip and flood.

use std::{net::ToSocketAddrs, sync::mpsc, thread, time::Duration};

use crate::{
    middlebox::{Middlebox, Play},
    outage::{Outage, at_once, ground},
    support::Home,
    tally::{Tally, not_tried},
};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

/// Half of an answer, which promises more.
fn half() -> Vec<u8> {
    format!("{HEAD}Content-Length: 999\r\n\r\n{{\"accessToken\":\"a\",\"expiresIn\":3600,").into_bytes()
}

/// Goes through each of them with a daemon and with a command, all at once.
fn survive(tally: &mut Tally, silent: bool, plays: Vec<(&'static str, &'static str, Play)>) {
    let mut trials: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
    tally.add(2 * plays.len());
    for (name, why, play) in plays {
        for with_a_daemon in [true, false] {
            let play = play.clone();
            trials.push(Box::new(move || {
                let (center, home) = ground();
                let mut middlebox = Middlebox::before(&center, play);
                let outage = Outage { silent, ..Outage::new(name, why, middlebox.url()) };
                let mend = || {
                    let taken = middlebox.seen().taken;
                    assert!(taken < 64 << 20, "{name}: it took {taken} bytes of an answer");
                    middlebox.mend();
                };
                if with_a_daemon {
                    outage.before_a_daemon(&center, &home, mend);
                } else {
                    outage.before_a_command(&center, &home, mend);
                }
            }));
        }
    }
    at_once(trials);
}

#[test]
fn connections_that_fail_lose_nothing() {
    let mut tally = Tally::of("Network: refused, closed, reset, cut, flooded with headers or with a body");
    let flood = |first: &str, again: &str| Play::Flood(first.into(), again.into());
    let plays = vec![
        ("nobody listens", "Connection refused", Play::Refuse),
        ("closed at once", "was cut", Play::Hang),
        ("closed after the request", "was cut", Play::Answer(Vec::new())),
        ("reset before the answer", "was cut", Play::Reset(Vec::new())),
        ("reset in the answer", "was cut", Play::Reset(half())),
        ("cut in the head", "was cut", Play::Answer(HEAD.into())),
        ("cut in the body", "was cut", Play::Answer(half())),
        ("not HTTP", "not HTTP", Play::Answer(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())),
        (
            "a gigabyte of headers",
            "not HTTP",
            flood(HEAD, "X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
        ),
        ("a header of a gigabyte", "not HTTP", flood(&format!("{HEAD}X-A: "), "a")),
        ("a body without end", "more than 65536 bytes", flood(&format!("{HEAD}\r\n"), " ")),
        (
            "chunks without end",
            "more than 65536 bytes",
            flood(&format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n"), "1\r\n \r\n"),
        ),
    ];
    survive(&mut tally, false, plays);
    tally.survived();
}

#[test]
fn servers_that_say_nothing_lose_nothing() {
    let mut tally = Tally::of("Network: silent at once, in the head or in the body; one byte a second");
    let plays = vec![
        ("no answer", "within 30s", Play::Stall(Vec::new())),
        ("half of a head", "within 30s", Play::Stall(HEAD.into())),
        ("half of a body", "within 30s", Play::Stall(half())),
        ("a head of one byte a second", "within 30s", Play::Drip(format!("{HEAD}X-A: ").into(), b'a')),
        ("a body of one byte a second", "within 30s", Play::Drip(half(), b' ')),
    ];
    survive(&mut tally, true, plays);
    tally.survived();
}

/// No name ends so, and resolvers are told not to ask anybody else (RFC 6761 section 6.4).
const NOWHERE: &str = "nowhere.invalid";

/// Whether this machine finds out at once that there is no such name, as one without a network does too.
fn resolver_is_quick() -> bool {
    let (found, finding) = mpsc::channel();
    thread::spawn(move || found.send((NOWHERE, 443).to_socket_addrs().is_ok()));
    finding.recv_timeout(Duration::from_secs(2)) == Ok(false)
}

#[test]
fn a_name_that_does_not_resolve_loses_nothing() {
    let mut tally = Tally::of("Network: a host whose name does not resolve");
    let is_quick = resolver_is_quick();
    if !is_quick {
        not_tried("a name that does not resolve, since this machine's resolver takes its time for that");
    }
    let set = |home: &Home, endpoint: &str| {
        home.write_config(&format!("[session.work]\nendpoint = \"{endpoint}\"\n"));
    };
    for with_a_daemon in [true, false].into_iter().filter(|_| is_quick) {
        let (center, home) = ground();
        set(&home, &format!("https://{NOWHERE}"));
        let outage = Outage { anew: true, ..Outage::new("no such name", "can't find the host", "") };
        let mend = || set(&home, &center.url());
        if with_a_daemon {
            outage.before_a_daemon(&center, &home, mend);
        } else {
            outage.before_a_command(&center, &home, mend);
        }
        tally.tried();
    }
    if is_quick {
        tally.survived();
    }
}
