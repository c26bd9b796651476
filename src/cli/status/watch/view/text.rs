//! [`Part`]: a piece of a line in one style; and texts that take as many columns as they should.

use anstyle::{AnsiColor, Effects, Style};
use ratatui::{
    style::{Color, Modifier},
    text::Span,
};
use unicode_width::UnicodeWidthStr;

use super::Look;

/// A piece of a line.
#[derive(Debug)]
pub(super) struct Part {
    text: String,
    style: Style,
}

/// A piece of a line. Control characters, which would go to the terminal, are left out.
pub(super) fn part(text: &str, style: Style) -> Part {
    Part { text: text.chars().filter(|c| !c.is_control()).collect(), style }
}

impl Part {
    pub(super) fn width(&self) -> usize {
        self.text.width()
    }

    /// As the library draws it. Without colours it keeps what else makes it stand out.
    pub(super) fn span(self, look: Look) -> Span<'static> {
        let mut style = ratatui::style::Style::new();
        let colour = self.style.get_fg_color().filter(|_| look.colour);
        if let Some(anstyle::Color::Ansi(colour)) = colour {
            style = style.fg(drawn(colour));
        }
        for (effect, modifier) in [
            (Effects::BOLD, Modifier::BOLD),
            (Effects::DIMMED, Modifier::DIM),
            (Effects::INVERT, Modifier::REVERSED),
        ] {
            if self.style.get_effects().contains(effect) {
                style = style.add_modifier(modifier);
            }
        }
        Span::styled(self.text, style)
    }
}

/// The same colour in the library's words.
fn drawn(colour: AnsiColor) -> Color {
    match colour {
        AnsiColor::Red => Color::Red,
        AnsiColor::Green => Color::Green,
        AnsiColor::Yellow => Color::Yellow,
        AnsiColor::Blue => Color::Blue,
        AnsiColor::Magenta => Color::Magenta,
        AnsiColor::Cyan => Color::Cyan,
        AnsiColor::Black => Color::Black,
        AnsiColor::White => Color::Gray,
        AnsiColor::BrightBlack => Color::DarkGray,
        AnsiColor::BrightRed => Color::LightRed,
        AnsiColor::BrightGreen => Color::LightGreen,
        AnsiColor::BrightYellow => Color::LightYellow,
        AnsiColor::BrightBlue => Color::LightBlue,
        AnsiColor::BrightMagenta => Color::LightMagenta,
        AnsiColor::BrightCyan => Color::LightCyan,
        AnsiColor::BrightWhite => Color::White,
    }
}

/// `text` in at most `width` columns; where some of it is left out, that is seen.
pub(super) fn fitted(text: &str, width: usize, look: Look) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if text.width() <= width {
        return text;
    }
    let ellipsis = if look.utf8 { "…" } else { "..." };
    let Some(room) = width.checked_sub(ellipsis.width()) else { return String::new() };
    let span = Span::raw(text);
    let mut kept = String::new();
    for grapheme in span.styled_graphemes(ratatui::style::Style::new()) {
        if kept.width() + grapheme.symbol.width() > room {
            break;
        }
        kept.push_str(grapheme.symbol);
    }
    kept + ellipsis
}

/// `text` in `width` columns exactly.
pub(super) fn padded(text: &str, width: usize, look: Look) -> String {
    let mut text = fitted(text, width, look);
    text.extend(std::iter::repeat_n(' ', width.saturating_sub(text.width())));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_take_as_many_columns_as_they_should() {
        let (utf8, ascii) = (Look { colour: true, utf8: true }, Look { colour: true, utf8: false });
        for (text, width, look, expected) in [
            ("work", 6, utf8, "work  "),
            ("work", 3, utf8, "wo…"),
            ("worked", 5, ascii, "wo..."),
            ("work", 2, ascii, "  "),
            ("工作会话", 6, utf8, "工作… "),
            ("e\u{301}e\u{301}e\u{301}", 2, utf8, "e\u{301}…"),
            ("a\u{1b}[31mb\n", 6, utf8, "a[31mb"),
        ] {
            assert_eq!(padded(text, width, look), expected, "{text:?} in {width}");
        }
    }
}
