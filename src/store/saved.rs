//! [`Saved`]: what becomes of the answer to a refresh, and [`Locked::save`], which decides it.

use serde_json::Map;

use super::{
    Identity, Locked, aws_cache, error::Error, locked::good, look::Found, orphan::Orphan, record::Good,
};
use crate::session::token::{Secret, Token};

/// How often a write starts over because the file was changed in between. Tools that know nothing of the lock are
/// rare at that moment; several in a row are a loop.
pub(super) const TRIES: u32 = 8;

/// What became of a token that was to be saved.
#[derive(Debug)]
pub enum Saved {
    /// It is on disk. The replaced file is to be looked at again, some hundred milliseconds later; there is none if
    /// the token was there already.
    Written(Option<Orphan>),
    /// The file is gone: somebody signed out. Nothing was written.
    Gone,
    /// The file holds a token that the refreshed one does not stem from. Nothing was written.
    Superseded(Token),
}

impl Locked {
    /// Writes the answer to a refresh of `sent`: only over a file that still holds the refresh token of `sent`, and
    /// for the rest as it was. Without `sent`, a token that ends later is not replaced.
    ///
    /// What a refresh doesn't bring (the refresh token, the registration, keys of others) stays. Where the token
    /// file can't be written, the token goes to the own copy, which counts until the file changes.
    pub fn save(&mut self, token: &Token, sent: Option<&Token>, identity: &Identity) -> Result<Saved, Error> {
        self.jot(&merge(token, sent), identity);
        let path = self.path();
        for _ in 0..TRIES {
            let over = || sent.map(|sent| sent.access_token.clone());
            let look = match self.look() {
                Ok(look) => look,
                Err(error) => {
                    self.make_way();
                    self.keep_unsaved(&merge(token, sent), identity, over());
                    return Err(error);
                }
            };
            let (token, mut document) = match &look.found {
                Found::Missing => {
                    self.forget();
                    return Ok(Saved::Gone);
                }
                Found::Broken(_) => (merge(token, sent), Map::new()),
                Found::Token { token: held, document, .. } if !superseded(token, sent, held) => {
                    (merge(token, Some(held)), document.clone())
                }
                // Nothing is in the file, and the own copy is behind.
                Found::Token { token: held, document, .. }
                    if document.is_empty() && sent.is_some_and(|sent| held.expires_at < sent.expires_at) =>
                {
                    (merge(token, sent), Map::new())
                }
                // It may be this one, from a save whose end was not seen.
                Found::Token { token: held, document, .. } if held.same_as(&merge(token, sent)) => {
                    (merge(token, sent), document.clone())
                }
                Found::Token { token: held, document, healed_from } => {
                    if healed_from.is_none() {
                        self.keep(good(held, document));
                    }
                    return Ok(Saved::Superseded(held.clone()));
                }
            };
            if look.is_whole_with(&token) {
                self.keep(good(&token, &document));
                return Ok(Saved::Written(None));
            }
            aws_cache::fill(&mut document, &token, identity.start_url.as_deref(), Some(&identity.region));
            let over = look.access_token_in_file().or_else(over);
            if let Some(replaced) = self.succeed(&look, &document, &token, over)? {
                return Ok(Saved::Written(Some(Orphan::new(replaced, path))));
            }
        }
        Err(Error::Busy { path })
    }

    /// Takes a copy of a token that could not be written over the one whose access token is `over`.
    fn keep_unsaved(&self, token: &Token, identity: &Identity, over: Option<Secret>) {
        self.keep(Good {
            token: token.clone(),
            start_url: identity.start_url.clone(),
            region: Some(identity.region.clone()),
            unsaved_over: over,
        });
    }
}

/// `token` with what a refresh does not bring, from the token that was refreshed (RFC 6749, section 6).
fn merge(token: &Token, old: Option<&Token>) -> Token {
    let mut merged = token.clone();
    let Some(old) = old else { return merged };
    merged.refresh_token = merged.refresh_token.or_else(|| old.refresh_token.clone());
    match (&mut merged.registration, &old.registration) {
        (None, known) => merged.registration.clone_from(known),
        (Some(registration), Some(known)) if registration.client_id == known.client_id => {
            registration.expires_at = registration.expires_at.or(known.expires_at);
        }
        (Some(_), _) => {}
    }
    merged
}

/// Whether the session's token `held` is not the one that `sent` was refreshed from to `token`.
fn superseded(token: &Token, sent: Option<&Token>, held: &Token) -> bool {
    match sent {
        Some(Token { refresh_token: Some(sent), .. }) => held.refresh_token.as_ref() != Some(sent),
        Some(sent) => !held.same_as(sent),
        None => held.expires_at > token.expires_at,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::{
        session::event::Stored,
        store::{HealedFrom, Store, fixture::*},
    };

    fn written(saved: &Saved) -> bool {
        matches!(saved, Saved::Written(_))
    }

    #[test]
    fn saves_over_the_token_that_was_sent_and_over_no_other() {
        let mut rotated = token(2);
        rotated.registration = None;
        let unrotated = Token { refresh_token: None, ..token(2) };
        let foreign = Token { refresh_token: Some(Secret::new("refresh-9")), ..token(9) };
        let not_refreshable = Token { refresh_token: None, ..token(1) };
        // What is in the file; the token and the one that was sent; what comes of it; what is in the file then.
        for (before, token, sent, expected, after) in [
            (Some(document(1)), &rotated, Some(token(1)), "written", document(2)),
            (
                Some(document(1)),
                &unrotated,
                Some(token(1)),
                "written",
                document(2).replace("refresh-2", "refresh-1"),
            ),
            (Some(document(2)), &rotated, Some(token(1)), "there already", document(2)),
            (Some(document(3)), &rotated, Some(token(1)), "access-3", document(3)),
            (Some(document(1)), &rotated, Some(foreign), "access-1", document(1)),
            (Some(document(1)), &rotated, Some(not_refreshable), "access-1", document(1)),
            (Some(document(1)), &rotated, None, "written", document(2)),
            (Some(document(3)), &rotated, None, "access-3", document(3)),
            (Some(String::new()), &rotated, Some(token(1)), "written", document(2)),
            (Some(document(1) + "}"), &rotated, Some(token(1)), "written", document(2)),
            (Some(document(3) + "}"), &rotated, Some(token(1)), "access-3", document(3) + "}"),
            (None, &rotated, Some(token(1)), "gone", String::new()),
            (None, &rotated, None, "gone", String::new()),
        ] {
            let place = Place::new();
            if let Some(before) = &before {
                place.put(before.as_bytes());
            }
            let saved = match place.lock().save(token, sent.as_ref(), &identity()).unwrap() {
                Saved::Written(Some(_)) => "written".to_owned(),
                Saved::Written(None) => "there already".to_owned(),
                Saved::Gone => "gone".to_owned(),
                Saved::Superseded(token) => token.access_token.expose().to_owned(),
            };
            assert_eq!((saved.as_str(), place.text().unwrap_or_default()), (expected, after), "{before:?}");
            assert_eq!(place.path().exists(), before.is_some());
            assert_eq!(place.names().len(), usize::from(before.is_some()), "{:?}", place.names());
        }
    }

    #[test]
    fn keeps_the_keys_of_others() {
        let place = Place::new();
        let before = document(1)
            .replace(r#""region": "eu-west-1""#, r#""region": "us-east-1""#)
            .replace("{\"startUrl\"", "{\"scopes\": [\"a\"], \"startUrl\"");
        place.put(before.as_bytes());
        assert!(written(&place.lock().save(&token(2), Some(&token(1)), &identity()).unwrap()));
        let after = before
            .replace("access-1", "access-2")
            .replace("refresh-1", "refresh-2")
            .replace(&token(1).expires_at.to_string(), &token(2).expires_at.to_string());
        assert_eq!(place.text(), Some(after));
    }

    #[test]
    fn a_token_that_can_not_be_written_is_kept_until_it_can() {
        let place = Place::new();
        let moved = place.at("moved.json");
        place.put(document(1).as_bytes());
        let mut locked = place.lock();
        fs::rename(place.path(), &moved).unwrap();
        symlink(place.at("nowhere/token.json"), place.path()).unwrap();
        assert!(matches!(locked.create(&token(2), &identity()), Err(Error::NoFolder { .. })));
        assert!(matches!(locked.read(), Err(Error::NoFolder { .. })), "and yet it brings back no file");

        // A file that can be read in a folder that can't be written is not to be had as root. What is left behind
        // is the same.
        locked.keep_unsaved(&token(2), &identity(), Some(token(1).access_token));
        fs::rename(&moved, place.path()).unwrap();
        let reading = locked.read().unwrap();
        assert_eq!(reading.stored, Stored::Token(token(2)));
        assert_eq!(reading.healed_from, Some(HealedFrom::OwnCopy));
        assert!(written(&locked.save(&token(2), Some(&token(1)), &identity()).unwrap()));
        assert_eq!((place.text(), place.access()), (Some(document(2)), "access-2".to_owned()));

        locked.keep_unsaved(&token(3), &identity(), Some(token(2).access_token));
        assert!(locked.heal().unwrap().is_some());
        assert_eq!(place.text(), Some(document(3)));
        locked.keep_unsaved(&token(4), &identity(), Some(token(3).access_token));
        locked.keep_unsaved(&token(5), &identity(), Some(token(4).access_token));
        assert_eq!(place.access(), "access-5", "twice in a row");
        locked.keep_unsaved(&token(6), &identity(), Some(token(2).access_token));
        assert_eq!(place.access(), "access-3", "the file is another one by now");
    }

    #[test]
    fn knows_when_its_own_tokens_were_issued() {
        let place = Place::new();
        place.put(document(1).as_bytes());
        let issued_at = |store: &Store| match store.read(SESSION).unwrap().stored {
            Stored::Token(token) => token.issued_at,
            _ => None,
        };
        assert_eq!(issued_at(&place.store), None);
        place.lock().save(&token(2), Some(&token(1)), &identity()).unwrap();
        assert_eq!(issued_at(&place.store), token(2).issued_at);
        place.lock().read().unwrap();
        assert_eq!(issued_at(&place.store), token(2).issued_at);
        place.put(document(3).as_bytes());
        assert_eq!(issued_at(&place.store), None);
    }

    #[test]
    fn an_own_copy_that_is_behind_supersedes_nothing() {
        for (copy, expected) in [(1, "written"), (2, "written"), (4, "access-4")] {
            let place = Place::new();
            place.lock().create(&token(copy), &identity()).unwrap();
            place.put(b"");
            let saved = match place.lock().save(&token(3), Some(&token(2)), &identity()).unwrap() {
                Saved::Superseded(token) => token.access_token.expose().to_owned(),
                saved => if written(&saved) { "written" } else { "gone" }.to_owned(),
            };
            assert_eq!(saved, expected, "{copy}");
        }
    }

    #[test]
    fn a_token_that_may_not_be_written_is_not_lost() {
        let place = Place::new();
        let open = place.put_out_of_reach(document(1).as_bytes());
        if !place.path().exists() {
            eprintln!("not tested: this system has no /proc");
            return;
        }
        let mut locked = place.lock();
        let saved = locked.save(&token(2), Some(&token(1)), &identity());
        assert!(matches!(saved, Err(Error::NoFolder { .. })), "{saved:?}");
        assert_eq!((place.text(), place.access()), (Some(document(1)), "access-2".to_owned()));
        drop(open);
        fs::remove_file(place.path()).unwrap();
        assert_eq!(place.access(), "missing", "the copy alone is nothing");
        place.put(document(1).as_bytes());
        assert!(locked.heal().unwrap().is_some());
        assert_eq!(place.text(), Some(document(2)));
    }

    #[test]
    fn the_copy_goes_with_the_file() {
        let place = Place::new();
        place.lock().create(&token(1), &identity()).unwrap();
        fs::remove_file(place.path()).unwrap();
        assert!(matches!(place.lock().save(&token(2), Some(&token(1)), &identity()), Ok(Saved::Gone)));
        place.put(b"");
        assert_eq!(place.access(), "broken");
    }

    #[test]
    fn what_supersedes_is_copied_at_once() {
        let place = Place::new();
        place.put(document(3).as_bytes());
        let saved = place.lock().save(&token(2), Some(&token(1)), &identity());
        assert!(matches!(saved, Ok(Saved::Superseded(_))));
        place.put(b"");
        assert_eq!(place.access(), "access-3");
    }
}
