//! [`Context`]: what every command begins with.

use std::path::Path;

use super::exit::{self, Failure};
use crate::{
    api::client::Client,
    config::{self, SessionSettings, Settings, environment::Environment, paths::Paths, resolve_session},
    exchange::Exchanger,
    session::schedule::Policy,
    store::Store,
    time::Clock,
};

/// The environment, the places of the files, and the settings.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) env: Environment,
    pub(super) paths: Paths,
    pub(super) clock: Clock,
    /// A mistake in the configuration is no reason not to ask a daemon that still runs with the old one.
    settings: Result<Settings, config::Error>,
}

/// The sessions that a command is about, as the command line names them.
#[derive(Debug, clap::Args)]
pub(super) struct Selection {
    /// The session; without it the only one, else `default_session`, else the one of `AWS_PROFILE`
    session: Option<String>,
    /// All sessions
    #[arg(long, conflicts_with = "session")]
    all: bool,
}

impl Context {
    /// Finds the files, and reads the configuration. `config` is `--config`.
    pub(super) fn load(config: Option<&Path>) -> Result<Self, Failure> {
        Self::of(Environment::current(), config)
    }

    /// The same in another environment.
    pub(super) fn of(env: Environment, config: Option<&Path>) -> Result<Self, Failure> {
        let paths = Paths::resolve(&env, config).map_err(config::Error::from)?;
        let settings = config::load(&paths, &env);
        Ok(Self { env, paths, clock: Clock::system(), settings })
    }

    /// The same with the configuration as it is now.
    pub(super) fn again(&self) -> Self {
        let Self { env, paths, clock, .. } = self;
        let settings = config::load(paths, env);
        Self { env: env.clone(), paths: paths.clone(), clock: clock.clone(), settings }
    }

    /// The settings, valid.
    pub(super) fn settings(&self) -> Result<&Settings, Failure> {
        self.settings.as_ref().map_err(|error| Failure::new(exit::USAGE, error.to_string()))
    }

    /// The same for who goes on without.
    pub(super) fn valid(&self) -> Result<&Settings, &config::Error> {
        self.settings.as_ref()
    }

    /// The settings, to keep.
    pub(super) fn into_settings(self) -> Result<(Settings, Paths, Environment, Clock), Failure> {
        Ok((self.settings?, self.paths, self.env, self.clock))
    }

    /// The mistake in the configuration, where there is one.
    pub(super) fn config_error(&self) -> Option<&config::Error> {
        self.settings.as_ref().err()
    }

    /// The session that is meant by `given`.
    pub(super) fn session(&self, given: Option<&str>) -> Result<&SessionSettings, Failure> {
        Ok(resolve_session(self.settings()?, &self.env, given)?)
    }

    /// The sessions that are meant: at least one.
    pub(super) fn sessions(&self, selection: &Selection) -> Result<Vec<&SessionSettings>, Failure> {
        let sessions = &self.settings()?.sessions;
        if selection.all && !sessions.is_empty() {
            return Ok(sessions.values().collect());
        }
        Ok(vec![self.session(selection.session.as_deref())?])
    }

    /// The daemon's client.
    pub(super) fn client(&self) -> Client {
        Client::new(&self.paths.socket)
    }

    /// Works on the token files, over the network, as the daemon does.
    pub(super) fn exchanger(&self) -> Result<Exchanger, Failure> {
        let Paths { token_cache, state, runtime, .. } = self.paths.clone();
        let store = Store::new(token_cache, state, runtime);
        // What needs the folders will say so; a token that is good can be read all the same.
        if let Err(error) = store.prepare() {
            tracing::info!("{error}");
        }
        Ok(Exchanger::new(store, &self.settings()?.http, self.clock.clone()))
    }

    /// How a session decides.
    pub(super) fn policy(session: &SessionSettings) -> Policy {
        Policy {
            refresh_before: session.refresh_before,
            session_duration: session.session_duration,
            ..Policy::default()
        }
    }
}

/// Runs `work` to its end on a runtime of one thread.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::new(exit::FAILED, format!("the system gives no resources: {error}; close some programs"))
    })?;
    let result = runtime.block_on(work);
    // A look-up of a name can't be broken off, and nobody waits for one any more.
    runtime.shutdown_background();
    result
}
