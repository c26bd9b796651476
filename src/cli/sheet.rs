//! [`sheet`]: a text as its reader sees it, on an old terminal and on a wide one, with colours and without.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::table::{USUAL, WIDEST};

/// What `text` gives for 80 and for 140 columns: plain, and with the escapes of its colours where it has some.
///
/// # Panics
/// Where a line is wider. What stands between backticks is not broken, so that it can be copied.
#[track_caller]
pub(super) fn sheet(text: impl Fn(usize) -> String) -> String {
    let mut sheet = String::new();
    for width in [USUAL, WIDEST] {
        let coloured = text(width);
        let plain = anstream::adapter::strip_str(&coloured).to_string();
        let too_wide = plain.lines().find(|line| line.width() > width && !line.contains('`'));
        assert_eq!(too_wide, None, "wider than {width} columns:\n{plain}");
        let _ = writeln!(sheet, "── {width} columns\n{plain}");
        if coloured == plain {
            sheet.push_str("── without colours\n\n");
        } else {
            let _ = writeln!(sheet, "── in colour\n{}", coloured.replace('\u{1b}', "^"));
        }
    }
    sheet
}
