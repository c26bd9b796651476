use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::*;
use crate::session::token::Secret;

const CODE: &str = "/oauth/callback?code=the-code&state=the-state";

/// Long enough for any machine: what is waited for comes at once.
const PATIENCE: Duration = Duration::from_secs(20);

async fn serve() -> (Serving, u16) {
    let listener = Listener::bind(0).await.unwrap();
    let port = listener.port();
    (listener.serve("work", &State::kept(Secret::new("the-state"))), port)
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap()
}

/// The whole answer to a request of a browser.
async fn get(port: u16, target: &str) -> String {
    let mut stream = connect(port).await;
    let head = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

async fn answer(serving: &mut Serving) -> Answer {
    timeout(PATIENCE, serving.answer()).await.unwrap()
}

#[tokio::test]
async fn shows_what_came_of_the_answer_and_closes_the_port() {
    let (mut serving, port) = serve().await;
    let browser = tokio::spawn(async move { get(port, CODE).await });
    assert_eq!(answer(&mut serving).await, Answer::Code(Secret::new("the-code")));
    assert!(!browser.is_finished(), "it waits for the outcome");
    serving.show(Page::signed_in("work", "https://example.awsapps.com/start")).await;
    let shown = browser.await.unwrap();
    assert_eq!(status(&shown), "200");
    assert!(shown.contains("<h1>You are signed in</h1>") && shown.ends_with("</html>\n"), "{shown}");
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err(), "the port is closed");
}

#[tokio::test]
async fn nothing_else_ends_the_wait() {
    let (mut serving, port) = serve().await;
    // One that says nothing, and one that says half of it.
    let _silent = connect(port).await;
    let mut half = connect(port).await;
    half.write_all(b"GET /oauth/callback?code=the-code&state=the-").await.unwrap();
    for (target, expected, text) in [
        ("/favicon.ico", "404", "Nothing is here"),
        ("/", "404", "Nothing is here"),
        ("/oauth/callback?code=x&state=guess", "400", "The wrong tab"),
        ("/oauth/callback?error=access_denied", "400", "The wrong tab"),
        ("/oauth/callback?state=the-state", "400", "This can’t be read"),
    ] {
        let shown = get(port, target).await;
        assert_eq!(status(&shown), expected, "{target}");
        assert!(shown.contains(&format!("<h1>{text}</h1>")), "{target}: {shown}");
    }
    let mut other = connect(port).await;
    other.write_all(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").await.unwrap();
    let mut shown = String::new();
    timeout(PATIENCE, other.read_to_string(&mut shown)).await.unwrap().unwrap();
    assert_eq!(status(&shown), "421");
    // None of it has spoiled the sign-in.
    let browser = tokio::spawn(async move { get(port, CODE).await });
    assert_eq!(answer(&mut serving).await, Answer::Code(Secret::new("the-code")));
    serving.show(Page::refused("work")).await;
    assert!(browser.await.unwrap().contains("Sign-in refused"));
}

#[tokio::test]
async fn the_first_answer_counts_and_the_same_again_is_the_first() {
    let (mut serving, port) = serve().await;
    let ahead = tokio::spawn(async move { get(port, CODE).await });
    answer(&mut serving).await;
    let again = tokio::spawn(async move { get(port, CODE).await });
    let other = get(port, "/oauth/callback?code=another&state=the-state").await;
    assert_eq!(status(&other), "409");
    assert!(other.contains("<h1>Already answered</h1>"), "{other}");
    let mut waiting = serving.waiting.clone();
    timeout(PATIENCE, waiting.wait_for(|count| *count == 2)).await.unwrap().unwrap();
    serving.show(Page::signed_in("work", "")).await;
    for browser in [ahead, again] {
        assert!(browser.await.unwrap().contains("You are signed in"));
    }
}

#[tokio::test]
async fn a_crowd_does_not_keep_the_browser_out() {
    let (mut serving, port) = serve().await;
    let mut crowd = Vec::new();
    for _ in 0..3 * CONNECTIONS_MAX {
        crowd.push(connect(port).await);
    }
    let browser = tokio::spawn(async move { get(port, CODE).await });
    answer(&mut serving).await;
    serving.show(Page::refused("work")).await;
    assert_eq!(status(&browser.await.unwrap()), "200");
}

#[tokio::test]
async fn a_browser_that_does_not_read_is_not_waited_for() {
    let (mut serving, port) = serve().await;
    let mut rude = connect(port).await;
    let head = format!("GET {CODE} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    rude.write_all(head.as_bytes()).await.unwrap();
    answer(&mut serving).await;
    timeout(PATIENCE, serving.show(Page::refused("work"))).await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_told() {
    let listener = Listener::bind(0).await.unwrap();
    let error = Listener::bind(listener.port()).await.unwrap_err().to_string();
    let expected = format!("can't listen on 127.0.0.1:{}: ", listener.port());
    assert!(error.starts_with(&expected) && error.contains("choose another --port"), "{error}");
}
