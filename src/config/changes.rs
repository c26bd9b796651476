//! [`Changes`]: what differs between two [`Settings`].

use super::{SessionSettings, Settings, aws::Profile};

/// What a reload has to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each says of another part whether it differs")]
pub struct Changes {
    /// Sessions that are new.
    pub added: Vec<String>,
    /// Sessions that are no more.
    pub removed: Vec<String>,
    /// Sessions of which something differs, `warn_before_session_end` included.
    pub changed: Vec<String>,
    /// How to reach the network.
    pub http: bool,
    /// `[listen]`.
    pub listen: bool,
    /// `[hooks]`.
    pub hooks: bool,
    /// `[log]`.
    pub log: bool,
    /// `notify.desktop`.
    pub desktop_notifications: bool,
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
        listen: old.listen != new.listen,
        hooks: old.hooks != new.hooks,
        log: old.log != new.log,
        desktop_notifications: old.desktop_notifications != new.desktop_notifications,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{AWS, load_with};

    #[test]
    fn what_a_reload_has_to_do() {
        let old = load_with("", AWS, &[]).unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let moved = format!("\n\n{AWS}").replace("[profile", "\n[profile");
        let moved = load_with("", &moved, &[]).unwrap();
        assert_eq!(changes(&old, &moved), Changes::default());
        let new = load_with(
            "[session.new]\nstart_url = \"https://x\"\nregion = \"us-east-1\"\n[session.work]\nregion = \"eu-west-1\"",
            AWS,
            &[],
        );
        let found = changes(&old, &new.unwrap());
        assert_eq!((found.added, found.changed), (names(&["new"]), names(&["work"])));
        for (config, expected) in [
            ("", Changes::default()),
            ("exclude = [\"old-a\"]", Changes { removed: names(&["old-a"]), ..Changes::default() }),
            (
                "refresh_before = \"21m\"",
                Changes { changed: names(&["old-a", "work"]), ..Changes::default() },
            ),
            (
                "[notify]\nwarn_before_session_end = \"5m\"",
                Changes { changed: names(&["old-a", "work"]), ..Changes::default() },
            ),
            ("proxy = \"http://p\"", Changes { http: true, ..Changes::default() }),
            ("[listen]", Changes { listen: true, ..Changes::default() }),
            ("[hooks]", Changes::default()),
            ("[hooks]\nfailed = [\"a\"]", Changes { hooks: true, ..Changes::default() }),
            ("[notify]\ndesktop = true", Changes::default()),
            ("[notify]\ndesktop = false", Changes { desktop_notifications: true, ..Changes::default() }),
            ("[log]\nlevel = \"warn\"", Changes { log: true, ..Changes::default() }),
            ("default_session = \"work\"", Changes { choice: true, ..Changes::default() }),
        ] {
            let found = changes(&old, &load_with(config, AWS, &[]).unwrap());
            assert_eq!(found.is_empty(), matches!(config, "" | "[hooks]" | "[notify]\ndesktop = true"));
            assert_eq!(found, expected, "{config}");
        }
    }
}
