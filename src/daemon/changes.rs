//! What changes on disk: which files are read again then, and which folders are watched for more.

use std::path::PathBuf;

use super::{Daemon, deadlines::POLL, files::AFTER_WRITE, wake::Wakes};
use crate::{
    kind::{Kind, told},
    time::words,
};

impl Daemon {
    /// These paths changed; none are named where anything may have.
    pub(super) fn changed(&mut self, paths: &[PathBuf]) {
        let now = self.clock.now();
        if paths.is_empty() {
            self.files.all_changed(now);
            self.reload_at.get_or_insert(now.after(AFTER_WRITE));
        }
        if self.unwatched.is_some() {
            self.poll_soon();
        }
        let config = self.config_files();
        for path in paths {
            self.files.changed(path, now);
            if config.iter().any(|file| file.starts_with(path)) {
                self.reload_at.get_or_insert(now.after(AFTER_WRITE));
            }
            // A folder went or came: everything in it may be another.
            if config
                .iter()
                .chain([&self.paths.token_cache])
                .any(|file| file.starts_with(path) && file != path)
                || *path == self.paths.token_cache
            {
                self.poll_soon();
            }
        }
    }

    /// Looks at everything again when whoever deletes or unpacks folders is done with it.
    fn poll_soon(&mut self) {
        let soon = self.clock.now().after(AFTER_WRITE);
        self.poll_at = Some(self.poll_at.map_or(soon, |at| at.min(soon)));
    }

    pub(super) fn config_files(&self) -> [PathBuf; 3] {
        [&self.paths.config, &self.paths.aws_config, &self.paths.aws_credentials].map(Clone::clone)
    }

    /// Watches what there is to watch now. Where the system refuses, the files are looked at now and then.
    pub(super) fn watch(&mut self, wakes: &mut Wakes) {
        let files = self.files.paths().cloned().chain(self.config_files()).collect();
        // The folder of the token files is made where it is missing, as every AWS tool does.
        let made = self.effects.exchanger.store().prepare().map_err(|error| error.to_string());
        let watched = wakes.watch(&self.paths.token_cache, files);
        let unwatched = made.and(watched).err();
        if let Some(error) = unwatched.as_ref().filter(|_| unwatched != self.unwatched) {
            let line = format!("{error}: changes made by other programs are noticed within {}", words(POLL));
            told!(warn, Kind::NotWatched, "{line}");
            self.effects.news.publish_of(Kind::NotWatched, line);
        }
        self.poll_at = unwatched.as_ref().map(|_| self.clock.now().after(POLL));
        self.unwatched = unwatched;
    }
}
