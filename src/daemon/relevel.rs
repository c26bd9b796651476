//! [`Relevel`]: how the level of a log is changed that somebody else has set up.

use std::fmt;

/// Changes the level of the log, when `log.level` is another after a reload.
pub struct Relevel(Box<dyn Fn(tracing::Level) + Send + Sync>);

impl Relevel {
    /// By calling `change`.
    pub fn new(change: impl Fn(tracing::Level) + Send + Sync + 'static) -> Self {
        Self(Box::new(change))
    }

    /// To `level` from now on.
    pub(super) fn set(&self, level: tracing::Level) {
        (self.0)(level);
    }

    /// Not at all: the log is somebody else's.
    pub fn never() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Relevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relevel")
    }
}
