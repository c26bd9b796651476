//! Programs that read the token file as AWS SDKs do: no lock, no daemon, and a token that is over is an error.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::task::JoinSet;

use crate::time::{Clock, Timestamp};

/// How long a program does something else between two readings.
const PAUSE: Duration = Duration::from_millis(50);

/// What an SDK needs of a token file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenFile {
    access_token: String,
    expires_at: Timestamp,
}

/// The programs; they end when this is dropped.
pub(super) struct Programs {
    tally: Arc<Mutex<Tally>>,
    _running: JoinSet<()>,
}

#[derive(Default)]
struct Tally {
    readings: u32,
    failures: Vec<String>,
}

impl Programs {
    /// How many there are.
    pub(super) const COUNT: u32 = 4;

    /// Starts them on the current runtime.
    pub(super) fn start(path: &Path, clock: &Clock) -> Self {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut running = JoinSet::new();
        for _ in 0..Self::COUNT {
            let (tally, path, clock) = (Arc::clone(&tally), path.to_owned(), clock.clone());
            running.spawn(async move {
                loop {
                    record(&tally, read(&path, clock.now()));
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        Self { tally, _running: running }
    }

    /// How many readings there were, and what was wrong with those that failed.
    pub(super) fn tally(&self) -> (u32, Vec<String>) {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        (tally.readings, tally.failures.clone())
    }
}

fn record(tally: &Mutex<Tally>, reading: Result<(), String>) {
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.readings += 1;
    tally.failures.extend(reading.err());
}

fn read(path: &Path, now: Timestamp) -> Result<(), String> {
    let text = fs::read(path).map_err(|error| format!("the file can't be read: {error}"))?;
    let file: TokenFile = serde_json::from_slice(&text).map_err(|_| "the file was torn".to_owned())?;
    match file {
        TokenFile { access_token, .. } if access_token.is_empty() => Err("there was no token in it".into()),
        TokenFile { expires_at, .. } if expires_at <= now => Err(format!("it had expired at {expires_at}")),
        TokenFile { .. } => Ok(()),
    }
}
