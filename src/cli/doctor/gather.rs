//! Looks at everything that the findings are made of.

use std::{fs, path::PathBuf, time::Duration};

use nix::unistd::getuid;
use tokio::time::timeout;

use super::probe::probe;
use crate::{
    api::{Report, client},
    cli::{
        context::Context,
        exit::Failure,
        import::usual_token_file,
        service::{
            changes::standing,
            manager::{self, Manager},
        },
    },
    config::{
        self, SessionSettings,
        aws::{AwsConfig, SsoSession},
        paths::Paths,
    },
    doctor::{
        Facts, aws_config,
        config::Facts as ConfigFacts,
        network, rivals,
        service::{self, Silence},
        sessions,
        token_files::{self, left_behind},
    },
    import::OldScript,
    platform::Process,
    service::{Command, OnFailure, Standing, State, program},
    session::status::Status,
    store::{Store, TokenFile},
    time::Timestamp,
};

/// What was seen, for the facts to lean on.
pub(super) struct Seen<'a> {
    context: &'a Context,
    now: Timestamp,
    aws: Option<AwsConfig>,
    other: Option<(String, Vec<SsoSession>)>,
    files: Vec<TokenFile>,
    service: Result<Service, Silence>,
    /// Whether the service ends with its user; none where the system does not say so in time.
    ends_with_user: Option<bool>,
    /// None where to ask would start it, or might.
    daemon: Option<Result<Report, client::Error>>,
    crontab: Option<String>,
    network: Option<network::Facts<'a>>,
}

/// How the service manager has the service, and what its file is.
struct Service {
    state: State,
    unit: Standing,
    missing_program: Option<PathBuf>,
}

/// How long another program may take to say something of this machine: a hundred times what a healthy one takes.
const PROMPT: Duration = Duration::from_secs(1);

/// What was done about what could be mended, a line each.
pub(super) type Mended = Vec<String>;

impl<'a> Seen<'a> {
    pub(super) async fn gather(context: &'a Context) -> Self {
        let store = store(&context.paths);
        let network = async {
            match context.valid() {
                Ok(settings) => Some(probe(context, settings).await),
                Err(_) => None,
            }
        };
        let local = async {
            let service = timeout(PROMPT, Service::ask(context)).await.unwrap_or(Err(Silence::Hung));
            let daemon = match &service {
                // It may be one behind whose socket a stopped service waits.
                Err(Silence::Hung) => None,
                Ok(Service { state, .. }) if state.would_be_woken() => None,
                _ => {
                    Some(timeout(PROMPT, context.client().status()).await.unwrap_or(Err(client::Error::Hung)))
                }
            };
            (service, daemon)
        };
        let manager = Manager::unasked(context);
        let ends_with_user = timeout(PROMPT, manager.ends_with_user(&context.env));
        let ((service, daemon), ends_with_user, crontab, network) =
            tokio::join!(local, ends_with_user, crontab(), network);
        // No answer may come, where one came to the daemon.
        let network = network.map(|network| {
            let known = daemon.as_ref().and_then(|answer| answer.as_ref().ok()?.daemon.clock_ahead_secs);
            network::Facts { ahead_secs: network.ahead_secs.or(known), ..network }
        });
        Self {
            context,
            now: context.clock.now(),
            aws: config::aws_config(&context.paths).ok(),
            other: other_sessions(&context.paths),
            files: sessions_of(context).iter().map(|session| store.token_file(&session.name)).collect(),
            service,
            ends_with_user: ends_with_user.ok(),
            daemon,
            crontab,
            network,
        }
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        let Context { paths, .. } = self.context;
        let settings = self.context.valid();
        let mut warnings: Vec<String> =
            self.aws.iter().flat_map(|aws| aws.warnings.iter().map(ToString::to_string)).collect();
        let of_settings = settings.map(|settings| settings.warnings.as_slice()).unwrap_or_default();
        warnings.extend(of_settings.iter().filter(|text| text.starts_with("AWS_ENDPOINT_URL ")).cloned());
        let sessions = sessions_of(self.context);
        Facts {
            config: ConfigFacts {
                file: paths.config.exists().then(|| paths.show(&paths.config)),
                settings: settings.map_err(ToString::to_string),
                told_elsewhere: warnings,
            },
            aws_config: self.aws.as_ref().map(|read| aws_config::Facts {
                file: paths.show(&paths.aws_config),
                read,
                settings: settings.ok(),
                other: self.other.clone(),
            }),
            environment: &self.context.env,
            network: self.network.as_ref(),
            rivals: rivals::Facts {
                old_script: OldScript::find(&usual_token_file(paths)),
                processes: Process::all_of(getuid().as_raw()),
                crontab: self.crontab.clone(),
            },
            service: service::Facts {
                service: self
                    .service
                    .as_ref()
                    .map(|service| service.facts(self.ends_with_user))
                    .map_err(Clone::clone),
                daemon: self.daemon.as_ref().map(|answer| answer.as_ref().map(|report| &report.daemon)),
                config_is_valid: settings.is_ok(),
            },
            token_files: self.token_files(&sessions),
            sessions: sessions
                .iter()
                .zip(&self.files)
                .map(|(settings, file)| sessions::Facts {
                    settings,
                    status: self.status(&settings.name),
                    file,
                    now: self.now,
                })
                .collect(),
        }
    }

    fn token_files(&self, sessions: &[&SessionSettings]) -> token_files::Facts<'_> {
        let store = store(&self.context.paths);
        let names: Vec<&str> = sessions.iter().map(|session| session.name.as_str()).collect();
        token_files::Facts {
            paths: &self.context.paths,
            files: names.iter().map(|name| (*name).to_owned()).zip(&self.files).collect(),
            loose: store.loose(&names),
            strays: store.strays(self.now),
            daemon: self.report().is_some(),
        }
    }

    fn report(&self) -> Option<&Report> {
        self.daemon.as_ref()?.as_ref().ok()
    }

    fn status(&self, session: &str) -> Option<&Status> {
        self.report()?.sessions.iter().find(|status| status.session == session)
    }
}

impl Service {
    async fn ask(context: &Context) -> Result<Self, Silence> {
        let silence = |failure: Failure| Silence::Unreachable(failure.into_line());
        let manager = Manager::reach(context).await.map_err(silence)?;
        let state = manager.state().await.map_err(silence)?;
        let file = state.file.clone().or_else(|| manager.file());
        let unit = file.as_deref().map_or(Standing::Absent, |file| standing(file, None));
        let text = file.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        let program = program(&text).map(PathBuf::from).filter(|program| program.is_absolute());
        let missing_program = program.filter(|program| !program.exists());
        Ok(Self { state, unit, missing_program })
    }

    fn facts(&self, ends_with_user: Option<bool>) -> service::Service<'_> {
        let Self { state, unit, missing_program } = self;
        service::Service {
            state,
            unit: unit.clone(),
            missing_program: missing_program.clone(),
            ends_with_user,
        }
    }
}

/// What the user has cron do; none where there is no cron.
async fn crontab() -> Option<String> {
    let words = ["crontab", "-l"].map(str::to_owned).to_vec();
    manager::run(&Command { words, limit: PROMPT, failure: OnFailure::Ignore }).await.ok()?
}

/// Mends what can be mended without a loss.
pub(super) fn mend(context: &Context) -> Mended {
    let (store, paths) = (store(&context.paths), &context.paths);
    let sessions = sessions_of(context);
    let names: Vec<&str> = sessions.iter().map(|session| session.name.as_str()).collect();
    let mut mended = Vec::new();
    for loose in store.loose(&names) {
        let shown = paths.show(&loose.path);
        match loose.tighten() {
            Ok(()) => {
                mended.push(format!("{shown} had mode {:04o}; it is {:04o} now", loose.mode, loose.wanted));
            }
            Err(error) => tracing::warn!("the mode of {shown} can't be changed: {error}; see whose it is"),
        }
    }
    let strays: Vec<_> = left_behind(&store.strays(context.clock.now())).cloned().collect();
    if strays.is_empty() {
        return mended;
    }
    if context.valid().is_err() {
        // One may hold the newest token of a session that is not known now.
        tracing::warn!(
            "what a crash has left stays until the configuration can be read: mend that, and run this again"
        );
    } else {
        let gone = store.clear(&strays, &names);
        mended.extend(gone.iter().map(|path| format!("deleted {}", paths.show(path))));
        if gone.len() < strays.len() {
            tracing::warn!("what a crash has left stays while a session is being refreshed: run this again");
        }
    }
    mended
}

fn sessions_of(context: &Context) -> Vec<&SessionSettings> {
    context.valid().map(|settings| settings.sessions.values().collect()).unwrap_or_default()
}

fn store(paths: &Paths) -> Store {
    Store::new(paths.token_cache.clone(), paths.state.clone(), paths.runtime.clone())
}

/// What is in the usual AWS config file where another one is read.
fn other_sessions(paths: &Paths) -> Option<(String, Vec<SsoSession>)> {
    let usual = paths.home.join(".aws/config");
    if usual == paths.aws_config {
        return None;
    }
    let read = config::aws_config(&Paths { aws_config: usual.clone(), ..paths.clone() }).ok()?;
    Some((paths.show(&usual), read.sessions))
}
