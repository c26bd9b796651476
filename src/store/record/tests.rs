use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

fn record() -> Record {
    Record {
        copy: Some(Good {
            token: Token {
                access_token: Secret::new("access"),
                expires_at: Timestamp::from_secs(1_800_000_000),
                issued_at: Some(Timestamp::from_secs(1_799_996_400)),
                refresh_token: Some(Secret::new("refresh")),
                registration: Some(Registration {
                    client_id: "client".into(),
                    client_secret: Secret::new("secret"),
                    expires_at: Some(Timestamp::from_secs(1_805_000_000)),
                }),
            },
            start_url: Some("https://example.awsapps.com/start".into()),
            region: Some("eu-west-1".into()),
            unsaved_over: Some(Secret::new("older")),
        }),
        memory: Memory {
            end_announced_for: None,
            signed_in_at: Some(Timestamp::from_secs(1_799_990_000)),
            learned_duration_secs: Some(28_800),
            token_life_secs: Some(3600),
        },
        seen: Seen { lost: Some(Timestamp::from_secs(1_800_000_000)), ending: None },
    }
}

#[test]
fn comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    let bare = Token { issued_at: None, refresh_token: None, registration: None, ..full_token() };
    let bare = Good { token: bare, start_url: None, region: None, unsaved_over: None };
    for expected in [
        record(),
        Record { copy: None, ..record() },
        Record { copy: Some(bare), ..Record::default() },
        Record::default(),
    ] {
        Record::update(&path, "work", |record| *record = expected.clone()).unwrap();
        assert_eq!(Record::load(&path), expected);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

fn full_token() -> Token {
    record().copy.unwrap().token
}

#[test]
fn the_format_is_fixed() {
    let bytes = json::dumps(&Written::new(&record(), "work")).unwrap();
    let expected = concat!(
        r#"{"version": 1, "session": "work", "token": {"startUrl": "https://example.awsapps.com/start", "#,
        r#""region": "eu-west-1", "accessToken": "access", "expiresAt": "2027-01-15T08:00:00Z", "#,
        r#""issuedAt": "2027-01-15T07:00:00Z", "refreshToken": "refresh", "clientId": "client", "#,
        r#""clientSecret": "secret", "registrationExpiresAt": "2027-03-14T04:53:20Z", "#,
        r#""unsavedOver": "older"}, "memory": {"signed_in_at": "2027-01-15T05:13:20Z", "#,
        r#""learned_duration_secs": 28800, "token_life_secs": 3600}, "seen": {"lost": "2027-01-15T08:00:00Z"}}"#,
    );
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

#[test]
fn what_can_not_be_read_counts_as_absent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    let good = json::dumps(&Written::new(&record(), "work")).unwrap();
    let other = |version: &str| {
        String::from_utf8(good.to_vec()).unwrap().replace("\"version\": 1", version).into_bytes()
    };
    for (bytes, expected) in [
        (good.to_vec(), Ok(record())),
        (other("\"version\": 0"), Err(Unreadable::Version(0))),
        (other("\"version\": 2"), Err(Unreadable::Version(2))),
        (b"{\"version\": 2, \"token\": 7}".to_vec(), Err(Unreadable::Version(2))),
        (other("\"version\": \"1\""), Err(Unreadable::Damaged { line: 1, column: 15 })),
        (b"".to_vec(), Err(Unreadable::Damaged { line: 1, column: 0 })),
        (b"{}".to_vec(), Err(Unreadable::Damaged { line: 1, column: 2 })),
        (
            b"{\"version\": 1, \"session\": \"planted\", \"token\": \"planted\"}".to_vec(),
            Err(Unreadable::Damaged { line: 1, column: 55 }),
        ),
    ] {
        assert_eq!(parse(&bytes), expected, "{}", String::from_utf8_lossy(&bytes));
        let shown = expected.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert!(!shown.contains("planted"), "{shown}");
        file::replace(&path, &bytes).unwrap();
        assert_eq!(Record::load(&path), expected.unwrap_or_default());
        Record::update(&path, "work", |record| record.copy = None).unwrap();
        assert!(!fs::read_to_string(&path).is_ok_and(|left| left.contains("refresh")), "forgotten");
        Record::update(&path, "work", |new| *new = record()).unwrap();
        assert_eq!(Record::load(&path), record(), "it is replaced");
    }
    for at in 0..good.len() {
        assert!(parse(&good[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn another_version_is_set_aside_until_the_user_signs_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    let text = b"{\"version\": 2, \"token\": \"newer\"}";
    for load in [true, false] {
        file::replace(&path, text).unwrap();
        if load {
            assert_eq!(Record::load(&path), Record::default());
            assert!(!path.exists(), "told once");
        }
        Record::update(&path, "work", |new| *new = record()).unwrap();
        assert_eq!(Record::load(&path), record());
        assert_eq!(fs::read(aside(&path)).unwrap(), text);
        Record::forget(&path, "work").unwrap();
        assert!(!aside(&path).exists() && Record::load(&path).copy.is_none());
    }
    Record::forget(&path, "work").unwrap();
}

#[test]
fn two_who_change_different_parts_keep_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    thread::scope(|scope| {
        scope.spawn(|| {
            for secs in 0..20 {
                let copy = record().copy;
                let change = |record: &mut Record| {
                    record.copy = copy;
                    record.memory.signed_in_at = Some(Timestamp::from_secs(secs));
                };
                Record::update(&path, "work", change).unwrap();
            }
        });
        for secs in 0..20 {
            Record::update(&path, "work", |record| record.memory.token_life_secs = Some(secs)).unwrap();
        }
    });
    let found = Record::load(&path);
    assert_eq!(found.copy, record().copy);
    assert_eq!(found.memory.token_life_secs, Some(19));
    assert_eq!(found.memory.signed_in_at, Some(Timestamp::from_secs(19)));
}
