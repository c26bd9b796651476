//! What programs read in the log: its fields as journald and as a JSON log have them, and the catalog that explains its
//! lines.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use sso_refresh::{
    daemon::report,
    kind::Kind,
    session::event::{Notice, Reason},
    simulator::Options,
    time::Timestamp,
};
use tracing_subscriber::{Layer, layer::SubscriberExt};

use crate::support::{Center, Home, WORK, secrets};

fn catalog() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd/catalog/sso-refresh.catalog")
}

/// The texts of the catalog by their numbers.
fn texts() -> BTreeMap<String, String> {
    let catalog = fs::read_to_string(catalog()).unwrap();
    let entries = catalog.split("\n-- ").skip(1).map(|entry| entry.split_once('\n').unwrap());
    let texts: Vec<_> = entries.map(|(id, text)| (id.to_owned(), text.to_owned())).collect();
    let (number, by_id) = (texts.len(), BTreeMap::from_iter(texts));
    assert_eq!(by_id.len(), number, "a number is explained twice");
    by_id
}

/// The fields that a text puts in.
fn put_in(text: &str) -> BTreeSet<String> {
    let capitals =
        |word: &&str| !word.is_empty() && word.chars().all(|it| it.is_ascii_uppercase() || it == '_');
    text.split('@').filter(capitals).map(str::to_owned).collect()
}

/// Keeps the names of the fields of each line by its number.
#[derive(Clone, Default)]
struct Fields(Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>);

impl<S: tracing::Subscriber> Layer<S> for Fields {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut seen = Seen::default();
        event.record(&mut seen);
        self.0.lock().unwrap().insert(seen.id, seen.names);
    }
}

#[derive(Default)]
struct Seen {
    id: String,
    names: BTreeSet<String>,
}

impl tracing::field::Visit for Seen {
    fn record_debug(&mut self, field: &tracing::field::Field, _: &dyn std::fmt::Debug) {
        self.names.insert(field.name().to_ascii_uppercase());
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.names.insert(field.name().to_ascii_uppercase());
        if field.name() == "message_id" {
            self.id = value.into();
        }
    }
}

#[test]
fn each_kind_of_line_has_a_number_of_its_own_that_the_catalog_explains() {
    let ids: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.id()).collect();
    let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!((ids.len(), names.len()), (Kind::ALL.len(), Kind::ALL.len()));
    assert!(
        ids.iter().all(|id| id.len() == 32 && id.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f')))
    );
    let texts = texts();
    assert_eq!(texts.keys().map(String::as_str).collect::<BTreeSet<_>>(), ids);
    for text in texts.values() {
        let (head, body) = text.split_once("\n\n").unwrap();
        assert!(head.starts_with("Subject: ") && head.ends_with("\nDefined-By: sso-refresh"), "{head}");
        assert!(body.trim().len() > 50 && !text.contains("http"), "{text}");
        assert!(text.matches('@').count() % 2 == 0, "{text}");
    }
}

#[test]
fn the_catalog_puts_in_no_field_that_its_lines_lack() {
    let at = Timestamp::from_secs(1_800_000_000);
    let fields = Fields::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(fields.clone()), || {
        for notice in [
            Notice::TakenUp { expires_at: at },
            Notice::Refreshed { expires_at: at },
            Notice::Failing { message: "no".into(), kind: "dns", retry_at: at },
            Notice::Recovered { after: Duration::from_secs(9) },
            Notice::SignedOut,
            Notice::SignInNeeded { reason: Reason::InvalidGrant, message: None },
            Notice::SessionEnding { at },
            Notice::RegistrationEnding { at },
        ] {
            report::tell("work", &notice, None, at);
        }
        report::healed("work", &Ok(()), true, at);
        report::healed("work", &Err("no".into()), true, at);
    });
    let seen = fields.0.lock().unwrap();
    let of_sessions = BTreeSet::from(["SSO_SESSION".to_owned()]);
    let none = BTreeSet::new();
    for (id, text) in texts() {
        let has = match seen.get(&id) {
            Some(has) => has,
            None if [Kind::CredentialsFailing, Kind::SignInNotStarted].iter().any(|kind| kind.id() == id) => {
                &of_sessions
            }
            None => &none,
        };
        assert!(put_in(&text).is_subset(has), "{text} {has:?}");
    }
    assert_eq!(seen.len(), 10, "each told once");
    let all = ["SSO_SESSION", "SSO_EVENT", "MESSAGE_ID", "EXPIRES_AT", "ERROR_KIND", "NEXT_REFRESH"];
    assert!(all.iter().all(|name| seen.values().any(|has| has.contains(*name))), "{seen:?}");
}

#[test]
fn journalctl_takes_the_catalog() {
    let root = tempfile::tempdir().unwrap();
    let folders =
        ["usr/lib/systemd/catalog", "var/lib/systemd/catalog"].map(|folder| root.path().join(folder));
    for folder in &folders {
        fs::create_dir_all(folder).unwrap();
    }
    fs::copy(catalog(), folders[0].join("sso-refresh.catalog")).unwrap();
    let journalctl = |what: &str| {
        let root = format!("--root={}", root.path().display());
        Command::new("journalctl").args([root.as_str(), what]).env("SYSTEMD_COLORS", "0").output()
    };
    let Ok(updated) = journalctl("--update-catalog") else {
        return println!("SKIPPED: there is no journalctl, so nothing reads the catalog");
    };
    assert!(updated.status.success() && updated.stderr.is_empty(), "{updated:?}");
    let listed = String::from_utf8(journalctl("--list-catalog").unwrap().stdout).unwrap();
    for kind in Kind::ALL {
        let line = listed.lines().find(|line| line.starts_with(kind.id()));
        assert!(line.is_some_and(|line| line.contains(" sso-refresh: ")), "{kind:?}: {listed}");
    }
}

/// A session that is refreshed at once, and then refused for good.
fn life(center: &Center, home: &Home) -> Vec<String> {
    let token = center.sign_in(home, "work", Duration::from_secs(60));
    secrets(&token)
}

#[test]
fn a_json_log_has_the_fields_and_no_secret() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    home.write_config("[log]\nformat = \"json\"\n");
    let mut planted = life(&center, &home);
    let mut daemon = home.daemon(&[]);
    let line = daemon.wait_for("\"refreshed\"");
    planted.push(home.access_token("work").unwrap());
    let refreshed: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(refreshed["level"], "INFO");
    assert_eq!(refreshed["sso_session"], "work");
    assert_eq!(refreshed["message_id"], Kind::Refreshed.id());
    assert!(Timestamp::parse(refreshed["expires_at"].as_str().unwrap()).is_some());
    let [next, expires] =
        ["next_refresh", "expires_at"].map(|key| Timestamp::parse(refreshed[key].as_str().unwrap()).unwrap());
    assert!(next < expires, "{line}");
    center.set_faults("CreateToken:status=503:times=1");
    home.run("refresh");
    let line = daemon.wait_for("refresh_failing");
    let failing: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&failing["error_kind"], &failing["level"]), (&"server_error".into(), &"WARN".into()));
    for secret in &planted {
        assert!(!line.contains(&secret[..secret.len() / 2]));
    }
    // What the store warns of has a kind as well.
    fs::set_permissions(home.token_path("work"), fs::Permissions::from_mode(0o644)).unwrap();
    let line = daemon.wait_for("had mode 0644");
    let loose: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&loose["sso_event"], &loose["level"]), (&"loose_mode".into(), &"WARN".into()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_daemon_that_can_not_start_says_so_as_an_error() {
    use std::os::unix::fs::MetadataExt;

    let home = Home::new();
    home.write_config("levl = 1\n");
    let said = home.path("said");
    for (is_journal, expected) in [(true, "<3>sso-refresh: "), (false, "sso-refresh: ")] {
        let file = fs::File::create(&said).unwrap();
        let found = file.metadata().unwrap();
        let inode = if is_journal { found.ino() } else { 0 };
        let mut command = home.command(["run"]);
        command.env("JOURNAL_STREAM", format!("{}:{inode}", found.dev())).stderr(file);
        assert_eq!(command.status().unwrap().code(), Some(2));
        let line = fs::read_to_string(&said).unwrap();
        assert!(line.starts_with(expected) && line.contains("config.toml:1:1"), "{line}");
    }
}

/// A journald of its own for one daemon, in a mount namespace in which it is at journald's place.
#[cfg(target_os = "linux")]
mod journald {
    use std::{os::unix::net::UnixDatagram, process::Stdio};

    use super::*;
    use crate::support::Daemon;

    const IN_PLACE: &str = "mount --bind \"$1\" /run && shift && exec \"$@\"";

    /// The fields of a datagram in the Journal Native Protocol.
    fn entry(mut bytes: &[u8]) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (String::from_utf8(bytes[..end].to_vec()).unwrap(), &bytes[end + 1..]);
            bytes = if let Some((name, value)) = line.split_once('=') {
                fields.insert(name.into(), value.into());
                rest
            } else {
                let (length, rest) = rest.split_at(8);
                let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
                fields.insert(line, String::from_utf8(rest[..length].to_vec()).unwrap());
                &rest[length + 1..]
            };
        }
        fields
    }

    struct Journald(UnixDatagram);

    impl Journald {
        /// The next entry of a kind; what comes before it is kept in `seen`.
        fn wait_for(&self, kind: Kind, seen: &mut Vec<BTreeMap<String, String>>) -> BTreeMap<String, String> {
            loop {
                let mut bytes = vec![0; 65_536];
                let length = self.0.recv(&mut bytes).unwrap();
                let entry = entry(&bytes[..length]);
                seen.push(entry.clone());
                if entry.get("MESSAGE_ID").is_some_and(|id| id == kind.id()) {
                    return entry;
                }
            }
        }
    }

    #[test]
    fn an_entry_has_its_fields_its_number_and_its_priority_and_no_secret() {
        let center = Center::start(Options { single_use: true, ..Options::default() });
        let home = Home::with(&center, WORK);
        home.write_config("[log]\nformat = \"journald\"\n");
        home.write("journald/systemd/journal/.keep", "");
        let run = home.path("journald");
        let unshare = |args: &[&std::ffi::OsStr]| {
            let program = home.command(["run"]);
            let mut command = Command::new("unshare");
            command
                .args(["--user", "--map-root-user", "--mount", "sh", "-c", IN_PLACE, "sh"])
                .arg(&run)
                .args(args);
            command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").stdin(Stdio::null());
            command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command
        };
        if !unshare(&["true".as_ref()]).output().is_ok_and(|output| output.status.success()) {
            return println!(
                "SKIPPED: no mount namespace here (unshare), so no journald for the daemon alone"
            );
        }
        let journald = Journald(UnixDatagram::bind(run.join("systemd/journal/socket")).unwrap());
        // A daemon that says nothing fails the test instead of hanging it.
        journald.0.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut planted = life(&center, &home);
        let mut command = unshare(&[env!("CARGO_BIN_EXE_sso-refresh").as_ref(), "run".as_ref()]);
        let mut daemon = Daemon(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());

        let mut seen = Vec::new();
        let started = journald.wait_for(Kind::Started, &mut seen);
        let refreshed = journald.wait_for(Kind::Refreshed, &mut seen);
        planted.push(home.access_token("work").unwrap());
        center.simulator().end_session(crate::support::START_URL);
        home.run("refresh");
        let ended = journald.wait_for(Kind::SignInNeeded, &mut seen);
        daemon.signal(nix::sys::signal::Signal::SIGTERM);
        journald.wait_for(Kind::Stopping, &mut seen);
        assert_eq!(daemon.wait(), 0);

        let field =
            |entry: &BTreeMap<String, String>, name: &str| entry.get(name).cloned().unwrap_or_default();
        for (entry, priority, event) in
            [(&started, "6", "started"), (&refreshed, "6", "refreshed"), (&ended, "4", "sign_in_needed")]
        {
            assert_eq!(
                (field(entry, "PRIORITY").as_str(), field(entry, "SSO_EVENT").as_str()),
                (priority, event)
            );
            assert_eq!(field(entry, "SYSLOG_IDENTIFIER"), "sso-refresh");
        }
        assert_eq!(
            (field(&refreshed, "SSO_SESSION"), field(&ended, "SSO_SESSION")),
            ("work".into(), "work".into())
        );
        for name in ["EXPIRES_AT", "NEXT_REFRESH"] {
            assert!(Timestamp::parse(&field(&refreshed, name)).is_some(), "{name} {refreshed:?}");
        }
        assert_eq!(field(&ended, "ERROR_KIND"), "invalid_grant");
        assert!(field(&ended, "MESSAGE").contains("sso-refresh login work"), "{ended:?}");
        let all = format!("{seen:?}");
        assert!(planted.len() > 3);
        for secret in &planted {
            assert!(!all.contains(&secret[..secret.len() / 2]), "a secret is in the journal");
        }
    }
}
