//! [`Look`]: one look at a token file, with what the own copy adds to it.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{
    HealedFrom,
    aws_cache::{self, Broken, Parsed},
    error::Error,
    file::{self, Opened},
    folder,
    record::{Good, Record},
};
use crate::session::token::{Secret, Token};

/// What a token file held at one moment.
pub(super) struct Look {
    /// Where the file is, or would be.
    pub(super) path: PathBuf,
    /// The file; `None` where there is none.
    pub(super) opened: Option<Opened>,
    /// The own copy at that moment.
    pub(super) copy: Option<Good>,
    /// What to make of both.
    pub(super) found: Found,
}

/// What to make of a token file and the own copy of its token.
pub(super) enum Found {
    /// There is no file, whatever the own copy says: the user signed out.
    Missing,
    /// The session's token.
    Token {
        token: Token,
        /// The file as it is, for a rewrite that keeps what else is in it; empty where it can't be read.
        document: Map<String, Value>,
        /// Where the token is from, if not from a whole file.
        healed_from: Option<HealedFrom>,
    },
    /// There is a file without a token, and no copy.
    Broken(Broken),
}

impl Look {
    /// Looks at the token file `path` and the own copy in `record`.
    pub(super) fn at(path: &Path, record: &Path) -> Result<Self, Error> {
        let opened = file::open_private(path)?;
        let copy = Record::load(record).copy;
        let found = match &opened {
            None => missing(path)?,
            Some(opened) => judge(aws_cache::parse(&opened.bytes), copy.as_ref()),
        };
        Ok(Self { path: path.to_path_buf(), opened, copy, found })
    }

    /// The access token that the file itself holds, be it older than the own copy's.
    pub(super) fn access_token_in_file(&self) -> Option<Secret> {
        match &self.found {
            Found::Token { document, .. } => aws_cache::text(document, "accessToken").map(Secret::new),
            Found::Missing | Found::Broken(_) => None,
        }
    }

    /// Whether the own copy has what a whole file holds; there is nothing to copy of another.
    pub(super) fn is_copied(&self) -> bool {
        match &self.found {
            Found::Token { token, healed_from: None, .. } => {
                self.copy.as_ref().is_some_and(|copy| copy.token.same_as(token))
            }
            _ => true,
        }
    }

    /// Whether `token` is what the file holds, and nothing of it is broken.
    pub(super) fn is_whole_with(&self, token: &Token) -> bool {
        matches!(&self.found, Found::Token { token: held, healed_from: None, .. } if held.same_as(token))
    }
}

/// Nobody signs out by taking the folder away: it is on a disk that is not there, at the end of a link perhaps.
fn missing(path: &Path) -> Result<Found, Error> {
    let target = file::resolve(path)?;
    match folder::of(&target).metadata() {
        Ok(_) => Ok(Found::Missing),
        Err(error) => Err(Error::from_io("read", &target, error)),
    }
}

fn judge(parsed: Result<Parsed, Broken>, copy: Option<&Good>) -> Found {
    let parsed = match (parsed, copy) {
        (Ok(parsed), _) => parsed,
        (Err(_), Some(copy)) => return own_copy(copy, Map::new()),
        (Err(broken), None) => return Found::Broken(broken),
    };
    let Parsed { mut token, document, whole } = parsed;
    let Some(copy) = copy else {
        return Found::Token { token, document, healed_from: (!whole).then_some(HealedFrom::FirstObject) };
    };
    let unsaved = copy.unsaved_over.as_ref() == Some(&token.access_token);
    if unsaved || (!whole && copy.token.expires_at > token.expires_at) {
        return own_copy(copy, document);
    }
    let completed = complete(&mut token, &copy.token);
    let healed_from = match (whole, completed) {
        (false, _) => Some(HealedFrom::FirstObject),
        (true, true) => Some(HealedFrom::OwnCopy),
        (true, false) => None,
    };
    Found::Token { token, document, healed_from }
}

fn own_copy(copy: &Good, document: Map<String, Value>) -> Found {
    Found::Token { token: copy.token.clone(), document, healed_from: Some(HealedFrom::OwnCopy) }
}

/// Adds to `token` what it has lost and `copy` still has; whether something had to be added to the file.
///
/// A client that refreshes drops the refresh token where the server sends none back (botocore and most SDKs do),
/// though the old one is still good (RFC 6749, section 6). That it is the same sign-in shows in the access token or,
/// after the refresh, in the client: a sign-in that is not refreshable at all has another one.
fn complete(token: &mut Token, copy: &Token) -> bool {
    let client =
        |token: &Token| token.registration.as_ref().map(|registration| registration.client_id.clone());
    let same_access_token = token.access_token == copy.access_token;
    let same_client = client(token).is_some() && client(token) == client(copy);
    let mut completed = false;
    if same_access_token {
        token.issued_at = copy.issued_at;
    }
    if token.refresh_token.is_none() && copy.refresh_token.is_some() && (same_access_token || same_client) {
        token.refresh_token.clone_from(&copy.refresh_token);
        completed = true;
    }
    let same_refresh_token = token.refresh_token.is_some() && token.refresh_token == copy.refresh_token;
    if token.registration.is_none() && copy.registration.is_some() && same_refresh_token {
        token.registration.clone_from(&copy.registration);
        completed = true;
    }
    if let (Some(registration), Some(known), true) =
        (&mut token.registration, &copy.registration, same_client)
        && registration.expires_at.is_none()
        && known.expires_at.is_some()
    {
        registration.expires_at = known.expires_at;
        completed = true;
    }
    completed
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::time::Timestamp;

    const CLIENT: &str =
        r#""clientId": "c", "clientSecret": "s", "registrationExpiresAt": "2027-02-21T15:10:40Z""#;

    fn file(access: &str, expires: &str, rest: &str) -> String {
        format!(r#"{{"accessToken": "{access}", "expiresAt": "2027-01-01T{expires}:00Z"{rest}}}"#)
    }

    fn copy() -> Good {
        let text = file("one", "10:00", &format!(r#", "refreshToken": "r1", {CLIENT}"#));
        let mut token = aws_cache::parse(text.as_bytes()).unwrap().token;
        token.issued_at = Some(Timestamp::from_secs(1_798_794_000));
        Good { token, start_url: None, region: None, unsaved_over: None }
    }

    #[test]
    fn the_better_of_file_and_copy() {
        use HealedFrom::{FirstObject, OwnCopy};
        let whole = file("one", "10:00", &format!(r#", "refreshToken": "r1", {CLIENT}"#));
        let newer = file("two", "11:00", &format!(r#", "refreshToken": "r2", {CLIENT}"#));
        let older = file("zero", "09:00", &format!(r#", "refreshToken": "r0", {CLIENT}"#));
        // The file; with a copy?; access and refresh token that come of it; where from.
        for (text, with_copy, expected) in [
            (whole.clone(), true, Some(("one", "r1", None))),
            (whole.clone(), false, Some(("one", "r1", None))),
            (newer.clone(), true, Some(("two", "r2", None))),
            (older.clone(), true, Some(("zero", "r0", None))),
            (format!("{whole}\"}}"), true, Some(("one", "r1", Some(FirstObject)))),
            (format!("{newer}\"}}"), true, Some(("two", "r2", Some(FirstObject)))),
            (format!("{newer}\"}}"), false, Some(("two", "r2", Some(FirstObject)))),
            (format!("{older}\"}}"), true, Some(("one", "r1", Some(OwnCopy)))),
            (String::new(), true, Some(("one", "r1", Some(OwnCopy)))),
            (String::new(), false, None),
            (newer[..60].to_owned(), true, Some(("one", "r1", Some(OwnCopy)))),
            (newer[..60].to_owned(), false, None),
            // Keys got lost.
            (file("one", "10:00", ""), true, Some(("one", "r1", Some(OwnCopy)))),
            (file("two", "11:00", &format!(", {CLIENT}")), true, Some(("two", "r1", Some(OwnCopy)))),
            (
                file("two", "11:00", r#", "clientId": "other", "clientSecret": "s""#),
                true,
                Some(("two", "", None)),
            ),
            (file("two", "11:00", ""), true, Some(("two", "", None))),
            (file("two", "11:00", ""), false, Some(("two", "", None))),
            (file("one", "10:00", r#", "refreshToken": "r1""#), true, Some(("one", "r1", Some(OwnCopy)))),
            (file("two", "11:00", r#", "refreshToken": "r2""#), true, Some(("two", "r2", None))),
            (
                file("two", "11:00", r#", "refreshToken": "r2", "clientId": "c", "clientSecret": "s""#),
                true,
                Some(("two", "r2", Some(OwnCopy))),
            ),
        ] {
            let copy = with_copy.then(copy);
            let found = judge(aws_cache::parse(text.as_bytes()), copy.as_ref());
            let Found::Token { token, healed_from, .. } = &found else {
                assert!(expected.is_none() && matches!(found, Found::Broken(_)), "{text}");
                continue;
            };
            let refresh = token.refresh_token.as_ref().map_or("", Secret::expose);
            assert_eq!(Some((token.access_token.expose(), refresh, *healed_from)), expected, "{text}");
            assert_eq!(
                token.issued_at.is_some(),
                with_copy && token.access_token.expose() == "one",
                "{text}"
            );
        }
    }

    #[test]
    fn a_folder_that_is_gone_is_no_sign_out() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("cache")).unwrap();
        symlink("disk", at("folder")).unwrap();
        symlink("../disk/a.json", at("cache/b.json")).unwrap();
        let look = |path: &str| Look::at(&at(path), &at("record.json")).map(|look| look.found);
        for (path, cut_off) in
            [("cache/a.json", false), ("folder/a.json", true), ("cache/b.json", true), ("none/a.json", true)]
        {
            match look(path) {
                Err(Error::NoFolder { .. }) => assert!(cut_off, "{path}"),
                Ok(Found::Missing) => assert!(!cut_off, "{path}"),
                _ => panic!("{path}"),
            }
        }
        fs::create_dir(at("disk")).unwrap();
        for path in ["folder/a.json", "cache/b.json"] {
            assert!(matches!(look(path), Ok(Found::Missing)), "{path}");
        }
    }

    #[test]
    fn an_unsaved_copy_counts_while_the_file_is_what_it_was() {
        let copy = Good { unsaved_over: Some(Secret::new("zero")), ..copy() };
        for (access, expected) in [("zero", "one"), ("else", "else")] {
            let text = file(access, "09:00", "");
            let Found::Token { token, .. } = judge(aws_cache::parse(text.as_bytes()), Some(&copy)) else {
                panic!("no token")
            };
            assert_eq!(token.access_token.expose(), expected);
        }
    }
}
