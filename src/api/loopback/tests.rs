use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    task::JoinHandle,
};

use super::*;
use crate::api::{
    Call,
    connections::{CONNECTIONS_MAX, HEAD_MAX},
    fake,
};

/// A served port; `stop` is the shutdown.
struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn start(router: Router) -> Served {
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let guard = Arc::new(fake::guard(address));
    let task = tokio::spawn(serve(listener, router, guard, async { drop(stopped.await) }));
    Served { address, stop, task }
}

impl Served {
    async fn open(&self, sent: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream
    }

    /// What the server sends until it closes the connection.
    async fn answer(&self, sent: &str) -> String {
        let mut received = Vec::new();
        // A connection that is closed with unread bytes is reset after the answer.
        drop(self.open(sent).await.read_to_end(&mut received).await);
        String::from_utf8(received).unwrap()
    }

    /// A request with all that it needs; `more` are headers.
    fn get(&self, target: &str, more: &str) -> String {
        let (host, token) = (self.address, fake::TOKEN);
        format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: {token}\r\n{more}\r\n")
    }
}

const CLOSE: &str = "connection: close\r\n";

#[tokio::test]
async fn speaks_http_as_the_sdks_do() {
    let served = start(fake::router());
    let (host, token) = (served.address, fake::TOKEN);
    let credentials = "/v1/credentials/home";
    for (sent, expected) in [
        (served.get(credentials, CLOSE), "HTTP/1.1 200 OK"),
        (
            format!("GET {credentials} HTTP/1.0\r\nhost: {host}\r\nauthorization: {token}\r\n\r\n"),
            "HTTP/1.0 200 OK",
        ),
        (format!("GET {credentials} HTTP/1.0\r\nauthorization: {token}\r\n\r\n"), "HTTP/1.0 400 Bad Request"),
        (format!("GET /token HTTP/1.1\r\nhost: {host}\r\n{CLOSE}\r\n"), "HTTP/1.1 401 Unauthorized"),
        (format!("HEAD /token HTTP/1.1\r\nhost: {host}\r\n{CLOSE}\r\n"), "HTTP/1.1 405 Method Not Allowed"),
        (served.get("/healthz", "content-length: 1\r\n"), "HTTP/1.1 400 Bad Request"),
        (served.get("/healthz", "transfer-encoding: chunked\r\n"), "HTTP/1.1 400 Bad Request"),
        (served.get("/healthz", "content-length: 0\r\nconnection: close\r\n"), "HTTP/1.1 200 OK"),
        (served.get("/v1/credentials/%00", CLOSE), "HTTP/1.1 400 Bad Request"),
        (served.get("/v1/credentials/../status", CLOSE), "HTTP/1.1 404 Not Found"),
        (served.get("/v1/credentials/%2e%2e%2fstatus", CLOSE), "HTTP/1.1 404 Not Found"),
        (
            served.get("/healthz", &format!("x: {}\r\n", "x".repeat(HEAD_MAX + 1))),
            "HTTP/1.1 431 Request Header Fields Too Large",
        ),
    ] {
        let received = served.answer(&sent).await;
        assert!(received.starts_with(expected), "{sent}: {received}");
        assert!(!received.contains(fake::TOKEN), "{received}");
    }
    let refused = served.answer(&served.get("/token", "origin: null\r\nconnection: close\r\n")).await;
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains(r#""Code":"Forbidden""#), "{refused}");
    let asked = served.answer(&format!("GET /token HTTP/1.1\r\nhost: {host}\r\n{CLOSE}\r\n")).await;
    assert!(asked.contains("www-authenticate: Bearer\r\n"), "{asked}");
}

#[tokio::test]
async fn a_refused_request_ends_no_connection_and_order_is_kept() {
    let served = start(fake::router());
    let refused = format!("GET /token HTTP/1.1\r\nhost: {}\r\n\r\n", served.address);
    let sent = [served.get("/token?min_validity=1", ""), refused, served.get("/token?min_validity=2", CLOSE)];
    let received = served.answer(&sent.concat()).await;
    let places: Vec<_> =
        ["token-home-1", "401 Unauthorized", "token-home-2"].iter().map(|part| received.find(part)).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{received}");
}

#[tokio::test]
async fn a_good_client_is_served_among_stuck_ones() {
    let served = start(fake::router());
    let mut stuck = Vec::new();
    for _ in 0..2 * CONNECTIONS_MAX {
        stuck.push(served.open("GET /healthz HTTP/1.1\r\nx: ").await);
    }
    assert!(served.answer(&served.get("/healthz", CLOSE)).await.ends_with("ok"));
}

#[tokio::test]
async fn the_port_is_free_at_once_and_answers_in_flight_end() {
    let (router, mut calls) = fake::manual();
    let served = start(router);
    let mut in_flight = served.open(&served.get("/healthz", "")).await;
    let Some(Call::Ping { reply }) = calls.recv().await else { panic!("not a ping") };
    assert!(matches!(bind(served.address), Err(Error::InUse { .. })), "it is shared with nobody");
    served.stop.send(()).unwrap();
    while let Err(error) = bind(served.address) {
        assert!(matches!(error, Error::InUse { .. }), "{error}");
        tokio::task::yield_now().await;
    }
    reply.send(()).unwrap();
    let mut received = String::new();
    in_flight.read_to_string(&mut received).await.unwrap();
    assert!(received.ends_with("ok"), "{received}");
    served.task.await.unwrap();
}

#[tokio::test]
async fn nothing_but_loopback_is_bound() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let address = address.parse().unwrap();
        assert!(matches!(bind(address), Err(Error::NotLoopback { .. })), "{address}");
    }
}
