//! The folders whose files matter: token files and configuration. The folders are watched and not the files,
//! since most writers replace a file by another.

use std::{
    collections::BTreeSet,
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
    /// Where a watched file is a symbolic link: what it leads to, and the link.
    links: Vec<(PathBuf, PathBuf)>,
}

impl Watch {
    /// Watches the folder `token_cache` and the folders of `files`.
    ///
    /// # Errors
    /// Where the system has no watches left: what to do is in the text.
    pub(super) fn new(token_cache: &Path, files: Vec<PathBuf>) -> Result<Self, String> {
        let (sender, changed) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let paths = match event {
                // What was lost may have been about any of them.
                Err(_) => Vec::new(),
                Ok(event) if event.need_rescan() => Vec::new(),
                Ok(event) if is_change(event.kind) => event.paths,
                Ok(_) => return,
            };
            // The loop is gone where nobody listens: then nobody wants to know.
            let _ = sender.send(paths);
        })
        .map_err(|error| explain(&error))?;
        let mut watch = Self { watcher, changed, links: Vec::new() };
        watch.look_again(token_cache, files)?;
        Ok(watch)
    }

    /// The paths that changed; none are named where anything may have. May be dropped and called again at any time.
    pub(super) async fn next(&mut self) -> Vec<PathBuf> {
        let Some(mut paths) = self.changed.recv().await else { return std::future::pending().await };
        let links = self.links.iter().filter(|(target, _)| paths.contains(target));
        let links: Vec<PathBuf> = links.map(|(_, link)| link.clone()).collect();
        paths.extend(links);
        paths
    }

    /// Watches what is there now. The folder of the token files is made where it is missing, as every AWS tool does.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn look_again(&mut self, token_cache: &Path, files: Vec<PathBuf>) -> Result<(), String> {
        if !token_cache.exists() {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(token_cache);
            made.map_err(|error| format!("can't make {}: {error}", token_cache.display()))?;
        }
        let mut folders = BTreeSet::from([token_cache.to_owned()]);
        folders.extend(files.iter().filter_map(|file| nearest_folder(file)));
        self.links = files.into_iter().filter_map(link).collect();
        folders.extend(self.links.iter().filter_map(|(target, _)| nearest_folder(target)));
        for folder in folders {
            let watched = self.watcher.watch(&folder, RecursiveMode::NonRecursive);
            watched.map_err(|error| explain(&error))?;
        }
        Ok(())
    }
}

/// What `file` leads to and itself, if it is a symbolic link.
fn link(file: PathBuf) -> Option<(PathBuf, PathBuf)> {
    let is_link = fs::symlink_metadata(&file).is_ok_and(|metadata| metadata.is_symlink());
    is_link.then(|| Some((fs::canonicalize(&file).ok()?, file)))?
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
        watch.look_again(&cache, Vec::new()).unwrap();
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
        watch.look_again(&folder.join("cache"), vec![file.clone()]).unwrap();
        std::fs::File::create(&file).unwrap();
        heard(&mut watch, &file).await;
    }

    #[tokio::test]
    async fn a_link_is_told_of_when_its_target_changes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (target, link) = (folder.join("real/config"), folder.join("aws/config"));
        for path in [&target, &link] {
            fs::create_dir(path.parent().unwrap()).unwrap();
        }
        std::fs::File::create(&target).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut watch = Watch::new(&folder.join("cache"), vec![link.clone()]).unwrap();
        std::fs::File::create(&target).unwrap();
        heard(&mut watch, &link).await;
        fs::remove_file(&target).unwrap();
        heard(&mut watch, &link).await;
    }
}
