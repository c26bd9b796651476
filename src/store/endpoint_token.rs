//! The file with the token of the loopback endpoint: [`write()`] makes one, [`read`] takes one that the user made.
//!
//! The AWS SDKs send what is in it as it stands, a newline at its end included.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{
    error::Error,
    file::{self, Opened},
};
use crate::{
    kind::{Kind, told},
    session::token::Secret,
};

/// The most bytes of a token: with it a request's head is still shorter than its bound.
const LONGEST: usize = 4 * 1024;

/// Why a file has no token.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It can't be read.
    #[error(transparent)]
    Store(#[from] Error),
    /// It is not there, or not what it should be.
    #[error("{} {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: &'static str,
    },
}

/// Makes `token` the content of the file at `path`, which nobody else can read.
pub fn write(path: &Path, token: &Secret) -> Result<(), Error> {
    file::replace(path, token.expose().as_bytes())
}

/// The token in the file at `path`, which nobody else may be able to read. A newline at its end is left out, and told.
pub fn read(path: &Path) -> Result<Secret, Unfit> {
    let wrong = |what| Unfit::Wrong { path: path.to_path_buf(), what };
    let Opened { file, bytes } = match file::open_private(path) {
        Ok(Some(opened)) => opened,
        Ok(None) => {
            return Err(wrong(
                "does not exist; make it: `openssl rand -hex 32 | tr -d '\\n'` is good for its content",
            ));
        }
        // No sign-in makes this one.
        Err(Error::NotAFile { .. }) => return Err(wrong("is not a regular file; name one that is")),
        Err(error) => return Err(error.into()),
    };
    // A file of somebody else's keeps its mode.
    if file.metadata().map_err(|error| Error::from_io("read", path, error))?.mode() & 0o077 != 0 {
        return Err(wrong("can be read by others; make it yours alone (chmod 600)"));
    }
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.is_empty() {
        return Err(wrong("is empty; write a token into it"));
    }
    if text.len() > LONGEST {
        return Err(wrong("has more than 4096 bytes; a token of 64 is long enough"));
    }
    let is_sendable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    if !text.iter().all(is_sendable) || text.starts_with(b" ") || text.ends_with(b" ") {
        return Err(wrong(
            "has more than one line or what no HTTP header can have; write letters and digits into it",
        ));
    }
    if text.len() < bytes.len() {
        told!(
            warn,
            Kind::ConfigurationDoubtful,
            "{} has a newline at its end, with which the AWS SDKs can't use it: take it away (`printf %s`)",
            path.display()
        );
    }
    Ok(Secret::new(String::from_utf8_lossy(text)))
}

/// Takes the file away, if there is one.
pub fn remove(path: &Path) {
    if path.symlink_metadata().is_err() {
        return;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!("can't remove {}: {error}", path.display());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{File, Permissions},
        io::Write,
        os::unix::fs::{PermissionsExt, chown},
    };

    use super::*;

    #[test]
    fn what_was_written_is_read_and_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        write(&path, &Secret::new("planted")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"planted", "and no newline");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(read(&path).unwrap().expose(), "planted");
        remove(&path);
        remove(&path);
        assert!(read(&path).unwrap_err().to_string().contains("does not exist; make it"));
        let told = read(folder.path()).unwrap_err().to_string();
        assert!(told.ends_with("is not a regular file; name one that is"), "{told}");
    }

    #[test]
    fn takes_one_line_that_a_header_can_have() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let longest = "x".repeat(LONGEST);
        for (text, expected) in [
            ("planted\n", Ok("planted")),
            ("planted\r\n", Ok("planted")),
            ("Bearer planted", Ok("Bearer planted")),
            (&longest, Ok(longest.as_str())),
            ("", Err("is empty")),
            ("\n", Err("is empty")),
            ("planted\n\n", Err("has more than one line")),
            ("plan\nted", Err("has more than one line")),
            (" planted", Err("has more than one line")),
            ("plánted", Err("has more than one line")),
            ("plan\0ted", Err("has more than one line")),
            (&format!("{longest}x"), Err("has more than 4096 bytes")),
        ] {
            File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
            match (read(&path), expected) {
                (Ok(token), Ok(expected)) => assert_eq!(token.expose(), expected),
                (Err(error), Err(expected)) => {
                    let error = error.to_string();
                    assert!(error.contains(expected) && !error.contains("planted"), "{error}");
                }
                (found, expected) => panic!("{text:?}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn one_that_others_can_read_is_made_private_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        File::create(&path).unwrap().write_all(b"planted").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read(&path).unwrap().expose(), "planted");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        // Only root can give a file away.
        if chown(&path, Some(1), None).is_ok() {
            assert!(read(&path).unwrap_err().to_string().contains("can be read by others"));
        }
    }
}
