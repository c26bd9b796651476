//! `requests`: how many tokens a second the daemon hands out over its socket, beside a bare hyper server that
//! answers the same bytes.

use std::{cell::Cell, convert::Infallible, path::Path, time::Duration};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes, client::conn::http1 as client, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::{
    bare::{self, runtime},
    center::Center,
    daemon,
    figure::Figure,
    home::Home,
    samples::Stopwatch,
    size::as_f64,
};

const CLIENTS: usize = 8;
/// In turn, so that what else the machine does hits both.
const ROUNDS: u32 = 3;
const SPAN: Duration = Duration::from_secs(1);
const TARGET: &str = "/token";

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let center = Center::start(None)?;
    let home = Home::new(&["work"], &center.url, "")?;
    home.sign_in(&center, "work", Duration::from_secs(3600))?;
    let _daemon = daemon::start(&home, binary)?;
    let answer = runtime()?.block_on(async { ask(&mut connect(&home.socket()).await?).await })?;
    let bare = home.path("bare.sock");
    let _bare = bare::over_unix(&bare, answer)?;

    let (mut of_daemon, mut of_bare) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        of_daemon += rate(&home.socket())? / f64::from(ROUNDS);
        of_bare += rate(&bare)? / f64::from(ROUNDS);
    }
    let figure = Figure::new("tokens over the socket, 8 clients", format!("{of_daemon:.0} a second"));
    Ok(vec![figure.beside(format!("bare hyper: {of_bare:.0} a second"), of_daemon, of_bare)])
}

/// Answers a second.
fn rate(socket: &Path) -> anyhow::Result<f64> {
    let answers = Cell::new(0_u64);
    let client = async || -> anyhow::Result<Infallible> {
        let mut sender = connect(socket).await?;
        loop {
            ask(&mut sender).await?;
            answers.set(answers.get() + 1);
        }
    };
    let stopwatch = Stopwatch::start();
    let ended = runtime()?
        .block_on(async { tokio::time::timeout(SPAN, try_join_all((0..CLIENTS).map(|_| client()))).await });
    if let Ok(failed) = ended {
        failed.context("a client was not answered")?;
    }
    Ok(as_f64(answers.get()) / stopwatch.elapsed().as_secs_f64())
}

async fn connect(socket: &Path) -> anyhow::Result<client::SendRequest<Empty<Bytes>>> {
    let (sender, connection) = client::handshake(TokioIo::new(UnixStream::connect(socket).await?)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn ask(sender: &mut client::SendRequest<Empty<Bytes>>) -> anyhow::Result<Bytes> {
    sender.ready().await?;
    let request = Request::get(TARGET).header(HOST, "localhost").body(Empty::new())?;
    let response = sender.send_request(request).await?;
    ensure!(response.status().is_success(), "the answer was {}", response.status());
    Ok(response.into_body().collect().await?.to_bytes())
}
