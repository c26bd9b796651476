//! The way to AWS, with what may be in it: a captive portal, proxies, somebody who inspects TLS, a clock that is off.

use super::*;

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
};

use rcgen::CertificateParams;
use sso_refresh::{
    platform::SET_CLOCK,
    time::{Clock, Timestamp},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::authority::Authority;

/// A name that no resolver knows: only a proxy leads there.
const BEHIND: &str = "oidc.behind.invalid";

/// The session with another endpoint, and more of the configuration.
fn configure(home: &Home, endpoint: &str, more: &str) {
    home.write_config(&format!("{more}\n[session.work]\nendpoint = \"{endpoint}\"\n"));
}

/// A TLS server with a certificate of `authority`, which answers everything as AWS does; its port.
fn tls_server(authority: &Authority) -> u16 {
    let server = authority.server(&CertificateParams::new(["127.0.0.1".into(), BEHIND.into()]).unwrap());
    let (started, starting) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            started.send(listener.local_addr().unwrap().port()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let server = server.clone();
                tokio::spawn(async move {
                    // Who does not trust it goes away.
                    let Ok(mut stream) = server.accept(stream).await else { return };
                    let mut asked = [0; 4096];
                    let _ = stream.read(&mut asked).await;
                    let body = r#"{"error":"invalid_request","message":"no","__type":"x#UnauthorizedException"}"#;
                    let answer = format!(
                        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: \
                         close\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
    });
    starting.recv().unwrap()
}

/// A proxy that leads to `port`, wherever one wants to go, or wants to know who asks; its own port.
fn proxy(leads_to: Option<u16>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let Some(leads_to) = leads_to else {
                let _ = stream
                    .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
                continue;
            };
            let Ok(mut beyond) = std::net::TcpStream::connect(("127.0.0.1", leads_to)) else { return };
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            let (mut back, mut forth) = (stream.try_clone().unwrap(), beyond.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut stream, &mut forth));
            thread::spawn(move || std::io::copy(&mut beyond, &mut back));
        }
    });
    port
}

#[test]
fn both_services_are_asked_and_nothing_is_sent_that_is_secret() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    let token = center.sign_in(&home, "work", 50 * MINUTE);
    for check in ["oidc", "portal", "proxy", "ca-bundle", "clock"] {
        assert_eq!(wrong(&home, check), [Value::Null; 0], "{check}");
    }
    assert_eq!(home.access_token("work").unwrap(), token.access_token.expose(), "no exchange was made");
    let (nowhere, center_port) = (Home::new(), center.url());
    nowhere.write_aws_config(WORK);
    for check in ["oidc", "portal"] {
        let found = wrong(&nowhere, check);
        assert!(found[0]["finding"].as_str().unwrap().contains("can't connect to 127.0.0.1:9"), "{found:?}");
    }
    assert_eq!(wrong(&nowhere, "clock")[0]["verdict"], "not-checked");
    configure(&nowhere, &center_port, "");
    assert_eq!(wrong(&nowhere, "oidc"), [Value::Null; 0]);
}

#[test]
fn a_captive_portal_is_told_from_aws() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    center.set_faults("*:html=200");
    let found = wrong(&home, "oidc");
    let line = found[0]["finding"].as_str().unwrap();
    assert!(line.contains("something else answers, with a web page"), "{line}");
    assert!(found[0]["remedy"]["advice"].as_str().unwrap().starts_with("open any page in a browser"));
    assert_eq!(wrong(&home, "portal")[0]["verdict"], "failure");
    center.set_faults("CreateToken:InternalServerException");
    assert_eq!(wrong(&home, "oidc")[0]["verdict"], "warning");
    center.set_faults("");
    assert_eq!((wrong(&home, "oidc"), wrong(&home, "portal")), (vec![], vec![]));
}

#[test]
fn a_clock_that_is_off_is_told_by_how_much() {
    for (secs, verdict, said) in [(-605, "failure", "10m"), (125, "warning", "2m")] {
        let clock =
            Clock::from_fn(move || Timestamp::from_millis(Clock::system().now().millis() + secs * 1000));
        let center = Center::start(Options { clock, ..Options::default() });
        let home = Home::with(&center, WORK);
        let found = wrong(&home, "clock");
        assert_eq!(found[0]["verdict"], verdict);
        let line = found[0]["finding"].as_str().unwrap();
        let way = if secs < 0 { "ahead of" } else { "behind" };
        assert!(line.contains(said) && line.contains(way), "{line}");
        assert_eq!(found[0]["remedy"]["command"], SET_CLOCK.trim_matches('`'));
    }
}

#[test]
fn who_inspects_tls_is_trusted_by_the_remedy() {
    let authority = Authority::new("A company");
    let port = tls_server(&authority);
    let home = Home::new();
    home.write_aws_config(WORK);
    configure(&home, &format!("https://127.0.0.1:{port}"), "");
    for check in ["oidc", "portal"] {
        let found = wrong(&home, check);
        assert!(
            found[0]["finding"].as_str().unwrap().contains("an authority that is not trusted here"),
            "{found:?}"
        );
        assert!(found[0]["remedy"]["advice"].as_str().unwrap().starts_with("set `ca_bundle` in config.toml"));
    }
    let bundle = home.path("ca.pem");
    let set = || {
        configure(
            &home,
            &format!("https://127.0.0.1:{port}"),
            &format!("ca_bundle = \"{}\"", bundle.display()),
        );
    };
    set();
    let found = wrong(&home, "ca-bundle");
    assert!(found[0]["finding"].as_str().unwrap().starts_with("can't use the CA bundle"), "{found:?}");
    assert_eq!(wrong(&home, "oidc")[0]["verdict"], "not-checked");
    home.write("ca.pem", "not a certificate\n");
    assert_eq!(wrong(&home, "ca-bundle")[0]["verdict"], "failure");
    home.write("ca.pem", authority.pem());
    for check in ["ca-bundle", "oidc", "portal"] {
        assert_eq!(wrong(&home, check), [Value::Null; 0], "{check}");
    }
}

#[test]
fn a_proxy_that_leads_nowhere_is_told_and_one_that_leads_to_aws_is_not() {
    let authority = Authority::new("A company");
    let port = tls_server(&authority);
    let home = Home::new();
    home.write_aws_config(WORK);
    home.write("ca.pem", authority.pem());
    let by = |proxy: u16| {
        let bundle = home.path("ca.pem");
        let more = format!("ca_bundle = \"{}\"\nproxy = \"http://127.0.0.1:{proxy}\"", bundle.display());
        configure(&home, &format!("https://{BEHIND}"), &more);
    };
    // Nobody listens there.
    by(9);
    let found = wrong(&home, "proxy");
    assert!(
        found[0]["finding"].as_str().unwrap().starts_with("the proxy 127.0.0.1:9 does not lead to"),
        "{found:?}"
    );
    assert_eq!(wrong(&home, "oidc")[0]["verdict"], "not-checked");
    by(proxy(None));
    let found = wrong(&home, "proxy");
    assert!(
        found[0]["remedy"]["advice"].as_str().unwrap().starts_with("set user name and password"),
        "{found:?}"
    );
    by(proxy(Some(port)));
    for check in ["proxy", "oidc", "portal"] {
        assert_eq!(wrong(&home, check), [Value::Null; 0], "{check}");
    }
}
