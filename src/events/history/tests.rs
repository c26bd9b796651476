use std::{fs, os::unix::fs::PermissionsExt};

use nix::{sys::stat::Mode, unistd::mkfifo};

use super::*;

fn event(number: usize) -> Event {
    let at = Timestamp::from_secs(i64::try_from(number).unwrap());
    Event::new("refreshed", at, "é\n").of("a/b")
}

fn numbers(state: &Path) -> Vec<i64> {
    read(state, Some("a/b")).unwrap().iter().map(|event| event.at.secs()).collect()
}

#[test]
fn the_last_thousand_are_kept_and_it_is_private() {
    let state = tempfile::tempdir().unwrap();
    let mut history = History::new(state.path());
    let own = Event::new("started", Timestamp::from_secs(0), "");
    history.add(&own).unwrap();
    let file = state.path().join("history").join(file_name(Some("a/b")));
    for number in 0..MOST {
        history.add(&event(number)).unwrap();
    }
    assert_eq!(numbers(state.path()).len(), MOST);
    // As after a start.
    let mut history = History::new(state.path());
    history.add(&event(MOST)).unwrap();
    let last = i64::try_from(MOST).unwrap();
    let first = last + 1 - i64::try_from(KEPT).unwrap();
    assert_eq!(numbers(state.path()), (first..=last).collect::<Vec<_>>());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert_eq!(read(state.path(), None).unwrap(), [own]);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 2, "nothing is left behind");
    assert!(read(state.path(), Some("nobody")).unwrap().is_empty());
}

#[test]
fn what_is_torn_or_unknown_is_skipped() {
    let state = tempfile::tempdir().unwrap();
    History::new(state.path()).add(&event(1)).unwrap();
    let file = state.path().join("history").join(file_name(Some("a/b")));
    let line = fs::read_to_string(&file).unwrap();
    for (torn, expected) in [
        (line[..line.len() - 20].to_owned(), vec![2]),
        (format!("{line}\u{0}\n{}", &line[..9]), vec![1, 2]),
        (line.replace("\"version\":1", "\"version\":2"), vec![2]),
        (line.replace("a/b", "c"), vec![2]),
        (line.trim_end().to_owned(), vec![1, 2]),
    ] {
        File::create(&file).unwrap().write_all(torn.as_bytes()).unwrap();
        History::new(state.path()).add(&event(2)).unwrap();
        assert_eq!(numbers(state.path()), expected, "{torn}");
    }
}

#[test]
fn what_is_in_the_way_is_told_once_and_waited_for_never() {
    let state = tempfile::tempdir().unwrap();
    let mut history = History::new(state.path());
    history.add(&event(1)).unwrap();
    let file = state.path().join("history").join(file_name(Some("a/b")));
    fs::remove_file(&file).unwrap();
    mkfifo(&file, Mode::S_IRWXU).unwrap();
    assert!(history.add(&event(2)).unwrap_err().contains("jsonl: "));
    assert_eq!(history.add(&event(3)), Ok(()), "told once");
    fs::remove_dir_all(state.path().join("history")).unwrap();
    history.add(&event(4)).unwrap();
    assert_eq!(numbers(state.path()), [4]);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(history.add(&event(5)).is_err(), "told again");
}

#[test]
fn what_a_newer_version_wrote_stays_for_that_one() {
    let state = tempfile::tempdir().unwrap();
    let mut history = History::new(state.path());
    history.add(&event(0)).unwrap();
    let file = state.path().join("history").join(file_name(Some("a/b")));
    let newer = fs::read_to_string(&file).unwrap().replace("\"version\":1", "\"version\":2,\"more\":[]");
    File::create(&file).unwrap().write_all(format!("{newer}torn\n").as_bytes()).unwrap();
    for number in 1..MOST {
        history.add(&event(number)).unwrap();
    }
    File::options().append(true).open(&file).unwrap().write_all(newer.as_bytes()).unwrap();
    for number in MOST..MOST + 2 {
        history.add(&event(number)).unwrap();
    }
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!((text.lines().count(), text.matches(newer.trim_end()).count()), (KEPT + 1, 1));
    assert_eq!(numbers(state.path()).last(), Some(&i64::try_from(MOST + 1).unwrap()));
}

#[test]
fn long_lines_and_what_is_not_ours_do_not_let_a_file_grow() {
    let state = tempfile::tempdir().unwrap();
    let mut history = History::new(state.path());
    let long = |number| Event { message: "x".repeat(50_000), ..event(number) };
    let file = state.path().join("history").join(file_name(Some("a/b")));
    for number in 0..100 {
        history.add(&long(number)).unwrap();
        assert!(fs::metadata(&file).unwrap().len() <= BYTES_MAX as u64);
    }
    assert_eq!(numbers(state.path()).last(), Some(&99));
    // Of a file that is far too long the end is read.
    let mut grown = File::options().append(true).open(&file).unwrap();
    grown.write_all("\0".repeat(BYTES_MAX * 3).as_bytes()).unwrap();
    History::new(state.path()).add(&event(100)).unwrap();
    History::new(state.path()).add(&event(101)).unwrap();
    assert_eq!(numbers(state.path()), [100, 101]);
    assert!(fs::metadata(&file).unwrap().len() < 1000);
}

#[test]
fn a_file_that_others_can_read_is_closed_to_them() {
    let state = tempfile::tempdir().unwrap();
    let mut history = History::new(state.path());
    history.add(&event(1)).unwrap();
    let file = state.path().join("history").join(file_name(Some("a/b")));
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    history.add(&event(2)).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert_eq!(numbers(state.path()), [1, 2]);
}

#[test]
fn what_nobody_can_write_to_is_told_once() {
    let state = tempfile::tempdir().unwrap();
    let mut history = History::new(state.path());
    history.add(&event(1)).unwrap();
    let file = state.path().join("history").join(file_name(Some("a/b")));
    fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    if File::open(&file).is_ok() {
        return println!("SKIPPED: root reads and writes what nobody may");
    }
    assert!(history.add(&event(2)).unwrap_err().contains("ermission denied"));
    assert_eq!(history.add(&event(3)), Ok(()), "told once");
    assert!(read(state.path(), Some("a/b")).is_err());
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    history.add(&event(4)).unwrap();
    assert_eq!(numbers(state.path()), [1, 4]);
}

#[test]
fn sessions_that_are_no_more_are_forgotten_after_a_month() {
    let state = tempfile::tempdir().unwrap();
    let mut history = History::new(state.path());
    let other = |name: &str| Event::new("refreshed", Timestamp::from_secs(0), "").of(name);
    history.add(&Event::new("started", Timestamp::from_secs(0), "")).unwrap();
    history.add(&other("kept")).unwrap();
    history.add(&other("gone")).unwrap();
    let folder = state.path().join("history");
    File::create(folder.join(file_name(Some("gone"))).with_extension("tmp")).unwrap();
    File::create(folder.join("of-the-user.jsonl")).unwrap();
    let is_there = |name: &str| folder.join(file_name(Some(name))).exists();
    let written = Timestamp::from_secs(fs::metadata(folder.join(DAEMON)).unwrap().mtime());
    let kept = BTreeSet::from(["kept".to_owned()]);
    history.sweep(&kept, written.after(OUTLIVES));
    assert!(is_there("gone"), "it may come back");
    history.sweep(&kept, written.after(OUTLIVES * 2));
    assert!(is_there("kept") && !is_there("gone"));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3, "the daemon's and the user's own stay");
    history.add(&other("gone")).unwrap();
    assert_eq!(read(state.path(), Some("gone")).unwrap(), [other("gone")]);
}

#[test]
fn what_can_not_be_cut_back_grows_no_more_and_goes_on_when_it_can() {
    let state = tempfile::tempdir().unwrap();
    let mut history = History::new(state.path());
    history.add(&event(0)).unwrap();
    let in_the_way = state.path().join("history").join(file_name(Some("a/b"))).with_extension("tmp");
    fs::create_dir(&in_the_way).unwrap();
    let told = (1..MOST + 10).filter(|number| history.add(&event(*number)).is_err()).count();
    assert_eq!((told, numbers(state.path()).len()), (1, MOST + 1));
    fs::remove_dir(&in_the_way).unwrap();
    history.add(&event(MOST + 10)).unwrap();
    let kept = numbers(state.path());
    assert_eq!((kept.len(), kept.last()), (KEPT + 1, Some(&i64::try_from(MOST + 10).unwrap())));
}

#[test]
fn a_folder_that_is_a_link_is_not_written_through() {
    let [state, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(elsewhere.path(), state.path().join("history")).unwrap();
    let error = History::new(state.path()).add(&event(0)).unwrap_err();
    assert!(error.ends_with("it is no folder"), "{error}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
