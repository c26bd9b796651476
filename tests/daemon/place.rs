//! A home directory of its own, an embedded Identity Center, and a daemon between them, all in this process.

#![expect(clippy::unwrap_used, reason = "a place that can't be made fails its test")]

use std::{
    fs,
    future::Future,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use sso_refresh::{
    api::client::Client,
    config::{self, environment::Environment, paths::Paths},
    daemon::{self, Relevel, Startup},
    platform::Inherited,
    session::{schedule::Policy, status::Status, token::Token},
    simulator::{Operation, Options, Simulator},
    store::token_file_name,
    time::{Clock, Timestamp},
};
use tempfile::TempDir;

pub(crate) const SCOPES: &[&str] = &["sso:account:access"];

/// How long anything may take before a test calls it lost. Nothing waits that long where all is well.
const LOST: Duration = Duration::from_secs(20);

pub(crate) struct Place {
    _home: TempDir,
    pub(crate) simulator: Simulator,
    pub(crate) client: Client,
    env: Environment,
    paths: Paths,
}

impl Place {
    /// A home whose AWS config file has the sessions `names`, signed out.
    pub(crate) async fn new(names: &[&str], options: Options) -> Self {
        let home = tempfile::tempdir().unwrap();
        let simulator = Simulator::start(SocketAddr::from(([127, 0, 0, 1], 0)), options).await.unwrap();
        let under = |name: &str| home.path().join(name).display().to_string();
        let env = Environment::from_pairs([
            ("HOME", home.path().display().to_string()),
            ("XDG_RUNTIME_DIR", under("run")),
            ("XDG_STATE_HOME", under("state")),
            ("XDG_CONFIG_HOME", under("config")),
            ("AWS_ENDPOINT_URL_SSO_OIDC", simulator.url()),
            ("AWS_ENDPOINT_URL_SSO", simulator.url()),
        ]);
        let paths = Paths::resolve(&env, None).unwrap();
        let client = Client::new(&paths.socket);
        let place = Self { _home: home, simulator, client, env, paths };
        fs::create_dir_all(&place.paths.token_cache).unwrap();
        fs::create_dir_all(place.paths.config.parent().unwrap()).unwrap();
        fs::create_dir_all(place.paths.runtime.parent().unwrap()).unwrap();
        place.write_aws_config(names);
        place
    }

    pub(crate) fn start_url(name: &str) -> String {
        format!("https://{name}.awsapps.com/start")
    }

    pub(crate) fn write_aws_config(&self, names: &[&str]) {
        let sections: Vec<String> = names
            .iter()
            .map(|name| {
                let url = Self::start_url(name);
                format!("[sso-session {name}]\nsso_start_url = {url}\nsso_region = us-east-1\n")
            })
            .collect();
        put(&self.paths.aws_config, sections.join("\n").as_bytes());
    }

    /// The same with the profiles of `profiles`, as lines of the file.
    pub(crate) fn write_aws_config_with(&self, names: &[&str], profiles: &str) {
        self.write_aws_config(names);
        let sessions = fs::read_to_string(&self.paths.aws_config).unwrap();
        put(&self.paths.aws_config, format!("{sessions}{profiles}").as_bytes());
    }

    pub(crate) fn write_config(&self, text: &str) {
        put(&self.paths.config, text.as_bytes());
    }

    pub(crate) fn aws_config(&self) -> &Path {
        &self.paths.aws_config
    }

    pub(crate) fn token_path(&self, name: &str) -> PathBuf {
        self.paths.token_cache.join(token_file_name(name))
    }

    /// Signs in at the server and writes the file in place, as the AWS CLI does, with a key of somebody else's.
    pub(crate) fn sign_in(&self, name: &str, left: Duration) -> Token {
        let token = self.simulator.sign_in(&Self::start_url(name), SCOPES).token;
        self.write_token(name, &token, left);
        token
    }

    pub(crate) fn write_token(&self, name: &str, token: &Token, left: Duration) {
        let registration = token.registration.as_ref().unwrap();
        let document = json!({
            "startUrl": Self::start_url(name),
            "region": "us-east-1",
            "accessToken": token.access_token.expose(),
            "expiresAt": Clock::system().now().after(left).to_string(),
            "clientId": registration.client_id,
            "clientSecret": registration.client_secret.expose(),
            "registrationExpiresAt": registration.expires_at.unwrap().to_string(),
            "refreshToken": token.refresh_token.as_ref().unwrap().expose(),
            "somebodyElses": {"kept": true},
        });
        put(&self.token_path(name), document.to_string().as_bytes());
    }

    pub(crate) fn token_file(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.token_path(name)).unwrap()).unwrap()
    }

    /// What is kept of a session in the own state, as text.
    pub(crate) fn own_state(&self) -> String {
        let Ok(folder) = fs::read_dir(self.paths.state.join("sessions")) else { return String::new() };
        folder.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }

    pub(crate) fn exchanges(&self) -> usize {
        self.simulator.count(Operation::CreateToken)
    }

    /// Plays `scene` beside a running daemon.
    pub(crate) async fn play(&self, scene: impl Future<Output = ()>) {
        self.play_at(Policy::default(), scene).await;
    }

    pub(crate) async fn play_at(&self, policy: Policy, scene: impl Future<Output = ()>) {
        tokio::select! {
            ended = daemon::run(self.startup(policy)) => panic!("the daemon ended: {ended:?}"),
            () = async {
                eventually("the daemon answers", async || self.client.ping().await.is_ok()).await;
                scene.await;
            } => {}
        }
    }

    pub(crate) fn startup(&self, policy: Policy) -> Startup {
        Startup {
            settings: config::load(&self.paths, &self.env).unwrap(),
            paths: self.paths.clone(),
            env: self.env.clone(),
            clock: Clock::system(),
            policy,
            relevel: Relevel::never(),
            inherited: Inherited::find(),
            program: "sso-refresh".into(),
        }
    }

    pub(crate) async fn status(&self, name: &str) -> Option<Status> {
        let report = self.client.status().await.unwrap();
        report.sessions.into_iter().find(|session| session.session == name)
    }

    /// Waits until the daemon says of session `name` what `says` wants to hear.
    pub(crate) async fn until(&self, what: &str, name: &str, says: impl Fn(&Status) -> bool) {
        eventually(what, async || self.status(name).await.is_some_and(|status| says(&status))).await;
    }
}

/// Asks again and again until it is so.
pub(crate) async fn eventually(what: &str, so: impl AsyncFn() -> bool) {
    let asking = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(LOST, asking).await.is_ok(), "never came to be: {what}");
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub(crate) fn moment(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().unwrap()).unwrap()
}

pub(crate) fn put(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    fs::File::create(path).unwrap().write_all(bytes).unwrap();
}
