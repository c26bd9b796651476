//! [`wrapped`], [`painted`], [`cut`]: text in lines that a terminal has room for.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// `text` in lines of at most `width` columns. A word is not broken, and nor is what is there to be copied: what stands
/// between backticks, and a line that is indented.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        if paragraph.starts_with(' ') {
            paragraph.clone_into(&mut line);
        } else {
            for word in words(paragraph) {
                let begun = !line.is_empty();
                if begun && line.width() + 1 + word.width() > width {
                    lines.push(std::mem::take(&mut line));
                } else if begun {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        lines.push(line);
    }
    lines
}

/// The same in one colour, each line with its end.
pub(super) fn painted(text: &str, style: Style, width: usize) -> String {
    let mut painted = String::new();
    for line in wrapped(text, width) {
        let _ = writeln!(painted, "{style}{line}{style:#}");
    }
    painted
}

/// `text` in at most `width` columns; where some of it is left out, it ends in the `ellipsis`.
pub(super) fn cut(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(ellipsis.width());
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= room
    };
    text.chars().take_while(fits).chain(ellipsis.chars()).collect()
}

/// The words of a line; what stands between backticks is part of one. A backtick without a second one is none.
fn words(line: &str) -> Vec<&str> {
    let (mut quoted, mut left) = (false, line.matches('`').count());
    let split = line.split(|c: char| {
        if c == '`' {
            quoted = !quoted && left > 1;
            left -= 1;
        }
        c == ' ' && !quoted
    });
    split.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_to_be_copied_is_not_broken() {
        assert_eq!(wrapped("run `a b c d e f g` then", 8), ["run", "`a b c d e f g`", "then"]);
        assert_eq!(wrapped("x\n\n  y z", 2), ["x", "", "  y z"]);
        assert_eq!(wrapped("", 4), [""; 0]);
        assert_eq!(wrapped("a ` b c", 3), ["a `", "b c"]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(wrapped("工作 会话", 5), ["工作", "会话"]);
        assert_eq!(wrapped("工作 会话", 9), ["工作 会话"]);
        assert_eq!([6, 7, 8].map(|width| cut("工作会话", width, "…")), ["工作…", "工作会…", "工作会话"]);
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2, "…"), "e\u{301}…");
    }
}
