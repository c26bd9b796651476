//! `sso-refresh login`: signs in, the way that suits where the user sits.

pub(super) mod screen;
mod words;

use std::{
    io::{self, IsTerminal},
    pin::Pin,
};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;

use self::screen::Screen;
pub(super) use self::screen::is_utf8;
use super::{
    context::{Context, Selection, block_on},
    exit::{self, Failure},
    out,
};
use crate::{
    api::client,
    config::{SessionSettings, environment::Environment},
    exchange::Exchanger,
    login::{
        self, Listener, PATIENCE, SignIn, SignedIn, Turn, browser, end,
        surroundings::{self, Hindrance, Machine},
    },
    session::event::Stored,
    time::Timestamp,
};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a flag the browser is opened where there is one; over SSH, in a container or \
                        without a display you get a code for a browser anywhere. Where a script stands between you and the browser, the first of \
                        these prints the page and exits with 3, and the second finishes it within ten minutes:\n\n  \
                        sso-refresh login --no-browser </dev/null\n  \
                        sso-refresh login --code ADDRESS"
)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Sign in with a code that is approved in a browser anywhere
    #[arg(long)]
    device_code: bool,
    /// Print the page instead of opening it; the address that the browser ends at, or the code in it, can be pasted
    #[arg(long)]
    no_browser: bool,
    /// Where the browser comes back to, on 127.0.0.1 [default: any free port]
    #[arg(long, value_name = "PORT", conflicts_with = "device_code")]
    port: Option<u16>,
    /// Finish a sign-in that `--no-browser` has begun: the address that the browser ended at, or the code in it
    #[arg(long, value_name = "CODE", conflicts_with_all = ["all", "device_code", "no_browser", "port", "renew"])]
    code: Option<String>,
    /// End the session at AWS first, so that the new one lasts its full time
    #[arg(long)]
    renew: bool,
}

/// How to sign in.
#[derive(Clone, Copy)]
enum Way {
    Browser,
    /// The page is told, and not opened.
    Page,
    DeviceCode,
}

/// What came of it.
enum Outcome {
    SignedIn(SignedIn),
    /// The page was told, and another process will bring the code.
    Left,
}

/// Lines that the user types or pastes.
type Lines = Pin<Box<dyn Stream<Item = String>>>;

pub(super) fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    let sessions = context.sessions(&args.selection)?;
    let exchanger = context.exchanger()?;
    let (way, hindrance) = args.way(context);
    let screen = Screen::of_standard_error(&context.env);
    block_on(async {
        let mut lines: Lines = match way {
            Way::Page => standard_input(args.no_browser),
            Way::Browser | Way::DeviceCode => Box::pin(stream::pending()),
        };
        if let (None, Some(hindrance), Way::DeviceCode) = (&args.code, hindrance, way) {
            screen::say(&words::chosen(hindrance));
        }
        let mut codes = Vec::new();
        for session in sessions {
            let login = Login { args, context, exchanger: &exchanger, session, screen: &screen, way };
            let result = login.run(&mut lines).await.and_then(|outcome| login.tell(&outcome));
            match result {
                Ok(code) => codes.push(code),
                Err(Failure::Line { code, line }) => {
                    Failure::new(code, format!("{}: {line}", session.name)).say();
                    codes.push(code);
                }
                Err(closed) => return Err(closed),
            }
        }
        let code = exit::worst(codes);
        if code == exit::DONE && matches!(context.client().ping().await, Err(client::Error::NotRunning)) {
            screen::say(
                "The daemon is not running: `sso-refresh service install` starts it, and it keeps the token fresh.\n",
            );
        }
        Ok(code)
    })
}

impl Args {
    /// How to sign in from here, and why not with a browser.
    fn way(&self, context: &Context) -> (Way, Option<Hindrance>) {
        if self.device_code {
            return (Way::DeviceCode, None);
        }
        match surroundings::way(&context.env, Machine::look(&context.env)) {
            surroundings::Way::Browser if !self.no_browser => (Way::Browser, None),
            surroundings::Way::Browser => (Way::Page, None),
            // Whoever names a port has a way from the browser to it, such as one forwarded by SSH.
            surroundings::Way::DeviceCode(why) if self.no_browser || self.port.is_some() => {
                (Way::Page, Some(why))
            }
            surroundings::Way::DeviceCode(why) => (Way::DeviceCode, Some(why)),
        }
    }
}

/// One session's sign-in.
struct Login<'a> {
    args: &'a Args,
    context: &'a Context,
    exchanger: &'a Exchanger,
    session: &'a SessionSettings,
    screen: &'a Screen,
    way: Way,
}

impl Login<'_> {
    async fn run(&self, lines: &mut Lines) -> Result<Outcome, Failure> {
        let sign_in = SignIn::new(self.session, self.exchanger, self.context.clock.clone())?;
        if let Some(code) = &self.args.code {
            return Ok(Outcome::SignedIn(sign_in.take_up(code).await?));
        }
        let mut turn = match self.turn().await? {
            Ok(turn) => turn,
            Err(joined) => return Ok(Outcome::SignedIn(joined)),
        };
        match self.way {
            Way::DeviceCode => self.with_device_code(&sign_in, &mut turn).await,
            Way::Browser | Way::Page => self.with_browser(&sign_in, &mut turn, lines).await,
        }
    }

    /// The turn to sign in, or what the one whose turn it was has brought.
    async fn turn(&self) -> Result<Result<Turn, SignedIn>, Failure> {
        let lock = self.exchanger.store().sign_in_lock(&self.session.name);
        let taken = match Turn::take(&lock).map_err(login::Error::Turn)? {
            Ok(turn) => return Ok(Ok(turn)),
            Err(taken) => taken,
        };
        let before = self.signed_in_at();
        screen::say(&words::joined(&self.session.name, &taken));
        let waited = tokio::task::spawn_blocking(|| taken.wait()).await;
        let turn = waited.map_err(io::Error::other).and_then(|turn| turn).map_err(login::Error::Turn)?;
        let (stored, _) = self.exchanger.read(&self.session.name).await;
        match stored {
            // Whoever asked for a full session is not served with one that may be old.
            Stored::Token(token) if self.signed_in_at() > before && !self.args.renew => {
                let memory = self.exchanger.store().memory(&self.session.name);
                Ok(Err(SignedIn { token, memory }))
            }
            Stored::Token(_) | Stored::Missing | Stored::Broken(_) | Stored::Unreachable(_) => Ok(Ok(turn)),
        }
    }

    fn signed_in_at(&self) -> Option<Timestamp> {
        self.exchanger.store().memory(&self.session.name).signed_in_at
    }

    /// Ends the old session, where that is asked for: not before everything else that may fail has not.
    async fn renew(&self) -> Result<(), Failure> {
        if self.args.renew {
            screen::say(&words::renewal(&self.session.name));
            let done = end::renew(self.session, self.exchanger).await?;
            screen::say(&format!("{}: {done}\n", self.session.name));
        }
        Ok(())
    }

    async fn with_device_code(&self, sign_in: &SignIn<'_>, turn: &mut Turn) -> Result<Outcome, Failure> {
        let clock = &self.context.clock;
        let authorization = sign_in.device_code().await?;
        self.renew().await?;
        self.screen
            .invite(&words::code(&self.session.name, &authorization, clock.now()), authorization.page());
        tell_others(turn, authorization.page());
        let signed_in = sign_in.with_device_code(&authorization);
        let signed_in = self.screen.waiting(clock, authorization.expires_at(), signed_in).await?;
        Ok(Outcome::SignedIn(signed_in))
    }

    async fn with_browser(
        &self,
        sign_in: &SignIn<'_>,
        turn: &mut Turn,
        lines: &mut Lines,
    ) -> Result<Outcome, Failure> {
        let clock = &self.context.clock;
        let listener = Listener::bind(self.args.port.unwrap_or(0)).await.map_err(login::Error::from)?;
        let authorization = sign_in.authorize(listener.port()).await?;
        self.renew().await?;
        let url = authorization.url();
        tell_others(turn, url);
        let signed_in = sign_in.with_browser(listener, &authorization, lines);
        let signed_in = if let Way::Page = self.way {
            self.screen.invite(&words::page(&self.session.name, url), url);
            // A line that is redrawn would be in the way of what is typed.
            signed_in.await?
        } else {
            screen::say(&words::browser(&self.session.name, url));
            open(url, &self.context.env);
            self.screen.waiting(clock, clock.now().after(PATIENCE), signed_in).await?
        };
        if let Some(signed_in) = signed_in {
            return Ok(Outcome::SignedIn(signed_in));
        }
        sign_in.leave(&authorization)?;
        out::line(url)?;
        Ok(Outcome::Left)
    }

    fn tell(&self, outcome: &Outcome) -> Result<u8, Failure> {
        match outcome {
            Outcome::SignedIn(signed_in) => {
                out::line(&words::done(self.session, signed_in))?;
                Ok(exit::DONE)
            }
            Outcome::Left => {
                screen::say(&words::left(&self.session.name));
                Ok(exit::SIGN_IN)
            }
        }
    }
}

/// Another sign-in that waits for this one may show the page too. It can do without.
fn tell_others(turn: &mut Turn, page: &str) {
    if let Err(error) = turn.tell(page) {
        tracing::debug!("the lock can't be written: {error}");
    }
}

/// Opens a page, in a thread of its own, since some browsers stay for as long as their window.
pub(super) fn open(url: &str, env: &Environment) {
    let (url, variable) = (url.to_owned(), env.get("BROWSER").map(str::to_owned));
    tokio::task::spawn_blocking(move || {
        if let Err(error) = browser::open(&url, variable.as_deref()) {
            tracing::warn!("{error}; open the page above yourself");
        }
    });
}

/// The lines of standard input. Its end is the end of all waiting where `it_ends`, and never a terminal's: the
/// browser may still come back by itself.
fn standard_input(it_ends: bool) -> Lines {
    let (sender, mut lines) = mpsc::unbounded_channel();
    tokio::task::spawn_blocking(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    // The next session asks again after the end.
    let lines = stream::poll_fn(move |task| lines.poll_recv(task));
    if it_ends && !io::stdin().is_terminal() {
        Box::pin(lines)
    } else {
        Box::pin(lines.chain(stream::pending()))
    }
}

impl From<login::Error> for Failure {
    fn from(error: login::Error) -> Self {
        use login::Error;
        let code = match error {
            Error::Oidc(error) => return error.into(),
            Error::Http(error) => return error.into(),
            Error::Store(error) => return error.into(),
            Error::Config(error) => return error.into(),
            Error::Busy(_) | Error::NotEnded(_) | Error::Unreachable(_) => exit::TEMPORARY,
            Error::Paste(_) => exit::USAGE,
            Error::NothingPending => exit::SIGN_IN,
            Error::NotExchanged { .. }
            | Error::WrongRegion { .. }
            | Error::Unbound(_)
            | Error::NoRandom(_)
            | Error::Denied
            | Error::Refused(_)
            | Error::Expired
            | Error::TimedOut
            | Error::Turn(_) => exit::FAILED,
        };
        Self::new(code, error.to_string())
    }
}
