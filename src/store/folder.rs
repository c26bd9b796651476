//! Private folders, and what holds for every folder.

use std::{fs::File, io, path::Path};

use nix::errno::Errno;

use super::error::Error;
use crate::private;

/// Makes a folder for the user alone, and its parents, where they are missing. One that exists is left as it is.
pub(super) fn create_private(path: &Path) -> Result<(), Error> {
    private::create(path).map_err(|error| explained(error, path))
}

/// The same for a folder of our own, which must be the user's, and which nobody else may enter.
pub(super) fn create_own(path: &Path) -> Result<(), Error> {
    private::own(path).map_err(|error| explained(error, path))
}

/// Makes a folder of our own again that was taken away, as [`private::restore`] does.
pub(super) fn restore_own(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    private::restore(path).map_err(|error| explained(error, path))
}

/// The folder that `path` is in.
pub(super) fn of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Makes a rename durable. Some network file systems can't sync a folder, and have no need to.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if is_unknown(&error) => Ok(()),
        result => result,
    }
}

/// Whether `error` says that a file system, or the system itself, has no such thing.
pub(super) fn is_unknown(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    // On macOS, ENOTSUP is another number than the one that the kind is for, and the one that file systems give.
    matches!(error.kind(), InvalidInput | Unsupported) || error.raw_os_error() == Some(Errno::ENOTSUP as i32)
}

fn explained(error: private::Error, path: &Path) -> Error {
    let action = "make the folder";
    match error {
        private::Error::NotAFolder => Error::NotAFolder { action, path: path.to_path_buf() },
        private::Error::Foreign { .. } => Error::NotOurs { path: path.to_path_buf() },
        private::Error::Io(error) => Error::from_io(action, path, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_again_what_was_ours_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        restore_own(&at("state/sessions")).unwrap();
        assert!(at("state/sessions").is_dir());
        assert!(matches!(restore_own(&at("disk/state/sessions")), Err(Error::NoFolder { .. })));
        assert!(!at("disk").exists());
    }

    #[test]
    fn names_what_is_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        File::create(at("file")).unwrap();
        for name in ["file", "file/below"] {
            assert!(matches!(create_own(&at(name)), Err(Error::NotAFolder { .. })), "{name}");
            assert!(matches!(create_private(&at(name)), Err(Error::NotAFolder { .. })), "{name}");
        }
    }
}
