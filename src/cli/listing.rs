//! What `accounts` and `roles` share: the count of a long listing while it comes, and the table.

use std::io::{self, IsTerminal, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use terminal_size::{Width, terminal_size};

use super::config::lines;
use crate::http::printable;

/// The most characters of a name: what an administrator may write is longer than what anybody reads.
const LONGEST: usize = 120;

/// Says how many there are so far, where somebody sees it, and takes it back when it is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    seen: bool,
}

impl Progress {
    /// Of so many `what`. With `quiet` it says nothing.
    pub(super) fn of(what: &'static str, quiet: bool) -> Self {
        Self { what, seen: !quiet && io::stderr().is_terminal() }
    }

    /// There are `number` now.
    pub(super) fn tell(&self, number: usize) {
        if self.seen {
            // There is nowhere to tell that standard error is closed.
            drop(write!(io::stderr(), "\r{number} {} …", self.what));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.seen {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}

/// A table as wide as the terminal; elsewhere each row is a line, for `grep`.
pub(super) fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if io::stdout().is_terminal()
        && let Some((Width(width), _)) = terminal_size()
    {
        // The blanks at both edges are cut off.
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.saturating_add(2));
    }
    table.set_header(header);
    for row in rows {
        table.add_row(row.map(|cell| printable(&cell, LONGEST)));
    }
    lines(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_and_acts_on_no_terminal() {
        let rows = [["012345678901".to_owned(), "Sand\u{1b}[31m\nbox".into()], ["1".into(), "x ".repeat(70)]];
        let shown = table(["ACCOUNT", "NAME"], rows.into_iter());
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[..2], ["ACCOUNT       NAME", "012345678901  Sand[31m box"]);
        assert!(lines.len() == 3 && lines[2].ends_with('…'), "{shown}");
    }
}
