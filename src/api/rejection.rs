//! [`Rejection`]: an answer that is an error, and how any answer is written.

use std::time::Duration;

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Refusal, stream::Answer, wire::ErrorAnswer};

/// What an answer with secrets has room in, in bytes.
const ROOM: usize = 16 * 1024;

/// Why a request gets no answer of the loop.
#[derive(Debug)]
pub(super) struct Rejection {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    /// For people; never a secret.
    pub(super) message: String,
    pub(super) session: Option<String>,
    pub(super) retry_after: Option<Duration>,
    /// The methods that are served there.
    pub(super) allow: Option<String>,
}

impl Rejection {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), session: None, retry_after: None, allow: None }
    }

    pub(super) fn into_response(self) -> Response<Answer> {
        let error = ErrorAnswer::new(self.code, &self.message, self.session.as_deref());
        let mut response = json(self.status, &error).unwrap_or_else(|_| bare(self.status));
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
            response.headers_mut().insert(ALLOW, allow);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        response
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        let rejection = Self::new(refusal.status(), refusal.code(), refusal.to_string());
        match refusal {
            Refusal::UnknownSession { .. }
            | Refusal::UnknownProfile { .. }
            | Refusal::NoAccess { .. }
            | Refusal::TooLong { .. } => rejection,
            Refusal::SignInNeeded { session, .. } => Self { session: Some(session), ..rejection },
            Refusal::Temporary { retry_after, .. } => Self { retry_after, ..rejection },
        }
    }
}

pub(super) fn bad_request(message: &str) -> Rejection {
    Rejection::new(StatusCode::BAD_REQUEST, "BadRequest", message)
}

pub(super) fn unavailable(message: &str) -> Rejection {
    Refusal::Temporary { message: message.into(), retry_after: None }.into()
}

/// Rounded up: a client that comes back a moment early would be turned away again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Answer>, Rejection> {
    // Room enough that no secret in it is left behind by a reallocation; it is wiped when it was sent.
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    match serde_json::to_writer(&mut *bytes, body) {
        Ok(()) => Ok(response(status, "application/json", Bytes::from_owner(bytes))),
        Err(_) => Err(unavailable("the answer can't be written as JSON")),
    }
}

pub(super) fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Answer> {
    let mut response = bare(status);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    *response.body_mut() = Answer::Whole(Full::new(body));
    response
}

/// An empty answer. Tokens and the state of sessions belong in no cache.
fn bare(status: StatusCode) -> Response<Answer> {
    let mut response = Response::new(Answer::Whole(Full::default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
