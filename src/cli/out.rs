//! Standard output: where a reader that went away is no error.

use std::io::{self, Write};

use serde::Serialize;

use super::exit::{FAILED, Failure};
use crate::session::token::Secret;

/// Writes `text` as it is and flushes it.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    written(|out| out.write_all(text.as_bytes()))
}

/// Writes a line.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    written(|out| writeln!(out, "{text}"))
}

/// Writes a JSON object over several lines.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    written(|out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        writeln!(out)
    })
}

/// Writes a line that ends in a secret. No copy of it is made here.
pub(super) fn secret(prefix: &str, secret: &Secret) -> Result<(), Failure> {
    written(|out| writeln!(out, "{prefix}{}", secret.expose()))
}

fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    judged(write(&mut out).and_then(|()| out.flush()))
}

fn judged(result: io::Result<()>) -> Result<(), Failure> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => Failure::new(FAILED, format!("can't write to standard output: {error}; check where it goes")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_error() {
        for (kind, code) in [(io::ErrorKind::BrokenPipe, 0), (io::ErrorKind::StorageFull, FAILED)] {
            assert_eq!(judged(Err(kind.into())).unwrap_err().code(), code);
        }
    }
}
