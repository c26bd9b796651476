//! A watchdog for systems whose service manager has none: a thread that ends the process when the main loop has not
//! answered for too long, so that it is started anew.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// How often the main loop must be heard of.
const LIMIT: Duration = Duration::from_secs(300);

/// How long it has left when it was not: where the whole process was stopped, or the machine slept, the loop has not had
/// its turn either.
const GRACE: Duration = Duration::from_secs(10);

/// The side of the main loop. The thread ends with it, and does nothing any more.
#[derive(Debug)]
pub struct Watchdog {
    fed: Sender<()>,
}

impl Watchdog {
    /// Watches the caller, and calls `bark` when it was not heard of for too long.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub fn start(bark: impl FnOnce() + Send + 'static) -> std::io::Result<Self> {
        Self::with_limits(LIMIT, GRACE, bark)
    }

    /// How often it is to be fed: twice as often as it must be.
    pub fn every(&self) -> Duration {
        LIMIT / 2
    }

    /// The main loop turns.
    pub fn feed(&self) {
        // The thread is there as long as this is, or has barked.
        let _ = self.fed.send(());
    }

    fn with_limits(
        limit: Duration,
        grace: Duration,
        bark: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (fed, heard) = channel();
        thread::Builder::new().name("watchdog".into()).spawn(move || {
            if is_lost(limit, grace, |patience| wait(&heard, patience)) {
                bark();
            }
        })?;
        Ok(Self { fed })
    }
}

/// What is heard of the main loop.
#[derive(Clone, Copy, Debug)]
enum Heard {
    Fed,
    Nothing,
    /// It has ended.
    End,
}

/// Listens to the main loop until it has ended, or is lost. Wakes up when it is fed, and at no other time.
fn is_lost(limit: Duration, grace: Duration, mut listen: impl FnMut(Duration) -> Heard) -> bool {
    let mut late = false;
    loop {
        match listen(if late { grace } else { limit }) {
            Heard::Fed => late = false,
            Heard::Nothing if late => return true,
            Heard::Nothing => late = true,
            Heard::End => return false,
        }
    }
}

fn wait(heard: &Receiver<()>, patience: Duration) -> Heard {
    match heard.recv_timeout(patience) {
        Ok(()) => Heard::Fed,
        Err(RecvTimeoutError::Timeout) => Heard::Nothing,
        Err(RecvTimeoutError::Disconnected) => Heard::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_lost_that_is_silent_past_the_limit_and_the_grace() {
        use Heard::{End, Fed, Nothing};
        let patience = Duration::from_secs;
        for (heard, lost, waited) in [
            (&[End][..], false, &[9][..]),
            (&[Fed, Fed, End], false, &[9, 9, 9]),
            (&[Nothing, Fed, Nothing, Fed, End], false, &[9, 2, 9, 2, 9]),
            (&[Fed, Nothing, Nothing], true, &[9, 9, 2]),
            (&[Nothing, End], false, &[9, 2]),
        ] {
            let (mut rest, mut waits) = (heard.iter(), Vec::new());
            let listen = |patience| {
                waits.push(patience);
                *rest.next().unwrap()
            };
            assert_eq!(is_lost(patience(9), patience(2), listen), lost, "{heard:?}");
            assert_eq!(waits, waited.iter().copied().map(patience).collect::<Vec<_>>(), "{heard:?}");
        }
    }

    #[test]
    fn it_barks_by_itself_and_not_once_the_loop_has_ended() {
        let soon = Duration::from_millis(1);
        let (barked, barks) = channel();
        let dog = Watchdog::with_limits(soon, soon, move || barked.send(()).unwrap()).unwrap();
        dog.feed();
        barks.recv().unwrap();

        let (barked, barks) = channel::<()>();
        let dog = Watchdog::start(move || barked.send(()).unwrap()).unwrap();
        dog.feed();
        assert_eq!(dog.every() * 2, LIMIT);
        drop(dog);
        assert!(barks.recv().is_err(), "the thread has ended without a bark");
    }
}
