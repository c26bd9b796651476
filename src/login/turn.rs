//! [`Turn`]: one sign-in of a session at a time, among all processes. Another waits for it and shares what comes of
//! it, so that no second tab is opened.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;

/// The right to sign in, until it is dropped or its process ends.
#[derive(Debug)]
pub struct Turn(File);

/// Somebody else's turn.
#[derive(Debug)]
pub struct Taken {
    path: PathBuf,
    /// The process.
    pub pid: Option<u32>,
    /// The page that its user is to open.
    pub page: Option<String>,
}

impl Turn {
    /// Takes the turn by a lock on the file at `path`, or says whose it is. The file stays for ever: deleting it
    /// would let two in.
    pub fn take(path: &Path) -> io::Result<Result<Self, Taken>> {
        let mut file = open(path)?;
        match file.try_lock() {
            Ok(()) => Self::begin(file).map(Ok),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text)?;
                let mut lines = text.lines();
                let pid = lines.next().and_then(|pid| pid.parse().ok());
                Ok(Err(Taken { path: path.to_owned(), pid, page: lines.next().map(str::to_owned) }))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Tells others the page that the user is to open.
    pub fn tell(&mut self, page: &str) -> io::Result<()> {
        self.write(&format!("{}\n{page}\n", std::process::id()))
    }

    fn begin(file: File) -> io::Result<Self> {
        let mut turn = Self(file);
        turn.write(&format!("{}\n", std::process::id()))?;
        Ok(turn)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        self.0.write_all(text.as_bytes())
    }
}

impl Taken {
    /// Waits for the turn, however long it takes. It blocks.
    pub fn wait(self) -> io::Result<Turn> {
        let file = open(&self.path)?;
        file.lock()?;
        Turn::begin(file)
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_of_the_first_and_gets_its_turn() {
        let folder = tempfile::tempdir().unwrap();
        let take = |name: &str| Turn::take(&folder.path().join(name)).unwrap();
        let mut first = take("work").unwrap();
        let taken = take("work").unwrap_err();
        assert_eq!((taken.pid, taken.page.as_deref()), (Some(std::process::id()), None));
        first.tell("https://example.com/").unwrap();
        let taken = take("work").unwrap_err();
        assert_eq!(
            (taken.pid, taken.page.as_deref()),
            (Some(std::process::id()), Some("https://example.com/"))
        );
        take("home").unwrap();
        let waiting = std::thread::spawn(move || taken.wait().unwrap());
        drop(first);
        let turn = waiting.join().unwrap();
        assert_eq!(take("work").unwrap_err().page, None, "the page of the first is not the second's");
        drop(turn);
        take("work").unwrap();
    }

    #[test]
    fn says_why_there_is_no_turn() {
        assert!(Turn::take(Path::new("/nonexistent/lock")).is_err());
    }
}
