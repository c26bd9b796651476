//! `ready`: from the start of the process until it tells the service manager that it serves.

use std::{os::unix::net::UnixDatagram, path::Path, process::Stdio, time::Duration};

use crate::{
    center::Center,
    daemon,
    figure::Figure,
    home::Home,
    program::{self, Guard},
    samples::{Samples, millis, timed},
};

const ROUNDS: usize = 30;
const WARM_UPS: usize = 3;
const AIM: Duration = Duration::from_millis(5);
const LOST: Duration = Duration::from_secs(10);

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let center = Center::start(None)?;
    let home = Home::new(&["work"], &center.url, "")?;
    home.sign_in(&center, "work", Duration::from_secs(3600))?;
    let manager = UnixDatagram::bind(home.path("notify"))?;
    manager.set_read_timeout(Some(LOST))?;

    let (mut ready, mut nothing) = (Vec::new(), Vec::new());
    for round in 0..WARM_UPS + ROUNDS {
        let (daemon, until_ready) = timed(|| {
            let mut command = daemon::command(&home, binary);
            let daemon =
                Guard::start(command.env("NOTIFY_SOCKET", home.path("notify")).stderr(Stdio::null()))?;
            wait_for_ready(&manager)?;
            Ok(daemon)
        })?;
        drop(daemon);
        let (_, of_true) = program::run(&mut home.command("/bin/true"))?;
        if round >= WARM_UPS {
            ready.push(until_ready);
            nothing.push(of_true);
        }
    }
    let (ready, nothing) = (Samples::of(ready)?, Samples::of(nothing)?);
    let figure = Figure::new("start until READY=1", ready.to_string())
        .beside(format!("/bin/true, whole: {nothing}"), millis(ready.median()), millis(nothing.median()))
        .aim("≤ 5 ms", ready.median() <= AIM);
    Ok(vec![figure])
}

/// Status lines and words of the daemon before may come first.
fn wait_for_ready(manager: &UnixDatagram) -> anyhow::Result<()> {
    let mut datagram = [0; 4096];
    loop {
        let length = manager.recv(&mut datagram)?;
        if datagram[..length].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
            return Ok(());
        }
    }
}
