//! The mark in the last line of a file that was written for the user: by it a file is known that was changed since.

use sha2::{Digest, Sha256};

use crate::store::file;

/// Stands before the checksum.
const WROTE: &str = "wrote this; checksum of the lines above: ";

/// What is in the place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Absent,
    /// The file itself.
    Same,
    /// One that another version wrote, or this one for another place; nobody has changed it.
    Ours {
        /// Which version.
        version: String,
    },
    /// One that was written so, and changed since.
    Edited,
    /// One that somebody else wrote, or that can't be read.
    Foreign,
}

/// `text` with the mark as its last line, in a comment between `open` and `close`.
pub(super) fn marked(text: &str, open: &str, close: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("{text}{open}sso-refresh {version} {WROTE}{}{close}\n", checksum(text))
}

impl Standing {
    /// What `found` is, where `wanted` should be; both with their marks. None where there is no file.
    pub fn of(found: Option<&str>, wanted: Option<&str>) -> Self {
        let Some(found) = found else { return Self::Absent };
        if Some(found) == wanted {
            return Self::Same;
        }
        let Some(mark) = found.rfind(WROTE) else { return Self::Foreign };
        let start = found[..mark].rfind('\n').map_or(0, |at| at + 1);
        let (before, rest) = (&found[start..mark], &found[mark + WROTE.len()..]);
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let stated = line.split_whitespace().next().unwrap_or_default();
        if start == 0 || stated != checksum(&found[..start]) || !after.trim_end_matches('\n').is_empty() {
            return Self::Edited;
        }
        let version = before.split_whitespace().next_back().unwrap_or_default().to_owned();
        Self::Ours { version }
    }
}

fn checksum(text: &str) -> String {
    // Enough to tell an edit; nobody is kept from forging it.
    file::hex(&Sha256::digest(text)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_was_changed_by_hand() {
        let wanted = marked("[Unit]\nA=b\n", "# ", "");
        let older = marked("[Unit]\nA=a\n", "# ", "");
        let plist = marked("<plist/>\n", "<!-- ", " -->");
        let ours = Standing::Ours { version: env!("CARGO_PKG_VERSION").into() };
        let edited = older.replace("A=a", "A=c");
        let appended = format!("{wanted}B=c\n");
        let cut = wanted.lines().last().unwrap().to_owned();
        for (found, expected) in [
            (wanted.as_str(), Standing::Same),
            (&older, ours.clone()),
            (&plist, ours.clone()),
            (&older.replace(env!("CARGO_PKG_VERSION"), "0.0.9"), Standing::Ours { version: "0.0.9".into() }),
            (&edited, Standing::Edited),
            (&cut, Standing::Edited),
            (&appended, Standing::Edited),
            ("[Unit]\n", Standing::Foreign),
            ("", Standing::Foreign),
        ] {
            assert_eq!(Standing::of(Some(found), Some(&wanted)), expected, "{found}");
        }
        assert_eq!(Standing::of(None, Some(&wanted)), Standing::Absent);
        assert_eq!(Standing::of(Some(&wanted), None), ours);
    }
}
