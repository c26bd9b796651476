//! The exit codes, and [`Failure`], which carries one with a line for people.

use std::io::Write as _;

use super::palette::WRONG;
use crate::{
    api::{Refusal, client},
    config, http, oidc,
    platform::manager,
    store,
};

/// Done.
pub(super) const DONE: u8 = 0;
/// It failed, and trying again will not help by itself.
pub(super) const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
pub(super) const USAGE: u8 = 2;
/// Only a sign-in helps.
pub(super) const SIGN_IN: u8 = 3;
/// The daemon is not running, and the command is about nothing else.
pub(super) const NO_DAEMON: u8 = 4;
/// It may work later.
pub(super) const TEMPORARY: u8 = 5;

/// The code for several sessions: the one that asks the most of the user.
pub(super) fn worst(codes: impl IntoIterator<Item = u8>) -> u8 {
    const BY_WEIGHT: [u8; 6] = [DONE, TEMPORARY, NO_DAEMON, FAILED, USAGE, SIGN_IN];
    let weight = |code: &u8| BY_WEIGHT.iter().position(|known| known == code);
    codes.into_iter().max_by_key(weight).unwrap_or(DONE)
}

/// Why a command did not do what it should.
#[derive(Debug)]
pub(super) enum Failure {
    /// A line for people.
    Line {
        /// The exit code.
        code: u8,
        /// What, why, and what to do. Never a secret.
        line: String,
    },
    /// Nobody reads the output any more, which is no error.
    ClosedPipe,
}

impl Failure {
    /// A failure with an exit code and a line of what, why and what to do.
    pub(super) fn new(code: u8, line: impl Into<String>) -> Self {
        Self::Line { code, line: line.into() }
    }

    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Line { code, .. } => *code,
            Self::ClosedPipe => DONE,
        }
    }

    /// The line alone.
    pub(super) fn into_line(self) -> String {
        match self {
            Self::Line { line, .. } => line,
            Self::ClosedPipe => String::new(),
        }
    }

    /// Says it on standard error.
    pub(super) fn say(&self) {
        if let Self::Line { line, .. } = self {
            // As sd-daemon(3) has it: else journald takes a line for information.
            let priority = if manager::logs_to_journal() { "<3>" } else { "" };
            // There is nowhere to tell that standard error is closed.
            drop(writeln!(anstream::stderr(), "{priority}{WRONG}sso-refresh{WRONG:#}: {line}"));
        }
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        Self::new(USAGE, error.to_string())
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::new(FAILED, error.to_string())
    }
}

impl Failure {
    /// A refusal of `session`. What is temporary comes in the words of the network, which know of no session.
    pub(super) fn of(session: &str, refusal: Refusal) -> Self {
        match refusal {
            Refusal::Temporary { message, .. } => Self::new(TEMPORARY, format!("{session}: {message}")),
            refusal => refusal.into(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::UnknownSession { .. } | Refusal::UnknownProfile { .. } | Refusal::TooLong { .. } => {
                USAGE
            }
            Refusal::NoAccess { .. } => FAILED,
            Refusal::SignInNeeded { .. } => SIGN_IN,
            Refusal::Temporary { .. } => TEMPORARY,
        };
        Self::new(code, refusal.to_string())
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::Refused(refusal) => refusal.into(),
            client::Error::NotRunning => Self::new(NO_DAEMON, error.to_string()),
            error => Self::new(FAILED, error.to_string()),
        }
    }
}

impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        let code = match error {
            http::Error::CaBundle { .. }
            | http::Error::BadProxy { .. }
            | http::Error::Insecure { .. }
            | http::Error::Url { .. } => USAGE,
            http::Error::Setup { .. } | http::Error::Unsendable { .. } => FAILED,
            http::Error::Dns { .. }
            | http::Error::Connect { .. }
            | http::Error::Tls { .. }
            | http::Error::Proxy { .. }
            | http::Error::Timeout { .. }
            | http::Error::TooLarge { .. }
            | http::Error::Interrupted { .. }
            | http::Error::Garbled { .. } => TEMPORARY,
        };
        Self::new(code, error.to_string())
    }
}

/// A sign-in has no token to keep: what the service refuses is refused for good.
impl From<oidc::Error> for Failure {
    fn from(error: oidc::Error) -> Self {
        match error {
            oidc::Error::Transport(error) => error.into(),
            oidc::Error::Malformed { .. } => Self::new(TEMPORARY, error.to_string()),
            oidc::Error::Service { status, .. } => {
                Self::new(if status >= 500 || status == 429 { TEMPORARY } else { FAILED }, error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needed_sign_in_weighs_the_most() {
        for (codes, expected) in [
            (&[][..], DONE),
            (&[DONE, DONE], DONE),
            (&[DONE, TEMPORARY], TEMPORARY),
            (&[TEMPORARY, FAILED, DONE], FAILED),
            (&[TEMPORARY, SIGN_IN, FAILED], SIGN_IN),
        ] {
            assert_eq!(worst(codes.iter().copied()), expected, "{codes:?}");
        }
    }

    #[test]
    fn each_failure_has_its_code() {
        let message = String::from("no");
        let temporary = Refusal::Temporary { message: message.clone(), retry_after: None };
        for (failure, code) in [
            (Failure::from(temporary), TEMPORARY),
            (Refusal::TooLong { message: message.clone() }.into(), USAGE),
            (Refusal::SignInNeeded { session: "work".into(), message }.into(), SIGN_IN),
            (client::Error::NotRunning.into(), NO_DAEMON),
            (client::Error::Hung.into(), FAILED),
            (config::Error::NoSession.into(), USAGE),
            (Failure::ClosedPipe, DONE),
        ] {
            assert_eq!(failure.code(), code, "{failure:?}");
        }
    }
}
