//! [`Inherited`]: what a process was started with and does not work with itself, for the programs that it starts; and
//! [`is_ignored`], which signals it was not to heed.

use std::{io, mem::MaybeUninit, os::unix::process::CommandExt, process::Command, ptr};

use nix::{
    libc::{self, c_int, rlim_t},
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

    /// Has `command` start with them, whatever else this process does meanwhile.
    pub fn give_at_start(self, command: &mut Command) {
        let set = move || -> io::Result<()> {
            umask(self.umask);
            if let Some((soft, hard)) = self.core {
                // A program without core files is better than none.
                let _ = setrlimit(Resource::RLIMIT_CORE, soft, hard);
            }
            Ok(())
        };
        // SAFETY: between the fork and the program's start it makes two system calls and nothing else: it allocates
        // nothing and takes no lock.
        #[expect(unsafe_code, reason = "std runs something in a child in no other way")]
        unsafe {
            command.pre_exec(set);
        }
    }

    fn set(self) {
        umask(self.umask);
        let Some((soft, hard)) = self.core else { return };
        if let Err(error) = setrlimit(Resource::RLIMIT_CORE, soft, hard) {
            tracing::debug!("the limit of core files can't be set: {error}");
        }
    }
}

/// Whether `signal` is ignored: as `nohup` and shells start what is to live on. A handler would change that, for the
/// programs that are started too.
pub fn is_ignored(signal: c_int) -> bool {
    let mut found = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the system changes nothing, and writes the one in force to `found`, which is of the
    // right size. All of it being zero is a value too.
    #[expect(unsafe_code, reason = "nix tells the action of a signal only by changing it")]
    let action = unsafe {
        libc::sigaction(signal, ptr::null(), found.as_mut_ptr());
        found.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal;

    use super::*;

    #[test]
    fn an_ignored_signal_is_known() {
        // As the runtime of Rust has it.
        assert!(is_ignored(Signal::SIGPIPE as c_int));
        assert!(!is_ignored(Signal::SIGWINCH as c_int), "it does nothing, which is another thing");
    }
}
