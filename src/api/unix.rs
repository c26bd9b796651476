//! The owner's socket: [`bind`] and [`serve`].
//!
//! Its folder is born private, and only the own user id is served.

use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::AsRawFd,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
        net::UnixStream as StdStream,
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket},
    unistd::Uid,
};
use tokio::net::{UnixListener, UnixStream};
use tracing::debug;

#[cfg(fuzzing)]
pub use super::connections::converse_for_fuzzing;
pub use super::connections::descriptors;
use super::{connections::Connections, router::Router};
use crate::{
    kind::{Kind, told},
    private,
};

/// What the socket is called where a service manager hands it over (`FileDescriptorName=` in its unit).
const ACTIVATION_NAME: &str = "api";

/// Why there is no socket to serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A daemon answers on it.
    #[error(
        "another daemon answers on {path}: end it with `sso-refresh service stop`, or its process, and start again"
    )]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else has its name.
    #[error("{path} is no socket, but something else that stands in the way; move it away")]
    NotASocket {
        /// What stands there.
        path: PathBuf,
    },
    /// It, or its folder, belongs to somebody else.
    #[error("{path} belongs to user id {uid}; remove it, or set XDG_RUNTIME_DIR to a folder of your own")]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// The folder is a link or a file.
    #[error("{path} should be a folder for the socket, but is none; move it away")]
    NotAFolder {
        /// What stands there.
        path: PathBuf,
    },
    /// The system refused.
    #[error(
        "can't listen on {path}: {source}; set XDG_RUNTIME_DIR to a folder of your own that can be written to"
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// A socket that is listened on.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    /// The service manager has opened it, and goes on listening when we end.
    handed_over: bool,
}

impl std::ops::Deref for Listener {
    type Target = UnixListener;

    fn deref(&self) -> &UnixListener {
        &self.socket
    }
}

/// Listens on `path`, in a folder that only the own user can enter: on the socket that the service manager opened
/// there, or on a new one.
///
/// The folder is created where it is missing, and made private where it is not. A socket that nobody answers on
/// any more is replaced. Needs a tokio runtime.
pub fn bind(path: &Path) -> Result<Listener, Error> {
    let failed = |source| Error::Io { path: path.into(), source };
    let folder = path.parent().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    private_folder(folder)?;
    if let Some(socket) = handed_over(path).map_err(failed)? {
        return Ok(Listener { socket, handed_over: true });
    }
    // Two daemons that start at once must not both find the socket stale, or the slower one would remove the
    // socket of the other.
    let _turn = turn(path).map_err(failed)?;
    if is_stale(path)? {
        debug!(path = %path.display(), "replacing a socket that nobody answers on");
        std::fs::remove_file(path).map_err(failed)?;
    }
    let socket = UnixListener::bind(path).map_err(failed)?;
    Ok(Listener { socket, handed_over: false })
}

/// The socket of the service manager, if it is the one at `path`: the one of another place is not where clients ask.
fn handed_over(path: &Path) -> io::Result<Option<UnixListener>> {
    let Some(socket) = crate::platform::activation::listener(ACTIVATION_NAME)? else { return Ok(None) };
    if socket.local_addr()?.as_pathname() != Some(path) {
        told!(
            warn,
            Kind::SocketElsewhere,
            "the service manager listens elsewhere than at {}: its socket is left alone",
            path.display()
        );
        return Ok(None);
    }
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket).map(Some)
}

/// Answers on `listener` until `shutdown` is there, then removes the socket's file and ends when the answers in flight
/// have been taken. The file of a socket that was handed over stays.
pub async fn serve(listener: Listener, router: Router, shutdown: impl Future<Output = ()>) {
    let file = SocketFile::of(&listener);
    let mut connections = Connections::new(router, None);
    let accept = || async { Ok(Some(listener.accept().await?.0).filter(is_own)) };
    connections.take_from(accept, shutdown).await;
    // While the listener is open, nobody else can have taken the name.
    if let Some(file) = file {
        file.remove();
    }
    drop(listener);
    connections.finish().await;
}

/// Whether the peer runs under our own user id.
fn is_own(stream: &UnixStream) -> bool {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == Uid::effective().as_raw() => true,
        Ok(peer) => {
            told!(warn, Kind::TurnedAway, "turned away a connection of another user, of id {}", peer.uid());
            false
        }
        Err(error) => {
            debug!(%error, "turned away a connection of an unknown user");
            false
        }
    }
}

/// Makes sure of a folder that nobody else can enter.
fn private_folder(folder: &Path) -> Result<(), Error> {
    let path = folder.into();
    private::own(folder).map_err(|error| match error {
        private::Error::NotAFolder => Error::NotAFolder { path },
        private::Error::Foreign { uid } => Error::Foreign { path, uid },
        private::Error::Io(source) => Error::Io { path, source },
    })
}

/// Waits for the right to replace the socket, which lasts as long as the file is open.
fn turn(path: &Path) -> io::Result<File> {
    let name = path.with_extension("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(name)?;
    file.lock()?;
    Ok(file)
}

/// Whether a socket is left at `path` that nobody answers on; false where there is nothing.
fn is_stale(path: &Path) -> Result<bool, Error> {
    let failed = |source| Error::Io { path: path.into(), source };
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    if !found.file_type().is_socket() {
        return Err(Error::NotASocket { path: path.into() });
    }
    if found.uid() != Uid::effective().as_raw() {
        return Err(Error::Foreign { path: path.into(), uid: found.uid() });
    }
    match knock(path) {
        Err(Errno::ECONNREFUSED) => Ok(true),
        // Too many wait to be accepted: a daemon that is stuck, but is there.
        Ok(()) | Err(Errno::EAGAIN | Errno::EINPROGRESS) => Err(Error::InUse { path: path.into() }),
        Err(error) => Err(failed(error.into())),
    }
}

/// Connects to `path` and hangs up, without ever waiting.
fn knock(path: &Path) -> Result<(), Errno> {
    let end = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None)?;
    let end = StdStream::from(end);
    end.set_nonblocking(true).map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
    connect(end.as_raw_fd(), &UnixAddr::new(path)?)
}

/// The file of a socket that we bound, told apart from one that somebody else put in its place.
struct SocketFile {
    path: PathBuf,
    id: (u64, u64, i64, i64),
}

impl SocketFile {
    /// None where it is not ours to remove.
    fn of(listener: &Listener) -> Option<Self> {
        if listener.handed_over {
            return None;
        }
        let path = listener.local_addr().ok()?.as_pathname()?.to_owned();
        Some(Self { id: Self::id(&path)?, path })
    }

    /// With the time of its last change, since a new file may get the inode of one that was removed.
    fn id(path: &Path) -> Option<(u64, u64, i64, i64)> {
        let found = path.symlink_metadata().ok()?;
        Some((found.dev(), found.ino(), found.ctime(), found.ctime_nsec()))
    }

    fn remove(self) {
        if Self::id(&self.path) == Some(self.id)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            debug!(%error, "can't remove the socket");
        }
    }
}

#[cfg(test)]
mod tests;
