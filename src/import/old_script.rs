//! [`OldScript`]: the process that the old script's pid file names, judged before it is ended.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::unistd::getuid;

use super::error::Error;
use crate::platform::Process;

/// What `start.sh` writes beside `token.json`.
const PID_FILE: &str = "refresh-token.pid";
/// What it starts.
const SCRIPT: &str = "refresh-token.js";
/// How often to look whether it has ended …
const LOOKS: u32 = 250;
/// … and how far apart.
const PAUSE: Duration = Duration::from_millis(20);

/// What the pid file says, as the process list has it.
#[derive(Debug, PartialEq, Eq)]
pub enum OldScript {
    /// There is no pid file.
    Absent,
    /// There is none that names a process.
    Nonsense,
    /// The process has ended.
    Ended {
        /// Its process id.
        pid: i32,
    },
    /// The process is something else.
    Other {
        /// Its process id.
        pid: i32,
        /// What it is not.
        why: String,
    },
    /// It runs.
    Running(Process),
    /// It ran and was ended; the pid file is gone.
    Stopped {
        /// What its process id was.
        pid: i32,
    },
}

/// The pid file beside `token_file`.
pub fn pid_file(token_file: &Path) -> PathBuf {
    token_file.with_file_name(PID_FILE)
}

impl OldScript {
    /// Looks for the script that writes `token_file`.
    pub fn find(token_file: &Path) -> Self {
        let path = pid_file(token_file);
        // What is no file is none of the script's; it must not be waited for either.
        if !fs::metadata(&path).is_ok_and(|found| found.is_file()) {
            return Self::Absent;
        }
        let pid = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
        // Zero and what is below mean whole groups of processes, and one starts all others.
        let Some(pid) = pid.filter(|pid| *pid > 1) else { return Self::Nonsense };
        match Process::find(pid) {
            None => Self::Ended { pid },
            Some(process) => match mismatch(&process, token_file) {
                Some(why) => Self::Other { pid, why },
                None => Self::Running(process),
            },
        }
    }

    /// Ends it where it runs, waits until it has ended, and deletes its pid file.
    pub(super) async fn stop(self, token_file: &Path) -> Result<Self, Error> {
        let Self::Running(process) = self else { return Ok(self) };
        let pid = process.pid;
        if let Err(source) = process.terminate()
            && Process::find(pid).is_some()
        {
            return Err(Error::Unstoppable { pid, source });
        }
        for _ in 0..LOOKS {
            if Process::find(pid).is_none() {
                let path = pid_file(token_file);
                if let Err(error) = fs::remove_file(&path) {
                    tracing::warn!("can't delete {}: {error}", path.display());
                }
                return Ok(Self::Stopped { pid });
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Error::Stubborn { pid })
    }
}

/// Why `process` is not the script that writes `token_file`; `None` where it is.
fn mismatch(process: &Process, token_file: &Path) -> Option<String> {
    if process.uid != getuid().as_raw() {
        return Some("it is another user's".to_owned());
    }
    if !process.program.file_name().and_then(|name| name.to_str()).is_some_and(is_node) {
        return Some("it is not node".to_owned());
    }
    let mut scripts = process.arguments.iter().map(Path::new).filter(|path| path.ends_with(SCRIPT));
    // Node knows a script by where its links lead to, and so does the script its folder.
    let wanted = real(&token_file.with_file_name(SCRIPT));
    let is_it = |path: &Path| process.folder.as_ref().is_none_or(|folder| real(&folder.join(path)) == wanted);
    (!scripts.any(is_it)).then(|| format!("it does not run {}", token_file.with_file_name(SCRIPT).display()))
}

/// `node`, `nodejs`, or with a version as in `node-22`.
fn is_node(name: &str) -> bool {
    let version = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || "-.".contains(c));
    name.strip_prefix("node").is_some_and(|rest| version(rest.strip_prefix("js").unwrap_or(rest)))
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::Write,
        os::unix::fs::symlink,
        process::{Child, Command, Stdio},
    };

    use super::*;

    fn process(program: &str, arguments: &[&str], folder: Option<&str>) -> Process {
        Process {
            pid: 2,
            uid: getuid().as_raw(),
            program: program.into(),
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            folder: folder.map(PathBuf::from),
            stopped: false,
        }
    }

    #[test]
    fn only_the_script_that_writes_the_token_is_meant() {
        let token_file = Path::new("/home/me/old/token.json");
        let other_user = Process { uid: getuid().as_raw() + 1, ..process("node", &[SCRIPT], None) };
        for (process, expected) in [
            (process("/usr/bin/node", &[SCRIPT], Some("/home/me/old")), None),
            (process("/opt/node-22.1", &["-r", "./x.js", SCRIPT], Some("/home/me/old")), None),
            (process("/usr/bin/nodejs", &["/home/me/old/refresh-token.js"], Some("/")), None),
            (process("/usr/bin/node", &["./refresh-token.js"], None), None),
            (other_user, Some("it is another user's")),
            (process("/usr/bin/vim", &[SCRIPT], Some("/home/me/old")), Some("it is not node")),
            (process("/usr/bin/nodemon", &[SCRIPT], Some("/home/me/old")), Some("it is not node")),
            (process("/usr/bin/node", &["server.js"], Some("/home/me/old")), Some("it does not run")),
            (process("/usr/bin/node", &["x-refresh-token.js"], None), Some("it does not run")),
            (process("/usr/bin/node", &[SCRIPT], Some("/home/me/copy")), Some("it does not run")),
            (process("/usr/bin/node", &[], Some("/home/me/old")), Some("it does not run")),
        ] {
            let why = mismatch(&process, token_file);
            match (&why, expected) {
                (None, None) => {}
                (Some(why), Some(expected)) if why.starts_with(expected) => {}
                _ => panic!("{process:?}: {why:?}"),
            }
        }
    }

    #[test]
    fn a_script_by_way_of_a_link_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).unwrap();
        File::create(at("real/refresh-token.js")).unwrap();
        symlink(at("real"), at("link")).unwrap();
        let found = process("/usr/bin/node", &[SCRIPT], at("real").to_str());
        assert_eq!(mismatch(&found, &at("link/token.json")), None);
    }

    #[test]
    fn a_pid_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token.json");
        assert_eq!(OldScript::find(&token_file), OldScript::Absent);
        for text in ["", "x", "0", "-1", "1", "99999999999"] {
            File::create(pid_file(&token_file)).unwrap().write_all(text.as_bytes()).unwrap();
            assert_eq!(OldScript::find(&token_file), OldScript::Nonsense, "{text:?}");
        }
    }

    /// Ends with the test, however that ends.
    struct Script(Child);

    impl Drop for Script {
        fn drop(&mut self) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }

    #[tokio::test]
    async fn a_process_that_is_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token.json");
        // It lives for as long as its standard input is open.
        let mut child =
            Script(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
        let pid = child.0.id();
        writeln!(File::create(pid_file(&token_file)).unwrap(), "{pid}").unwrap();
        let found = OldScript::find(&token_file);
        let stopped = found.stop(&token_file).await.unwrap();
        assert!(matches!(&stopped, OldScript::Other { why, .. } if why == "it is not node"), "{stopped:?}");
        assert!(child.0.try_wait().unwrap().is_none() && pid_file(&token_file).exists());
        drop(child.0.stdin.take());
        child.0.wait().unwrap();
        let found = OldScript::find(&token_file);
        assert!(matches!(found, OldScript::Ended { .. }), "{found:?}");
        assert_eq!(
            found.stop(&token_file).await.unwrap(),
            OldScript::Ended { pid: i32::try_from(pid).unwrap() }
        );
        assert!(pid_file(&token_file).exists());
    }
}
