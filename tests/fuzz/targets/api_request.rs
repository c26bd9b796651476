//! The bytes of a connection to the API, through hyper and the router to a loop that answers at once.
#![no_main]

mod oracle;

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use oracle::assert_is_a_line;
use serde_json::Value;
use sso_refresh::{
    api::{Call, IssuedToken, Refusal, Wanted, router::Router, unix::converse_for_fuzzing},
    config::line,
    session::{role::RoleCredentials, token::Secret},
    time::{Clock, Timestamp},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Builder,
    sync::mpsc,
};

const NOW: Timestamp = Timestamp::from_secs(1_798_761_600);

fuzz_target!(|bytes: &[u8]| {
    // With its clock paused no limit is waited for.
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (answers, tokens) = runtime.block_on(converse(bytes));
    let mut rest = answers.as_slice();
    let mut shown = 0;
    while !rest.is_empty() {
        let (answer, after) = Answer::read(rest);
        rest = after;
        answer.check();
        shown += usize::from(answer.holds_token());
    }
    assert!(shown <= tokens, "{shown} tokens, {tokens} calls");
    let post = bytes.windows(5).any(|part| part == b"POST ");
    assert!(post || !contains(&answers, br#""message":"reloaded""#));
});

/// What the client got, and how often a token was asked for.
async fn converse(bytes: &[u8]) -> (Vec<u8>, usize) {
    let (client, server) = tokio::io::duplex(1 << 20);
    let (sender, calls) = mpsc::channel(8);
    let router = Router::new(sender, Clock::from_fn(|| NOW));
    let (mut reader, mut writer) = tokio::io::split(client);
    let send = async {
        // The server may hang up first.
        drop(writer.write_all(bytes).await);
        drop(writer.shutdown().await);
    };
    let receive = async {
        let mut answers = Vec::new();
        drop(reader.read_to_end(&mut answers).await);
        answers
    };
    let (tokens, (), answers, ()) =
        tokio::join!(daemon(calls), send, receive, converse_for_fuzzing(server, router));
    (answers, tokens)
}

/// The daemon's loop: `work` has a token, no other session is known.
async fn daemon(mut calls: mpsc::Receiver<Call>) -> usize {
    let mut tokens = 0;
    while let Some(call) = calls.recv().await {
        match call {
            Call::Token { session, min_validity, reply } => {
                tokens += 1;
                drop(reply.send(match named(session.unwrap_or_else(|| "work".into())) {
                    Ok(_) if min_validity > Duration::from_secs(3600) => {
                        Err(Refusal::TooLong { message: "too long".into() })
                    }
                    Ok(session) => Ok(IssuedToken {
                        session,
                        access_token: Secret::new("planted-token"),
                        expires_at: NOW.after(Duration::from_secs(3600)),
                    }),
                    Err(refusal) => Err(refusal),
                }));
            }
            Call::Credentials { wanted, reply, .. } => {
                tokens += 1;
                let (account, refusal) = match wanted {
                    Wanted::Profile(profile) => (
                        "1".into(),
                        named(profile)
                            .err()
                            .map(|error| Refusal::UnknownProfile { message: error.to_string() }),
                    ),
                    Wanted::Role(role) => {
                        for name in [&role.account, &role.name] {
                            assert!(!name.contains(char::is_control), "{name:?} gets into a log");
                        }
                        (role.account, named(role.session).err())
                    }
                };
                drop(reply.send(refusal.map_or_else(|| Ok(credentials(account)), Err)));
            }
            Call::Refresh { session, reply, .. } => {
                let refusal = match named(session) {
                    Ok(session) => Refusal::SignInNeeded { session, message: "sign in".into() },
                    Err(refusal) => refusal,
                };
                drop(reply.send(Err(refusal)));
            }
            Call::Reload { reply } => drop(reply.send(Ok("reloaded".into()))),
            Call::Ping { reply } => drop(reply.send(())),
            // A closed reply is a daemon that is stopping.
            Call::Status { reply } => drop(reply),
            Call::Events { reply } => drop(reply),
        }
    }
    tokens
}

fn credentials(account: String) -> RoleCredentials {
    RoleCredentials {
        account,
        access_key_id: "ASIA".into(),
        secret_access_key: Secret::new("planted-token"),
        session_token: Secret::new("planted-token"),
        expires_at: NOW.after(Duration::from_secs(3600)),
    }
}

fn named(session: String) -> Result<String, Refusal> {
    assert!(!session.contains(char::is_control), "{session:?} gets into a log");
    match session.as_str() {
        "work" => Ok(session),
        _ => Err(Refusal::UnknownSession { message: line(format_args!("there is no session `{session}`")) }),
    }
}

struct Answer<'a> {
    status: u16,
    head: String,
    body: &'a [u8],
}

impl<'a> Answer<'a> {
    fn read(bytes: &'a [u8]) -> (Self, &'a [u8]) {
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").expect("a whole head") + 4;
        let head = std::str::from_utf8(&bytes[..end]).unwrap().to_ascii_lowercase();
        let status = head.strip_prefix("http/1.").unwrap()[2..5].parse().unwrap();
        let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
        let rest = &bytes[end..];
        // An answer to HEAD says how long it would be.
        let length = if rest.is_empty() || rest.starts_with(b"HTTP/1.") {
            0
        } else {
            length.expect("a length").parse().unwrap()
        };
        let (body, rest) = rest.split_at(length);
        (Self { status, head, body }, rest)
    }

    fn check(&self) {
        let Self { status, head, body } = self;
        assert!([100, 200, 400, 403, 404, 405, 408, 409, 413, 414, 422, 431, 503].contains(status), "{head}");
        if body.is_empty() {
            return;
        }
        assert!(head.contains("\r\ncache-control: no-store\r\n"), "{head}");
        if *body == b"ok" {
            return;
        }
        let json: Value = serde_json::from_slice(body).unwrap();
        let texts = ["code", "message", "Code", "Message", "session"].map(|key| json[key].as_str());
        for text in texts.into_iter().flatten() {
            assert_is_a_line(text);
        }
        assert!(*status == 200 || json["code"].is_string() && json["message"].is_string(), "{json}");
    }

    fn holds_token(&self) -> bool {
        let shown = [&br#""accessToken":"planted-token""#[..], br#""SecretAccessKey":"planted-token""#];
        let holds = shown.into_iter().any(|part| contains(self.body, part));
        assert!(!holds || self.status == 200);
        holds
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
