//! Sockets that the service manager opened before it started us: systemd's socket activation, `sd_listen_fds(3)`.

use std::{io, os::unix::net::UnixListener};

/// The listening socket that was handed to this process under `name`; `None` where there is none.
///
/// To be asked for once, and before anything is opened: whatever it returns owns its descriptor.
///
/// # Errors
/// Where what was handed over is no listening Unix socket, or the variables that tell of it are no such thing.
#[cfg(target_os = "linux")]
pub fn listener(name: &str) -> io::Result<Option<UnixListener>> {
    use std::{
        os::fd::{AsFd, FromRawFd},
        sync::atomic::{AtomicBool, Ordering},
    };

    use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getsockname, getsockopt, sockopt};

    static ASKED: AtomicBool = AtomicBool::new(false);

    let Some((descriptor, _)) = sd_notify::listen_fds_with_names()?.find(|(_, found)| found == name) else {
        return Ok(None);
    };
    if ASKED.swap(true, Ordering::SeqCst) {
        return Ok(None);
    }
    // SAFETY: `LISTEN_PID` names this process, so the service manager opened this descriptor for it, and it is
    // taken over here once and nowhere else.
    #[expect(unsafe_code, reason = "a descriptor that was inherited has no owner yet")]
    let socket = unsafe { UnixListener::from_raw_fd(descriptor) };
    let is_unix = getsockname::<SockaddrStorage>(descriptor)?.family() == Some(AddressFamily::Unix);
    if !is_unix || !getsockopt(&socket.as_fd(), sockopt::AcceptConn)? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{name}` is no listening socket")));
    }
    Ok(Some(socket))
}

/// The listening socket that was handed to this process under `name`.
///
/// # Errors
/// Never: launchd hands over none.
#[cfg(not(target_os = "linux"))]
pub fn listener(_name: &str) -> io::Result<Option<UnixListener>> {
    Ok(None)
}
