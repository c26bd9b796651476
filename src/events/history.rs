//! [`History`]: the last events of each session, and those of the daemon, in the own state: a file each of JSON lines.
//!
//! A line is written when something happens, and at no other time. What a crash or a full disk has cut off is skipped, and
//! so is what a newer version has written, which stays for that one.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write as _,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::libc::{O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};
use serde::de::IgnoredAny;
use sha1::{Digest, Sha1};

use super::Event;
use crate::{private, time::Timestamp};

/// How many events of each are kept.
pub const KEPT: usize = 1000;
/// At how many lines a file is cut back to [`KEPT`].
const MOST: usize = 1200;
/// At how many bytes a file is cut back to half of them.
const BYTES_MAX: usize = 2 * 1024 * 1024;
/// How long the events are kept of a session that is configured no more.
const OUTLIVES: Duration = Duration::from_secs(30 * 24 * 3600);
/// What the file of the daemon's own events is called.
const DAEMON: &str = "daemon.jsonl";

/// Writes events down.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
    /// How much is in each file that was written to.
    sizes: HashMap<PathBuf, Size>,
    /// The last attempt failed.
    fails: bool,
}

/// How much is in a file.
#[derive(Clone, Copy, Debug)]
struct Size {
    lines: usize,
    bytes: usize,
}

impl Size {
    fn is_too_much(self) -> bool {
        self.lines > MOST || self.bytes > BYTES_MAX
    }
}

impl History {
    /// In the folder of the own state.
    pub fn new(state: &Path) -> Self {
        Self { folder: folder(state), sizes: HashMap::new(), fails: false }
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
            self.sizes.remove(&path);
        }
        let is_news = !std::mem::replace(&mut self.fails, added.is_err());
        added.or_else(|error| if is_news { Err(format!("{}: {error}", path.display())) } else { Ok(()) })
    }

    fn append(&mut self, path: &Path, event: &Event) -> io::Result<()> {
        private::restore(&self.folder).map_err(|error| match error {
            private::Error::Io(error) => error,
            error => io::Error::other(error.to_string()),
        })?;
        let known = self.sizes.get(path).copied().filter(|_| path.exists());
        let (size, whole) = if let Some(size) = known {
            (size, true)
        } else {
            let found = text(path)?;
            let size = Size { lines: found.lines().count(), bytes: found.len() };
            (size, found.is_empty() || found.ends_with('\n'))
        };
        // What could not be cut back must not grow.
        let (size, whole) = if size.is_too_much() { (self.cut(path)?, true) } else { (size, whole) };
        let line = format!("{}{}\n", if whole { "" } else { "\n" }, event.json());
        let mut file = open(OpenOptions::new().append(true).create(true), path)?;
        if file.metadata()?.mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        file.write_all(line.as_bytes())?;
        let size = Size { lines: size.lines + 1, bytes: size.bytes + line.len() };
        self.sizes.insert(path.into(), size);
        if size.is_too_much() {
            self.cut(path)?;
        }
        Ok(())
    }

    /// How much is left of it.
    fn cut(&mut self, path: &Path) -> io::Result<Size> {
        let text = text(path)?;
        let mut size = Size { lines: 0, bytes: 0 };
        let mut last: Vec<&str> = Vec::new();
        for line in text.lines().rev().filter(|line| serde_json::from_str::<IgnoredAny>(line).is_ok()) {
            if size.lines == KEPT || size.bytes + line.len() >= BYTES_MAX / 2 {
                break;
            }
            size = Size { lines: size.lines + 1, bytes: size.bytes + line.len() + 1 };
            last.push(line);
        }
        // One name for all times: what a crash has left there is written over.
        let temporary = path.with_extension("tmp");
        let mut file = open(OpenOptions::new().write(true).truncate(true).create(true), &temporary)?;
        let lines: String = last.iter().rev().flat_map(|line| [*line, "\n"]).collect();
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        self.sizes.insert(path.into(), size);
        Ok(size)
    }

    /// Deletes what was written down of others than `sessions` and not added to for a month. What can't be deleted stays.
    pub fn sweep(&mut self, sessions: &BTreeSet<String>, now: Timestamp) {
        let kept: BTreeSet<String> = sessions.iter().map(|name| file_name(Some(name))).collect();
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_ours = name.to_str().and_then(|name| name.split_once('.')).is_some_and(|(stem, rest)| {
                stem.len() == 40
                    && matches!(rest, "jsonl" | "tmp")
                    && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
            });
            let is_old = |found: fs::Metadata| {
                found.is_file() && now.since(Timestamp::from_secs(found.mtime())) > OUTLIVES
            };
            if is_ours
                && !name.to_str().is_some_and(|name| kept.contains(name))
                && entry.metadata().is_ok_and(is_old)
            {
                // It is in nobody's way.
                let _ = fs::remove_file(entry.path());
                self.sizes.remove(&entry.path());
            }
        }
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

/// What a file holds, the last of it where it is too long to be ours; nothing where there is none. What is no text is
/// replaced, and then is no event.
fn text(path: &Path) -> io::Result<String> {
    let mut file = match open(OpenOptions::new().read(true), path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let most = BYTES_MAX as u64 * 2;
    let before = file.metadata()?.len().saturating_sub(most);
    file.seek(SeekFrom::Start(before))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
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
mod tests;
