//! [`Bus`]: hands each event to all who follow. Nobody is waited for: who is too far behind is dropped.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Event;

/// How many events may wait for one who follows.
pub const BACKLOG: usize = 256;

/// All who follow the events.
#[derive(Debug, Default)]
pub struct Bus {
    followers: Vec<Follower>,
}

#[derive(Debug)]
struct Follower {
    events: mpsc::Sender<Arc<Event>>,
    over: oneshot::Sender<()>,
}

/// What one who follows gets.
#[derive(Debug)]
pub struct Subscription {
    /// The events from now on. None comes after the last.
    pub events: mpsc::Receiver<Arc<Event>>,
    over: Over,
}

/// Why no event comes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Too many waited.
    TooSlow,
    /// The bus is no more.
    Closed,
}

/// Tells of the end, before the last events have been taken.
#[derive(Debug)]
pub struct Over(oneshot::Receiver<()>);

impl Bus {
    /// Follows from now on.
    pub fn subscribe(&mut self) -> Subscription {
        self.followers.retain(|follower| !follower.events.is_closed());
        let (events, receiver) = mpsc::channel(BACKLOG);
        let (over, is_over) = oneshot::channel();
        self.followers.push(Follower { events, over });
        Subscription { events: receiver, over: Over(is_over) }
    }

    /// Hands out `event`.
    pub fn publish(&mut self, event: Event) {
        if self.followers.is_empty() {
            return;
        }
        let event = Arc::new(event);
        let followers = std::mem::take(&mut self.followers).into_iter();
        self.followers = followers.filter_map(|follower| follower.hand(&event)).collect();
    }
}

impl Follower {
    /// None where it gets no more.
    fn hand(self, event: &Arc<Event>) -> Option<Self> {
        match self.events.try_send(Arc::clone(event)) {
            Ok(()) => Some(self),
            Err(mpsc::error::TrySendError::Full(_)) => {
                // It may be gone, too.
                let _ = self.over.send(());
                None
            }
            Err(mpsc::error::TrySendError::Closed(_)) => None,
        }
    }
}

impl Subscription {
    /// The events, and what tells of their end.
    pub fn split(self) -> (mpsc::Receiver<Arc<Event>>, Over) {
        (self.events, self.over)
    }
}

impl Over {
    /// Waits for the end.
    pub async fn end(self) -> End {
        self.0.await.map_or(End::Closed, |()| End::TooSlow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn event(number: usize) -> Event {
        Event::new("refreshed", Timestamp::from_secs(0), number.to_string())
    }

    #[tokio::test]
    async fn who_is_too_slow_is_dropped_and_the_others_are_not() {
        let mut bus = Bus::default();
        bus.publish(event(0));
        let (mut slow, slow_over) = bus.subscribe().split();
        let (mut quick, _quick_over) = bus.subscribe().split();
        drop(bus.subscribe());
        for number in 1..=BACKLOG + 1 {
            bus.publish(event(number));
            assert_eq!(quick.recv().await.unwrap().message, number.to_string());
        }
        assert_eq!(slow_over.end().await, End::TooSlow);
        let mut taken = 0;
        while slow.recv().await.is_some() {
            taken += 1;
        }
        assert_eq!((taken, bus.followers.len()), (BACKLOG, 1), "what waited is still to be had");
    }

    #[tokio::test]
    async fn the_end_of_the_bus_is_told_and_the_last_event_is_there() {
        let mut bus = Bus::default();
        let (mut events, over) = bus.subscribe().split();
        bus.publish(event(1));
        drop(bus);
        assert_eq!(over.end().await, End::Closed);
        assert!(events.recv().await.is_some() && events.recv().await.is_none());
    }
}
