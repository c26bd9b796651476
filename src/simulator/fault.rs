//! [`Fault`]: what is to go wrong, in Rust and as text, and [`Schedule`], which decides when.

use std::{str::FromStr, time::Duration};

use serde_json::Value;

use super::{
    exception::Exception,
    operation::{Operation, UnknownOperation},
};

/// Something that is to go wrong.
///
/// As text it is `OPERATION:KIND[:MODIFIER]…`. The operation is one of [`Operation`]'s names or `*` for all of
/// them. Kinds:
///
/// | kind | what happens |
/// |---|---|
/// | `InvalidGrantException`, `InvalidGrant`, … | the modelled error of that name |
/// | `status=503` | that status and, as plain text, what it is called; `body=…` and `type=…` say it otherwise |
/// | `html=200` | that status with a page of a captive portal, which also has the word `invalid_grant` in it |
/// | `empty` | 200 and `{}` |
/// | `truncated` | the right answer, cut in half |
/// | `oversize` | the right answer after 8 MiB of blanks |
/// | `endless` | 200 and blanks without end |
/// | `drop` | the connection is closed and nothing has happened |
/// | `lost` | what was asked is done, then the connection is closed: the answer is lost |
/// | `delay=5s` | what was asked is done, the answer comes that much later |
/// | `no-refresh-token` | `CreateToken` keeps the old refresh token valid and gives no new one |
/// | `expires-in=3600` | `expiresIn` in the answer is this JSON value, whatever it is |
///
/// Modifiers: `times=3` (that many calls; for ever without it), `after=2` (not for the first two calls), `every=100`
/// (each hundredth call from then on), `retry-after=…` (that header, in seconds or as a date; for a named error, `status` and `html`). A value with
/// a colon is written as a JSON string: `retry-after="Mon, 23 Nov 2026 16:10:41 GMT"`.
///
/// `CreateToken:status=429:retry-after=30:times=2` refuses two exchanges; `*:html=200` is a hotel's network.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where; `None` is everywhere.
    pub operation: Option<Operation>,
    /// What.
    pub kind: FaultKind,
    /// How many times; `None` is for ever.
    pub times: Option<u32>,
    /// How many calls of the operation pass first, whatever became of them.
    pub after: u32,
    /// Of how many calls after those it meets the last one: 1 is each of them.
    pub every: u32,
}

/// What goes wrong; [`Fault`] explains each.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// A modelled error.
    Exception {
        /// Which.
        exception: Exception,
        /// The header `Retry-After`.
        retry_after: Option<String>,
    },
    /// An answer that says nothing of what was asked.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The header `Content-Type`.
        content_type: String,
        /// The body.
        body: String,
        /// The header `Retry-After`.
        retry_after: Option<String>,
    },
    /// The right answer, cut in half.
    Truncated,
    /// The right answer after 8 MiB of blanks.
    Oversize,
    /// A body without end.
    Endless,
    /// The connection closed, nothing done.
    Drop,
    /// All done, the connection closed before the answer.
    Lost,
    /// All done, the answer late.
    Delay(Duration),
    /// No `refreshToken` in the answer; the old one stays valid.
    NoRefreshToken,
    /// `expiresIn` is this.
    ExpiresIn(Value),
}

/// Why a text is no [`Fault`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// The operation is none.
    #[error("{0}; or write * for all of them")]
    Operation(#[from] UnknownOperation),
    /// There is no kind at all.
    #[error("{0:?} says where but not what goes wrong; write OPERATION:KIND, such as CreateToken:status=500")]
    NoKind(String),
    /// The kind is none.
    #[error(
        "no fault is called {0:?}; write the name of an error, status=, html=, empty, truncated, oversize, \
         endless, drop, lost, delay=, no-refresh-token or expires-in="
    )]
    Kind(String),
    /// A modifier that doesn't exist, or not for this kind.
    #[error("{0:?} doesn't go with this fault; write times=, after=, every=, retry-after=, body= or type=")]
    Modifier(String),
    /// A value that can't be read.
    #[error("{key}={value} can't be read; {key} is {wanted}")]
    Value {
        /// Of what.
        key: String,
        /// As it was written.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
}

impl Fault {
    /// Reads a fault a line; blank lines and lines with `#` are none.
    pub fn parse_lines(text: &str) -> Result<Vec<Self>, FaultError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(str::parse).collect()
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let mut parts = split(text.trim()).into_iter();
        let operation = match parts.next().unwrap_or_default() {
            "*" => None,
            name => Some(name.parse()?),
        };
        let kind = parts.next().ok_or_else(|| FaultError::NoKind(text.to_owned()))?;
        let mut fault = Self { operation, kind: parse_kind(kind)?, times: None, after: 0, every: 1 };
        for part in parts {
            fault.modify(part)?;
        }
        Ok(fault)
    }
}

impl Fault {
    fn modify(&mut self, part: &str) -> Result<(), FaultError> {
        let unfit = || FaultError::Modifier(part.to_owned());
        let (key, value) = part.split_once('=').ok_or_else(unfit)?;
        match (key, &mut self.kind) {
            ("times", _) => self.times = Some(number(key, value)?),
            ("after", _) => self.after = number(key, value)?,
            ("every", _) => self.every = number(key, value)?.max(1),
            (
                "retry-after",
                FaultKind::Exception { retry_after, .. } | FaultKind::Answer { retry_after, .. },
            ) => {
                *retry_after = Some(plain(key, value)?);
            }
            ("body", FaultKind::Answer { body, .. }) => *body = plain(key, value)?,
            ("type", FaultKind::Answer { content_type, .. }) => *content_type = plain(key, value)?,
            _ => return Err(unfit()),
        }
        Ok(())
    }
}

fn parse_kind(part: &str) -> Result<FaultKind, FaultError> {
    let Some((key, value)) = part.split_once('=') else {
        return Ok(match part {
            "empty" => answer(200, "application/json", "{}"),
            "truncated" => FaultKind::Truncated,
            "oversize" => FaultKind::Oversize,
            "endless" => FaultKind::Endless,
            "drop" => FaultKind::Drop,
            "lost" => FaultKind::Lost,
            "no-refresh-token" => FaultKind::NoRefreshToken,
            name => {
                let exception = Exception::parse(name).ok_or_else(|| FaultError::Kind(part.to_owned()))?;
                FaultKind::Exception { exception, retry_after: None }
            }
        });
    };
    match key {
        "status" => {
            let status = status(key, value)?;
            let name = hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
            Ok(answer(status, "text/plain", name.unwrap_or("an error")))
        }
        "html" => Ok(answer(status(key, value)?, "text/html; charset=utf-8", CAPTIVE_PORTAL)),
        "delay" => match humantime::parse_duration(value) {
            Ok(delay) => Ok(FaultKind::Delay(delay)),
            Err(_) => Err(unreadable(key, value, "a duration like 5s")),
        },
        "expires-in" => match serde_json::from_str(value) {
            Ok(json) => Ok(FaultKind::ExpiresIn(json)),
            Err(_) => Err(unreadable(key, value, "a JSON value")),
        },
        _ => Err(FaultError::Kind(part.to_owned())),
    }
}

/// The worst that a network puts in the way: a client that looks for `invalid_grant` in a text finds it.
const CAPTIVE_PORTAL: &str = "<!doctype html><title>Welcome</title><h1>Sign in to the network</h1>\
    <p>Your session is over (invalid_grant). Accept the terms to go on.</p>";

fn answer(status: u16, content_type: &str, body: &str) -> FaultKind {
    FaultKind::Answer { status, content_type: content_type.into(), body: body.into(), retry_after: None }
}

/// Splits at each colon that is not within a JSON string.
fn split(text: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|character| {
        let ends = character == ':' && !quoted;
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && quoted && !escaped;
        ends
    })
    .collect()
}

fn number(key: &str, value: &str) -> Result<u32, FaultError> {
    value.parse().map_err(|_| unreadable(key, value, "a whole number"))
}

fn status(key: &str, value: &str) -> Result<u16, FaultError> {
    let status = value.parse().ok().filter(|status| (200..=599).contains(status));
    status.ok_or_else(|| unreadable(key, value, "an HTTP status from 200 to 599"))
}

/// A value as it stands, or what a JSON string says.
fn plain(key: &str, value: &str) -> Result<String, FaultError> {
    if !value.starts_with('"') {
        return Ok(value.to_owned());
    }
    serde_json::from_str(value).map_err(|_| unreadable(key, value, "a text or a JSON string"))
}

fn unreadable(key: &str, value: &str, wanted: &'static str) -> FaultError {
    FaultError::Value { key: key.into(), value: value.into(), wanted }
}

/// The faults that are set, and how often each was met.
#[derive(Debug, Default)]
pub(super) struct Schedule(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    fault: Fault,
    seen: u32,
    fired: u32,
}

impl Schedule {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self(faults.into_iter().map(|fault| Entry { fault, seen: 0, fired: 0 }).collect())
    }

    /// What goes wrong with a call of `operation` that has just come: the first fault that is due. Every fault
    /// of the operation has then seen the call.
    pub(super) fn next(&mut self, operation: Operation) -> Option<FaultKind> {
        let mut due = None;
        for Entry { fault, seen, fired } in &mut self.0 {
            if fault.operation.is_some_and(|one| one != operation) {
                continue;
            }
            *seen = seen.saturating_add(1);
            let waits = *seen <= fault.after || !(*seen - fault.after).is_multiple_of(fault.every);
            let over = fault.times.is_some_and(|times| *fired >= times);
            if due.is_none() && !waits && !over {
                *fired = fired.saturating_add(1);
                due = Some(fault.kind.clone());
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(exception: Exception) -> FaultKind {
        FaultKind::Exception { exception, retry_after: None }
    }

    #[test]
    fn reads_every_kind() {
        let token = Some(Operation::CreateToken);
        for (text, operation, kind, times, after) in [
            ("CreateToken:InvalidGrantException", token, refused(Exception::InvalidGrant), None, 0),
            ("CreateToken:InvalidGrant:times=1", token, refused(Exception::InvalidGrant), Some(1), 0),
            ("*:Unauthorized:after=2:times=3", None, refused(Exception::Unauthorized), Some(3), 2),
            (
                "CreateToken:status=500:times=3",
                token,
                answer(500, "text/plain", "Internal Server Error"),
                Some(3),
                0,
            ),
            ("*:html=200", None, answer(200, "text/html; charset=utf-8", CAPTIVE_PORTAL), None, 0),
            (
                r#"*:status=400:type=text/html:body="<p>a: \"b\"</p>""#,
                None,
                answer(400, "text/html", "<p>a: \"b\"</p>"),
                None,
                0,
            ),
            (
                r#"Logout:TooManyRequests:retry-after="Mon, 23 Nov 2026 16:10:41 GMT""#,
                Some(Operation::Logout),
                FaultKind::Exception {
                    exception: Exception::TooManyRequests,
                    retry_after: Some("Mon, 23 Nov 2026 16:10:41 GMT".into()),
                },
                None,
                0,
            ),
            ("CreateToken:empty", token, answer(200, "application/json", "{}"), None, 0),
            ("CreateToken:truncated", token, FaultKind::Truncated, None, 0),
            ("CreateToken:oversize", token, FaultKind::Oversize, None, 0),
            ("CreateToken:endless", token, FaultKind::Endless, None, 0),
            ("CreateToken:drop", token, FaultKind::Drop, None, 0),
            ("CreateToken:lost", token, FaultKind::Lost, None, 0),
            ("CreateToken:delay=1m 5s", token, FaultKind::Delay(Duration::from_secs(65)), None, 0),
            ("CreateToken:no-refresh-token", token, FaultKind::NoRefreshToken, None, 0),
            ("CreateToken:expires-in=-1", token, FaultKind::ExpiresIn(Value::from(-1)), None, 0),
            ("CreateToken:expires-in=\"3600\"", token, FaultKind::ExpiresIn(Value::from("3600")), None, 0),
            ("CreateToken:expires-in=null", token, FaultKind::ExpiresIn(Value::Null), None, 0),
        ] {
            assert_eq!(text.parse(), Ok(Fault { operation, kind, times, after, every: 1 }), "{text}");
        }
    }

    #[test]
    fn says_what_it_can_not_read() {
        for (text, message) in [
            ("", "no operation is called"),
            ("Token:drop", "no operation is called \"Token\"; there are RegisterClient, "),
            ("CreateToken", "says where but not what"),
            ("CreateToken:", "no fault is called \"\""),
            ("CreateToken:explode", "no fault is called \"explode\""),
            ("CreateToken:explode=1", "no fault is called \"explode=1\""),
            ("CreateToken:status=99", "status=99 can't be read"),
            ("CreateToken:status=x", "an HTTP status from 200 to 599"),
            ("CreateToken:delay=soon", "a duration like 5s"),
            ("CreateToken:expires-in=soon", "a JSON value"),
            ("CreateToken:drop:times=-1", "times=-1 can't be read; times is a whole number"),
            ("CreateToken:drop:often", "\"often\" doesn't go with this fault"),
            ("CreateToken:drop:body=x", "\"body=x\" doesn't go with this fault"),
            ("CreateToken:status=500:body=\"x", "a text or a JSON string"),
        ] {
            let error = text.parse::<Fault>().expect_err(text).to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn comes_every_so_many_calls() {
        let mut schedule = Schedule::new(Fault::parse_lines("Logout:drop:after=2:every=3:times=2").unwrap());
        let met: Vec<bool> = (0..14).map(|_| schedule.next(Operation::Logout).is_some()).collect();
        assert_eq!(
            met.iter().map(|met| u8::from(*met)).collect::<Vec<_>>(),
            [0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn comes_when_it_is_due() {
        let text = "# two pass, one is refused\nCreateToken:InvalidGrant:after=2:times=1\n\n*:drop:times=2\n";
        let mut schedule = Schedule::new(Fault::parse_lines(text).unwrap());
        let mut next = |operation| schedule.next(operation);
        assert_eq!(next(Operation::CreateToken), Some(FaultKind::Drop));
        assert_eq!(next(Operation::Logout), Some(FaultKind::Drop));
        assert_eq!(next(Operation::CreateToken), None);
        assert_eq!(next(Operation::CreateToken), Some(refused(Exception::InvalidGrant)));
        assert_eq!(next(Operation::CreateToken), None);
        assert_eq!(next(Operation::Logout), None);
    }
}
