//! What programs read, against the schemas in `packaging/schema/`: each output is valid, and each of its members is known.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use jsonschema::Validator;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sso_refresh::{
    api::{DaemonInfo, EndpointInfo, Report},
    events::Event,
    kind::Kind,
    session::status::{EndSource, Next, State, Status},
    simulator::Options,
    time::Timestamp,
};

use crate::support::{Center, Home, START_URL, WORK, WORK_AND_HOME};

const STATUS: &str = include_str!("../../packaging/schema/status.json");
const EVENT: &str = include_str!("../../packaging/schema/event.json");
const MINUTE: Duration = Duration::from_secs(60);

/// A schema as it is written, and one that takes no member which is not in it.
struct Schema {
    lenient: Validator,
    strict: Validator,
}

impl Schema {
    fn read(text: &str) -> Self {
        let schema: Value = serde_json::from_str(text).unwrap();
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        let mut closed = schema.clone();
        close(&mut closed);
        let validator = |schema: &Value| {
            jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap()
        };
        Self { lenient: validator(&schema), strict: validator(&closed) }
    }

    /// Fails where `value` is not valid, or has a member that the schema doesn't explain.
    #[track_caller]
    fn explains(&self, value: &Value) {
        let wrong: Vec<String> = self
            .strict
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{value:#}");
    }
}

/// Forbids other members than those listed, wherever some are.
fn close(schema: &mut Value) {
    if let Value::Object(members) = schema {
        if members.contains_key("properties") {
            members.insert("additionalProperties".into(), false.into());
        }
        members.values_mut().for_each(close);
    } else if let Value::Array(parts) = schema {
        parts.iter_mut().for_each(close);
    }
}

/// Whether each listed member is described.
fn described(schema: &Value) -> bool {
    let members = schema["properties"].as_object().into_iter().flatten();
    let own = members.map(|(_, member)| member).all(|member| member["description"].is_string());
    own && schema["$defs"].as_object().into_iter().flatten().all(|(_, part)| described(part))
}

fn moment(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

/// A report in which nothing is left out: a new member fails to compile here, and then against the schema.
fn whole() -> Report {
    let session = Status {
        session: "work".into(),
        state: State::Fresh,
        reason: Some("a reason".into()),
        expires_at: Some(moment(0)),
        token_life_secs: Some(3600),
        next: Some(Next { at: moment(1), why: "refresh".into() }),
        signed_in_at: Some(moment(2)),
        session_ends_at: Some(moment(3)),
        session_end_source: Some(EndSource::Learned),
        session_end_announced_at: Some(moment(8)),
        registration_expires_at: Some(moment(4)),
        refreshed_at: Some(moment(5)),
        last_error: Some("an error".into()),
        remedy: Some("sso-refresh login work".into()),
        usable: true,
    };
    let of = |state| Status { state, ..session.clone() };
    let sessions = vec![
        of(State::SignedOut),
        of(State::Fresh),
        of(State::Refreshing),
        of(State::Backoff),
        Status { session_end_source: Some(EndSource::Configured), ..of(State::LoginRequired) },
    ];
    let endpoint = EndpointInfo {
        address: "[::1]:8080".parse().unwrap(),
        token_file: Some("/token".into()),
        error: Some("an error".into()),
    };
    let daemon = DaemonInfo {
        version: "0.1.0".into(),
        pid: 7,
        started_at: moment(6),
        config_error: Some("an error".into()),
        clock_ahead_secs: Some(-90),
        endpoint: Some(endpoint),
    };
    Report { version: 1, daemon, sessions }
}

/// The same of an event.
fn whole_event(kind: Kind) -> Event {
    Event {
        version: 1,
        event: kind.name().into(),
        session: Some("work".into()),
        at: moment(0),
        at_ms: moment(0).millis(),
        message: "a line".into(),
        expires_at: Some(moment(1)),
        next_refresh: Some(moment(2)),
        session_ends_at: Some(moment(3)),
        registration_expires_at: Some(moment(4)),
        error: Some("an error".into()),
        error_kind: Some("dns".into()),
        after_secs: Some(1),
        asleep_secs: Some(1),
    }
}

#[test]
fn every_member_that_can_be_is_in_the_schemas_with_a_description() {
    Schema::read(STATUS).explains(&serde_json::to_value(whole()).unwrap());
    let event = Schema::read(EVENT);
    let words: Value = serde_json::from_str(EVENT).unwrap();
    let mut named: Vec<&str> = words["properties"]["event"]["examples"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for kind in Kind::ALL {
        event.explains(&serde_json::to_value(whole_event(*kind)).unwrap());
    }
    let mut kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    named.sort_unstable();
    kinds.sort_unstable();
    assert_eq!(named, kinds);
    for text in [STATUS, EVENT] {
        assert!(described(&serde_json::from_str(text).unwrap()));
    }
}

#[test]
fn what_is_wrong_is_not_valid_and_what_is_new_is() {
    let whole = serde_json::to_value(whole()).unwrap();
    let schema = Schema::read(STATUS);
    let with = |path: &str, value: Value| {
        let mut changed = whole.clone();
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(name)
        } else {
            parent.insert(name.into(), value)
        };
        changed
    };
    for (path, value) in [
        ("/version", json!(2)),
        ("/daemon", Value::Null),
        ("/daemon/pid", json!("7")),
        ("/daemon/endpoint/address", json!("localhost")),
        ("/sessions/0/state", json!("asleep")),
        ("/sessions/0/usable", Value::Null),
        ("/sessions/0/session_end_source", json!("guessed")),
        ("/sessions/0/expires_at", json!("2027-01-15T08:00:00+01:00")),
        ("/sessions/0/expires_at", json!("2027-02-31T08:00:00Z")),
        ("/sessions/0/next/why", Value::Null),
        ("/sessions/0/token_life_secs", json!(-1)),
    ] {
        assert!(!schema.lenient.is_valid(&with(path, value.clone())), "{path}: {value}");
    }
    for path in ["/new", "/daemon/new", "/sessions/0/new", "/daemon/endpoint/new", "/sessions/0/next/new"] {
        let newer = with(path, json!(1));
        assert!(schema.lenient.is_valid(&newer) && !schema.strict.is_valid(&newer), "{path}");
    }
}

/// What the command prints.
fn printed(home: &Home) -> Value {
    serde_json::from_str(&home.run("status --json").stdout).unwrap()
}

/// What the daemon answers at its socket.
fn answered(home: &Home) -> Value {
    let mut stream = UnixStream::connect(home.path("run/sso-refresh/api.sock")).unwrap();
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// The member of the session `work` in both, once it is there; both are valid.
fn until(home: &Home, schema: &Schema, member: &str, expected: Option<&str>) {
    loop {
        let (printed, answered) = (printed(home), answered(home));
        schema.explains(&printed);
        schema.explains(&answered);
        let is = |value: &Value| {
            let sessions = value["sessions"].as_array().unwrap();
            let work = sessions.iter().find(|session| session["session"] == "work").unwrap();
            work.get(member).is_some_and(|found| expected.is_none_or(|word| found == word))
        };
        if is(&printed) && is(&answered) {
            return;
        }
    }
}

#[test]
fn the_files_alone_are_told_as_the_schema_has_it() {
    let schema = Schema::read(STATUS);
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK_AND_HOME);
    schema.explains(&printed(&home));
    center.sign_in(&home, "work", 50 * MINUTE);
    schema.explains(&printed(&home));
    center.sign_in(&home, "work", Duration::ZERO);
    schema.explains(&printed(&home));
    let unrefreshable = center.simulator().sign_in(START_URL, &[]).token;
    home.write_token("work", &unrefreshable, START_URL);
    home.write_aws_config(&format!(
        "{WORK}[profile old]\nsso_start_url = https://old\nsso_region = eu-west-1\n"
    ));
    let legacy = printed(&home);
    assert_eq!(legacy["warnings"].as_array().unwrap().len(), 1, "{legacy:#}");
    schema.explains(&legacy);
}

#[test]
fn a_daemon_tells_each_state_as_the_schema_has_it() {
    let schema = Schema::read(STATUS);
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK_AND_HOME);
    home.write_config("[listen]\naddress = \"127.0.0.1:0\"\n[session.work]\nsession_duration = \"8h\"\n");
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    until(&home, &schema, "state", Some("signed-out"));
    center.sign_in(&home, "work", 50 * MINUTE);
    until(&home, &schema, "session_end_source", Some("configured"));
    assert_eq!(home.run("refresh work").code, 0);
    until(&home, &schema, "refreshed_at", None);
    center.set_faults("CreateToken:status=503");
    home.run("refresh work");
    until(&home, &schema, "last_error", None);
    until(&home, &schema, "state", Some("backoff"));
    center.set_faults("CreateToken:InvalidGrantException");
    home.run("refresh work");
    until(&home, &schema, "state", Some("login-required"));
    home.write_config("nonsense = 1\n");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("not taken up");
    until(&home, &schema, "state", Some("login-required"));
    assert!(answered(&home)["daemon"]["config_error"].is_string());
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);

    home.write_config("");
    let history: Value = serde_json::from_str(&home.run("status --history --json").stdout).unwrap();
    let told = history["events"].as_array().unwrap();
    assert!(told.len() > 5, "{history:#}");
    let event = Schema::read(EVENT);
    for told in told {
        event.explains(told);
    }
}
