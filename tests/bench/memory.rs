//! `memory`: what the daemon holds before and after it has refreshed over TLS.

use std::{io::Write, path::Path, thread, time::Duration};

use rcgen::CertificateParams;

use crate::{
    authority::Authority,
    center::Center,
    daemon,
    figure::Figure,
    home::Home,
    node, proc, program,
    size::{as_f64, megabytes},
};

const REFRESHES: usize = 100;
const AIM: u64 = 6_000_000;
/// Idle threads of tokio's pool for blocking work end after ten seconds.
const SETTLED: Duration = Duration::from_secs(12);

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let authority = Authority::new("Figures");
    let center = Center::start(Some(authority.server(&CertificateParams::new(["localhost".to_owned()])?)))?;
    let mut bundle = tempfile::NamedTempFile::new()?;
    bundle.write_all(authority.pem().as_bytes())?;
    let home = Home::new(&["work"], &center.url, &format!("ca_bundle = \"{}\"", bundle.path().display()))?;
    home.sign_in(&center, "work", Duration::from_secs(3600))?;
    let daemon = daemon::start(&home, binary)?;
    let node = node::polling(&home);
    if let Err(error) = &node {
        println!("  WITHOUT a yardstick: {error:#}");
    }

    let mut figures = Vec::new();
    let mut take = |when: &str| -> anyhow::Result<()> {
        thread::sleep(SETTLED);
        let of_daemon = proc::memory(daemon.pid())?;
        let of_node = node.as_ref().ok().map(|node| proc::memory(node.pid())).transpose()?;
        figures.extend(lines(when, &of_daemon, of_node.as_ref()));
        Ok(())
    };
    take("idle")?;
    refresh(&home, binary, 1)?;
    take("after 1 refresh")?;
    refresh(&home, binary, REFRESHES - 1)?;
    take("after 100 refreshes")?;
    Ok(figures)
}

fn refresh(home: &Home, binary: &Path, times: usize) -> anyhow::Result<()> {
    for _ in 0..times {
        program::run(home.command(binary).arg("refresh"))?;
    }
    Ok(())
}

fn lines(when: &str, daemon: &proc::Memory, node: Option<&proc::Memory>) -> Vec<Figure> {
    let detail = format!(
        "{} (peak {}, anonymous {})",
        megabytes(daemon.rss),
        megabytes(daemon.peak),
        daemon.anonymous.map_or_else(|| "unreadable".into(), megabytes)
    );
    let mut rss = Figure::new(format!("RSS {when}"), detail).aim("≤ 6 MB", daemon.rss <= AIM);
    if let Some(node) = node {
        let yardstick = format!("idle node: {}", megabytes(node.rss));
        rss = rss.beside(yardstick, as_f64(daemon.rss), as_f64(node.rss));
    }
    let pss = daemon.pss.map(|pss| {
        let figure = Figure::new(format!("PSS {when}"), megabytes(pss));
        let Some(of_node) = node.and_then(|node| node.pss) else { return figure };
        figure.beside(format!("idle node: {}", megabytes(of_node)), as_f64(pss), as_f64(of_node))
    });
    [Some(rss), pss].into_iter().flatten().collect()
}
