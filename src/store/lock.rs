//! [`Lock`]: one process at a time.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use nix::fcntl::OFlag;

use super::error::Error;

/// An advisory lock (`flock`) on a file of its own, released when dropped, also by a crash.
///
/// The locked file is never the one that it guards: that one is replaced, and a lock stays with the old file.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "closing it releases the lock")] File);

impl Lock {
    /// Takes the lock at `path`, or `None` where another process or another [`Lock`] of this one holds it. The
    /// file is made, and left in place ever after: deleting it would let two in.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        let failed = |error| Error::from_io("lock", path, error);
        // A cleaner of temporary folders may delete the file between the opening and the locking of it.
        for _ in 0..5 {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
                .open(path)
                .map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            if is_at(&file, path).map_err(failed)? {
                // Nobody but a person in trouble needs it: a full disk is no reason to do without the lock.
                if let Err(error) = sign(&file) {
                    tracing::debug!("can't write into {}: {error}", path.display());
                }
                return Ok(Some(Self(file)));
            }
        }
        Ok(None)
    }
}

/// The process that took the lock at `path` last, as it wrote it there; `None` where it has not, or something else
/// did.
pub(super) fn holder(path: &Path) -> Option<i32> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok().filter(|pid| *pid > 0)
}

fn sign(mut file: &File) -> io::Result<()> {
    let text = format!("{}\n", std::process::id());
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

/// Whether `file` is the one that `path` names.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keeps_others_out_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let held = Lock::try_take(&path).unwrap();
        assert!(held.is_some());
        assert!(Lock::try_take(&path).unwrap().is_none(), "taken twice");
        assert!(Lock::try_take(&folder.path().join("b.lock")).unwrap().is_some(), "another file is free");
        drop(held);
        assert!(Lock::try_take(&path).unwrap().is_some(), "free again");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn keeps_a_plain_flock_of_the_file_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let held = Lock::try_take(&path).unwrap();
        let other = File::open(&path).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop(held);
        // What another test starts as a process has it too, until it runs its program.
        other.lock().unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
    }

    #[test]
    fn survives_the_deletion_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        drop(Lock::try_take(&path).unwrap());
        let stale = File::open(&path).unwrap();
        stale.lock().unwrap();
        fs::remove_file(&path).unwrap();
        assert!(Lock::try_take(&path).unwrap().is_some(), "the deleted file holds nobody back");
    }

    #[test]
    fn names_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        assert_eq!(holder(&path), None);
        for (before, found) in
            [("", None), ("4294967295 and more\n", None), ("-1\n", None), ("12\n", Some(12))]
        {
            File::create(&path).unwrap().write_all(before.as_bytes()).unwrap();
            assert_eq!(holder(&path), found, "{before}");
            let _held = Lock::try_take(&path).unwrap().unwrap();
            assert_eq!(holder(&path), Some(std::process::id().cast_signed()), "{before}");
        }
    }

    #[test]
    fn says_why_it_can_not_lock() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing").join("a.lock");
        assert!(matches!(Lock::try_take(&missing), Err(Error::NoFolder { .. })));
        assert!(matches!(Lock::try_take(folder.path()), Err(Error::NotAFile { .. })));
        let long = folder.path().join("x".repeat(300));
        assert!(matches!(Lock::try_take(&long), Err(Error::NameTooLong { .. })));
    }
}
