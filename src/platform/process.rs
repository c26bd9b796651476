//! What keeps other processes of the user out of this one's memory, as far as a system can; and [`Process`], what
//! can be seen of another one.

use std::{io, path::PathBuf};

use nix::{
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::{Signal, kill},
        stat::{Mode, umask},
    },
    unistd::Pid,
};

/// A process of this machine, as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its process id.
    pub pid: i32,
    /// The user that it runs for.
    pub uid: u32,
    /// The file that is executed; what the process calls itself where the system does not tell.
    pub program: PathBuf,
    /// What it was started with, without its own name. On macOS an argument with a blank in it is several.
    pub arguments: Vec<String>,
    /// Its working directory, where the system tells it.
    pub folder: Option<PathBuf>,
    /// Whether it was stopped, by Ctrl-Z or `kill -STOP`, and so does nothing until it is continued.
    pub stopped: bool,
}

impl Process {
    /// Looks at the process `pid`; `None` where there is none, or one that has ended and is not yet collected.
    #[cfg(target_os = "linux")]
    pub fn find(pid: i32) -> Option<Self> {
        use std::{fs, path::Path};

        /// What the system adds to the path of a program that was updated while it runs.
        const DELETED: &str = " (deleted)";

        let folder = Path::new("/proc").join(pid.to_string());
        let status = fs::read_to_string(folder.join("status")).ok()?;
        let member =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        let state = member("State:")?;
        if matches!(state, "Z" | "X") {
            return None;
        }
        let line = fs::read(folder.join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line);
        // Empty for a moment, while a process becomes another program.
        let mut words = line.strip_suffix('\0').unwrap_or(&line).split('\0').map(str::to_owned);
        let name = words.next().unwrap_or_default();
        let program = fs::read_link(folder.join("exe")).unwrap_or_else(|_| PathBuf::from(name));
        let updated = program.to_str().and_then(|path| path.strip_suffix(DELETED)).map(PathBuf::from);
        Some(Self {
            pid,
            // Not the owner of the folder, which is root where a process can't be dumped.
            uid: member("Uid:")?.parse().ok()?,
            program: updated.unwrap_or(program),
            arguments: words.collect(),
            folder: fs::read_link(folder.join("cwd")).ok(),
            stopped: state == "T",
        })
    }

    /// Looks at the process `pid`; `None` where there is none, or one that has ended and is not yet collected.
    #[cfg(not(target_os = "linux"))]
    pub fn find(pid: i32) -> Option<Self> {
        Self::listed(["-p", &pid.to_string()]).pop()
    }

    /// What `ps` lists.
    #[cfg(not(target_os = "linux"))]
    fn listed(which: [&str; 2]) -> Vec<Self> {
        let mut ps = std::process::Command::new("/bin/ps");
        ps.args(["-ww", "-o", "pid=,uid=,stat=,command="]).args(which);
        let said = ps.output().map(|output| output.stdout).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let process = |line: &str| {
            let mut words = line.split_whitespace();
            let (pid, uid) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            let state = words.next().filter(|state| !state.starts_with('Z'))?;
            let program = PathBuf::from(words.next()?);
            let arguments = words.map(str::to_owned).collect();
            Some(Self { pid, uid, program, arguments, folder: None, stopped: state.starts_with('T') })
        };
        said.lines().filter_map(process).collect()
    }

    /// The processes of the user `uid`, as far as they can be seen.
    #[cfg(target_os = "linux")]
    pub fn all_of(uid: u32) -> Vec<Self> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(Self::find).filter(|process| process.uid == uid).collect()
    }

    /// The processes of the user `uid`, as far as they can be seen.
    #[cfg(not(target_os = "linux"))]
    pub fn all_of(uid: u32) -> Vec<Self> {
        Self::listed(["-U", &uid.to_string()])
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) -> io::Result<()> {
        Ok(kill(Pid::from_raw(self.pid), Signal::SIGTERM)?)
    }
}

/// Leaves no core file behind, and on Linux lets nobody but root attach or read the memory.
///
/// A system that refuses is told of and borne with: the token files are the user's to read in any case.
pub fn harden() {
    // The hard limit stays: no user could give it back to the programs that are started.
    let off =
        getrlimit(Resource::RLIMIT_CORE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_CORE, 0, hard));
    if let Err(error) = off {
        tracing::debug!("core files can't be turned off: {error}");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::debug!("the process can't be closed to debuggers: {error}");
    }
}

/// Lets the process use the files that it makes itself: a umask such as 0777 would leave them without any right.
/// What it takes from others stays, and goes for the programs that are started too, unless they get back what was
/// [`Inherited`](super::Inherited).
pub fn own_files() {
    let found = umask(Mode::S_IRWXG | Mode::S_IRWXO);
    umask(found - Mode::S_IRWXU);
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Child, Command},
        thread,
        time::Duration,
    };

    use nix::unistd::geteuid;

    use super::*;

    /// Ends with the test, however that ends.
    struct Sleep(Child);

    impl Drop for Sleep {
        fn drop(&mut self) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }

    /// What `look` gives as soon as it gives something.
    fn until<T>(look: impl Fn() -> Option<T>) -> T {
        for _ in 0..6000 {
            if let Some(found) = look() {
                return found;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("waited in vain");
    }

    #[test]
    fn sees_a_process_until_it_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let mut sleep = Sleep(Command::new("sleep").args(["600", "1"]).current_dir(&folder).spawn().unwrap());
        let pid = i32::try_from(sleep.0.id()).unwrap();
        // For a moment it has no arguments yet.
        let process = until(|| Process::find(pid).filter(|process| process.arguments == ["600", "1"]));
        assert_eq!(process.uid, geteuid().as_raw());
        assert!(process.program.is_absolute() || cfg!(not(target_os = "linux")), "{process:?}");
        assert!(process.folder.as_ref().is_none_or(|found| *found == folder));
        assert!(Process::all_of(process.uid).contains(&process));
        assert!(!Process::all_of(process.uid + 1).contains(&process));
        process.terminate().unwrap();
        until(|| Process::find(pid).is_none().then_some(()));
        assert!(!sleep.0.wait().unwrap().success());
        assert_eq!(Process::find(pid), None);
        assert!(process.terminate().is_err());
    }

    #[test]
    fn leaves_no_core_and_lets_nobody_attach() {
        let (_, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap();
        harden();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, hard));
        #[cfg(target_os = "linux")]
        assert!(!nix::sys::prctl::get_dumpable().unwrap());
    }

    #[test]
    fn tells_a_stopped_process_from_others() {
        let sleep = Sleep(Command::new("sleep").arg("600").spawn().unwrap());
        let pid = i32::try_from(sleep.0.id()).unwrap();
        assert!(!until(|| Process::find(pid)).stopped);
        kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
        until(|| Process::find(pid).filter(|process| process.stopped));
    }
}
