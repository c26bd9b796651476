//! [`Events`]: the daemon's events as they come.

use std::collections::VecDeque;

use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{Error, broken};

/// The most bytes of a line that are kept.
const LINE_MAX: usize = 64 * 1024;

/// The events of a daemon from now on.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    lines: Lines,
    /// What the daemon said beside the events, last.
    comment: Option<String>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// An event: a JSON object in one line.
    Event(String),
    /// The daemon sends no more, and said why, if it could.
    End(Option<String>),
}

impl Events {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, lines: Lines::default(), comment: None }
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// Where the daemon sends what is no event.
    pub async fn next(&mut self) -> Result<Next, Error> {
        loop {
            while let Some(line) = self.lines.whole.pop_front() {
                if let Some(data) = line.strip_prefix("data:") {
                    return Ok(Next::Event(data.trim_start().to_owned()));
                }
                if let Some(comment) = line.strip_prefix(':') {
                    self.comment = Some(comment.trim().to_owned());
                }
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.lines.take(frame.data_ref().map_or(&[][..], |data| data))?,
                // A daemon that was killed says no more than one that ends.
                Some(Err(error)) => {
                    tracing::debug!("{}", broken(&error));
                    return Ok(Next::End(self.comment.take()));
                }
                None => return Ok(Next::End(self.comment.take())),
            }
        }
    }
}

/// Makes lines of what comes in pieces.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
    whole: VecDeque<String>,
}

impl Lines {
    fn take(&mut self, piece: &[u8]) -> Result<(), Error> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if self.begun.len() > LINE_MAX {
                return Err(Error::Protocol("it sends an event that is too long".into()));
            }
            if self.begun.ends_with(b"\n") {
                let line = String::from_utf8(std::mem::take(&mut self.begun))
                    .map_err(|_| Error::Protocol("it sends an event that is no text".into()))?;
                self.whole.push_back(line.trim_end().to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let sent = "event: a\ndata: {\"é\":1}\n\n: end\r\nrest".as_bytes();
        for at in 0..sent.len() {
            let mut lines = Lines::default();
            lines.take(&sent[..at]).unwrap();
            lines.take(&sent[at..]).unwrap();
            assert_eq!(lines.whole, ["event: a", "data: {\"é\":1}", "", ": end"], "{at}");
        }
        assert!(Lines::default().take(&vec![b'x'; LINE_MAX + 1]).is_err());
        assert!(Lines::default().take(b"\xff\n").is_err());
    }
}
