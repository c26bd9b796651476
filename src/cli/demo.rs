//! `sso-refresh demo`: the whole thing against an embedded Identity Center, in a temporary folder.
//!
//! The sign-in, the daemon and its files are the real ones. Only time is short: tokens last twenty seconds,
//! and the daemon's floor of thirty seconds between exchanges is one.

mod programs;
mod timeline;

use std::{fs, net::SocketAddr, time::Duration};

use futures_util::stream;
use tempfile::TempDir;

use self::{programs::Programs, timeline::Timeline};
use super::{
    context::{Context, block_on},
    exit::{self, Failure},
    out,
};
use crate::{
    config::{SessionSettings, Settings, environment::Environment, file::duration},
    daemon::{self, Relevel, Startup},
    exchange::Exchanger,
    login::{self, Listener, SignIn, SignedIn},
    platform::Inherited,
    session::{
        schedule::Policy,
        status::{State, Status},
    },
    simulator::{Options, Simulator},
    time::words,
};

const TOKEN_LIFE: Duration = Duration::from_secs(20);

/// The least time between two exchanges here; a daemon for real tokens has thirty seconds.
const FLOOR: Duration = Duration::from_secs(1);

/// A shorter demonstration has no time for an outage.
const SHORTEST_WITH_OUTAGE: Duration = Duration::from_secs(25);

/// The outage begins when this much of a token is left: just before its refresh is due …
const OUTAGE_BEGINS: Duration = Duration::from_secs(12);

/// … and ends when this much is left: a retry that comes at most five seconds later is in time.
const OUTAGE_ENDS: Duration = Duration::from_secs(7);

/// How often the demonstration looks at what the daemon does.
const LOOK: Duration = Duration::from_millis(100);

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "All of it is in a temporary folder, and on this machine. Tokens live for seconds, so that much happens \
                        in a short time.\n\n  \
                        sso-refresh demo --for 2m\n  \
                        sso-refresh demo --browser"
)]
pub(super) struct Args {
    /// How long it runs
    #[arg(long = "for", value_name = "DURATION", default_value = "45s", value_parser = duration::parse)]
    duration: Duration,
    /// Sign in through your browser; without this the sign-in approves itself
    #[arg(long)]
    browser: bool,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    block_on(async {
        let stage = Stage::set(args.browser).await?;
        stage.play(args).await
    })
}

/// Where it plays.
struct Stage {
    folder: TempDir,
    simulator: Simulator,
    context: Context,
    timeline: Timeline,
    /// When the sign-in was done: its user may have taken a while.
    began: Duration,
}

/// What the demonstration has seen.
#[derive(Default)]
struct Seen {
    refreshes: u32,
    outage: Outage,
    last: Option<Status>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Outage {
    #[default]
    Ahead,
    Now,
    Over,
}

impl Stage {
    async fn set(browser: bool) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(|error| unusable(&error))?;
        let options = Options {
            token_life: TOKEN_LIFE,
            interval: Duration::from_secs(1),
            single_use: true,
            auto_approve: !browser,
            ..Options::default()
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let simulator = Simulator::start(address, options).await.map_err(|error| {
            Failure::new(exit::FAILED, format!("can't listen on {address}: {error}; end other programs"))
        })?;
        let aws = folder.path().join(".aws");
        let config =
            "[sso-session demo]\nsso_start_url = https://demo.awsapps.com/start\nsso_region = us-east-1\n";
        fs::create_dir(&aws).map_err(|error| unusable(&error))?;
        let written = tempfile::NamedTempFile::new_in(&aws).and_then(|mut file| {
            std::io::Write::write_all(&mut file, config.as_bytes())?;
            Ok(file.persist(aws.join("config"))?)
        });
        written.map_err(|error| unusable(&error))?;
        let home = folder.path().display().to_string();
        let context = Context::of(
            Environment::from_pairs([
                ("HOME", home.clone()),
                ("XDG_RUNTIME_DIR", home),
                ("AWS_ENDPOINT_URL_SSO_OIDC", simulator.url()),
                ("AWS_ENDPOINT_URL_SSO", simulator.url()),
            ]),
            None,
        )?;
        let timeline = Timeline::begin(context.clock.clone());
        Ok(Self { folder, simulator, context, timeline, began: Duration::ZERO })
    }

    async fn play(mut self, args: &Args) -> Result<u8, Failure> {
        let duration = args.duration;
        out::line(&format!(
            "An Identity Center of its own, whose access tokens last {} and whose refresh tokens work once.\n\
             Nothing outside {} is touched, nothing leaves this machine. Ends by itself after {}.\n",
            words(TOKEN_LIFE),
            self.folder.path().display(),
            words(duration)
        ))?;
        self.timeline.line("server", &format!("Identity Center at {}", self.simulator.url()))?;
        let session = self.context.session(None)?.clone();
        let exchanger = self.context.exchanger()?;
        self.sign_in(&session, &exchanger, args.browser).await?;
        self.began = self.timeline.elapsed();

        let programs = Programs::start(&exchanger.store().token_path(&session.name), &self.context.clock);
        self.timeline
            .line("programs", &format!("{} begin to read the token file, as AWS SDKs do", Programs::COUNT))?;
        let policy = Policy { floor: FLOOR, ..Policy::default() };
        let startup = Startup {
            // What it shows is nothing that the user is to do.
            settings: Settings { desktop_notifications: false, ..self.context.settings()?.clone() },
            paths: self.context.paths.clone(),
            env: self.context.env.clone(),
            clock: self.context.clock.clone(),
            policy,
            relevel: Relevel::never(),
            inherited: Inherited::find(),
            program: "sso-refresh".into(),
        };
        let mut seen = Seen::default();
        tokio::select! {
            ended = daemon::run(startup) => {
                ended.map_err(|error| Failure::new(exit::FAILED, error.to_string()))?;
            }
            watched = self.watch(duration, &session, &mut seen) => watched?,
        }
        self.sum_up(&seen, &programs)
    }

    async fn sign_in(
        &self,
        session: &SessionSettings,
        exchanger: &Exchanger,
        browser: bool,
    ) -> Result<(), Failure> {
        let sign_in = SignIn::new(session, exchanger, self.context.clock.clone())?;
        let SignedIn { token, .. } = if browser {
            self.with_browser(&sign_in).await?
        } else {
            self.with_device_code(&sign_in).await?
        };
        let left = token.left(self.context.clock.now());
        self.timeline.line("token", &format!("the first one, good for {}", words(left)))
    }

    async fn with_device_code(&self, sign_in: &SignIn<'_>) -> Result<SignedIn, Failure> {
        let code = sign_in.device_code().await?;
        let user_code = &code.authorization().user_code;
        self.timeline.line("sign-in", &format!("device code {user_code}, approved by itself"))?;
        Ok(sign_in.with_device_code(&code).await?)
    }

    /// Through the user's own browser, which sees the page of the Identity Center and then ours.
    async fn with_browser(&self, sign_in: &SignIn<'_>) -> Result<SignedIn, Failure> {
        let listener = Listener::bind(0).await.map_err(login::Error::from)?;
        let authorization = sign_in.authorize(listener.port()).await?;
        self.timeline.line("sign-in", "approve it in the browser; where none opens, this is the page:")?;
        out::line(&format!("\n    {}\n", authorization.url()))?;
        super::login::open(authorization.url(), &Environment::current());
        let signed_in = sign_in.with_browser(listener, &authorization, stream::pending()).await?;
        signed_in.ok_or_else(|| login::Error::TimedOut.into())
    }

    /// How long the daemon's part has been going on.
    fn elapsed(&self) -> Duration {
        self.timeline.elapsed().saturating_sub(self.began)
    }

    /// Follows the daemon and tells what it does, and plays the outage.
    async fn watch(
        &self,
        duration: Duration,
        session: &SessionSettings,
        seen: &mut Seen,
    ) -> Result<(), Failure> {
        let client = self.context.client();
        while self.elapsed() < duration {
            tokio::time::sleep(LOOK).await;
            let Ok(report) = client.status().await else { continue };
            let Some(status) = report.sessions.into_iter().find(|it| it.session == session.name) else {
                continue;
            };
            self.tell(&status, seen)?;
            if duration >= SHORTEST_WITH_OUTAGE && self.elapsed() > duration / 3 {
                self.play_outage(&status, seen).await?;
            }
            seen.last = Some(status);
        }
        Ok(())
    }

    fn tell(&self, status: &Status, seen: &mut Seen) -> Result<(), Failure> {
        let now = self.context.clock.now();
        let Some(last) = &seen.last else { return Ok(()) };
        let left = last.expires_at.map(|at| at.since(now)).unwrap_or_default();
        if status.refreshed_at != last.refreshed_at {
            seen.refreshes += 1;
            let next = status.next.as_ref().map(|next| next.at.since(now)).unwrap_or_default();
            let line = format!("with {} left; the next is planned in {}", words(left), words(next));
            self.timeline.line("refreshed", &line)?;
        }
        if status.state == State::Backoff && last.last_error.is_none() {
            let error = status.last_error.as_deref().unwrap_or("no reason was given");
            self.timeline
                .line("retrying", &format!("the token is good for {} still; {error}", words(left)))?;
        }
        Ok(())
    }

    async fn play_outage(&self, status: &Status, seen: &mut Seen) -> Result<(), Failure> {
        let left = status.expires_at.map(|at| at.since(self.context.clock.now())).unwrap_or_default();
        match seen.outage {
            Outage::Ahead if left < OUTAGE_BEGINS && left > OUTAGE_ENDS && status.state == State::Fresh => {
                seen.outage = Outage::Now;
                self.simulator.stop();
                self.timeline.line("outage", "the Identity Center refuses connections")
            }
            Outage::Now if left < OUTAGE_ENDS => {
                seen.outage = Outage::Over;
                let resumed = self.simulator.resume().await;
                resumed
                    .map_err(|error| Failure::new(exit::FAILED, format!("can't listen again: {error}")))?;
                self.timeline.line("outage", "over: the Identity Center answers again")
            }
            Outage::Ahead | Outage::Now | Outage::Over => Ok(()),
        }
    }

    fn sum_up(&self, seen: &Seen, programs: &Programs) -> Result<u8, Failure> {
        let (reads, failures) = programs.tally();
        self.timeline.line("done", "")?;
        let outage = if seen.outage == Outage::Over { " across an outage" } else { "" };
        let refreshes = seen.refreshes;
        if let Some(failure) = failures.first() {
            return Err(Failure::new(
                exit::FAILED,
                format!(
                    "{} of {reads} readings met no good token, the first since {failure}",
                    failures.len()
                ),
            ));
        }
        out::line(&format!(
            "\n{refreshes} refreshes{outage}: {} programs read the token file {reads} times, and each time found a \
             good token.\n\nFor your own account: `aws configure sso` if you have no session yet, then\n\
             `sso-refresh login` and `sso-refresh service install`.",
            Programs::COUNT
        ))?;
        Ok(exit::DONE)
    }
}

fn unusable(error: &std::io::Error) -> Failure {
    Failure::new(
        exit::FAILED,
        format!("can't make a temporary folder: {error}; set TMPDIR to one that can be used"),
    )
}
