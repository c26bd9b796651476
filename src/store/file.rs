//! Private files: opened with care, replaced in one step.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Seek},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use nix::{errno::Errno, fcntl::OFlag, unistd::geteuid};
use rustix::fs::{Access, access};
use zeroize::Zeroizing;

use super::{error::Error, folder, temporary::Temporary};
use crate::kind::{Kind, told};

/// The most that is read of a file, in bytes. A token file has about 4 KiB.
pub(crate) const LIMIT: u64 = 1024 * 1024;
/// How many symbolic links are followed, as Linux does.
const MAX_LINKS: usize = 40;

/// A private file and what was in it.
pub(crate) struct Opened {
    /// Still open: it shows what happens to this very file after another has taken its name.
    pub(super) file: File,
    /// All of its content.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Secrets: nobody else may read it.
    Secrets,
    /// A configuration, whose mode and size are its owner's concern.
    Settings,
}

/// The most that is read of a configuration, in bytes: as much as is read of one that is not to be replaced.
const SETTINGS_LIMIT: u64 = 64 * LIMIT;

impl Holds {
    fn limit(self) -> u64 {
        match self {
            Self::Secrets => LIMIT,
            Self::Settings => SETTINGS_LIMIT,
        }
    }
}

/// Reads the file at `path` with all its symbolic links resolved; `None` where there is none.
///
/// It never waits, not even for the writer of a pipe, and gives up at [`LIMIT`]. Where the file is the user's own
/// and others could read it, it can't be read by them from here on, and a warning says so.
pub(crate) fn open_private(path: &Path) -> Result<Option<Opened>, Error> {
    open(path, Holds::Secrets)
}

/// The same of a file that holds something else, perhaps.
pub(super) fn open(path: &Path, holds: Holds) -> Result<Option<Opened>, Error> {
    let failed = |error| Error::from_io("read", path, error);
    let opened = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // What Linux and macOS say of a socket, which can't be opened at all.
        Err(error)
            if [Errno::ENXIO, Errno::EOPNOTSUPP]
                .map(|errno| Some(errno as i32))
                .contains(&error.raw_os_error()) =>
        {
            return Err(Error::NotAFile { action: "read", path: path.to_path_buf() });
        }
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { action: "read", path: path.to_path_buf() });
    }
    if holds == Holds::Secrets {
        tighten(&file, &metadata, 0o600, path);
    }
    let bytes = read_bounded(&file, path, holds)?;
    Ok(Some(Opened { file, bytes }))
}

/// Reads all of `file` from its start; `path` is for the error.
pub(super) fn read_bounded(mut file: &File, path: &Path, holds: Holds) -> Result<Zeroizing<Vec<u8>>, Error> {
    let limit = holds.limit();
    let failed = |error| Error::from_io("read", path, error);
    let size = file.metadata().map_err(failed)?.len();
    let too_large = || Error::TooLarge { action: "read", path: path.to_path_buf(), limit };
    if size > limit {
        return Err(too_large());
    }
    // One byte more than expected, so that the buffer does not grow and leave a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    file.rewind().map_err(failed)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Replaces the file at `path` in one step, or makes it: whoever reads it sees the old content or the new, and after
/// a crash it is one of the two. A symbolic link stays one: what it leads to is replaced, or made.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut temporary = Temporary::new(path)?;
    temporary.fill(bytes)?;
    temporary.persist()
}

/// Replaces a configuration that had the content `seen` when somebody looked at it, or makes one where there was none.
/// `false` where it is another by now: it is left so, whatever the moment at which it was changed. A file that was there
/// keeps its mode; its folder is made where it is missing. One that the user may not write into is not replaced either.
pub(crate) fn replace_seen(path: &Path, seen: Option<&[u8]>, bytes: &[u8]) -> Result<bool, Error> {
    folder::create_private(folder::of(path))?;
    match access(path, Access::WRITE_OK).map_err(io::Error::from) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::from_io("write", path, error));
        }
        Ok(()) | Err(_) => {}
    }
    let temporary = configuration(path, bytes)?;
    let Some(seen) = seen else { return temporary.appear() };
    match temporary.swap(seen)? {
        Some(last) => is_settled(path, &last, bytes),
        None => Ok(false),
    }
}

/// One that is to take the place of the file that `path` leads to, with its mode.
fn configuration(path: &Path, bytes: &[u8]) -> Result<Temporary, Error> {
    let mut temporary = Temporary::new(path)?;
    temporary.opens(fs::metadata(path).map_or(0o600, |found| found.mode() & 0o7777))?;
    temporary.fill(bytes)?;
    Ok(temporary)
}

/// Whether nobody has written into the `last` file, which had the place of the one with these `bytes`. The AWS CLI writes
/// in place: what it wrote into a file without a name gets that name back.
fn is_settled(path: &Path, last: &Opened, bytes: &[u8]) -> Result<bool, Error> {
    let written = read_bounded(&last.file, path, Holds::Settings)?;
    if written == last.bytes {
        return Ok(true);
    }
    // Where it is gone or another by now, that is newer still.
    configuration(path, &written)?.swap(bytes)?;
    Ok(false)
}

/// Deletes the file that `path` leads to; a symbolic link is kept. It is no error if there is none.
pub(super) fn delete(path: &Path) -> Result<(), Error> {
    let target = resolve(path)?;
    let failed = |error| Error::from_io("delete", &target, error);
    match fs::remove_file(&target) {
        Ok(()) => folder::sync(folder::of(&target)).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// The path that `path` leads to when its symbolic links are followed, whether or not there is a file.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, Error> {
    let failed = |error| Error::from_io("read", path, error);
    let mut target = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.is_symlink() => {
                let link = fs::read_link(&target).map_err(failed)?;
                target = folder::of(&target).join(link);
            }
            Ok(_) => return Ok(target),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(target),
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(io::Error::from_raw_os_error(Errno::ELOOP as i32)))
}

/// Takes the rights away that are not in `mode`, where the file is the user's, and says so.
pub(super) fn tighten(file: &File, metadata: &fs::Metadata, mode: u32, path: &Path) {
    let found = metadata.mode() & 0o7777;
    if found & !mode == 0 || metadata.uid() != geteuid().as_raw() {
        return;
    }
    let tight = found & mode;
    match file.set_permissions(Permissions::from_mode(tight)) {
        Ok(()) => {
            told!(warn, Kind::LooseMode, "{} had mode {found:04o}; it is {tight:04o} now", path.display());
        }
        Err(error) => told!(
            warn,
            Kind::LooseMode,
            "{} has mode {found:04o}, which can't be made {tight:04o}: {error}",
            path.display()
        ),
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    fn put(path: &Path, text: &str) {
        replace(path, text.as_bytes()).unwrap();
    }

    fn text(path: &Path) -> String {
        String::from_utf8(open_private(path).unwrap().unwrap().bytes.to_vec()).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_in_one_step_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        put(&path, "one");
        let old = File::open(&path).unwrap();
        put(&path, "two");
        assert_eq!(io::read_to_string(old).unwrap(), "one", "the old file is whole for who holds it");
        assert_eq!((text(&path).as_str(), mode(&path)), ("two", 0o600));
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn keeps_symbolic_links() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).unwrap();
        for (link, to) in [
            ("whole", "real/whole"),
            ("dangling", "real/dangling"),
            ("twice", "whole"),
            ("up", "real/../up2"),
        ] {
            symlink(to, at(link)).unwrap();
            put(&at(link), link);
            assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink(), "{link}");
            assert_eq!(text(&folder.path().join(to)), link);
        }
        delete(&at("dangling")).unwrap();
        assert!(fs::symlink_metadata(at("dangling")).is_ok(), "the link stays");
        assert!(!at("real/dangling").exists());
        delete(&at("dangling")).unwrap();
        symlink("loop", at("loop")).unwrap();
        assert!(matches!(resolve(&at("loop")), Err(Error::Io { .. })));
        symlink("nowhere/file", at("lost")).unwrap();
        assert!(matches!(replace(&at("lost"), b""), Err(Error::NoFolder { .. })));
    }

    #[test]
    fn refuses_what_is_not_a_file_and_never_waits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        symlink("fifo", at("link")).unwrap();
        for name in ["folder", "fifo", "socket", "link"] {
            assert!(matches!(open_private(&at(name)), Err(Error::NotAFile { .. })), "{name}");
        }
        put(&at("file"), "");
        assert!(matches!(open_private(&at("file").join("below")), Err(Error::NotAFolder { .. })));
        assert!(open_private(&at("missing")).unwrap().is_none());
        assert!(open_private(&at("missing").join("below")).unwrap().is_none());
    }

    #[test]
    fn reads_a_mebibyte_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        for (size, readable) in [(LIMIT, true), (LIMIT + 1, false), (10 * LIMIT, false)] {
            File::create(&path).unwrap().set_len(size).unwrap();
            let result = open_private(&path);
            assert_eq!(result.is_ok(), readable, "{size}");
            assert!(readable || matches!(result, Err(Error::TooLarge { .. })));
        }
    }

    #[test]
    fn tightens_a_loose_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for (found, left) in
            [(0o644, 0o600), (0o666, 0o600), (0o700, 0o600), (0o444, 0o400), (0o600, 0o600), (0o400, 0o400)]
        {
            put(&path, "one");
            fs::set_permissions(&path, Permissions::from_mode(found)).unwrap();
            open_private(&path).unwrap().unwrap();
            assert_eq!(mode(&path), left, "{found:o}");
        }
    }

    #[test]
    fn a_configuration_keeps_its_mode_and_what_others_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".aws/config");
        assert!(replace_seen(&path, None, b"one").unwrap());
        assert_eq!(
            (text(&path).as_str(), mode(&path), mode(&folder.path().join(".aws"))),
            ("one", 0o600, 0o700)
        );
        for (seen, replaced) in [(None, false), (Some("on"), false), (Some("one"), true)] {
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            assert_eq!(replace_seen(&path, seen.map(str::as_bytes), b"two").unwrap(), replaced, "{seen:?}");
            assert_eq!(mode(&path), 0o644, "{seen:?}");
        }
        assert_eq!((text(&path).as_str(), names(path.parent().unwrap()).len()), ("two", 1));
        let large = vec![b'#'; usize::try_from(2 * LIMIT).unwrap()];
        assert!(replace_seen(&path, Some(b"two"), &large).unwrap());
        assert!(replace_seen(&path, Some(&large), b"three").unwrap(), "more than any token file has");
        fs::remove_file(&path).unwrap();
        assert!(!replace_seen(&path, Some(b"three"), b"four").unwrap(), "deleted meanwhile");
        assert!(!path.exists());
    }

    #[test]
    fn what_is_written_into_a_file_without_a_name_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        for (newer, left) in [(None, "theirs"), (Some("newer still"), "newer still")] {
            put(&path, "seen");
            let mut rival = OpenOptions::new().write(true).open(&path).unwrap();
            let last = configuration(&path, b"ours").unwrap().swap(b"seen").unwrap().unwrap();
            assert!(is_settled(&path, &last, b"ours").unwrap());
            rival.set_len(0).unwrap();
            io::Write::write_all(&mut rival, b"theirs").unwrap();
            if let Some(newer) = newer {
                put(&path, newer);
            }
            assert!(!is_settled(&path, &last, b"ours").unwrap());
            assert_eq!((text(&path).as_str(), names(folder.path()).len()), (left, 1));
        }
    }

    #[test]
    fn a_folder_that_forbids_it_is_told() {
        if geteuid().is_root() {
            eprintln!("not tested: root may write everywhere");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o500)).unwrap();
        let path = folder.path().join("a");
        assert!(matches!(replace(&path, b""), Err(Error::NotPermitted { .. })));
    }

    #[test]
    fn a_configuration_that_is_read_only_stays() {
        if geteuid().is_root() {
            eprintln!("not tested: root may write everywhere");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        put(&path, "one");
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(matches!(replace_seen(&path, Some(b"one"), b"two"), Err(Error::NotPermitted { .. })));
        assert_eq!((text(&path).as_str(), names(folder.path()).len()), ("one", 1));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(replace_seen(&path, Some(b"one"), b"two").unwrap());
    }
}
