//! [`Environment`]: the process's environment variables as a value, so that everything that depends on them
//! can be tested without touching the process.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fmt,
    path::PathBuf,
};

/// The environment variables at one moment.
///
/// A variable that is set to nothing counts as not set, which is what the AWS SDKs do.
#[derive(Clone, Default)]
pub struct Environment(HashMap<OsString, OsString>);

impl Environment {
    /// The variables of this process.
    pub fn current() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// The given variables and no others.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// A variable's text; none where it is unset, empty or not Unicode.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.os(name)?.to_str()
    }

    /// A variable as a path, of whatever bytes; none where it is unset or empty.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.os(name).map(PathBuf::from)
    }

    /// The same for a variable that only counts as an absolute path, as the XDG base directory specification
    /// has it for its variables.
    pub fn absolute_path(&self, name: &str) -> Option<PathBuf> {
        self.path(name).filter(|path| path.is_absolute())
    }

    /// Whether a variable says `true`, in any case, which is how the AWS SDKs read their switches.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }

    fn os(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }
}

/// Only how many there are: the environment may hold credentials.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn empty_is_unset_and_true_has_any_case() {
        let env =
            Environment::from_pairs([("A", "a"), ("EMPTY", ""), ("T", "True"), ("F", "1"), ("REL", "x/y")]);
        assert_eq!(env.get("A"), Some("a"));
        assert_eq!(env.get("EMPTY"), None);
        assert_eq!(env.path("EMPTY"), None);
        assert_eq!(env.get("MISSING"), None);
        assert!(env.is_true("T"));
        assert!(!env.is_true("F"));
        assert_eq!(env.path("REL").as_deref(), Some(Path::new("x/y")));
        assert_eq!(env.absolute_path("REL"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_path_need_not_be_unicode() {
        use std::os::unix::ffi::OsStrExt;
        let env = Environment::from_pairs([("P", OsStr::from_bytes(b"/x\xff"))]);
        assert_eq!(env.get("P"), None);
        assert_eq!(env.path("P"), Some(PathBuf::from(OsStr::from_bytes(b"/x\xff"))));
    }

    #[test]
    fn debug_shows_no_value() {
        let env = Environment::from_pairs([("AWS_SECRET_ACCESS_KEY", "planted")]);
        assert!(!format!("{env:?} {env:#?}").contains("planted"));
    }
}
