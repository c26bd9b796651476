//! [`Locked`]: a session's files while no other process may change them.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::{
    Identity, Reading, Store, aws_cache,
    error::Error,
    file::{self, Opened},
    json,
    lock::Lock,
    look::{Found, Look},
    orphan::Orphan,
    record::{Good, Record},
    room::Room,
    saved::TRIES,
    temporary::Temporary,
};
use crate::{
    kind::{Kind, told},
    session::token::{Secret, Token},
};

/// The lock of a session, until dropped. Every process of ours that exchanges or writes a token holds it; the AWS
/// tools know nothing of it.
#[derive(Debug)]
pub struct Locked {
    store: Store,
    session: String,
    #[expect(dead_code, reason = "held until dropped")]
    lock: Lock,
    pub(super) room: Option<Room>,
}

impl Locked {
    pub(super) fn new(store: Store, session: &str, lock: Lock) -> Self {
        let mut locked = Self { store, session: session.to_owned(), lock, room: None };
        locked.clear_strays();
        locked
    }

    /// One look at the file, as [`Store::read`], with nothing left to attend. A token in a whole file becomes the last good copy.
    pub fn read(&self) -> Result<Reading, Error> {
        let look = self.look()?;
        if let Found::Token { token, document, healed_from: None } = &look.found {
            self.keep(good(token, document));
            // Who signed out since may have looked for a copy before there was one.
            if !self.path().exists() {
                self.forget();
            }
        }
        Ok(look.into())
    }

    /// Writes the token of a sign-in over whatever is there. A signed-in session has nothing left of the one before.
    pub fn create(&mut self, token: &Token, identity: &Identity) -> Result<(), Error> {
        let over = self.look().ok().and_then(|look| look.access_token_in_file());
        let mut document = Map::new();
        aws_cache::fill(&mut document, token, identity.start_url.as_deref(), Some(&identity.region));
        let written = self.temporary(&document).and_then(Temporary::persist);
        match written {
            Ok(()) => self.keep(good(token, &document)),
            Err(_) => self.keep(Good { unsaved_over: over, ..good(token, &document) }),
        }
        written
    }

    /// Makes a broken file whole, from its first object or from the own copy, whichever ends later; `None` where
    /// there was nothing to do or nothing to do it with. A missing file stays missing.
    ///
    /// A file is also broken while somebody writes it in place: read it again a few times, over a second, before
    /// this. What such a writer still brings is in the [`Orphan`].
    pub fn heal(&mut self) -> Result<Option<Orphan>, Error> {
        let path = self.path();
        for _ in 0..TRIES {
            let look = self.look()?;
            let Found::Token { token, document, healed_from: Some(_) } = &look.found else { return Ok(None) };
            let mut document = document.clone();
            let copy = look.copy.as_ref();
            let start_url = copy.and_then(|copy| copy.start_url.as_deref());
            let region = copy.and_then(|copy| copy.region.as_deref());
            aws_cache::fill(&mut document, token, start_url, region);
            if let Some(replaced) = self.swap(&document, &look)? {
                self.keep(good(token, &document));
                return Ok(Some(Orphan::new(replaced, path)));
            }
        }
        Err(Error::Busy { path })
    }

    /// Deletes the token file and the own copy of it. What was learned of the session stays.
    pub fn delete(&self) -> Result<(), Error> {
        let deleted = file::delete(&self.path());
        self.store.forget(&self.session)?;
        deleted
    }

    /// Deletes the own copy, where the token file was found to be gone.
    pub(super) fn forget(&self) {
        if let Err(error) = self.store.forget(&self.session) {
            told!(
                warn,
                Kind::StateTrouble,
                "the copy of the token of {} can't be deleted: {error}",
                self.session
            );
        }
    }

    /// The session's name.
    pub fn session(&self) -> String {
        self.session.clone()
    }

    pub(super) fn path(&self) -> PathBuf {
        self.store.token_path(&self.session)
    }

    pub(super) fn record_path(&self) -> PathBuf {
        self.store.record_path(&self.session)
    }

    pub(super) fn look(&self) -> Result<Look, Error> {
        self.store.look(&self.session)
    }

    /// Replaces the file that `look` saw by `document`, which holds `token`, and gives what was replaced; `None` if it
    /// is another file by now.
    ///
    /// The own copy comes first: from then on, a crash loses nothing. It counts as long as the file holds the access
    /// token `over`.
    pub(super) fn succeed(
        &mut self,
        look: &Look,
        document: &Map<String, Value>,
        token: &Token,
        over: Option<Secret>,
    ) -> Result<Option<Opened>, Error> {
        self.make_way();
        self.keep(Good { unsaved_over: over, ..good(token, document) });
        let replaced = self.swap(document, look)?;
        if replaced.is_some() {
            self.keep(good(token, document));
        }
        Ok(replaced)
    }

    /// Replaces the file by `document`, if it is still what `look` saw, and gives what was replaced.
    fn swap(&mut self, document: &Map<String, Value>, look: &Look) -> Result<Option<Opened>, Error> {
        let Some(seen) = &look.opened else { return Ok(None) };
        self.temporary(document)?.swap(&seen.bytes)
    }

    fn temporary(&mut self, document: &Map<String, Value>) -> Result<Temporary, Error> {
        let path = self.path();
        let bytes = json::dumps(document).map_err(|error| Error::from_io("write", &path, error.into()))?;
        self.make_way();
        let room = self.room.take().map(|room| room.file).filter(|file| file.is_for(&path));
        let mut temporary = room.map_or_else(|| Temporary::new(&path), Ok)?;
        temporary.fill(&bytes)?;
        Ok(temporary)
    }

    /// Takes the last good copy. To fail in that is no reason to fail in what it is for.
    pub(super) fn keep(&self, mut good: Good) {
        let kept = Record::update(&self.record_path(), &self.session, |record| {
            if let Some(old) = &record.copy {
                if old.token.access_token == good.token.access_token {
                    good.token.issued_at = good.token.issued_at.or(old.token.issued_at);
                }
                // The one before this couldn't be written either: the file is still what it was then.
                if old.unsaved_over.is_some() && good.unsaved_over.as_ref() == Some(&old.token.access_token) {
                    good.unsaved_over.clone_from(&old.unsaved_over);
                }
            }
            record.copy = Some(good);
        });
        self.store.copied(&self.session, kept);
    }
}

/// A copy of `token`, which `document` holds.
pub(super) fn good(token: &Token, document: &Map<String, Value>) -> Good {
    Good {
        token: token.clone(),
        start_url: aws_cache::text(document, "startUrl").map(str::to_owned),
        region: aws_cache::text(document, "region").map(str::to_owned),
        unsaved_over: None,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;
    use crate::{
        session::event::Stored,
        store::{HealedFrom, Saved, fixture::*},
    };

    #[test]
    fn a_sign_in_replaces_everything() {
        let place = Place::new();
        for before in [None, Some(String::new()), Some(document(1).replace('{', "{\"kept\": 1, "))] {
            if let Some(before) = before {
                place.put(before.as_bytes());
            }
            place.lock().create(&token(3), &identity()).unwrap();
            assert_eq!(place.text(), Some(document(3)));
        }
        place.put(b"");
        assert_eq!(place.access(), "access-3", "a copy was taken");
    }

    #[test]
    fn a_session_without_a_start_url_has_none_in_its_file() {
        let place = Place::new();
        let nameless = Identity { start_url: None, ..identity() };
        place.lock().create(&token(1), &nameless).unwrap();
        place.lock().save(&token(2), Some(&token(1)), &nameless).unwrap();
        let expected = document(2).replace("\"startUrl\": \"https://example.awsapps.com/start\", ", "");
        assert_eq!(place.text(), Some(expected));
    }

    #[test]
    fn heals_a_file_that_is_cut_anywhere() {
        let place = Place::new();
        let whole = document(1);
        for at in 0..whole.len() {
            let cut = &whole.as_bytes()[..at];
            place.put(cut);
            let mut locked = place.lock();
            assert!(matches!(locked.read().unwrap().stored, Stored::Broken(_)), "{at}");
            assert!(locked.heal().unwrap().is_none(), "{at}");
            assert_eq!(place.text().unwrap().as_bytes(), cut, "left as it is");
        }
        place.put(whole.as_bytes());
        place.lock().read().unwrap();
        for at in 0..whole.len() {
            place.put(&whole.as_bytes()[..at]);
            let mut locked = place.lock();
            let reading = locked.read().unwrap();
            assert_eq!(reading.stored, Stored::Token(token_read(1)), "{at}");
            assert_eq!(reading.healed_from, Some(HealedFrom::OwnCopy), "{at}");
            // Each write waits for the disk, and all of them do the same.
            if at % 16 == 0 {
                assert!(locked.heal().unwrap().is_some(), "{at}");
                assert_eq!(place.text().as_ref(), Some(&whole), "{at}");
            }
        }
    }

    #[test]
    fn heals_what_is_broken_and_nothing_else() {
        for (name, broken, expected) in [
            ("whole", document(2), None),
            ("older, but whole", document(1), None),
            ("the rest of a longer text", document(2) + "\"}", Some(document(2))),
            ("the same, newer than the copy", document(3) + "\"}", Some(document(3))),
            ("the same, older than the copy", document(1) + "\"}", Some(document(2))),
            ("zeroes", "\0".repeat(512), Some(document(2))),
            (
                "no refresh token",
                document(2).replace(", \"refreshToken\": \"refresh-2\"", ""),
                Some(document(2)),
            ),
            ("no access token", document(2).replace("accessToken", "x"), Some(document(2))),
            ("no expiry", document(2).replace("expiresAt\"", "x\""), Some(document(2))),
        ] {
            let place = Place::new();
            place.put(document(2).as_bytes());
            let mut locked = place.lock();
            locked.read().unwrap();
            place.put(broken.as_bytes());
            assert_eq!(locked.heal().unwrap().is_some(), expected.is_some(), "{name}");
            assert_eq!(place.text().unwrap(), expected.unwrap_or(broken), "{name}");
            assert_eq!(locked.read().unwrap().healed_from, None, "{name}");
        }
    }

    #[test]
    fn a_deleted_file_stays_deleted() {
        let place = Place::new();
        place.put(document(1).as_bytes());
        let mut locked = place.lock();
        locked.read().unwrap();
        fs::remove_file(place.path()).unwrap();
        assert_eq!(locked.read().unwrap().stored, Stored::Missing);
        assert!(locked.heal().unwrap().is_none());
        assert!(matches!(locked.save(&token(2), Some(&token(1)), &identity()), Ok(Saved::Gone)));
        assert!(!place.path().exists());
    }

    #[test]
    fn deletes_the_file_and_the_copy() {
        let place = Place::new();
        place.lock().create(&token(1), &identity()).unwrap();
        place.lock().delete().unwrap();
        assert!(!place.path().exists());
        place.put(b"");
        assert_eq!(place.access(), "broken", "no copy");
        place.lock().delete().unwrap();
        place.lock().delete().unwrap();
    }

    #[test]
    fn what_is_no_file_is_left_alone() {
        for name in ["folder", "fifo", "large"] {
            let place = Place::new();
            let path = place.path();
            match name {
                "folder" => fs::create_dir(&path).unwrap(),
                "fifo" => mkfifo(&path, Mode::S_IRWXU).unwrap(),
                _ => fs::File::create(&path).unwrap().set_len(10 << 20).unwrap(),
            }
            let mut locked = place.lock();
            let kind = fs::metadata(&path).unwrap().file_type();
            for error in [
                locked.read().map(|_| ()).unwrap_err(),
                locked.heal().map(|_| ()).unwrap_err(),
                locked.save(&token(2), Some(&token(1)), &identity()).map(|_| ()).unwrap_err(),
            ] {
                assert!(matches!(error, Error::NotAFile { .. } | Error::TooLarge { .. }), "{name}: {error}");
            }
            assert_eq!(fs::metadata(&path).unwrap().file_type(), kind);
        }
    }

    #[test]
    fn writes_through_symbolic_links() {
        let place = Place::new();
        symlink(place.at("real.json"), place.path()).unwrap();
        assert_eq!(place.store.read(SESSION).unwrap().stored, Stored::Missing);
        place.lock().create(&token(1), &identity()).unwrap();
        place.lock().save(&token(2), Some(&token(1)), &identity()).unwrap();
        assert!(fs::symlink_metadata(place.path()).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(place.at("real.json")).unwrap(), document(2));
        place.lock().delete().unwrap();
        assert!(!place.at("real.json").exists());
    }

    #[test]
    fn an_own_state_that_can_not_be_written_is_no_failure() {
        let place = Place::new();
        place.put(document(1).as_bytes());
        fs::remove_dir(place.at("state/sessions")).unwrap();
        fs::File::create(place.at("state/sessions")).unwrap();
        let mut locked = place.lock();
        assert_eq!(locked.read().unwrap().stored, Stored::Token(token_read(1)));
        locked.save(&token(2), Some(&token(1)), &identity()).unwrap();
        locked.create(&token(3), &identity()).unwrap();
        assert_eq!(place.text(), Some(document(3)));
    }
}
