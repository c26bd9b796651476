//! Private folders.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

use nix::{fcntl::OFlag, unistd::geteuid};

use super::{error::Error, file};

/// Makes a folder for the user alone, and its parents, where they are missing. One that exists is left as it is.
pub(super) fn create_private(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| match error.kind() {
        // What `mkdir` says of a file in the folder's place.
        io::ErrorKind::AlreadyExists => {
            Error::NotAFolder { action: "make the folder", path: path.to_path_buf() }
        }
        _ => Error::from_io("make the folder", path, error),
    })
}

/// The same for a folder of our own, which nobody else may enter: a looser mode of an old one is tightened, and
/// said. It must be the user's, and so must a symbolic link in its place.
pub(super) fn create_own(path: &Path) -> Result<(), Error> {
    create_private(path)?;
    let failed = |error| Error::from_io("open the folder", path, error);
    let named = fs::symlink_metadata(path).map_err(failed)?;
    let folder = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_DIRECTORY | OFlag::O_NONBLOCK).bits())
        .open(path)
        .map_err(failed)?;
    let metadata = folder.metadata().map_err(failed)?;
    if [named.uid(), metadata.uid()] != [geteuid().as_raw(); 2] {
        return Err(Error::NotOurs { path: path.to_path_buf() });
    }
    file::tighten(&folder, &metadata, 0o700, path);
    Ok(())
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
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn makes_private_folders() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        create_private(&at("a/b")).unwrap();
        assert_eq!((mode(&at("a")), mode(&at("a/b"))), (0o700, 0o700));
        fs::set_permissions(at("a"), Permissions::from_mode(0o755)).unwrap();
        create_private(&at("a")).unwrap();
        assert_eq!(mode(&at("a")), 0o755, "a folder of the AWS CLI stays as it is");
        create_own(&at("a")).unwrap();
        assert_eq!(mode(&at("a")), 0o700);
        File::create(at("file")).unwrap();
        assert!(matches!(create_own(&at("file")), Err(Error::NotAFolder { .. })));
        assert!(matches!(create_own(&at("file/below")), Err(Error::NotAFolder { .. })));
    }
}
