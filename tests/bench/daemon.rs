//! The daemon under test.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{
    home::Home,
    program::{self, Guard},
    samples::Stopwatch,
};

/// How long the daemon may take to listen before it counts as broken.
const LOST: Duration = Duration::from_secs(10);

/// Where a daemon in `home` writes its log.
pub(crate) const LOG: &str = "daemon.log";

/// `sso-refresh run` in `home`.
pub(crate) fn command(home: &Home, binary: &Path) -> Command {
    let mut command = home.command(binary);
    command.arg("run").stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Starts it and waits until it listens.
pub(crate) fn start(home: &Home, binary: &Path) -> anyhow::Result<Guard> {
    let log = File::create(home.path(LOG))?;
    let mut daemon = Guard::start(command(home, binary).stderr(log))?;
    let waiting = Stopwatch::start();
    while UnixStream::connect(home.socket()).is_err() {
        if let Some(status) = daemon.ended()? {
            let log = fs::read_to_string(home.path(LOG))?;
            anyhow::bail!("the daemon ended with {status}: {log}");
        }
        ensure!(waiting.elapsed() < LOST, "the daemon does not listen");
        thread::sleep(Duration::from_millis(5));
    }
    Ok(daemon)
}

/// The loopback endpoint of a daemon whose configuration has `[listen]`.
pub(crate) struct Endpoint {
    address: String,
    /// What a client must send as `Authorization`.
    pub(crate) token: String,
}

pub(crate) fn endpoint(home: &Home, binary: &Path) -> anyhow::Result<Endpoint> {
    let (status, _) = program::run(home.command(binary).args(["status", "--json"]))?;
    let status: Value = serde_json::from_str(&status)?;
    let member = |name: &str| {
        status["daemon"]["endpoint"][name].as_str().with_context(|| format!("the endpoint has no {name}"))
    };
    Ok(Endpoint { address: member("address")?.into(), token: fs::read_to_string(member("token_file")?)? })
}

impl Endpoint {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it answers to one request.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<String> {
        let Self { address, token } = self;
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no end")?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "the endpoint refused: {body}");
        Ok(body.into())
    }
}
