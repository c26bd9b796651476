//! [`History`]: the last events of each session, and those of the daemon, in the own state: a file each of JSON lines.
//!
//! A line is written when something happens, and at no other time. What a crash or a full disk has cut off is skipped.

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix::libc::{O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};
use sha1::{Digest, Sha1};

use super::Event;
use crate::{private, time::Timestamp};

/// How many events of each are kept.
pub const KEPT: usize = 1000;
/// At how many lines a file is cut back to [`KEPT`].
const MOST: usize = 1200;
/// The most bytes of a file that are read: more is not ours.
const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What the file of the daemon's own events is called.
const DAEMON: &str = "daemon.jsonl";

/// Writes events down.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
    /// How many lines each file has that was written to.
    lines: HashMap<PathBuf, usize>,
    /// The last attempt failed.
    fails: bool,
}

impl History {
    /// In the folder of the own state.
    pub fn new(state: &Path) -> Self {
        Self { folder: folder(state), lines: HashMap::new(), fails: false }
    }

    /// Writes `event` down.
    ///
    /// # Errors
    /// Why that could not be done, the first time.
    pub fn add(&mut self, event: &Event) -> Result<(), String> {
        let path = self.folder.join(file_name(event.session.as_deref()));
        let added = self.append(&path, event);
        if added.is_err() {
            // There may be half a line.
            self.lines.remove(&path);
        }
        let is_news = !std::mem::replace(&mut self.fails, added.is_err());
        added.or_else(|error| if is_news { Err(format!("{}: {error}", path.display())) } else { Ok(()) })
    }

    fn append(&mut self, path: &Path, event: &Event) -> io::Result<()> {
        private::restore(&self.folder).map_err(|error| match error {
            private::Error::Io(error) => error,
            error => io::Error::other(error.to_string()),
        })?;
        let known = self.lines.get(path).copied().filter(|_| path.exists());
        let (lines, whole) = if let Some(lines) = known {
            (lines, true)
        } else {
            let found = text(path)?;
            (found.lines().count(), found.is_empty() || found.ends_with('\n'))
        };
        let line = format!("{}{}\n", if whole { "" } else { "\n" }, event.json());
        open(OpenOptions::new().append(true).create(true), path)?.write_all(line.as_bytes())?;
        self.lines.insert(path.into(), lines + 1);
        if lines + 1 > MOST {
            self.cut(path)?;
        }
        Ok(())
    }

    fn cut(&mut self, path: &Path) -> io::Result<()> {
        let events = parsed(&text(path)?);
        let last = &events[events.len().saturating_sub(KEPT)..];
        // One name for all times: what a crash has left there is written over.
        let temporary = path.with_extension("tmp");
        let mut file = open(OpenOptions::new().write(true).truncate(true).create(true), &temporary)?;
        let lines: String = last.iter().map(|event| event.json() + "\n").collect();
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        self.lines.insert(path.into(), last.len());
        Ok(())
    }
}

/// What was written down of `session`, or without one of the daemon itself, in the order in which it happened.
///
/// # Errors
/// Where there is a file that can't be read.
pub fn read(state: &Path, session: Option<&str>) -> io::Result<Vec<Event>> {
    let mut events = parsed(&text(&folder(state).join(file_name(session)))?);
    events.retain(|event| event.session.as_deref() == session);
    Ok(events)
}

fn folder(state: &Path) -> PathBuf {
    state.join("history")
}

/// Like a token file, so that a name may hold what no file name can.
fn file_name(session: Option<&str>) -> String {
    let Some(session) = session else { return DAEMON.into() };
    let mut name = String::new();
    for byte in Sha1::digest(session) {
        // Memory takes it all.
        let _ = write!(name, "{byte:02x}");
    }
    name + ".jsonl"
}

/// The events that are whole, and of a version that is known.
fn parsed(text: &str) -> Vec<Event> {
    let events = text.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok());
    let known = events.filter(|event| event.version == super::VERSION);
    known.map(|event| Event { at: Timestamp::from_millis(event.at_ms), ..event }).collect()
}

/// What a file holds; nothing where there is none. What is no text is replaced, and then is no event.
fn text(path: &Path) -> io::Result<String> {
    let file = match open(OpenOptions::new().read(true), path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A pipe in its place is not waited for, and a link not followed.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.mode(0o600).custom_flags(O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other("it is no file: move it away"))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    fn event(number: usize) -> Event {
        let at = Timestamp::from_secs(i64::try_from(number).unwrap());
        Event::new("refreshed", at, "é\n").of("a/b")
    }

    fn numbers(state: &Path) -> Vec<i64> {
        read(state, Some("a/b")).unwrap().iter().map(|event| event.at.secs()).collect()
    }

    #[test]
    fn the_last_thousand_are_kept_and_it_is_private() {
        let state = tempfile::tempdir().unwrap();
        let mut history = History::new(state.path());
        let own = Event::new("started", Timestamp::from_secs(0), "");
        history.add(&own).unwrap();
        let file = state.path().join("history").join(file_name(Some("a/b")));
        for number in 0..MOST {
            history.add(&event(number)).unwrap();
        }
        assert_eq!(numbers(state.path()).len(), MOST);
        // As after a start.
        let mut history = History::new(state.path());
        history.add(&event(MOST)).unwrap();
        let last = i64::try_from(MOST).unwrap();
        let first = last + 1 - i64::try_from(KEPT).unwrap();
        assert_eq!(numbers(state.path()), (first..=last).collect::<Vec<_>>());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert_eq!(read(state.path(), None).unwrap(), [own]);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 2, "nothing is left behind");
        assert!(read(state.path(), Some("nobody")).unwrap().is_empty());
    }

    #[test]
    fn what_is_torn_or_unknown_is_skipped() {
        let state = tempfile::tempdir().unwrap();
        History::new(state.path()).add(&event(1)).unwrap();
        let file = state.path().join("history").join(file_name(Some("a/b")));
        let line = fs::read_to_string(&file).unwrap();
        for (torn, expected) in [
            (line[..line.len() - 20].to_owned(), vec![2]),
            (format!("{line}\u{0}\n{}", &line[..9]), vec![1, 2]),
            (line.replace("\"version\":1", "\"version\":2"), vec![2]),
            (line.replace("a/b", "c"), vec![2]),
            (line.trim_end().to_owned(), vec![1, 2]),
        ] {
            File::create(&file).unwrap().write_all(torn.as_bytes()).unwrap();
            History::new(state.path()).add(&event(2)).unwrap();
            assert_eq!(numbers(state.path()), expected, "{torn}");
        }
    }

    #[test]
    fn what_is_in_the_way_is_told_once_and_waited_for_never() {
        let state = tempfile::tempdir().unwrap();
        let mut history = History::new(state.path());
        history.add(&event(1)).unwrap();
        let file = state.path().join("history").join(file_name(Some("a/b")));
        fs::remove_file(&file).unwrap();
        mkfifo(&file, Mode::S_IRWXU).unwrap();
        assert!(history.add(&event(2)).unwrap_err().contains("jsonl: "));
        assert_eq!(history.add(&event(3)), Ok(()), "told once");
        fs::remove_dir_all(state.path().join("history")).unwrap();
        history.add(&event(4)).unwrap();
        assert_eq!(numbers(state.path()), [4]);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(history.add(&event(5)).is_err(), "told again");
    }
}
