//! What holds for every target.

/// Fails on a message that a terminal or a log would not show as one line.
pub fn assert_is_a_line(message: &str) {
    let acts = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!message.contains(acts), "{message:?}");
    assert!(!message.trim().is_empty());
}
