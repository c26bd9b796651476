//! The content of a configuration file, read so that nothing can hold it up.

use std::{
    fs::OpenOptions,
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use nix::fcntl::OFlag;

/// The most that is read, in bytes. A large organisation's AWS config file has a few million.
const MOST: u64 = 64 * 1024 * 1024;

/// All of it. A pipe that nobody writes into would be waited for without end, and some devices have none.
pub(super) fn of(path: &Path) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    let kind = file.metadata()?.file_type();
    // /dev/null is what an empty configuration is often called.
    if !kind.is_file() && !kind.is_char_device() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no regular file; put one in its place",
        ));
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        let message = format!("it is larger than {MOST} bytes; put a configuration in its place");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write, os::unix::net::UnixListener};

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    #[test]
    fn is_read_from_what_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        File::create(at("file")).unwrap().write_all(b"text").unwrap();
        assert_eq!(of(&at("file")).unwrap(), b"text");
        assert_eq!(of(Path::new("/dev/null")).unwrap(), b"");
        mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        for (path, said) in [
            (at("pipe"), "no regular file"),
            (folder.path().into(), "no regular file"),
            ("/dev/zero".into(), "larger than"),
        ] {
            let error = of(&path).unwrap_err().to_string();
            assert!(error.contains(said), "{path:?}: {error}");
        }
        assert!(of(&at("socket")).is_err());
        assert_eq!(of(&at("missing")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
