//! Looks at everything that the findings are made of.

use crate::{
    api::{Report, client},
    cli::context::Context,
    config::{
        self, SessionSettings,
        aws::{AwsConfig, SsoSession},
        paths::Paths,
    },
    doctor::{
        Facts, aws_config,
        config::Facts as ConfigFacts,
        sessions,
        token_files::{self, left_behind},
    },
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
    daemon: Result<Report, client::Error>,
}

/// What was done about what could be mended, a line each.
pub(super) type Mended = Vec<String>;

impl<'a> Seen<'a> {
    pub(super) async fn gather(context: &'a Context) -> Self {
        let store = store(&context.paths);
        Self {
            context,
            now: context.clock.now(),
            aws: config::aws_config(&context.paths).ok(),
            other: other_sessions(&context.paths),
            files: sessions_of(context).iter().map(|session| store.token_file(&session.name)).collect(),
            daemon: context.client().status().await,
        }
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        let Context { paths, .. } = self.context;
        let settings = self.context.valid();
        let warnings = self.aws.iter().flat_map(|aws| aws.warnings.iter().map(ToString::to_string));
        let sessions = sessions_of(self.context);
        Facts {
            config: ConfigFacts {
                file: paths.show(&paths.config),
                settings: settings.map_err(ToString::to_string),
                told_elsewhere: warnings.collect(),
            },
            aws_config: self.aws.as_ref().map(|read| aws_config::Facts {
                file: paths.show(&paths.aws_config),
                read,
                settings: settings.ok(),
                other: self.other.clone(),
            }),
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
            daemon: self.daemon.is_ok(),
        }
    }

    fn status(&self, session: &str) -> Option<&Status> {
        self.daemon.as_ref().ok()?.sessions.iter().find(|status| status.session == session)
    }
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
                mended.push(format!("{shown} had mode {:04o}; it is {:04o} now", loose.mode, loose.wanted))
            }
            Err(error) => tracing::warn!("the mode of {shown} can't be changed: {error}; see whose it is"),
        }
    }
    let strays: Vec<_> = left_behind(&store.strays(context.clock.now())).cloned().collect();
    if !strays.is_empty() {
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
