//! One daemon per user: a lock on a file that tells who holds it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The proof that no other daemon of this user runs, until it is dropped.
#[derive(Debug)]
pub struct Instance {
    #[expect(dead_code, reason = "locked until dropped")]
    file: File,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else has it.
    #[error("{}", running(.pid.as_deref()))]
    Running {
        /// The process id, as it wrote it; `None` where it has not, or something else did.
        pid: Option<String>,
    },
    /// The file can't be used.
    #[error(
        "can't lock {path}: {source}; set XDG_RUNTIME_DIR to a folder of your own that can be written to"
    )]
    Unusable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl Instance {
    /// Takes the lock in `folder`, which must exist.
    ///
    /// # Errors
    /// Where another daemon holds it, or the file can't be made.
    pub fn lock(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("daemon.lock");
        let unusable = |source| Error::Unusable { path: path.display().to_string(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Running { pid: holder(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        write_pid(&mut file).map_err(unusable)?;
        Ok(Self { file })
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn running(pid: Option<&str>) -> String {
    let status = "`sso-refresh status` shows how it is doing";
    match pid {
        Some(pid) => {
            format!("sso-refresh is already running (process {pid}): {status}, and `kill {pid}` ends it")
        }
        None => format!("sso-refresh is already running: {status}"),
    }
}

fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    // Whoever holds the lock may not have written it yet.
    let _ = file.read_to_string(&mut text);
    let pid = text.trim();
    (!pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())).then(|| pid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let first = Instance::lock(folder.path()).unwrap();
        let error = Instance::lock(folder.path()).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        assert!(error.to_string().contains(&format!("`kill {}` ends it", std::process::id())), "{error}");
        for unreadable in ["", "unknown\n", "-1\n"] {
            File::create(folder.path().join("daemon.lock"))
                .unwrap()
                .write_all(unreadable.as_bytes())
                .unwrap();
            let error = Instance::lock(folder.path()).unwrap_err().to_string();
            assert_eq!(
                error, "sso-refresh is already running: `sso-refresh status` shows how it is doing",
                "{unreadable:?}"
            );
        }
        drop(first);
        Instance::lock(folder.path()).unwrap();
    }

    #[test]
    fn a_file_left_by_a_dead_daemon_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let mut left = File::create(folder.path().join("daemon.lock")).unwrap();
        left.write_all(b"99999999\n").unwrap();
        Instance::lock(folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join("daemon.lock")).unwrap();
        assert_eq!(text.trim(), std::process::id().to_string());
    }
}
