//! [`Error`]: why a file of the store can't be used, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::session::event::Stored;

/// Why something could not be done with a file of the store. `action` is what was tried: `read` or `write`, say.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system or the user's quota is full.
    #[error("can't {action} {}: the disk is full; free some space there", path.display())]
    DiskFull {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// The file system is mounted read-only.
    #[error("can't {action} {}: the file system is read-only; make it writable", path.display())]
    ReadOnly {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// The file or its folder doesn't allow it.
    #[error("can't {action} {}: permission denied; make it and its folder yours (chown) and writable", path.display())]
    NotPermitted {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// There is a folder, a pipe, a socket or a device in its place.
    #[error("can't {action} {}: it is not a regular file; move it away and sign in again", path.display())]
    NotAFile {
        /// What was tried.
        action: &'static str,
        /// What is in the file's place.
        path: PathBuf,
    },
    /// There is something else in the place of a folder.
    #[error("can't {action} {}: a part of this path is not a folder; move that away", path.display())]
    NotAFolder {
        /// What was tried.
        action: &'static str,
        /// The folder, or a file below it.
        path: PathBuf,
    },
    /// A symbolic link leads into a folder that is not there, on a disk that is not mounted perhaps, or the folder
    /// was deleted.
    #[error("can't {action} {}: its folder does not exist; mount or make it", path.display())]
    NoFolder {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A private folder belongs to somebody else, who could read or replace what is in it.
    #[error("can't use the folder {}: it belongs to another user; move it away", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
    },
    /// No token file is that large.
    #[error("can't {action} {}: it is larger than {limit} bytes; move it away and sign in again", path.display())]
    TooLarge {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// How many bytes are read at most.
        limit: u64,
    },
    /// The file system has no room for the name.
    #[error("can't {action} {}: the path is too long; use a shorter folder", path.display())]
    NameTooLong {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// Others replaced the file each time that it was about to be replaced.
    #[error("can't write {}: other programs keep changing it; try again", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Anything else that the system says.
    #[error("can't {action} {}: {source}; check the disk and the path", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// What the file holds can't be told. Where that is so because of where it is and not of what it is, it is not for
/// the user to sign in.
impl From<Error> for Stored {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        if error.is_passing() { Self::Unreachable(message) } else { Self::Broken(message) }
    }
}

impl Error {
    /// Whether it may be over by itself, with the state of the disk.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NoFolder { .. }
            | Self::DiskFull { .. }
            | Self::ReadOnly { .. }
            | Self::Busy { .. }
            | Self::Io { .. } => true,
            Self::NotPermitted { .. }
            | Self::NotAFile { .. }
            | Self::NotAFolder { .. }
            | Self::NotOurs { .. }
            | Self::TooLarge { .. }
            | Self::NameTooLong { .. } => false,
        }
    }

    /// Sorts what the system said about `action` on `path` by situation.
    pub(super) fn from_io(action: &'static str, path: &Path, source: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let path = path.to_path_buf();
        match source.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Self::DiskFull { action, path },
            Kind::ReadOnlyFilesystem => Self::ReadOnly { action, path },
            Kind::PermissionDenied => Self::NotPermitted { action, path },
            Kind::IsADirectory => Self::NotAFile { action, path },
            Kind::NotADirectory => Self::NotAFolder { action, path },
            Kind::NotFound => Self::NoFolder { action, path },
            Kind::InvalidFilename => Self::NameTooLong { action, path },
            _ => Self::Io { action, path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn says_what_why_and_what_to_do_in_a_line() {
        for (errno, expected) in [
            (Errno::ENOSPC, "can't write /home/u/f: the disk is full; free some space there"),
            (Errno::EDQUOT, "can't write /home/u/f: the disk is full; free some space there"),
            (Errno::EROFS, "can't write /home/u/f: the file system is read-only; make it writable"),
            (
                Errno::EACCES,
                "can't write /home/u/f: permission denied; make it and its folder yours (chown) and writable",
            ),
            (
                Errno::EPERM,
                "can't write /home/u/f: permission denied; make it and its folder yours (chown) and writable",
            ),
            (
                Errno::EISDIR,
                "can't write /home/u/f: it is not a regular file; move it away and sign in again",
            ),
            (Errno::ENOTDIR, "can't write /home/u/f: a part of this path is not a folder; move that away"),
            (Errno::ENOENT, "can't write /home/u/f: its folder does not exist; mount or make it"),
            (Errno::ENAMETOOLONG, "can't write /home/u/f: the path is too long; use a shorter folder"),
        ] {
            let error =
                Error::from_io("write", Path::new("/home/u/f"), io::Error::from_raw_os_error(errno as i32));
            assert_eq!(error.to_string(), expected, "{errno}");
        }
        let other =
            Error::from_io("read", Path::new("/home/u/f"), io::Error::from_raw_os_error(Errno::EIO as i32))
                .to_string();
        assert!(
            other.starts_with("can't read /home/u/f: ") && other.ends_with("; check the disk and the path")
        );
    }
}
