use super::*;
use crate::{
    config::{environment::Environment, paths::Paths},
    service::Carried,
};

const SHOWN: &str = "Id=sso-refresh.service\nLoadState=loaded\nActiveState=active\nMainPID=42\nResult=success\n\
                     UnitFileState=enabled\nFragmentPath=/u/sso-refresh.service\n\
                     NeedDaemonReload=no\nWatchdogUSec=5min\n\nId=sso-refresh.socket\nLoadState=loaded\nActiveState=active\nMainPID=0\n";

fn paths() -> Paths {
    Paths::resolve(&Environment::from_pairs([("HOME", "/home/me")]), None).unwrap()
}

fn made(
    program: &str,
    variables: &[(&str, &str)],
    places: &[&str],
    sandbox: bool,
) -> Result<Vec<File>, Unfit> {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let carried = Carried { variables, secret: Vec::new() };
    let places: Vec<PathBuf> = places.iter().map(PathBuf::from).collect();
    let wanted = Wanted { program: Path::new(program), paths: &paths(), carried: &carried, places: &places };
    files(&wanted, Path::new("/u"), sandbox)
}

fn names(files: &[File]) -> Vec<&str> {
    files.iter().map(|file| file.path.to_str().unwrap()).collect()
}

#[test]
fn the_units_are_the_packaged_ones_with_the_path_of_the_program() {
    let files = made("/home/me/.cargo/bin/sso-refresh", &[], &["/home/me/.aws/sso/cache"], true).unwrap();
    assert_eq!(
        names(&files),
        ["/u/sso-refresh.service", "/u/sso-refresh.socket", "/u/sso-refresh.service.d/sandbox.conf"]
    );
    assert!(
        places(Path::new("/u")).starts_with(&files.iter().map(|file| file.path.clone()).collect::<Vec<_>>())
    );
    let [service, socket, sandbox] = files.as_slice() else { panic!("{files:?}") };
    let lines: Vec<&str> = service.text.lines().filter(|line| line.starts_with("Exec")).collect();
    assert_eq!(
        lines,
        [
            "ExecStart=/home/me/.cargo/bin/sso-refresh run",
            "ExecReload=/home/me/.cargo/bin/sso-refresh reload"
        ]
    );
    assert_eq!(
        service.text.replace("/home/me/.cargo/bin/", "/usr/bin/").lines().count(),
        SERVICE_TEXT.lines().count() + 1
    );
    assert!(socket.text.starts_with(SOCKET_TEXT));
    assert!(sandbox.text.starts_with(SANDBOX_TEXT), "the home directory is open as it is");
    assert_eq!(names(&made("/p", &[], &[], false).unwrap()).len(), 2);
}

#[test]
fn what_a_unit_would_expand_is_quoted() {
    let service = |program: &str| made(program, &[], &[], false).map(|files| files[0].text.clone());
    assert!(service("/a b/100%/s").unwrap().contains("ExecStart=\"/a b/100%%/s\" run\n"));
    for unfit in ["/a$b", "/a\nb", "/it's", "/a\\b", "/\"a\""] {
        assert!(service(unfit).is_err(), "{unfit:?}");
    }
    let files = made("/p", &[("A", "x y%\\"), ("B", "$z")], &[], false).unwrap();
    assert_eq!(names(&files)[2], "/u/sso-refresh.service.d/environment.conf");
    let text = &files[2].text;
    assert!(text.contains("[Service]\nEnvironment=\"A=x y%%\\\\\"\nEnvironment=\"B=$z\"\n"), "{text}");
    let error = made("/p", &[("A", "x\ny")], &[], false).unwrap_err().to_string();
    assert_eq!(
        error,
        "A can't be written into a file of the service manager: it has control characters; choose another"
    );
}

#[test]
fn the_sandbox_opens_what_lies_elsewhere_and_hides_nothing_that_is_needed() {
    let sandbox = |variables: &[(&str, &str)], places: &[&str]| {
        let files = made("/p", variables, places, true).unwrap();
        let found = files.iter().find(|file| file.path.ends_with("sandbox.conf"));
        found.map(|file| file.text.replace(SANDBOX_TEXT, "").lines().next().unwrap().to_owned())
    };
    assert_eq!(
        sandbox(&[], &["/data/my aws/sso/cache", "/home/me/x"]).unwrap(),
        "ReadWritePaths=-\"/data/my aws/sso/cache\""
    );
    assert_eq!(sandbox(&[], &["/tmp/cache"]), None);
    assert_eq!(sandbox(&[("AWS_CA_BUNDLE", "/var/tmp/ca.pem")], &[]), None);
}

#[test]
fn the_units_go_where_the_manager_reads_them() {
    let said = "UnitPath=/etc/xdg /home/me/.config/systemd/user /usr/lib/systemd/user\n";
    let folder = |config: &str, said: Option<&str>| folder(Path::new(config), Path::new("/home/me"), said);
    let usual = Path::new("/home/me/.config/systemd/user");
    assert_eq!(folder("/home/me/.config", Some(said)), usual);
    assert_eq!(folder("/xdg", Some(said)), usual, "the manager knows nothing of XDG_CONFIG_HOME");
    assert_eq!(folder("/xdg", Some("UnitPath=/xdg/systemd/user\n")), Path::new("/xdg/systemd/user"));
    assert_eq!(folder("/xdg", None), Path::new("/xdg/systemd/user"));
}

#[test]
fn reads_what_systemctl_shows() {
    let running = state(SHOWN);
    assert_eq!(
        running,
        State {
            loaded: true,
            masked: false,
            enabled: true,
            activity: Activity::Running,
            pid: Some(42),
            result: None,
            file: Some("/u/sso-refresh.service".into()),
            stale: false,
            watchdog: Some(true),
            listening: true,
        }
    );
    let masked = state(&SHOWN.replacen("LoadState=loaded", "LoadState=masked", 1));
    assert!(masked.masked && !masked.loaded, "{masked:?}");
    for (from, to, expected) in [
        ("=active\nMainPID=42", "=failed\nMainPID=0", Activity::Failed),
        ("=active\nMainPID=42", "=reloading\nMainPID=42", Activity::Running),
        ("=active\nMainPID=42", "=activating\nMainPID=42", Activity::Changing),
        ("=active\nMainPID=42", "=deactivating\nMainPID=42", Activity::Changing),
        ("=active\nMainPID=42", "=inactive\nMainPID=0", Activity::Stopped),
    ] {
        let state = state(&SHOWN.replacen(from, to, 1));
        assert_eq!(state.activity, expected, "{to}");
    }
    assert_eq!(
        state(&SHOWN.replace("Result=success", "Result=watchdog")).result.as_deref(),
        Some("watchdog")
    );
    assert!(state(&SHOWN.replace("Reload=no", "Reload=yes")).stale);
    assert_eq!(state(""), State::default());
    assert!(!state(&SHOWN.replacen("=loaded", "=not-found", 1)).loaded);
}

#[test]
fn the_sandbox_is_tried_as_it_is() {
    let words = probe().words.join(" ");
    assert!(words.starts_with("systemd-run --user --wait "), "{words}");
    for setting in SANDBOX_TEXT.lines().filter(|line| line.contains("=yes") && !line.starts_with('#')) {
        assert!(words.contains(&format!("--property {setting} ")), "{setting} is not in {words}");
    }
    assert!(!words.contains('%'), "{words}");
}
