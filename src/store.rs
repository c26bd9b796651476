//! [`Store`]: where a session's token is on disk. It reads and writes the token files that every AWS tool shares,
//! keeps a good copy of each in the own state, and locks a session against other processes of ours.
//!
//! Everything here blocks. No error and no log line holds a secret.

mod aws_cache;
pub mod endpoint_token;
mod error;
pub(crate) mod file;
#[cfg(test)]
pub(crate) mod fixture;
mod folder;
#[cfg(fuzzing)]
pub mod fuzzing;
mod inspection;
mod json;
mod lock;
mod locked;
mod look;
mod orphan;
mod pending;
mod record;
mod registration;
mod room;
mod saved;
mod stray;
mod temporary;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sha1::{Digest, Sha1};

pub use self::{
    aws_cache::token_file_name,
    error::Error,
    inspection::{Content, Contents, Loose, Stray, TokenFile},
    locked::Locked,
    orphan::{Orphan, Written},
    pending::Pending,
    registration::{Client, registration_name},
    saved::Saved,
};
use self::{
    lock::Lock,
    look::{Found, Look},
    record::Record,
};
use crate::{
    kind::{Kind, told},
    session::{
        event::{Memory, Stored},
        horizon::Seen,
    },
};

/// The files of all sessions. A clone is cheap and means the same files.
#[derive(Clone, Debug)]
pub struct Store(Arc<Folders>);

#[derive(Debug)]
struct Folders {
    token_cache: PathBuf,
    state: PathBuf,
    locks: PathBuf,
    /// The own state can't be written; it was said once.
    copies_fail: AtomicBool,
}

/// What a look at a session's token file gave.
#[derive(Debug)]
pub struct Reading {
    /// The token, or why there is none.
    pub stored: Stored,
    /// Where the token is from, if the file is not whole. It may be just being written: look again before anything
    /// is done about it, such as [`Locked::heal`] or an exchange.
    pub healed_from: Option<HealedFrom>,
    /// The own copy is behind the whole file, or a crash has left something beside it: [`Store::attend`].
    pub unattended: bool,
}

/// Where the token of a broken file is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealedFrom {
    /// From its first JSON object: other text follows it.
    FirstObject,
    /// From the own copy, all of it or what the file has lost.
    OwnCopy,
}

/// What a token file says of its session beside the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `startUrl`, exactly as configured, where one is.
    pub start_url: Option<String>,
    /// `region`: where the session's OIDC and portal services are.
    pub region: String,
}

impl Store {
    /// Token files are in `token_cache` (`~/.aws/sso/cache`), own copies below `state`, locks in `locks`. The last
    /// two are folders of ours alone.
    pub fn new(token_cache: PathBuf, state: PathBuf, locks: PathBuf) -> Self {
        Self(Arc::new(Folders { token_cache, state, locks, copies_fail: AtomicBool::new(false) }))
    }

    /// Makes the folders, and the own ones private where they aren't. Without a home directory it makes none.
    pub fn prepare(&self) -> Result<(), Error> {
        folder::create_own(&self.0.locks)?;
        // ~/.aws/sso/cache; made in the place of a home that is not mounted, they would be taken for it.
        if let Some(home) = self.0.token_cache.ancestors().nth(3).filter(|home| !home.is_dir()) {
            return Err(Error::NoFolder { action: "make the folder", path: home.to_path_buf() });
        }
        folder::create_own(&self.0.state)?;
        folder::create_own(&self.sessions())?;
        folder::create_private(&self.0.token_cache)
    }

    /// The token file of `session`; it may be a symbolic link.
    pub fn token_path(&self, session: &str) -> PathBuf {
        self.0.token_cache.join(token_file_name(session))
    }

    /// What was learned of `session`; nothing where nothing readable is kept.
    pub fn memory(&self, session: &str) -> Memory {
        Record::load(&self.record_path(session)).memory
    }

    /// Keeps what was learned of `session`.
    pub fn remember(&self, session: &str, memory: Memory) -> Result<(), Error> {
        Record::update(&self.record_path(session), session, |record| record.memory = memory)
    }

    /// The same, with what the user has been shown of it.
    pub fn memory_and_seen(&self, session: &str) -> (Memory, Seen) {
        let record = Record::load(&self.record_path(session));
        (record.memory, record.seen)
    }

    /// Keeps what the user has been shown of `session`.
    pub fn remember_seen(&self, session: &str, seen: Seen) -> Result<(), Error> {
        Record::update(&self.record_path(session), session, |record| record.seen = seen)
    }

    /// One look at the token file of `session`, without its lock. A token that only the first object of the file
    /// or the own copy has is one too. An error is about the file itself: it can't be opened, or is no file.
    pub fn read(&self, session: &str) -> Result<Reading, Error> {
        let look = self.look(session)?;
        let unattended = !look.is_copied() || stray::are_beside(&self.token_path(session));
        Ok(Reading { unattended, ..look.into() })
    }

    /// Takes a copy of the token in a whole file, and up what a crash has left beside it; whether the file may be
    /// another now. Nothing is done while another process has the lock: it does the same.
    pub fn attend(&self, session: &str) -> Result<bool, Error> {
        let Some(locked) = self.try_lock(session)? else { return Ok(false) };
        locked.read().map(|_| true)
    }

    /// Takes the lock of `session`, or `None` while another process (or another part of this one) holds it. It is
    /// the same for every path that leads to the same token file.
    pub fn try_lock(&self, session: &str) -> Result<Option<Locked>, Error> {
        folder::restore_own(&self.0.locks)?;
        Ok(Lock::try_take(&self.lock_path(session))?.map(|lock| Locked::new(self.clone(), session, lock)))
    }

    /// The process that has the lock of `session`, or had it last; `None` where that is not known.
    pub fn lock_holder(&self, session: &str) -> Option<i32> {
        lock::holder(&self.lock_path(session))
    }

    /// Deletes the own copy of the token, and what another version has kept: the user signed out. What was learned of
    /// the session stays.
    pub fn forget(&self, session: &str) -> Result<(), Error> {
        Record::forget(&self.record_path(session), session)
    }

    /// The AWS CLI's client registration under `name` ([`registration_name`]); `None` where there is none that can
    /// be read. Whether it is still good, and for the flow in question, is the caller's to judge.
    pub fn registration(&self, name: &str) -> Result<Option<Client>, Error> {
        let opened = file::open_private(&self.0.token_cache.join(name))?;
        Ok(opened.and_then(|opened| registration::parse(&opened.bytes)))
    }

    /// Says that a copy could not be kept, unless that is so since the last one.
    fn copied(&self, session: &str, kept: Result<(), Error>) {
        let failed_before = self.0.copies_fail.swap(kept.is_err(), Ordering::Relaxed);
        match kept {
            Err(error) if !failed_before => {
                told!(
                    warn,
                    Kind::StateTrouble,
                    sso_session = session,
                    "{session}: no copy of its token is kept: {error}"
                );
            }
            Err(_) | Ok(()) => {}
        }
    }

    /// Deletes the client registration under `name`: the server does not know it.
    pub fn forget_registration(&self, name: &str) -> Result<(), Error> {
        file::delete(&self.0.token_cache.join(name))
    }

    fn look(&self, session: &str) -> Result<Look, Error> {
        Look::at(&self.token_path(session), &self.record_path(session))
    }

    fn sessions(&self) -> PathBuf {
        self.0.state.join("sessions")
    }

    fn lock_path(&self, session: &str) -> PathBuf {
        self.0.locks.join(format!("{}.lock", self.key(session)))
    }

    fn record_path(&self, session: &str) -> PathBuf {
        self.sessions().join(format!("{}.json", self.key(session)))
    }

    /// Names a token file by the digest of its whole path, so that two home directories never share a lock or a
    /// copy, and two ways to the same folder always do.
    fn key(&self, session: &str) -> String {
        let folder = &self.0.token_cache;
        let folder = fs::canonicalize(folder).or_else(|_| std::path::absolute(folder));
        let path = folder.as_ref().unwrap_or(&self.0.token_cache).join(token_file_name(session));
        file::hex(&Sha1::digest(path.as_os_str().as_encoded_bytes()))
    }
}

impl From<Look> for Reading {
    fn from(look: Look) -> Self {
        let (stored, healed_from) = match look.found {
            Found::Missing => (Stored::Missing, None),
            Found::Token { token, healed_from, .. } => (Stored::Token(token), healed_from),
            Found::Broken(why) => {
                (Stored::Broken(format!("can't read {}: {why}", look.path.display())), None)
            }
        };
        Self { stored, healed_from, unattended: false }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::{PermissionsExt, symlink},
        path::Path,
    };

    use super::{fixture::*, *};
    use crate::time::Timestamp;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn makes_its_folders_private() {
        let place = Place::new();
        for folder in ["home", "home/cache", "state", "state/sessions", "run"] {
            assert_eq!(mode(&place.at(folder)), 0o700, "{folder}");
        }
        for folder in ["home/cache", "state", "run"] {
            fs::set_permissions(place.at(folder), fs::Permissions::from_mode(0o755)).unwrap();
        }
        place.store.prepare().unwrap();
        for (folder, expected) in [("home/cache", 0o755), ("state", 0o700), ("run", 0o700)] {
            assert_eq!(mode(&place.at(folder)), expected, "{folder}");
        }
    }

    #[test]
    fn says_what_a_token_file_holds() {
        let place = Place::new();
        for (bytes, expected) in [
            (None, "missing"),
            (Some(&b""[..]), "it is empty"),
            (Some(b"{\"accessToken\": \"planted"), "it is cut short"),
            (Some(b"{\"accessToken\": \"planted\"}"), "it has no expiresAt"),
            (Some(document(1).as_bytes()), "access-1"),
        ] {
            if let Some(bytes) = bytes {
                place.put(bytes);
            }
            let reading = place.store.read(SESSION).unwrap();
            assert_eq!(reading.healed_from, None);
            let found = match reading.stored {
                Stored::Token(token) => token.access_token.expose().to_owned(),
                Stored::Missing => "missing".to_owned(),
                Stored::Broken(why) | Stored::Unreachable(why) => why,
            };
            let path = place.path();
            assert_eq!(found.trim_start_matches(&format!("can't read {}: ", path.display())), expected);
        }
    }

    #[test]
    fn tightens_a_token_file_that_others_can_read() {
        let place = Place::new();
        place.put(document(1).as_bytes());
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o644)).unwrap();
        place.store.read(SESSION).unwrap();
        assert_eq!(mode(&place.path()), 0o600);
    }

    #[test]
    fn memory_outlives_a_sign_out() {
        let place = Place::new();
        assert_eq!(place.store.memory(SESSION), Memory::default());
        let memory = Memory {
            end_announced_for: None,
            signed_in_at: Some(Timestamp::from_secs(1_798_761_600)),
            learned_duration_secs: Some(28_800),
            token_life_secs: None,
        };
        place.store.forget(SESSION).unwrap();
        place.store.remember(SESSION, memory).unwrap();
        place.lock().create(&token(1), &identity()).unwrap();
        place.put(b"");
        assert_eq!(place.access(), "access-1");
        place.store.forget(SESSION).unwrap();
        assert_eq!(place.access(), "broken", "the copy is gone");
        assert_eq!(place.store.memory(SESSION), memory);
        assert_eq!(place.store.memory("another"), Memory::default());
    }

    #[test]
    fn a_lock_is_for_one_token_file_by_whatever_path() {
        let place = Place::new();
        let store = |home: &str| Store::new(place.at(home), place.at("state"), place.at("run"));
        symlink(place.at("home"), place.at("link")).unwrap();
        fs::create_dir(place.at("other")).unwrap();
        let _held = place.lock();
        for (home, session, free) in [
            ("home/cache", SESSION, false),
            ("link/cache", SESSION, false),
            ("home/cache", "another", true),
            ("other", SESSION, true),
        ] {
            assert_eq!(store(home).try_lock(session).unwrap().is_some(), free, "{home} {session}");
        }
    }

    #[test]
    fn keeps_client_registrations_beside_the_tokens() {
        let place = Place::new();
        let name = registration_name(Some(SESSION), "https://example.awsapps.com/start", "eu-west-1", None);
        assert_eq!(place.store.registration(&name).unwrap(), None);
        let mut client = Client {
            registration: token(1).registration.unwrap(),
            scopes: Vec::new(),
            grant_types: vec!["authorization_code".into(), "refresh_token".into()],
        };
        place.lock().save_registration(&name, &client).unwrap();
        assert_eq!(place.store.registration(&name).unwrap().as_ref(), Some(&client));
        assert_eq!(mode(&place.at("home/cache").join(&name)), 0o600);
        let stray = place.at("home/cache").join(format!("{}x.tmp", temporary::prefix(Path::new(&name))));
        fs::File::create(&stray).unwrap();
        place.lock().save_registration(&name, &client).unwrap();
        assert!(!stray.exists(), "what a crash left of one goes");
        client.registration.expires_at = None;
        client.registration.client_id = "endless".into();
        place.lock().save_registration(&name, &client).unwrap();
        assert_ne!(place.store.registration(&name).unwrap(), Some(client));
        place.store.forget_registration(&name).unwrap();
        assert_eq!(place.store.registration(&name).unwrap(), None);
    }
}
