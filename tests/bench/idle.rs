//! `idle`: how often a daemon wakes up that has nothing to do, beside a process that looks at the clock once a
//! minute.

use std::{path::Path, thread, time::Duration};

use crate::{center::Center, daemon, figure::Figure, home::Home, node, proc, size::as_f64};

/// Idle threads of tokio's pool for blocking work end after ten seconds.
const SETTLED: Duration = Duration::from_secs(15);
const WINDOW: Duration = Duration::from_secs(120);

pub(crate) fn measure(binary: &Path) -> anyhow::Result<Vec<Figure>> {
    let center = Center::start(None)?;
    let home = Home::new(&["work"], &center.url, "")?;
    home.sign_in(&center, "work", Duration::from_secs(3600))?;
    let daemon = daemon::start(&home, binary)?;
    let node = node::polling(&home);
    if let Err(error) = &node {
        println!("  WITHOUT a yardstick: {error:#}");
    }
    let look = || -> anyhow::Result<_> {
        let of_node = node.as_ref().ok().map(|node| proc::activity(node.pid())).transpose()?;
        Ok((proc::activity(daemon.pid())?, of_node))
    };
    thread::sleep(SETTLED);
    let (before, node_before) = look()?;
    thread::sleep(WINDOW);
    let (after, node_after) = look()?;

    let (switches, cpu) = passed(before, after);
    let threads = after.threads;
    let mut woken = Figure::new("wake-ups in 2 idle minutes", format!("{switches} ({threads} threads)"))
        .aim("none", switches == 0);
    let mut busy = Figure::new("CPU time in 2 idle minutes", format!("{} µs", cpu.as_micros()));
    if let Some((before, after)) = node_before.zip(node_after) {
        let (of_node, cpu_of_node) = passed(before, after);
        woken = woken.beside(format!("polling node: {of_node}"), as_f64(switches), as_f64(of_node));
        let yardstick = format!("polling node: {} µs", cpu_of_node.as_micros());
        busy = busy.beside(yardstick, cpu.as_secs_f64(), cpu_of_node.as_secs_f64());
    }
    Ok(vec![woken, busy])
}

/// A thread that ended meanwhile took its numbers with it.
fn passed(before: proc::Activity, after: proc::Activity) -> (u64, Duration) {
    let switches = after.voluntary_switches.saturating_sub(before.voluntary_switches);
    (switches, after.cpu.saturating_sub(before.cpu))
}
