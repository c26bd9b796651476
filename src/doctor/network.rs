//! The way to AWS: certificates, proxy, the services of each session, and the clock that all of it goes by.

use std::{path::Path, time::Duration};

use super::finding::{Check, Finding, Remedy, Topic};
use crate::{
    http::{
        self,
        error::{Error, TlsFault},
    },
    platform::SET_CLOCK,
    time::words,
};

const BUNDLE: Check = Check("ca-bundle");
const PROXY: Check = Check("proxy");
const OIDC: Check = Check("oidc");
const PORTAL: Check = Check("portal");
const CLOCK: Check = Check("clock");

/// AWS is told of no clock that is off by less, and no user either.
const CLOCK_WARNING: Duration = Duration::from_secs(60);
/// AWS refuses what a clock has signed that is off by more.
const CLOCK_FAILURE: Duration = Duration::from_secs(5 * 60);

const SET_BUNDLE: &str = "set `ca_bundle` in config.toml, or AWS_CA_BUNDLE, to a file with the CA certificates (PEM) of whoever \
                          inspects TLS here";
const SET_PROXY: &str = "correct `proxy` in config.toml, or HTTPS_PROXY, ALL_PROXY and NO_PROXY";

/// What was tried.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The bundle that is set.
    pub ca_bundle: Option<&'a Path>,
    /// Why nothing could be asked; none where it could.
    pub unable: Option<http::Error>,
    /// What was asked.
    pub probes: Vec<Probe>,
    /// How many seconds the clock is ahead, where an answer showed it.
    pub ahead_secs: Option<i64>,
}

/// A question to a service of AWS.
#[derive(Debug)]
pub struct Probe {
    /// Which service.
    pub service: Service,
    /// Its region, as it is configured.
    pub region: String,
    /// Host and port.
    pub host: String,
    /// Host and port of the proxy before it.
    pub proxy: Option<String>,
    /// What came back.
    pub answer: Result<(), Fault>,
}

/// A service that sessions need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// It gives tokens.
    Oidc,
    /// It gives role credentials.
    Portal,
}

/// Why a service is not known to be there.
#[derive(Debug)]
pub enum Fault {
    /// Nothing came back.
    Silent(http::Error),
    /// What came back is not of AWS.
    Foreign {
        /// Its HTTP status.
        status: u16,
        /// It is a web page.
        page: bool,
    },
    /// The service has a problem of its own.
    Ailing {
        /// Its HTTP status.
        status: u16,
    },
}

/// How far one comes.
pub fn examine(facts: &Facts<'_>) -> Topic {
    let mut findings = vec![bundle(facts), proxy(facts)];
    findings.extend(facts.probes.iter().map(|probe| answer(probe).about(&probe.host)));
    if facts.probes.is_empty() {
        let why = if facts.unable.is_some() { "nothing can be sent" } else { "no session is configured" };
        findings.extend([OIDC.not_checked(why), PORTAL.not_checked(why)]);
    }
    findings.push(clock(facts.ahead_secs));
    let mut hosts: Vec<&str> = facts.probes.iter().map(|probe| probe.host.as_str()).collect();
    hosts.dedup();
    Topic { name: "network", summary: format!("AWS answers: {}", hosts.join(", ")), findings }
}

fn bundle(facts: &Facts<'_>) -> Finding {
    match (&facts.unable, facts.ca_bundle) {
        (Some(Error::CaBundle { path, why }), _) => BUNDLE
            .failure(format!("can't use the CA bundle {}: {why}", path.display()), Remedy::act(SET_BUNDLE)),
        (Some(Error::Setup { why }), _) => BUNDLE.failure(
            format!("this machine has no CA certificates: {why}"),
            Remedy::act("install the system's CA certificates (the package is called `ca-certificates`)"),
        ),
        (_, Some(path)) => BUNDLE.ok(format!("the certificates in {} can be read", path.display())),
        (_, None) => BUNDLE.ok("none is set"),
    }
}

fn proxy(facts: &Facts<'_>) -> Finding {
    if let Some(Error::BadProxy { setting }) = &facts.unable {
        let remedy = "write it as http://HOST:PORT or socks5h://HOST:PORT";
        return PROXY.failure(format!("{setting} is not the address of a proxy"), Remedy::act(remedy));
    }
    let failed = facts.probes.iter().find_map(|probe| match &probe.answer {
        Err(Fault::Silent(Error::Proxy { host, proxy, why })) => Some((host, proxy, why)),
        _ => None,
    });
    if let Some((host, proxy, why)) = failed {
        let remedy = if why.contains("authentication") || why.contains("authorization") {
            "set user name and password in `proxy` of config.toml: http://USER:PASSWORD@HOST:PORT"
        } else {
            SET_PROXY
        };
        return PROXY
            .failure(format!("the proxy {proxy} does not lead to {host}: {why}"), Remedy::act(remedy));
    }
    match facts.probes.iter().find_map(|probe| probe.proxy.as_ref()) {
        Some(proxy) => PROXY.ok(format!("{proxy} leads to AWS")),
        None => PROXY.ok("there is none on the way"),
    }
}

fn answer(probe: &Probe) -> Finding {
    let (check, name) = match probe.service {
        Service::Oidc => (OIDC, "the OIDC service"),
        Service::Portal => (PORTAL, "the portal"),
    };
    let host = &probe.host;
    match &probe.answer {
        Ok(()) => check.ok(format!("{name} answers at {host}")),
        Err(Fault::Silent(Error::Proxy { .. })) => {
            check.not_checked(format!("the proxy does not lead to {name} at {host}"))
        }
        Err(Fault::Silent(error)) => {
            let (finding, remedy) = silent(error, &probe.region);
            check.failure(format!("{name}: {finding}"), remedy)
        }
        Err(Fault::Foreign { status: 407, .. }) => check.failure(
            format!("{name} at {host}: a proxy asks for a user name and password"),
            Remedy::act("set them in `proxy` of config.toml: http://USER:PASSWORD@HOST:PORT"),
        ),
        Err(Fault::Foreign { status, page }) => {
            let what = if *page { "a web page" } else { "what AWS never says" };
            let finding = format!("{name}: at {host} something else answers, with {what} (HTTP {status})");
            let remedy = "open any page in a browser: a network that wants you to sign in shows its own first; then look at \
                          `proxy` and `endpoint` in `sso-refresh config show`";
            check.failure(finding, Remedy::act(remedy))
        }
        Err(Fault::Ailing { status }) => check.warning(
            format!("{name} at {host} has a problem (HTTP {status})"),
            Remedy::act("wait: it is tried again by itself; https://health.aws.amazon.com tells more"),
        ),
    }
}

/// What a request without an answer means, and what to do.
fn silent(error: &Error, region: &str) -> (String, Remedy) {
    let network =
        || Remedy::act("look at the network of this machine: can a browser open https://aws.amazon.com?");
    match error {
        Error::Dns { host, why } => (
            format!("can't find the host {host} ({why})"),
            Remedy::act(format!(
                "look at the network and its DNS, and whether `{region}` is the region of the session"
            )),
        ),
        Error::Connect { host, why } => (format!("can't connect to {host} ({why})"), network()),
        Error::Timeout { host, after } => {
            (format!("{host} did not answer within {}", words(*after)), network())
        }
        Error::Tls { host, fault: TlsFault::UnknownIssuer } => (
            format!("the certificate of {host} is from an authority that is not trusted here"),
            Remedy::act(SET_BUNDLE),
        ),
        Error::Tls { host, fault: TlsFault::Expired | TlsFault::NotYetValid } => (
            format!("the certificate of {host} is not valid by the clock of this machine"),
            Remedy::run(SET_CLOCK.trim_matches('`')),
        ),
        Error::Tls { host, fault } => (
            format!("no trusted connection to {host}: {fault}"),
            Remedy::act("look for a proxy or a network's sign-in page between this machine and AWS"),
        ),
        Error::Insecure { .. } | Error::Url { .. } => (
            error.to_string(),
            Remedy::act("correct `endpoint` or `region` of the session: `sso-refresh config show`"),
        ),
        Error::Proxy { .. } | Error::BadProxy { .. } => (error.to_string(), Remedy::act(SET_PROXY)),
        Error::CaBundle { .. } | Error::Setup { .. } => (error.to_string(), Remedy::act(SET_BUNDLE)),
        Error::TooLarge { .. }
        | Error::Interrupted { .. }
        | Error::Garbled { .. }
        | Error::Unsendable { .. } => {
            (error.to_string(), Remedy::act("look for a proxy or a firewall between this machine and AWS"))
        }
    }
}

fn clock(ahead_secs: Option<i64>) -> Finding {
    let Some(ahead) = ahead_secs else { return CLOCK.not_checked("no answer of AWS tells what time it is") };
    let by = Duration::from_secs(ahead.unsigned_abs());
    if by <= CLOCK_WARNING {
        return CLOCK.ok("the clock of this machine agrees with that of AWS");
    }
    let way = if ahead < 0 { "behind" } else { "ahead of" };
    let finding = format!("the clock of this machine is {} {way} that of AWS", words(by));
    let remedy = Remedy::run(SET_CLOCK.trim_matches('`'));
    if by > CLOCK_FAILURE { CLOCK.failure(finding, remedy) } else { CLOCK.warning(finding, remedy) }
}

#[cfg(test)]
mod tests;
