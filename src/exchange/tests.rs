//! Exchanges against a server that plays what it is told to.

use std::{fs::OpenOptions, io::Write};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::*;
use crate::{
    http::scripted::{Play, Server, json},
    store::fixture::{Place, SESSION, document, token, token_read},
    time::Timestamp,
};

/// When token 1 of the fixture has half of its life left.
const NOW: Timestamp = Timestamp::from_secs(1_798_764_200);

/// What the server says to a refresh: token `n` of the fixture.
fn issued(n: i64) -> Play {
    let left = token(n).expires_at.since(NOW).as_secs();
    json(200, &format!(r#"{{"accessToken":"access-{n}","refreshToken":"refresh-{n}","expiresIn":{left}}}"#))
}

struct World {
    place: Place,
    server: Server,
    exchanger: Exchanger,
    session: SessionSettings,
}

impl World {
    async fn new(plays: Vec<Play>) -> Self {
        let place = Place::new();
        let server = Server::start(plays).await;
        let exchanger = Exchanger::new(place.store.clone(), &HttpSettings::default(), Clock::from_fn(|| NOW));
        let session = SessionSettings {
            name: SESSION.into(),
            start_url: Some("https://example.awsapps.com/start".into()),
            region: "eu-west-1".into(),
            scopes: vec!["sso:account:access".into()],
            refresh_before: Duration::from_secs(1200),
            session_duration: None,
            oidc_endpoint: Some(server.url()),
            portal_endpoint: None,
            use_fips: false,
            use_dual_stack: false,
            origin: String::new(),
        };
        Self { place, server, exchanger, session }
    }

    async fn exchange(&self) -> Exchanged {
        self.exchanger.exchange(&self.session, Some(&token_read(1)), Duration::from_secs(60)).await
    }
}

#[tokio::test]
async fn an_answer_is_on_the_disk_when_it_is_told() {
    let world = World::new(vec![issued(2)]).await;
    world.place.put(document(1).as_bytes());
    let Exchanged { outcome, .. } = world.exchange().await;
    assert!(matches!(&outcome, Outcome::Refreshed(told) if told.same_as(&token(2))), "{outcome:?}");
    assert_eq!(world.place.text(), Some(document(2)));
}

#[tokio::test]
async fn without_room_for_the_answer_nothing_is_sent() {
    let world = World::new(vec![issued(2)]).await;
    let open = world.place.put_out_of_reach(document(1).as_bytes());
    if !world.place.path().exists() {
        eprintln!("not tested: this system has no /proc");
        return;
    }
    let Exchanged { outcome, .. } = world.exchange().await;
    let Outcome::Failed(Failure { message, .. }) = &outcome else { panic!("{outcome:?}") };
    assert!(
        message.starts_with("nothing is refreshed as long as a new token can't be kept: can't write"),
        "{message}"
    );
    assert!(world.server.requests().is_empty(), "the refresh token is not spent");
    drop(open);
    std::fs::remove_file(world.place.path()).unwrap();
    world.place.put(document(1).as_bytes());
    assert!(matches!(world.exchange().await.outcome, Outcome::Refreshed(_)), "once there is room");
}

#[tokio::test]
async fn the_lock_is_kept_until_the_replaced_file_was_looked_at() {
    let world = World::new(vec![issued(2), issued(8)]).await;
    world.place.put(document(1).as_bytes());
    // As the AWS CLI opens it, just before it is replaced.
    let mut writer = OpenOptions::new().write(true).open(world.place.path()).unwrap();
    let Exchanged { outcome, replaced } = world.exchange().await;
    assert!(matches!(outcome, Outcome::Refreshed(_)), "told before the lock is free");
    let replaced = replaced.unwrap();
    assert!(world.place.store.try_lock(SESSION).unwrap().is_none());
    let known = token(2);
    let next = world.exchanger.exchange(&world.session, Some(&known), Duration::from_secs(60));
    let write = async {
        writer.set_len(0).unwrap();
        writer.write_all(&document(7).as_bytes()[..99]).unwrap();
        tokio::task::yield_now().await;
        writer.write_all(&document(7).as_bytes()[99..]).unwrap();
    };
    let (next, (), ()) = tokio::join!(next, write, replaced.look_again());
    let Outcome::Adopted(adopted) = next.outcome else { panic!("{next:?}") };
    assert!(adopted.same_as(&token(7)));
    assert_eq!(world.place.text(), Some(document(7)));
    assert_eq!(world.server.requests().len(), 1, "nothing was spent that the sign-in has made worthless");
}

#[tokio::test]
async fn a_slow_writer_of_the_replaced_file_is_waited_for() {
    let world = World::new(vec![issued(2)]).await;
    world.place.put(document(1).as_bytes());
    let mut writer = OpenOptions::new().write(true).open(world.place.path()).unwrap();
    let replaced = world.exchange().await.replaced.unwrap();
    writer.set_len(0).unwrap();
    let write = async {
        // Twice as long as a writer at work takes: the first look finds half of it.
        tokio::time::sleep(Duration::from_millis(500)).await;
        writer.write_all(document(7).as_bytes()).unwrap();
    };
    tokio::join!(write, replaced.look_again());
    assert_eq!(world.place.text(), Some(document(7)));
}

#[tokio::test]
async fn a_sign_in_and_a_sign_out_that_come_right_then_have_the_last_word() {
    for signs_in in [true, false] {
        let world = World::new(vec![issued(2)]).await;
        world.place.put(document(1).as_bytes());
        let replaced = world.exchange().await.replaced.unwrap();
        let sign = async {
            let mut locked = world.exchanger.lock(SESSION).await.unwrap();
            if signs_in {
                locked.create(&token(5), &identity(&world.session)).unwrap();
            } else {
                locked.delete().unwrap();
            }
        };
        tokio::join!(replaced.look_again(), sign);
        assert_eq!(world.place.text(), signs_in.then(|| document(5)));
    }
}

#[tokio::test]
async fn a_healed_file_is_looked_at_again_too() {
    let world = World::new(vec![]).await;
    world.place.put((document(1) + "\"}").as_bytes());
    let mut writer = OpenOptions::new().write(true).open(world.place.path()).unwrap();
    let replaced = world.exchanger.heal(&world.session).await.unwrap().unwrap();
    assert_eq!(world.place.text(), Some(document(1)));
    writer.set_len(0).unwrap();
    writer.write_all(document(7).as_bytes()).unwrap();
    replaced.look_again().await;
    assert_eq!(world.place.text(), Some(document(7)));
    assert!(world.exchanger.heal(&world.session).await.unwrap().is_none(), "it is whole");
}

#[tokio::test]
async fn a_token_of_others_is_copied_as_soon_as_it_is_found() {
    let world = World::new(vec![]).await;
    world.place.put(document(1).as_bytes());
    {
        let _held = world.place.lock();
        assert!(matches!(world.exchanger.read(SESSION).await, (Stored::Token(_), true)));
        world.place.put(b"");
        assert_eq!(world.place.access(), "broken", "another process is at it");
        world.place.put(document(1).as_bytes());
    }
    for n in [1, 2] {
        world.place.put(document(n).as_bytes());
        let (Stored::Token(token), true) = world.exchanger.read(SESSION).await else { panic!("{n}") };
        assert!(token.same_as(&token_read(n)));
        world.place.put(b"");
        assert_eq!(world.place.access(), format!("access-{n}"));
        assert!(world.exchanger.heal(&world.session).await.unwrap().is_some());
        assert_eq!(world.place.text(), Some(document(n)));
    }
    let (inode, text) = (world.place.own_state_inode(), world.place.text());
    world.exchanger.read(SESSION).await;
    assert_eq!((world.place.own_state_inode(), world.place.text()), (inode, text), "written once");
}

#[tokio::test]
async fn what_a_crash_left_is_found_by_a_reading() {
    let world = World::new(vec![]).await;
    world.place.put(document(1).as_bytes());
    world.exchanger.read(SESSION).await;
    world.place.leave_stray(document(2).as_bytes());
    let (Stored::Token(token), true) = world.exchanger.read(SESSION).await else { panic!("no token") };
    assert!(token.same_as(&token_read(2)));
    assert_eq!((world.place.text(), world.place.names().len()), (Some(document(2)), 1));
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_waited_for_unless_its_holder_is_stopped() {
    let world = World::new(vec![]).await;
    let _held = world.place.lock();
    let pid = std::process::id();
    let message = world.exchanger.lock(SESSION).await.unwrap_err();
    assert_eq!(
        message,
        format!(
            "another process of sso-refresh ({pid}) has held the lock of `{SESSION}` for too long: end it with \
             `kill {pid}`"
        )
    );
    let mut stopped = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let pid = stopped.id();
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGSTOP).unwrap();
    while !Process::find(pid.cast_signed()).is_some_and(|process| process.stopped) {
        std::thread::yield_now();
    }
    world.place.name_holder(pid);
    // The tests' clock: it is the sleeps that count.
    let given_up = tokio::time::timeout(Duration::from_secs(3), world.exchanger.lock(SESSION)).await;
    stopped.kill().unwrap();
    stopped.wait().unwrap();
    assert_eq!(
        given_up.unwrap().unwrap_err(),
        format!(
            "another process of sso-refresh ({pid}) holds the lock of `{SESSION}` and is stopped: continue it with \
             `kill -CONT {pid}` or end it with `kill -KILL {pid}`"
        )
    );
}

#[tokio::test]
async fn a_sign_in_that_was_read_while_the_lock_was_kept_has_a_copy_too() {
    let world = World::new(vec![issued(2)]).await;
    world.place.put(document(1).as_bytes());
    let replaced = world.exchange().await.replaced.unwrap();
    world.place.put(document(7).as_bytes());
    assert!(
        matches!(world.exchanger.read(SESSION).await, (Stored::Token(read), true) if read.same_as(&token(7)))
    );
    replaced.look_again().await;
    world.place.put(b"");
    assert_eq!(world.place.access(), "access-7");
}
