//! [`Home`]: a home directory of its own, for the program under test and everything beside it.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::json;
use sso_refresh::{simulator::SignedIn, store::token_file_name, time::Clock};
use tempfile::TempDir;

use crate::center::Center;

const CONFIG: &str = ".aws/config";
/// What the profile of each session stands for.
pub(crate) const ACCOUNT: &str = "012345678901";
pub(crate) const ROLE: &str = "Developer";
const SCOPES: &[&str] = &["sso:account:access"];
/// A port that nobody listens on: a request that goes where it should not is refused.
const DEAD_PROXY: &str = "http://127.0.0.1:1";

pub(crate) struct Home(TempDir);

impl Home {
    /// A home whose AWS config file has these sessions, each with a profile of its name, and whose `config.toml` begins
    /// with `config` and sends each of them to `url`.
    pub(crate) fn new(sessions: &[&str], url: &str, config: &str) -> anyhow::Result<Self> {
        let (mut aws, mut own) = (String::new(), format!("{config}\n"));
        for name in sessions {
            let start_url = start_url(name);
            writeln!(aws, "[sso-session {name}]\nsso_start_url = {start_url}\nsso_region = us-east-1")?;
            aws.push_str(&profile(name, name, ACCOUNT, ROLE));
            writeln!(own, "[session.{name}]\nendpoint = \"{url}\"")?;
        }
        let home = Self(tempfile::tempdir()?);
        home.write(CONFIG, aws.as_bytes())?;
        home.write("config/sso-refresh/config.toml", own.as_bytes())?;
        fs::create_dir_all(home.path("run"))?;
        Ok(home)
    }

    /// Adds profiles to the AWS config file.
    pub(crate) fn add(&self, profiles: &str) -> anyhow::Result<()> {
        let found = fs::read_to_string(self.path(CONFIG))?;
        self.write(CONFIG, format!("{found}{profiles}").as_bytes())?;
        Ok(())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("run/sso-refresh/api.sock")
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::File::create(&path)?.write_all(bytes)?;
        Ok(path)
    }

    /// Signs in at `center` and writes the token file as the AWS CLI does, with a token that has `left` to live.
    pub(crate) fn sign_in(&self, center: &Center, name: &str, left: Duration) -> anyhow::Result<String> {
        let SignedIn { token, start_url } = center.simulator.sign_in(&start_url(name), SCOPES);
        let registration = token.registration.as_ref();
        let document = json!({
            "startUrl": start_url,
            "region": "us-east-1",
            "accessToken": token.access_token.expose(),
            "expiresAt": Clock::system().now().after(left).to_string(),
            "clientId": registration.map(|it| it.client_id.clone()),
            "clientSecret": registration.map(|it| it.client_secret.expose().to_owned()),
            "registrationExpiresAt": registration.and_then(|it| it.expires_at).map(|at| at.to_string()),
            "refreshToken": token.refresh_token.as_ref().map(|it| it.expose().to_owned()),
        });
        let file = Path::new(".aws/sso/cache").join(token_file_name(name));
        self.write(&file.display().to_string(), document.to_string().as_bytes())?;
        Ok(token.access_token.expose().to_owned())
    }

    /// A program with this home and nothing else of the environment but the `PATH`.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.0.path())
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("HTTPS_PROXY", DEAD_PROXY)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(self.0.path());
        command
    }
}

/// Where the user of a session signs in.
pub(crate) fn start_url(name: &str) -> String {
    format!("https://{name}.awsapps.com/start")
}

/// A profile of the AWS config file.
pub(crate) fn profile(name: &str, session: &str, account: &str, role: &str) -> String {
    format!(
        "[profile {name}]\nsso_session = {session}\nsso_account_id = {account}\nsso_role_name = {role}\n\n"
    )
}
