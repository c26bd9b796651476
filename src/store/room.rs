//! [`Room`]: space on the disk for a token that is yet to come.

use std::{fmt, fs};

use serde_json::{Map, Value};

use super::{
    Identity, Locked, aws_cache, error::Error, file, json, look::Found, stray, temporary::Temporary,
};
use crate::session::token::Token;

/// By how much the next token file may be longer than this one, in bytes. An access token has some hundred.
const SPARE: u64 = 8 * 1024;

/// What a token file and the own copy of it will need. Dropped, it is given back.
pub(super) struct Room {
    /// Becomes the token file.
    pub(super) file: Temporary,
    /// What that one held, as far as it is to stay.
    document: Map<String, Value>,
    /// Makes room for the own copy when it is dropped; `None` where there was none.
    pub(super) copy: Option<Temporary>,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({:?}, {:?})", self.file, self.copy)
    }
}

impl Locked {
    /// Takes room for the token that is to be written next. Without it no refresh token may be sent: an answer that
    /// can't be kept is lost, and a token that was good for one use with it.
    ///
    /// The own copy is worth having, but nothing has to wait for it.
    pub fn reserve(&mut self) -> Result<(), Error> {
        let path = self.path();
        let document = match self.look()?.found {
            Found::Token { document, .. } => document,
            Found::Missing | Found::Broken(_) => Map::new(),
        };
        let room = fs::metadata(&path).map_or(0, |found| found.len()).min(file::LIMIT) + SPARE;
        let mut file = Temporary::new(&path)?;
        file.reserve(room)?;
        let path = self.record_path().with_extension("room");
        stray::remove_all(&path);
        let copy = Temporary::new(&path).and_then(|mut copy| copy.reserve(room).map(|()| copy)).ok();
        self.room = Some(Room { file, document, copy });
        Ok(())
    }

    /// Writes the token into its room, before anything else is done with it: a crash from here on leaves it there for
    /// the next process.
    pub(super) fn jot(&mut self, token: &Token, identity: &Identity) {
        let Some(Room { file, document, .. }) = &mut self.room else { return };
        aws_cache::fill(document, token, identity.start_url.as_deref(), Some(&identity.region));
        // Whoever writes the file in earnest fails with the same, and says it.
        if let Ok(bytes) = json::dumps(document) {
            drop(file.jot(&bytes));
        }
    }

    /// Gives the own copy the room that was taken for it.
    pub(super) fn make_way(&mut self) {
        if let Some(room) = &mut self.room {
            drop(room.copy.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::{Saved, fixture::*};

    /// The length of each temporary file in `folder`.
    fn temporaries(folder: &Path) -> Vec<u64> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let are =
            entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "tmp"));
        are.map(|entry| entry.metadata().unwrap().len()).collect()
    }

    #[test]
    fn is_there_until_the_token_is() {
        let place = Place::new();
        place.put(document(1).as_bytes());
        let (cache, own) = (place.at("home/cache"), place.at("state/sessions"));
        let room = document(1).len() as u64 + SPARE;
        let mut locked = place.lock();
        locked.reserve().unwrap();
        assert_eq!((temporaries(&cache), temporaries(&own)), (vec![room], vec![room]));
        locked.reserve().unwrap();
        assert_eq!((temporaries(&cache), temporaries(&own)), (vec![room], vec![room]), "not twice");
        assert!(matches!(locked.save(&token(2), Some(&token(1)), &identity()), Ok(Saved::Written(Some(_)))));
        assert_eq!((temporaries(&cache), temporaries(&own)), (vec![], vec![]));
        assert_eq!(place.text(), Some(document(2)), "nothing of the room is left in it");
        locked.reserve().unwrap();
        locked.create(&token(3), &identity()).unwrap();
        assert_eq!(
            (place.text(), temporaries(&cache), temporaries(&own)),
            (Some(document(3)), vec![], vec![])
        );
        locked.reserve().unwrap();
        drop(locked);
        assert_eq!((temporaries(&cache), temporaries(&own)), (vec![], vec![]));
    }

    #[test]
    fn a_crash_leaves_the_answer_in_its_room() {
        let place = Place::new();
        place.put(document(1).replace('{', "{\"scopes\": [\"a\"], ").as_bytes());
        let mut locked = place.lock();
        locked.read().unwrap();
        locked.reserve().unwrap();
        locked.jot(&token(2), &identity());
        // As a crash: nothing is dropped, but the lock is free.
        let Room { file, .. } = locked.room.take().unwrap();
        std::mem::forget(file);
        drop(locked);
        drop(place.lock());
        assert_eq!(place.text(), Some(document(2).replace('{', "{\"scopes\": [\"a\"], ")));
        assert_eq!(place.names().len(), 1);
    }

    #[test]
    fn there_is_none_where_nothing_can_be_written() {
        let place = Place::new();
        let _open = place.put_out_of_reach(document(1).as_bytes());
        let mut locked = place.lock();
        assert!(matches!(locked.reserve(), Err(Error::NoFolder { .. })));
        fs::remove_file(place.path()).unwrap();
        locked.reserve().unwrap();
    }

    #[test]
    fn none_for_the_own_copy_is_no_obstacle() {
        let place = Place::new();
        place.put(document(1).as_bytes());
        fs::remove_dir(place.at("state/sessions")).unwrap();
        fs::File::create(place.at("state/sessions")).unwrap();
        let mut locked = place.lock();
        locked.reserve().unwrap();
        assert!(matches!(locked.save(&token(2), Some(&token(1)), &identity()), Ok(Saved::Written(Some(_)))));
        assert_eq!(place.text(), Some(document(2)));
    }

    #[test]
    fn is_for_the_file_that_is_meant_when_it_comes_to_writing() {
        let place = Place::new();
        place.put(document(1).as_bytes());
        let mut locked = place.lock();
        locked.reserve().unwrap();
        let moved = place.at("moved.json");
        fs::rename(place.path(), &moved).unwrap();
        std::os::unix::fs::symlink(&moved, place.path()).unwrap();
        locked.save(&token(2), Some(&token(1)), &identity()).unwrap();
        assert_eq!(fs::read_to_string(moved).unwrap(), document(2));
        assert!(fs::symlink_metadata(place.path()).unwrap().is_symlink());
    }
}
