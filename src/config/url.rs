//! What a URL in the settings must be.
//!
//! The parser is that of the HTTP client, so that what is checked is what is connected to.

use reqwest::Url;

use crate::http::is_loopback_host;

/// Checks the base URL of a service and returns it without a slash at its end: `https`, or `http` on loopback
/// only, because refresh tokens are sent there.
pub(super) fn endpoint(text: &str) -> Result<String, &'static str> {
    const EXPECTED: &str = "an endpoint must be an https URL, or an http URL on loopback";
    let url = parsed(text).ok_or(EXPECTED)?;
    let secure = match url.scheme() {
        "https" => url.has_host(),
        "http" => url.host_str().is_some_and(is_loopback_host),
        _ => false,
    };
    if !secure {
        return Err(EXPECTED);
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("an endpoint must have no user, query or fragment");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Checks a start URL, which is kept as it is written, because it names things by its exact text.
pub(super) fn start_url(text: &str) -> Result<(), &'static str> {
    match parsed(text) {
        Some(url) if matches!(url.scheme(), "http" | "https") && url.has_host() && text == text.trim() => {
            Ok(())
        }
        _ => Err("a start URL must be an http(s) URL such as \"https://example.awsapps.com/start\""),
    }
}

/// The parser passes over line ends and tabs, which others may not.
fn parsed(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|_| !text.contains(char::is_control))
}

/// Checks the URL of a proxy: a password with a `/`, `?` or `#` would be taken for the rest of the URL, and shown.
pub(super) fn proxy(text: &str) -> Result<(), &'static str> {
    let Some(url) = parsed(text)
        .filter(|url| matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") && url.has_host())
    else {
        return Err("a proxy must be a URL such as \"http://proxy:3128\" or \"socks5h://127.0.0.1:1080\"");
    };
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(
            "a proxy's URL must end after its port: write `/`, `?` and `#` in a password as %2F, %3F and %23",
        );
    }
    Ok(())
}

/// A proxy's URL without the password that it may hold, for showing.
pub(super) fn without_password(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return "…".to_owned() };
    if url.password().is_some() && url.set_password(Some("…")).is_err() {
        return "…".to_owned();
    }
    // The URL writes the ellipsis percent-encoded.
    url.as_str().replace("%E2%80%A6", "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_https_or_loopback() {
        for (text, expected) in [
            ("https://sso.example.com", Some("https://sso.example.com")),
            ("https://sso.example.com/", Some("https://sso.example.com")),
            ("https://sso.example.com/base/", Some("https://sso.example.com/base")),
            ("http://127.0.0.1:8123", Some("http://127.0.0.1:8123")),
            ("http://127.1/", Some("http://127.0.0.1")),
            ("http://[::1]:1", Some("http://[::1]:1")),
            ("http://localhost:1", Some("http://localhost:1")),
            ("http://LOCALHOST:1", Some("http://localhost:1")),
            ("http://sso.example.com", None),
            ("http://127.0.0.1.example.com", None),
            ("http://127.0.0.1@example.com", None),
            ("http://localhost:x@example.com", None),
            ("http://example.com\\@localhost", None),
            ("http://localhost.example.com", None),
            ("http://a.localhost", None),
            ("http://[::2]", None),
            ("http://0.0.0.0", None),
            ("https://user@sso.example.com", None),
            ("https://sso.example.com?x", None),
            ("https://sso.example.com#x", None),
            ("https://", None),
            ("sso.example.com", None),
            ("ftp://localhost", None),
            ("", None),
        ] {
            assert_eq!(endpoint(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn start_urls_and_proxies() {
        type Check = fn(&str) -> Result<(), &'static str>;
        let cases: &[(Check, &str, bool)] = &[
            (start_url, "https://x.awsapps.com/start#/", true),
            (start_url, "http://127.0.0.1:1/start", true),
            (start_url, "x.awsapps.com/start", false),
            (start_url, "file:///start", false),
            (start_url, " https://x/", false),
            (start_url, "https://x/\u{1b}[31m", false),
            (start_url, "https://x/a\tb", false),
            (proxy, "http://pro\nxy:3128", false),
            (proxy, "http://proxy:3128", true),
            (proxy, "socks5h://127.0.0.1:1080", true),
            (proxy, "http://me:a%2Fb@proxy:3128/", true),
            (proxy, "http://me:12/planted@proxy:3128", false),
            (proxy, "http://me:12?planted@proxy:3128", false),
            (proxy, "socks5h://me:12#planted@proxy:3128", false),
            (proxy, "proxy:3128", false),
            (proxy, "ftp://proxy", false),
        ];
        for (check, text, expected) in cases {
            assert_eq!(check(text).is_ok(), *expected, "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(without_password("http://me:planted@proxy:3128"), "http://me:…@proxy:3128/");
        assert_eq!(without_password("http://proxy:3128"), "http://proxy:3128/");
    }
}
