//! [`Terminal`]: a command as somebody sees it who sits before it.

#![expect(clippy::unwrap_used, reason = "what a test can't set up fails the test")]

use std::{
    fs::File,
    io::Read,
    process::{Command, Stdio},
};

use nix::pty::{Winsize, openpty};

use crate::support::Daemon;

/// A terminal and what has been written to it.
pub(crate) struct Terminal {
    pub(crate) master: File,
    pub(crate) shown: String,
}

impl Terminal {
    /// `command` in a terminal of that size.
    pub(crate) fn start(mut command: Command, size: (u16, u16)) -> (Self, Daemon) {
        let size = Winsize { ws_col: size.0, ws_row: size.1, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        command.env("LANG", "C.UTF-8").env("TERM", "xterm-256color");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        (Self { master: pty.master.into(), shown: String::new() }, Daemon(child))
    }

    /// Reads up to `text`, and on to the end of its line.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let mut bytes = Vec::new();
        loop {
            let mut byte = [0];
            // At the end of the program a terminal fails to read.
            let read = self.master.read(&mut byte).unwrap_or(0);
            bytes.extend_from_slice(&byte[..read]);
            let line = String::from_utf8_lossy(&bytes);
            let line = line.rsplit(['\n', '\r']).nth(1).unwrap_or_default();
            if bytes.last().is_some_and(|byte| b"\r\n".contains(byte)) && line.contains(text) {
                let line = line.to_owned();
                self.shown.push_str(&String::from_utf8_lossy(&bytes));
                return line;
            }
            assert!(read > 0, "it ended without {text:?}: {}{}", self.shown, String::from_utf8_lossy(&bytes));
        }
    }

    /// Reads up to `text`, such as a prompt, which has no line of its own.
    pub(crate) fn wait_for_prompt(&mut self, text: &str) {
        let start = self.shown.len();
        let mut byte = [0];
        while !self.shown[start..].ends_with(text) {
            let read = self.master.read(&mut byte).unwrap_or(0);
            assert!(read > 0, "it ended without {text:?}: {}", self.shown);
            self.shown.push(char::from(byte[0]));
        }
    }
}
