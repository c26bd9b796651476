//! [`Lifeline`]: a watchdog of our own, for a service manager that has none.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// Ends the process when it is not pulled for too long, so that it is started again.
#[derive(Debug)]
pub(super) struct Lifeline(Sender<()>);

impl Lifeline {
    /// Calls `end` in a thread when [`pull`](Self::pull) was not called for `patience`; never after it is dropped.
    pub(super) fn new(patience: Duration, end: impl FnOnce() + Send + 'static) -> std::io::Result<Self> {
        let (pull, pulls) = channel();
        thread::Builder::new().name("lifeline".into()).spawn(move || watch(&pulls, patience, end))?;
        Ok(Self(pull))
    }

    /// Shows that the loop turns.
    pub(super) fn pull(&self) {
        // The thread is gone when it has called the end.
        let _ = self.0.send(());
    }
}

fn watch(pulls: &Receiver<()>, patience: Duration, end: impl FnOnce()) {
    loop {
        match pulls.recv_timeout(patience) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => return end(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_the_process_that_does_not_turn() {
        let (ended, end) = channel();
        let lifeline = Lifeline::new(Duration::from_millis(1), move || ended.send(()).unwrap()).unwrap();
        end.recv_timeout(Duration::from_secs(60)).unwrap();
        lifeline.pull();
    }

    #[test]
    fn leaves_one_alone_that_does_or_has_ended() {
        let (ended, end) = channel();
        let lifeline = Lifeline::new(Duration::from_secs(3600), move || ended.send(()).unwrap()).unwrap();
        lifeline.pull();
        drop(lifeline);
        // The thread is gone, and what it would have called with it.
        assert!(end.recv_timeout(Duration::from_secs(60)).is_err());
    }
}
