//! [`Error`]: what went wrong with the OIDC service, and [`Verdict`]: whether that ends the session.

use std::{fmt, time::Duration};

use serde::Deserialize;

use crate::{
    http::{self, Answer, printable},
    session::event::Reason,
};

/// Why an operation gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There was no answer.
    #[error(transparent)]
    Transport(#[from] http::Error),
    /// The service answered with an error of its own.
    #[error("{}", service_message(.host, *.status, *.kind, .code, .description.as_deref()))]
    Service {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// Which error.
        kind: ErrorKind,
        /// The member `error`.
        code: String,
        /// The member `error_description`, fit for a line.
        description: Option<String>,
        /// When another attempt is welcome.
        retry_after: Option<Duration>,
    },
    /// What answered was not the service, or the service was not itself.
    #[error("{}", malformed_message(.host, *.status, *.flaw))]
    Malformed {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What is wrong with the answer.
        flaw: Flaw,
        /// When another attempt is welcome.
        retry_after: Option<Duration>,
    },
}

/// The exceptions of the service (`sso-oidc/2019-06-10/service-2.json`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The user has not approved the device code yet.
    AuthorizationPending,
    /// Poll the device code less often.
    SlowDown,
    /// The device code or the token has expired.
    ExpiredToken,
    /// The refresh token or the code is dead.
    InvalidGrant,
    /// The client registration is gone or expired.
    InvalidClient,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// The user refused.
    AccessDenied,
    /// A field is wrong; also seen for a wrong region.
    InvalidRequest,
    /// The start URL belongs to another region.
    InvalidRequestRegion,
    /// An unknown scope.
    InvalidScope,
    /// A redirect URI that is not allowed.
    InvalidRedirectUri,
    /// A field of the registration is wrong.
    InvalidClientMetadata,
    /// A grant type that is not allowed.
    UnsupportedGrantType,
    /// The service failed.
    InternalServer,
    /// A well-formed error that the service model does not know.
    Unknown,
}

/// Each kind with its exception (`x-amzn-ErrorType`) and its code (`error`, RFC 6749 section 5.2 and RFC 8628
/// section 3.5). The model names no code for the last one.
const KINDS: [(ErrorKind, &str, &str); 14] = [
    (ErrorKind::AuthorizationPending, "AuthorizationPendingException", "authorization_pending"),
    (ErrorKind::SlowDown, "SlowDownException", "slow_down"),
    (ErrorKind::ExpiredToken, "ExpiredTokenException", "expired_token"),
    (ErrorKind::InvalidGrant, "InvalidGrantException", "invalid_grant"),
    (ErrorKind::InvalidClient, "InvalidClientException", "invalid_client"),
    (ErrorKind::UnauthorizedClient, "UnauthorizedClientException", "unauthorized_client"),
    (ErrorKind::AccessDenied, "AccessDeniedException", "access_denied"),
    (ErrorKind::InvalidRequest, "InvalidRequestException", "invalid_request"),
    (ErrorKind::InvalidScope, "InvalidScopeException", "invalid_scope"),
    (ErrorKind::InvalidRedirectUri, "InvalidRedirectUriException", "invalid_redirect_uri"),
    (ErrorKind::InvalidClientMetadata, "InvalidClientMetadataException", "invalid_client_metadata"),
    (ErrorKind::UnsupportedGrantType, "UnsupportedGrantTypeException", "unsupported_grant_type"),
    (ErrorKind::InternalServer, "InternalServerException", "server_error"),
    (ErrorKind::InvalidRequestRegion, "InvalidRequestRegionException", ""),
];

impl ErrorKind {
    fn of_exception(exception: &str) -> Option<Self> {
        KINDS.iter().find(|(_, known, _)| *known == exception).map(|(kind, ..)| *kind)
    }

    fn word(self) -> &'static str {
        let known = KINDS.iter().find(|(kind, ..)| *kind == self);
        known.map(|(.., code)| *code).filter(|code| !code.is_empty()).unwrap_or("refused")
    }

    fn of_code(code: &str) -> Option<Self> {
        KINDS.iter().find(|(_, _, known)| !known.is_empty() && *known == code).map(|(kind, ..)| *kind)
    }
}

/// Why an answer can't be the service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A web page.
    Html,
    /// No JSON object, or one that was cut.
    NotJson,
    /// JSON of a failure without the member `error`.
    NoError,
    /// JSON of a success that lacks a member or has one of a wrong type or value.
    Shape,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Html => "a web page",
            Self::NotJson => "something that is not JSON",
            Self::NoError => "an error that is not of this service",
            Self::Shape => "members missing or of a wrong type",
        })
    }
}

/// What an error means for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Keep the token and try again.
    Retry {
        /// Not earlier than this, counted from the answer: as the service said, and not bounded.
        after: Option<Duration>,
    },
    /// Only a sign-in helps.
    SignIn(Reason),
}

impl Error {
    /// Whether a refresh that failed so ends the session.
    ///
    /// Only four errors of the service do, and only with a status that its model gives to client errors.
    /// Before `invalid_grant` is believed, the token file is to be read again.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Transport(_) => Verdict::Retry { after: None },
            Self::Malformed { retry_after, .. } => Verdict::Retry { after: *retry_after },
            Self::Service { status, kind, retry_after, .. } => match final_reason(*kind) {
                Some(reason) if matches!(status, 400 | 401) => Verdict::SignIn(reason),
                Some(_) | None => Verdict::Retry { after: *retry_after },
            },
        }
    }

    /// Whether it is what the service of another region says of a start URL or a client that it does not know.
    pub fn may_be_region(&self) -> bool {
        let kinds = [ErrorKind::InvalidRequest, ErrorKind::InvalidRequestRegion];
        matches!(self, Self::Service { kind, .. } if kinds.contains(kind))
    }

    /// What kind of error it is, in a word for programs: the service's own code where it gave one that is known.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Transport(error) => error.word(),
            Self::Service { kind, .. } => kind.word(),
            Self::Malformed { status: 407, .. } => "proxy",
            Self::Malformed { status: 429, .. } => "throttled",
            Self::Malformed { status: 500..=599, .. } => "server_error",
            Self::Malformed { .. } => "not_the_service",
        }
    }

    /// The error in an answer whose status is no success.
    pub(super) fn of_failure(answer: &Answer) -> Self {
        let retry_after = answer.retry_after;
        let (host, status) = (answer.host.clone(), answer.status);
        let Some(ErrorBody { error: Some(code), error_description }) = answer.body.json_object() else {
            let flaw = if is_object(answer) { Flaw::NoError } else { no_json(answer) };
            return Self::Malformed { host, status, flaw, retry_after };
        };
        let kind = kind_of(answer.error_type.as_deref(), &code);
        let description = error_description.map(|text| printable(&text, 200)).filter(|text| !text.is_empty());
        Self::Service { host, status, kind, code: printable(&code, 40), description, retry_after }
    }

    /// The error of an answer that claims success but isn't what was asked for.
    pub(super) fn of_nonsense(answer: &Answer) -> Self {
        let flaw = if is_object(answer) { Flaw::Shape } else { no_json(answer) };
        let Answer { host, status, retry_after, .. } = answer;
        Self::Malformed { host: host.clone(), status: *status, flaw, retry_after: *retry_after }
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: Option<String>,
    error_description: Option<String>,
}

/// Which error it is by the exception in the header, else by the code in the body. What would end the session must
/// stand in the body, and nothing else in the header.
fn kind_of(exception: Option<&str>, code: &str) -> ErrorKind {
    let by_code = ErrorKind::of_code(code);
    match exception.and_then(ErrorKind::of_exception) {
        Some(kind) if final_reason(kind).is_none() || by_code == Some(kind) => kind,
        Some(_) => ErrorKind::Unknown,
        None => by_code.unwrap_or(ErrorKind::Unknown),
    }
}

fn final_reason(kind: ErrorKind) -> Option<Reason> {
    match kind {
        ErrorKind::InvalidGrant => Some(Reason::InvalidGrant),
        ErrorKind::InvalidClient => Some(Reason::InvalidClient),
        ErrorKind::ExpiredToken => Some(Reason::ExpiredToken),
        ErrorKind::UnauthorizedClient => Some(Reason::UnauthorizedClient),
        ErrorKind::AuthorizationPending
        | ErrorKind::SlowDown
        | ErrorKind::AccessDenied
        | ErrorKind::InvalidRequest
        | ErrorKind::InvalidRequestRegion
        | ErrorKind::InvalidScope
        | ErrorKind::InvalidRedirectUri
        | ErrorKind::InvalidClientMetadata
        | ErrorKind::UnsupportedGrantType
        | ErrorKind::InternalServer
        | ErrorKind::Unknown => None,
    }
}

fn is_object(answer: &Answer) -> bool {
    answer.body.json_object::<serde::de::IgnoredAny>().is_some()
        && answer.body.bytes().trim_ascii().starts_with(b"{")
}

fn no_json(answer: &Answer) -> Flaw {
    let says_html = answer.content_type.as_deref().is_some_and(|content_type| content_type.contains("html"));
    if says_html || answer.body.bytes().trim_ascii().starts_with(b"<") { Flaw::Html } else { Flaw::NotJson }
}

fn service_message(
    host: &str,
    status: u16,
    kind: ErrorKind,
    code: &str,
    description: Option<&str>,
) -> String {
    let words = description.map_or_else(String::new, |text| format!(": {text}"));
    let hint = match kind {
        ErrorKind::InvalidScope => "; check the session's scopes",
        ErrorKind::AuthorizationPending
        | ErrorKind::SlowDown
        | ErrorKind::ExpiredToken
        | ErrorKind::InvalidGrant
        | ErrorKind::InvalidClient
        | ErrorKind::UnauthorizedClient
        | ErrorKind::AccessDenied
        | ErrorKind::InvalidRequest
        | ErrorKind::InvalidRequestRegion
        | ErrorKind::InvalidRedirectUri
        | ErrorKind::InvalidClientMetadata
        | ErrorKind::UnsupportedGrantType
        | ErrorKind::InternalServer
        | ErrorKind::Unknown => "",
    };
    format!("{host} answered {code} (HTTP {status}){words}{hint}")
}

/// Who answers for AWS with a page is most often a network that wants somebody to sign in, or to agree to something.
const SIGN_IN_TO_NETWORK: &str =
    "the network may want you to sign in: open any page in a browser and do so, then try again";

fn malformed_message(host: &str, status: u16, flaw: Flaw) -> String {
    let hint = match status {
        200..=299 if flaw == Flaw::Shape => {
            "a proxy or a wrong endpoint may be in the way; if it was the service, what was sent may be used up, and \
             the next attempt shows whether a sign-in is needed"
        }
        407 => "a proxy asks for a user name and password; set them in `proxy` or HTTPS_PROXY",
        429 => "too many requests were sent; it is left alone for a while",
        500..=599 => "the service or a proxy before it has a problem; try again later",
        _ if flaw == Flaw::Html => SIGN_IN_TO_NETWORK,
        _ => {
            "a captive portal, a proxy or a wrong endpoint may be in the way; look with `sso-refresh doctor`"
        }
    };
    format!("{host} answered with HTTP {status} and {flaw}: {hint}")
}

#[cfg(test)]
mod tests;
