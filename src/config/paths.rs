//! [`Paths`]: where every file of ours and of AWS's is.

use std::path::{Path, PathBuf};

use super::{environment::Environment, line::line};

/// The longest path of a Unix socket, in bytes: `sun_path` of macOS has 104 with the closing NUL, the one of
/// Linux 108. The smaller one serves both, so that a configuration moves between them.
const SOCKET_PATH_MAX: usize = 103;

/// Where the files are. All paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The home directory.
    pub home: PathBuf,
    /// `config.toml`.
    pub config: PathBuf,
    /// Whether the user named `config`, so that it must exist.
    pub config_given: bool,
    /// The AWS config file.
    pub aws_config: PathBuf,
    /// The AWS credentials file.
    pub aws_credentials: PathBuf,
    /// The folder of the token files, always under the home directory: no AWS tool lets it be moved.
    pub token_cache: PathBuf,
    /// Our own state.
    pub state: PathBuf,
    /// Sockets and locks.
    pub runtime: PathBuf,
    /// The daemon's socket.
    pub socket: PathBuf,
}

/// Why the places can't be told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither `HOME` nor the user database says where the home directory is.
    #[error("the home directory is not known: set HOME to its absolute path")]
    NoHome,
    /// It is not there, or not yet: an empty one in its place would be taken for it.
    #[error("the home directory {} does not exist: mount or make it, or set HOME to another", path.display())]
    HomeMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The socket's path does not fit into `sockaddr_un`.
    #[error(
        "the socket path {} has {} bytes, and only {SOCKET_PATH_MAX} are possible: set {variable} to a shorter path",
        path.display(), path.as_os_str().len()
    )]
    SocketTooLong {
        /// The path.
        path: PathBuf,
        /// The environment variable that shortens it.
        variable: &'static str,
    },
}

impl Paths {
    /// Finds all places. `config_flag` is `--config`, which goes before `SSO_REFRESH_CONFIG`.
    pub fn resolve(env: &Environment, config_flag: Option<&Path>) -> Result<Self, Error> {
        let home = env.absolute_path("HOME").or_else(home_of_user).ok_or(Error::NoHome)?;
        let given =
            config_flag.map(absolute).or_else(|| Some(expand(&env.path("SSO_REFRESH_CONFIG")?, &home)));
        let aws = |variable, name| {
            env.path(variable).map_or_else(|| home.join(".aws").join(name), |path| expand(&path, &home))
        };
        let own = |variable, fallback| {
            env.absolute_path(variable).unwrap_or_else(|| home.join(fallback)).join("sso-refresh")
        };
        let (runtime, variable) = runtime(env, cfg!(target_os = "macos"));
        let socket = runtime.join("api.sock");
        if socket.as_os_str().len() > SOCKET_PATH_MAX {
            return Err(Error::SocketTooLong { path: socket, variable });
        }
        Ok(Self {
            config_given: given.is_some(),
            config: given.unwrap_or_else(|| own("XDG_CONFIG_HOME", ".config").join("config.toml")),
            aws_config: aws("AWS_CONFIG_FILE", "config"),
            aws_credentials: aws("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            token_cache: home.join(".aws/sso/cache"),
            state: own("XDG_STATE_HOME", ".local/state"),
            runtime,
            socket,
            home,
        })
    }

    /// Whether the home directory is there. Without it nothing is configured, which is not what the user wants.
    ///
    /// # Errors
    /// Where it is not.
    pub(super) fn require_home(&self) -> Result<(), Error> {
        if self.home.is_dir() {
            return Ok(());
        }
        Err(Error::HomeMissing { path: self.home.clone() })
    }

    /// A path as people write it: with `~` for the home directory.
    pub fn show(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) if !rest.as_os_str().is_empty() => line(format_args!("~/{}", rest.display())),
            _ => line(path.display()),
        }
    }
}

/// A path that was written by hand: `~` is the home directory, and a relative one starts at the working
/// directory.
pub(super) fn expand(path: &Path, home: &Path) -> PathBuf {
    match path.strip_prefix("~") {
        Ok(rest) => home.join(rest),
        Err(_) => absolute(path),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The folder for sockets and locks, and the variable that moves it.
fn runtime(env: &Environment, macos: bool) -> (PathBuf, &'static str) {
    if !macos && let Some(folder) = env.absolute_path("XDG_RUNTIME_DIR") {
        return (folder.join("sso-refresh"), "XDG_RUNTIME_DIR");
    }
    let folder = env.absolute_path("TMPDIR").unwrap_or_else(|| "/tmp".into());
    let variable = if macos { "TMPDIR" } else { "XDG_RUNTIME_DIR" };
    (folder.join(format!("sso-refresh-{}", nix::unistd::getuid())), variable)
}

/// What the user database says, for a service that was started without `HOME`.
fn home_of_user() -> Option<PathBuf> {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok()??;
    Some(user.dir).filter(|dir| dir.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(pairs: &[(&str, &str)]) -> Paths {
        let home = [("HOME", "/home/me")];
        Paths::resolve(&Environment::from_pairs(home.into_iter().chain(pairs.iter().copied())), None).unwrap()
    }

    #[test]
    fn places_without_any_variable() {
        let paths = resolve(&[]);
        assert_eq!(paths.config, Path::new("/home/me/.config/sso-refresh/config.toml"));
        assert!(!paths.config_given);
        assert_eq!(paths.aws_config, Path::new("/home/me/.aws/config"));
        assert_eq!(paths.aws_credentials, Path::new("/home/me/.aws/credentials"));
        assert_eq!(paths.token_cache, Path::new("/home/me/.aws/sso/cache"));
        assert_eq!(paths.state, Path::new("/home/me/.local/state/sso-refresh"));
        let uid = nix::unistd::getuid();
        assert_eq!(paths.runtime, PathBuf::from(format!("/tmp/sso-refresh-{uid}")));
        assert_eq!(paths.socket, PathBuf::from(format!("/tmp/sso-refresh-{uid}/api.sock")));
    }

    #[test]
    fn each_variable_moves_its_place() {
        type Place = fn(&Paths) -> &PathBuf;
        let cases: &[(&str, &str, Place, &str)] = &[
            ("SSO_REFRESH_CONFIG", "/c.toml", |p| &p.config, "/c.toml"),
            ("SSO_REFRESH_CONFIG", "~/c.toml", |p| &p.config, "/home/me/c.toml"),
            ("XDG_CONFIG_HOME", "/xdg", |p| &p.config, "/xdg/sso-refresh/config.toml"),
            ("XDG_CONFIG_HOME", "xdg", |p| &p.config, "/home/me/.config/sso-refresh/config.toml"),
            ("XDG_CONFIG_HOME", "", |p| &p.config, "/home/me/.config/sso-refresh/config.toml"),
            ("AWS_CONFIG_FILE", "/a", |p| &p.aws_config, "/a"),
            ("AWS_CONFIG_FILE", "~/a", |p| &p.aws_config, "/home/me/a"),
            ("AWS_CONFIG_FILE", "/a", |p| &p.token_cache, "/home/me/.aws/sso/cache"),
            ("AWS_SHARED_CREDENTIALS_FILE", "~/b", |p| &p.aws_credentials, "/home/me/b"),
            ("XDG_STATE_HOME", "/s", |p| &p.state, "/s/sso-refresh"),
            ("XDG_STATE_HOME", "./s", |p| &p.state, "/home/me/.local/state/sso-refresh"),
        ];
        for (name, value, place, expected) in cases {
            assert_eq!(place(&resolve(&[(name, value)])), Path::new(expected), "{name}={value}");
        }
    }

    #[test]
    fn the_runtime_folder_depends_on_the_system() {
        let uid = nix::unistd::getuid();
        let both = [("XDG_RUNTIME_DIR", "/run/user/1"), ("TMPDIR", "/var/t")];
        for (pairs, macos, expected) in [
            (&both[..], false, "/run/user/1/sso-refresh".to_owned()),
            (&both[..], true, format!("/var/t/sso-refresh-{uid}")),
            (&both[1..], false, format!("/var/t/sso-refresh-{uid}")),
            (&[("XDG_RUNTIME_DIR", "run")], false, format!("/tmp/sso-refresh-{uid}")),
            (&[("TMPDIR", "t")], true, format!("/tmp/sso-refresh-{uid}")),
        ] {
            let env = Environment::from_pairs(pairs.iter().copied());
            assert_eq!(runtime(&env, macos).0, PathBuf::from(expected), "{pairs:?} {macos}");
        }
    }

    #[test]
    fn the_flag_goes_before_the_variable_and_both_must_exist() {
        let env = Environment::from_pairs([("HOME", "/home/me"), ("SSO_REFRESH_CONFIG", "/variable")]);
        let paths = Paths::resolve(&env, Some(Path::new("/flag"))).unwrap();
        assert_eq!((paths.config.as_path(), paths.config_given), (Path::new("/flag"), true));
        let paths = Paths::resolve(&env, None).unwrap();
        assert_eq!((paths.config.as_path(), paths.config_given), (Path::new("/variable"), true));
        assert!(Paths::resolve(&env, Some(Path::new("here.toml"))).unwrap().config.is_absolute());
    }

    #[test]
    fn without_home_the_user_database_answers() {
        for env in [Environment::default(), Environment::from_pairs([("HOME", "relative")])] {
            match (Paths::resolve(&env, None), home_of_user()) {
                (Ok(paths), Some(home)) => assert_eq!(paths.home, home),
                (Err(error), None) => assert!(error.to_string().contains("set HOME")),
                (result, home) => panic!("{result:?} {home:?}"),
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_socket_path_must_fit() {
        for (length, fits) in [(103, true), (104, false)] {
            let folder = format!("/{}", "r".repeat(length - "//sso-refresh/api.sock".len()));
            let env = Environment::from_pairs([("HOME", "/h"), ("XDG_RUNTIME_DIR", folder.as_str())]);
            let result = Paths::resolve(&env, None);
            assert_eq!(result.is_ok(), fits, "{length}");
            if let Err(error) = result {
                assert!(error.to_string().ends_with("set XDG_RUNTIME_DIR to a shorter path"), "{error}");
            }
        }
    }

    #[test]
    fn shows_paths_with_a_tilde() {
        let paths = resolve(&[]);
        assert_eq!(paths.show(Path::new("/home/me/.aws/config")), "~/.aws/config");
        assert_eq!(paths.show(Path::new("/home/me")), "/home/me");
        assert_eq!(paths.show(Path::new("/home/meg/x")), "/home/meg/x");
    }
}
