use std::{
    fs::Permissions,
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixListener as StdListener,
    },
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    task::JoinHandle,
};

use super::*;
use crate::api::{
    Call,
    connections::{ACCEPT_PAUSE, CONNECTIONS_MAX, HEAD_MAX},
    fake,
};

/// A served socket; `stop` is the shutdown.
struct Served {
    _folder: TempDir,
    path: PathBuf,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn start(router: Router) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/api.sock");
    let listener = bind(&path).unwrap();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(serve(listener, router, async { drop(stopped.await) }));
    Served { _folder: folder, path, stop, task }
}

impl Served {
    /// What the server sends until it closes the connection, for `sent`.
    async fn answer(&self, sent: &[u8]) -> String {
        let mut stream = self.open(sent).await;
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        String::from_utf8(received).unwrap()
    }

    async fn open(&self, sent: &[u8]) -> UnixStream {
        let mut stream = UnixStream::connect(&self.path).await.unwrap();
        stream.write_all(sent).await.unwrap();
        stream
    }
}

/// A request that closes its connection.
fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn speaks_http_as_clients_do() {
    let served = start(fake::router());
    let padded =
        |length| format!("GET /healthz HTTP/1.1\r\nx: {}\r\nconnection: close\r\n\r\n", "x".repeat(length));
    for (sent, expected) in [
        (get("/healthz"), "HTTP/1.1 200 OK"),
        ("GET /healthz HTTP/1.0\r\n\r\n".into(), "HTTP/1.0 200 OK"),
        (get("http://localhost/healthz"), "HTTP/1.1 200 OK"),
        (get("/v1/sessions/%00/token"), "HTTP/1.1 400 Bad Request"),
        (get("/../../etc/passwd"), "HTTP/1.1 404 Not Found"),
        (get("/v1/sessions/../token"), "HTTP/1.1 404 Not Found"),
        (padded(4096), "HTTP/1.1 200 OK"),
        (padded(HEAD_MAX + 1), "HTTP/1.1 431 Request Header Fields Too Large"),
        ("nonsense\r\n\r\n".into(), "HTTP/1.1 400 Bad Request"),
        ("POST /v1/reload HTTP/1.1\r\ncontent-length: 8193\r\n\r\n".into(), "HTTP/1.1 413 Payload Too Large"),
    ] {
        let mut stream = served.open(sent.as_bytes()).await;
        let mut received = vec![0; expected.len()];
        stream.read_exact(&mut received).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&received), expected, "{sent}");
    }
}

#[tokio::test]
async fn answers_pipelined_requests_in_their_order() {
    let served = start(fake::router());
    let kept = |target| format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let sent = [kept("/token?min_validity=1"), kept("/nowhere"), get("/token?min_validity=2")].concat();
    let received = served.answer(sent.as_bytes()).await;
    let places: Vec<_> =
        ["token-home-1", "404 Not Found", "token-home-2"].iter().map(|part| received.find(part)).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{received}");
}

#[tokio::test]
async fn a_good_client_is_served_among_stuck_ones() {
    let served = start(fake::router());
    let mut stuck = Vec::new();
    for _ in 0..2 * CONNECTIONS_MAX {
        stuck.push(served.open(b"GET /healthz HTTP/1.1\r\nx: ").await);
    }
    assert!(served.answer(get("/healthz").as_bytes()).await.ends_with("ok"));
}

/// Reads until the answer to `GET /healthz` is there.
async fn hear_ok(stream: &mut UnixStream) -> String {
    let mut received = Vec::new();
    while !received.ends_with(b"ok") {
        let mut bytes = [0; 1024];
        match stream.read(&mut bytes).await {
            Ok(read) if read > 0 => received.extend_from_slice(&bytes[..read]),
            _ => break,
        }
    }
    String::from_utf8(received).unwrap()
}

const KEPT: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn nobody_who_has_just_connected_is_closed_unheard() {
    let served = start(fake::router());
    let mut clients = Vec::new();
    for _ in 0..4 * CONNECTIONS_MAX {
        clients.push(UnixStream::connect(&served.path).await.unwrap());
        tokio::task::yield_now().await;
    }
    let clients = clients.into_iter().enumerate().map(|(number, mut client)| async move {
        client.write_all(KEPT).await.unwrap();
        assert!(hear_ok(&mut client).await.ends_with("ok"), "client {number}");
        client
    });
    let _kept = futures_util::future::join_all(clients).await;
}

#[tokio::test]
async fn the_connection_that_is_kept_for_the_longest_gives_way() {
    let served = start(fake::router());
    let mut new = served.open(b"").await;
    let mut kept = Vec::new();
    for _ in 1..CONNECTIONS_MAX {
        let mut client = served.open(KEPT).await;
        hear_ok(&mut client).await;
        kept.push(client);
    }
    assert!(served.answer(get("/healthz").as_bytes()).await.ends_with("ok"));
    assert_eq!(kept[0].read(&mut [0]).await.unwrap_or(0), 0, "the oldest is closed");
    for client in [&mut kept[1], &mut new] {
        client.write_all(KEPT).await.unwrap();
        assert!(hear_ok(client).await.ends_with("ok"), "no other is");
    }
}

#[tokio::test]
async fn a_place_is_free_when_its_connection_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let listener = bind(&folder.path().join("run/api.sock")).unwrap();
    let mut connections = Connections::new(fake::router(), None);
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut client = UnixStream::connect(folder.path().join("run/api.sock")).await.unwrap();
        assert!(connections.admit(listener.accept().await.unwrap().0).is_none());
        client.write_all(KEPT).await.unwrap();
        hear_ok(&mut client).await;
        clients.push(client);
    }
    let _one_more = UnixStream::connect(folder.path().join("run/api.sock")).await.unwrap();
    let mut waiting = connections.admit(listener.accept().await.unwrap().0);
    assert!(waiting.is_some(), "the oldest has not gone yet");
    while let Some(stream) = waiting {
        connections.room().await;
        waiting = connections.admit(stream);
    }
    let mut closed = 0;
    for client in &mut clients {
        closed += usize::from(matches!(client.try_read(&mut [0]), Ok(0)));
    }
    assert_eq!(closed, 1, "one gave way, and has gone");
}

#[tokio::test]
async fn the_first_beyond_the_bound_waits_for_an_answer_in_flight() {
    let (router, mut calls) = fake::manual();
    let served = start(router);
    let mut open = Vec::new();
    let mut asked = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        open.push(served.open(b"GET /token HTTP/1.1\r\nhost: localhost\r\n\r\n").await);
        asked.push(calls.recv().await.unwrap());
    }
    let mut one_more = served.open(get("/healthz").as_bytes()).await;
    // Nothing of it reaches the loop before a place is free, however long the server runs.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(calls.try_recv().is_err());
    drop(asked.pop());
    let Some(Call::Ping { reply }) = calls.recv().await else { panic!("not the ping of the one more") };
    reply.send(()).unwrap();
    let mut received = String::new();
    one_more.read_to_string(&mut received).await.unwrap();
    assert!(received.ends_with("ok"), "{received}");
}

#[tokio::test]
async fn a_shutdown_lets_answers_in_flight_end_and_closes_the_rest() {
    let (router, mut calls) = fake::manual();
    let served = start(router);
    let mut in_flight = served.open(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let Some(Call::Ping { reply }) = calls.recv().await else { panic!("not a ping") };
    let mut idle = served.open(b"").await;
    served.stop.send(()).unwrap();
    // The idle one is closed while the other still waits.
    assert_eq!(idle.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(!served.path.exists());
    reply.send(()).unwrap();
    let mut received = String::new();
    in_flight.read_to_string(&mut received).await.unwrap();
    assert!(received.contains("connection: close") && received.ends_with("ok"), "{received}");
    served.task.await.unwrap();
}

#[tokio::test]
async fn a_shutdown_leaves_the_socket_of_another_alone() {
    let served = start(fake::router());
    served.answer(get("/healthz").as_bytes()).await;
    let elsewhere = served.path.with_file_name("other.sock");
    let _other = bind(&elsewhere).unwrap();
    std::fs::rename(&elsewhere, &served.path).unwrap();
    served.stop.send(()).unwrap();
    served.task.await.unwrap();
    assert!(served.path.exists());
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_fails_is_not_asked_in_a_hot_loop() {
    let asked = Arc::new(AtomicUsize::new(0));
    let accept = || async {
        assert!(asked.fetch_add(1, Ordering::Relaxed) < 11, "a hot loop");
        Err::<Option<UnixStream>, _>(io::Error::from(Errno::EMFILE))
    };
    let mut connections = Connections::new(fake::manual().0, None);
    connections.take_from(accept, tokio::time::sleep(ACCEPT_PAUSE * 10)).await;
    assert!(asked.load(Ordering::Relaxed) > 1, "given up");
}

#[tokio::test]
async fn the_folder_is_private_and_the_socket_in_it() {
    for given in [None, Some(0o700), Some(0o755), Some(0o777)] {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        if let Some(mode) = given {
            std::fs::create_dir(&run).unwrap();
            std::fs::set_permissions(&run, Permissions::from_mode(mode)).unwrap();
        }
        let _listener = bind(&run.join("api.sock")).unwrap();
        assert_eq!(run.metadata().unwrap().mode() & 0o777, 0o700, "{given:?}");
    }
}

#[tokio::test]
async fn what_stands_in_the_way_is_replaced_or_named() {
    type Prepare = fn(&Path);
    let table: [(&str, Prepare, &str); 7] = [
        ("nothing", |_| {}, ""),
        ("stale socket", |path| drop(StdListener::bind(path).unwrap()), ""),
        (
            "live socket",
            |path| std::mem::forget(StdListener::bind(path).unwrap()),
            "another daemon answers on",
        ),
        ("file", |path| drop(File::create(path).unwrap()), "is no socket"),
        ("folder", |path| std::fs::create_dir(path).unwrap(), "is no socket"),
        ("link", |path| std::os::unix::fs::symlink("/nowhere", path).unwrap(), "is no socket"),
        (
            "datagrams",
            |path| std::mem::forget(std::os::unix::net::UnixDatagram::bind(path).unwrap()),
            "can't",
        ),
    ];
    for (case, prepare, expected) in table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        prepare(&path);
        let told = bind(&path).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(told.contains(expected) && told.is_empty() == expected.is_empty(), "{case}: {told}");
    }
}

#[tokio::test]
async fn a_folder_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    File::create(&file).unwrap();
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    for run in [file, link] {
        let error = bind(&run.join("api.sock")).unwrap_err();
        assert!(matches!(error, Error::NotAFolder { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_another_users_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    drop(StdListener::bind(&path).unwrap());
    if chown(&path, Some(1), None).is_err() {
        return; // Only root can give a file away.
    }
    assert!(matches!(bind(&path), Err(Error::Foreign { uid: 1, .. })));
    chown(folder.path(), Some(1), None).unwrap();
    assert!(matches!(bind(&path), Err(Error::Foreign { uid: 1, .. })));
}
