//! [`Endpoint`]: the loopback endpoint, started, changed and stopped as `[listen]` says.
//!
//! Without it the daemon goes on: a port that somebody else has, or a token file that can't be used, is told once and
//! tried again now and then. The token stays the same for as long as the address does.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::oneshot, task::JoinSet};

use crate::{
    api::{
        EndpointInfo,
        guard::{Asked, Guard, Pass, new_token},
        loopback,
        router::Router,
    },
    config::{ListenSettings, glob, line},
    kind::{Kind, told},
    platform,
    session::token::Secret,
    store::endpoint_token,
    time::Timestamp,
};

/// How long after it could not be started that is tried again.
const AGAIN: Duration = Duration::from_secs(60);
/// What the file with a token of ours is called, in the folder of the socket.
const OWN_FILE: &str = "endpoint-token";

/// The endpoint, running or not.
#[derive(Debug)]
pub(super) struct Endpoint {
    router: Router,
    /// Where a token of ours is.
    own_file: PathBuf,
    wanted: Option<ListenSettings>,
    running: Option<Running>,
    /// Why it is not as it is wanted.
    trouble: Option<String>,
    again_at: Option<Timestamp>,
    /// The listeners, those that finish their last answers among them.
    tasks: JoinSet<()>,
    /// What was told of it, for programs.
    told: Vec<(Kind, String)>,
}

#[derive(Debug)]
struct Running {
    /// As it is configured: its port may be 0.
    wanted: SocketAddr,
    guard: Arc<Guard>,
    /// What counts where the user has no token.
    own_token: Secret,
    /// What counts.
    token: Secret,
    /// Where that is.
    token_file: PathBuf,
    /// Dropped, it ends the listener.
    _stop: oneshot::Sender<()>,
}

impl Endpoint {
    /// Asks the loop through `router`; `runtime` is the folder of the socket.
    pub(super) fn new(router: Router, runtime: &Path) -> Self {
        Self {
            router,
            own_file: runtime.join(OWN_FILE),
            wanted: None,
            running: None,
            trouble: None,
            again_at: None,
            tasks: JoinSet::new(),
            told: Vec::new(),
        }
    }

    /// Makes of it what `wanted` says.
    pub(super) fn apply(&mut self, wanted: Option<&ListenSettings>, now: Timestamp) {
        while self.tasks.try_join_next().is_some() {}
        self.wanted = wanted.cloned();
        let stays = |running: &Running| wanted.is_some_and(|wanted| wanted.address == running.wanted);
        if self.running.take_if(|running| !stays(running)).is_some() {
            tracing::info!("the endpoint has stopped");
        }
        self.try_again(now);
    }

    /// When it is tried again to start it.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.again_at
    }

    /// Tries again, if it is time.
    pub(super) fn due(&mut self, now: Timestamp) {
        if self.again_at.is_some_and(|at| at <= now) {
            self.try_again(now);
        }
    }

    /// The clock was set back, or somebody may have left the port.
    pub(super) fn hope(&mut self, now: Timestamp) {
        self.again_at = self.again_at.map(|at| at.min(now));
    }

    /// Stops, and gives what still finishes its last answers.
    pub(super) fn close(&mut self) -> JoinSet<()> {
        self.running = None;
        endpoint_token::remove(&self.own_file);
        std::mem::take(&mut self.tasks)
    }

    /// What there is to say of it; none where none is wanted.
    pub(super) fn info(&self) -> Option<EndpointInfo> {
        let wanted = self.wanted.as_ref()?;
        Some(EndpointInfo {
            address: self.running.as_ref().map_or(wanted.address, |running| running.guard.address()),
            token_file: self.running.as_ref().map(|running| running.token_file.clone()),
            error: self.trouble.clone(),
        })
    }

    /// Why it is not as it is wanted, in a sentence.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What was told of it since this was last asked.
    pub(super) fn take_told(&mut self) -> Vec<(Kind, String)> {
        std::mem::take(&mut self.told)
    }

    fn try_again(&mut self, now: Timestamp) {
        let result = self.wanted.clone().map_or(Ok(()), |wanted| self.run(&wanted));
        if self.running.is_none() {
            // Another daemon, or an address of before, may have left one.
            endpoint_token::remove(&self.own_file);
        }
        self.again_at = result.is_err().then(|| now.after(AGAIN));
        let kept = if self.running.is_some() { "keeps the token of before" } else { "is not there" };
        let trouble = result.err().map(|error| format!("the endpoint {kept}: {error}"));
        if let Some(trouble) = trouble.as_ref().filter(|_| trouble != self.trouble) {
            told!(warn, Kind::NotListening, error = %trouble, "{trouble}");
            self.told.push((Kind::NotListening, trouble.clone()));
        }
        self.trouble = trouble;
    }

    /// Starts it, or has the one that runs go by `wanted`.
    fn run(&mut self, wanted: &ListenSettings) -> Result<(), String> {
        if let Some(running) = &mut self.running {
            let own_token = Secret::clone(&running.own_token);
            let taken = take_token(wanted, &self.own_file, own_token);
            // Who may have what does not wait for a token.
            let (token, token_file) = match &taken {
                Ok(taken) => taken.clone(),
                Err(_) => (running.token.clone(), running.token_file.clone()),
            };
            running.guard.change(pass(wanted, token.clone()));
            (running.token, running.token_file) = (token, token_file);
            return taken.map(drop);
        }
        let listener = loopback::bind(wanted.address).map_err(|error| explained(&error))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let own_token = new_token().map_err(|error| format!("the system has no random numbers: {error}"))?;
        let (token, token_file) = take_token(wanted, &self.own_file, own_token.clone())?;
        let line = started(wanted, address, &token_file);
        told!(info, Kind::Listening, "{line}");
        self.told.push((Kind::Listening, line));
        let guard = Arc::new(Guard::new(address, pass(wanted, token.clone())));
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async { drop(stopped.await) };
        self.tasks.spawn(loopback::serve(listener, self.router.clone(), Arc::clone(&guard), shutdown));
        let wanted = wanted.address;
        self.running = Some(Running { wanted, guard, own_token, token, token_file, _stop: stop });
        Ok(())
    }
}

/// The token that clients must send, and the file that it is in: the user's, or a new one with ours.
fn take_token(
    wanted: &ListenSettings,
    own_file: &Path,
    own_token: Secret,
) -> Result<(Secret, PathBuf), String> {
    if let Some(path) = &wanted.token_file {
        let token = endpoint_token::read(path).map_err(|error| error.to_string())?;
        // Until then ours may be the one that counts.
        endpoint_token::remove(own_file);
        return Ok((token, path.clone()));
    }
    endpoint_token::write(own_file, &own_token).map_err(|error| error.to_string())?;
    Ok((own_token, own_file.to_owned()))
}

/// Whoever has an access token has every profile: where only some may be had, there are none.
fn pass(wanted: &ListenSettings, token: Secret) -> Pass {
    let patterns = wanted.profiles.clone();
    Pass::new(token, move |asked| match (&patterns, asked) {
        (None, _) | (_, Asked::Health | Asked::Status) => true,
        (Some(patterns), Asked::Profile(name)) => patterns.iter().any(|pattern| glob::matches(pattern, name)),
        (Some(patterns), Asked::Token) => patterns.iter().any(|pattern| pattern == "*"),
    })
}

fn explained(error: &loopback::Error) -> String {
    let loopback::Error::InUse { address } = error else { return error.to_string() };
    let holder = platform::holder(*address).map(|holder| format!(" by {holder}")).unwrap_or_default();
    format!(
        "{address} is in use{holder}: end that, or set another `address` in [listen] of config.toml; then run `sso-refresh reload`"
    )
}

/// All that somebody needs to use it.
fn started(wanted: &ListenSettings, address: SocketAddr, token_file: &Path) -> String {
    let profiles = match &wanted.profiles {
        None => "all profiles and access tokens".to_owned(),
        Some(patterns) if patterns.is_empty() => "no profile".to_owned(),
        Some(patterns) => line(format_args!("the profiles {}", patterns.join(", "))),
    };
    format!(
        "the endpoint at http://{address} hands out {profiles}; for a profile P set \
         AWS_CONTAINER_CREDENTIALS_FULL_URI=http://{address}/v1/credentials/P and \
         AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={}",
        line(token_file.display())
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tempfile::TempDir;
    use tokio::sync::mpsc;

    use super::*;
    use crate::time::Clock;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn endpoint(runtime: &TempDir) -> Endpoint {
        Endpoint::new(Router::new(mpsc::channel(1).0, Clock::system()), runtime.path())
    }

    fn at(address: SocketAddr, profiles: Option<&[&str]>) -> ListenSettings {
        let profiles = profiles.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        ListenSettings { address, profiles, token_file: None }
    }

    #[tokio::test]
    async fn a_port_is_tried_again_now_and_then() {
        let runtime = tempfile::tempdir().unwrap();
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = holder.local_addr().unwrap();
        let mut endpoint = endpoint(&runtime);
        endpoint.apply(Some(&at(address, None)), NOW);
        assert!(endpoint.trouble().is_some_and(|trouble| trouble.contains("is in use")));
        assert_eq!(endpoint.next(), Some(NOW.after(AGAIN)));
        drop(holder);
        endpoint.due(NOW);
        assert!(endpoint.trouble().is_some(), "not yet");
        endpoint.due(NOW.after(AGAIN));
        assert_eq!((endpoint.trouble(), endpoint.next()), (None, None));
        assert!(endpoint.own_file.exists());
        endpoint.apply(None, NOW);
        assert!(!endpoint.own_file.exists() && endpoint.info().is_none());
        // A clock that was set back parks nothing.
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        endpoint.apply(Some(&at(holder.local_addr().unwrap(), None)), NOW);
        let yesterday = NOW.before(Duration::from_secs(86_400));
        endpoint.hope(yesterday);
        assert_eq!(endpoint.next(), Some(yesterday));
    }

    #[tokio::test]
    async fn a_token_that_cant_be_had_leaves_the_one_that_counts_where_it_is_told() {
        let runtime = tempfile::tempdir().unwrap();
        let mut endpoint = endpoint(&runtime);
        let ours = at(([127, 0, 0, 1], 0).into(), None);
        endpoint.apply(Some(&ours), NOW);
        let missing = ListenSettings { token_file: Some(runtime.path().join("missing")), ..ours };
        endpoint.apply(Some(&missing), NOW);
        let told = endpoint.info().unwrap();
        let error = told.error.unwrap();
        assert!(error.starts_with("the endpoint keeps the token of before: "), "{error}");
        assert_eq!(told.token_file.as_ref(), Some(&endpoint.own_file));
        assert!(endpoint.own_file.exists());
        // With an endpoint that is not there, its token goes too.
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        endpoint.apply(Some(&at(holder.local_addr().unwrap(), None)), NOW);
        assert!(endpoint.trouble().is_some_and(|trouble| trouble.starts_with("the endpoint is not there: ")));
        assert!(!endpoint.own_file.exists());
    }

    #[test]
    fn what_is_handed_out_is_said() {
        for (profiles, expected) in [
            (None, "hands out all profiles and access tokens;"),
            (Some(&["d*", "p"][..]), "hands out the profiles d*, p;"),
            (Some(&[]), "hands out no profile;"),
        ] {
            let address = ([127, 0, 0, 1], 1).into();
            let said = started(&at(address, profiles), address, Path::new("/t"));
            assert!(said.contains(expected), "{said}");
        }
    }

    #[tokio::test]
    async fn who_may_have_some_profiles_may_have_no_access_token() {
        let asked = [Asked::Profile("dev"), Asked::Profile("prod"), Asked::Token, Asked::Status];
        for (profiles, expected) in [
            (None, [true; 4]),
            (Some(&["*"][..]), [true; 4]),
            (Some(&["d*"]), [true, false, false, true]),
            (Some(&[]), [false, false, false, true]),
        ] {
            let wanted = at(([127, 0, 0, 1], 0).into(), profiles);
            let pass = pass(&wanted, Secret::new("x"));
            assert_eq!(asked.map(|asked| pass.lets(asked)), expected, "{profiles:?}");
        }
    }

    #[test]
    fn debug_shows_no_secret_and_no_token_is_like_another() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert!(one != other && one.expose().len() == 43);
        let shown = format!("{:?}", pass(&at(([127, 0, 0, 1], 0).into(), None), one.clone()));
        assert!(!shown.contains(one.expose()), "{shown}");
    }
}
