//! The files of `packaging/`, as `service install` writes them, read by those who know: systemd-analyze and Python's
//! plistlib. Where one of them is missing its test says so, loudly, and checks nothing.

#![expect(clippy::unwrap_used, reason = "what a test can't set up fails it")]

use std::{
    ffi::OsStr,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use sso_refresh::{
    config::{environment::Environment, paths::Paths},
    service::{Carried, File, Wanted, launchd, systemd},
};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sso-refresh");

/// A program that is there, and in no folder that a sandbox hides, as those of a build may be.
const ANY: &str = "/bin/sh";

/// The highest exposure that is borne: systemd's figure times ten.
const EXPOSURE: &str = "--threshold=25";

/// Keys of launchd.plist(5) that are of use here, with the type that it gives them.
const KEYS: [(&str, &str); 17] = [
    ("Label", "str"),
    ("ProgramArguments", "list of str"),
    ("EnvironmentVariables", "dict of str"),
    ("RunAtLoad", "bool"),
    ("KeepAlive", "dict"),
    ("KeepAlive.SuccessfulExit", "bool"),
    ("KeepAlive.Crashed", "bool"),
    ("ThrottleInterval", "int"),
    ("ExitTimeOut", "int"),
    ("ProcessType", "str"),
    ("Umask", "int"),
    ("SoftResourceLimits", "dict"),
    ("SoftResourceLimits.Core", "int"),
    ("LimitLoadToSessionType", "str"),
    ("StandardErrorPath", "str"),
    ("StandardOutPath", "str"),
    ("WorkingDirectory", "str"),
];

/// Prints a property list as JSON, with the type of each value beside it.
const READ_PLIST: &str = r#"
import json, plistlib, sys
def typed(value):
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "list of str"
    if isinstance(value, dict) and value and all(isinstance(one, str) for one in value.values()):
        return "dict of str"
    return type(value).__name__
def types(value, prefix=""):
    found = {}
    for key, one in value.items():
        found[prefix + key] = typed(one)
        if typed(one) == "dict":
            found |= types(one, prefix + key + ".")
    return found
value = plistlib.loads(sys.stdin.buffer.read())
json.dump({"value": value, "types": types(value)}, sys.stdout)
"#;

/// Where the capture of the test runner does not hide it.
fn say(line: &str) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Whether `program` is here; else that is said.
fn is_here(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        say(&format!("!!! SKIPPED: there is no {program} here, and nothing was checked with it"));
    }
    found
}

fn made(program: &Path, make: impl Fn(&Wanted) -> Vec<File>) -> Vec<File> {
    let variables = [
        ("AWS_CONFIG_FILE", "/data/it's 100% <mine> & \"yours\"/config"),
        ("HTTPS_PROXY", "http://proxy:3128"),
    ];
    let env = Environment::from_pairs(variables.into_iter().chain([("HOME", "/home/me")]));
    let paths = Paths::resolve(&env, None).unwrap();
    let carried = Carried::of(&env, &paths);
    assert_eq!(carried.variables.len(), 2);
    let places =
        [PathBuf::from("/data/my aws/sso/cache"), PathBuf::from("/home/me/.local/state/sso-refresh")];
    make(&Wanted { program, paths: &paths, carried: &carried, places: &places })
}

/// Runs `systemd-analyze --user` where it finds no manager.
fn analyze<I: IntoIterator<Item: AsRef<OsStr>>>(folder: &Path, arguments: I) -> Output {
    fs::create_dir_all(folder.join("run/systemd")).unwrap();
    Command::new("systemd-analyze")
        .arg("--user")
        .args(arguments)
        .env("XDG_RUNTIME_DIR", folder.join("run"))
        .output()
        .unwrap()
}

/// The units in a folder, with their drop-ins.
fn installed(folder: &Path, program: &Path) -> Vec<PathBuf> {
    let files = made(program, |wanted| systemd::files(wanted, folder, true).unwrap());
    for file in &files {
        fs::create_dir_all(file.path.parent().unwrap()).unwrap();
        fs::File::create(&file.path).unwrap().write_all(file.text.as_bytes()).unwrap();
    }
    files.into_iter().map(|file| file.path).filter(|path| path.extension().unwrap() != "conf").collect()
}

/// A link to the program whose path has everything in it that a unit would expand.
fn odd_program(folder: &Path) -> PathBuf {
    let program = folder.join("100% mine; #1/sso-refresh");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(PROGRAM, &program).unwrap();
    program
}

#[test]
fn systemd_has_nothing_to_say_of_the_units() {
    if !is_here("systemd-analyze") {
        return;
    }
    let folder = TempDir::with_prefix("units").unwrap();
    let program = odd_program(folder.path());
    let units = installed(&folder.path().join("units"), Path::new(ANY));
    let odd = installed(&folder.path().join("odd"), &program);
    let verify = |units: &[PathBuf]| {
        let words = ["verify", "--man=no"].iter().map(OsStr::new);
        analyze(folder.path(), words.chain(units.iter().map(|unit| unit.as_os_str())))
    };
    let said = verify(&units);
    // It only warns of what it does not know, and exits with 0.
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
    let said = verify(&odd);
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
    // That it would have said something, of the units and of the drop-ins.
    for name in ["sso-refresh.service", "sso-refresh.socket", "sso-refresh.service.d/sandbox.conf"] {
        let path = folder.path().join("units").join(name);
        let text = fs::read_to_string(&path).unwrap();
        let broken = format!("{text}\n[Service]\nRestrt=always\n[Socket]\nLstenStream=x\n");
        fs::File::create(&path).unwrap().write_all(broken.as_bytes()).unwrap();
        assert!(!verify(&units).stderr.is_empty(), "{name}");
        fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    }
}

#[test]
fn systemd_finds_the_service_closed() {
    if !is_here("systemd-analyze") {
        return;
    }
    let folder = TempDir::with_prefix("units").unwrap();
    let units = installed(&folder.path().join("units"), Path::new(ANY));
    let said = analyze(
        folder.path(),
        ["security", "--offline=yes", "--no-pager", EXPOSURE]
            .iter()
            .map(OsStr::new)
            .chain([units[0].as_os_str()]),
    );
    let text = String::from_utf8_lossy(&said.stdout);
    say(text.lines().last().unwrap_or_default());
    assert!(said.status.success(), "{text}");
}

#[test]
fn the_property_list_has_only_what_launchd_knows() {
    if !is_here("python3") {
        return;
    }
    let files =
        made(Path::new("/Users/me/my <bin> & more/sso-refresh"), |wanted| launchd::files(wanted).unwrap());
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let mut python = Command::new("python3")
        .args(["-c", READ_PLIST])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(file.text.as_bytes()).unwrap();
    let read: Value = serde_json::from_slice(&python.wait_with_output().unwrap().stdout).unwrap();
    for (key, found) in read["types"].as_object().unwrap() {
        let known = KEYS.iter().find(|(name, _)| name == key);
        assert_eq!(known.map(|(_, kind)| *kind), found.as_str(), "{key}");
    }
    let value = &read["value"];
    assert_eq!(
        value["ProgramArguments"],
        serde_json::json!(["/Users/me/my <bin> & more/sso-refresh", "run"])
    );
    assert_eq!(value["EnvironmentVariables"]["AWS_CONFIG_FILE"], "/data/it's 100% <mine> & \"yours\"/config");
    assert_eq!(value["KeepAlive"], serde_json::json!({"SuccessfulExit": false}));
    assert_eq!((&value["Umask"], &value["ProcessType"]), (&0o077.into(), &"Background".into()));
    assert!(value["ExitTimeOut"].as_u64().unwrap() > 35, "an exchange comes to its end");
    for path in ["StandardErrorPath", "StandardOutPath"] {
        assert!(value[path].as_str().unwrap().starts_with('/'), "launchd expands nothing");
    }
    assert!(!file.text.contains('@'), "{}", file.text);
}

/// What stands in both packages must be the same.
#[test]
fn both_service_managers_wait_for_as_long() {
    let unit = include_str!("../packaging/systemd/user/sso-refresh.service");
    let plist = include_str!("../packaging/launchd/sso-refresh.plist");
    assert!(unit.contains("\nTimeoutStopSec=45s\n"));
    assert!(plist.contains("<key>ExitTimeOut</key>\n\t<integer>45</integer>"));
}
