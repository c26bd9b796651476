//! Does what is planned, step by step, and says each.

use std::{fs, io, path::Path};

use super::manager;
use crate::{
    cli::{
        exit::{self, Failure},
        out,
    },
    config::paths::Paths,
    private,
    service::{self, Standing, Step},
    store::file,
};

/// What is in a file of the service; none where there is none. A link is somebody's who keeps his files elsewhere.
pub(in crate::cli) fn standing(path: &Path, wanted: Option<&str>) -> Standing {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Standing::Absent,
        Ok(found) if found.is_file() => match fs::read_to_string(path) {
            Ok(text) => Standing::of(Some(&text), wanted),
            Err(_) => Standing::Foreign,
        },
        _ => Standing::Foreign,
    }
}

/// Does all of it, up to the first failure.
pub(super) async fn make(steps: &[Step], paths: &Paths) -> Result<(), Failure> {
    for step in steps {
        match step {
            Step::Folder(folder) => make_folder(folder)?,
            Step::Write(file, standing) => {
                if let Some(folder) = file.path.parent() {
                    make_folder(folder)?;
                }
                let old = fs::read_to_string(&file.path).ok();
                file::replace(&file.path, file.text.as_bytes())?;
                let old = old.as_deref().and_then(service::program);
                let was = match standing {
                    Standing::Ours { .. } if old != service::program(&file.text) => {
                        format!(" (it ran {})", old.unwrap_or("nothing"))
                    }
                    Standing::Ours { version } if version != env!("CARGO_PKG_VERSION") => {
                        format!(" (it was of {version})")
                    }
                    Standing::Edited | Standing::Foreign => " (what was there is gone)".to_owned(),
                    Standing::Ours { .. } => " (it was another)".to_owned(),
                    Standing::Absent | Standing::Same => String::new(),
                };
                out::line(&format!("wrote {}{was}", paths.show(&file.path)))?;
            }
            Step::Same(path) => out::line(&format!("{} is as it should be", paths.show(path)))?,
            Step::Keep(path, standing) => {
                let why = match standing {
                    Standing::Edited => "was changed by hand",
                    _ => "is not of this program",
                };
                tracing::warn!("{} {why} and stays: --force replaces or deletes it", paths.show(path));
            }
            Step::Remove(path) => {
                fs::remove_file(path).map_err(|error| refused("delete", path, &error))?;
                out::line(&format!("deleted {}", paths.show(path)))?;
            }
            Step::Run(command) => {
                if manager::run(command).await?.is_some() {
                    out::line(&format!("ran {}", command.words.join(" ")))?;
                }
            }
        }
    }
    Ok(())
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    private::create(path).map_err(|error| refused("make", path, &error))
}

/// What the system did not let us do.
pub(super) fn refused(verb: &str, path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(exit::FAILED, format!("can't {verb} {}: {error}; see whose it is", path.display()))
}
