use super::*;
use crate::doctor::Verdict::{self, Failure, NotChecked, Ok as Fine, Warning};

const HOST: &str = "oidc.us-east-1.amazonaws.com";

fn probe(answer: Result<(), Fault>) -> Probe {
    Probe { service: Service::Oidc, region: "us-east-1".into(), host: HOST.into(), proxy: None, answer }
}

fn facts(probes: Vec<Probe>) -> Facts<'static> {
    Facts { ca_bundle: None, unable: None, probes, ahead_secs: Some(0) }
}

/// The check, how it ended, its finding and its remedy, of what is not well.
fn wrong(facts: &Facts<'_>) -> Vec<(&'static str, Verdict, String, String)> {
    let wrong = examine(facts).findings.into_iter().filter(|finding| finding.verdict != Fine);
    wrong
        .map(|finding| {
            let remedy = match finding.remedy {
                Some(Remedy::Run(said) | Remedy::Do(said)) => said,
                None => String::new(),
            };
            (finding.check, finding.verdict, finding.finding, remedy)
        })
        .collect()
}

#[test]
fn each_fault_has_its_remedy() {
    let (host, why) = (|| HOST.to_owned(), || "why".to_owned());
    let silent = Fault::Silent;
    assert_eq!(wrong(&facts(vec![probe(Ok(()))])), []);
    for (fault, verdict, finding, remedy) in [
        (
            silent(Error::Dns { host: host(), why: why() }),
            Failure,
            "can't find the host",
            "whether `us-east-1` is the region",
        ),
        (
            silent(Error::Connect { host: host(), why: why() }),
            Failure,
            "can't connect to",
            "the network of this machine",
        ),
        (
            silent(Error::Timeout { host: host(), after: Duration::from_secs(5) }),
            Failure,
            "did not answer within 5s",
            "the network of this machine",
        ),
        (
            silent(Error::Tls { host: host(), fault: TlsFault::UnknownIssuer }),
            Failure,
            "an authority that is not trusted",
            "set `ca_bundle`",
        ),
        (
            silent(Error::Tls { host: host(), fault: TlsFault::NotYetValid }),
            Failure,
            "not valid by the clock",
            SET_CLOCK.trim_matches('`'),
        ),
        (
            silent(Error::Tls { host: host(), fault: TlsFault::WrongName }),
            Failure,
            "for another name",
            "a network's sign-in page",
        ),
        (silent(Error::Garbled { host: host(), why: why() }), Failure, "not HTTP", "a proxy or a firewall"),
        (silent(Error::Insecure { host: host() }), Failure, "without TLS", "correct `endpoint`"),
        (
            Fault::Foreign { status: 200, page: true },
            Failure,
            "with a web page (HTTP 200)",
            "open any page in a browser",
        ),
        (
            Fault::Foreign { status: 403, page: false },
            Failure,
            "what AWS never says (HTTP 403)",
            "open any page",
        ),
        (
            Fault::Foreign { status: 407, page: true },
            Failure,
            "a proxy asks for",
            "http://USER:PASSWORD@HOST:PORT",
        ),
        (Fault::Ailing { status: 503 }, Warning, "has a problem (HTTP 503)", "wait: it is tried again"),
    ] {
        let shown = format!("{fault:?}");
        let found = wrong(&facts(vec![probe(Err(fault))]));
        let [(check, ended, said, what)] = found.as_slice() else { panic!("{shown} {found:?}") };
        assert_eq!((*check, *ended), ("oidc", verdict), "{shown}");
        assert!(said.starts_with("the OIDC service") && said.contains(finding), "{said}");
        assert!(what.contains(remedy), "{shown}: {what}");
    }
}

#[test]
fn a_proxy_is_told_once_and_by_what_it_wants() {
    for (why, remedy) in [
        ("connection refused", "correct `proxy`"),
        ("proxy authentication required", "set user name and password"),
        ("proxy authorization required", "set user name and password"),
    ] {
        let error = || Error::Proxy { host: HOST.into(), proxy: "corp:3128".into(), why: why.into() };
        let found = wrong(&facts(vec![probe(Err(Fault::Silent(error())))]));
        assert_eq!((found[0].0, found[0].1), ("proxy", Failure));
        assert!(found[0].3.starts_with(remedy), "{found:?}");
        assert_eq!((found[1].0, found[1].1), ("oidc", NotChecked));
    }
    let through = facts(vec![Probe { proxy: Some("corp:3128".into()), ..probe(Ok(())) }]);
    assert_eq!(proxy(&through).finding, "corp:3128 leads to AWS");
    let bad = Facts { unable: Some(Error::BadProxy { setting: "HTTPS_PROXY" }), ..facts(vec![]) };
    let found = wrong(&bad);
    assert_eq!((found[0].0, &*found[0].2), ("proxy", "HTTPS_PROXY is not the address of a proxy"));
    assert_eq!((found[1].0, &*found[1].2), ("oidc", "nothing can be sent"));
}

#[test]
fn certificates_that_can_not_be_read_stop_everything() {
    for (error, remedy) in [
        (Error::CaBundle { path: "/ca.pem".into(), why: "it holds no PEM certificate".into() }, SET_BUNDLE),
        (Error::Setup { why: "no roots".into() }, "install the system's CA certificates"),
    ] {
        let found = wrong(&Facts { unable: Some(error), ..facts(vec![]) });
        assert_eq!((found[0].0, found[0].1), ("ca-bundle", Failure));
        assert!(found[0].3.starts_with(remedy), "{found:?}");
    }
    let set = Facts { ca_bundle: Some(Path::new("/ca.pem")), ..facts(vec![probe(Ok(()))]) };
    assert_eq!(wrong(&set), []);
}

#[test]
fn a_clock_is_judged_by_how_far_it_is_off() {
    for (ahead, verdict) in [
        (Some(0), Fine),
        (Some(60), Fine),
        (Some(-60), Fine),
        (Some(61), Warning),
        (Some(-300), Warning),
        (Some(301), Failure),
        (Some(-600), Failure),
        (None, NotChecked),
    ] {
        let found = clock(ahead);
        assert_eq!(found.verdict, verdict, "{ahead:?}");
        assert_eq!(found.remedy.is_some(), [Warning, Failure].contains(&verdict));
    }
    assert_eq!(clock(Some(-600)).finding, "the clock of this machine is 10m behind that of AWS");
    assert_eq!(clock(Some(7380)).finding, "the clock of this machine is 2h 3m ahead of that of AWS");
}
