//! [`TokenFile`], [`Loose`] and [`Stray`]: the files of all sessions, looked at without changing anything, not even a
//! mode; and what mends those of them that can be mended without a loss.

use std::{
    fs::{self, Metadata, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::unistd::geteuid;
use serde_json::{Map, Value};

use super::{
    Store,
    aws_cache::{self, Parsed},
    file::{self, Holds},
    record, temporary,
};
use crate::{
    kind::{Kind, told},
    session::token::Token,
    time::Timestamp,
};

/// What some SDK wants of a token file beside the token: the one for Java can't refresh without the first, and those for
/// Rust and Python not without the last.
const WANTED: [&str; 6] =
    ["startUrl", "region", "refreshToken", "clientId", "clientSecret", "registrationExpiresAt"];

/// Those that are times.
const TIMES: [&str; 2] = ["expiresAt", "registrationExpiresAt"];

/// A token file as it is.
#[derive(Debug)]
pub struct TokenFile {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// Where it leads to, if it is a symbolic link.
    pub link: Option<PathBuf>,
    /// What is in it.
    pub content: Content,
}

/// What is in a token file.
#[derive(Debug)]
pub enum Content {
    /// There is none.
    Missing,
    /// It can't be read: why, in a line.
    Unreadable(String),
    /// There is no token in it.
    Broken {
        /// Why not.
        why: String,
        /// Whether the own state has a good copy.
        copied: bool,
    },
    /// A token.
    Token(Box<Contents>),
}

/// What is in a token file that has a token.
#[derive(Debug)]
pub struct Contents {
    /// The token.
    pub token: Token,
    /// Nothing follows it.
    pub whole: bool,
    /// The keys that are not there and that some SDK needs.
    pub lacks: Vec<&'static str>,
    /// The keys whose time some SDK can't read.
    pub odd_times: Vec<&'static str>,
}

/// A file or a folder that others may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loose {
    /// Where it is.
    pub path: PathBuf,
    /// Its mode.
    pub mode: u32,
    /// What that should be.
    pub wanted: u32,
}

/// What a crash has left beside a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Where it is.
    pub path: PathBuf,
    /// How long ago it was last written.
    pub age: Duration,
}

impl Loose {
    /// Takes the rights away that others should not have.
    ///
    /// # Errors
    /// Where the system refuses: it is another user's, say.
    pub fn tighten(&self) -> io::Result<()> {
        fs::set_permissions(&self.path, Permissions::from_mode(self.wanted))
    }
}

impl Store {
    /// Looks at the token file of `session`.
    pub fn token_file(&self, session: &str) -> TokenFile {
        let path = self.token_path(session);
        let link = path.is_symlink().then(|| file::resolve(&path).unwrap_or_else(|_| path.clone()));
        TokenFile { content: self.content(session, &path), path, link }
    }

    fn content(&self, session: &str, path: &Path) -> Content {
        let opened = match file::open(path, Holds::Settings) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Content::Missing,
            Err(error) => return Content::Unreadable(error.to_string()),
        };
        match aws_cache::parse(&opened.bytes) {
            Ok(Parsed { token, document, whole }) => Content::Token(Box::new(Contents {
                token,
                whole,
                lacks: WANTED.into_iter().filter(|key| aws_cache::text(&document, key).is_none()).collect(),
                odd_times: TIMES.into_iter().filter(|key| is_odd(&document, key)).collect(),
            })),
            Err(broken) => Content::Broken { why: broken.to_string(), copied: self.is_copied(session) },
        }
    }

    fn is_copied(&self, session: &str) -> bool {
        let opened = file::open(&self.record_path(session), Holds::Settings).ok().flatten();
        opened.and_then(|opened| record::parse(&opened.bytes).ok()?.copy).is_some()
    }

    /// What others may use of the files of `sessions`, of the own state, and of the folders that they are in.
    ///
    /// The AWS CLI makes the folder of the token files readable for everybody, which shows nothing but names; who can
    /// write there can put tokens of his own in the place of others.
    pub fn loose(&self, sessions: &[&str]) -> Vec<Loose> {
        let folders = &*self.0;
        let own = [folders.state.clone(), self.sessions(), folders.locks.clone()];
        let own = own.into_iter().map(|path| (path, 0o077));
        let records = entries(&self.sessions()).map(|path| (path, 0o077));
        let tokens = sessions.iter().map(|session| (self.token_path(session), 0o077));
        let cache = std::iter::once((folders.token_cache.clone(), 0o022));
        own.chain(records).chain(cache).chain(tokens).filter_map(|(path, bad)| loose(path, bad)).collect()
    }

    /// What crashes have left in the folders of the token files and of the own state, as of `now`.
    pub fn strays(&self, now: Timestamp) -> Vec<Stray> {
        let both = [self.0.token_cache.clone(), self.sessions()];
        let all = both.iter().flat_map(|folder| entries(folder)).filter(|path| temporary::is_one(path));
        let mut strays: Vec<Stray> = all
            .filter_map(|path| {
                let written = Timestamp::from_secs(path.symlink_metadata().ok()?.mtime());
                Some(Stray { path, age: now.since(written) })
            })
            .collect();
        strays.sort_by(|one, other| one.path.cmp(&other.path));
        strays
    }

    /// Deletes `strays`. What is beside the token file of one of `sessions`, which are all that are configured, is taken
    /// up first where it is the newest token. Nothing is deleted that a process may be about to use: it has the lock of
    /// its session.
    pub fn clear(&self, strays: &[Stray], sessions: &[&str]) -> Vec<PathBuf> {
        let locks: Vec<_> = sessions.iter().filter_map(|session| self.try_lock(session).ok()?).collect();
        if locks.len() == sessions.len() {
            for stray in strays.iter().filter(|stray| stray.path.exists()) {
                if let Err(error) = fs::remove_file(&stray.path) {
                    told!(warn, Kind::LeftBehind, "can't delete {}: {error}", stray.path.display());
                }
            }
        }
        strays.iter().filter(|stray| !stray.path.exists()).map(|stray| stray.path.clone()).collect()
    }
}

/// A path that has one of the rights in `bad`, and is the user's to change. Links are followed, as they are by who opens
/// them.
fn loose(path: PathBuf, bad: u32) -> Option<Loose> {
    let found = fs::metadata(&path).ok().filter(|found: &Metadata| found.uid() == geteuid().as_raw())?;
    let mode = found.mode() & 0o7777;
    (mode & bad != 0).then_some(Loose { path, mode, wanted: mode & !bad })
}

/// A time that is not as every SDK reads it: with whole seconds or a fraction, and `Z`.
fn is_odd(document: &Map<String, Value>, key: &str) -> bool {
    let text = aws_cache::text(document, key);
    text.is_some_and(|text| !text.ends_with('Z') || Timestamp::parse(text).is_none())
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::unix::fs::symlink};

    use super::*;
    use crate::store::fixture::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn later(secs: u64) -> Timestamp {
        crate::time::Clock::system().now().after(Duration::from_secs(secs))
    }

    #[test]
    fn says_what_a_token_file_lacks_and_changes_nothing() {
        let place = Place::new();
        let whole = document(1);
        let without = |key: &str| {
            let mut document: Map<String, Value> = serde_json::from_str(&whole).unwrap();
            document.shift_remove(key);
            serde_json::to_string(&document).unwrap()
        };
        let with = |key: &str, value: &str| {
            let mut document: Map<String, Value> = serde_json::from_str(&whole).unwrap();
            document.insert(key.into(), value.into());
            serde_json::to_string(&document).unwrap()
        };
        for (bytes, expected) in [
            (whole.clone(), "true [] []"),
            (whole.clone() + "}", "false [] []"),
            (without("refreshToken"), r#"true ["refreshToken"] []"#),
            (without("startUrl"), r#"true ["startUrl"] []"#),
            (with("expiresAt", "2027-01-01T00:00:00UTC"), r#"true [] ["expiresAt"]"#),
            (with("registrationExpiresAt", "soon"), r#"true [] ["registrationExpiresAt"]"#),
            (with("accessToken", ""), "it has no accessToken, copied: false"),
            (String::new(), "it is empty, copied: false"),
        ] {
            place.put(bytes.as_bytes());
            fs::set_permissions(place.path(), Permissions::from_mode(0o644)).unwrap();
            let found = match place.store.token_file(SESSION).content {
                Content::Token(found) => format!("{} {:?} {:?}", found.whole, found.lacks, found.odd_times),
                Content::Broken { why, copied } => format!("{why}, copied: {copied}"),
                other => format!("{other:?}"),
            };
            assert_eq!(found, expected, "{bytes}");
            assert_eq!(mode(&place.path()), 0o644);
        }
        place.put(whole.as_bytes());
        place.lock().read().unwrap();
        place.put(b"");
        assert!(matches!(place.store.token_file(SESSION).content, Content::Broken { copied: true, .. }));
        fs::remove_file(place.path()).unwrap();
        assert!(matches!(place.store.token_file(SESSION).content, Content::Missing));
        symlink(place.at("elsewhere"), place.path()).unwrap();
        assert_eq!(place.store.token_file(SESSION).link, Some(place.at("elsewhere")));
        fs::remove_file(place.path()).unwrap();
        fs::create_dir(place.path()).unwrap();
        assert!(matches!(place.store.token_file(SESSION).content, Content::Unreadable(_)));
    }

    #[test]
    fn what_others_may_use_is_found_and_closed() {
        let place = Place::new();
        place.put(document(1).as_bytes());
        place.lock().read().unwrap();
        let record = place.lock().record_path();
        for path in [place.path(), record.clone()] {
            fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        }
        assert_eq!(place.store.loose(&[SESSION]), []);
        for (path, open, wanted) in [
            (place.path(), 0o644, Some(0o600)),
            (record, 0o640, Some(0o600)),
            (place.at("state"), 0o755, Some(0o700)),
            (place.at("run"), 0o711, Some(0o700)),
            (place.at("home/cache"), 0o775, Some(0o755)),
            (place.at("home/cache"), 0o755, None),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
            let found = place.store.loose(&[SESSION]);
            let expected: Vec<Loose> =
                wanted.map(|wanted| Loose { path: path.clone(), mode: open, wanted }).into_iter().collect();
            assert_eq!(found, expected);
            for loose in found {
                loose.tighten().unwrap();
            }
            assert_eq!(mode(&path), wanted.unwrap_or(open));
        }
    }

    #[test]
    fn strays_go_with_their_age_and_under_all_locks_only() {
        let place = Place::new();
        place.put(document(1).as_bytes());
        assert_eq!(place.store.strays(later(0)), []);
        let of_nobody = place.at("home/cache/.sso-refresh-0123456789ab-x.tmp");
        let leave = || {
            place.leave_stray(b"");
            File::create(&of_nobody).unwrap();
            // That of an SDK is not ours to judge.
            File::create(place.at("home/cache/x.json.tmp-1")).unwrap();
        };
        leave();
        let strays = place.store.strays(later(100));
        assert_eq!(strays.len(), 2);
        assert!(strays.iter().all(|stray| stray.age > Duration::from_secs(90)), "{strays:?}");
        let held = place.lock();
        leave();
        assert_eq!(place.store.clear(&strays, &[SESSION]), [""; 0].map(PathBuf::from));
        drop(held);
        assert_eq!(place.store.clear(&strays, &[SESSION]).len(), 2);
        assert!(place.at("home/cache/x.json.tmp-1").exists() && place.path().exists());
    }
}
