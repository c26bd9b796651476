//! [`Error`]: why a sign-in gave no token.

use std::io;

use super::{callback::Refusal, listener, paste, pkce};
use crate::{config, http, oidc, store};

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service refused, or can't be reached.
    #[error(transparent)]
    Oidc(#[from] oidc::Error),
    /// The code was of no use.
    ///
    /// A wrong region shows as `invalid_grant` (aws/aws-cli#5058).
    #[error("the sign-in was approved, but {error}: run this again, and if it fails again {region_remedy}")]
    NotExchanged {
        /// What the service said.
        error: oidc::Error,
        /// What to do about a wrong region.
        region_remedy: String,
    },
    /// The service does not know the start URL.
    #[error("{error}: {region_remedy}")]
    WrongRegion {
        /// What the service said.
        error: oidc::Error,
        /// What to do about a wrong region.
        region_remedy: String,
    },
    /// There can be no request.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// There is nowhere to sign in.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The token file is on a disk that is not there.
    #[error("{0}")]
    Unreachable(String),
    /// The server did not end the session that was to be renewed.
    #[error(
        "the old session can't be ended at AWS and is kept: {0}; run this again, or sign in without --renew"
    )]
    NotEnded(String),
    /// A file can't be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Another process holds the session's lock.
    #[error("{0}")]
    Busy(String),
    /// The browser has nowhere to bring its answer to.
    #[error(transparent)]
    Unbound(#[from] listener::Unbound),
    /// There is no randomness.
    #[error(transparent)]
    NoRandom(#[from] pkce::NoRandom),
    /// The user said no.
    #[error("the sign-in was refused in the browser: run this again to approve it")]
    Denied,
    /// AWS said no.
    #[error("AWS ended the sign-in with `{}`{}: run this again, or ask your administrator", .0.error, .0.description.as_ref().map_or_else(String::new, |text| format!(" ({text})")))]
    Refused(Refusal),
    /// The device code has expired.
    #[error("nobody approved the sign-in before its code expired: sign in again")]
    Expired,
    /// Nobody came back from the browser.
    #[error(
        "nobody approved the sign-in within 10 minutes: run this again, with --device-code if the page in the \
         browser showed an error"
    )]
    TimedOut,
    /// What was pasted is no answer.
    #[error(transparent)]
    Paste(#[from] paste::Error),
    /// There is no sign-in that a code could be for.
    #[error(
        "no sign-in waits for a code (one does so for 10 minutes): begin with `sso-refresh login --no-browser`"
    )]
    NothingPending,
    /// The turn can't be taken.
    #[error("can't lock the sign-in: {0}; check that the folder XDG_RUNTIME_DIR can be written to")]
    Turn(io::Error),
}
