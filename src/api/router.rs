//! [`Router`]: from an HTTP request to a [`Call`] and from its answer to an HTTP response.
//!
//! Which front may serve which route is a table, `ROUTES`. Nothing here waits without a bound, reads more of
//! a body than `BODY_MAX`, or lets an answer be cached.

use std::{borrow::Cow, error::Error, sync::Arc, time::Duration};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Body, http::request::Parts};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    Call, EXCHANGE_LIMIT, PING_LIMIT, RELOAD_LIMIT, STATUS_LIMIT, VERSION, Wanted,
    guard::{Asked, Guard},
    rejection::{Rejection, bad_request, json, response, unavailable},
    stream::{self, Answer},
    wire::{CONFIGURATION_REFUSED, CredentialsAnswer, RefreshAnswer, ReloadAnswer, TokenAnswer},
};
use crate::{
    metrics::{self, Listener, Metrics},
    session::role::Role,
    time::Clock,
};

/// The most of a request's body that is read, in bytes. No route needs one.
const BODY_MAX: usize = 8 * 1024;
/// How long a client may take to send its body.
const BODY_LIMIT: Duration = Duration::from_secs(5);
/// How long a token is good at least, where the request does not say.
const MIN_VALIDITY: Duration = Duration::from_secs(60);

/// The listener that a request came in by.
#[derive(Clone, Copy, Debug)]
pub enum Front<'a> {
    /// The owner's socket.
    Unix,
    /// Loopback TCP, which anybody on the machine can connect to, and a web page by way of a browser.
    Loopback(&'a Guard),
}

impl Front<'_> {
    /// Where a client connects to come in by it.
    pub(super) fn listener(self) -> Listener {
        match self {
            Self::Unix => Listener::Unix,
            Self::Loopback(_) => Listener::Loopback,
        }
    }
}

/// Answers requests by asking the daemon's loop, and counts them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Router {
    calls: mpsc::Sender<Call>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Router {
    /// A router that sends its calls into `calls` and counts `expiresIn` by `clock`.
    pub fn new(calls: mpsc::Sender<Call>, clock: Clock) -> Self {
        let metrics = Arc::new(Metrics::new(ROUTES.iter().map(|route| route.path)));
        Self { calls, clock, metrics }
    }

    /// Where it counts, for others to count there too.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Answers one request. Every failure is an answer as well.
    pub async fn respond<B>(&self, front: Front<'_>, request: Request<B>) -> Response<Answer>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let place = place(head.uri.path());
        let response = match self.answer(front, &head, body, place).await {
            Ok(response) => response,
            Err(rejection) => {
                tracing::debug!("refused a request: {}", rejection.message);
                rejection.into_response()
            }
        };
        // Whether a stream begins is not known yet.
        if matches!(response.body(), Answer::Whole(_)) {
            self.count(front, place.map(|(route, _)| route), response.status());
        }
        response
    }

    /// A request for a stream was answered with that status.
    pub(super) fn stream_answered(&self, front: Front<'_>, status: StatusCode) {
        self.count(front, ROUTES.iter().position(|route| route.endpoint == Endpoint::Events), status);
    }

    fn count(&self, front: Front<'_>, route: Option<usize>, status: StatusCode) {
        self.metrics.answered(front.listener(), route, status.as_u16());
    }

    async fn answer<B>(
        &self,
        front: Front<'_>,
        head: &Parts,
        body: B,
        place: Option<(usize, &str)>,
    ) -> Result<Response<Answer>, Rejection>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        if let Front::Loopback(guard) = front {
            guard.admit(head, self.clock.now())?;
            // Nobody who can't be asked for a token is waited for.
            if !body.is_end_stream() {
                return Err(bad_request("there is a body; no request here has one"));
            }
        }
        let (endpoint, name) = find(front, &head.method, place)?;
        if let Front::Loopback(guard) = front {
            guard.allow(endpoint.asked(name.as_deref()))?;
        }
        let query = head.uri.query().unwrap_or_default();
        let min_validity = match endpoint {
            Endpoint::Token | Endpoint::Profile | Endpoint::Role => min_validity(query)?,
            Endpoint::Status
            | Endpoint::Events
            | Endpoint::Metrics
            | Endpoint::Refresh
            | Endpoint::Reload
            | Endpoint::Health => None,
        };
        discard(body).await?;
        match endpoint {
            Endpoint::Health => {
                self.ask(PING_LIMIT, |reply| Call::Ping { reply }).await?;
                Ok(response(StatusCode::OK, "text/plain; charset=utf-8", "ok".into()))
            }
            Endpoint::Status => {
                json(StatusCode::OK, &self.ask(STATUS_LIMIT, |reply| Call::Status { reply }).await?)
            }
            Endpoint::Events => {
                Ok(stream::events(self.ask(STATUS_LIMIT, |reply| Call::Events { reply }).await?))
            }
            Endpoint::Metrics => {
                let report = self.ask(STATUS_LIMIT, |reply| Call::Status { reply }).await?;
                let text = self.metrics.text(report.at(self.clock.now()));
                Ok(response(StatusCode::OK, metrics::CONTENT_TYPE, text.into()))
            }
            Endpoint::Token => {
                let min_validity = min_validity.unwrap_or(MIN_VALIDITY);
                let call = |reply| Call::Token { session: name, min_validity, reply };
                let issued = self.ask(EXCHANGE_LIMIT, call).await??;
                json(StatusCode::OK, &TokenAnswer::new(issued, self.clock.now()))
            }
            Endpoint::Profile | Endpoint::Role => {
                let name = name.unwrap_or_default();
                let wanted = match endpoint {
                    Endpoint::Role => Wanted::Role(role(name, query)?),
                    _ => Wanted::Profile(name),
                };
                let call = |reply| Call::Credentials { wanted, min_validity, reply };
                let credentials = self.ask(EXCHANGE_LIMIT, call).await??;
                json(StatusCode::OK, &CredentialsAnswer::new(credentials))
            }
            Endpoint::Refresh => {
                let session = name.unwrap_or_default();
                let call = |reply| Call::Refresh { session, rejected: None, reply };
                let status = self.ask(EXCHANGE_LIMIT, call).await??;
                json(StatusCode::OK, &RefreshAnswer { version: VERSION, status })
            }
            Endpoint::Reload => match self.ask(RELOAD_LIMIT, |reply| Call::Reload { reply }).await? {
                Ok(message) => json(StatusCode::OK, &ReloadAnswer { version: VERSION, message }),
                Err(message) => {
                    Err(Rejection::new(StatusCode::UNPROCESSABLE_ENTITY, CONFIGURATION_REFUSED, message))
                }
            },
        }
    }

    /// Sends a call into the loop and waits for its answer, `limit` at most for both.
    async fn ask<T>(
        &self,
        limit: Duration,
        call: impl FnOnce(oneshot::Sender<T>) -> Call,
    ) -> Result<T, Rejection> {
        let (reply, answer) = oneshot::channel();
        let call = call(reply);
        let exchange = async {
            self.calls.send(call).await.ok()?;
            answer.await.ok()
        };
        match timeout(limit, exchange).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(unavailable("the daemon is stopping; try again when it is back")),
            Err(_) => Err(unavailable("the daemon did not answer in time; try again later")),
        }
    }
}

/// What a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Status,
    /// What happens, as it happens.
    Events,
    /// The same as numbers, and what was counted.
    Metrics,
    Token,
    /// The credentials of a profile's role.
    Profile,
    /// The credentials of a role that the query names.
    Role,
    Refresh,
    Reload,
    Health,
}

impl Endpoint {
    /// What is asked for, where a guard may forbid it.
    fn asked(self, name: Option<&str>) -> Asked<'_> {
        match self {
            Self::Health => Asked::Health,
            // They tell of the sessions what their status does, and when.
            Self::Status | Self::Events | Self::Metrics => Asked::Status,
            Self::Profile => Asked::Profile(name.unwrap_or_default()),
            // Whoever has an access token gets every role with it.
            Self::Token | Self::Role | Self::Refresh | Self::Reload => Asked::Token,
        }
    }
}

/// One line of the route table; what stands in braces stands for any one segment.
struct Route {
    method: Method,
    path: &'static str,
    served: Served,
    endpoint: Endpoint,
}

/// Where a route is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Served {
    Everywhere,
    /// On the owner's socket.
    ToOwner,
}

const BOTH: Served = Served::Everywhere;
const OWNER: Served = Served::ToOwner;

static ROUTES: [Route; 10] = [
    route(Method::GET, "/v1/status", BOTH, Endpoint::Status),
    route(Method::GET, "/v1/events", BOTH, Endpoint::Events),
    route(Method::GET, "/metrics", BOTH, Endpoint::Metrics),
    route(Method::GET, "/v1/sessions/{session}/token", BOTH, Endpoint::Token),
    route(Method::GET, "/token", BOTH, Endpoint::Token),
    route(Method::GET, "/v1/credentials/{profile}", BOTH, Endpoint::Profile),
    route(Method::GET, "/v1/sessions/{session}/credentials", OWNER, Endpoint::Role),
    route(Method::GET, "/healthz", BOTH, Endpoint::Health),
    route(Method::POST, "/v1/sessions/{session}/refresh", OWNER, Endpoint::Refresh),
    route(Method::POST, "/v1/reload", OWNER, Endpoint::Reload),
];

const fn route(method: Method, path: &'static str, served: Served, endpoint: Endpoint) -> Route {
    Route { method, path, served, endpoint }
}

/// The first route that a path has, whatever the method, and the segment at the place in braces.
fn place(path: &str) -> Option<(usize, &str)> {
    ROUTES.iter().enumerate().find_map(|(number, route)| Some((number, matched(route.path, path)?)))
}

/// The endpoint of a path, with the session or the profile that the path names.
fn find(
    front: Front<'_>,
    method: &Method,
    place: Option<(usize, &str)>,
) -> Result<(Endpoint, Option<String>), Rejection> {
    let Some((first, segment)) = place else {
        let message = "there is nothing at this path; GET /v1/status shows the sessions";
        return Err(Rejection::new(StatusCode::NOT_FOUND, "NotFound", message));
    };
    let mut allowed = Vec::new();
    for route in ROUTES[first..].iter().filter(|route| route.path == ROUTES[first].path) {
        if route.method != *method {
            allowed.push(route.method.as_str());
            continue;
        }
        if matches!(front, Front::Loopback(_)) && route.served == Served::ToOwner {
            let message = format!("{method} {} is served on the Unix socket only", route.path);
            return Err(Rejection::new(StatusCode::FORBIDDEN, "Forbidden", message));
        }
        let name = (!segment.is_empty()).then(|| decoded(segment)).transpose()?;
        return Ok((route.endpoint, name));
    }
    let allow = allowed.join(", ");
    let message = format!("this path is served to {allow} only");
    let rejection = Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
    Err(Rejection { allow: Some(allow), ..rejection })
}

/// Where `path` has the form of `pattern`, the segment at the place in braces, which is never empty; an empty text where
/// the pattern has no such place.
///
/// The path is taken as it was sent: `.` and `..` are names like any other, and an encoded slash separates
/// nothing.
fn matched<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut name = "";
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(name),
            (Some(wanted), Some(segment)) if wanted.starts_with('{') && !segment.is_empty() => name = segment,
            (Some(wanted), Some(segment)) if wanted == segment => {}
            _ => return None,
        }
    }
}

/// Decodes a path segment. A name that could not stand in a configuration file is refused here, so that no
/// control character gets into a log.
fn decoded(segment: &str) -> Result<String, Rejection> {
    percent_encoding::percent_decode_str(segment)
        .decode_utf8()
        .ok()
        .filter(|name| !name.contains(char::is_control))
        .map(Cow::into_owned)
        .ok_or_else(|| bad_request("the name in the path is not UTF-8 text without control characters"))
}

/// The role of `session` that a query names by `account_id` and `role_name`, as the portal calls them.
fn role(session: String, query: &str) -> Result<Role, Rejection> {
    let value = |wanted: &str| {
        let (_, value) = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == wanted).last()?;
        Some(value.into_owned()).filter(|value| !value.is_empty() && !value.contains(char::is_control))
    };
    let (Some(account), Some(name)) = (value("account_id"), value("role_name")) else {
        return Err(bad_request("the query must name account_id and role_name"));
    };
    Ok(Role { session, account, name })
}

/// `min_validity` of a query: whole seconds, or a duration like `5m`. The last one counts; other keys are
/// ignored.
fn min_validity(query: &str) -> Result<Option<Duration>, Rejection> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "min_validity");
    let Some((_, value)) = values.by_ref().last() else { return Ok(None) };
    if let Ok(secs) = value.parse() {
        return Ok(Some(Duration::from_secs(secs)));
    }
    humantime::parse_duration(&value)
        .map(Some)
        .map_err(|_| bad_request("min_validity is neither whole seconds nor a duration like 5m"))
}

/// Reads the body to its end, so that the connection stays usable, within bounds of size and time.
async fn discard<B>(body: B) -> Result<(), Rejection>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let too_large = || {
        let message = format!("the body is longer than {BODY_MAX} bytes; no request here needs one");
        Rejection::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", message)
    };
    // An announced length is enough to refuse it.
    if body.size_hint().lower() > BODY_MAX as u64 {
        return Err(too_large());
    }
    match timeout(BODY_LIMIT, Limited::new(body, BODY_MAX).collect()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(bad_request("the body can't be read")),
        Err(_) => {
            let message = "the body did not come in time; no request here needs one";
            Err(Rejection::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", message))
        }
    }
}

#[cfg(test)]
mod tests;
