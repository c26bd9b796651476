//! [`Temporary`]: a file that takes the place of another in one step.

use std::{
    ffi::OsStr,
    fs::{self, File, Metadata, Permissions},
    io::{self, Seek, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha1::{Digest, Sha1, digest::Output};
use tempfile::TempPath;

use super::{
    error::Error,
    file::{self, Holds, Opened},
    folder,
};

/// How often a file of others that was taken out of its place is put back there, before it is left where it is.
const TRIES: u32 = 8;

/// A private file beside the one that it is for. It is deleted when it is dropped before it took that one's place.
#[derive(Debug)]
pub(super) struct Temporary {
    target: PathBuf,
    file: File,
    path: TempPath,
    holds: Holds,
    /// The digest of its content, where all of that could be written.
    content: Option<Output<Sha1>>,
}

/// Device and inode.
type Inode = (u64, u64);

impl Temporary {
    /// An empty one, for the file that `path` leads to: a symbolic link stays one.
    pub(super) fn new(path: &Path) -> Result<Self, Error> {
        let target = file::resolve(path)?;
        // Other programs read every `.json` file of the token cache; this one is not for them.
        let made = tempfile::Builder::new()
            .prefix(&prefix(&target))
            .suffix(SUFFIX)
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder::of(&target));
        let (file, path) = made.map_err(|error| Error::from_io("write", &target, error))?.into_parts();
        Ok(Self { target, file, path, holds: Holds::Secrets, content: None })
    }

    /// Opens it to others, since it is to hold no secret.
    pub(super) fn opens(&mut self, mode: u32) -> Result<(), Error> {
        self.holds = Holds::Settings;
        self.file.set_permissions(Permissions::from_mode(mode)).map_err(|error| self.failed(error))
    }

    /// Makes `bytes` its content, on the disk.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.jot(bytes)?;
        self.file.sync_all().map_err(|error| self.failed(error))
    }

    /// Makes `bytes` its content, wherever the system keeps it: a crash of this program does no harm to it.
    pub(super) fn jot(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let content = Some(Sha1::digest(bytes));
        if self.content != content {
            self.content = None;
            self.write(bytes).map_err(|error| self.failed(error))?;
            self.content = content;
        }
        Ok(())
    }

    /// Takes room for so many bytes on the disk. What takes it is blank, and no JSON: it can't be taken for a token.
    pub(super) fn reserve(&mut self, bytes: u64) -> Result<(), Error> {
        self.fill(&vec![b' '; usize::try_from(bytes).unwrap_or(0)])
    }

    /// Whether it is for the file that `path` leads to now.
    pub(super) fn is_for(&self, path: &Path) -> bool {
        file::resolve(path).is_ok_and(|target| target == self.target)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        // It is not emptied first, so that it keeps the room that it has.
        self.file.rewind()?;
        self.file.write_all(bytes)?;
        self.file.set_len(bytes.len() as u64)
    }

    /// Takes the place of whatever is there, or of nothing.
    pub(super) fn persist(self) -> Result<(), Error> {
        let Self { target, path, .. } = self;
        let failed = |error| Error::from_io("write", &target, error);
        path.persist(&target).map_err(|error| failed(error.error))?;
        folder::sync(folder::of(&target)).map_err(failed)
    }

    /// Takes the place of nothing: `false` where there is something.
    pub(super) fn appear(self) -> Result<bool, Error> {
        let Self { target, path, .. } = self;
        let failed = |error| Error::from_io("write", &target, error);
        match path.persist_noclobber(&target) {
            Ok(()) => folder::sync(folder::of(&target)).map(|()| true).map_err(failed),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failed(error.error)),
        }
    }

    /// Takes the place of the file that has the content `seen`, and gives that one. `None` where there is none any
    /// more or it has another content: it is left so.
    ///
    /// No moment lies between the look at the file and its replacement, so that nothing that another program writes
    /// is lost: the two change places, and what was taken out is looked at.
    pub(super) fn swap(self, seen: &[u8]) -> Result<Option<Opened>, Error> {
        self.swap_by(seen, |one, other| Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?))
    }

    fn swap_by(
        self,
        seen: &[u8],
        exchange: impl Fn(&Path, &Path) -> io::Result<()>,
    ) -> Result<Option<Opened>, Error> {
        let last = file::open(&self.target, self.holds)?.filter(|last| *last.bytes == seen);
        let Some(last) = last else { return Ok(None) };
        match exchange(&self.path, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // A moment does lie there, but nothing better is to be had. A sandbox that does not know the call says
            // EPERM, and may know the other.
            Err(error) if folder::is_unknown(&error) || error.kind() == io::ErrorKind::PermissionDenied => {
                return self.persist().map(|()| Some(last));
            }
            Err(error) => return Err(self.failed(error)),
        }
        // What was opened before can be read even where no descriptor is left.
        let unchanged = inode(last.file.metadata()) == self.inode()
            && file::read_bounded(&last.file, &self.target, self.holds).is_ok_and(|bytes| *bytes == seen);
        if !unchanged {
            return self.put_back(exchange).map(|()| None);
        }
        folder::sync(folder::of(&self.target)).map_err(|error| self.failed(error))?;
        Ok(Some(last))
    }

    /// Gives the target's place back to what was taken out of it, or to what is newer still.
    fn put_back(self, exchange: impl Fn(&Path, &Path) -> io::Result<()>) -> Result<(), Error> {
        let mut in_place = inode(self.file.metadata());
        for round in 0..TRIES {
            let out = self.inode();
            match exchange(&self.path, &self.target) {
                Ok(()) => {}
                // Somebody signed out since: the last word counts.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => {
                    let failed = self.failed(error);
                    // It may be all that there is of a sign-in.
                    drop(self.path.keep());
                    return Err(failed);
                }
            }
            if self.inode() == in_place && (round > 0 || self.is_untouched()) {
                return Ok(());
            }
            in_place = out;
        }
        Ok(())
    }

    /// Whether nobody has written into this file while it had the target's name.
    fn is_untouched(&self) -> bool {
        file::read_bounded(&self.file, &self.target, self.holds)
            .is_ok_and(|bytes| Some(Sha1::digest(&*bytes)) == self.content)
    }

    /// What has this one's name: since the two changed places, it is the other.
    fn inode(&self) -> Option<Inode> {
        inode(fs::symlink_metadata(&self.path))
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::from_io("write", &self.target, error)
    }
}

fn inode(metadata: io::Result<Metadata>) -> Option<Inode> {
    metadata.ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

const PREFIX: &str = ".sso-refresh-";
const SUFFIX: &str = ".tmp";

/// Whether `path` is called like a temporary file.
pub(super) fn is_one(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
}

/// Begins the name of each temporary file for `target`, and of no other file: a name as long as it may be has no
/// room for more, hence its digest.
pub(super) fn prefix(target: &Path) -> String {
    let name = target.file_name().unwrap_or(OsStr::new(""));
    let mut digest = file::hex(&Sha1::digest(name.as_encoded_bytes()));
    digest.truncate(12);
    format!("{PREFIX}{digest}-")
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, os::unix::fs::symlink};

    use nix::errno::Errno;

    use super::*;

    fn put(path: &Path, text: &str) {
        // By a rename, as the newer SDKs do.
        let beside = path.with_extension("beside");
        File::create(&beside).unwrap().write_all(text.as_bytes()).unwrap();
        fs::rename(beside, path).unwrap();
    }

    fn write_in_place(path: &Path, text: &str) {
        File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn temporary(path: &Path) -> Temporary {
        let mut temporary = Temporary::new(path).unwrap();
        temporary.fill(b"ours").unwrap();
        temporary
    }

    fn exchange(one: &Path, other: &Path) -> io::Result<()> {
        Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
    }

    /// The file's text, and that there is nothing beside it.
    fn left(folder: &Path, path: &Path) -> Option<String> {
        let others = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let others: Vec<_> = others.filter(|other| other != path).collect();
        assert!(others.is_empty(), "{others:?}");
        fs::read_to_string(path).ok()
    }

    #[test]
    fn is_private_and_no_json_and_gone_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let mut temporary = temporary(&path);
        let metadata = fs::metadata(&temporary.path).unwrap();
        assert_eq!((metadata.permissions().mode() & 0o7777, metadata.len()), (0o600, 4));
        let name = temporary.path.file_name().unwrap().to_str().unwrap();
        assert!(
            name.starts_with(".sso-refresh-") && Path::new(name).extension() == Some(OsStr::new("tmp")),
            "{name}"
        );
        temporary.fill(b"x").unwrap();
        assert_eq!(fs::read_to_string(&temporary.path).unwrap(), "x");
        drop(temporary);
        assert_eq!(left(folder.path(), &path), None);
    }

    #[test]
    fn takes_the_place_of_what_was_seen_and_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for (before, expected) in [
            (Some("seen"), Some("ours")),
            (Some("changed"), Some("changed")),
            (Some(""), Some("")),
            (None, None),
        ] {
            let _ = fs::remove_file(&path);
            if let Some(text) = before {
                put(&path, text);
            }
            let replaced = temporary(&path).swap(b"seen").unwrap();
            assert_eq!(
                replaced.map(|it| it.bytes.to_vec()),
                (before == Some("seen")).then(|| b"seen".to_vec())
            );
            assert_eq!(left(folder.path(), &path).as_deref(), expected);
        }
    }

    type Deed = fn(&Path);

    /// What others do to the file between the last look and the moment that the two change places, or later.
    #[test]
    fn what_others_write_at_the_last_moment_stays() {
        let signed_out = |path: &Path| fs::remove_file(path).unwrap();
        let renamed = |path: &Path| put(path, "theirs");
        let in_place = |path: &Path| write_in_place(path, "theirs");
        let truncated = |path: &Path| write_in_place(path, "");
        let later = |path: &Path| put(path, "later");
        let nothing = |_: &Path| {};
        let deeds: [(&[Deed], Option<&str>); 10] = [
            (&[nothing], Some("ours")),
            (&[signed_out], None),
            (&[renamed], Some("theirs")),
            (&[in_place], Some("theirs")),
            (&[truncated], Some("")),
            (&[renamed, later], Some("later")),
            (&[renamed, in_place], Some("theirs")),
            (&[renamed, in_place, later], Some("later")),
            (&[renamed, signed_out], None),
            (&[renamed, nothing, later], Some("theirs")),
        ];
        for (number, (deeds, expected)) in deeds.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.json");
            put(&path, "seen");
            let calls = Cell::new(0);
            let replaced = temporary(&path).swap_by(b"seen", |one, other| {
                if let Some(deed) = deeds.get(calls.replace(calls.get() + 1)) {
                    deed(&path);
                }
                exchange(one, other)
            });
            assert_eq!(replaced.unwrap().is_some(), expected == Some("ours"), "{number}");
            assert_eq!(left(folder.path(), &path).as_deref(), expected, "{number}");
        }
    }

    #[test]
    fn what_is_no_file_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for is_link in [false, true] {
            put(&path, "seen");
            let calls = Cell::new(0);
            let replaced = temporary(&path).swap_by(b"seen", |one, other| {
                if calls.replace(1) == 0 {
                    fs::remove_file(&path).unwrap();
                    if is_link {
                        symlink("nowhere", &path).unwrap();
                    } else {
                        fs::create_dir(&path).unwrap();
                    }
                }
                exchange(one, other)
            });
            assert!(replaced.unwrap().is_none());
            let found = fs::symlink_metadata(&path).unwrap();
            assert_eq!((found.is_symlink(), found.is_dir()), (is_link, !is_link));
            if is_link { fs::remove_file(&path).unwrap() } else { fs::remove_dir(&path).unwrap() }
        }
    }

    #[test]
    fn a_file_system_without_it_gets_a_rename() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for errno in [Errno::ENOSYS, Errno::EINVAL, Errno::EOPNOTSUPP, Errno::ENOTSUP] {
            put(&path, "seen");
            let refuse = |_: &Path, _: &Path| Err(io::Error::from_raw_os_error(errno as i32));
            assert_eq!(*temporary(&path).swap_by(b"seen", refuse).unwrap().unwrap().bytes, b"seen");
            assert_eq!(left(folder.path(), &path).as_deref(), Some("ours"), "{errno}");
            assert!(temporary(&path).swap_by(b"seen", refuse).unwrap().is_none(), "{errno}");
        }
    }

    #[test]
    fn what_can_not_be_put_back_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        put(&path, "seen");
        let calls = Cell::new(0);
        let replaced = temporary(&path).swap_by(b"seen", |one, other| {
            if calls.replace(1) == 1 {
                return Err(io::Error::from_raw_os_error(Errno::EIO as i32));
            }
            put(&path, "theirs");
            exchange(one, other)
        });
        assert!(matches!(replaced, Err(Error::Io { .. })));
        let others = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let kept: Vec<_> = others.filter(|other| *other != path).collect();
        assert_eq!(kept.len(), 1);
        assert_eq!(fs::read_to_string(&kept[0]).unwrap(), "theirs");
    }

    #[test]
    fn a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("real", at("link")).unwrap();
        temporary(&at("link")).persist().unwrap();
        assert_eq!(fs::read_to_string(at("real")).unwrap(), "ours");
        assert!(temporary(&at("link")).swap(b"ours").unwrap().is_some());
        assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
    }
}
