//! Processes: what keeps others out of this one's memory, as far as a system can, and whether another is stopped.

use nix::sys::{
    resource::{Resource, setrlimit},
    stat::{Mode, umask},
};

/// Leaves no core file behind, and on Linux lets nobody but root attach or read the memory.
///
/// A system that refuses is told of and borne with: the token files are the user's to read in any case.
pub fn harden() {
    if let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        tracing::debug!("core files can't be turned off: {error}");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::debug!("the process can't be closed to debuggers: {error}");
    }
}

/// Lets the process use the files that it makes itself: a umask such as 0777 would leave them without any right.
/// What it takes from others stays, and goes for the programs that are started too.
pub fn own_files() {
    let found = umask(Mode::S_IRWXG | Mode::S_IRWXO);
    umask(found - Mode::S_IRWXU);
}

/// Whether the process `pid` was stopped, by Ctrl-Z or `kill -STOP`, and so does nothing until it is continued. Where
/// that can't be told, it is not.
#[cfg(target_os = "linux")]
pub fn is_stopped(pid: u32) -> bool {
    // proc_pid_stat(5): the state follows the name, which stands in parentheses and may have some of its own.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

/// No system but Linux tells it in a file.
#[cfg(not(target_os = "linux"))]
pub fn is_stopped(_pid: u32) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use nix::sys::resource::getrlimit;

    use super::*;

    #[test]
    fn leaves_no_core_and_lets_nobody_attach() {
        harden();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, 0));
        #[cfg(target_os = "linux")]
        assert!(!nix::sys::prctl::get_dumpable().unwrap());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn tells_a_stopped_process_from_others() {
        use nix::{
            sys::signal::{Signal, kill},
            unistd::Pid,
        };
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id();
        assert!(!is_stopped(pid) && !is_stopped(std::process::id()) && !is_stopped(u32::MAX));
        let tell = |signal| kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
        tell(Signal::SIGSTOP);
        let stopped = (0..6000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            is_stopped(pid)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(stopped);
        assert!(!is_stopped(pid));
    }
}
