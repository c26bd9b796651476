//! From a request to the operation that it asks for, through the faults, to the answer.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::{Request, Response, body::Incoming};
use serde_json::Value;

use super::{
    Inner, Simulator, admin,
    exception::Refusal,
    fault::FaultKind,
    oidc,
    operation::Operation,
    page, portal,
    state::State,
    sts,
    wire::{Ask, Body, Reply},
};
use crate::time::Timestamp;

impl Simulator {
    /// Answers one request; an error makes hyper close the connection without an answer.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, REQUEST_LIMIT).collect().await.map_err(|_| Closed)?.to_bytes();
        let ask = Ask::new(&parts, body);
        let Some(operation) = Operation::route(&ask.method, &ask.path) else {
            return Ok(self.respond(self.other(&ask)));
        };
        let (reply, delay) = self.handle(operation, &ask);
        let delay = self.0.latency.saturating_add(delay);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        reply.map(|reply| self.respond(reply)).ok_or(Closed)
    }

    /// Does what was asked, or what a fault makes of it: the answer, if there is to be one, and how much later.
    fn handle(&self, operation: Operation, ask: &Ask) -> (Option<Reply>, Duration) {
        let now = self.0.clock.now();
        let mut inner = self.inner();
        let Inner { state, schedule, journal } = &mut *inner;
        let number = journal.begin(operation, now);
        let fault = schedule.next(operation);
        let service = operation.service();
        let mut reply = match &fault {
            Some(FaultKind::Drop) => None,
            Some(FaultKind::Answer { status, content_type, body, retry_after }) => {
                let reply = Reply::text(*status, content_type, body.clone());
                Some(retry_later(reply, retry_after.as_deref()))
            }
            Some(FaultKind::Exception { exception, retry_after }) => {
                let refusal = Refusal::new(*exception, "A fault that was asked for");
                Some(retry_later(Reply::refusal(service, refusal), retry_after.as_deref()))
            }
            Some(FaultKind::Endless) => Some(Reply::text(200, "application/json", "").without_end()),
            _ => {
                let rotate = state.options.rotate && fault != Some(FaultKind::NoRefreshToken);
                Some(dispatch(state, operation, ask, &self.url(), rotate, now))
            }
        };
        if let (Some(reply), Some(fault)) = (&mut reply, &fault) {
            twist(reply, fault);
        }
        let lost = fault == Some(FaultKind::Lost);
        journal.end(number, |call| {
            call.grant_type = (operation == Operation::CreateToken).then(|| oidc::grant_type(ask)).flatten();
            let Some(reply) = &reply else { return };
            call.start_url.clone_from(&reply.start_url);
            if !lost {
                (call.status, call.error) = (Some(reply.status), reply.error);
            }
        });
        let delay = if let Some(FaultKind::Delay(delay)) = fault { delay } else { Duration::ZERO };
        (reply.filter(|_| !lost), delay)
    }

    /// A path that is no operation's.
    fn other(&self, ask: &Ask) -> Reply {
        let admin = if self.0.admin { admin::answer(self, ask) } else { None };
        let unknown = || Reply::text(404, "application/json", r#"{"message":"Not found"}"#);
        admin.unwrap_or_else(|| unknown().with("x-amzn-errortype", "UnknownOperationException"))
    }

    fn respond(&self, reply: Reply) -> Response<Body> {
        let request_id = self.inner().state.random.request_id();
        reply.into_response(&request_id, self.0.clock.now())
    }
}

/// More than any client of these services sends.
const REQUEST_LIMIT: usize = 64 * 1024;

/// What [`FaultKind::Oversize`] puts before the answer.
const OVERSIZE: usize = 8 * 1024 * 1024;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
pub(super) struct Closed;

fn dispatch(
    state: &mut State,
    operation: Operation,
    ask: &Ask,
    base: &str,
    rotate: bool,
    now: Timestamp,
) -> Reply {
    let answered = match operation {
        Operation::RegisterClient => oidc::register(state, ask, base, now),
        Operation::StartDeviceAuthorization => oidc::start_device(state, ask, base, now),
        Operation::CreateToken => oidc::create_token(state, ask, rotate, now),
        Operation::Authorize => Ok(page::authorize(state, ask, now)),
        Operation::VerifyDevice => Ok(page::device(state, ask, now)),
        Operation::GetRoleCredentials => portal::role_credentials(state, ask, now),
        Operation::ListAccounts => portal::accounts(state, ask, now),
        Operation::ListAccountRoles => portal::roles(state, ask, now),
        Operation::Logout => portal::logout(state, ask, now),
        Operation::GetCallerIdentity => Ok(sts::caller_identity(state, ask, now)),
    };
    answered.unwrap_or_else(|refusal| Reply::refusal(operation.service(), refusal))
}

/// Makes of the right answer what the fault wants.
fn twist(reply: &mut Reply, fault: &FaultKind) {
    match fault {
        FaultKind::Truncated => reply.body.truncate(reply.body.len() / 2),
        FaultKind::Oversize => {
            let mut body = vec![b' '; OVERSIZE];
            body.append(&mut reply.body);
            reply.body = body;
        }
        FaultKind::NoRefreshToken => reply.alter(|members| drop(members.shift_remove("refreshToken"))),
        FaultKind::ExpiresIn(value) => reply.alter(|members| {
            if let Some(expires_in) = members.get_mut("expiresIn") {
                *expires_in = Value::clone(value);
            }
        }),
        FaultKind::Exception { .. }
        | FaultKind::Answer { .. }
        | FaultKind::Endless
        | FaultKind::Drop
        | FaultKind::Lost
        | FaultKind::Delay(_) => {}
    }
}

fn retry_later(reply: Reply, retry_after: Option<&str>) -> Reply {
    match retry_after {
        Some(value) => reply.with("retry-after", value),
        None => reply,
    }
}
