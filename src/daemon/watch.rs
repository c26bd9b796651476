//! The folders whose files matter: token files and configuration. The folders are watched and not the files,
//! since most writers replace a file by another.

use std::{
    collections::BTreeSet,
    fs,
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
    /// Watches nothing yet.
    ///
    /// # Errors
    /// Where the system has no watches left: what to do is in the text.
    pub(super) fn new() -> Result<Self, String> {
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
        Ok(Self { watcher, changed, links: Vec::new() })
    }

    /// The paths that changed; none are named where anything may have. May be dropped and called again at any time.
    pub(super) async fn next(&mut self) -> Vec<PathBuf> {
        let Some(mut paths) = self.changed.recv().await else { return std::future::pending().await };
        // A folder that comes brings what is in it.
        let comes = |target: &Path| paths.iter().any(|path| target.starts_with(path));
        let links = self.links.iter().filter(|(target, _)| comes(target));
        let links: Vec<PathBuf> = links.map(|(_, link)| link.clone()).collect();
        paths.extend(links);
        paths
    }

    /// Watches what is there now of the folder `token_cache` and the folders of `files`; of what is missing, the
    /// place where it would come into being.
    ///
    /// # Errors
    /// As [`Self::new`], and where a link leads into a folder that is missing: no system tells of a disk that comes.
    /// All the rest is watched even so.
    pub(super) fn look_again(&mut self, token_cache: &Path, files: Vec<PathBuf>) -> Result<(), String> {
        let files: Vec<PathBuf> = files.into_iter().chain([token_cache.to_owned()]).collect();
        self.links = files.iter().filter_map(|file| Some((target(file)?, file.clone()))).collect();
        let targets = || self.links.iter().map(|(target, _)| target);
        let mut folders: BTreeSet<PathBuf> =
            files.iter().chain(targets()).filter_map(|file| nearest_folder(file)).collect();
        if token_cache.is_dir() {
            folders.insert(token_cache.to_owned());
        }
        let loose = self.links.iter().find(|(target, _)| !target.parent().is_some_and(Path::is_dir));
        let mut verdict = loose.map_or(Ok(()), |(target, link)| {
            let (link, target) = (link.display(), target.display());
            Err(format!("{link} is a link to {target}, whose folder does not exist; mount or make it"))
        });
        for folder in folders {
            let watched = self.watcher.watch(&folder, RecursiveMode::NonRecursive);
            verdict = verdict.and(watched.map_err(|error| explain(&error)));
        }
        verdict
    }
}

/// What `file` leads to, if it is a symbolic link.
fn target(file: &Path) -> Option<PathBuf> {
    let link = fs::read_link(file).ok()?;
    // One that leads nowhere has no other name than the one that is written in it.
    fs::canonicalize(file).ok().or_else(|| Some(file.parent()?.join(link)))
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

    fn watching(cache: &Path, files: Vec<PathBuf>) -> Watch {
        if !cache.exists() {
            fs::create_dir(cache).unwrap();
        }
        let mut watch = Watch::new().unwrap();
        watch.look_again(cache, files).unwrap();
        watch
    }

    async fn heard(watch: &mut Watch, path: &Path) {
        while !watch.next().await.iter().any(|changed| changed == path) {}
    }

    #[tokio::test]
    async fn tells_writes_in_place_renames_and_deletions() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (cache, file) = (folder.join("cache"), folder.join("cache/a.json"));
        let mut watch = watching(&cache, Vec::new());
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
    async fn a_deleted_folder_is_watched_again_when_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (cache, file) = (folder.join("cache"), folder.join("cache/a.json"));
        let mut watch = watching(&cache, Vec::new());
        fs::remove_dir_all(&cache).unwrap();
        heard(&mut watch, &cache).await;
        watch.look_again(&cache, Vec::new()).unwrap();
        fs::create_dir(&cache).unwrap();
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
        let mut watch = watching(&folder.join("cache"), vec![file.clone()]);
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
        let mut watch = watching(&folder.join("cache"), vec![link.clone()]);
        std::fs::File::create(&target).unwrap();
        heard(&mut watch, &link).await;
        fs::remove_file(&target).unwrap();
        heard(&mut watch, &link).await;
    }

    #[tokio::test]
    async fn a_link_into_a_missing_folder_is_told_and_heard_of_when_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let (cache, link) = (folder.join("cache"), folder.join("aws/config"));
        fs::create_dir(folder.join("aws")).unwrap();
        std::os::unix::fs::symlink("../disk/cache", &cache).unwrap();
        std::os::unix::fs::symlink("../disk/config", &link).unwrap();
        std::os::unix::fs::symlink(folder.join("disk/cache"), folder.join("tokens")).unwrap();
        let mut watch = Watch::new().unwrap();
        for cache in [folder.join("tokens"), folder.join("aws")] {
            let error = watch.look_again(&cache, vec![link.clone()]).unwrap_err();
            assert!(error.contains("disk") && error.contains("mount or make it"), "{error}");
        }
        fs::create_dir(folder.join("disk")).unwrap();
        heard(&mut watch, &link).await;
        watch.look_again(&folder.join("aws"), vec![link]).unwrap();
    }
}
