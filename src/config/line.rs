//! [`line()`]: a message that quotes files, fit for a terminal and a log.

use std::fmt::{self, Write};

/// The most characters of a message: a path may have as many bytes, and what somebody wrote megabytes.
const MAX: usize = 4096;

/// `message` as one line: a character that moves the cursor, colours the rest or turns its direction is written as
/// an escape, and what is too long ends in an ellipsis.
///
/// Every message that quotes a text of a configuration file goes through this, where it is made.
pub fn line(message: impl fmt::Display) -> String {
    let mut line = Line { text: String::new(), left: MAX };
    // The only error is that the line is full.
    if write!(line, "{message}").is_err() {
        line.text.push('…');
    }
    line.text
}

struct Line {
    text: String,
    left: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            if is_hidden(character) {
                write!(self.text, "{}", character.escape_default())?;
            } else {
                self.text.push(character);
            }
        }
        Ok(())
    }
}

/// Whether a terminal or a reader of logs acts on a character instead of showing it.
fn is_hidden(character: char) -> bool {
    let turns =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends_line = matches!(character, '\u{2028}' | '\u{2029}');
    character.is_control() || turns || ends_line || character == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_the_terminal() {
        for (text, expected) in [
            ("`é 工 😀` is plain", "`é 工 😀` is plain"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\nb\r\tc\u{0}", "a\\nb\\r\\tc\\u{0}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}txt\u{2066}\u{2028}\u{feff}", "\\u{202e}txt\\u{2066}\\u{2028}\\u{feff}"),
            ("", ""),
        ] {
            assert_eq!(line(text), expected);
            assert_eq!(line(expected), expected, "once is enough");
        }
    }

    #[test]
    fn a_long_one_is_cut() {
        assert_eq!(line("é".repeat(MAX)), "é".repeat(MAX));
        assert_eq!(line("é".repeat(MAX + 1)), "é".repeat(MAX) + "…");
    }
}
