//! [`Changes`]: what differs between two [`Settings`].

use super::{SessionSettings, Settings, aws::Profile};

/// What a reload has to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Sessions that are new.
    pub added: Vec<String>,
    /// Sessions that are no more.
    pub removed: Vec<String>,
    /// Sessions of which something differs, `warn_before_session_end` included.
    pub changed: Vec<String>,
    /// How to reach the network.
    pub http: bool,
    /// `[log]`.
    pub log: bool,
    /// The profiles or the default session.
    pub choice: bool,
}

impl Changes {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What differs. A definition that moved to another line or file is the same.
pub fn changes(old: &Settings, new: &Settings) -> Changes {
    let gone = |name: &&String| !new.sessions.contains_key(*name);
    let mut changes = Changes {
        removed: old.sessions.keys().filter(gone).cloned().collect(),
        http: old.http != new.http,
        log: old.log != new.log,
        choice: old.default_session != new.default_session || !same_profiles(&old.profiles, &new.profiles),
        ..Changes::default()
    };
    for (name, session) in &new.sessions {
        match old.sessions.get(name) {
            None => changes.added.push(name.clone()),
            Some(before)
                if !same(before, session) || old.warn_before_session_end != new.warn_before_session_end =>
            {
                changes.changed.push(name.clone());
            }
            Some(_) => {}
        }
    }
    changes
}

fn same(old: &SessionSettings, new: &SessionSettings) -> bool {
    *old == SessionSettings { origin: old.origin.clone(), ..new.clone() }
}

fn same_profiles(old: &[Profile], new: &[Profile]) -> bool {
    old.len() == new.len()
        && old
            .iter()
            .zip(new)
            .all(|(old, new)| *old == Profile { file: old.file.clone(), line: old.line, ..new.clone() })
}
