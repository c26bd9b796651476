//! [`Replaced`]: a token file that has just lost its place to a newer one.

use std::time::Duration;

use super::{RE_READING_PAUSE, RE_READINGS};
use crate::{
    kind::{Kind, told},
    session::token::Token,
    store::{Identity, Locked, Orphan, Saved, Written},
};

/// How long after it was replaced somebody who writes the old file in place is done with it.
const ORPHAN_PAUSE: Duration = Duration::from_millis(250);

/// The file that was replaced, and the session's lock: nobody of ours spends the token in its place before it is
/// known that this one holds no sign-in. Dropped, it is not looked at.
#[derive(Debug)]
pub struct Replaced {
    pub(super) locked: Locked,
    pub(super) orphan: Orphan,
    /// The token that is in its place.
    pub(super) ours: Token,
    pub(super) identity: Identity,
}

impl Replaced {
    /// Looks at it once more: a sign-in that another program wrote into it in place, just as it was replaced, would
    /// be lost. Whatever became of our file meanwhile stays.
    pub async fn look_again(mut self) {
        self.rescue().await;
        // Whoever read a new file meanwhile could take no copy of it without the lock.
        if let Err(error) = self.locked.read() {
            tracing::debug!("{error}");
        }
    }

    async fn rescue(&mut self) {
        tokio::time::sleep(ORPHAN_PAUSE).await;
        for _ in 0..RE_READINGS {
            match self.orphan.look() {
                Written::Nothing => return,
                Written::Torn => tokio::time::sleep(RE_READING_PAUSE).await,
                Written::Token(token) => return self.keep(&token),
            }
        }
    }

    fn keep(&mut self, token: &Token) {
        let name = self.locked.session();
        match self.locked.save(token, Some(&self.ours), &self.identity) {
            Ok(Saved::Written(_)) => {
                told!(
                    info,
                    Kind::Rescued,
                    sso_session = name,
                    "{name}: a token that was written meanwhile is kept"
                );
            }
            Ok(Saved::Gone | Saved::Superseded(_)) => {}
            Err(error) => {
                told!(
                    warn,
                    Kind::NotRescued,
                    sso_session = name,
                    "{name}: a token that was written meanwhile can't be kept: {error}"
                );
            }
        }
    }
}
