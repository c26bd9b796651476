//! [`Proxies`]: through which proxy a request goes, if any. Never through one to this machine.

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{NoProxy, Proxy, Url};

use super::Error;

/// What is on this machine: a proxy elsewhere would see the secrets of the request and could not reach it.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// The proxies in force.
///
/// `HTTP_PROXY` plays no part, because plain HTTP never leaves the machine.
#[derive(Clone)]
pub(super) struct Proxies {
    /// Each with the setting that it came from.
    all: Vec<(&'static str, String)>,
    exceptions: String,
}

impl Proxies {
    /// The proxy of the settings, else the variables'.
    pub(super) fn new(setting: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Self {
        if let Some(proxy) = setting {
            return Self { all: vec![("the setting `proxy`", proxy.into())], exceptions: LOOPBACK.into() };
        }
        let given = |names: [&'static str; 2]| {
            let found = names.into_iter().find_map(|name| variable(name).map(|value| (name, value)));
            found.filter(|(_, value)| !value.trim().is_empty())
        };
        let proxy = given(["HTTPS_PROXY", "https_proxy"]).or_else(|| given(["ALL_PROXY", "all_proxy"]));
        let exceptions = given(["NO_PROXY", "no_proxy"])
            .map_or_else(|| LOOPBACK.to_owned(), |(_, names)| format!("{LOOPBACK},{names}"));
        Self { all: proxy.into_iter().collect(), exceptions }
    }

    pub(super) fn to_reqwest(&self) -> Result<Vec<Proxy>, Error> {
        let to_reqwest = |(setting, address): &(&'static str, String)| {
            let bad = || Error::BadProxy { setting };
            self.matcher_of(address).intercept(&Uri::from_static("https://a.invalid/")).ok_or_else(bad)?;
            let proxy = Proxy::all(address.trim()).map_err(|_| bad())?;
            Ok(proxy.no_proxy(NoProxy::from_string(&self.exceptions)))
        };
        self.all.iter().map(to_reqwest).collect()
    }

    /// Host and port of the proxy that a request to `url` goes through.
    pub(super) fn between(&self, url: &Url) -> Option<String> {
        let uri: Uri = url.as_str().parse().ok()?;
        let intercept = self.all.iter().find_map(|(_, address)| self.matcher_of(address).intercept(&uri))?;
        Some(intercept.uri().authority()?.to_string())
    }

    fn matcher_of(&self, address: &str) -> Matcher {
        Matcher::builder().all(address.trim().to_owned()).no(self.exceptions.clone()).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_wins_over_the_environment_and_this_machine_over_both() {
        let https = ("HTTPS_PROXY", "http://user:planted@corp:3128");
        for (setting, variables, url, expected) in [
            (None, vec![], "https://oidc.us-east-1.amazonaws.com/", None),
            (None, vec![https], "https://oidc.us-east-1.amazonaws.com/", Some("corp:3128")),
            (None, vec![("https_proxy", "corp:1")], "https://a.example/", Some("corp:1")),
            (None, vec![("ALL_PROXY", "socks5h://corp:1080")], "https://a.example/", Some("corp:1080")),
            (None, vec![https, ("ALL_PROXY", "http://other:1")], "https://a.example/", Some("corp:3128")),
            (None, vec![("HTTPS_PROXY", ""), ("ALL_PROXY", " ")], "https://a.example/", None),
            (None, vec![("HTTP_PROXY", "http://corp:1")], "https://a.example/", None),
            (None, vec![https, ("NO_PROXY", ".example")], "https://a.example/", None),
            (None, vec![https, ("NO_PROXY", "b.example")], "https://a.example/", Some("corp:3128")),
            (None, vec![https, ("NO_PROXY", "*")], "https://a.example/", None),
            (Some("http://own:8"), vec![https, ("NO_PROXY", "*")], "https://a.example/", Some("own:8")),
            (Some("http://own:8"), vec![], "https://127.0.0.1:4/", None),
            (None, vec![https], "http://127.0.0.1:4/", None),
            (None, vec![https], "http://localhost:4/", None),
            (None, vec![https, ("NO_PROXY", ".example")], "http://[::1]:4/", None),
        ] {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            let proxies = Proxies::new(setting, variable);
            let between = proxies.between(&Url::parse(url).unwrap());
            assert_eq!(between.as_deref(), expected, "{setting:?} {variables:?} {url}");
        }
    }

    #[test]
    fn a_bad_proxy_is_named_by_its_setting_and_not_shown() {
        for (setting, expected) in [
            ("http://user:planted@:bad:", true),
            ("ftp://planted:21", true),
            ("http://planted:3128", false),
            ("corp:3128", false),
            ("socks5h://corp", false),
        ] {
            let error = Proxies::new(Some(setting), |_| None).to_reqwest().err().map(|e| e.to_string());
            assert_eq!(error.is_some(), expected, "{setting}: {error:?}");
            assert!(error.is_none_or(|text| !text.contains("planted")));
        }
    }
}
