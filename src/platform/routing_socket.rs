//! Changes of the network where there is no rtnetlink: what the kernel of macOS tells over its routing socket,
//! `route(4)`. Type-checked only.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    libc,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, socket},
};
use tokio::io::unix::AsyncFd;

use super::readable::readable;

/// The longest message that is of interest has some hundred bytes.
const MESSAGE: usize = 2048;

/// Tells of what may be a new way to the network: an interface that runs, an address, a route by a gateway.
#[derive(Debug)]
pub struct Network {
    socket: AsyncFd<OwnedFd>,
}

impl Network {
    /// Listens from now on, on the current runtime.
    ///
    /// # Errors
    /// Where there is no such socket to be had: a sandbox may refuse it.
    pub fn new() -> io::Result<Self> {
        let fd = socket(AddressFamily::Route, SockType::Raw, SockFlag::empty(), None)?;
        fcntl(fd.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        fcntl(fd.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { socket: readable(fd)? })
    }

    /// Waits for a new way. May be dropped and called again at any time.
    ///
    /// # Errors
    /// Where the socket fails: there is nothing more to be heard.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.socket.readable().await?;
            match ready.try_io(|socket| receive(socket.get_ref())) {
                Ok(Ok(true)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(false)) | Err(_) => {}
            }
        }
    }
}

/// Takes one message: whether it tells of a new way.
fn receive(socket: &OwnedFd) -> io::Result<bool> {
    let mut message = [0; MESSAGE];
    match recv(socket.as_raw_fd(), &mut message, MsgFlags::empty()) {
        Ok(length) => Ok(is_way(&message[..length])),
        // Something was lost, and may have been news.
        Err(Errno::ENOBUFS) => Ok(true),
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// By the beginning that all of `rt_msghdr`, `if_msghdr` and `ifa_msghdr` of `net/route.h` and `net/if.h` share: length
/// and version, the type at 3; flags at 8. Routes to single hosts come and go with the neighbours.
fn is_way(message: &[u8]) -> bool {
    let kind = message.get(3).copied().map_or(0, i32::from);
    let flags = message.get(8..12).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes);
    let has = |wanted: i32| flags & wanted == wanted;
    match kind {
        libc::RTM_NEWADDR => true,
        libc::RTM_IFINFO => has(libc::IFF_UP | libc::IFF_RUNNING) && !has(libc::IFF_LOOPBACK),
        libc::RTM_ADD => has(libc::RTF_GATEWAY) && !has(libc::RTF_HOST),
        _ => false,
    }
}
