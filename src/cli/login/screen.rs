//! [`Screen`]: standard error, where a sign-in talks to the user without being mistaken for the result.

use std::{
    io::{self, IsTerminal, Write},
    pin::pin,
    time::Duration,
};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::{
    config::environment::Environment,
    login::qr::{self, Room},
    time::{Clock, Timestamp, words},
};

/// How often the waiting line is drawn.
const FRAME: Duration = Duration::from_millis(120);
const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// Back to the start of the line, which is emptied.
const ERASE: &str = "\r\x1b[K";

/// Dark on light is what readers expect, whatever the terminal's own colours are.
const QR: Style = Style::new()
    .fg_color(Some(anstyle::Color::Ansi(AnsiColor::BrightWhite)))
    .bg_color(Some(anstyle::Color::Ansi(AnsiColor::Black)));

/// What standard error can show.
pub(super) struct Screen {
    /// A terminal that can draw blocks in colour has room for them.
    room: Option<Room>,
    redraws: bool,
}

impl Screen {
    pub(super) fn of_standard_error(env: &Environment) -> Self {
        let terminal = io::stderr().is_terminal() && env.get("TERM").is_none_or(|term| term != "dumb");
        let colors = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
        let size = terminal_size::terminal_size_of(io::stderr());
        let room = size.map(|(width, height)| Room { width: width.0.into(), height: height.0.into() });
        Self { room: room.filter(|_| terminal && colors && is_utf8(env)), redraws: terminal && is_utf8(env) }
    }

    /// Says something about a page, and shows its address to a phone.
    pub(super) fn invite(&self, text: &str, page: &str) {
        if let Some(lines) = self.room.and_then(|room| qr::lines(page, room)) {
            let lines: Vec<String> = lines.iter().map(|line| format!("{QR}{line}{QR:#}\n")).collect();
            say(&lines.concat());
            say("\n");
        }
        say(text);
    }

    /// Awaits `work`, and shows meanwhile how long that can last.
    pub(super) async fn waiting<T>(
        &self,
        clock: &Clock,
        until: Timestamp,
        work: impl Future<Output = T>,
    ) -> T {
        if !self.redraws {
            return work.await;
        }
        let mut work = pin!(work);
        for frame in FRAMES.iter().cycle() {
            let left = words(until.since(clock.now()));
            // The cursor rests at the start, where a warning begins its line.
            say(&format!("{ERASE}{frame} waiting, {left} left\r"));
            tokio::select! {
                done = &mut work => {
                    say(ERASE);
                    return done;
                }
                () = tokio::time::sleep(FRAME) => {}
            }
        }
        work.await
    }
}

/// Says something.
pub(super) fn say(text: &str) {
    // There is nowhere to tell that standard error is closed.
    drop(anstream::stderr().write_all(text.as_bytes()));
}

/// Whether the locale says so: the first of the variables that is set counts (POSIX.1-2017 section 8.2).
pub(in crate::cli) fn is_utf8(env: &Environment) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env.get(name)).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_says_what_can_be_shown() {
        for (variables, expected) in [
            ("LANG=en_US.UTF-8", true),
            ("LANG=C.utf8", true),
            ("LANG=C", false),
            ("", false),
            ("LC_ALL=C LANG=en_US.UTF-8", false),
            ("LC_ALL= LC_CTYPE=UTF-8", true),
        ] {
            let pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
            assert_eq!(is_utf8(&Environment::from_pairs(pairs)), expected, "{variables}");
        }
    }
}
