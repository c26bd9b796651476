//! [`Columns`]: the table of sessions, with as many of its columns and as much of its bars as there is room for.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::{
    Look,
    text::{Part, padded, part},
};
use crate::{
    cli::{
        palette::{FAINT, STRONG},
        status::watch::model::{Gauge, Row},
    },
    session::status::Status,
    time::Timestamp,
};

/// Between columns.
const GAP: &str = "  ";
/// The longest name that is shown whole, where there is room for it.
const NAME_MAX: usize = 24;
/// `sign in needed`.
const STATE: usize = 14;
/// `59m 57s` and `expired`.
const LEFT: usize = 7;
/// `~23h 59m`.
const ENDS: usize = 8;
/// `not known yet`.
const UNKNOWN: usize = 13;
/// `refresh in 37m 52s`; and a command, where there is room for it.
const NEXT: std::ops::RangeInclusive<usize> = 18..=36;
/// What a bar takes at least and at most.
const BAR: std::ops::RangeInclusive<usize> = 4..=24;

/// How wide each column is; one of no width is left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    name: usize,
    state: usize,
    bar: usize,
    left: usize,
    ends: usize,
    next: usize,
}

impl Columns {
    /// For so many columns of a terminal.
    pub(super) fn of(sessions: &[Status], now: Timestamp, width: usize) -> Self {
        let names = sessions.iter().map(|status| status.session.width());
        let longest = names.max().unwrap_or_default().clamp("SESSION".len(), NAME_MAX);
        // The mark of the selected one, and a blank at the edge.
        let room = width.saturating_sub(3);
        let gap = GAP.len();
        let bare = STATE + LEFT + ENDS + NEXT.start() + 4 * gap;
        // A bar and the blank behind it, twice.
        let bars = 2 * (BAR.start() + 1);
        let name = longest.min(room.saturating_sub(bare + bars)).max("SESSION".len());
        if let Some(spare) = room.checked_sub(name + bare + bars) {
            let nexts = sessions.iter().map(|status| Row::of(status, now).next.0.width());
            let wanted = nexts.max().unwrap_or_default().clamp(*NEXT.start(), *NEXT.end());
            let more = (wanted - NEXT.start()).min(spare);
            let bar = (BAR.start() + (spare - more) / 2).min(*BAR.end());
            let next = NEXT.start() + more;
            return Self { name, state: STATE, bar, left: LEFT, ends: ENDS, next };
        }
        let next = *NEXT.start();
        let without =
            |name: usize, left, ends: usize, next| Self { name, state: STATE, bar: 0, left, ends, next };
        let ends = UNKNOWN;
        for (least, left, ends, next) in [
            (STATE + LEFT + ends + next + 4 * gap, LEFT, ends, next),
            (STATE + LEFT + next + 3 * gap, LEFT, 0, next),
            (STATE + LEFT + 2 * gap, LEFT, 0, 0),
            (STATE + gap, 0, 0, 0),
        ] {
            if let Some(name) = room.checked_sub(least).filter(|name| *name >= "SESSION".len()) {
                return without(name.min(longest), left, ends, next);
            }
        }
        Self { state: room.saturating_sub(8), ..without(room.min(6), 0, 0, 0) }
    }
}

/// What the columns are called.
pub(super) fn header(columns: &Columns) -> Vec<Part> {
    let ascii = Look { colour: false, utf8: false };
    let Columns { name, state, bar, left, ends, next } = *columns;
    let beside = if bar > 0 { bar + 1 } else { 0 };
    let titles = [
        ("SESSION", name),
        ("STATE", state),
        ("TOKEN", if left > 0 { left + beside } else { 0 }),
        ("SIGN-IN", if ends > 0 { ends + beside } else { 0 }),
        ("NEXT", next),
    ];
    let shown = titles.into_iter().filter(|(_, width)| *width > 0);
    let line: Vec<String> = shown.map(|(title, width)| padded(title, width, ascii)).collect();
    vec![part(&format!("  {}", line.join(GAP)), FAINT)]
}

/// A session in one line.
pub(super) fn row(
    columns: &Columns,
    status: &Status,
    now: Timestamp,
    selected: bool,
    look: Look,
) -> Vec<Part> {
    let Row { session, state, token, sign_in, next } = Row::of(status, now);
    let plain = Style::new();
    let mark = match (selected, look.utf8) {
        (true, true) => "› ",
        (true, false) => "> ",
        (false, _) => "  ",
    };
    let name = if selected { STRONG } else { plain };
    let mut parts = vec![part(mark, name), part(&padded(&session, columns.name, look), name)];
    let mut column = |width: usize, pieces: Vec<Part>| {
        if width > 0 {
            parts.push(part(GAP, plain));
            parts.extend(pieces);
        }
    };
    column(columns.state, vec![part(&padded(state.0, columns.state, look), state.1)]);
    column(columns.left, gauge(&token, columns.bar, columns.left, look));
    column(columns.ends, gauge(&sign_in, columns.bar, columns.ends, look));
    column(columns.next, vec![part(&padded(&next.0, columns.next, look), next.1)]);
    parts
}

/// A bar of what is left, and the same in words; the words alone where the share is not known.
fn gauge(gauge: &Gauge, bar: usize, text: usize, look: Look) -> Vec<Part> {
    // Colour says no more than the state does, which stands beside it.
    let words = if gauge.style == FAINT { FAINT } else { Style::new() };
    let Some((left, whole)) = gauge.part.filter(|_| bar > 0) else {
        let width = if bar > 0 { bar + 1 + text } else { text };
        let style = if gauge.part.is_some() { words } else { gauge.style };
        return vec![part(&padded(&gauge.text, width, look), style)];
    };
    let halves = halves(left, whole, bar);
    let (full, half, empty) = if look.utf8 { ("━", "╾", "─") } else { ("=", "-", ".") };
    let drawn = full.repeat(halves / 2) + &half.repeat(halves % 2);
    let rest = empty.repeat(bar - halves.div_ceil(2));
    vec![
        part(&drawn, gauge.style),
        part(&rest, FAINT),
        part(" ", Style::new()),
        part(&padded(&gauge.text, text, look), words),
    ]
}

/// How many halves of the characters of a bar stand for `left` of `whole`; at least one where something is left.
fn halves(left: u64, whole: u64, bar: usize) -> usize {
    let most = u64::try_from(bar).unwrap_or(u64::MAX).saturating_mul(2);
    let share = left.min(whole).saturating_mul(most) / whole.max(1);
    usize::try_from(if left > 0 { share.max(1) } else { share }).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::status::State;

    #[test]
    fn a_bar_is_empty_only_where_nothing_is_left() {
        for (left, whole, expected) in [
            (0, 3600, 0),
            (1, 3600, 1),
            (1800, 3600, 10),
            (3599, 3600, 19),
            (3600, 3600, 20),
            (9, 3, 20),
            (0, 0, 0),
        ] {
            assert_eq!(halves(left, whole, 10), expected, "{left} of {whole}");
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let sessions = [Status::bare("a-name-that-is-far-too-long-for-any-table", State::Fresh)];
        let look = Look { colour: true, utf8: true };
        for width in 0..200 {
            let now = Timestamp::from_secs(0);
            let columns = Columns::of(&sessions, now, width);
            let row = row(&columns, &sessions[0], now, true, look);
            let widths = [row, header(&columns)].map(|parts| parts.iter().map(Part::width).sum::<usize>());
            assert!(widths.iter().all(|taken| *taken <= width.max(16)), "{width}: {widths:?} {columns:?}");
        }
    }
}
