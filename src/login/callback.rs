//! What a request to the listener means: [`read`] decides and does nothing.
//!
//! A browser asks for more than it was sent for, and other programs knock at any port. Only a request that knows
//! the state of this sign-in can end the wait.

use super::pkce::State;
use crate::{http::printable, session::token::Secret};

/// Where AWS lets a browser be sent back to, on 127.0.0.1: it accepts no other path.
pub(super) const PATH: &str = "/oauth/callback";

/// What the user decided, as the browser or the user brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The code, to be exchanged for a token.
    Code(Secret),
    /// There will be no code.
    Refused(Refusal),
}

/// Why there will be no code (RFC 6749 section 4.1.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `error`, such as `access_denied`.
    pub error: String,
    /// `error_description`, fit for a line.
    pub description: Option<String>,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) method: &'a str,
    /// The header `Host`.
    pub(super) host: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
}

/// Why a request is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stray {
    /// It is for another host: a page elsewhere has found a name for this machine.
    Host,
    /// Nothing is there: browsers ask for icons.
    Path,
    /// It wants to send something.
    Method,
    /// It knows the state of another sign-in, or none.
    State,
    /// Neither a code nor an error, or several of them.
    Shape,
}

/// The header `Host` of a browser that comes back to `port`. It leaves out the port that HTTP has anyway (RFC 9110
/// section 4.2.1).
pub(super) fn host(port: u16) -> String {
    if port == 80 { "127.0.0.1".to_owned() } else { format!("127.0.0.1:{port}") }
}

/// What `ask` means to the sign-in with `state` whose listener is at `host`, such as `127.0.0.1:43210`.
pub(super) fn read(ask: Ask<'_>, host: &str, state: &State) -> Result<Answer, Stray> {
    if ask.host != Some(host) {
        return Err(Stray::Host);
    }
    if ask.path != PATH {
        return Err(Stray::Path);
    }
    if ask.method != "GET" {
        return Err(Stray::Method);
    }
    let query = Query::parse(ask.query);
    match &query.state {
        Some(theirs) if state.is(theirs) => query.answer().ok_or(Stray::Shape),
        Some(_) | None => Err(Stray::State),
    }
}

/// What the query of a redirect URL has.
#[derive(Debug, Default)]
pub(super) struct Query {
    /// `state`; RFC 6749 section 3.1: nothing is given twice.
    pub(super) state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    description: Option<String>,
    repeated: bool,
}

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let mut found = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let field = match &*name {
                "state" => &mut found.state,
                "code" => &mut found.code,
                "error" => &mut found.error,
                "error_description" => &mut found.description,
                _ => continue,
            };
            found.repeated |= field.replace(value.into_owned()).is_some();
        }
        found
    }

    /// The answer, where there is exactly one.
    pub(super) fn answer(&self) -> Option<Answer> {
        let fit = |text: &str| !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
        match (self.code.as_deref(), self.error.as_deref()) {
            _ if self.repeated => None,
            (Some(code), None) if fit(code) => Some(Answer::Code(Secret::new(code))),
            (None, Some(error)) if fit(error) => {
                let description = self.description.as_deref().map(|text| printable(text, 200));
                Some(Answer::Refused(Refusal {
                    error: printable(error, 40),
                    description: description.filter(|text| !text.is_empty()),
                }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "127.0.0.1:43210";

    fn state() -> State {
        State::kept(Secret::new("the-state"))
    }

    fn refused(error: &str, description: Option<&str>) -> Answer {
        Answer::Refused(Refusal { error: error.into(), description: description.map(Into::into) })
    }

    #[test]
    fn only_the_right_state_is_an_answer() {
        let code = || Ok(Answer::Code(Secret::new("the-code")));
        for (query, expected) in [
            ("code=the-code&state=the-state", code()),
            ("state=the%2Dstate&code=the-code&session_state=x", code()),
            ("error=access_denied&state=the-state", Ok(refused("access_denied", None))),
            ("error=server_error&state=the-state&error_description=", Ok(refused("server_error", None))),
            (
                "error=x&error_description=Come%20back%0Alater&state=the-state",
                Ok(refused("x", Some("Come back later"))),
            ),
            ("code=the-code&state=another", Err(Stray::State)),
            ("code=the-code&state=", Err(Stray::State)),
            ("code=the-code", Err(Stray::State)),
            ("error=access_denied", Err(Stray::State)),
            ("", Err(Stray::State)),
            ("state=the-state", Err(Stray::Shape)),
            ("code=&state=the-state", Err(Stray::Shape)),
            ("code=the%20code&state=the-state", Err(Stray::Shape)),
            ("code=a&code=b&state=the-state", Err(Stray::Shape)),
            ("code=a&error=b&state=the-state", Err(Stray::Shape)),
            ("code=a&state=another&state=the-state", Err(Stray::Shape)),
        ] {
            let ask = Ask { method: "GET", host: Some(HOST), path: PATH, query };
            assert_eq!(read(ask, HOST, &state()), expected, "{query}");
        }
    }

    #[test]
    fn the_usual_port_is_in_no_host() {
        for (port, expected) in [(80, "127.0.0.1"), (8080, "127.0.0.1:8080"), (443, "127.0.0.1:443")] {
            assert_eq!(host(port), expected);
        }
    }

    #[test]
    fn what_is_not_for_the_callback_is_no_answer_whatever_it_knows() {
        let query = "code=the-code&state=the-state";
        for (method, host, path, expected) in [
            ("GET", Some("localhost:43210"), PATH, Stray::Host),
            ("GET", Some("127.0.0.1"), PATH, Stray::Host),
            ("GET", Some("evil.example:43210"), PATH, Stray::Host),
            ("GET", None, PATH, Stray::Host),
            ("GET", Some(HOST), "/favicon.ico", Stray::Path),
            ("GET", Some(HOST), "/", Stray::Path),
            ("GET", Some(HOST), "/oauth/callback/", Stray::Path),
            ("POST", Some(HOST), "/favicon.ico", Stray::Path),
            ("POST", Some(HOST), PATH, Stray::Method),
            ("HEAD", Some(HOST), PATH, Stray::Method),
            ("OPTIONS", Some(HOST), PATH, Stray::Method),
        ] {
            let ask = Ask { method, host, path, query };
            assert_eq!(read(ask, HOST, &state()), Err(expected), "{method} {host:?} {path}");
        }
    }
}
