use std::{os::unix::net::UnixListener as StdListener, sync::Arc};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
};

use super::*;
use crate::{
    api::{
        Call, fake,
        router::{Front, Router},
    },
    session::token::Secret,
};

/// A client of a socket of its own, which nobody listens on yet.
fn client(folder: &TempDir) -> Client {
    Client::new(&folder.path().join("api.sock"))
}

/// Serves `router` on the client's socket for as long as the runtime lives.
fn serve(client: &Client, router: Router) {
    let listener = UnixListener::bind(&client.socket).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let router = router.clone();
            let service = hyper::service::service_fn(move |request| {
                let router = router.clone();
                async move { Ok::<_, std::convert::Infallible>(router.respond(Front::Unix, request).await) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
}

/// Answers every connection with `bytes` after a request's head came, and closes it.
fn serve_bytes(client: &Client, bytes: impl Into<Vec<u8>>) {
    let listener = UnixListener::bind(&client.socket).unwrap();
    let bytes = Arc::new(bytes.into());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(&bytes).await;
            });
        }
    });
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn understands_what_the_router_answers() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    serve(&client, fake::router());
    client.ping().await.unwrap();
    assert_eq!(client.status().await.unwrap(), fake::report());
    assert_eq!(client.refresh("home").await.unwrap(), fake::status("home"));
    assert_eq!(client.reload().await.unwrap(), Ok("2 sessions".into()));
    for (session, millis, token) in [
        (None, 60_000, "token-home-60"),
        (Some("home"), 300_000, "token-home-300"),
        (None, 1, "token-home-1"),
    ] {
        let expected = IssuedToken {
            session: "home".into(),
            access_token: Secret::new(token),
            expires_at: fake::NOW.after(Duration::from_secs(3600)),
        };
        assert_eq!(client.token(session, Duration::from_millis(millis)).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn asks_for_credentials_by_profile_and_by_role() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    serve(&client, fake::router());
    let profile = Wanted::Profile("home".into());
    let role = Role { session: "home".into(), account: "0123 &".into(), name: "Ré+d/Only".into() };
    for (wanted, millis, key, secret) in [
        (&profile, None, "ASIA-home-Profile", "key-0"),
        (&profile, Some(1), "ASIA-home-Profile", "key-1"),
        (&Wanted::Role(role.clone()), Some(300_000), "ASIA-home-Ré+d/Only", "key-300"),
    ] {
        let given = client.credentials(wanted, millis.map(Duration::from_millis)).await.unwrap();
        assert_eq!((given.access_key_id.as_str(), given.secret_access_key.expose()), (key, secret));
        assert_eq!(given.session_token.expose(), "role-token");
        assert_eq!(given.expires_at, fake::NOW.after(Duration::from_secs(3600)), "in whole seconds");
    }
    let given = client.credentials(&Wanted::Role(role), None).await.unwrap();
    assert_eq!(given.account, "0123 &");
    for (name, code) in [("denied", "NoAccess"), ("nobody", "UnknownProfile"), ("gone", "SignInNeeded")] {
        let error = client.credentials(&Wanted::Profile(name.into()), None).await.unwrap_err();
        assert!(matches!(&error, Error::Refused(refusal) if refusal.code() == code), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn passes_refusals_on() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    serve(&client, fake::router_with(|| Err("line 3".into())));
    assert_eq!(client.reload().await.unwrap(), Err("line 3".into()));
    let retry_after = Some(Duration::from_secs(90));
    for (name, expected) in [
        ("gone", Refusal::SignInNeeded { session: "gone".into(), message: r#"about "gone""#.into() }),
        ("busy", Refusal::Temporary { message: r#"about "busy""#.into(), retry_after }),
        ("../é /?#%", Refusal::UnknownSession { message: r#"about "../é /?#%""#.into() }),
        ("..", Refusal::UnknownSession { message: r#"about "..""#.into() }),
    ] {
        for error in [
            client.token(Some(name), Duration::ZERO).await.unwrap_err(),
            client.refresh(name).await.unwrap_err(),
        ] {
            assert!(matches!(&error, Error::Refused(refusal) if *refusal == expected), "{error:?}");
        }
    }
}

#[tokio::test]
async fn nobody_there_is_not_running() {
    type Prepare = fn(&Path);
    let table: [(&str, Prepare); 3] = [
        ("nothing", |_| {}),
        ("stale socket", |path| drop(StdListener::bind(path).unwrap())),
        ("regular file", |path| drop(fs::File::create(path).unwrap())),
    ];
    for (case, prepare) in table {
        let folder = tempfile::tempdir().unwrap();
        let client = client(&folder);
        prepare(&client.socket);
        for error in [client.ping().await.unwrap_err(), client.token(None, PATIENCE).await.unwrap_err()] {
            assert!(matches!(error, Error::NotRunning), "{case}: {error:?}");
        }
    }
}

#[tokio::test]
async fn who_hangs_up_without_a_word_is_not_running() {
    for reads in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let client = client(&folder);
        let listener = UnixListener::bind(&client.socket).unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.readable().await.unwrap();
                if reads {
                    // Else the system tells the client that what it sent was thrown away.
                    let _ = stream.read(&mut [0; 4096]).await;
                }
            }
        });
        for error in [client.ping().await.unwrap_err(), client.token(None, PATIENCE).await.unwrap_err()] {
            assert!(matches!(error, Error::NotRunning), "{reads}: {error:?}");
        }
    }
}

#[tokio::test]
async fn another_users_socket_is_not_ours() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    serve(&client, fake::router());
    if std::os::unix::fs::chown(&client.socket, Some(1), None).is_err() {
        return; // Only root can give a file away.
    }
    assert!(matches!(client.ping().await, Err(Error::NotOurs { .. })));
}

#[tokio::test]
async fn a_server_that_never_answers_is_hung() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client { patience: Duration::from_millis(20), ..client(&folder) };
    // The system connects; nobody ever accepts.
    let _listener = UnixListener::bind(&client.socket).unwrap();
    let errors = async {
        [
            client.ping().await.unwrap_err(),
            client.status().await.unwrap_err(),
            client.token(None, PATIENCE).await.unwrap_err(),
            client.refresh("home").await.unwrap_err(),
            client.reload().await.unwrap_err(),
        ]
    };
    // Far from the patience, and short of the time that a refresh may take.
    let errors = timeout(EXCHANGE_LIMIT / 2, errors).await.expect("a hung daemon is not waited for");
    assert!(errors.iter().all(|error| matches!(error, Error::Hung)), "{errors:?}");
}

#[tokio::test]
async fn a_loop_that_does_not_turn_is_hung() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    serve_bytes(&client, http("503 Service Unavailable", r#"{"code":"Temporary","message":"no"}"#));
    assert!(matches!(client.ping().await, Err(Error::Hung)));
}

#[tokio::test]
async fn a_daemon_at_work_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client { patience: Duration::from_millis(300), ..client(&folder) };
    let (router, mut calls) = fake::manual();
    serve(&client, router);
    tokio::spawn(async move {
        let Some(Call::Refresh { reply: refresh, .. }) = calls.recv().await else {
            panic!("not the refresh")
        };
        let Some(Call::Ping { reply: ping }) = calls.recv().await else { panic!("not the ping") };
        ping.send(()).unwrap();
        refresh.send(Ok(fake::status("home"))).unwrap();
    });
    assert_eq!(client.refresh("home").await.unwrap(), fake::status("home"));
}

#[tokio::test]
async fn garbage_is_a_protocol_error_that_quotes_nothing() {
    let huge = "x".repeat(ANSWER_MAX + 1);
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"planted".into(),
        "SSH-2.0-planted\r\n".into(),
        http("200 OK", "planted"),
        http("200 OK", r#"{"version":1,"session":"planted"}"#),
        http(
            "200 OK",
            r#"{"version":2,"session":"w","accessToken":"planted","tokenType":"Bearer","expiresAt":"2027-01-01T00:00:00Z","expiresIn":1}"#,
        ),
        http(
            "200 OK",
            r#"{"version":1,"session":"w","accessToken":"planted","tokenType":"Bearer","expiresAt":"planted","expiresIn":1}"#,
        ),
        http("500 Internal Server Error", "planted"),
        http("403 Forbidden", r#"{"code":"Forbidden","message":"no"}"#),
        http("200 OK", &huge),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let client = client(&folder);
        serve_bytes(&client, answer.clone());
        let error = client.token(None, PATIENCE).await.unwrap_err();
        let place = &answer[..answer.len().min(80)];
        assert!(matches!(error, Error::Protocol(_)), "{place}: {error:?}");
        assert!(!error.to_string().contains("planted"), "{place}: {error}");
    }
}
