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
        horizon::Seen,
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

/// The last good copy of a session's token, its memory, and what of it the user has been shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) copy: Option<Good>,
    pub(super) memory: Memory,
    pub(super) seen: Seen,
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
pub(super) enum Unreadable {
    #[error("its version is {0}, and this program knows version {VERSION}")]
    Version(u32),
    #[error("it is damaged (line {line}, column {column})")]
    Damaged { line: usize, column: usize },
}

pub(super) fn parse(bytes: &[u8]) -> Result<Record, Unreadable> {
    let damaged =
        |error: serde_json::Error| Unreadable::Damaged { line: error.line(), column: error.column() };
    let Version { version } = serde_json::from_slice(bytes).map_err(damaged)?;
    if version != VERSION {
        return Err(Unreadable::Version(version));
    }
    let Written { token, memory, seen, .. } = serde_json::from_slice(bytes).map_err(damaged)?;
    Ok(Record { copy: token.map(Good::from), memory, seen })
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
    #[serde(default, skip_serializing_if = "is_default")]
    seen: Seen,
}

fn is_default(seen: &Seen) -> bool {
    *seen == Seen::default()
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
            seen: record.seen,
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
mod tests;
