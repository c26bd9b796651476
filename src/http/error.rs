//! [`Error`]: why there was no answer, told apart by what the user can do about it.

use std::{error::Error as StdError, io, path::PathBuf, time::Duration};

use rustls::CertificateError;

use super::printable;
use crate::{platform::SET_CLOCK, time::words as duration_words};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name does not resolve.
    #[error("can't find the host {host} ({why}): check the network, the DNS and the session's `sso_region`")]
    Dns {
        /// The host.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// No connection.
    #[error("can't connect to {host} ({why}): check the network")]
    Connect {
        /// The host.
        host: String,
        /// The system's words.
        why: String,
    },
    /// The TLS handshake failed.
    #[error("no trusted connection to {host}: {fault}")]
    Tls {
        /// The host.
        host: String,
        /// What was wrong.
        fault: TlsFault,
    },
    /// The proxy can't be reached, or won't let us through.
    #[error("the proxy {proxy} does not lead to {host} ({why}): check `proxy` or HTTPS_PROXY and NO_PROXY")]
    Proxy {
        /// The host behind it.
        host: String,
        /// Host and port of the proxy.
        proxy: String,
        /// What it answered.
        why: String,
    },
    /// Too slow.
    #[error("{host} did not answer within {}: check the network", duration_words(*.after))]
    Timeout {
        /// The host.
        host: String,
        /// The limit that was exceeded.
        after: Duration,
    },
    /// Too much.
    #[error(
        "{host} answered with more than {limit} bytes, which no AWS service does: a proxy may be in the way"
    )]
    TooLarge {
        /// The host.
        host: String,
        /// The limit that was exceeded, in bytes.
        limit: usize,
    },
    /// The connection ended before the answer did. The request may have been carried out.
    #[error(
        "the connection to {host} was cut ({why}): try again, and look for a proxy or a firewall if it happens again"
    )]
    Interrupted {
        /// The host.
        host: String,
        /// What was seen of it.
        why: String,
    },
    /// What answers does not speak HTTP/1.1.
    #[error("{host} answered with something that is not HTTP ({why}): a proxy may be in the way")]
    Garbled {
        /// The host.
        host: String,
        /// What was wrong with it.
        why: String,
    },
    /// The CA bundle is of no use.
    #[error("can't use the CA bundle {} ({why}): set `ca_bundle` or AWS_CA_BUNDLE to a PEM file", .path.display())]
    CaBundle {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A proxy setting is no URL. The value isn't shown, since it may hold a password.
    #[error("{setting} is not the address of a proxy: write http://HOST:PORT or socks5h://HOST:PORT")]
    BadProxy {
        /// The setting or variable.
        setting: &'static str,
    },
    /// Plain HTTP to another machine.
    #[error("refused to send a secret to {host} without TLS: use https:// (http:// only for this machine)")]
    Insecure {
        /// The host.
        host: String,
    },
    /// The URL is none.
    #[error("the endpoint is not a usable URL ({why}): check `endpoint` and `region`")]
    Url {
        /// What is wrong with it.
        why: String,
    },
    /// Something to be sent can't be written into a request.
    #[error("the {what} has characters that no HTTP request can carry: sign in again")]
    Unsendable {
        /// What it is.
        what: &'static str,
    },
    /// TLS can't be set up on this machine.
    #[error("can't set up TLS ({why}): install the system's CA certificates or set `ca_bundle`")]
    Setup {
        /// What is missing.
        why: String,
    },
}

impl Error {
    /// Which one it is, in a word for programs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Dns { .. } => "dns",
            Self::Connect { .. } => "connect",
            Self::Tls { .. } => "tls",
            Self::Proxy { .. } => "proxy",
            Self::Timeout { .. } => "timeout",
            Self::Interrupted { .. } => "interrupted",
            Self::TooLarge { .. } | Self::Garbled { .. } => "not_the_service",
            Self::CaBundle { .. } | Self::BadProxy { .. } | Self::Insecure { .. } | Self::Url { .. } => {
                "settings"
            }
            Self::Unsendable { .. } => "file",
            Self::Setup { .. } => "setup",
        }
    }
}

/// What was wrong with the TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// A chain that ends in no trusted root.
    #[error(
        "its certificate is from an authority that is not trusted here; if a company proxy inspects TLS, set \
         `ca_bundle` or AWS_CA_BUNDLE to its CA certificate"
    )]
    UnknownIssuer,
    /// A certificate for another host.
    #[error(
        "its certificate is for another name; the network may want you to sign in: open any page in a browser and do so, \
         then try again"
    )]
    WrongName,
    /// Past its `notAfter`.
    #[error(
        "its certificate has expired by the clock of this machine; if that is wrong, set it with {SET_CLOCK}"
    )]
    Expired,
    /// Before its `notBefore`.
    #[error(
        "its certificate is not valid yet by the clock of this machine; if that is wrong, set it with {SET_CLOCK}"
    )]
    NotYetValid,
    /// Revoked.
    #[error("its certificate was revoked; ask who runs this network or its proxy")]
    Revoked,
    /// Anything else, in the TLS library's words.
    #[error("{0}")]
    Other(String),
}

/// What is known of an exchange before it fails.
pub(super) struct Exchange {
    pub(super) host: String,
    pub(super) proxy: Option<String>,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
}

impl Exchange {
    /// Tells apart why the exchange failed. The URL, which reqwest would show, stays out.
    pub(super) fn error(&self, error: &reqwest::Error) -> Error {
        let host = self.host.clone();
        if let Some(fault) = causes(error).find_map(|cause| cause.downcast_ref()).map(tls_fault) {
            return Error::Tls { host, fault };
        }
        if error.is_timeout() {
            let after = if error.is_connect() { self.connect_timeout } else { self.timeout };
            return Error::Timeout { host, after };
        }
        let why = root_cause(error);
        if let Some(proxy) = self.proxy.clone().filter(|_| error.is_connect()) {
            return Error::Proxy { host, proxy, why };
        }
        if error.is_dns() {
            return Error::Dns { host, why };
        }
        if error.is_connect() {
            return Error::Connect { host, why };
        }
        let hyper = causes(error).find_map(|cause| cause.downcast_ref::<hyper::Error>());
        if hyper.is_some_and(|error| error.is_parse() || error.is_parse_too_large()) {
            return Error::Garbled { host, why };
        }
        Error::Interrupted { host, why }
    }
}

/// The innermost cause in words.
pub(super) fn root_cause(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(words).unwrap_or_default()
}

/// An error in words, without the number that the system's errors end in.
pub(super) fn words(error: &(dyn StdError + 'static)) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    printable(text, 200)
}

/// The error and what caused it, outermost first. `io::Error` hides what it wraps from `source`.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> + use<'a> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

fn tls_fault(error: &rustls::Error) -> TlsFault {
    let rustls::Error::InvalidCertificate(fault) = error else {
        return TlsFault::Other(printable(&error.to_string(), 200));
    };
    match fault {
        CertificateError::UnknownIssuer => TlsFault::UnknownIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFault::WrongName
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFault::NotYetValid,
        CertificateError::Revoked => TlsFault::Revoked,
        other => {
            TlsFault::Other(format!("its certificate is not valid ({})", printable(&other.to_string(), 200)))
        }
    }
}
