//! Strays: what a crash in the midst of a write has left beside a file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    Locked,
    aws_cache::{self, Parsed},
    file, folder,
    look::{Found, Look},
    temporary,
};
use crate::{
    kind::{Kind, told},
    session::token::Token,
};

/// The temporary files for the file that `path` leads to.
pub(super) fn of(path: &Path) -> Vec<PathBuf> {
    let Ok(target) = file::resolve(path) else { return Vec::new() };
    let prefix = temporary::prefix(&target);
    let Ok(entries) = fs::read_dir(folder::of(&target)) else { return Vec::new() };
    let names = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        name.as_encoded_bytes().starts_with(prefix.as_bytes())
    });
    names.map(|entry| entry.path()).collect()
}

/// Whether there are any.
pub(super) fn are_beside(path: &Path) -> bool {
    !of(path).is_empty()
}

/// Deletes all of them. Only for whoever holds the lock of that file, or the temporary file of another would be gone
/// too.
pub(super) fn remove_all(path: &Path) {
    for stray in of(path) {
        remove(&stray);
    }
}

fn remove(stray: &Path) {
    match fs::remove_file(stray) {
        Ok(()) => told!(info, Kind::LeftBehind, "deleted {}, left behind by a crash", stray.display()),
        Err(error) => told!(warn, Kind::LeftBehind, "can't delete {}: {error}", stray.display()),
    }
}

impl Locked {
    /// Deletes what a crash has left beside the token file: the AWS CLI would use the token in it. One that is the
    /// session's newest is taken up first.
    pub(super) fn clear_strays(&mut self) {
        for stray in of(&self.path()) {
            if let Some((look, Parsed { token, document, .. })) = self.heir(&stray) {
                let session = self.session();
                let written = self.succeed(&look, &document, &token, look.access_token_in_file());
                if let Err(error) = written {
                    told!(
                        warn,
                        Kind::NotRescued,
                        sso_session = session,
                        "{session}: the token in {} can't be taken up: {error}",
                        stray.display()
                    );
                    continue;
                }
                told!(
                    info,
                    Kind::Rescued,
                    sso_session = session,
                    "{session}: took up the token that a crash left in {}",
                    stray.display()
                );
            }
            remove(&stray);
        }
    }

    /// The token in `stray`, with what the file holds now, if it is the newer one beyond doubt.
    ///
    /// That takes a file which nobody has touched since: it is gone where the user signed out, and it holds another
    /// token than the own copy knows of where somebody signed in. Then there are two ways to a newer token:
    ///
    /// - The crash came before the two changed places, and before the answer was copied: it ends later.
    /// - The crash came after, before the own copy was said to be in the file: what is in the stray is what the token
    ///   was written over, or else the sign-in of a rival who came in between.
    fn heir(&self, stray: &Path) -> Option<(Look, Parsed)> {
        let look = self.look().ok()?;
        let in_file = look.access_token_in_file();
        let copy = look.copy.as_ref()?;
        let left = file::open_private(stray).ok()??;
        let parsed = aws_cache::parse(&left.bytes).ok().filter(|parsed| parsed.whole)?;
        let Token { access_token, expires_at, .. } = &parsed.token;
        let is_newer = match (&look.found, &copy.unsaved_over) {
            (Found::Token { token, healed_from: None, .. }, Some(replaced)) if token.same_as(&copy.token) => {
                access_token != replaced
            }
            (Found::Token { token, healed_from: None, .. }, None) if token.same_as(&copy.token) => {
                *expires_at > token.expires_at
            }
            // The one before could not be written either.
            (Found::Token { .. }, Some(_)) if in_file == copy.unsaved_over => {
                *expires_at > copy.token.expires_at
            }
            _ => false,
        };
        (is_newer && *access_token != copy.token.access_token).then_some((look, parsed))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::store::{
        fixture::*,
        record::{Good, Record},
    };

    /// What is there after a crash: the token in the file, the own copy of a token over another, and the stray.
    fn crashed(file: Option<&str>, copy: Option<(i64, Option<i64>)>, stray: &str) -> Place {
        let place = Place::new();
        let locked = place.lock();
        if let Some((copied, over)) = copy {
            let good = Good {
                token: token(copied),
                start_url: None,
                region: None,
                unsaved_over: over.map(|over| token(over).access_token),
            };
            Record::update(&locked.record_path(), SESSION, |record| record.copy = Some(good)).unwrap();
        }
        if let Some(file) = file {
            place.put(file.as_bytes());
        }
        place.leave_stray(stray.as_bytes());
        place
    }

    #[test]
    fn what_a_crash_left_is_taken_up_where_it_is_the_newest_and_deleted() {
        let (one, two, three) = (document(1), document(2), document(3));
        // Token 2 was issued for token 1; token 3 is a sign-in by somebody else.
        for (what, file, copy, stray, expected) in [
            ("room alone", Some(&*one), Some((1, None)), " ".repeat(900), "access-1"),
            ("nothing", Some(&*one), Some((1, None)), String::new(), "access-1"),
            ("an answer half written", Some(&*one), Some((2, Some(1))), two[..99].to_owned(), "access-2"),
            ("an answer, copied", Some(&*one), Some((2, Some(1))), two.clone(), "access-2"),
            ("an answer, not copied", Some(&*one), Some((1, None)), two.clone(), "access-2"),
            ("the same in its room", Some(&*one), Some((1, None)), two.clone() + "   ", "access-2"),
            ("half of it, not copied", Some(&*one), Some((1, None)), two[..99].to_owned(), "access-1"),
            (
                "half of it over its room",
                Some(&*one),
                Some((1, None)),
                two[..99].to_owned() + "   ",
                "access-1",
            ),
            ("what was replaced", Some(&*two), Some((2, Some(1))), one.clone(), "access-2"),
            ("the same, and deleting failed", Some(&*two), Some((2, None)), one.clone(), "access-2"),
            ("the same, not copied", Some(&*two), Some((1, None)), one.clone(), "access-2"),
            ("a rival's, taken out", Some(&*two), Some((2, Some(1))), three.clone(), "access-3"),
            ("an answer to a copy", Some(&*one), Some((2, Some(1))), three.clone(), "access-3"),
            ("signed out", None, Some((1, None)), two.clone(), "missing"),
            ("signed out, copied", None, Some((2, Some(1))), two.clone(), "missing"),
            ("signed in since", Some(&*three), Some((1, None)), two.clone(), "access-3"),
            ("signed in since, copied", Some(&*three), Some((2, Some(1))), two.clone(), "access-3"),
            ("signed in since, a late copy", Some(&*one), Some((2, Some(3))), two.clone(), "access-1"),
            ("a file that is broken", Some(""), Some((1, None)), two.clone(), "access-1"),
            ("a file unknown", Some(&*one), None, two.clone(), "access-1"),
        ] {
            let place = crashed(file, copy, &stray);
            drop(place.lock());
            assert_eq!(place.access(), expected, "{what}");
            assert_eq!(place.names().len(), usize::from(file.is_some()), "{what}");
        }
    }

    #[test]
    fn strays_are_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (one, two) = (at("one.json"), at("two.json"));
        let stray = |path: &Path| at(&format!("{}x1y2z3.tmp", temporary::prefix(path)));
        for path in [&stray(&one), &stray(&two), &one, &at("one.json.tmp-4711")] {
            File::create(path).unwrap();
        }
        remove_all(&one);
        assert!(
            !stray(&one).exists() && stray(&two).exists() && one.exists() && at("one.json.tmp-4711").exists()
        );
        remove_all(&at("missing/one.json"));
    }
}
