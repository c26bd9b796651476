//! The colours of everything that is printed, by what they mean. The words beside them say the same.

use anstyle::{AnsiColor, Style};

/// All is well.
pub(super) const WELL: Style = AnsiColor::Green.on_default();
/// It takes patience, or asks for the user soon.
pub(super) const SOON: Style = AnsiColor::Yellow.on_default();
/// It has failed, or asks for the user now.
pub(super) const WRONG: Style = AnsiColor::Red.on_default();
/// What matters less.
pub(super) const FAINT: Style = Style::new().dimmed();
/// What is to be found at once.
pub(super) const STRONG: Style = Style::new().bold();
