//! [`Error`]: why the old script can't be taken over, and what to do about it.

use std::io;

use crate::{config, http, oidc, store};

/// Why nothing, or not all, was taken over. Files are named as people write their paths; no secret is in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The script's `.env` is not there.
    #[error("there is no {file}: name the .env of the old script with --env-file")]
    NoEnvFile {
        /// Where it was looked for.
        file: String,
    },
    /// There is no refresh token, since the script's `token.json` is not there either.
    #[error(
        "there is no {token_file}, and {env_file} has no AWS_SSO_REFRESH_TOKEN: name the token.json of the old \
         script with --token-file"
    )]
    NoToken {
        /// Where it was looked for.
        token_file: String,
        /// The `.env`.
        env_file: String,
    },
    /// A folder or a pipe is in the place of a file, or one that is far too large.
    #[error("{file} is no file that the old script has written: name the right one")]
    NotTheScripts {
        /// The file.
        file: String,
    },
    /// A value that is needed.
    #[error("{file} has no {key}: add the line {key}=…")]
    Missing {
        /// The `.env`.
        file: String,
        /// The variable.
        key: &'static str,
    },
    /// A value that nobody has filled in.
    #[error("{place}: {key} is still the placeholder of the plan: put the real value there")]
    Placeholder {
        /// The file, and the line where that is known.
        place: String,
        /// The variable or member.
        key: &'static str,
    },
    /// A value whose end can't be told.
    #[error("{place}: the quote of {key} is not closed: close it")]
    Unclosed {
        /// The file and the line.
        place: String,
        /// The variable.
        key: &'static str,
    },
    /// The script's `token.json` can't be read, and there is no other refresh token.
    #[error("{file} is broken: {what}; repair it, or sign in with `sso-refresh login` instead")]
    Broken {
        /// The file.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// What is in the `.env` can't be configured.
    #[error("the session of {file} can't be configured: {message}")]
    Unfit {
        /// The `.env`.
        file: String,
        /// What is expected.
        message: String,
    },
    /// The session that was named is another one.
    #[error(
        "session `{session}` ({origin}) has the {what} {theirs}, and the old script {ours}: choose another name \
         with --session"
    )]
    OtherSession {
        /// Its name.
        session: String,
        /// Where it is configured.
        origin: String,
        /// What differs.
        what: &'static str,
        /// As it is configured.
        theirs: String,
        /// As it was to be imported.
        ours: String,
    },
    /// `config.toml` can't take the session without a change of what is there.
    #[error("{file} can't be extended: add `[session.{session}]` with `{keys}` to it and run this again")]
    NotExtendable {
        /// The configuration file.
        file: String,
        /// The session.
        session: String,
        /// What is to be in its table.
        keys: String,
    },
    /// The session has another sign-in, which is good.
    #[error(
        "session `{session}` is signed in already, by another client than the old script's: end that with \
         `sso-refresh logout {session}` first, or choose another name with --session"
    )]
    SignedIn {
        /// Its name.
        session: String,
    },
    /// The old script does not end.
    #[error("the old script (process {pid}) does not end: end it with `kill -9 {pid}` and run this again")]
    Stubborn {
        /// Its process id.
        pid: i32,
    },
    /// The old script may not be ended.
    #[error("the old script (process {pid}) can't be stopped: {source}; stop it and run this again")]
    Unstoppable {
        /// Its process id.
        pid: i32,
        /// What the system says.
        source: io::Error,
    },
    /// The refresh token is refused for good.
    #[error(
        "session `{session}` is configured, but the old script's refresh token is refused ({source}): sign in with \
         `sso-refresh login {session}`"
    )]
    Refused {
        /// The session.
        session: String,
        /// What the service says.
        source: oidc::Error,
    },
    /// There is no access token, and none can be had now.
    #[error(
        "session `{session}` is configured, but no access token can be had now: {source}; run this again later"
    )]
    NotNow {
        /// The session.
        session: String,
        /// What went wrong.
        source: oidc::Error,
    },
    /// Another process has the session in its hands.
    #[error("{0}")]
    Locked(String),
    /// A mistake in the configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// A file can't be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The network can't be set up.
    #[error(transparent)]
    Http(#[from] http::Error),
}
