//! Exchanges against a server that plays what it is told to.

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
            start_url: "https://example.awsapps.com/start".into(),
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
