//! Taking up settings: at the start, at SIGHUP or a call, and when a configuration file changed.
//!
//! A bad file changes nothing. A good one starts, stops and changes only what differs; an exchange in flight is
//! finished and written all the same.

use std::{collections::HashSet, time::Duration};

use super::{
    Daemon,
    desk::changed,
    files::{AFTER_WRITE, Stamp},
};
use crate::{
    config::{self, Changes, SessionSettings, Settings},
    exchange::Exchanger,
    kind::{Kind, told},
    metrics::Loaded,
    platform::manager,
    session::{
        Session,
        event::{Event, Generation},
        schedule::Policy,
    },
};

impl Daemon {
    /// Starts every session of the first settings.
    pub(super) fn begin(&mut self) {
        self.warn_of(&[]);
        self.effects.news.set(&self.settings);
        self.notify.notifications().set(self.settings.desktop_notifications);
        self.endpoint.apply(self.settings.listen.as_ref(), self.clock.now());
        let names: Vec<String> = self.settings.sessions.keys().cloned().collect();
        for name in names {
            self.start(&name);
        }
        self.shown.differs();
    }

    /// Loads the configuration again: what was taken up, or why not.
    pub(super) fn reload(&mut self) -> Result<String, String> {
        manager::reloading();
        let verdict = self.load();
        match &verdict {
            Ok(taken_up) => {
                self.metrics.loaded(Loaded::TakenUp);
                let line = format!("the configuration was loaded again: {taken_up}");
                told!(info, Kind::Configured, "{line}");
                self.effects.news.publish_of(Kind::Configured, line);
            }
            Err(error) => {
                self.metrics.loaded(Loaded::Refused);
                let line = format!("the configuration was not taken up, the old one stays in force: {error}");
                told!(error, Kind::ConfigurationRefused, error, "{line}");
                self.effects.news.publish_of(Kind::ConfigurationRefused, line);
            }
        }
        manager::ready();
        self.shown.differs();
        verdict
    }

    /// The same after a configuration file changed; silent where that changes nothing.
    pub(super) fn reload_changed(&mut self) {
        self.reload_at = None;
        self.loaded = self.config_stamps();
        let loaded = config::load(&self.paths, &self.env);
        let same = match &loaded {
            Ok(new) => {
                let changes = config::changes(&self.settings, new);
                changes.is_empty() && new.warnings == self.settings.warnings && self.config_error.is_none()
            }
            Err(error) => self.config_error.as_ref() == Some(&error.to_string()),
        };
        if !same {
            drop(self.reload());
        }
    }

    /// Loads it again where a file is another than the one that was loaded and nobody told of that: of a link that leads
    /// elsewhere now, somewhere in its path, the system does not tell. A file that was just written, or is not there,
    /// may be in the midst of being replaced: it is read a moment later.
    pub(super) fn look_at_configuration(&mut self) {
        let (now, stamps) = (self.clock.now(), self.config_stamps());
        if self.loaded == stamps || self.reload_at.is_some() {
            return;
        }
        let is_whole = |stamp: &Stamp| stamp.age(now) >= AFTER_WRITE;
        let mut both = stamps.iter().zip(&self.loaded);
        if both.all(|(stamp, loaded)| stamp.as_ref().map_or(loaded.is_none(), is_whole)) {
            self.reload_changed();
        } else {
            self.reload_at = Some(now.after(AFTER_WRITE));
        }
    }

    fn config_stamps(&self) -> [Option<Stamp>; 3] {
        self.config_files().map(|file| Stamp::of(&file))
    }

    fn load(&mut self) -> Result<String, String> {
        self.reload_at = None;
        self.loaded = self.config_stamps();
        match config::load(&self.paths, &self.env) {
            Ok(settings) => {
                self.config_error = None;
                Ok(self.apply(settings))
            }
            Err(error) => {
                self.config_error = Some(error.to_string());
                Err(error.to_string())
            }
        }
    }

    fn apply(&mut self, settings: Settings) -> String {
        let changes = config::changes(&self.settings, &settings);
        let old = std::mem::replace(&mut self.settings, settings);
        self.warn_of(&old.warnings);
        if changes.http {
            let store = self.effects.exchanger.store().clone();
            self.effects.set_exchanger(Exchanger::new(store, &self.settings.http, self.clock.clone()));
        }
        self.effects.news.set(&self.settings);
        self.notify.notifications().set(self.settings.desktop_notifications);
        self.relevel.set(self.settings.log.level);
        for name in &changes.removed {
            self.stop(name);
        }
        for name in &changes.added {
            self.start(name);
        }
        for name in &changes.changed {
            self.change(name, old.sessions.get(name));
        }
        self.drop_changed_roles(&old);
        self.endpoint.apply(self.settings.listen.as_ref(), self.clock.now());
        let format = old.log.format != self.settings.log.format;
        let said = words(&changes, format, self.sessions.len());
        // Whoever waits for the verdict is to know that nobody is served.
        match self.endpoint.trouble() {
            Some(trouble) => format!("{said}; {trouble}"),
            None => said,
        }
    }

    fn start(&mut self, name: &str) {
        let Some(settings) = self.settings.sessions.get(name) else { return };
        let policy = policy_of(settings, self.policy, self.settings.warn_before_session_end);
        let store = self.effects.exchanger.store();
        self.files.add(name, store.token_path(name), self.generation);
        self.files_differ = true;
        self.metrics.begin(name);
        let (memory, seen) = store.memory_and_seen(name);
        let session = Session::new(name, policy, memory, self.generation);
        self.notify.notifications().add(name, seen);
        self.sessions.insert(name.to_owned(), Box::new(session));
        self.handle(name, Event::FileChanged);
    }

    fn stop(&mut self, name: &str) {
        if let Some(session) = self.sessions.remove(name) {
            self.generation = Generation(self.generation.0.max(session.generation().0 + 1));
        }
        self.metrics.forget(name);
        self.agenda.set(name, None);
        self.hope.set(name, false);
        self.notify.notifications().remove(name);
        self.pace.withdraw(name);
        self.files.remove(name);
        self.waiters.dismiss(name);
        self.desk.retain(|role| role.session != name, |role| changed(&role.session));
        self.ask_again(name);
    }

    /// A session whose service is another is another session; else only its policy changes.
    fn change(&mut self, name: &str, old: Option<&SessionSettings>) {
        let Some(new) = self.settings.sessions.get(name) else { return };
        if old.is_some_and(|old| same_service(old, new)) {
            let policy = policy_of(new, self.policy, self.settings.warn_before_session_end);
            return self.handle(name, Event::Reconfigured(policy));
        }
        self.stop(name);
        self.start(name);
    }

    fn warn_of(&mut self, known: &[String]) {
        let known: HashSet<&String> = known.iter().collect();
        for warning in self.settings.warnings.iter().filter(|warning| !known.contains(warning)) {
            told!(warn, Kind::ConfigurationDoubtful, "{warning}");
            self.effects.news.publish_of(Kind::ConfigurationDoubtful, warning.clone());
        }
    }
}

fn policy_of(settings: &SessionSettings, base: Policy, warn_before_session_end: Duration) -> Policy {
    Policy {
        refresh_before: settings.refresh_before,
        session_duration: settings.session_duration,
        warn_before_session_end,
        ..base
    }
}

fn same_service(old: &SessionSettings, new: &SessionSettings) -> bool {
    let service = |it: &SessionSettings| SessionSettings {
        refresh_before: new.refresh_before,
        session_duration: new.session_duration,
        origin: String::new(),
        ..it.clone()
    };
    service(old) == service(new)
}

fn words(changes: &Changes, format: bool, sessions: usize) -> String {
    let mut parts = Vec::new();
    for (what, names) in
        [("added", &changes.added), ("removed", &changes.removed), ("changed", &changes.changed)]
    {
        if !names.is_empty() {
            parts.push(format!("{what} {}", names.join(", ")));
        }
    }
    if changes.http {
        parts.push("the way to the network changed".into());
    }
    if changes.listen {
        parts.push("the endpoint changed".into());
    }
    if changes.hooks {
        parts.push("the hooks changed".into());
    }
    if changes.desktop_notifications {
        parts.push("the notifications on the desktop changed".into());
    }
    if changes.log {
        parts.push("the log changed".into());
    }
    if format {
        parts.push("the new `format` of [log] takes effect at the next start".into());
    }
    if parts.is_empty() {
        parts.push("nothing that matters to a session changed".into());
    }
    format!("{} ({sessions} in all)", parts.join("; "))
}
