//! [`Table`]: every table that is printed: in the width that there is, with colours, and with lines below a row.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal},
};

use anstyle::Style;
use comfy_table::{ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, TableStyle};
use terminal_size::{Width, terminal_size};

use super::wrap::wrapped;
use crate::config;

/// What an old terminal and a letter to a colleague have room for, in columns.
pub(super) const USUAL: usize = 80;
/// Nobody reads longer lines with ease.
pub(super) const WIDEST: usize = 140;
/// As little of the first column may be left before others are broken too.
const LEAST: usize = 8;
/// Between columns, in blanks.
const GAP: usize = 2;
/// How far the lines below a row are indented, in blanks.
const INDENT: usize = 2;

/// What separates columns and rows until they are coloured: no cell holds a control character.
const COLUMN: char = '\u{1f}';
const ROW: char = '\u{1e}';

/// The columns of the terminal, where somebody sits before one.
pub(super) fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size().map(|(Width(width), _)| usize::from(width))
}

/// The columns for what people read: those of the terminal, as far as lines are easy to read; else the usual ones.
pub(super) fn readable_width() -> usize {
    terminal_width().map_or(USUAL, |width| width.min(WIDEST))
}

/// A text in one colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    fn painted(&self, text: &str) -> String {
        format!("{0}{text}{0:#}", self.style)
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Style::new())
    }
}

/// A header and rows, with what is said below each.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    header: [&'static str; N],
    rows: Vec<([Cell; N], Vec<Cell>)>,
    /// Whether the first column is broken before others.
    first_gives_way: bool,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(header: [&'static str; N]) -> Self {
        Self { header, rows: Vec::new(), first_gives_way: false }
    }

    /// One whose first column is names of any length, and whose others are a few words each that stay whole.
    pub(super) fn of_names(header: [&'static str; N]) -> Self {
        Self { first_gives_way: true, ..Self::new(header) }
    }

    pub(super) fn row(&mut self, cells: [Cell; N], below: Vec<Cell>) {
        self.rows.push((cells, below));
    }

    /// How wide it is where nothing is broken.
    pub(super) fn natural_width(&self) -> usize {
        self.laid_out().column_max_content_widths().into_iter().map(usize::from).sum::<usize>()
            + GAP * N.saturating_sub(1)
    }

    /// The lines, without blanks at their ends. None is wider than `width`: cells are broken, and so is what
    /// stands below a row, commands and long words apart. Without a width each row is a
    /// line.
    pub(super) fn text(&self, width: Option<usize>) -> String {
        let mut table = self.laid_out();
        if let Some(width) = width {
            self.confine(&mut table, width);
        }
        let mut text = String::new();
        let lines: Vec<String> = table.lines().collect();
        let mut of_rows = lines.split(|line| line.starts_with(ROW));
        for line in of_rows.next().into_iter().flatten() {
            push_line(&mut text, &line.replace(COLUMN, " "));
        }
        for ((cells, below), lines) in self.rows.iter().zip(of_rows) {
            for line in lines {
                let parts = line.split(COLUMN).zip(cells);
                let painted: Vec<String> = parts.map(|(part, cell)| painted(part, cell)).collect();
                push_line(&mut text, &painted.join(" "));
            }
            for cell in below {
                let room = width.map_or(usize::MAX, |width| width.saturating_sub(INDENT));
                for line in wrapped(&config::line(&cell.text), room) {
                    let _ = writeln!(text, "{:INDENT$}{}", "", cell.painted(&line));
                }
            }
        }
        text
    }

    /// As wide as it is.
    fn laid_out(&self) -> comfy_table::Table {
        let between = LineStyle::none().fill(ROW).junction(ROW);
        let within = ContentLineStyle::none().junction(COLUMN);
        let mut table = comfy_table::Table::new();
        table
            .load_style(
                TableStyle::new()
                    .header_lines(within)
                    .content_lines(within)
                    .header_separator(between)
                    .row_separator(between),
            )
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(self.header);
        for (cells, _) in &self.rows {
            table.add_row(cells.each_ref().map(|cell| config::line(&cell.text)));
        }
        let last = N.saturating_sub(1);
        for (number, column) in table.column_iter_mut().enumerate() {
            // The rest of the gap is where the separator was.
            column.set_padding((0, u16::from(number != last)));
        }
        table
    }

    /// Breaks what is too wide for it.
    fn confine(&self, table: &mut comfy_table::Table, width: usize) {
        // A table that is wider than that is not made.
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(width).unwrap_or(u16::MAX));
        let widths = table.column_max_content_widths();
        let first = widths.first().copied().map_or(0, usize::from);
        if self.first_gives_way && self.natural_width() - first + first.min(LEAST) <= width {
            for column in table.column_iter_mut().skip(1) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
}

/// A part of a cell, whose blanks are not coloured.
fn painted(part: &str, cell: &Cell) -> String {
    let seen = part.trim_end();
    if seen.is_empty() {
        return part.to_owned();
    }
    format!("{}{}", cell.painted(seen), &part[seen.len()..])
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::cli::palette::{STRONG, WRONG};

    fn table() -> Table<3> {
        let mut table = Table::of_names(["NAME", "STATE", "NEXT"]);
        table.row(["work".into(), "fresh".into(), "refresh in 38m".into()], vec![]);
        let name = "工作-a\u{1f}b-会话-工作";
        let below = vec!["it has ended".into(), Cell::new("run `a very long command that stays`", STRONG)];
        table.row([name.into(), Cell::new("sign in needed", WRONG), "-".into()], below);
        table
    }

    #[test]
    fn the_first_column_is_broken_first() {
        insta::assert_snapshot!(anstream::adapter::strip_str(&table().text(Some(44))), @r"
        NAME          STATE           NEXT
        work          fresh           refresh in 38m
        工作-a\u{1f}  sign in needed  -
        b-会话-工作
          it has ended
          run `a very long command that stays`
        ");
        insta::assert_snapshot!(anstream::adapter::strip_str(&table().text(Some(20))), @r"
        NAME    STATE  NEXT
        work    fresh  refre
                       sh in
                       38m
        工作-a  sign   -
        \u{1f}  in
        b-会话  neede
        -工作   d
          it has ended
          run
          `a very long command that stays`
        ");
        insta::assert_snapshot!(anstream::adapter::strip_str(&table().text(None)), @r"
        NAME                     STATE           NEXT
        work                     fresh           refresh in 38m
        工作-a\u{1f}b-会话-工作  sign in needed  -
          it has ended
          run `a very long command that stays`
        ");
    }

    #[test]
    fn colours_are_those_of_the_cell_and_nothing_is_too_wide() {
        let seen = table().text(None).replace('\u{1b}', "^");
        assert!(seen.contains("  ^[31msign in needed^[0m  -\n"), "{seen}");
        assert!(seen.contains("\n  ^[1mrun `a very long command that stays`^[0m\n"), "{seen}");
        for width in 20..60 {
            let text = anstream::adapter::strip_str(&table().text(Some(width))).to_string();
            let mut lines = text.lines().filter(|line| !line.contains('`'));
            assert!(lines.all(|line| line.width() <= width), "{width}: {text}");
        }
        assert_eq!(Table::<1>::new(["ROLE"]).text(Some(80)), "ROLE\n");
    }
}
