//! What Linux tells of a process under `/proc`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow};

/// The memory of a process, in bytes.
pub(crate) struct Memory {
    pub(crate) rss: u64,
    /// The largest that `rss` has ever been.
    pub(crate) peak: u64,
    /// Shared pages counted in parts; `None` where the kernel does not let us look.
    pub(crate) pss: Option<u64>,
    /// Pages of no file; `None` likewise.
    pub(crate) anonymous: Option<u64>,
}

pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let status = fields(&of(pid).join("status"))?;
    let rollup = fields(&of(pid).join("smaps_rollup")).unwrap_or_default();
    let rss = kibibytes(&status, "VmRSS").context("no VmRSS")?;
    let peak = kibibytes(&status, "VmHWM").context("no VmHWM")?;
    Ok(Memory { rss, peak, pss: kibibytes(&rollup, "Pss"), anonymous: kibibytes(&rollup, "Anonymous") })
}

/// What the threads of a process have done so far.
#[derive(Clone, Copy)]
pub(crate) struct Activity {
    /// How often a thread went to sleep by itself: each is a wake-up.
    pub(crate) voluntary_switches: u64,
    pub(crate) cpu: Duration,
    pub(crate) threads: usize,
}

pub(crate) fn activity(pid: u32) -> anyhow::Result<Activity> {
    let mut activity = Activity { voluntary_switches: 0, cpu: Duration::ZERO, threads: 0 };
    for thread in fs::read_dir(of(pid).join("task"))? {
        let thread = thread?.path();
        let switches = fields(&thread.join("status"))?
            .get("voluntary_ctxt_switches")
            .and_then(|value| value.parse::<u64>().ok());
        activity.voluntary_switches += switches.context("no voluntary_ctxt_switches")?;
        activity.cpu += on_cpu(&thread)?;
        activity.threads += 1;
    }
    Ok(activity)
}

/// The first number of `schedstat`: nanoseconds on a processor.
fn on_cpu(thread: &Path) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(thread.join("schedstat"))?;
    let nanos = text.split_whitespace().next().context("an empty schedstat")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// The load average of the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

fn of(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// `Name:  value` lines.
fn fields(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(path).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    let line = |line: &str| line.split_once(':').map(|(name, value)| (name.into(), value.trim().into()));
    Ok(text.lines().filter_map(line).collect())
}

fn kibibytes(fields: &BTreeMap<String, String>, name: &str) -> Option<u64> {
    Some(fields.get(name)?.strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}
