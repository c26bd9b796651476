//! [`Pending`]: a sign-in whose code another process will bring, in the own state. It is written for that alone:
//! every other sign-in is over with its process.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Client, Error, Store, file, folder, json, registration::Written, stray};
use crate::{session::token::Secret, time::Timestamp};

/// What the exchange of the code needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The client that asks.
    pub client: Client,
    /// `code_verifier`.
    pub verifier: Secret,
    /// `state`.
    pub state: Secret,
    /// `redirect_uri`, with the port.
    pub redirect_uri: String,
    /// When no code is taken any more.
    pub expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct File {
    client: Written,
    #[serde(serialize_with = "Secret::reveal")]
    verifier: Secret,
    #[serde(serialize_with = "Secret::reveal")]
    state: Secret,
    redirect_uri: String,
    expires_at: Timestamp,
}

impl Store {
    /// Keeps a sign-in of `session` instead of the one that was kept before. One whose registration has no end is
    /// not kept.
    pub fn keep_pending(&self, session: &str, pending: &Pending) -> Result<(), Error> {
        let Some(client) = Written::of(&pending.client) else { return Ok(()) };
        let Pending { verifier, state, redirect_uri, expires_at, .. } = pending.clone();
        let file = File { client, verifier, state, redirect_uri, expires_at };
        folder::create_own(&self.sign_ins())?;
        // A struct of texts can't fail to become JSON.
        let bytes = json::dumps(&file).unwrap_or_default();
        let path = self.pending_path(session);
        stray::remove_all(&path);
        file::replace(&path, &bytes)
    }

    /// The sign-in of `session` that was kept, as long as its time has not run out at `now`.
    pub fn pending(&self, session: &str, now: Timestamp) -> Result<Option<Pending>, Error> {
        let opened = file::open_private(&self.pending_path(session))?;
        let file: Option<File> = opened.and_then(|opened| serde_json::from_slice(&opened.bytes).ok());
        let pending = file.map(|File { client, verifier, state, redirect_uri, expires_at }| Pending {
            client: client.into(),
            verifier,
            state,
            redirect_uri,
            expires_at,
        });
        Ok(pending.filter(|pending| pending.expires_at > now))
    }

    /// Forgets the sign-in of `session`: its code works once.
    pub fn forget_pending(&self, session: &str) -> Result<(), Error> {
        file::delete(&self.pending_path(session))
    }

    /// What is locked during a sign-in of `session`: one file for every path that leads to the same token file, and
    /// not the one of [`Self::try_lock`], which is held for moments.
    pub fn sign_in_lock(&self, session: &str) -> PathBuf {
        self.0.locks.join(format!("{}.sign-in.lock", self.key(session)))
    }

    fn sign_ins(&self) -> PathBuf {
        self.0.state.join("sign-ins")
    }

    fn pending_path(&self, session: &str) -> PathBuf {
        self.sign_ins().join(format!("{}.json", self.key(session)))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

    use super::{super::fixture::*, *};

    #[test]
    fn keeps_a_sign_in_for_its_time_and_privately() {
        let place = Place::new();
        let now = Timestamp::from_secs(1_798_761_600);
        let store = &place.store;
        assert_eq!(store.pending(SESSION, now).unwrap(), None);
        store.forget_pending(SESSION).unwrap();
        let pending = Pending {
            client: Client {
                registration: token(1).registration.unwrap(),
                scopes: vec!["sso:account:access".into()],
                grant_types: vec!["authorization_code".into()],
            },
            verifier: Secret::new("the-verifier"),
            state: Secret::new("the-state"),
            redirect_uri: "http://127.0.0.1:1/oauth/callback".into(),
            expires_at: now.after(Duration::from_secs(600)),
        };
        store.keep_pending(SESSION, &pending).unwrap();
        assert_eq!(store.pending(SESSION, now).unwrap(), Some(pending.clone()));
        assert_eq!(store.pending("another", now).unwrap(), None);
        assert_eq!(store.pending(SESSION, pending.expires_at).unwrap(), None);
        let path = store.pending_path(SESSION);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        file::replace(&path, b"{\"client\":").unwrap();
        assert_eq!(store.pending(SESSION, now).unwrap(), None);
        store.forget_pending(SESSION).unwrap();
        assert!(!path.exists());
    }
}
