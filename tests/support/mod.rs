//! What the black-box tests share: a [`Home`] in which the real program runs and can reach nothing but this
//! machine, a [`Center`] for it to talk to, and a [`Daemon`] that does not outlive its test.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test can't set up fails the test")]

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    net::Ipv4Addr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::sys::signal::{self, SigHandler, Signal};
use serde_json::json;
use sso_refresh::{
    session::token::{Registration, Secret, Token},
    simulator::{Fault, Operation, Options, SignedIn, Simulator},
    store::token_file_name,
    time::{Clock, Timestamp},
};
use tempfile::TempDir;
use tokio::sync::oneshot;

pub(crate) const START_URL: &str = "https://example.awsapps.com/start";
pub(crate) const REGION: &str = "us-east-1";

/// The configuration of one session, `work`.
pub(crate) const WORK: &str = "[sso-session work]\nsso_start_url = https://example.awsapps.com/start\n\
                               sso_region = us-east-1\nsso_registration_scopes = sso:account:access\n";

/// The same and `home`.
pub(crate) const WORK_AND_HOME: &str = "[sso-session work]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n\
     [sso-session home]\nsso_start_url = https://home.awsapps.com/start\nsso_region = us-east-1\n";

/// A home directory with everything that the program looks at.
pub(crate) struct Home {
    folder: TempDir,
    endpoint: String,
}

/// Has programs that are started heed Ctrl-C, as from a terminal: whoever runs tests in the background may have them
/// ignore it.
#[expect(unsafe_code, reason = "a disposition can be set in no other way")]
fn heed_signals() {
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        // SAFETY: the default is no handler of ours, so that nothing can be called at a wrong moment.
        unsafe { signal::signal(signal, SigHandler::SigDfl) }.unwrap();
    }
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    /// An empty one. AWS is where nobody listens.
    pub(crate) fn new() -> Self {
        heed_signals();
        let folder = tempfile::Builder::new().prefix("sso").tempdir().unwrap();
        Self { folder, endpoint: "http://127.0.0.1:9".into() }
    }

    /// One whose AWS is `center`, with an AWS config file.
    pub(crate) fn with(center: &Center, aws_config: &str) -> Self {
        let home = Self { endpoint: center.url(), ..Self::new() };
        home.write_aws_config(aws_config);
        home
    }

    /// A path below it.
    pub(crate) fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Writes a file that nobody else can read, and its folders.
    pub(crate) fn write(&self, below: &str, content: &str) {
        let path = self.path(below);
        DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap()).unwrap();
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        file.unwrap().write_all(content.as_bytes()).unwrap();
    }

    pub(crate) fn write_aws_config(&self, text: &str) {
        self.write(".aws/config", text);
    }

    pub(crate) fn write_config(&self, text: &str) {
        self.write(".config/sso-refresh/config.toml", text);
    }

    /// The token file of a session.
    pub(crate) fn token_path(&self, session: &str) -> PathBuf {
        self.path(".aws/sso/cache").join(token_file_name(session))
    }

    /// Writes a token as the AWS CLI does.
    pub(crate) fn write_token(&self, session: &str, token: &Token, start_url: &str) {
        let mut file = json!({
            "startUrl": start_url,
            "region": REGION,
            "accessToken": token.access_token.expose(),
            "expiresAt": token.expires_at,
        });
        if let Some(Registration { client_id, client_secret, expires_at }) = &token.registration {
            file["clientId"] = json!(client_id);
            file["clientSecret"] = json!(client_secret.expose());
            file["registrationExpiresAt"] = json!(expires_at);
        }
        if let Some(refresh_token) = &token.refresh_token {
            file["refreshToken"] = json!(refresh_token.expose());
        }
        self.write(&format!(".aws/sso/cache/{}", token_file_name(session)), &file.to_string());
    }

    /// The access token in the file of a session; none where there is no such file.
    pub(crate) fn access_token(&self, session: &str) -> Option<String> {
        let text = fs::read_to_string(self.token_path(session)).ok()?;
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        Some(file["accessToken"].as_str().unwrap().into())
    }

    /// The program with nothing but this home in its environment.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sso-refresh"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.path(".config"))
            .env("XDG_STATE_HOME", self.path(".local/state"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("TMPDIR", self.path("run"))
            // A request that is meant to leave the machine fails at once.
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_SSO_OIDC", &self.endpoint)
            .env("AWS_ENDPOINT_URL_SSO", &self.endpoint);
        fs::create_dir_all(self.path("run")).unwrap();
        command
    }

    /// Runs a command line such as `"token work --json"` to its end.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.command(line.split_whitespace()).output().unwrap().into()
    }

    /// Starts the daemon.
    pub(crate) fn daemon(&self, flags: &[&str]) -> Daemon {
        self.daemon_with(flags, [])
    }

    /// The same with more in its environment.
    pub(crate) fn daemon_with<const N: usize>(&self, flags: &[&str], env: [(&str, PathBuf); N]) -> Daemon {
        let args = ["run"].iter().chain(flags);
        Daemon(self.command(args).envs(env).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

impl Ran {
    /// Standard output, wherever its lines were broken.
    pub(crate) fn said(&self) -> String {
        self.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A process that is killed at the end of its test, however that ends.
pub(crate) struct Daemon(pub(crate) Child);

impl Daemon {
    /// Reads standard error up to a line that contains `text`, and returns that line.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        wait_for(self.0.stderr.as_mut().unwrap(), text)
    }

    /// The first line of standard output.
    pub(crate) fn first_line(&mut self) -> String {
        wait_for(self.0.stdout.as_mut().unwrap(), "")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = nix::unistd::Pid::from_raw(self.0.id().try_into().unwrap());
        signal::kill(pid, signal).unwrap();
    }

    /// The exit code, once it has ended.
    pub(crate) fn wait(&mut self) -> i32 {
        self.0.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Byte by byte, so that nothing of the next line is lost.
fn wait_for(stream: &mut impl Read, text: &str) -> String {
    let mut lines = BufReader::with_capacity(1, stream).lines();
    let mut seen = Vec::new();
    loop {
        match lines.next() {
            Some(line) => seen.push(line.unwrap()),
            None => panic!("it ended without {text:?}: {seen:#?}"),
        }
        if seen.last().is_some_and(|line| line.contains(text)) {
            return seen.pop().unwrap();
        }
    }
}

/// An Identity Center in a thread of its own.
pub(crate) struct Center {
    simulator: Simulator,
    _stop: oneshot::Sender<()>,
}

impl Center {
    /// Starts one.
    pub(crate) fn start(options: Options) -> Self {
        let (started, starting) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let address = (Ipv4Addr::LOCALHOST, 0).into();
                started.send(Simulator::start(address, options).await.unwrap()).unwrap();
                // It ends with the test, when the other side is dropped.
                drop(stopped.await);
            });
        });
        Self { simulator: starting.recv().unwrap(), _stop: stop }
    }

    pub(crate) fn url(&self) -> String {
        self.simulator.url()
    }

    pub(crate) fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// Sets what goes wrong from now on, a fault a line.
    pub(crate) fn set_faults(&self, faults: &str) {
        self.simulator.set_faults(Fault::parse_lines(faults).unwrap());
    }

    /// How many exchanges were asked for.
    pub(crate) fn exchanges(&self) -> usize {
        self.simulator.count(Operation::CreateToken)
    }

    /// A token as of a sign-in, which `left` is left of as the file of `home` says.
    pub(crate) fn sign_in(&self, home: &Home, session: &str, left: Duration) -> Token {
        let SignedIn { token, start_url } = self.simulator.sign_in(START_URL, &["sso:account:access"]);
        let token = Token { expires_at: after(left), ..token };
        home.write_token(session, &token, &start_url);
        token
    }
}

/// A moment from now.
pub(crate) fn after(by: Duration) -> Timestamp {
    Timestamp::from_secs(Clock::system().now().after(by).secs())
}

/// Every secret of a token.
pub(crate) fn secrets(token: &Token) -> Vec<String> {
    let registration = token.registration.as_ref().map(|registration| &registration.client_secret);
    [Some(&token.access_token), token.refresh_token.as_ref(), registration]
        .into_iter()
        .flatten()
        .map(|secret: &Secret| secret.expose().to_owned())
        .collect()
}
