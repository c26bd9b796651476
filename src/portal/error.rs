//! [`Error`]: what went wrong with the portal, and [`Verdict`]: what that says of the token and of the role.

use std::time::Duration;

use serde::Deserialize;

use crate::http::{self, Answer, printable};

/// Why an operation gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There was no answer.
    #[error(transparent)]
    Transport(#[from] http::Error),
    /// The portal answered with an error of its own.
    #[error("{host} answered {exception} (HTTP {status}){}", .message.as_ref().map_or_else(String::new, |text| format!(": {text}")))]
    Service {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// `UnauthorizedException`, `ForbiddenException`, `TooManyRequestsException`, …
        exception: String,
        /// The member `message`, fit for a line.
        message: Option<String>,
        /// When another attempt is welcome.
        retry_after: Option<Duration>,
    },
    /// What answered was not the portal.
    #[error(
        "{host} answered with HTTP {status}, but not as AWS does: the network may want you to sign in: open any page in \
         a browser and do so, then try again; or look with `sso-refresh doctor`"
    )]
    Malformed {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// When another attempt is welcome.
        retry_after: Option<Duration>,
    },
}

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The token is dead, whatever its expiry says: a refresh may help.
    DeadToken,
    /// There is no such account or role for this user. The token is fine.
    NoAccess,
    /// There can be none: an account id of a wrong length, say. The token is fine.
    Invalid,
    /// It may work later.
    Retry {
        /// When the server asks for it.
        after: Option<Duration>,
    },
}

impl Error {
    /// What follows. Only the portal itself can condemn a token or a role.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Transport(_) => Verdict::Retry { after: None },
            Self::Malformed { retry_after, .. } => Verdict::Retry { after: *retry_after },
            Self::Service { status, retry_after, .. } => match status {
                401 => Verdict::DeadToken,
                400 => Verdict::Invalid,
                403 | 404 => Verdict::NoAccess,
                _ => Verdict::Retry { after: *retry_after },
            },
        }
    }

    /// Whether the portal is asked too often.
    pub(super) fn is_throttled(&self) -> bool {
        matches!(self, Self::Service { status: 429, .. })
    }

    /// An error of the portal is a JSON object and names its exception in it or in `x-amzn-ErrorType`.
    pub(super) fn of_failure(answer: &Answer) -> Self {
        let Answer { host, status, error_type, body, .. } = answer;
        if (200..300).contains(status) {
            return Self::of_nonsense(answer);
        }
        let Some(ErrorBody { message, exception }) = body.json_object() else {
            return Self::of_nonsense(answer);
        };
        let named = exception.as_deref().map(|name| name.rsplit('#').next().unwrap_or(name));
        let Some(exception) = error_type.as_deref().or(named) else { return Self::of_nonsense(answer) };
        Self::Service {
            host: host.clone(),
            status: *status,
            exception: printable(exception, 60),
            message: message.map(|text| printable(&text, 200)).filter(|text| !text.is_empty()),
            retry_after: answer.retry_after,
        }
    }

    /// What answered can't have been the portal.
    pub(super) fn of_nonsense(answer: &Answer) -> Self {
        let Answer { host, status, retry_after, .. } = answer;
        Self::Malformed { host: host.clone(), status: *status, retry_after: *retry_after }
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(alias = "Message")]
    message: Option<String>,
    #[serde(rename = "__type")]
    exception: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::scripted::received;

    #[test]
    fn only_the_portal_condemns_a_token_or_a_role() {
        const NAMED: &str = r#"{"message":"x","__type":"com.amazonaws.switchboard.portal#AnyException"}"#;
        let retry = Verdict::Retry { after: None };
        for (head, body, expected) in [
            ("401 X", NAMED, Verdict::DeadToken),
            ("401 X", "<html>sign in</html>", retry),
            ("401 X", "{}", retry),
            ("403 X", NAMED, Verdict::NoAccess),
            ("403 X", "<html>blocked</html>", retry),
            ("404 X", NAMED, Verdict::NoAccess),
            ("400 X", NAMED, Verdict::Invalid),
            ("407 X", NAMED, retry),
            ("429 X\r\nRetry-After: 7", NAMED, Verdict::Retry { after: Some(Duration::from_secs(7)) }),
            ("503 X\r\nRetry-After: 7", "", Verdict::Retry { after: Some(Duration::from_secs(7)) }),
            ("500 X", NAMED, retry),
            ("200 X", NAMED, retry),
        ] {
            let error = Error::of_failure(&received(head, body));
            assert_eq!(error.verdict(), expected, "{head} {body}: {error:?}");
            assert_eq!(error.is_throttled(), head.starts_with("429"), "{head}");
        }
    }
}
