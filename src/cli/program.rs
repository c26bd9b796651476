//! [`path`]: where this program is, for those who are to start it later.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::exit::{self, Failure};

/// This program as it was called: behind a link that an update moves, where there is one.
pub(super) fn path() -> Result<PathBuf, Failure> {
    let real = env::current_exe().map_err(|error| {
        Failure::new(
            exit::FAILED,
            format!("can't tell where this program is: {error}; write its path yourself"),
        )
    })?;
    let called = env::args_os().next().and_then(|called| as_called(called, env::var_os("PATH")));
    Ok(called.filter(|called| called.canonicalize().is_ok_and(|path| path == real)).unwrap_or(real))
}

fn as_called(called: OsString, path: Option<OsString>) -> Option<PathBuf> {
    let called = PathBuf::from(called);
    if called.components().count() > 1 {
        return std::path::absolute(called).ok();
    }
    let found =
        |folder: PathBuf| Some(folder.join(&called)).filter(|path| path.is_absolute() && is_file(path));
    env::split_paths(&path?).find_map(found)
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_looked_for_as_a_shell_does() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::File::create(folder.path().join("program")).unwrap();
        let path = env::join_paths([Path::new("/nonexistent"), Path::new("."), folder.path()]).unwrap();
        assert_eq!(as_called("program".into(), Some(path.clone())), Some(folder.path().join("program")));
        assert_eq!(as_called("other".into(), Some(path)), None);
        assert_eq!(as_called("/x/program".into(), None), Some("/x/program".into()));
    }
}
