//! [`Tally`]: what an attack has to show for itself, a row of the table in `tests/README.md`.

use std::{
    env, fs,
    io::{self, Write},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// Something could not be tried on this machine, and was told.
static NOT_TRIED: AtomicBool = AtomicBool::new(false);

/// Counts the tries of one attack. The row is written when all of them were survived; a test that fails before
/// [`Tally::survived`] leaves none, and the table is incomplete.
pub(crate) struct Tally {
    attack: &'static str,
    tried: usize,
}

impl Tally {
    /// An attack in a few words, `Group: what is tried`; the groups are those of the table.
    pub(crate) fn of(attack: &'static str) -> Self {
        assert!(attack.contains(": ") && !attack.contains(['|', '\n']), "{attack}: `Group: what is tried`");
        Self { attack, tried: 0 }
    }

    /// One more try was survived.
    pub(crate) fn tried(&mut self) {
        self.add(1);
    }

    /// So many more were.
    pub(crate) fn add(&mut self, tries: usize) {
        self.tried += tries;
    }

    /// Nothing was lost in all that was tried.
    pub(crate) fn survived(self) {
        let is_excused = self.tried == 0 && NOT_TRIED.load(Ordering::Relaxed);
        if is_excused {
            return;
        }
        assert!(self.tried > 0, "{}: nothing was tried", self.attack);
        let Some(folder) = env::var_os("SSO_REFRESH_ATTACKS") else { return };
        let name: String = self.attack.chars().filter(char::is_ascii_alphanumeric).collect();
        fs::write(Path::new(&folder).join(name), format!("{}|{}|0\n", self.attack, self.tried)).unwrap();
    }
}

/// Says loudly, past the harness that keeps the words of a test that passes, what this machine has no means for. The
/// table may lack its row then.
pub(crate) fn not_tried(what: &str) {
    NOT_TRIED.store(true, Ordering::Relaxed);
    io::stderr().write_all(format!("!!! NOT TRIED: {what}\n").as_bytes()).unwrap();
    let Some(folder) = env::var_os("SSO_REFRESH_ATTACKS") else { return };
    let name: String = what.chars().filter(char::is_ascii_alphanumeric).take(100).collect();
    fs::write(Path::new(&folder).join(format!("not-tried-{name}")), what).unwrap();
}
