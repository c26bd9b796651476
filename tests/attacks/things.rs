//! Things in the place of a token file that are none, or none of the user's, and links to one.

use std::{
    fs::{self, File, Permissions},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink},
        net::UnixListener,
    },
    path::Path,
};

use nix::{
    sys::stat::Mode,
    unistd::{geteuid, mkfifo},
};

use crate::{
    nobody::Nobody,
    place::until,
    sessions::{Sessions, access, name},
    support::{Home, Ran},
    tally::{Tally, not_tried},
};

/// What can stand where a file should be, and how it is put there.
type Thing = (&'static str, fn(&Path));

const THINGS: [Thing; 6] = [
    ("a folder", |path| fs::create_dir(path).unwrap()),
    ("a folder with a file", |path| {
        fs::create_dir(path).unwrap();
        fs::write(path.join("kept"), "kept").unwrap();
    }),
    ("a pipe", |path| mkfifo(path, Mode::S_IRWXU).unwrap()),
    // What is left of it when nobody listens any more.
    ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
    ("10 MB of nothing", |path| File::create(path).unwrap().set_len(10_000_000).unwrap()),
    ("10 MB of JSON", |path| {
        fs::write(path, format!("{{\"accessToken\": \"{}\"}}", "x".repeat(10_000_000))).unwrap();
    }),
];

/// What is at a path, without opening it.
fn seen(path: &Path) -> (u64, u64, bool, bool, bool) {
    let found = fs::symlink_metadata(path).unwrap();
    (found.ino(), found.len(), found.is_dir(), found.file_type().is_fifo(), found.file_type().is_socket())
}

/// In one line, with the file and what to do.
#[track_caller]
fn told(answer: &Ran, path: &Path, what: &str) {
    assert_eq!((answer.code, answer.stdout.as_str()), (3, ""), "{what}: {answer:?}");
    assert_eq!(answer.stderr.lines().count(), 1, "{what}: {answer:?}");
    for part in [path.to_str().unwrap(), "move it away and sign in again"] {
        assert!(answer.stderr.contains(part), "{what}: {answer:?}");
    }
}

#[test]
fn what_is_no_file_is_told_and_left_alone() {
    let mut tally =
        Tally::of("Broken files: a folder, a pipe, a socket, 10 MB in the place of one, no daemon");
    let home = Sessions::with_copies(THINGS.len());
    for (n, (what, put)) in THINGS.iter().enumerate() {
        let path = home.token_path(&name(n));
        fs::remove_file(&path).unwrap();
        put(&path);
        // A loose mode is said too, in a line of its own.
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        if path.is_file() {
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
        let before = seen(&path);
        told(&home.run(&format!("token {}", name(n))), &path, what);
        assert_eq!(seen(&path), before, "{what}");
        tally.tried();
        // Out of the way, an older file is as good as ever, and the copy is there for a broken one.
        fs::rename(&path, path.with_extension("away")).unwrap();
        fs::write(&path, "{").unwrap();
        let answer = home.run(&format!("token {}", name(n)));
        assert_eq!((answer.code, answer.stdout.trim_end()), (0, access(n).as_str()), "{what}: {answer:?}");
        tally.tried();
    }
    tally.survived();
}

#[test]
fn a_daemon_keeps_its_token_whatever_is_in_the_place_of_the_file() {
    let mut tally = Tally::of("Broken files: the same under a daemon");
    let home = Sessions::with_copies(THINGS.len());
    let mut daemon = home.quiet_daemon();
    home.all_read(THINGS.len());
    for (n, (what, put)) in THINGS.iter().enumerate() {
        let path = home.token_path(&name(n));
        let beside = home.path("beside");
        put(&beside);
        // In one step, for a file that is missing is a sign-out.
        let whole = path.with_extension("whole");
        fs::hard_link(&path, &whole).unwrap();
        exchange(&beside, &path);
        let before = seen(&path);
        let status = || home.run(&format!("status {} --json", name(n))).stdout;
        until(what, || status().contains(path.to_str().unwrap()).then_some(()));
        let answer = home.run(&format!("token {}", name(n)));
        assert_eq!((answer.code, answer.stdout.trim_end()), (0, access(n).as_str()), "{what}: {answer:?}");
        assert_eq!(seen(&path), before, "{what}");
        exchange(&whole, &path);
        until(what, || (!status().contains(path.to_str().unwrap())).then_some(()));
        let answer = home.run(&format!("token {}", name(n)));
        assert_eq!((answer.code, answer.stdout.trim_end()), (0, access(n).as_str()), "{what}: {answer:?}");
        fs::rename(&whole, home.path(format!("done-{n}"))).unwrap();
        fs::remove_file(&beside).ok();
        tally.tried();
    }
    assert!(daemon.0.try_wait().unwrap().is_none(), "it lives");
    tally.survived();
}

/// Puts `one` in the place of `other`, and the other way round.
fn exchange(one: &Path, other: &Path) {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE).unwrap();
}

#[test]
fn links_stay_links() {
    let mut tally = Tally::of("Broken files: a link, a dangling link, a link to a broken file");
    let home = Sessions::with_copies(3);
    let at = |n: usize| home.token_path(&name(n));
    let real = |n: usize| home.path(format!("real-{n}"));
    for n in 0..3 {
        fs::rename(at(n), real(n)).unwrap();
        symlink(real(n), at(n)).unwrap();
    }
    fs::remove_file(real(1)).unwrap();
    fs::write(real(2), "{").unwrap();
    for n in [0, 2] {
        let answer = home.run(&format!("token {}", name(n)));
        assert_eq!((answer.code, answer.stdout.trim_end()), (0, access(n).as_str()), "{answer:?}");
        assert!(fs::read_to_string(real(n)).unwrap().contains(&access(n)));
        tally.tried();
    }
    // The file that the link leads to is missing in a folder that is there.
    let answer = home.run("token s1");
    assert_eq!(answer.code, 3, "{answer:?}");
    assert!(answer.stderr.contains("it is signed out") && !real(1).exists(), "{answer:?}");
    tally.tried();
    for n in 0..3 {
        assert!(fs::symlink_metadata(at(n)).unwrap().is_symlink(), "{n}");
    }
    tally.survived();
}

#[test]
fn modes_and_owners() {
    let mut tally = Tally::of("Broken files: mode 0644, mode 0666, of another user, without any right");
    let home = Sessions::with_copies(4);
    let at = |n: usize| home.token_path(&name(n));
    for (n, loose) in [0o644, 0o666].into_iter().enumerate() {
        fs::set_permissions(at(n), Permissions::from_mode(loose)).unwrap();
        let answer = home.run(&format!("token {}", name(n)));
        assert_eq!((answer.code, answer.stdout.trim_end()), (0, access(n).as_str()), "{answer:?}");
        assert_eq!(fs::metadata(at(n)).unwrap().mode() & 0o777, 0o600);
        assert!(answer.stderr.contains(at(n).to_str().unwrap()), "said: {answer:?}");
        tally.tried();
    }
    if let Some(nobody) = Nobody::with(&home) {
        fs::set_permissions(at(2), Permissions::from_mode(0o000)).unwrap();
        refused(&nobody, &home, 2);
        tally.tried();
        if geteuid().is_root() {
            chown(at(3), Some(0), Some(0)).unwrap();
            refused(&nobody, &home, 3);
            chown(at(3), Some(65534), None).unwrap();
            let answer = nobody.run("token s3");
            assert_eq!((answer.code, answer.stdout.trim_end()), (0, access(3).as_str()), "{answer:?}");
            tally.tried();
        } else {
            not_tried("a token file of another user, which only root can make");
        }
    }
    tally.survived();
}

#[track_caller]
fn refused(nobody: &Nobody, home: &Home, n: usize) {
    let path = home.token_path(&name(n));
    let before = fs::read(&path).ok();
    let answer = nobody.run(&format!("token {}", name(n)));
    assert_eq!((answer.code, answer.stdout.as_str()), (3, ""), "{answer:?}");
    assert_eq!(answer.stderr.lines().count(), 1, "{answer:?}");
    for part in [path.to_str().unwrap(), "permission denied", "chown"] {
        assert!(answer.stderr.contains(part), "{answer:?}");
    }
    assert_eq!(fs::read(&path).ok(), before);
}
