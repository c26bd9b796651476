//! Private folders: [`create`] makes one, [`own`] makes sure of one.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::Path,
};

use nix::unistd::geteuid;

use crate::kind::{Kind, told};

/// Why a folder is not to be used. Whoever asked knows which, and what for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A link or a file is in its place.
    #[error("it is no folder")]
    NotAFolder,
    /// It belongs to somebody else, who could read or replace what is in it.
    #[error("it belongs to user id {uid}")]
    Foreign {
        /// The owner.
        uid: u32,
    },
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Makes a folder for the user alone, and its parents, where they are missing. One that exists is left as it is.
pub(crate) fn create(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| match error.kind() {
        // What `mkdir` says of a link to a folder that is not there: the disk may be back later.
        io::ErrorKind::AlreadyExists if has_loose_link(path) => Error::Io(io::ErrorKind::NotFound.into()),
        // … and of a file in the folder's place.
        io::ErrorKind::AlreadyExists => Error::NotAFolder,
        _ => Error::Io(error),
    })
}

/// Whether a part of `path` is a symbolic link that leads nowhere.
fn has_loose_link(path: &Path) -> bool {
    path.ancestors().any(|part| part.is_symlink() && !part.exists())
}

/// The same for a folder of our own, which nobody else may enter: it must be the user's, and a looser mode of an
/// old one is tightened, and said.
pub(crate) fn own(path: &Path) -> Result<(), Error> {
    if path.is_symlink() {
        return Err(Error::NotAFolder);
    }
    create(path)?;
    // The folder itself and not what a link of somebody else's points to: /tmp is open to all.
    let found = path.symlink_metadata()?;
    if !found.is_dir() {
        return Err(Error::NotAFolder);
    }
    if found.uid() != geteuid().as_raw() {
        return Err(Error::Foreign { uid: found.uid() });
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
        told!(warn, Kind::LooseMode, "{} had mode {mode:04o}; it is 0700 now", path.display());
    }
    Ok(())
}

/// Makes a folder of our own again that was taken away, and the one above it, but no more: what is above those may be
/// a disk that is not there.
pub(crate) fn restore(path: &Path) -> Result<(), Error> {
    if !path.is_dir() {
        for folder in path.parent().into_iter().chain([path]) {
            match DirBuilder::new().mode(0o700).create(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
                _ => {}
            }
        }
    }
    own(path)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        os::unix::fs::{chown, symlink},
    };

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn makes_private_folders() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        create(&at("a/b")).unwrap();
        assert_eq!((mode(&at("a")), mode(&at("a/b"))), (0o700, 0o700));
        fs::set_permissions(at("a"), Permissions::from_mode(0o755)).unwrap();
        symlink("nowhere", at("loose")).unwrap();
        for path in ["loose", "loose/below"] {
            assert!(
                matches!(create(&at(path)), Err(Error::Io(error)) if error.kind() == io::ErrorKind::NotFound),
                "{path}"
            );
        }
        create(&at("a")).unwrap();
        assert_eq!(mode(&at("a")), 0o755, "a folder of the AWS CLI stays as it is");
        own(&at("a")).unwrap();
        assert_eq!(mode(&at("a")), 0o700);
        own(&at("a")).unwrap();
    }

    #[test]
    fn takes_nothing_else_for_a_folder_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        File::create(at("file")).unwrap();
        symlink(folder.path(), at("link")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        for name in ["file", "link", "dangling"] {
            assert!(matches!(own(&at(name)), Err(Error::NotAFolder)), "{name}");
        }
        own(&at("foreign")).unwrap();
        // Only root can give a folder away.
        if chown(at("foreign"), Some(1), None).is_ok() {
            assert!(matches!(own(&at("foreign")), Err(Error::Foreign { uid: 1 })));
        }
    }
}
