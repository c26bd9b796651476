//! Everything from outside that wakes the loop, in one place: the deadline, the clock, signals, files
//! and the network.

use std::{
    io,
    path::{Path, PathBuf},
};

use futures_util::StreamExt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use super::watch::Watch;
use crate::{
    metrics::Cause,
    platform::{Fired, Network, Timer},
    time::Timestamp,
};

/// What woke the loop.
#[derive(Debug)]
pub(super) enum Woken {
    /// The deadline has come, or the clock is another.
    Timer(Fired),
    /// SIGHUP: the configuration is to be loaded again.
    Reload,
    /// SIGTERM or SIGINT.
    Stop,
    /// These paths changed.
    Files(Vec<PathBuf>),
    /// There may be a way to the network that was not there.
    Network,
}

impl Woken {
    /// What it counts as.
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Timer(Fired::Deadline) => Cause::Deadline,
            Self::Timer(Fired::ClockStep) => Cause::ClockStep,
            Self::Timer(Fired::Resume) => Cause::Resume,
            Self::Reload | Self::Stop => Cause::Signal,
            Self::Files(_) => Cause::Files,
            Self::Network => Cause::Network,
        }
    }
}

/// The sources.
pub(super) struct Wakes {
    timer: Timer,
    signals: Signals,
    /// None before anything is watched, or where the system refuses.
    watch: Option<Watch>,
    network: Listening,
}

/// Whether the network is listened to.
enum Listening {
    /// Nobody wants it.
    Not,
    /// The system does not tell: attempts that fail are repeated after a while all the same.
    InVain,
    /// As long as somebody wants it.
    To(Network),
}

impl Wakes {
    /// Listens to all of them.
    ///
    /// # Errors
    /// Where there is no timer or no signal to be had.
    pub(super) fn new() -> io::Result<Self> {
        let signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
        Ok(Self { timer: Timer::new()?, signals, watch: None, network: Listening::Not })
    }

    /// Watches `token_cache` and `files` from now on, whatever was watched before, as far as that is possible.
    ///
    /// # Errors
    /// Where the system has no watches left, or a link leads nowhere: what to do is in the text.
    pub(super) fn watch(&mut self, token_cache: &Path, files: Vec<PathBuf>) -> Result<(), String> {
        let watch = match &mut self.watch {
            Some(watch) => watch,
            None => self.watch.insert(Watch::new()?),
        };
        watch.look_again(token_cache, files)
    }

    /// Listens to the network as long as that is `wanted`, where the system lets it.
    pub(super) fn listen(&mut self, wanted: bool) {
        self.network = match (wanted, std::mem::replace(&mut self.network, Listening::Not)) {
            (false, _) => Listening::Not,
            (true, Listening::Not) => match Network::new() {
                Ok(network) => Listening::To(network),
                Err(error) => unheard(&error),
            },
            (true, listening) => listening,
        };
    }

    /// The next one; `deadline` at the latest. May be dropped and called again at any time.
    ///
    /// # Errors
    /// Where the timer fails.
    pub(super) async fn next(&mut self, deadline: Option<Timestamp>) -> io::Result<Woken> {
        tokio::select! {
            signal = self.signals.next() => Ok(match signal {
                Some(SIGHUP) => Woken::Reload,
                _ => Woken::Stop,
            }),
            paths = changed(&mut self.watch) => Ok(Woken::Files(paths)),
            changed = heard(&mut self.network) => {
                if let Err(error) = changed {
                    self.network = unheard(&error);
                }
                Ok(Woken::Network)
            }
            fired = self.timer.wait(deadline) => Ok(Woken::Timer(fired?)),
        }
    }
}

fn unheard(error: &io::Error) -> Listening {
    tracing::debug!("the system does not tell of changes of the network: {error}");
    Listening::InVain
}

async fn heard(network: &mut Listening) -> io::Result<()> {
    match network {
        Listening::To(network) => network.changed().await,
        Listening::Not | Listening::InVain => std::future::pending().await,
    }
}

async fn changed(watch: &mut Option<Watch>) -> Vec<PathBuf> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}
