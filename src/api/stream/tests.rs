use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync::oneshot,
    task::JoinHandle,
};

use super::*;
use crate::{
    api::{
        Call,
        client::{Client, events::Next},
        fake, unix,
    },
    events::bus::{BACKLOG, Bus},
    time::Timestamp,
};

/// A served socket whose loop knows of events alone.
struct Served {
    folder: TempDir,
    bus: Bus,
    calls: mpsc::Receiver<Call>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (router, calls) = fake::manual();
        let (stop, stopped) = oneshot::channel();
        let listener = unix::bind(&folder.path().join("run/api.sock")).unwrap();
        let task = tokio::spawn(unix::serve(listener, router, async { drop(stopped.await) }));
        Self { folder, bus: Bus::default(), calls, stop, task }
    }

    async fn grant(&mut self) {
        let Some(Call::Events { reply }) = self.calls.recv().await else { panic!("not for events") };
        reply.send(self.bus.subscribe()).unwrap();
    }

    fn client(&self) -> Client {
        Client::new(&self.folder.path().join("run/api.sock"))
    }

    /// One who follows by the client.
    async fn follow(&mut self) -> crate::api::client::events::Events {
        let client = self.client();
        tokio::join!(client.events(), self.grant()).0.unwrap()
    }

    /// One who reads when the test does.
    async fn follow_raw(&mut self) -> BufReader<UnixStream> {
        let mut stream = UnixStream::connect(self.folder.path().join("run/api.sock")).await.unwrap();
        stream.write_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        self.grant().await;
        BufReader::new(stream)
    }

    fn publish(&mut self, length: usize) {
        let event = Event::new("refreshed", Timestamp::from_secs(0), "x".repeat(length)).of("work");
        self.bus.publish(event);
    }
}

fn data(next: Next) -> String {
    let Next::Event(json) = next else { panic!("{next:?}") };
    serde_json::from_str::<Event>(&json).unwrap().message
}

#[tokio::test]
async fn events_come_as_they_happen_and_the_end_with_its_reason() {
    let mut served = Served::start();
    let mut raw = served.follow_raw().await;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        raw.read_line(&mut head).await.unwrap();
    }
    assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
    assert!(head.contains("cache-control: no-store\r\n"), "{head}");
    let mut events = served.follow().await;
    for length in 1..4 {
        served.publish(length);
        assert_eq!(data(events.next().await.unwrap()).len(), length);
    }
    served.publish(4);
    drop(std::mem::take(&mut served.bus));
    assert_eq!(data(events.next().await.unwrap()).len(), 4, "the last one too");
    assert_eq!(events.next().await.unwrap(), Next::End(Some("the daemon stops".into())));
}

#[tokio::test]
async fn who_does_not_read_is_dropped_while_the_others_are_served() {
    let mut served = Served::start();
    let slow = served.follow_raw().await;
    let mut quick = served.follow().await;
    // More than the system keeps for a socket, and then more than may wait.
    for number in 0..BACKLOG * 8 {
        served.publish(4000 + number);
        assert_eq!(data(quick.next().await.unwrap()).len(), 4000 + number);
    }
    // Its connection is closed: what had been sent can be read, and then the end is there.
    let (mut lines, mut read) = (slow.lines(), 0);
    while let Ok(Some(line)) = lines.next_line().await {
        read += usize::from(line.starts_with("data:"));
    }
    assert!(read < BACKLOG * 8, "it was not dropped");
    served.publish(1);
    assert_eq!(data(quick.next().await.unwrap()), "x");
}

#[tokio::test]
async fn a_shutdown_waits_for_nobody_who_follows() {
    let mut served = Served::start();
    let mut events = served.follow().await;
    let _idle = served.follow_raw().await;
    served.publish(1);
    served.stop.send(()).unwrap();
    assert_eq!(data(events.next().await.unwrap()), "x", "what was told is sent");
    assert!(matches!(events.next().await.unwrap(), Next::End(Some(why)) if why.contains("any more")));
    timeout(Duration::from_secs(20), served.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn those_who_follow_leave_places_for_others_and_give_theirs_back() {
    let mut served = Served::start();
    let mut following = Vec::new();
    let refused = loop {
        let client = served.client();
        match tokio::join!(client.events(), served.grant()).0 {
            Ok(events) => following.push(events),
            Err(error) => break error.to_string(),
        }
        assert!(following.len() < crate::api::connections::CONNECTIONS_MAX, "they have taken all places");
    };
    assert!(refused.contains("end one of them"), "{refused}");
    let client = served.client();
    let ping = async {
        let Some(Call::Ping { reply }) = served.calls.recv().await else { panic!("not a ping") };
        reply.send(()).unwrap();
    };
    tokio::join!(client.ping(), ping).0.unwrap();
    // The system tells of the end of a connection, though nothing is sent on it.
    following.pop();
    loop {
        if tokio::join!(client.events(), served.grant()).0.is_ok() {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_outlives_what_ends_other_connections() {
    let mut served = Served::start();
    let mut events = served.follow().await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    tokio::time::resume();
    served.publish(1);
    assert_eq!(data(events.next().await.unwrap()), "x");
}
