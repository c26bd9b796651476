//! [`Record`]: what is kept of a session outside the AWS folder, in one file of the own state.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{error::Error, file, folder, json, lock::Lock, stray};
use crate::{
    kind::{Kind, told},
    session::{
        event::Memory,
        token::{Registration, Secret, Token},
    },
    time::Timestamp,
};

/// The version that is written, and the only one that is read. A file of another version is set aside, for a program
/// of that version to find it.
const VERSION: u32 = 1;
/// How often the record's own lock is tried, and how long it is waited in between. It is held for one write.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// The last good copy of a session's token, and its memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) copy: Option<Good>,
    pub(super) memory: Memory,
}

/// The last good copy of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Good {
    pub(super) token: Token,
    pub(super) start_url: Option<String>,
    pub(super) region: Option<String>,
    /// The access token in the token file as long as it is not known that this one is written there: while the file
    /// still holds that one, this one is the newer.
    pub(super) unsaved_over: Option<Secret>,
}

impl Record {
    /// The record in the file at `path`; an empty one where there is none that can be read, which is logged.
    pub(super) fn load(path: &Path) -> Self {
        let set_aside = || {
            // Whoever holds it does that, or has just replaced the file.
            if let Ok(Some(_lock)) = Lock::try_take(&path.with_extension("lock")) {
                set_aside(path);
            }
        };
        Self::try_load(path, set_aside).unwrap_or_default()
    }

    /// `None` where there is a file that can't be read.
    fn try_load(path: &Path, set_aside: impl FnOnce()) -> Option<Self> {
        let opened = match file::open_private(path) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Some(Self::default()),
            Err(error) => {
                told!(warn, Kind::StateTrouble, "{error}");
                return None;
            }
        };
        match parse(&opened.bytes) {
            Ok(record) => Some(record),
            Err(Unreadable::Version(_)) => {
                set_aside();
                Some(Self::default())
            }
            Err(why) => {
                told!(warn, Kind::StateTrouble, "{} is ignored: {why}", path.display());
                None
            }
        }
    }

    /// Deletes what was kept of a token at `path`, by this version or another: the user signed out.
    pub(super) fn forget(path: &Path, session: &str) -> Result<(), Error> {
        if path.exists() {
            Self::update(path, session, |record| record.copy = None)?;
        }
        file::delete(&aside(path))
    }

    /// Changes the record at `path` by `change`, one process after the other, and writes it if that made a
    /// difference or what was there can't be read.
    pub(super) fn update(path: &Path, session: &str, change: impl FnOnce(&mut Self)) -> Result<(), Error> {
        folder::restore_own(folder::of(path))?;
        let lock = wait(&path.with_extension("lock"))?;
        if lock.is_some() {
            stray::remove_all(path);
        }
        let old = Self::try_load(path, || set_aside(path));
        let mut new = old.clone().unwrap_or_default();
        change(&mut new);
        // What can't be read may hold a token all the same, and is never kept.
        if old.as_ref() == Some(&new) {
            return Ok(());
        }
        let bytes = json::dumps(&Written::new(&new, session))
            .map_err(|error| Error::from_io("write", path, error.into()))?;
        file::replace(path, &bytes)
    }
}

/// Where the file at `path` is kept when it is of another version.
fn aside(path: &Path) -> PathBuf {
    path.with_extension("json.other-version")
}

/// Makes way for a record of this version. Only for whoever holds the lock, or the record of another could go.
fn set_aside(path: &Path) {
    let aside = aside(path);
    let found = file::open_private(path).ok().flatten();
    let Some(Err(why @ Unreadable::Version(_))) = found.map(|opened| parse(&opened.bytes)) else { return };
    match fs::rename(path, &aside) {
        Ok(()) => {
            told!(warn, Kind::StateTrouble, "{} is set aside as {}: {why}", path.display(), aside.display());
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => told!(
            warn,
            Kind::StateTrouble,
            "{} is ignored: {why}; it can't be set aside: {error}",
            path.display()
        ),
    }
}

/// The record's own lock, or `None` where somebody keeps it for longer than any write takes: a stopped process
/// must not stop this one, and the worst is a memory that is lost.
fn wait(path: &Path) -> Result<Option<Lock>, Error> {
    for _ in 0..TRIES {
        if let Some(lock) = Lock::try_take(path)? {
            return Ok(Some(lock));
        }
        thread::sleep(PAUSE);
    }
    told!(warn, Kind::StateTrouble, "{} is locked for long; going on without it", path.display());
    Ok(None)
}

/// It quotes nothing of the file, which holds secrets.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Unreadable {
    #[error("its version is {0}, and this program knows version {VERSION}")]
    Version(u32),
    #[error("it is damaged (line {line}, column {column})")]
    Damaged { line: usize, column: usize },
}

fn parse(bytes: &[u8]) -> Result<Record, Unreadable> {
    let damaged =
        |error: serde_json::Error| Unreadable::Damaged { line: error.line(), column: error.column() };
    let Version { version } = serde_json::from_slice(bytes).map_err(damaged)?;
    if version != VERSION {
        return Err(Unreadable::Version(version));
    }
    let Written { token, memory, .. } = serde_json::from_slice(bytes).map_err(damaged)?;
    Ok(Record { copy: token.map(Good::from), memory })
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    /// For people: the file's name is a digest.
    session: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<WrittenToken>,
    #[serde(default)]
    memory: Memory,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenToken {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(serialize_with = "Secret::reveal")]
    access_token: Secret,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "Secret::reveal_some", default)]
    refresh_token: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "Secret::reveal_some", default)]
    client_secret: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "Secret::reveal_some", default)]
    unsaved_over: Option<Secret>,
}

impl Written {
    fn new(record: &Record, session: &str) -> Self {
        Self {
            version: VERSION,
            session: session.to_owned(),
            token: record.copy.clone().map(WrittenToken::from),
            memory: record.memory,
        }
    }
}

impl From<Good> for WrittenToken {
    fn from(good: Good) -> Self {
        let Good { token, start_url, region, unsaved_over } = good;
        let registration = token.registration;
        Self {
            start_url,
            region,
            access_token: token.access_token,
            expires_at: token.expires_at,
            issued_at: token.issued_at,
            refresh_token: token.refresh_token,
            registration_expires_at: registration.as_ref().and_then(|registration| registration.expires_at),
            client_id: registration.as_ref().map(|registration| registration.client_id.clone()),
            client_secret: registration.map(|registration| registration.client_secret),
            unsaved_over,
        }
    }
}

impl From<WrittenToken> for Good {
    fn from(written: WrittenToken) -> Self {
        let registration = written.client_id.zip(written.client_secret).map(|(client_id, client_secret)| {
            Registration { client_id, client_secret, expires_at: written.registration_expires_at }
        });
        Self {
            token: Token {
                access_token: written.access_token,
                expires_at: written.expires_at,
                issued_at: written.issued_at,
                refresh_token: written.refresh_token,
                registration,
            },
            start_url: written.start_url,
            region: written.region,
            unsaved_over: written.unsaved_over,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn record() -> Record {
        Record {
            copy: Some(Good {
                token: Token {
                    access_token: Secret::new("access"),
                    expires_at: Timestamp::from_secs(1_800_000_000),
                    issued_at: Some(Timestamp::from_secs(1_799_996_400)),
                    refresh_token: Some(Secret::new("refresh")),
                    registration: Some(Registration {
                        client_id: "client".into(),
                        client_secret: Secret::new("secret"),
                        expires_at: Some(Timestamp::from_secs(1_805_000_000)),
                    }),
                },
                start_url: Some("https://example.awsapps.com/start".into()),
                region: Some("eu-west-1".into()),
                unsaved_over: Some(Secret::new("older")),
            }),
            memory: Memory {
                end_announced_for: None,
                signed_in_at: Some(Timestamp::from_secs(1_799_990_000)),
                learned_duration_secs: Some(28_800),
                token_life_secs: Some(3600),
            },
        }
    }

    #[test]
    fn comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let bare = Token { issued_at: None, refresh_token: None, registration: None, ..full_token() };
        let bare = Good { token: bare, start_url: None, region: None, unsaved_over: None };
        for expected in [
            record(),
            Record { copy: None, ..record() },
            Record { copy: Some(bare), memory: Memory::default() },
            Record::default(),
        ] {
            Record::update(&path, "work", |record| *record = expected.clone()).unwrap();
            assert_eq!(Record::load(&path), expected);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    fn full_token() -> Token {
        record().copy.unwrap().token
    }

    #[test]
    fn the_format_is_fixed() {
        let bytes = json::dumps(&Written::new(&record(), "work")).unwrap();
        let expected = concat!(
            r#"{"version": 1, "session": "work", "token": {"startUrl": "https://example.awsapps.com/start", "#,
            r#""region": "eu-west-1", "accessToken": "access", "expiresAt": "2027-01-15T08:00:00Z", "#,
            r#""issuedAt": "2027-01-15T07:00:00Z", "refreshToken": "refresh", "clientId": "client", "#,
            r#""clientSecret": "secret", "registrationExpiresAt": "2027-03-14T04:53:20Z", "#,
            r#""unsavedOver": "older"}, "memory": {"signed_in_at": "2027-01-15T05:13:20Z", "#,
            r#""learned_duration_secs": 28800, "token_life_secs": 3600}}"#,
        );
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }

    #[test]
    fn what_can_not_be_read_counts_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let good = json::dumps(&Written::new(&record(), "work")).unwrap();
        let other = |version: &str| {
            String::from_utf8(good.to_vec()).unwrap().replace("\"version\": 1", version).into_bytes()
        };
        for (bytes, expected) in [
            (good.to_vec(), Ok(record())),
            (other("\"version\": 0"), Err(Unreadable::Version(0))),
            (other("\"version\": 2"), Err(Unreadable::Version(2))),
            (b"{\"version\": 2, \"token\": 7}".to_vec(), Err(Unreadable::Version(2))),
            (other("\"version\": \"1\""), Err(Unreadable::Damaged { line: 1, column: 15 })),
            (b"".to_vec(), Err(Unreadable::Damaged { line: 1, column: 0 })),
            (b"{}".to_vec(), Err(Unreadable::Damaged { line: 1, column: 2 })),
            (
                b"{\"version\": 1, \"session\": \"planted\", \"token\": \"planted\"}".to_vec(),
                Err(Unreadable::Damaged { line: 1, column: 55 }),
            ),
        ] {
            assert_eq!(parse(&bytes), expected, "{}", String::from_utf8_lossy(&bytes));
            let shown = expected.as_ref().err().map(ToString::to_string).unwrap_or_default();
            assert!(!shown.contains("planted"), "{shown}");
            file::replace(&path, &bytes).unwrap();
            assert_eq!(Record::load(&path), expected.unwrap_or_default());
            Record::update(&path, "work", |record| record.copy = None).unwrap();
            assert!(!fs::read_to_string(&path).is_ok_and(|left| left.contains("refresh")), "forgotten");
            Record::update(&path, "work", |new| *new = record()).unwrap();
            assert_eq!(Record::load(&path), record(), "it is replaced");
        }
        for at in 0..good.len() {
            assert!(parse(&good[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn another_version_is_set_aside_until_the_user_signs_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let text = b"{\"version\": 2, \"token\": \"newer\"}";
        for load in [true, false] {
            file::replace(&path, text).unwrap();
            if load {
                assert_eq!(Record::load(&path), Record::default());
                assert!(!path.exists(), "told once");
            }
            Record::update(&path, "work", |new| *new = record()).unwrap();
            assert_eq!(Record::load(&path), record());
            assert_eq!(fs::read(aside(&path)).unwrap(), text);
            Record::forget(&path, "work").unwrap();
            assert!(!aside(&path).exists() && Record::load(&path).copy.is_none());
        }
        Record::forget(&path, "work").unwrap();
    }

    #[test]
    fn two_who_change_different_parts_keep_both() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        thread::scope(|scope| {
            scope.spawn(|| {
                for secs in 0..20 {
                    let copy = record().copy;
                    let change = |record: &mut Record| {
                        record.copy = copy;
                        record.memory.signed_in_at = Some(Timestamp::from_secs(secs));
                    };
                    Record::update(&path, "work", change).unwrap();
                }
            });
            for secs in 0..20 {
                Record::update(&path, "work", |record| record.memory.token_life_secs = Some(secs)).unwrap();
            }
        });
        let found = Record::load(&path);
        assert_eq!(found.copy, record().copy);
        assert_eq!(found.memory.token_life_secs, Some(19));
        assert_eq!(found.memory.signed_in_at, Some(Timestamp::from_secs(19)));
    }
}
