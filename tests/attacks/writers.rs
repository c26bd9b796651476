//! Two writers that write the token file in place, as the AWS CLI does, and one that renames, as botocore does, for
//! ten seconds beside the daemon.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sso_refresh::{
    simulator::Options,
    time::{Clock, Timestamp},
};

use crate::{
    inspection::{accepts, assert_good, inspect, request},
    place::until,
    support::{Center, Home, WORK},
    tally::Tally,
};

const LENGTH: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3600);

/// How much older the token may be that is in the file where the writers have torn the last one between them: it is
/// the last one that was seen whole.
const BEHIND: u64 = 5;

/// The longest that a writer stands still, in milliseconds.
const PAUSE: u64 = 3;

/// What the refresh of a token gives, as botocore and the AWS CLI write it; `None` where the file is torn, which
/// ends them.
fn refreshed(center: &Center, home: &Home) -> Option<Value> {
    let mut file = whole(&home.token_path("work"))?;
    let body = json!({
        "grantType": "refresh_token",
        "clientId": file["clientId"],
        "clientSecret": file["clientSecret"],
        "refreshToken": file["refreshToken"],
    });
    let answer =
        request(center, "POST /token HTTP/1.1\r\nContent-Type: application/json\r\n", &body.to_string());
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let issued: Value = serde_json::from_str(body).unwrap();
    let life = Duration::from_secs(issued["expiresIn"].as_u64().unwrap());
    file["accessToken"] = issued["accessToken"].clone();
    file["refreshToken"] = issued["refreshToken"].clone();
    file["expiresAt"] = json!(Timestamp::from_secs(Clock::system().now().after(life).secs()));
    Some(file)
}

/// The token file, where it is one.
fn whole(path: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

fn expiry(file: &Value) -> u64 {
    let at: Timestamp = serde_json::from_value(file["expiresAt"].clone()).unwrap();
    at.secs().try_into().unwrap()
}

fn pause(random: &mut fastrand::Rng) {
    thread::sleep(Duration::from_millis(random.u64(..=PAUSE)));
}

/// Truncates, then writes piece by piece.
fn write_in_place(path: &Path, text: &str, random: &mut fastrand::Rng) {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut file = file.unwrap();
    for piece in text.as_bytes().chunks(text.len() / 3 + 1) {
        pause(random);
        file.write_all(piece).unwrap();
    }
}

fn rename(path: &Path, text: &str, random: &mut fastrand::Rng) {
    let temporary = path.with_extension("rival");
    fs::write(&temporary, text).unwrap();
    fs::set_permissions(&temporary, Permissions::from_mode(0o600)).unwrap();
    pause(random);
    fs::rename(temporary, path).unwrap();
}

type Writing = fn(&Path, &str, &mut fastrand::Rng);

#[test]
fn three_writers_beside_the_daemon() {
    let mut tally =
        Tally::of("Rivals: writes of two in-place writers and one that renames, beside the daemon");
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", HOUR);
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("keeps the token fresh that");
    let over = AtomicBool::new(false);
    let (writes, asked, refreshed_by_us) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let write = |write: Writing, seed: u64| {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut newest = 0;
        while !over.load(Ordering::Relaxed) {
            if let Some(file) = refreshed(&center, &home) {
                write(&home.token_path("work"), &file.to_string(), &mut random);
                newest = expiry(&file);
                writes.fetch_add(1, Ordering::Relaxed);
            }
            pause(&mut random);
        }
        newest
    };
    let newest = thread::scope(|scope| {
        let _ending = Ending(&over);
        let writers = [(write_in_place as Writing, 1), (write_in_place, 2), (rename, 3)];
        let writers = writers.map(|(how, seed)| {
            let write = &write;
            scope.spawn(move || write(how, seed))
        });
        scope.spawn(|| {
            let _ending = Ending(&over);
            while !over.load(Ordering::Relaxed) {
                let ran = home.run("token work");
                assert_eq!(ran.code, 0, "{ran:?}");
                assert!(accepts(&center, ran.stdout.trim_end()));
                asked.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            let _ending = Ending(&over);
            while !over.load(Ordering::Relaxed) {
                let ran = home.run("refresh work");
                // It may find no moment to write in.
                assert!(ran.code == 0 || ran.code == 5, "{ran:?}");
                refreshed_by_us.fetch_add(usize::from(ran.code == 0), Ordering::Relaxed);
            }
        });
        let begin = Instant::now();
        while begin.elapsed() < LENGTH && !over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
        }
        over.store(true, Ordering::Relaxed);
        writers.map(|writer| writer.join().unwrap()).into_iter().max().unwrap()
    });
    let left = whole(&home.token_path("work"));
    let settled = until("a whole file that the daemon has read", || {
        let file = whole(&home.token_path("work"))?;
        (file["accessToken"] == home.run("token work").stdout.trim_end()).then_some(file)
    });
    match left {
        Some(left) => assert!(expiry(&settled) >= expiry(&left)),
        None => println!("the writers have torn the file"),
    }
    assert!(expiry(&settled) + BEHIND >= newest, "{} is older than {newest}", expiry(&settled));
    // A writer that nobody disturbs has the last word.
    let last = refreshed(&center, &home).unwrap();
    write_in_place(&home.token_path("work"), &last.to_string(), &mut fastrand::Rng::with_seed(4));
    until("the last token to be taken up", || {
        (last["accessToken"] == home.run("token work").stdout.trim_end()).then_some(())
    });
    assert_good(&center, &home, &home.run("token work"));
    let (_, left) = inspect(&home);
    assert!(left.is_empty(), "{left:?}");
    let writes = writes.into_inner();
    println!("{writes} writes, {asked:?} answers, {refreshed_by_us:?} refreshed by the daemon");
    assert!(asked.into_inner() > 0 && refreshed_by_us.into_inner() > 0);
    tally.add(writes);
    tally.survived();
}

/// Ends the others however one ends.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
