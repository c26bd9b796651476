//! [`Capped`]: a log file that someone else has opened for us and nobody cuts, as launchd does it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// How long it may become, in bytes; as much again is kept of what came before.
const MOST: u64 = 2 * 1024 * 1024;

/// Standard error, where that is the log file at a path that is known: what is in it goes to a file beside it as soon as
/// it is too long.
#[derive(Debug)]
pub(super) struct Capped {
    file: File,
    path: PathBuf,
    length: AtomicU64,
    most: u64,
}

impl Capped {
    /// Standard error, if it is the file at `path`.
    pub(super) fn stderr(path: &Path) -> Option<Self> {
        let file = File::from(io::stderr().as_fd().try_clone_to_owned().ok()?);
        Self::new(file, path, MOST)
    }

    fn new(file: File, path: &Path, most: u64) -> Option<Self> {
        let (open, named) = (file.metadata().ok()?, path.metadata().ok()?);
        if !open.is_file() || (open.dev(), open.ino()) != (named.dev(), named.ino()) {
            return None;
        }
        // Else what is written after a cut would stand where it ended before.
        let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL).ok()?);
        fcntl(&file, FcntlArg::F_SETFL(flags | OFlag::O_APPEND)).ok()?;
        Some(Self { file, path: path.into(), length: open.len().into(), most })
    }

    /// Puts what is there aside, in the place of what was put there before. One thread writes the log.
    fn put_aside(&self) -> io::Result<()> {
        let mut aside = OsString::from(&self.path);
        aside.push(".1");
        fs::copy(&self.path, aside)?;
        self.file.set_len(0)?;
        self.length.store(0, Ordering::Relaxed);
        Ok(())
    }
}

impl Write for &Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let after = self.length.load(Ordering::Relaxed).saturating_add(bytes.len() as u64);
        // Where that fails there is nowhere to tell it, and a line that is too much is better than none.
        if after > self.most && self.put_aside().is_err() {
            self.length.store(0, Ordering::Relaxed);
        }
        let written = (&self.file).write(bytes)?;
        self.length.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_goes_aside_and_the_last_lines_are_always_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = Capped::new(File::create(&path).unwrap(), &path, 30).unwrap();
        for line in 0..100 {
            writeln!(&log, "line {line:04}").unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.len() <= 30 && text.ends_with(&format!("line {line:04}\n")), "{text}");
        }
        let aside = fs::read_to_string(folder.path().join("log.1")).unwrap();
        assert_eq!(aside, "line 0096\nline 0097\nline 0098\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 0099\n");
        // What is there at a start counts.
        let log = Capped::new(File::options().append(true).open(&path).unwrap(), &path, 30).unwrap();
        writeln!(&log, "{}", "x".repeat(25)).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("log.1")).unwrap(), "line 0099\n");
    }

    #[test]
    fn a_file_of_another_name_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let file = File::create(&one).unwrap();
        File::create(&other).unwrap();
        assert!(Capped::new(file.try_clone().unwrap(), &other, 30).is_none());
        assert!(Capped::new(file, &folder.path().join("none"), 30).is_none());
        assert!(Capped::new(File::open("/dev/null").unwrap(), Path::new("/dev/null"), 30).is_none());
    }
}
