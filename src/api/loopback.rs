//! Loopback TCP: [`bind`] and [`serve`], for the AWS SDKs and for containers that share the network of the machine.
//!
//! What an SDK wants of such an endpoint is its container-credentials protocol. Each gives up after a time of its own
//! (JavaScript after 1 s, boto3 after 2 s, Rust after 5 s) and tries again: so nothing is answered early in the place
//! of credentials that are being fetched. Whoever can wait gets them, and who can't finds them in memory with the next
//! try, since one fetch serves all.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{connections::Connections, guard::Guard, router::Router};

/// How many connections the system holds for us until they are accepted.
const BACKLOG: u32 = 1024;

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Others than this machine could connect to it.
    #[error("{address} is no loopback address: use 127.0.0.1 or [::1]")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// Somebody else listens there.
    #[error("{address} is in use")]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// The system refused.
    #[error(
        "can't listen on {address}: {source}; set another `address` in [listen] of config.toml, then run `sso-refresh reload`"
    )]
    Io {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
}

/// Listens on `address`, which must be a loopback address; port 0 picks one. Needs a tokio runtime.
///
/// Nobody else can share the port: `SO_REUSEPORT` is never set.
pub fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    if !address.ip().is_loopback() {
        return Err(Error::NotLoopback { address });
    }
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // The connections of an endpoint that has ended would block a new one for a minute.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::InUse { address },
        _ => Error::Io { address, source },
    })
}

/// Answers whom `guard` lets in on `listener`, until `shutdown` is there, and ends when the answers in flight have been
/// taken. The port is free as soon as `shutdown` is there.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    guard: Arc<Guard>,
    shutdown: impl Future<Output = ()>,
) {
    let mut connections = Connections::new(router, Some(guard));
    connections.take_from(|| accept(&listener), shutdown).await;
    drop(listener);
    connections.finish().await;
}

/// The next connection; none where the client has gone before its turn.
async fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept().await {
        Ok((stream, _)) => {
            // An answer is written at once and waits for nothing.
            stream.set_nodelay(true).ok();
            Ok(Some(stream))
        }
        Err(error)
            if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
