//! What must be so after every attack on the files.

use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::support::{Center, Home, Ran};

/// The files that the program answers for, each of them whole and nobody else's to read. What a crash has left
/// half written under a name of its own is in the second part.
#[track_caller]
pub(crate) fn inspect(home: &Home) -> (BTreeMap<PathBuf, Value>, Vec<PathBuf>) {
    let (mut whole, mut left) = (BTreeMap::new(), Vec::new());
    for folder in [".aws/sso/cache", ".local/state"] {
        walk(&home.path(folder), &mut |path| {
            // Another process may just take it away.
            let Ok(metadata) = fs::metadata(&path) else { return };
            assert_eq!(metadata.permissions().mode() & 0o7777, 0o600, "{}", path.display());
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("tmp") => left.push(path),
                Some("lock") => {}
                // The history: what a crash has cut off in it is a line of its own, and skipped.
                Some("jsonl") => {
                    let text = fs::read_to_string(&path).unwrap();
                    let torn = text.lines().filter(|line| serde_json::from_str::<Value>(line).is_err());
                    let torn: Vec<&str> = torn.collect();
                    let known = |line: &&str| {
                        line.starts_with("{\"version\":1,") || "{\"version\":1,".starts_with(*line)
                    };
                    assert!(torn.iter().all(known), "{}: {torn:?}", path.display());
                }
                _ => {
                    let text = fs::read_to_string(&path).unwrap();
                    let parsed = serde_json::from_str(&text);
                    whole.insert(
                        path.clone(),
                        parsed.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
                    );
                }
            }
        });
    }
    (whole, left)
}

/// The same, where nothing may be left of a crash.
#[track_caller]
pub(crate) fn inspect_after_next_run(home: &Home) -> BTreeMap<PathBuf, Value> {
    let (whole, left) = inspect(home);
    assert!(left.is_empty(), "still there after the next run: {left:?}");
    whole
}

/// Whether the own state has a copy of a token.
pub(crate) fn has_own_copy(files: &BTreeMap<PathBuf, Value>) -> bool {
    files.iter().any(|(path, file)| {
        path.components().any(|part| part.as_os_str() == "state") && file.get("token").is_some()
    })
}

/// The client whose token is in the file of `work`: each sign-in has its own. `None` where there is no file, or half
/// of one.
pub(crate) fn client(home: &Home) -> Option<String> {
    let file: Value = serde_json::from_str(&fs::read_to_string(home.token_path("work")).ok()?).ok()?;
    Some(file.get("clientId")?.as_str()?.to_owned())
}

/// Whether the server accepts that access token.
pub(crate) fn accepts(center: &Center, access_token: &str) -> bool {
    let head = format!("GET /assignment/accounts HTTP/1.1\r\nx-amz-sso_bearer_token: {access_token}\r\n");
    request(center, &head, "").starts_with("HTTP/1.1 200 ")
}

/// The answer to a request whose first lines are `head`.
pub(crate) fn request(center: &Center, head: &str, body: &str) -> String {
    let address = center.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).unwrap();
    let length = body.len();
    let rest = format!("Host: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all((head.to_owned() + &rest).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// It gave a token that is in the file and that the server accepts.
#[track_caller]
pub(crate) fn assert_good(center: &Center, home: &Home, ran: &Ran) {
    assert_eq!(ran.code, 0, "{ran:?}");
    let token = ran.stdout.trim_end();
    assert!(accepts(center, token), "the server does not accept what `token` gave: {}", ran.stderr);
    assert_eq!(home.access_token("work").as_deref(), Some(token));
}

/// It told that only a sign-in helps, and how that is done.
#[track_caller]
pub(crate) fn assert_names_sign_in(ran: &Ran) {
    assert!(ran.code == 3 && ran.stderr.contains("sso-refresh login work"), "{ran:?}");
}

fn walk(folder: &Path, each: &mut impl FnMut(PathBuf)) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, each);
        } else {
            each(path);
        }
    }
}
