//! A store in a temporary folder, for the tests of this module.

use std::{
    fs,
    io::Write,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, symlink},
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::{Identity, Locked, Store, temporary};
use crate::{
    session::{
        event::Stored,
        token::{Registration, Secret, Token},
    },
    time::Timestamp,
};

pub(crate) const SESSION: &str = "my-sso";

/// A [`Store`] of its own.
pub(crate) struct Place {
    pub(crate) store: Store,
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let store = Store::new(at("home/cache"), at("state"), at("run"));
        store.prepare().unwrap();
        Self { store, folder }
    }

    /// A path in the temporary folder.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The token file's path.
    pub(crate) fn path(&self) -> PathBuf {
        self.store.token_path(SESSION)
    }

    /// Writes the token file in place, as most AWS tools do.
    pub(crate) fn put(&self, bytes: &[u8]) {
        fs::File::create(self.path()).unwrap().write_all(bytes).unwrap();
    }

    /// Makes the token file one that can be read and not be replaced, for root too: its folder is gone, and it is
    /// there as long as it is open.
    pub(crate) fn put_out_of_reach(&self, bytes: &[u8]) -> fs::File {
        let folder = self.at("gone");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("token.json");
        fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        let kept = fs::File::open(&path).unwrap();
        let _ = fs::remove_file(self.path());
        // Linux keeps such a path; on macOS the test has to do with a link that leads nowhere.
        symlink(format!("/proc/self/fd/{}", kept.as_raw_fd()), self.path()).unwrap();
        fs::remove_dir_all(folder).unwrap();
        kept
    }

    /// Leaves a temporary file beside the token file, as a crash would.
    pub(crate) fn leave_stray(&self, bytes: &[u8]) {
        let name = format!("{}x1y2z3.tmp", temporary::prefix(&self.path()));
        fs::File::create(self.path().with_file_name(name)).unwrap().write_all(bytes).unwrap();
    }

    /// Writes `pid` into the session's lock.
    pub(crate) fn name_holder(&self, pid: u32) {
        fs::File::create(self.store.lock_path(SESSION))
            .unwrap()
            .write_all(format!("{pid}\n").as_bytes())
            .unwrap();
    }

    /// Tells one writing of the own state from another.
    pub(crate) fn own_state_inode(&self) -> u64 {
        fs::metadata(self.lock().record_path()).unwrap().ino()
    }

    /// The text of the token file, if there is one.
    pub(crate) fn text(&self) -> Option<String> {
        fs::read_to_string(self.path()).ok()
    }

    /// What another test starts as a process has the lock too, until it runs its program.
    pub(crate) fn lock(&self) -> Locked {
        for _ in 0..10_000 {
            if let Some(locked) = self.store.try_lock(SESSION).unwrap() {
                return locked;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("it is not free");
    }

    /// The access token that a look at the file gives.
    pub(crate) fn access(&self) -> String {
        match self.store.read(SESSION).unwrap().stored {
            Stored::Token(token) => token.access_token.expose().to_owned(),
            Stored::Missing => "missing".to_owned(),
            Stored::Broken(_) | Stored::Unreachable(_) => "broken".to_owned(),
        }
    }

    /// The names in the folder of the token files.
    pub(crate) fn names(&self) -> Vec<String> {
        let folder = self.path();
        let entries = fs::read_dir(folder.parent().unwrap_or(Path::new("."))).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Token number `n`: the higher, the later it ends.
pub(crate) fn token(n: i64) -> Token {
    let issued_at = Timestamp::from_secs(1_798_761_600 + 600 * n);
    Token {
        access_token: Secret::new(format!("access-{n}")),
        expires_at: issued_at.after(Duration::from_secs(3600)),
        issued_at: Some(issued_at),
        refresh_token: Some(Secret::new(format!("refresh-{n}"))),
        registration: Some(Registration {
            client_id: "client".into(),
            client_secret: Secret::new("secret"),
            expires_at: Some(Timestamp::from_secs(1_806_000_000)),
        }),
    }
}

/// The same as a file alone tells it.
pub(crate) fn token_read(n: i64) -> Token {
    Token { issued_at: None, ..token(n) }
}

/// The token file for it.
pub(crate) fn document(n: i64) -> String {
    let Token { expires_at, .. } = token(n);
    format!(
        concat!(
            r#"{{"startUrl": "https://example.awsapps.com/start", "region": "eu-west-1", "#,
            r#""accessToken": "access-{n}", "expiresAt": "{expires_at}", "clientId": "client", "#,
            r#""clientSecret": "secret", "registrationExpiresAt": "2027-03-25T18:40:00Z", "#,
            r#""refreshToken": "refresh-{n}"}}"#,
        ),
        n = n,
        expires_at = expires_at
    )
}

pub(crate) fn identity() -> Identity {
    Identity { start_url: Some("https://example.awsapps.com/start".into()), region: "eu-west-1".into() }
}
