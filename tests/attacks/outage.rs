//! [`Outage`]: what every fault of a network must leave whole, with a daemon and without one.

#![expect(clippy::disallowed_methods, reason = "what is measured must not change with the clock")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::{
    place::{center, until},
    support::{Center, Daemon, Home, WORK, secrets},
};

/// How long after the end of a short outage the token is fresh again …
const RECOVERY: Duration = Duration::from_secs(5);

/// … and how much later than that on a busy machine.
const SLACK: Duration = Duration::from_secs(10);

/// The shortest wait between two attempts …
const SHORTEST: Duration = Duration::from_secs(2);

/// … and how much later the line that tells of one may be seen than that of the next.
const LATE: Duration = Duration::from_secs(1);

/// The longest that the program waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The most memory that an answer may make the program take, in KiB: it takes 17 MiB as it is.
const MEMORY: u64 = 48 * 1024;

/// A network that is sick in one way until it is mended.
pub(crate) struct Outage {
    pub(crate) name: String,
    /// A part of what is said of it.
    pub(crate) why: &'static str,
    /// The endpoint for as long as it lasts; after it too.
    pub(crate) url: String,
    pub(crate) ca_bundle: PathBuf,
    /// None by default, not even the one of a home, which would be asked for a name that does not resolve.
    pub(crate) proxy: String,
    /// It does not fail, but says nothing for as long as it is waited for.
    pub(crate) silent: bool,
    /// For so long it asks to be left alone.
    pub(crate) retry_after: Duration,
    /// It ends with another endpoint, for which a session begins anew.
    pub(crate) anew: bool,
}

impl Outage {
    /// One that fails at once.
    pub(crate) fn new(name: impl Into<String>, why: &'static str, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            why,
            url: url.into(),
            ca_bundle: PathBuf::new(),
            proxy: String::new(),
            silent: false,
            retry_after: Duration::ZERO,
            anew: false,
        }
    }

    /// A daemon goes through it, and is fresh soon after `mend`.
    pub(crate) fn before_a_daemon(&self, center: &Center, home: &Home, mend: impl FnOnce()) {
        let name = &self.name;
        let token = center.sign_in(home, "work", Duration::from_secs(120));
        let before = fs::read(home.token_path("work")).unwrap();
        let mut daemon = home.daemon_with(&["-v"], self.environment());
        let log = Log::of(&mut daemon);
        // A silent one outlasts its first attempt only; a third attempt shows how far they are apart.
        let attempts = if self.silent { 1 } else { 3 };
        let seen = until("the attempts", || {
            let seen = log.lines("CreateToken: ");
            (seen.len() >= attempts).then_some(seen)
        });
        for pair in seen.windows(2) {
            let apart = pair[1].0.duration_since(pair[0].0);
            assert!(apart + LATE >= self.retry_after.max(SHORTEST), "{name}: attempts {apart:?} apart");
        }
        assert_eq!(fs::read(home.token_path("work")).unwrap(), before, "{name}: the file was changed");

        let mended = Instant::now();
        mend();
        until(name, || (home.access_token("work")? != token.access_token.expose()).then_some(()));
        let took = mended.elapsed();
        let waits = if self.silent { TIMEOUT } else { self.retry_after };
        assert!(took < RECOVERY + waits + SLACK, "{name}: fresh {took:?} after its end");
        // It is on disk before it is told.
        log.wait_for(" refreshed, ");
        let memory = peak_memory(&daemon);
        assert!(memory.is_none_or(|kib| kib < MEMORY), "{name}: it took {memory:?} KiB");
        daemon.signal(Signal::SIGTERM);
        assert_eq!(daemon.wait(), 0, "{name}");

        log.wait_for("stopping");
        let told = log.told();
        let again = usize::from(!self.anew);
        for (text, times) in
            [(self.why, 1), ("could not refresh", 1), (" refreshed, ", 1), ("works again", again)]
        {
            let count = told.iter().filter(|line| line.contains(text)).count();
            assert_eq!(count, times, "{name}: {text:?} in {told:#?}");
        }
        let of_session = told.iter().filter(|line| line.contains(" work: ")).count();
        assert_eq!(
            of_session, 4,
            "{name}: found, failing, refreshed, and recovered or found anew: {told:#?}"
        );
        self.shows_no_secret(&token, &log.lines("").into_iter().map(|(_, line)| line).collect::<String>());
    }

    /// `refresh` goes through it without a daemon, and works after `mend`.
    pub(crate) fn before_a_command(&self, center: &Center, home: &Home, mend: impl FnOnce()) {
        let name = &self.name;
        let token = center.sign_in(home, "work", Duration::from_secs(120));
        let before = fs::read(home.token_path("work")).unwrap();
        let refresh = || {
            let output = home.command(["refresh", "work"]).envs(self.environment()).output().unwrap();
            (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
        };
        let (code, shown) = refresh();
        assert_eq!(code, Some(5), "{name}: {shown}");
        assert_eq!(shown.lines().count(), 1, "{name}: {shown}");
        assert!(shown.contains(self.why), "{name}: {shown}");
        self.shows_no_secret(&token, &shown);
        assert_eq!(fs::read(home.token_path("work")).unwrap(), before, "{name}: the file was changed");
        mend();
        let (code, shown) = refresh();
        assert_eq!(code, Some(0), "{name}: {shown}");
        assert_ne!(home.access_token("work").unwrap(), token.access_token.expose(), "{name}");
    }

    fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("AWS_ENDPOINT_URL_SSO_OIDC", self.url.clone().into()),
            ("AWS_CA_BUNDLE", self.ca_bundle.clone()),
            ("HTTPS_PROXY", self.proxy.clone().into()),
        ]
    }

    fn shows_no_secret(&self, token: &sso_refresh::session::token::Token, shown: &str) {
        for secret in secrets(token) {
            assert!(!shown.contains(&secret), "{}: a secret is shown", self.name);
        }
    }
}

/// An Identity Center whose refresh tokens are good for one use, and a home that knows it.
pub(crate) fn ground() -> (Center, Home) {
    let center = center();
    let home = Home::with(&center, WORK);
    (center, home)
}

/// Runs all of it at once, and fails where one of it does.
pub(crate) fn at_once(trials: Vec<Box<dyn FnOnce() + Send>>) {
    thread::scope(|scope| {
        for trial in trials {
            scope.spawn(trial);
        }
    });
}

/// What a daemon writes to standard error, as it is written.
pub(crate) struct Log(Arc<Mutex<Vec<(Instant, String)>>>);

impl Log {
    pub(crate) fn of(daemon: &mut Daemon) -> Self {
        let lines: Arc<Mutex<Vec<_>>> = Arc::default();
        let (stderr, log) = (daemon.0.stderr.take().unwrap(), Self(Arc::clone(&lines)));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push((Instant::now(), line));
            }
        });
        log
    }

    /// The lines so far that have `text` in them, and when each came.
    pub(crate) fn lines(&self, text: &str) -> Vec<(Instant, String)> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|(_, line)| line.contains(text)).cloned().collect()
    }

    /// The lines for everybody: those of `-v` are not among them.
    pub(crate) fn told(&self) -> Vec<String> {
        let lines = self.lines("").into_iter().map(|(_, line)| line);
        lines.filter(|line| !line.contains(" DEBUG ")).collect()
    }

    pub(crate) fn wait_for(&self, text: &str) {
        until(text, || (!self.lines(text).is_empty()).then_some(()));
    }
}

/// The most memory that it ever took, in KiB, where the system tells.
fn peak_memory(daemon: &Daemon) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.0.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
