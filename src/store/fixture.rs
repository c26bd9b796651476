//! A store in a temporary folder, for the tests of this module.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use super::{Identity, Locked, Store};
use crate::{
    session::{
        event::Stored,
        token::{Registration, Secret, Token},
    },
    time::Timestamp,
};

pub(super) const SESSION: &str = "my-sso";

/// A [`Store`] of its own.
pub(super) struct Place {
    pub(super) store: Store,
    folder: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let store = Store::new(at("home/cache"), at("state"), at("run"));
        store.prepare().unwrap();
        Self { store, folder }
    }

    /// A path in the temporary folder.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The token file's path.
    pub(super) fn path(&self) -> PathBuf {
        self.store.token_path(SESSION)
    }

    /// Writes the token file in place, as most AWS tools do.
    pub(super) fn put(&self, bytes: &[u8]) {
        fs::File::create(self.path()).unwrap().write_all(bytes).unwrap();
    }

    /// The text of the token file, if there is one.
    pub(super) fn text(&self) -> Option<String> {
        fs::read_to_string(self.path()).ok()
    }

    pub(super) fn lock(&self) -> Locked {
        self.store.try_lock(SESSION).unwrap().expect("it is free")
    }

    /// The access token that a look at the file gives.
    pub(super) fn access(&self) -> String {
        match self.store.read(SESSION).unwrap().stored {
            Stored::Token(token) => token.access_token.expose().to_owned(),
            Stored::Missing => "missing".to_owned(),
            Stored::Broken(_) => "broken".to_owned(),
        }
    }

    /// The names in the folder of the token files.
    pub(super) fn names(&self) -> Vec<String> {
        let folder = self.path();
        let entries = fs::read_dir(folder.parent().unwrap_or(Path::new("."))).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Token number `n`: the higher, the later it ends.
pub(super) fn token(n: i64) -> Token {
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
pub(super) fn token_read(n: i64) -> Token {
    Token { issued_at: None, ..token(n) }
}

/// The token file for it.
pub(super) fn document(n: i64) -> String {
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

pub(super) fn identity() -> Identity {
    Identity { start_url: "https://example.awsapps.com/start".into(), region: "eu-west-1".into() }
}
