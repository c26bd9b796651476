//! [`read`]: what a hook writes, for the log, however much of it and of what kind.

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::config::line;

/// The most bytes of a line that are shown.
const LINE_MAX: usize = 1000;
/// The most lines that are shown.
const LINES_MAX: usize = 100;

/// Reads `stream` to its end, so that its writer never waits, and hands its first lines to `show`.
pub(super) async fn read(stream: Option<impl AsyncRead + Unpin>, show: impl Fn(&str)) {
    let Some(mut stream) = stream else { return };
    let (mut lines, mut piece) = (Lines::default(), vec![0; 8 * 1024]);
    loop {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(length) => lines.take(&piece[..length], &show),
        }
    }
    lines.end(&show);
}

#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    shown: usize,
}

impl Lines {
    fn take(&mut self, piece: &[u8], show: &impl Fn(&str)) {
        if self.shown > LINES_MAX {
            return;
        }
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            // One byte more than is shown tells that it is longer.
            let room = (LINE_MAX + 1).saturating_sub(self.begun.len());
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            self.begun.extend_from_slice(&text[..text.len().min(room)]);
            if part.ends_with(b"\n") {
                self.end(show);
            }
        }
    }

    fn end(&mut self, show: &impl Fn(&str)) {
        let begun = std::mem::take(&mut self.begun);
        if begun.iter().all(u8::is_ascii_whitespace) || self.shown > LINES_MAX {
            return;
        }
        self.shown += 1;
        if self.shown > LINES_MAX {
            return show("… and more, which is left out");
        }
        let text = String::from_utf8_lossy(&begun[..begun.len().min(LINE_MAX)]);
        let cut = if begun.len() > LINE_MAX { "…" } else { "" };
        show(&format!("{}{cut}", line(text.trim_end())));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    async fn shown(written: &[u8]) -> Vec<String> {
        let lines = RefCell::new(Vec::new());
        read(Some(written), |line| lines.borrow_mut().push(line.to_owned())).await;
        lines.into_inner()
    }

    #[tokio::test]
    async fn lines_are_whole_and_harmless() {
        let lines = shown(b"one\r\n\n \x1b[31mtwo\xff\0\nno end").await;
        assert_eq!(lines, ["one", " \\u{1b}[31mtwo\u{fffd}\\u{0}", "no end"]);
        assert!(shown(b"").await.is_empty());
    }

    #[tokio::test]
    async fn a_flood_is_cut() {
        let lines = shown(&b"x".repeat(3_000_000)).await;
        assert_eq!(lines, ["x".repeat(LINE_MAX) + "…"]);
        let lines = shown(&b"y\n".repeat(100_000)).await;
        assert_eq!(
            (lines.len(), lines[LINES_MAX].as_str()),
            (LINES_MAX + 1, "… and more, which is left out")
        );
    }
}
