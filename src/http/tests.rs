//! Answers as hostile networks give them.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, pem::PemObject},
    },
};

use super::{
    error::TlsFault,
    scripted::{Play, Server, answer, json},
    *,
};

fn client(options: &Options) -> Client {
    Client::with_environment(options, |_| None).unwrap()
}

async fn got(play: Play) -> Result<Answer, Error> {
    let server = Server::start(vec![play]).await;
    client(&Options::default()).post_empty(&server.url(), &[]).await
}

#[tokio::test]
async fn sends_unsigned_json_and_nothing_more() {
    let server = Server::start(vec![json(200, "{}")]).await;
    let body = serde_json::json!({"clientId": "a"});
    client(&Options::default()).post_json(&format!("{}/token", server.url()), &body).await.unwrap();
    let request = server.requests().remove(0);
    let expected = format!(
        "POST /token HTTP/1.1\r\ncontent-type: application/json\r\naccept: */*\r\n\
         user-agent: sso-refresh/{}\r\nhost: 127.0.0.1:{}\r\ncontent-length: 16\r\n\r\n{{\"clientId\":\"a\"}}",
        env!("CARGO_PKG_VERSION"),
        server.port(),
    );
    assert_eq!(request, expected);
}

#[tokio::test]
async fn hands_on_status_headers_and_body() {
    let head = "400 Bad Request\r\nContent-Type: Application/JSON; charset=utf-8\r\n\
                Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n\
                x-amzn-ErrorType: a.b#InvalidGrantException:http://internal.amazon.com/coral/x/";
    let answer = got(answer(head, "planted")).await.unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));
    assert_eq!(answer.error_type.as_deref(), Some("InvalidGrantException"));
    assert_eq!(answer.retry_after, Some(Duration::from_secs(30)));
    assert_eq!(answer.body.bytes(), b"planted");
    assert!(!format!("{answer:?}").contains("planted"));
}

#[tokio::test]
async fn reads_each_form_of_retry_after() {
    for (headers, expected) in [
        ("Retry-After: 7", Some(7000)),
        ("x-amz-retry-after: 1500\r\nRetry-After: 7", Some(1500)),
        ("x-amz-retry-after: soon\r\nRetry-After: 7", Some(7000)),
        ("Retry-After: -1", None),
        ("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
    ] {
        let answer = got(answer(&format!("429 X\r\n{headers}"), "")).await.unwrap();
        assert_eq!(answer.retry_after, expected.map(Duration::from_millis), "{headers}");
    }
}

#[tokio::test]
async fn follows_no_redirect() {
    let other = Server::start(vec![json(200, "{}")]).await;
    let answer = got(answer(&format!("302 Found\r\nLocation: {}", other.url()), "")).await.unwrap();
    assert_eq!(answer.status, 302);
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn unpacks_nothing() {
    let answer = got(answer("200 OK\r\nContent-Encoding: gzip", "not gzip")).await.unwrap();
    assert_eq!(answer.body.bytes(), b"not gzip");
}

#[tokio::test]
async fn bounds_every_answer() {
    let ok = "HTTP/1.1 200 OK\r\n";
    for (play, expected) in [
        (Play::Flood(format!("{ok}\r\n").into()), "TooLarge"),
        (Play::Flood(format!("{ok}Content-Length: 99999999\r\n\r\n").into()), "TooLarge"),
        (Play::Flood(format!("{ok}Transfer-Encoding: chunked\r\n\r\nffffff\r\n").into()), "TooLarge"),
        (Play::Flood(format!("{ok}X: ").into()), "Garbled"),
        (Play::Send(format!("{ok}{}\r\n", "X: y\r\n".repeat(200_000)).into()), "Garbled"),
        (Play::Send(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), "Garbled"),
        (Play::Send(Vec::new()), "Interrupted"),
        (Play::Send(ok.into()), "Interrupted"),
        (Play::Send(format!("{ok}Content-Length: 9\r\n\r\n{{}}").into()), "Interrupted"),
        (Play::Send(format!("{ok}Transfer-Encoding: chunked\r\n\r\n9\r\n{{}}").into()), "Interrupted"),
    ] {
        let error = got(play).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
    }
}

#[tokio::test]
async fn takes_a_body_of_just_the_limit() {
    let server = Server::start(vec![answer("200 OK", "12345"), answer("200 OK", "123456")]).await;
    let client = client(&Options { max_body: 5, ..Options::default() });
    assert_eq!(client.post_empty(&server.url(), &[]).await.unwrap().body.bytes(), b"12345");
    assert!(matches!(client.post_empty(&server.url(), &[]).await, Err(Error::TooLarge { limit: 5, .. })));
}

#[tokio::test]
async fn waits_no_longer_than_told() {
    let options = Options { timeout: Duration::from_millis(50), ..Options::default() };
    let server = Server::start(vec![Play::Hang]).await;
    let error = client(&options).post_empty(&server.url(), &[]).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn tells_why_there_is_no_connection() {
    let closed = closed_port();
    let free = closed.local_addr().unwrap();
    let refused =
        client(&Options::default()).post_empty(&format!("http://{free}/?planted"), &[]).await.unwrap_err();
    let expected = format!("can't connect to {free} (Connection refused): check the network");
    assert_eq!(refused.to_string(), expected);

    let nameless = Client {
        inner: reqwest::Client::builder().no_proxy().dns_resolver(Arc::new(Nameless)).build().unwrap(),
        ..client(&Options::default())
    };
    let unknown = nameless.post_empty("https://oidc.example/?planted", &[]).await.unwrap_err();
    assert!(matches!(&unknown, Error::Dns { host, .. } if host == "oidc.example"), "{unknown:?}");
    assert!(!unknown.to_string().contains("planted"), "{unknown}");
}

/// A port that refuses, and that nobody else can take meanwhile: bound, but not listening.
fn closed_port() -> tokio::net::TcpSocket {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

/// A resolver that knows no name.
struct Nameless;

impl reqwest::dns::Resolve for Nameless {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async { Err(std::io::Error::other("Name or service not known").into()) })
    }
}

#[tokio::test]
async fn sends_no_secret_without_tls_to_another_machine() {
    let client = client(&Options::default());
    for (url, expected) in [
        ("http://oidc.us-east-1.amazonaws.com/token", "Insecure"),
        ("ftp://127.0.0.1/", "Url"),
        ("token", "Url"),
    ] {
        let error = client.post_empty(url, &[]).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
    }
    let unsendable = client.post_empty("http://127.0.0.1:1/", &[("x-a", &Secret::new("planted\n"))]).await;
    let shown = format!("{:?}", unsendable.unwrap_err());
    assert_eq!(shown, r#"Unsendable { what: "access token" }"#);
}

#[tokio::test]
async fn tells_why_a_proxy_does_not_let_through() {
    let closed = closed_port();
    let gone = closed.local_addr().unwrap().port();
    let server = Server::start(vec![
        answer("407 Proxy Authentication Required", ""),
        answer("502 Bad Gateway", ""),
        Play::Send(Vec::new()),
    ])
    .await;
    for (port, expected) in [
        (server.port(), "proxy authorization required"),
        (server.port(), "unsuccessful"),
        (server.port(), "unexpected end of file"),
        (gone, "Connection refused"),
    ] {
        let proxy = Some(format!("http://user:planted@127.0.0.1:{port}"));
        let client = client(&Options { proxy, ..Options::default() });
        let error = client.post_empty("https://oidc.example/", &[]).await.unwrap_err();
        assert!(matches!(error, Error::Proxy { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
        assert!(!error.to_string().contains("planted"), "{error}");
    }
    assert!(server.requests()[0].starts_with("CONNECT oidc.example:443 HTTP/1.1"));
}

#[tokio::test]
async fn tells_what_is_wrong_with_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(Authority::new);
    let bundle = folder.path().join("ca.pem");
    std::fs::File::create(&bundle)
        .and_then(|mut file| std::io::Write::write_all(&mut file, ours.pem.as_bytes()))
        .unwrap();
    for (trusted, name, from, until, expected) in [
        (&ours, "localhost", 2000, 4000, None),
        (&theirs, "localhost", 2000, 4000, Some(TlsFault::UnknownIssuer)),
        (&ours, "other.example", 2000, 4000, Some(TlsFault::WrongName)),
        (&ours, "localhost", 2000, 2001, Some(TlsFault::Expired)),
        (&ours, "localhost", 3999, 4000, Some(TlsFault::NotYetValid)),
    ] {
        let server = Server::start_tls(vec![json(200, "{}")], trusted.server(name, from, until)).await;
        let client = client(&Options { ca_bundle: Some(bundle.clone()), ..Options::default() });
        let result = client.post_empty(&format!("https://localhost:{}/", server.port()), &[]).await;
        match (result, expected) {
            (Ok(answer), None) => assert_eq!(answer.status, 200),
            (Err(Error::Tls { fault, .. }), Some(expected)) => assert_eq!(fault, expected),
            (result, expected) => panic!("{result:?} instead of {expected:?}"),
        }
    }
    assert!(TlsFault::UnknownIssuer.to_string().contains("ca_bundle"));
}

#[tokio::test]
async fn tls_to_a_server_without_it_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let talk = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let greeting =
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        (stream, greeting)
    };
    let client = client(&Options::default());
    let (_open, result) = tokio::join!(talk, client.post_empty(&url, &[]));
    assert!(matches!(result, Err(Error::Tls { fault: TlsFault::Other(_), .. })), "{result:?}");
}

#[test]
fn refuses_a_ca_bundle_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, expected) in [
        ("missing.pem", None, "No such file or directory"),
        ("empty.pem", Some(""), "no PEM certificate"),
        ("bad.pem", Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), ""),
    ] {
        let path = folder.path().join(name);
        if let Some(content) = content {
            std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), content.as_bytes())
                .unwrap();
        }
        let options = Options { ca_bundle: Some(path), ..Options::default() };
        let error = Client::with_environment(&options, |_| None).unwrap_err();
        assert!(matches!(error, Error::CaBundle { .. }), "{error:?}");
        assert!(error.to_string().contains(name) && error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn debug_of_the_options_hides_the_proxy() {
    let options = Options { proxy: Some("http://user:planted@corp:1".into()), ..Options::default() };
    assert!(!format!("{options:?}").contains("planted"));
}

#[test]
fn makes_a_servers_words_fit_for_a_line() {
    let long = "x".repeat(90);
    for (text, max, expected) in [
        ("Invalid grant provided", 200, "Invalid grant provided"),
        ("a\r\n  b\tc\u{1b}[31m\0", 200, "a b c[31m"),
        ("a\u{202e}b\u{200b}c\u{feff}", 200, "abc"),
        (&format!("token {long} refused"), 200, "token … refused"),
        ("äöü äöü", 5, "äöü …"),
        ("", 5, ""),
    ] {
        assert_eq!(printable(text, max), expected);
    }
}

/// A certificate authority of the test's own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A server with a certificate for `name`, valid from one year to another.
    fn server(&self, name: &str, from: i32, until: i32) -> TlsAcceptor {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

#[test]
fn knows_this_machine() {
    for (url, expected) in [
        ("http://127.0.0.1:1/", true),
        ("http://127.8.9.1/", true),
        ("http://[::1]/", true),
        ("http://localhost/", true),
        ("http://a.localhost/", false),
        ("http://192.168.0.1/", false),
        ("http://[::2]/", false),
        ("http://localhost.example/", false),
        ("http://127.0.0.1.example/", false),
    ] {
        assert_eq!(is_loopback_host(Url::parse(url).unwrap().host_str().unwrap()), expected, "{url}");
        assert_eq!(checked(url).is_ok(), expected, "{url}");
    }
}
