//! [`Center`]: an Identity Center in a thread of its own, on request with TLS in front of it.

use std::{net::SocketAddr, sync::mpsc, thread};

use anyhow::{Context, anyhow};
use sso_refresh::simulator::{Options, Simulator};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::TlsAcceptor;

const ANY_PORT: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// It runs until it is dropped.
pub(crate) struct Center {
    pub(crate) simulator: Simulator,
    /// Where it is reached.
    pub(crate) url: String,
    _running: oneshot::Sender<()>,
}

impl Center {
    /// `tls` answers in front of it as `localhost`.
    pub(crate) fn start(tls: Option<TlsAcceptor>) -> anyhow::Result<Self> {
        Self::with(Options::default(), tls)
    }

    pub(crate) fn with(options: Options, tls: Option<TlsAcceptor>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (started, starting) = mpsc::channel();
        let (running, stop) = oneshot::channel();
        thread::spawn(move || {
            runtime.block_on(async {
                let up = open(options, tls).await;
                let is_up = up.is_ok();
                if started.send(up).is_ok() && is_up {
                    // Its other half is dropped and never sent to.
                    drop(stop.await);
                }
            });
        });
        let (simulator, url) = starting.recv().context("the Identity Center did not start")??;
        Ok(Self { simulator, url, _running: running })
    }
}

async fn open(options: Options, tls: Option<TlsAcceptor>) -> anyhow::Result<(Simulator, String)> {
    let simulator = Simulator::start(SocketAddr::from(ANY_PORT), options).await?;
    let behind = simulator.url();
    let Some(tls) = tls else { return Ok((simulator, behind)) };
    let behind = behind.strip_prefix("http://").and_then(|address| address.parse().ok());
    let behind = behind.ok_or_else(|| anyhow!("the Identity Center has no address"))?;
    let listener = TcpListener::bind(SocketAddr::from(ANY_PORT)).await?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    tokio::spawn(relay_all(listener, tls, behind));
    Ok((simulator, url))
}

async fn relay_all(listener: TcpListener, tls: TlsAcceptor, behind: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let tls = tls.clone();
        tokio::spawn(async move {
            let mut inner = TcpStream::connect(behind).await?;
            let mut outer = tls.accept(stream).await?;
            copy_bidirectional(&mut outer, &mut inner).await
        });
    }
}
