//! `sso-refresh status --watch`: how the sessions are, live.
//!
//! [`feed`] tells what has become known, [`model`] keeps it, [`view`] draws it, and [`terminal`] is where. A picture is
//! drawn when something is new and once a second, because what is left gets less; only what differs is written.

mod feed;
mod model;
mod terminal;
mod view;

use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use crossterm::event::{Event as Input, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use futures_util::StreamExt;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook_tokio::Signals;
use tokio::{
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, unbounded_channel},
    },
    task::JoinSet,
    time::sleep,
};

use self::{
    feed::{Feed, News},
    model::Model,
    terminal::Screen,
    view::Look,
};
use crate::{
    cli::{
        context::{Context, block_on},
        exit::{self, Failure},
        login::screen::is_utf8,
    },
    events::{Event, history},
    platform::is_ignored,
    time::Timestamp,
};

/// The rows of a step with Page Up and Page Down.
const PAGE: isize = 10;
/// The events of how many sessions are read at the start: each has a file of its own.
const PASTS_MAX: usize = 50;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Quit,
    Suspend,
    /// Draw all of it again.
    Clear,
    Refresh,
    /// Select the session so many rows further down.
    Select(isize),
}

pub(super) fn run(given: Option<&str>, context: &Context) -> Result<u8, Failure> {
    terminal::check(&context.env)?;
    block_on(async {
        // What is wrong at the start is told as by every command.
        let overview = Feed::look(given, context).await?;
        let past = past(
            &overview.sessions.iter().map(|status| status.session.as_str()).collect::<Vec<_>>(),
            context,
        );
        let (sender, news) = unbounded_channel();
        let asked = Notify::new();
        let feed = Feed { given, context, news: sender, asked: &asked };
        let watch = Watch {
            context,
            asked: &asked,
            model: Model::new(overview, past),
            screen: Screen::enter()?,
            refreshes: JoinSet::new(),
        };
        tokio::select! {
            ended = watch.show(news) => ended,
            never = feed.follow() => match never {},
        }
    })
}

/// What happened before, as far as it was written down.
fn past(sessions: &[&str], context: &Context) -> Vec<Event> {
    let of = |session| history::read(&context.paths.state, session).unwrap_or_default();
    let mut events = of(None);
    if sessions.len() <= PASTS_MAX {
        events.extend(sessions.iter().flat_map(|session| of(Some(session))));
    }
    events.sort_by_key(|event| event.at_ms);
    events
}

/// The view and what is behind it.
struct Watch<'a> {
    context: &'a Context,
    asked: &'a Notify,
    model: Model,
    screen: Screen,
    /// What each refresh has come to that the user asked for.
    refreshes: JoinSet<String>,
}

impl Watch<'_> {
    /// Shows what there is until the user has seen enough.
    async fn show(mut self, mut news: UnboundedReceiver<News>) -> Result<u8, Failure> {
        let look = Look {
            colour: AutoStream::choice(&std::io::stdout()) != ColorChoice::Never,
            utf8: is_utf8(&self.context.env),
        };
        let wanted = [SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT];
        let wanted = wanted.into_iter().filter(|signal| !is_ignored(*signal));
        let mut signals = Signals::new(wanted).map_err(|error| {
            Failure::new(exit::FAILED, format!("signals can't be waited for: {error}; close some programs"))
        })?;
        let mut input = EventStream::new();
        loop {
            let now = self.context.clock.now();
            let Self { screen, model, .. } = &mut self;
            screen.draw(|frame| view::draw(model, now, look, frame.area(), frame.buffer_mut()))?;
            tokio::select! {
                Some(known) = news.recv() => {
                    self.take(known);
                    // A thousand at once are one picture.
                    while let Ok(known) = news.try_recv() {
                        self.take(known);
                    }
                }
                Some(Ok(said)) = self.refreshes.join_next() => {
                    self.model.say(said, self.context.clock.now());
                    self.asked.notify_one();
                }
                read = input.next() => match read {
                    Some(Ok(Input::Key(key))) => match wish(key) {
                        Some(Wish::Quit) => return Ok(exit::DONE),
                        Some(wish) => self.grant(wish)?,
                        None => {}
                    },
                    Some(Ok(_)) => {}
                    // The terminal has gone.
                    Some(Err(_)) | None => return Ok(exit::DONE),
                },
                Some(signal) = signals.next() => match signal {
                    SIGTSTP => self.screen.suspend()?,
                    SIGCONT => self.screen.resume()?,
                    _ => return Ok(exit::DONE),
                },
                () = sleep(second_from(now)) => {}
            }
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::Seen(seen) => self.model.seen(seen),
            News::Happened(event) => self.model.happened(event),
            News::Follows(verdict) => self.model.deaf = verdict.err(),
        }
    }

    fn grant(&mut self, wish: Wish) -> Result<(), Failure> {
        match wish {
            Wish::Quit => {}
            Wish::Suspend => self.screen.suspend()?,
            Wish::Clear => self.screen.resume()?,
            Wish::Select(rows) => self.model.select(rows),
            Wish::Refresh => self.refresh(),
        }
        Ok(())
    }

    /// Has the daemon refresh the selected session. Nobody else does: the view only looks.
    fn refresh(&mut self) {
        let Some(name) = self.model.selected().map(|status| status.session.clone()) else { return };
        self.model.say(format!("{name}: asked for a refresh"), self.context.clock.now());
        let client = self.context.client();
        self.refreshes.spawn(async move {
            match client.refresh(&name).await {
                Ok(_) => format!("{name}: refreshed"),
                Err(error) => format!("{name}: not refreshed: {error}"),
            }
        });
        self.asked.notify_one();
    }
}

fn wish(key: KeyEvent) -> Option<Wish> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('c' | 'd') if control => Wish::Quit,
        KeyCode::Char('z') if control => Wish::Suspend,
        KeyCode::Char('l') if control => Wish::Clear,
        KeyCode::Char('q') | KeyCode::Esc => Wish::Quit,
        KeyCode::Char('r') => Wish::Refresh,
        KeyCode::Up | KeyCode::Char('k') => Wish::Select(-1),
        KeyCode::Down | KeyCode::Char('j') => Wish::Select(1),
        KeyCode::PageUp => Wish::Select(-PAGE),
        KeyCode::PageDown | KeyCode::Char(' ') => Wish::Select(PAGE),
        KeyCode::Home | KeyCode::Char('g') => Wish::Select(isize::MIN),
        KeyCode::End | KeyCode::Char('G') => Wish::Select(isize::MAX),
        _ => return None,
    })
}

/// Until the next whole second: each is shown.
fn second_from(now: Timestamp) -> Duration {
    Duration::from_millis(1000 - now.millis().rem_euclid(1000).unsigned_abs())
}
