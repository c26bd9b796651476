//! One bounded HTTP exchange: [`Client`], the only door to the network.
//!
//! Bounded in time, in bytes and in what it does on its own: it follows no redirect, keeps no cookie, unpacks
//! no compression and retries nothing. A [`Client`] is built for an exchange and dropped after it, since an
//! idle one would hold the system's root certificates in memory for nothing.

pub mod error;
mod proxy;
#[cfg(test)]
pub(crate) mod scripted;
pub mod skew;

use std::{
    fmt, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use hyper::body::Bytes;
use reqwest::{
    Method, Url,
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER},
};
use serde::{Serialize, de::DeserializeOwned};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use zeroize::Zeroizing;

pub use self::error::Error;
use self::{proxy::Proxies, skew::Witness};
use crate::{session::token::Secret, time::Timestamp};

/// How to reach the network, and how much of it to bear.
#[derive(Clone)]
pub struct Options {
    /// A PEM bundle added to the platform's roots.
    pub ca_bundle: Option<PathBuf>,
    /// A proxy (`http`, `https`, `socks5`, `socks5h`) instead of the environment's `HTTPS_PROXY`, `ALL_PROXY`
    /// and `NO_PROXY`. May hold a password.
    pub proxy: Option<String>,
    /// The longest that name resolution, connection and TLS handshake may take together.
    pub connect_timeout: Duration,
    /// The longest that all of it may take, to the last byte of the answer.
    pub timeout: Duration,
    /// The longest body that is taken, in bytes.
    pub max_body: usize,
    /// Who hears of every answer of AWS how far the clock is off; nobody.
    pub witness: Option<Witness>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ca_bundle: None,
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            // Answers of the services are below 10 kB; a page of 100 accounts is below 30 kB.
            max_body: 64 * 1024,
            witness: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("ca_bundle", &self.ca_bundle)
            .field("proxy", &self.proxy.as_ref().map(|_| "…"))
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("max_body", &self.max_body)
            .field("witness", &self.witness)
            .finish()
    }
}

/// Sends requests. Cheap to clone; its clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: reqwest::Client,
    proxies: Proxies,
    connect_timeout: Duration,
    timeout: Duration,
    max_body: usize,
    witness: Option<Witness>,
}

impl Client {
    /// Reads the CA bundle, the platform's roots and the environment's proxies.
    pub fn new(options: &Options) -> Result<Self, Error> {
        Self::with_environment(options, |name| std::env::var(name).ok())
    }

    /// The same with other variables than the environment's.
    fn with_environment(options: &Options, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let proxies = Proxies::new(options.proxy.as_deref(), variable);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("sso-refresh/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .no_proxy();
        for proxy in proxies.to_reqwest()? {
            builder = builder.proxy(proxy);
        }
        if let Some(path) = &options.ca_bundle {
            builder = builder.tls_certs_merge(read_bundle(path)?);
        }
        let inner = builder.build().map_err(|error| match &options.ca_bundle {
            // With a bundle at hand, only a certificate of it can be at fault.
            Some(path) => Error::CaBundle { path: path.clone(), why: error::root_cause(&error) },
            None => Error::Setup { why: error::root_cause(&error) },
        })?;
        let Options { connect_timeout, timeout, max_body, .. } = *options;
        let witness = options.witness.clone();
        Ok(Self { inner, proxies, connect_timeout, timeout, max_body, witness })
    }

    /// POSTs `body` as JSON.
    pub async fn post_json<B: Serialize + ?Sized>(&self, url: &str, body: &B) -> Result<Answer, Error> {
        // Room enough that the secrets in it are not left behind by a reallocation.
        let mut text = Zeroizing::new(Vec::with_capacity(16 * 1024));
        serde_json::to_writer(&mut *text, body).map_err(|_| Error::Unsendable { what: "body" })?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        self.send(Method::POST, url, headers, Some(Bytes::from_owner(text))).await
    }

    /// GETs with `headers`, whose values are secrets.
    pub async fn get(&self, url: &str, headers: &[(&'static str, &Secret)]) -> Result<Answer, Error> {
        self.send(Method::GET, url, secret_headers(headers)?, None).await
    }

    /// POSTs nothing, with `headers`, whose values are secrets.
    pub async fn post_empty(&self, url: &str, headers: &[(&'static str, &Secret)]) -> Result<Answer, Error> {
        self.send(Method::POST, url, secret_headers(headers)?, None).await
    }

    /// Host and port of a URL, and of the proxy that a request to it goes through; none for what can't be asked.
    pub fn way_to(&self, url: &str) -> Option<(String, Option<String>)> {
        let url = checked(url).ok()?;
        Some((host_of(&url), self.proxies.between(&url)))
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Answer, Error> {
        let url = checked(url)?;
        let exchange = error::Exchange {
            host: host_of(&url),
            proxy: self.proxies.between(&url),
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
        };
        let mut request = self.inner.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let sent_at = self.witness.as_ref().map(|witness| witness.clock.now());
        let response = request.send().await.map_err(|error| exchange.error(&error))?;
        if let (Some(witness), Some(sent_at)) = (&self.witness, sent_at)
            && let Some(date) = date_of_aws(response.headers())
        {
            witness.heard(date, sent_at);
        }
        let mut answer = Answer::head(&exchange.host, response.status().as_u16(), response.headers());
        answer.body = self.body(response, &exchange).await?;
        Ok(answer)
    }

    async fn body(&self, mut response: reqwest::Response, exchange: &error::Exchange) -> Result<Body, Error> {
        let too_large = || Error::TooLarge { host: exchange.host.clone(), limit: self.max_body };
        if response.content_length().is_some_and(|length| length > self.max_body as u64) {
            return Err(too_large());
        }
        let mut body = Zeroizing::new(Vec::with_capacity(self.max_body));
        while let Some(chunk) = response.chunk().await.map_err(|error| exchange.error(&error))? {
            if body.len() + chunk.len() > self.max_body {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Body(body))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("http::Client")
    }
}

/// What came back, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The host that was asked, for messages.
    pub host: String,
    /// The HTTP status.
    pub status: u16,
    /// The name of the exception in `x-amzn-ErrorType`, without its namespace and its URI.
    pub error_type: Option<String>,
    /// How long the server wants to be left alone: `x-amz-retry-after` (milliseconds) or `Retry-After`.
    pub retry_after: Option<Duration>,
    /// `Content-Type` in lower case, without parameters.
    pub content_type: Option<String>,
    /// The body, as it came.
    pub body: Body,
}

impl Answer {
    /// An answer as if it had come from `oidc.example`.
    #[cfg(any(test, fuzzing))]
    pub fn received(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        Self { body: Body(body.to_vec().into()), ..Self::head("oidc.example", status, headers) }
    }

    fn head(host: &str, status: u16, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let date = text(DATE.as_str()).and_then(http_date);
        Self {
            host: host.to_owned(),
            status,
            error_type: text("x-amzn-errortype").map(error_type),
            retry_after: text("x-amz-retry-after")
                .and_then(|millis| millis.parse().ok().map(Duration::from_millis))
                .or_else(|| text(RETRY_AFTER.as_str()).and_then(|value| retry_after(value, date))),
            content_type: text(CONTENT_TYPE.as_str())
                .map(|value| value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase()),
            body: Body(Zeroizing::default()),
        }
    }
}

/// The bytes of an answer, which may hold secrets: `Debug` shows their number, and they are wiped when dropped.
pub struct Body(Zeroizing<Vec<u8>>);

impl Body {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the body as a JSON object; serde would take an array for a struct too.
    ///
    /// No reason on failure, because serde's quotes the value that it did not like.
    pub fn json_object<T: DeserializeOwned>(&self) -> Option<T> {
        // JSON is UTF-8 to its last byte; serde looks only at the members that it keeps.
        let text = std::str::from_utf8(&self.0).ok()?;
        text.trim_ascii_start().starts_with('{').then(|| serde_json::from_str(text).ok())?
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

/// `text` as one line fit for a terminal and a log: no control or direction-changing character, at most `max`
/// characters, and no word so long that it could be a token.
pub fn printable(text: &str, max: usize) -> String {
    /// Tokens are longer than this; words of a sentence, host names and URLs of a message are not.
    const LONGEST_WORD: usize = 80;
    let visible: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| {
            !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        })
        .collect();
    let words: Vec<&str> = visible
        .split_whitespace()
        .map(|word| if word.chars().count() > LONGEST_WORD { "…" } else { word })
        .collect();
    let line = words.join(" ");
    if line.chars().count() <= max {
        return line;
    }
    line.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

/// Whether the host of a URL is this machine. An IPv6 address stands in brackets. `a.localhost` is a name that some
/// resolvers look up elsewhere.
pub fn is_loopback_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().map_or(bare == "localhost", |address| address.is_loopback())
}

fn read_bundle(path: &Path) -> Result<Vec<reqwest::Certificate>, Error> {
    let failed = |why: String| Error::CaBundle { path: path.to_owned(), why };
    let pem = fs::read(path).map_err(|error| failed(error::words(&error)))?;
    let certificates =
        reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| failed(error::root_cause(&error)))?;
    if certificates.is_empty() {
        return Err(failed("it holds no PEM certificate".into()));
    }
    Ok(certificates)
}

/// Plain HTTP is for this machine only: every request carries a secret.
fn checked(url: &str) -> Result<Url, Error> {
    let url = Url::parse(url).map_err(|error| Error::Url { why: error.to_string() })?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if url.host_str().is_some_and(is_loopback_host) => Ok(url),
        "http" => Err(Error::Insecure { host: host_of(&url) }),
        _ => Err(Error::Url { why: "neither https:// nor http://".into() }),
    }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn secret_headers(headers: &[(&'static str, &Secret)]) -> Result<HeaderMap, Error> {
    headers
        .iter()
        .map(|(name, value)| {
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| Error::Unsendable { what: "access token" })?;
            value.set_sensitive(true);
            Ok((reqwest::header::HeaderName::from_static(name), value))
        })
        .collect()
}

/// `Date`, where AWS answers: whatever else does may go by any clock.
fn date_of_aws(headers: &HeaderMap) -> Option<Timestamp> {
    headers.get("x-amzn-requestid")?;
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// `com.amazonaws.x#InvalidGrantException:http://…/` names `InvalidGrantException`.
fn error_type(header: &str) -> String {
    let name = header.split(':').next().unwrap_or(header);
    name.rsplit('#').next().unwrap_or(name).trim().to_owned()
}

/// `Retry-After` of [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#field.retry-after): seconds, or a date,
/// which is read by the server's own clock because ours may be off.
fn retry_after(value: &str, date: Option<Timestamp>) -> Option<Duration> {
    if let Ok(secs) = value.parse() {
        return Some(Duration::from_secs(secs));
    }
    Some(http_date(value)?.since(date?))
}

fn http_date(value: &str) -> Option<Timestamp> {
    let moment = OffsetDateTime::parse(value, &Rfc2822).ok()?;
    Some(Timestamp::from_secs(moment.unix_timestamp()))
}

#[cfg(test)]
mod tests;
