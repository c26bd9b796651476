//! The token files as the loop knows them: which of them is whose, what each looked like when it was last read, and
//! which are to be read.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::agenda::Agenda;
use crate::{session::event::Generation, time::Timestamp};

/// How long after a file changed it is read: whoever writes it in place is done by then.
pub(super) const AFTER_WRITE: Duration = Duration::from_millis(100);

/// How long after a file could not be healed that is tried again.
const AFTER_TORN: Duration = Duration::from_secs(60);

/// The token files of all sessions.
#[derive(Debug, Default)]
pub(super) struct Files {
    known: BTreeMap<String, File>,
    /// Whose is at a path.
    owners: HashMap<PathBuf, String>,
    /// Which are to be read.
    readings: Agenda,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    /// The first generation of the session: a reading for one before was for another session of that name.
    since: Generation,
    /// What it looked like when the last reading began.
    seen: Option<Stamp>,
    /// How many readings have begun.
    begun: u64,
    /// How many of them have ended.
    ended: u64,
    /// It is not whole, and can't be made so.
    torn: bool,
}

/// What tells one content of a file from another without reading it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: (u64, u64),
    length: u64,
    modified: (i64, i64),
}

impl Files {
    /// `session`, which begins with the generation `since`, has its token in `path`.
    pub(super) fn add(&mut self, session: &str, path: PathBuf, since: Generation) {
        self.owners.insert(path.clone(), session.to_owned());
        let file = File { path, since, seen: None, begun: 0, ended: 0, torn: false };
        self.known.insert(session.to_owned(), file);
    }

    /// `session` is no more.
    pub(super) fn remove(&mut self, session: &str) {
        if let Some(file) = self.known.remove(session) {
            self.owners.remove(&file.path);
        }
        self.readings.set(session, None);
    }

    /// Where they are.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.known.values().map(|file| &file.path)
    }

    /// A reading of the file of `session` begins.
    pub(super) fn begin(&mut self, session: &str) {
        if let Some(file) = self.known.get_mut(session) {
            file.seen = Stamp::of(&file.path);
            file.begun += 1;
            self.readings.set(session, None);
        }
    }

    /// A reading that began for `generation` of `session` has ended. Where that is not the `current` one, it came too
    /// late, and the session reads once more: that reading counts in its place.
    pub(super) fn end(&mut self, session: &str, generation: Generation, current: Generation) {
        let Some(file) = self.known.get_mut(session).filter(|file| file.since <= generation) else { return };
        if generation == current {
            file.ended += 1;
        } else {
            file.begun = file.begun.saturating_sub(1);
        }
    }

    /// The number of the last reading that has begun, while it or one before it is under way.
    pub(super) fn under_way(&self, session: &str) -> Option<u64> {
        self.known.get(session).filter(|file| file.begun > file.ended).map(|file| file.begun)
    }

    /// Whether so many readings have ended that the result of this one is known, or a later one's.
    pub(super) fn has_ended(&self, session: &str, reading: u64) -> bool {
        self.known.get(session).is_none_or(|file| file.ended >= reading)
    }

    /// Whether it is another than the one that was last read.
    pub(super) fn has_changed(&self, session: &str) -> bool {
        self.known.get(session).is_some_and(|file| file.seen != Stamp::of(&file.path))
    }

    /// Something happened to the file at `path`: it is to be read soon.
    pub(super) fn changed(&mut self, path: &Path, now: Timestamp) {
        if let Some(session) = self.owners.get(path)
            && self.readings.at(session).is_none()
        {
            self.readings.set(session, Some(now.after(AFTER_WRITE)));
        }
    }

    /// Anything may have happened to any of them.
    pub(super) fn all_changed(&mut self, now: Timestamp) {
        for session in self.known.keys() {
            if self.readings.at(session).is_none() {
                self.readings.set(session, Some(now.after(AFTER_WRITE)));
            }
        }
    }

    /// A reading was due later than the clock allows now that it was set back.
    pub(super) fn clamp(&mut self, now: Timestamp) {
        self.readings.clamp(now.after(AFTER_TORN));
    }

    /// The file of `session` was found broken, and could be made whole or not: whether that is news.
    pub(super) fn healed(&mut self, session: &str, whole: bool, now: Timestamp) -> bool {
        let Some(file) = self.known.get_mut(session) else { return false };
        if !whole && self.readings.at(session).is_none() {
            self.readings.set(session, Some(now.after(AFTER_TORN)));
        }
        std::mem::replace(&mut file.torn, !whole) == whole || whole
    }

    /// When the next one is to be read.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.readings.next()
    }

    /// Whose are to be read by now.
    pub(super) fn due(&self, now: Timestamp) -> Vec<String> {
        self.readings.due(now)
    }
}

impl Stamp {
    /// `None` where there is no file, or none to be seen.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            inode: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }

    /// How long ago the file was written; no time where that lies ahead by a clock that is off.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        let (secs, nanos) = self.modified;
        now.since(Timestamp::from_millis(secs.saturating_mul(1000).saturating_add(nanos / 1_000_000)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const SINCE: Generation = Generation(7);

    fn put(path: &Path, text: &str) {
        fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_change_is_seen_without_reading() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let mut files = Files::default();
        files.add("work", path.clone(), SINCE);
        assert!(!files.has_changed("work"), "there is none");
        put(&path, "one");
        assert!(files.has_changed("work"));
        files.begin("work");
        assert_eq!(files.under_way("work"), Some(1));
        assert!(!files.has_changed("work"));
        files.end("work", SINCE, SINCE);
        assert_eq!(files.under_way("work"), None);
        put(&path, "longer");
        assert!(files.has_changed("work"));
        files.begin("work");
        fs::remove_file(&path).unwrap();
        assert!(files.has_changed("work"));
    }

    #[test]
    fn a_reading_ends_though_others_have_begun() {
        let mut files = Files::default();
        files.add("work", "/a".into(), SINCE);
        files.begin("work");
        files.begin("work");
        assert_eq!(files.under_way("work"), Some(2));
        files.end("work", SINCE, SINCE);
        assert!(files.has_ended("work", 1) && !files.has_ended("work", 2));
        files.begin("work");
        files.end("work", SINCE, SINCE);
        assert_eq!(files.under_way("work"), Some(3));
        assert!(files.has_ended("work", 2));
        files.remove("work");
        assert!(files.has_ended("work", 3), "nobody waits for what is no more");
    }

    #[test]
    fn a_reading_for_the_session_before_is_none_for_its_successor() {
        let mut files = Files::default();
        files.add("work", "/a".into(), Generation(3));
        files.begin("work");
        files.remove("work");
        files.add("work", "/a".into(), SINCE);
        files.begin("work");
        files.end("work", Generation(3), SINCE);
        assert_eq!(files.under_way("work"), Some(1));
        files.end("work", SINCE, SINCE);
        assert_eq!(files.under_way("work"), None);
    }

    #[test]
    fn who_waits_for_a_reading_that_came_too_late_waits_for_its_repetition() {
        let mut files = Files::default();
        files.add("work", "/a".into(), SINCE);
        files.begin("work");
        files.end("work", SINCE, Generation(8));
        files.begin("work");
        assert_eq!((files.under_way("work"), files.has_ended("work", 1)), (Some(1), false));
        files.end("work", Generation(8), Generation(8));
        assert_eq!((files.under_way("work"), files.has_ended("work", 1)), (None, true));
    }

    #[test]
    fn a_reading_is_due_once_and_soon() {
        let now = Timestamp::from_secs(1_800_000_000);
        let mut files = Files::default();
        files.add("work", "/a".into(), SINCE);
        files.add("home", "/b".into(), SINCE);
        files.changed(Path::new("/a"), now);
        files.changed(Path::new("/a"), now.after(AFTER_WRITE));
        assert_eq!(files.next(), Some(now.after(AFTER_WRITE)), "more writes don't put it off");
        assert_eq!(files.due(now), [""; 0]);
        assert_eq!(files.due(now.after(AFTER_WRITE)), ["work"]);
        files.begin("work");
        assert_eq!(files.next(), None);
        files.all_changed(now);
        files.clamp(Timestamp::from_secs(0));
        assert_eq!(files.due(Timestamp::from_secs(0).after(AFTER_TORN)), ["home", "work"], "never parked");
    }

    #[test]
    fn a_torn_file_is_news_once_and_tried_again() {
        let now = Timestamp::from_secs(1_800_000_000);
        let mut files = Files::default();
        files.add("work", "/a".into(), SINCE);
        assert!(files.healed("work", false, now));
        assert_eq!(files.next(), Some(now.after(AFTER_TORN)));
        assert!(!files.healed("work", false, now), "told once");
        assert!(files.healed("work", true, now));
    }
}
