//! TLS as hostile and careless networks have it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use rcgen::{CertificateParams, date_time_ymd};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    authority::Authority,
    outage::{Outage, at_once, ground},
    support::Center,
    tally::Tally,
};

/// How a connection begins.
#[derive(Clone)]
enum Handshake {
    /// As this server has it.
    With(TlsAcceptor),
    /// With an answer that is not TLS.
    Plain,
    /// Not at all.
    Never,
    /// Of a proxy that lets through to what answers over TLS.
    Proxied(TlsAcceptor),
    /// Of a proxy that answers this instead.
    Refused(&'static str),
}

/// Answers over TLS in front of an Identity Center, or is the proxy on the way to it.
struct Front {
    port: u16,
    handshake: Arc<Mutex<Handshake>>,
}

impl Front {
    fn before(center: &Center, handshake: Handshake) -> Self {
        let center: SocketAddr = center.url().strip_prefix("http://").unwrap().parse().unwrap();
        let handshake = Arc::new(Mutex::new(handshake));
        let (started, starting) = mpsc::channel();
        let current = Arc::clone(&handshake);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                started.send(listener.local_addr().unwrap().port()).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let handshake = current.lock().unwrap().clone();
                    tokio::spawn(talk(stream, handshake, center));
                }
            });
        });
        Self { port: starting.recv().unwrap(), handshake }
    }
}

/// A client that does not trust it breaks off.
async fn talk(mut stream: TcpStream, handshake: Handshake, center: SocketAddr) -> std::io::Result<()> {
    match handshake {
        Handshake::With(acceptor) => {
            let mut outer = acceptor.accept(stream).await?;
            let mut inner = TcpStream::connect(center).await?;
            copy_bidirectional(&mut outer, &mut inner).await.map(drop)
        }
        Handshake::Plain => stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\ninvalid_grant").await,
        Handshake::Never => {
            let mut bytes = [0; 4096];
            while stream.read(&mut bytes).await? > 0 {}
            Ok(())
        }
        Handshake::Proxied(acceptor) => {
            read_head(&mut stream).await?;
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            Box::pin(talk(stream, Handshake::With(acceptor), center)).await
        }
        Handshake::Refused(answer) => {
            read_head(&mut stream).await?;
            stream.write_all(answer.as_bytes()).await
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(())
}

/// A certificate for `name`, good from one year to another.
fn certificate(name: &str, from: i32, until: i32) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    params
}

/// The name of a server behind a proxy; nobody resolves it.
const BEHIND: &str = "oidc.invalid";

/// Goes through each of them with a daemon and with a command; behind a proxy, where one is to be asked.
fn survive(
    tally: &mut Tally,
    trusted: Authority,
    proxied: bool,
    sick: Vec<(&'static str, &'static str, Handshake)>,
) {
    let trusted = Arc::new(trusted);
    let mut trials: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
    for (name, why, handshake) in sick {
        for with_a_daemon in [true, false] {
            let (handshake, trusted) = (handshake.clone(), Arc::clone(&trusted));
            tally.tried();
            trials.push(Box::new(move || {
                let (center, home) = ground();
                let front = Front::before(&center, handshake);
                home.write("authority.pem", trusted.pem());
                let ca_bundle = home.path("authority.pem");
                let (outage, right) = if proxied {
                    let proxy = format!("http://127.0.0.1:{}", front.port);
                    let server = trusted.server(&certificate(BEHIND, 2020, 2099));
                    let outage = Outage::new(name, why, format!("https://{BEHIND}"));
                    (Outage { ca_bundle, proxy, ..outage }, Handshake::Proxied(server))
                } else {
                    let server = trusted.server(&certificate("localhost", 2020, 2099));
                    let outage = Outage::new(name, why, format!("https://localhost:{}", front.port));
                    (Outage { ca_bundle, ..outage }, Handshake::With(server))
                };
                let mend = || *front.handshake.lock().unwrap() = right;
                if with_a_daemon {
                    outage.before_a_daemon(&center, &home, mend);
                } else {
                    outage.before_a_command(&center, &home, mend);
                }
            }));
        }
    }
    at_once(trials);
}

#[test]
fn a_server_that_is_not_the_right_one_loses_nothing() {
    let mut tally = Tally::of(
        "Network: TLS with an unknown CA, a wrong name, expired, not yet valid, none, without an end",
    );
    let trusted = Authority::new("Trusted");
    let with = |authority: &Authority, name, from, until| {
        Handshake::With(authority.server(&certificate(name, from, until)))
    };
    let sick = vec![
        ("unknown CA", "not trusted here", with(&Authority::new("Unknown"), "localhost", 2020, 2099)),
        ("wrong name", "for another name", with(&trusted, "portal.example", 2020, 2099)),
        ("expired", "has expired", with(&trusted, "localhost", 2010, 2020)),
        ("not yet valid", "is not valid yet", with(&trusted, "localhost", 2098, 2099)),
        ("no TLS", "no trusted connection", Handshake::Plain),
        ("a handshake without an end", "within 5s", Handshake::Never),
    ];
    survive(&mut tally, trusted, false, sick);
    tally.survived();
}

#[test]
fn a_proxy_that_does_not_let_through_loses_nothing() {
    let mut tally =
        Tally::of("Network: a proxy that answers 407, 403, 502 or inspects TLS with a CA of its own");
    let inspected = Authority::new("Inspection").server(&certificate(BEHIND, 2020, 2099));
    let page = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\ninvalid_grant";
    let asked = "HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
    let sick = vec![
        ("407", "the proxy 127.0.0.1", Handshake::Refused(asked)),
        ("403", "the proxy 127.0.0.1", Handshake::Refused(page)),
        ("502", "the proxy 127.0.0.1", Handshake::Refused("HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n")),
        ("closed", "the proxy 127.0.0.1", Handshake::Refused("")),
        ("inspected", "not trusted here", Handshake::Proxied(inspected)),
    ];
    survive(&mut tally, Authority::new("Trusted"), true, sick);
    tally.survived();
}
