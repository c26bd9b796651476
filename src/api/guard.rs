//! [`Guard`]: who is let in by loopback TCP, and what may be asked for.
//!
//! Every process of the machine can connect, and so can a web page by way of a browser. So a request needs the token,
//! which only the user can read; and it must come straight from a program of this machine, or the token is not even
//! looked at: a page whose name was made to point here (DNS rebinding) names its own host, a page of another origin has
//! an `Origin`, and a proxy that hands on what others ask says for whom.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hyper::{
    Method, StatusCode,
    header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN},
    http::request::Parts,
};
use subtle::ConstantTimeEq;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::rejection::{Rejection, bad_request};
use crate::{
    kind::{Kind, told},
    session::token::Secret,
    time::Timestamp,
};

/// How many random bytes a token is made of.
const RANDOM: usize = 32;
/// The port that an HTTP `Host` need not name.
const HTTP_PORT: u16 = 80;
/// How often a warning tells of requests that were refused, at most.
const WARNING_PAUSE: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// Whether the daemon is well: nobody needs a token for that.
    Health,
    /// How the sessions are doing, now or from now on.
    Status,
    /// The credentials of this profile.
    Profile(&'a str),
    /// An access token of a session, with which its holder gets every role.
    Token,
}

/// What a client must show and what it may ask for.
pub struct Pass {
    token: Secret,
    /// How many tokens counted before it at its guard.
    number: u64,
    may: Box<dyn Fn(Asked<'_>) -> bool + Send + Sync>,
}

impl Pass {
    /// For whoever sends `token` as `Authorization`, just so or behind `Bearer `. `may` says what they may ask for, but
    /// for [`Asked::Health`], which everybody may.
    pub fn new(token: Secret, may: impl Fn(Asked<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self { token, number: 0, may: Box::new(may) }
    }

    /// Whether `asked` may be had.
    pub fn lets(&self, asked: Asked<'_>) -> bool {
        asked == Asked::Health || (self.may)(asked)
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("token", &self.token).finish_non_exhaustive()
    }
}

/// A token that nobody guesses.
pub fn new_token() -> Result<Secret, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; RANDOM]);
    getrandom::fill(&mut *bytes)?;
    Ok(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(*bytes)))
}

/// Stands at a listener.
#[derive(Debug)]
pub struct Guard {
    address: SocketAddr,
    /// What a client may call it, in `Host`.
    names: Vec<String>,
    pass: watch::Sender<Pass>,
    warned: watch::Sender<Warned>,
}

/// What was said of refused requests.
#[derive(Debug, Default)]
struct Warned {
    at: Option<Timestamp>,
    /// How many were refused since.
    since: u64,
}

impl Guard {
    /// For a listener at `address`.
    pub fn new(address: SocketAddr, pass: Pass) -> Self {
        let names = names(address);
        Self { address, names, pass: watch::Sender::new(pass), warned: watch::Sender::default() }
    }

    /// Where the listener is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on `pass` is what counts, on open connections too.
    pub fn change(&self, pass: Pass) {
        self.pass.send_modify(|now| {
            let number = now.number + u64::from(pass.token != now.token);
            *now = Pass { number, ..pass };
        });
    }

    /// Which of its tokens counts now.
    pub(super) fn token_number(&self) -> u64 {
        self.pass.borrow().number
    }

    /// Waits until the token of that `number` counts no more.
    pub(super) async fn changes_token(&self, number: u64) {
        // It is there as long as `self` is.
        drop(self.pass.subscribe().wait_for(|pass| pass.number != number).await);
    }

    /// Lets a request in, or says why not.
    pub(super) fn admit(&self, head: &Parts, now: Timestamp) -> Result<(), Rejection> {
        self.came_straight(head).inspect_err(|rejection| self.warn(rejection, now))?;
        if head.method != Method::GET {
            let message = "only GET is served here";
            let rejection = Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
            return Err(Rejection { allow: Some("GET".into()), ..rejection });
        }
        if head.uri.path() == "/healthz" {
            return Ok(());
        }
        let unauthorized = |message| Rejection::new(StatusCode::UNAUTHORIZED, "Unauthorized", message);
        let Some(shown) = head.headers.get(AUTHORIZATION) else {
            return Err(unauthorized(
                "there is no Authorization header: send the token of this endpoint in it",
            ));
        };
        if head.headers.get_all(AUTHORIZATION).iter().count() == 1 && self.knows(shown.as_bytes()) {
            return Ok(());
        }
        let rejection = unauthorized(
            "the Authorization header is not the token of this endpoint: read that again, since it may be new with \
             each start",
        );
        self.warn(&rejection, now);
        Err(rejection)
    }

    /// Whether what was asked for may be had.
    pub(super) fn allow(&self, asked: Asked<'_>) -> Result<(), Rejection> {
        if self.pass.borrow().lets(asked) {
            return Ok(());
        }
        let message = match asked {
            Asked::Profile(_) => "this profile is not among those that may be had here",
            Asked::Token => {
                "access tokens are not to be had here, where only some profiles are: ask at the daemon's Unix socket"
            }
            Asked::Health | Asked::Status => "this is not to be had here: ask at the daemon's Unix socket",
        };
        Err(Rejection::new(StatusCode::FORBIDDEN, "Forbidden", message))
    }

    /// Whether a program of this machine sent the request, and sent it here.
    fn came_straight(&self, head: &Parts) -> Result<(), Rejection> {
        let forbidden = |message| Err(Rejection::new(StatusCode::FORBIDDEN, "Forbidden", message));
        let mut hosts = head.headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(bad_request("there must be one Host header"));
        };
        let named = head.uri.authority().map(|authority| authority.as_str().as_bytes());
        if !self.is_own_name(host.as_bytes()) || named.is_some_and(|named| !self.is_own_name(named)) {
            return forbidden("the Host header is not the address of this endpoint");
        }
        if head.headers.contains_key(ORIGIN) {
            return forbidden("a web page asked, as its Origin header says: nothing here is for web pages");
        }
        if is_forwarded(&head.headers) {
            return forbidden("a proxy asked for somebody else: reach this endpoint without a proxy");
        }
        Ok(())
    }

    fn is_own_name(&self, host: &[u8]) -> bool {
        self.names.iter().any(|name| host.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether `shown` is the token: as the AWS SDKs send it, or as people do.
    fn knows(&self, shown: &[u8]) -> bool {
        let pass = self.pass.borrow();
        let token = pass.token.expose().as_bytes();
        let bare = match shown.split_at_checked(b"Bearer ".len()) {
            Some((scheme, bare)) if scheme.eq_ignore_ascii_case(b"Bearer ") => bare,
            _ => shown,
        };
        !token.is_empty() && bool::from(shown.ct_eq(token) | bare.ct_eq(token))
    }

    /// Tells of a request that should not happen, but not of each: whoever can connect could fill the log.
    fn warn(&self, rejection: &Rejection, now: Timestamp) {
        let mut before = None;
        self.warned.send_modify(|warned| {
            // A clock that was set back silences nothing.
            let rests = warned.at.is_some_and(|at| at <= now && now.since(at) < WARNING_PAUSE);
            before = (!rests).then(|| std::mem::take(&mut warned.since));
            if rests {
                warned.since += 1;
            } else {
                warned.at = Some(now);
            }
        });
        match before {
            Some(0) => told!(
                warn,
                Kind::RequestRefused,
                "refused a request at {}: {}",
                self.address,
                rejection.message
            ),
            Some(more) => told!(
                warn,
                Kind::RequestRefused,
                "refused a request at {} ({more} more since the last warning): {}",
                self.address,
                rejection.message
            ),
            None => {}
        }
    }
}

fn names(address: SocketAddr) -> Vec<String> {
    let addresses = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST), address.ip()];
    let hosts = addresses.map(|ip| if ip.is_ipv4() { ip.to_string() } else { format!("[{ip}]") });
    let hosts = [hosts.as_slice(), &["localhost".to_owned()]].concat();
    let named = hosts.iter().map(|host| format!("{host}:{}", address.port()));
    let bare = hosts.iter().filter(|_| address.port() == HTTP_PORT).cloned();
    named.chain(bare).collect()
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name == "forwarded" || name.as_str().starts_with("x-forwarded-"))
}

#[cfg(test)]
mod tests;
