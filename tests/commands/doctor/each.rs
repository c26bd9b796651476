//! That no check is forgotten: each passes on a machine that is well, and a test here sees it fail.

use std::collections::BTreeSet;

#[cfg(target_os = "linux")]
use super::machine::Machine;
use super::*;

/// All that is written in a folder.
fn sources(folder: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The names of the checks that there are.
fn names() -> BTreeSet<String> {
    let code = sources("src/doctor");
    let names: BTreeSet<String> = code
        .split(": Check = Check(\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    assert!(names.len() > 30, "{names:?}");
    names
}

#[test]
fn a_test_of_this_folder_sees_each_fail() {
    let tests = sources("tests/commands/doctor");
    let unseen: Vec<String> =
        names().into_iter().filter(|name| !tests.contains(&format!("\"{name}\""))).collect();
    assert!(unseen.is_empty(), "no test sees {unseen:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn each_passes_on_a_machine_that_is_well() {
    let center = Center::start(Options::default());
    let machine = Machine::new(&center);
    machine.home.write_config("[listen]\naddress = \"127.0.0.1:0\"\n");
    center.sign_in(&machine.home, "work", 50 * MINUTE);
    let mut daemon = machine.home.daemon(&[]);
    daemon.wait_for("has started");
    let ran: Ran = machine.command("doctor --json").output().unwrap().into();
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let with = |is_ok: bool| -> BTreeSet<String> {
        let all = printed["checks"].as_array().unwrap().iter();
        all.filter(|found| (found["verdict"] == "ok") == is_ok)
            .map(|found| found["check"].as_str().unwrap().to_owned())
            .collect()
    };
    // What else the user of this machine runs, other tests among it, is no part of this one.
    let about_others = "rival-processes".to_owned();
    let (mut passed, mut failed) = (with(true), with(false));
    failed.remove(&about_others);
    passed.insert(about_others);
    assert_eq!((passed, failed), (names(), BTreeSet::new()), "{ran:?}");
}
