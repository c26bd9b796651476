//! The folders whose files matter: token files and configuration. The folders are watched and not the files,
//! since most writers replace a file by another.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::AccessKind};
use tokio::sync::mpsc;

/// Tells which paths changed.
#[derive(Debug)]
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    changed: mpsc::UnboundedReceiver<Vec<PathBuf>>,
    token_cache: PathBuf,
    files: Vec<PathBuf>,
}

impl Watch {
    /// Watches `token_cache` and the folders of `files`.
    ///
    /// # Errors
    /// Where the system has no watches left: what to do is in the text.
    pub(super) fn new(token_cache: &Path, files: Vec<PathBuf>) -> Result<Self, String> {
        let (sender, changed) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if let Ok(event) = event
                && is_change(event.kind)
            {
                // The loop is gone where nobody listens: then nobody wants to know.
                let _ = sender.send(event.paths);
            }
        })
        .map_err(|error| explain(&error))?;
        let mut watch = Self { watcher, changed, token_cache: token_cache.to_owned(), files };
        watch.look_again()?;
        Ok(watch)
    }

    /// The paths that changed. May be dropped and called again at any time.
    pub(super) async fn next(&mut self) -> Vec<PathBuf> {
        match self.changed.recv().await {
            Some(paths) => paths,
            None => std::future::pending().await,
        }
    }

    /// Watches again what was deleted or has come into being. The folder of the token files is made where it is
    /// missing, as every AWS tool does.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn look_again(&mut self) -> Result<(), String> {
        if !self.token_cache.exists() {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.token_cache);
            made.map_err(|error| format!("can't make {}: {error}", self.token_cache.display()))?;
        }
        let mut folders = vec![self.token_cache.clone()];
        folders.extend(self.files.iter().filter_map(|file| nearest_folder(file)));
        folders.sort();
        folders.dedup();
        for folder in folders {
            let watched = self.watcher.watch(&folder, RecursiveMode::NonRecursive);
            watched.map_err(|error| explain(&error))?;
        }
        Ok(())
    }
}

/// The folder of `file`, or where it is missing, the nearest above it in which it can come into being.
fn nearest_folder(file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).find(|folder| folder.is_dir()).map(Path::to_owned)
}

/// Reading a file is none.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => matches!(kind, AccessKind::Close(notify::event::AccessMode::Write)),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

fn explain(error: &notify::Error) -> String {
    format!(
        "can't watch the token files: {error}; on Linux, raise fs.inotify.max_user_watches or …_instances"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(watch: &mut Watch, path: &Path) {
        while !watch.next().await.iter().any(|changed| changed == path) {}
    }

    #[tokio::test]
    async fn tells_writes_in_place_renames_and_deletions() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (cache, file) = (folder.join("cache"), folder.join("cache/a.json"));
        let mut watch = Watch::new(&cache, Vec::new()).unwrap();
        let put = |path: &Path| {
            use std::io::Write;
            std::fs::File::create(path).unwrap().write_all(b"{}").unwrap();
        };
        put(&file);
        heard(&mut watch, &file).await;
        put(&folder.join("elsewhere"));
        fs::rename(folder.join("elsewhere"), &file).unwrap();
        heard(&mut watch, &file).await;
        fs::remove_file(&file).unwrap();
        heard(&mut watch, &file).await;
    }

    #[tokio::test]
    async fn a_deleted_folder_is_made_and_watched_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (cache, file) = (folder.join("cache"), folder.join("cache/a.json"));
        let mut watch = Watch::new(&cache, Vec::new()).unwrap();
        fs::remove_dir_all(&cache).unwrap();
        heard(&mut watch, &cache).await;
        watch.look_again().unwrap();
        std::fs::File::create(&file).unwrap();
        heard(&mut watch, &file).await;
    }

    #[tokio::test]
    async fn a_file_whose_folder_is_missing_is_heard_of_when_the_folder_comes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let file = folder.join("sub/config.toml");
        let mut watch = Watch::new(&folder.join("cache"), vec![file.clone()]).unwrap();
        fs::create_dir(folder.join("sub")).unwrap();
        heard(&mut watch, &folder.join("sub")).await;
        watch.look_again().unwrap();
        std::fs::File::create(&file).unwrap();
        heard(&mut watch, &file).await;
    }
}
