//! Planted secrets: whatever goes well or wrong, none of them reaches a log line of any crate at any level, a
//! status, an error, or the text of a panic.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use sso_refresh::{
    api::Wanted,
    session::{role::Role, status::State},
    simulator::{Fault, Options},
};

use crate::place::Place;

/// Keeps all that is logged.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<u8>>>);

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the crates that know nothing of tracing log.
impl log::Log for Recorder {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {} {}\n", record.level(), record.target(), record.args());
        self.0.lock().unwrap().extend_from_slice(line.as_bytes());
    }

    fn flush(&self) {}
}

impl Recorder {
    fn begin() -> Self {
        let recorder = Self::default();
        let writer = recorder.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log::set_boxed_logger(Box::new(recorder.clone())).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        recorder
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Every secret that a token file holds.
fn secrets(place: &Place) -> Vec<String> {
    let file = place.token_file("work");
    ["accessToken", "refreshToken", "clientSecret"]
        .map(|key| file[key].as_str().expect("a whole file").to_owned())
        .to_vec()
}

/// What was planted, and what was told of it.
#[derive(Default)]
struct Scene {
    planted: Vec<String>,
    told: Vec<String>,
}

async fn play(fault: &str) -> Scene {
    let place = Place::new(&["work"], Options::default()).await;
    let token = place.sign_in("work", Duration::from_secs(60));
    let mut scene =
        Scene { planted: secrets(&place), told: vec![format!("what a panic would show: {token:?}")] };
    place.simulator.set_faults(Fault::parse_lines(fault).unwrap());
    let Scene { planted, told } = &mut scene;
    place
        .play(async {
            let over = |state| matches!(state, State::LoginRequired | State::Fresh);
            place.until("it is over", "work", |status| over(status.state)).await;
            told.push(format!("{:?}", place.client.status().await));
            told.push(format!("{:?}", place.client.token(Some("work"), Duration::from_secs(90)).await));
            told.push(format!("{:?}", place.client.refresh("work").await));
            let role =
                Role { session: "work".into(), account: "012345678901".into(), name: "ReadOnly".into() };
            for _ in 0..2 {
                let given = place.client.credentials(&Wanted::Role(role.clone()), None).await;
                told.push(format!("{given:?}"));
                planted.extend(given.iter().flat_map(|given| {
                    [&given.secret_access_key, &given.session_token].map(|secret| secret.expose().to_owned())
                }));
            }
        })
        .await;
    scene.planted.extend(secrets(&place));
    scene
}

#[tokio::test]
async fn no_secret_is_told() {
    let recorder = Recorder::begin();
    let scenes = [
        "CreateToken:status=500:times=1",
        "CreateToken:html=200:times=1",
        "CreateToken:truncated:times=1",
        "CreateToken:drop:times=1",
        "CreateToken:InvalidClientException:times=1",
        "CreateToken:InvalidGrantException:times=2",
        "CreateToken:expires-in=-1:times=1",
        "GetRoleCredentials:UnauthorizedException:times=1",
        "GetRoleCredentials:truncated:times=1",
        "GetRoleCredentials:html=200:times=1",
        "GetRoleCredentials:status=500:times=1",
    ]
    .map(play);
    let mut all = Scene::default();
    for scene in join_all(scenes).await {
        all.planted.extend(scene.planted);
        all.told.extend(scene.told);
    }
    let logged = recorder.text();
    for part in ["refreshed", "sign in with", "has credentials of the role"] {
        assert!(logged.contains(part), "the log was recorded: {part}");
    }
    assert!(all.planted.len() > 80, "{} secrets were planted", all.planted.len());
    for text in std::iter::once(&logged).chain(&all.told) {
        for secret in &all.planted {
            // Half of a secret is one too many.
            let at = text.find(&secret[..secret.len() / 2]);
            assert!(at.is_none(), "a secret of {} bytes is told at {at:?}", secret.len());
        }
    }
}
