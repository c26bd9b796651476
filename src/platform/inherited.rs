//! [`Inherited`]: what a process was started with and does not work with itself, for the programs that it starts.

use nix::{
    libc::rlim_t,
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        stat::{Mode, umask},
    },
};

/// The umask and the limit of core files as they were before [`harden`](super::harden) and
/// [`own_files`](super::own_files).
#[derive(Clone, Copy, Debug)]
pub struct Inherited {
    umask: Mode,
    /// Soft and hard; none where the system does not tell.
    core: Option<(rlim_t, rlim_t)>,
}

impl Inherited {
    /// Looks at this process, which must have one thread: for a moment its umask is another.
    pub fn find() -> Self {
        let found = umask(Mode::S_IRWXG | Mode::S_IRWXO);
        umask(found);
        Self { umask: found, core: getrlimit(Resource::RLIMIT_CORE).ok() }
    }

    /// Starts a program by `start`, which gets them back. Nothing else of this process may write files meanwhile.
    pub fn give_to<T>(self, start: impl FnOnce() -> T) -> T {
        let own = Self::find();
        self.set();
        let started = start();
        own.set();
        started
    }

    fn set(self) {
        umask(self.umask);
        let Some((soft, hard)) = self.core else { return };
        if let Err(error) = setrlimit(Resource::RLIMIT_CORE, soft, hard) {
            tracing::debug!("the limit of core files can't be set: {error}");
        }
    }
}
