//! A descriptor that is waited for.

use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// `fd`, to be waited for on the current runtime until there is something to read.
///
/// # Errors
/// Where the system can't wait for it.
pub(super) fn readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is one open descriptor for as long as it lives, and `AsyncFd` drops it after it was
    // deregistered.
    #[expect(unsafe_code, reason = "AsyncFd can be made of a descriptor in no other way")]
    unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(|error| error.into_parts().1)
}
