//! `status --watch` in a terminal: what it writes there, what it asks of whom, and how it leaves it.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{
    fs::File,
    io::{Read, Write},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use nix::sys::{
    signal::Signal,
    termios::{LocalFlags, tcgetattr},
};
use sso_refresh::simulator::Options;

use crate::{
    support::{Center, Daemon, Home, WORK, WORK_AND_HOME},
    terminal::Terminal,
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// The live view, and what it has written.
struct Live {
    process: Daemon,
    keys: File,
    pieces: Receiver<Vec<u8>>,
    written: String,
    read: usize,
}

impl Live {
    fn start(home: &Home, env: &[(&str, &str)]) -> Self {
        let mut command = home.command(["status", "--watch"]);
        command.envs(env.iter().copied());
        let (terminal, process) = Terminal::start(command, (100, 24));
        let mut master = terminal.master.try_clone().unwrap();
        let (sender, pieces) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = master.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { process, keys: terminal.master, pieces, written: String::new(), read: 0 }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Takes one more piece of what is written; false at its end.
    fn more(&mut self) -> bool {
        let piece = self.pieces.recv_timeout(PATIENCE);
        assert_ne!(piece, Err(RecvTimeoutError::Timeout), "it writes no more: {:?}", self.unread());
        let there = piece.is_ok();
        self.written.push_str(&String::from_utf8_lossy(&piece.unwrap_or_default()));
        there
    }

    fn unread(&self) -> &str {
        &self.written[self.read..]
    }

    /// Up to a word: only what differs is written, so that blanks between words may be none.
    fn wait_for(&mut self, word: &str) {
        loop {
            if let Some(at) = self.unread().find(word) {
                self.read += at + word.len();
                return;
            }
            assert!(self.more(), "it ended without {word:?}: {:?}", self.unread());
        }
    }

    /// The exit code, once the terminal is as it was.
    fn end(&mut self) -> i32 {
        let code = self.process.wait();
        let flags = tcgetattr(&self.keys).unwrap().local_flags;
        assert!(flags.contains(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG), "{flags:?}");
        while self.more() {}
        let last = self.unread();
        assert!(last.contains(LEAVE) && last.contains(SHOW_CURSOR), "{last:?}");
        assert!(last.find(LEAVE) > last.rfind("quit"), "nothing is drawn on the screen that is given back");
        code
    }
}

fn signed_in(center: &Center) -> Home {
    let home = Home::with(center, WORK);
    center.sign_in(&home, "work", Duration::from_secs(3000));
    home
}

#[test]
fn a_refresh_is_asked_for_and_shows_and_q_leaves_all_as_it_was() {
    let center = Center::start(Options::default());
    let home = signed_in(&center);
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    let mut live = Live::start(&home, &[]);
    live.wait_for(ENTER);
    live.wait_for("process");
    live.wait_for("quit");
    assert_eq!(center.exchanges(), 0, "to look costs nothing");
    live.press("r");
    live.wait_for("refreshed");
    assert_eq!(center.exchanges(), 1);
    live.press("q");
    assert_eq!(live.end(), 0);
}

#[test]
fn each_way_out_gives_the_terminal_back() {
    let center = Center::start(Options::default());
    let home = signed_in(&center);
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let mut live = Live::start(&home, &[]);
        live.wait_for("quit");
        live.process.signal(signal);
        assert_eq!(live.end(), 0, "{signal}");
    }
    for keys in ["\x03", "\x1b", "q"] {
        let mut live = Live::start(&home, &[]);
        live.wait_for("quit");
        live.press(keys);
        assert_eq!(live.end(), 0, "{keys:?}");
    }
}

#[test]
fn a_countdown_writes_little_and_clears_nothing() {
    let center = Center::start(Options::default());
    let home = signed_in(&center);
    let mut live = Live::start(&home, &[]);
    live.wait_for("quit");
    // Files are read again meanwhile.
    for _ in 0..5 {
        let before = live.read;
        live.wait_for("\x1b[?25l");
        let written = &live.written[before..live.read];
        assert!(written.len() < 400 && !written.contains("\x1b[2J"), "{written:?}");
    }
    live.press("q");
    assert_eq!(live.end(), 0);
    assert_eq!(live.written.matches("\x1b[2J").count(), 0, "not even at the start: that screen is empty");
}

#[test]
fn a_daemon_may_come_and_go() {
    let center = Center::start(Options::default());
    let home = signed_in(&center);
    let mut live = Live::start(&home, &[]);
    live.wait_for("daemon");
    live.wait_for("service");
    for _ in 0..2 {
        let mut daemon = home.daemon(&[]);
        daemon.wait_for("has started");
        live.wait_for("process");
        daemon.0.kill().unwrap();
        daemon.wait();
        live.wait_for("service");
    }
    live.press("r");
    live.wait_for("not");
    assert_eq!(center.exchanges(), 0, "nobody but the daemon refreshes");
    live.press("q");
    assert_eq!(live.end(), 0);
}

#[test]
fn colours_are_as_they_are_asked_for() {
    let center = Center::start(Options::default());
    let home = signed_in(&center);
    for (env, coloured) in [(&[][..], true), (&[("NO_COLOR", "1")][..], false)] {
        let mut live = Live::start(&home, env);
        live.wait_for("quit");
        live.press("q");
        assert_eq!(live.end(), 0);
        // Green, in both ways to write it.
        let green = ["\x1b[32", "\x1b[38;5;2"].iter().any(|colour| live.written.contains(colour));
        assert_eq!(green, coloured, "{env:?}: {:?}", live.written);
    }
}

#[test]
fn without_a_terminal_it_names_what_to_use() {
    let home = Home::new();
    home.write_aws_config(WORK_AND_HOME);
    let ran = home.run("status --watch");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    for command in ["`sso-refresh status`", "`sso-refresh events`"] {
        assert!(ran.stderr.contains(command), "{}", ran.stderr);
    }
    assert_eq!(home.run("status --watch --json").code, 2);
}

#[test]
fn what_is_wrong_at_the_start_is_told_without_a_picture() {
    let home = Home::new();
    home.write_aws_config(WORK);
    home.write_config("refresh_befor = \"20m\"\n");
    let mut live = Live::start(&home, &[]);
    while live.more() {}
    assert_eq!(live.process.wait(), 2);
    assert!(live.written.contains("refresh_before") && !live.written.contains(ENTER), "{}", live.written);
}
