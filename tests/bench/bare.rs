//! A bare hyper server: the yardstick of what the daemon's own answers may cost.

use std::{convert::Infallible, io, net::SocketAddr, path::Path, sync::mpsc, thread};

use anyhow::Context;
use http_body_util::Full;
use hyper::{Response, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    runtime::{Builder, Runtime},
    sync::oneshot,
};

/// Ends the server when it is dropped.
pub(crate) type Guard = oneshot::Sender<()>;

/// Answers everything that comes over `socket` with `answer`.
pub(crate) fn over_unix(socket: &Path, answer: Bytes) -> anyhow::Result<Guard> {
    let socket = socket.to_owned();
    start(answer, async move || {
        let listener = UnixListener::bind(socket)?;
        Ok(((), async move || Ok(listener.accept().await?.0)))
    })
    .map(|((), guard)| guard)
}

/// The same over loopback TCP; where it listens.
pub(crate) fn over_tcp(answer: Bytes) -> anyhow::Result<(SocketAddr, Guard)> {
    start(answer, async || {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let accept = async |listener: &TcpListener| {
            let stream = listener.accept().await?.0;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        Ok((listener.local_addr()?, async move || accept(&listener).await))
    })
}

/// A server in a thread of its own, on what `listen` opens there.
fn start<T, S, A>(
    answer: Bytes,
    listen: impl AsyncFnOnce() -> io::Result<(T, A)> + Send + 'static,
) -> anyhow::Result<(T, Guard)>
where
    T: Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: AsyncFn() -> io::Result<S>,
{
    let runtime = runtime()?;
    let (guard, stop) = oneshot::channel::<()>();
    let (listening, listens) = mpsc::channel();
    thread::spawn(move || {
        runtime.block_on(async {
            let accept = match listen().await {
                Ok((opened, accept)) => {
                    drop(listening.send(Ok(opened)));
                    accept
                }
                Err(error) => return drop(listening.send(Err(error))),
            };
            tokio::select! {
                () = accept_all(accept, answer) => {}
                _ = stop => {}
            }
        });
    });
    Ok((listens.recv().context("the bare server did not start")??, guard))
}

async fn accept_all<S>(accept: impl AsyncFn() -> io::Result<S>, answer: Bytes)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    while let Ok(stream) = accept().await {
        let answer = answer.clone();
        let service = service_fn(move |_| {
            let answer = answer.clone();
            async { Ok::<_, Infallible>(Response::new(Full::new(answer))) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
