//! A page's address as a code that a phone can read.

use fast_qr::{ECL, QRBuilder, QRCode};

/// Where the code is shown: in columns and lines.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Columns.
    pub width: usize,
    /// Lines.
    pub height: usize,
}

/// The white around a code, in modules: ISO/IEC 18004 has four, and every reader does with two.
const QUIET: usize = 2;

/// What stands for two modules, one above the other, where white is what is drawn.
const HALVES: [char; 4] = [' ', '▄', '▀', '█'];

/// `text` as lines of half blocks, white on black; `None` where there is no room for it, or it is too long.
pub fn lines(text: &str, room: Room) -> Option<Vec<String>> {
    let code = QRBuilder::new(text).ecl(ECL::L).build().ok()?;
    let size = code.size + 2 * QUIET;
    if size > room.width || size.div_ceil(2) > room.height {
        return None;
    }
    let line = |row: usize| {
        let halves = (0..size).map(|column| {
            usize::from(is_white(&code, row, column)) * 2 + usize::from(is_white(&code, row + 1, column))
        });
        halves.map(|halves| HALVES[halves]).collect()
    };
    Some((0..size).step_by(2).map(line).collect())
}

/// Whether a module is white; all around the code are, and below it none.
fn is_white(code: &QRCode, row: usize, column: usize) -> bool {
    let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.size);
    match (inside(row), inside(column)) {
        (Some(row), Some(column)) => !code[row][column].value(),
        _ => row < code.size + 2 * QUIET,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_its_three_corners_and_white_around() {
        let room = Room { width: 80, height: 24 };
        let lines = lines("https://example.com/", room).unwrap();
        assert_eq!((lines.len(), lines[0].chars().count()), (15, 29));
        // The upper left corner: a ring of seven modules with a square of three in it, and white around.
        let corner: Vec<String> = lines[..5].iter().map(|line| line.chars().take(10).collect()).collect();
        assert_eq!(corner[..4], ["██████████", "██ ▄▄▄▄▄ █", "██ █   █ █", "██ █▄▄▄█ █"], "{corner:#?}");
        assert_eq!(corner[4], "██▄▄▄▄▄▄▄█");
        assert!(lines.last().unwrap().chars().all(|c| c == '▀'), "{lines:#?}");
    }

    #[test]
    fn needs_room() {
        for (width, height, fits) in [(29, 15, true), (28, 15, false), (29, 14, false)] {
            assert_eq!(
                lines("https://example.com/", Room { width, height }).is_some(),
                fits,
                "{width} {height}"
            );
        }
        assert_eq!(lines(&"x".repeat(8000), Room { width: 8000, height: 8000 }), None);
    }
}
