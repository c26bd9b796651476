//! [`Feed`]: follows the daemon's events, and looks at all sessions when one has come.
//!
//! While the daemon answers nothing is polled: what no event tells of, such as the next attempt of a refresh that fails,
//! happens at a moment that the last look has told. Without a daemon the files are read now and then.

use std::{convert::Infallible, time::Duration};

use tokio::{
    sync::{Notify, mpsc::UnboundedSender},
    time::sleep,
};

use super::model::Model;
use crate::{
    api::client::{self, events::Events, events::Next},
    cli::{context::Context, exit::Failure, status::Overview},
    events::Event,
    time::Timestamp,
};

/// How long after an event the sessions are looked at: more events may come at the same time.
const SETTLES: Duration = Duration::from_millis(150);
/// How soon at the earliest after another look, where no event asks for it.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a daemon is looked for that is not there.
const RETRY: Duration = Duration::from_secs(1);
/// After so many times of that the files are read again.
const FILES_EVERY: u32 = 4;
/// As long as nothing is expected, it is waited.
const LONG: Duration = Duration::from_secs(86_400);

/// What has become known.
pub(super) enum News {
    Seen(Result<Overview, String>),
    Happened(Event),
    /// Whether events come, and why not.
    Follows(Result<(), String>),
}

/// Where news comes from.
pub(super) struct Feed<'a> {
    pub(super) given: Option<&'a str>,
    pub(super) context: &'a Context,
    pub(super) news: UnboundedSender<News>,
    /// Asks for a look.
    pub(super) asked: &'a Notify,
}

impl Feed<'_> {
    /// Looks once.
    pub(super) async fn look(given: Option<&str>, context: &Context) -> Result<Overview, Failure> {
        let answer = context.client().status().await;
        Overview::gather(given, context, answer).await
    }

    /// Follows for good.
    pub(super) async fn follow(&self) -> Infallible {
        let mut round = 0;
        loop {
            // Before the look, so that nothing happens between the two.
            match self.context.client().events().await {
                Ok(events) => {
                    self.tell(News::Follows(Ok(())));
                    self.follow_events(events).await;
                    round = 0;
                }
                Err(client::Error::NotRunning) => self.tell(News::Follows(Ok(()))),
                Err(error) => self.tell(News::Follows(Err(error.to_string()))),
            }
            if round % FILES_EVERY == 0 {
                self.look_again().await;
            }
            round += 1;
            tokio::select! {
                () = sleep(RETRY) => {}
                () = self.asked.notified() => round = 0,
            }
        }
    }

    /// Until there are no more.
    async fn follow_events(&self, mut events: Events) {
        let clock = &self.context.clock;
        let mut due = self.look_again().await;
        loop {
            let now = clock.now();
            let wait = due.map_or(LONG, |at| at.since(now));
            tokio::select! {
                next = events.next() => match next {
                    Ok(Next::Event(json)) => {
                        if let Ok(event) = serde_json::from_str(&json) {
                            self.tell(News::Happened(event));
                        }
                        due = Some(earlier(due, clock.now().after(SETTLES)));
                    }
                    Ok(Next::End(_)) | Err(_) => return,
                },
                () = self.asked.notified() => due = Some(earlier(due, now.after(SETTLES))),
                () = sleep(wait) => due = self.look_again().await,
            }
        }
    }

    /// Tells of a look, and when the next one is due.
    async fn look_again(&self) -> Option<Timestamp> {
        let context = self.context.again();
        let seen = Self::look(self.given, &context).await;
        let now = context.clock.now();
        let due = seen.as_ref().ok().and_then(|overview| Model::next_look(overview, now));
        self.tell(News::Seen(seen.map_err(Failure::into_line)));
        due.map(|at| at.max(now).after(PAUSE))
    }

    fn tell(&self, news: News) {
        // Who is told ends with who tells.
        let _ = self.news.send(news);
    }
}

fn earlier(due: Option<Timestamp>, at: Timestamp) -> Timestamp {
    due.map_or(at, |due| due.min(at))
}
