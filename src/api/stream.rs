//! [`Answer`]: the body of an answer, whole or an [event stream](https://html.spec.whatwg.org/multipage/server-sent-events.html)
//! that goes on; [`Stream`] is what fills it.
//!
//! Nothing is sent while nothing happens: that the other side has gone is known without, since both ends are on this
//! machine. Who does not take what is sent is dropped by the bus, and told so in a comment, where that still arrives.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
    header::{CONNECTION, HeaderValue},
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use super::rejection::response;
use crate::events::{
    Event,
    bus::{End, Over, Subscription},
};

/// How long a client may take to take the last events.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// The body of an answer.
#[derive(Debug)]
pub enum Answer {
    /// All of it.
    Whole(Full<Bytes>),
    /// What comes, until the stream ends.
    Stream {
        /// Takes it.
        frames: mpsc::Receiver<Bytes>,
        /// Who is to fill it; taken by the connection.
        filled_by: Option<Stream>,
    },
}

/// Fills a body with events.
#[derive(Debug)]
pub struct Stream {
    subscription: Subscription,
    body: mpsc::Sender<Bytes>,
}

impl Answer {
    /// Takes out what has to be driven for the body to go on.
    pub(super) fn stream(&mut self) -> Option<Stream> {
        match self {
            Self::Whole(_) => None,
            Self::Stream { filled_by, .. } => filled_by.take(),
        }
    }
}

/// An answer of events. Its connection is closed at its end.
pub(super) fn events(subscription: Subscription) -> Response<Answer> {
    let (body, frames) = mpsc::channel(1);
    let stream = Answer::Stream { frames, filled_by: Some(Stream { subscription, body }) };
    let mut response = response(StatusCode::OK, "text/event-stream", Bytes::new()).map(|_| stream);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Stream { frames, .. } => frames.poll_recv(context).map(|data| Some(Ok(Frame::data(data?)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(body) if body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Stream { .. } => SizeHint::default(),
        }
    }
}

impl Stream {
    /// Fills the body that `connection` sends, until one of them ends or `ended` says why it must. What was told until
    /// then is sent, with the reason, to a client that takes it.
    pub(super) async fn drive(self, connection: impl Future, ended: impl Future<Output = &'static str>) {
        let (events, over) = self.subscription.split();
        let (end, ending) = watch::channel(None);
        let filling = fill(self.body, events, ending);
        let mut talk = pin!(async {
            tokio::select! {
                _ = connection => {}
                () = async { filling.await; std::future::pending().await } => {}
            }
        });
        let why = tokio::select! {
            () = talk.as_mut() => return,
            why = reason(over) => why,
            why = ended => why,
        };
        end.send_replace(Some(why));
        if timeout(LAST_EVENTS, talk).await.is_err() {
            tracing::debug!("closed a connection whose client does not take its events");
        }
    }
}

async fn reason(over: Over) -> &'static str {
    match over.end().await {
        End::TooSlow => "this client is too slow for the events: it has missed some, and is dropped",
        End::Closed => "the daemon stops",
    }
}

async fn fill(
    body: mpsc::Sender<Bytes>,
    mut events: mpsc::Receiver<Arc<Event>>,
    mut ending: watch::Receiver<Option<&'static str>>,
) {
    loop {
        let event = tokio::select! {
            biased;
            event = events.recv() => event,
            _ = ending.changed() => {
                // What waits is still handed out.
                events.close();
                continue;
            }
        };
        let Some(event) = event else { break };
        let frame = format!("event: {}\ndata: {}\n\n", event.event, event.json());
        if body.send(frame.into()).await.is_err() {
            return;
        }
    }
    // It may be told only after the last event.
    let why = ending.wait_for(Option::is_some).await.ok().and_then(|why| *why).unwrap_or_default();
    // Nobody reads it where the connection has ended.
    let _ = body.send(format!(": {why}\n\n").into()).await;
}

#[cfg(test)]
mod tests;
