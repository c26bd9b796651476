//! The device-code flow ([RFC 8628](https://www.rfc-editor.org/rfc/rfc8628)): [`Poller`] decides, [`poll`] waits
//! and asks.

use std::time::Duration;

use super::{Client, DeviceAuthorization, Error, ErrorKind, Grant, error::Verdict};
use crate::{
    session::token::{Registration, Token},
    time::{Clock, Timestamp},
};

/// RFC 8628 section 3.5: what each `slow_down` adds to the interval, for good.
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// Why the flow gave no token.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody approved in time.
    #[error("nobody approved the sign-in before its code expired: sign in again")]
    Expired,
    /// The user refused.
    #[error("the sign-in was refused in the browser")]
    Denied,
    /// The service refused for another reason.
    #[error(transparent)]
    Refused(Error),
}

/// What to do after an answer that was no token.
#[derive(Debug)]
pub enum Step {
    /// Ask again after this long.
    Wait(Duration),
    /// Give up.
    Fail(Failure),
}

/// When to ask again, and when no more.
#[derive(Clone, Copy, Debug)]
pub struct Poller {
    interval: Duration,
    expires_at: Timestamp,
}

impl Poller {
    /// A poller for `authorization`. The first poll is due after [`Self::interval`].
    pub fn new(authorization: &DeviceAuthorization) -> Self {
        Self { interval: authorization.interval, expires_at: authorization.expires_at }
    }

    /// The least time between two polls.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Decides what follows `error`, seen at `now`. Whatever may pass is waited out, until the code expires.
    pub fn after(&mut self, error: Error, now: Timestamp) -> Step {
        let asked = match error.verdict() {
            Verdict::Retry { after } => after.unwrap_or_default(),
            Verdict::SignIn(_) => Duration::ZERO,
        };
        let kind = match &error {
            Error::Transport(_) | Error::Malformed { .. } => return self.wait(asked, now),
            Error::Service { kind, .. } => *kind,
        };
        match kind {
            ErrorKind::AuthorizationPending | ErrorKind::InternalServer | ErrorKind::Unknown => {
                self.wait(asked, now)
            }
            ErrorKind::SlowDown => {
                self.interval += SLOW_DOWN;
                self.wait(asked, now)
            }
            ErrorKind::ExpiredToken => Step::Fail(Failure::Expired),
            ErrorKind::AccessDenied => Step::Fail(Failure::Denied),
            ErrorKind::InvalidGrant
            | ErrorKind::InvalidClient
            | ErrorKind::UnauthorizedClient
            | ErrorKind::InvalidRequest
            | ErrorKind::InvalidRequestRegion
            | ErrorKind::InvalidScope
            | ErrorKind::InvalidRedirectUri
            | ErrorKind::InvalidClientMetadata
            | ErrorKind::UnsupportedGrantType => Step::Fail(Failure::Refused(error)),
        }
    }

    fn wait(&self, at_least: Duration, now: Timestamp) -> Step {
        let pause = self.interval.max(at_least);
        if now.after(pause) >= self.expires_at { Step::Fail(Failure::Expired) } else { Step::Wait(pause) }
    }
}

/// Polls until the user has approved, refused or let the code expire.
///
/// `sleep` waits; a test hands in its own. Dropping the future ends the flow.
pub async fn poll<S: AsyncFn(Duration)>(
    client: &Client,
    registration: &Registration,
    authorization: &DeviceAuthorization,
    clock: &Clock,
    sleep: S,
) -> Result<Token, Failure> {
    let mut poller = Poller::new(authorization);
    let mut pause = poller.interval();
    loop {
        sleep(pause).await;
        let grant = Grant::DeviceCode { device_code: &authorization.device_code };
        let error = match client.create_token(registration, grant).await {
            Ok(token) => return Ok(token),
            Err(error) => error,
        };
        match poller.after(error, clock.now()) {
            Step::Wait(next) => pause = next,
            Step::Fail(failure) => return Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::{
        http::{
            self,
            scripted::{Play, Server, json},
        },
        session::token::Secret,
    };

    const START: Timestamp = Timestamp::from_secs(1_798_761_600);

    fn authorization() -> DeviceAuthorization {
        DeviceAuthorization {
            device_code: Secret::new("planted-device"),
            user_code: "ABCD-EFGH".into(),
            verification_uri: "https://device.example/".into(),
            verification_uri_complete: None,
            expires_at: START.after(Duration::from_secs(600)),
            interval: Duration::from_secs(5),
        }
    }

    fn service(kind: ErrorKind, retry_after: Option<u64>) -> Error {
        let (host, code) = ("h".into(), "c".into());
        let retry_after = retry_after.map(Duration::from_secs);
        Error::Service { host, status: 400, kind, code, description: None, retry_after }
    }

    fn lost() -> Error {
        Error::Transport(http::Error::Interrupted { host: "h".into(), why: "cut".into() })
    }

    #[test]
    fn decides_by_the_answer() {
        let garbage = || Error::Malformed {
            host: "h".into(),
            status: 502,
            flaw: super::super::error::Flaw::Html,
            retry_after: None,
        };
        for (error, secs, expected) in [
            (service(ErrorKind::AuthorizationPending, None), 0, "Wait(5s)"),
            (service(ErrorKind::AuthorizationPending, Some(3)), 0, "Wait(5s)"),
            (service(ErrorKind::AuthorizationPending, Some(30)), 0, "Wait(30s)"),
            (service(ErrorKind::SlowDown, None), 0, "Wait(10s)"),
            (service(ErrorKind::InternalServer, None), 0, "Wait(5s)"),
            (service(ErrorKind::Unknown, None), 0, "Wait(5s)"),
            (lost(), 0, "Wait(5s)"),
            (garbage(), 0, "Wait(5s)"),
            (service(ErrorKind::AuthorizationPending, None), 594, "Wait(5s)"),
            (service(ErrorKind::AuthorizationPending, None), 595, "Fail(Expired)"),
            (lost(), 7200, "Fail(Expired)"),
            (service(ErrorKind::ExpiredToken, None), 0, "Fail(Expired)"),
            (service(ErrorKind::AccessDenied, None), 0, "Fail(Denied)"),
            (service(ErrorKind::InvalidGrant, None), 0, "Fail(Refused("),
            (service(ErrorKind::InvalidClient, None), 0, "Fail(Refused("),
            (service(ErrorKind::InvalidRequest, None), 0, "Fail(Refused("),
            (service(ErrorKind::UnauthorizedClient, None), 0, "Fail(Refused("),
        ] {
            let case = format!("{error:?} after {secs} s");
            let step = Poller::new(&authorization()).after(error, START.after(Duration::from_secs(secs)));
            assert!(format!("{step:?}").starts_with(expected), "{case}: {step:?}");
        }
    }

    #[test]
    fn slow_down_is_for_good() {
        let mut poller = Poller::new(&authorization());
        for (kind, expected) in [
            (ErrorKind::SlowDown, 10),
            (ErrorKind::AuthorizationPending, 10),
            (ErrorKind::SlowDown, 15),
            (ErrorKind::AuthorizationPending, 15),
        ] {
            let step = poller.after(service(kind, None), START);
            assert!(matches!(step, Step::Wait(pause) if pause.as_secs() == expected), "{step:?}");
        }
    }

    #[tokio::test]
    async fn polls_until_the_user_approves() {
        let pending = json(400, r#"{"error":"authorization_pending"}"#);
        let server = Server::start(vec![
            pending.clone(),
            json(400, r#"{"error":"slow_down"}"#),
            Play::Send(Vec::new()),
            pending,
            json(200, r#"{"accessToken":"a","expiresIn":3600,"refreshToken":"r"}"#),
        ])
        .await;
        let clock = Clock::from_fn(|| START);
        let http = http::Client::new(&http::Options::default()).unwrap();
        let client = Client::new(http, &server.url(), clock.clone());
        let registration =
            Registration { client_id: "c".into(), client_secret: Secret::new("s"), expires_at: None };
        let pauses = RefCell::new(Vec::new());
        let sleep = async |pause: Duration| pauses.borrow_mut().push(pause.as_secs());
        let issued = poll(&client, &registration, &authorization(), &clock, sleep).await.unwrap();
        assert_eq!(issued.access_token.expose(), "a");
        assert_eq!(*pauses.borrow(), [5, 5, 10, 10, 10]);
        assert_eq!(server.requests().len(), 5);
    }
}
