//! [`Uninterrupted`]: work that no signal cuts off in the midst.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::{
    SigId,
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag, low_level,
};

use crate::platform::is_ignored;

/// While it lives, the first Ctrl-C or SIGTERM waits for its end, and then ends the process as it would have. A
/// second one ends it at once.
///
/// For an exchange: a refresh token that is good for one use is lost with the answer to it.
#[derive(Debug)]
pub(super) struct Uninterrupted(());

/// What the handlers know. They are installed once, since a signal would be ignored after them.
#[derive(Debug, Default)]
struct Signals {
    /// The next signal ends the process: nothing is under way, or one has come already.
    deadly: Arc<AtomicBool>,
    /// The one that came.
    came: Arc<AtomicUsize>,
    /// What was installed.
    ids: Vec<SigId>,
}

static SIGNALS: OnceLock<Signals> = OnceLock::new();

impl Uninterrupted {
    /// From now on. Where the system takes no handlers, signals do what they always do.
    pub(super) fn begin() -> Self {
        SIGNALS.get_or_init(|| {
            let mut signals = Signals::default();
            if let Err(error) = signals.install() {
                tracing::debug!("signals are not waited with: {error}");
            }
            signals
        });
        if let Some(signals) = SIGNALS.get() {
            signals.deadly.store(false, Ordering::SeqCst);
        }
        Self(())
    }

    /// Leaves signals to somebody else, who ends the process when all is done. For good.
    pub(super) fn leave() {
        for id in &SIGNALS.get_or_init(Signals::default).ids {
            low_level::unregister(*id);
        }
    }
}

impl Signals {
    fn install(&mut self) -> io::Result<()> {
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
            // In this order, so that the first one does not see what it sets itself.
            self.ids.push(flag::register_conditional_default(signal, self.deadly.clone())?);
            let number = signal.unsigned_abs() as usize;
            self.ids.push(flag::register_usize(signal, self.came.clone(), number)?);
            self.ids.push(flag::register(signal, self.deadly.clone())?);
        }
        Ok(())
    }
}

impl Drop for Uninterrupted {
    fn drop(&mut self) {
        let Some(signals) = SIGNALS.get() else { return };
        signals.deadly.store(true, Ordering::SeqCst);
        let came = signals.came.load(Ordering::SeqCst);
        if let Some(signal) = i32::try_from(came).ok().filter(|signal| *signal != 0) {
            // It ends the process.
            let _ = low_level::emulate_default_handler(signal);
        }
    }
}
