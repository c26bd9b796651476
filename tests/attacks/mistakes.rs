//! Mistakes in both configuration files, of every kind.

use std::{
    fs::OpenOptions,
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use nix::sys::signal::Signal;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;

use crate::{
    place::{center, until},
    support::{Daemon, Home, WORK},
    tally::Tally,
};

const HOUR: Duration = Duration::from_secs(3600);

/// Each with the place and the beginning of what is said of it.
const IN_CONFIG_TOML: [(&str, &str); 36] = [
    // A typo.
    ("refesh_before = \"20m\"", "1:1: unknown key `refesh_before`, did you mean `refresh_before`?"),
    ("\n[sesion.work]", "2:2: unknown key `sesion`, did you mean `session`?"),
    ("[session.work]\n  reigon = \"us-east-1\"", "2:3: unknown key `reigon`, did you mean `region`?"),
    ("[log]\nlevel = \"wran\"", "2:9: unknown value `wran`, did you mean `warn`?"),
    ("default_session = \"wrok\"", "1:19: there is no session `wrok`, did you mean `work`?"),
    ("default_session = \"\\u001b[2J\"", "1:19: there is no session `\\u{1b}[2J`, known are work"),
    ("\"\\u001b[2J\" = 1", "1:1: unknown key `\\u{1b}[2J`, expected one of "),
    // A wrong type.
    ("import_aws_config = \"yes\"", "1:21: invalid type: string \"yes\", expected a boolean"),
    ("[session.work]\nscopes = \"a\"", "2:10: invalid type: string \"a\", expected a list"),
    ("[session.work]\nregion = [\"us-east-1\"]", "2:10: invalid type: list, expected a string"),
    ("listen = \"127.0.0.1:80\"", "1:10: invalid type: string \"127.0.0.1:80\", expected a table"),
    ("[[session]]\nname = \"x\"", "1:1: invalid type: list, expected a table"),
    // Two of one name.
    ("[session.work]\n[session.work]\n", "2:10: duplicate key: what it names is there already"),
    ("[session.work]\n[session.\"work\"]\n", "2:10: duplicate key: what it names is there already"),
    ("proxy = \"http://a\"\nproxy = \"http://b\"", "2:1: duplicate key: what it names is there already"),
    // A value that is none.
    ("[session.work]\nregion = \"US-EAST-1\"", "2:10: a region must be a name such as \"us-east-1\""),
    ("[session.work]\nregion = \"us-east-1.x/\"", "2:10: a region must be a name such as \"us-east-1\""),
    ("[session.work]\nstart_url = \"x.awsapps.com\"", "2:13: a start URL must be an http(s) URL such as"),
    ("[session.work]\nendpoint = \"http://x\"", "2:12: an endpoint must be an https URL, or an http URL on"),
    ("proxy = \"proxy:3128\"", "1:9: a proxy must be a URL such as \"http://proxy:3128\""),
    ("ca_bundle = \"corp.pem\"", "1:13: `ca_bundle` must be an absolute path"),
    ("[listen]\naddress = \"0.0.0.0:80\"", "2:11: `address` must be a loopback address: 127.0.0.1 or"),
    ("[listen]\naddress = \"192.168.0.1:80\"", "2:11: `address` must be a loopback address: 127.0.0.1"),
    ("[listen]\naddress = \"[::]:80\"", "2:11: `address` must be a loopback address: 127.0.0.1"),
    ("[listen]\naddress = \"localhost\"", "2:11: `address` must be an address with a port: \"127.0.0.1:"),
    // A duration.
    ("refresh_before = 5", "1:18: invalid type: integer `5`, expected a duration such as \"20m\""),
    ("refresh_before = \"5\"", "1:18: `5` is not a duration: write it like \"90s\", \"20m\" or \"8h\""),
    ("refresh_before = \"-5m\"", "1:18: `-5m` is not a duration: write it like \"90s\", \"20m\" or"),
    ("refresh_before = \"1000y\"", "1:18: `1000y` is longer than 100 days"),
    ("refresh_before = \"0s\"", "1:18: a duration must be more than nothing"),
    ("[session.work]\nsession_duration = \"91d\"", "2:20: `91d` is longer than 90 days"),
    // No TOML.
    ("[session.work\nregion = \"us-east-1\"", "1:14: unclosed table, expected `]`"),
    ("# é\nproxy = \"é", "2:11: invalid basic string, expected `\"`"),
    ("proxy", "1:6: key with no value, expected `=`"),
    // Something is missing.
    ("[session.new]\nstart_url = \"https://x.awsapps.com/start\"", "1:1: session `new`: `region` is missing"),
    ("[session.\"\"]\nregion = \"us-east-1\"", "1:1: session ``: a session's name must be a text"),
];

#[test]
fn a_bad_config_toml_is_told_and_the_old_one_stays() {
    let mut tally = Tally::of("Input: mistakes in config.toml, at the start and at a reload");
    let center = center();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", HOUR);
    home.write_config("refresh_before = \"21m\"\n");
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    for (text, expected) in IN_CONFIG_TOML {
        home.write_config(text);
        let expected = format!("~/.config/sso-refresh/config.toml:{expected}");
        for line in ["config check", "run", "reload"] {
            let ran = home.run(line);
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}: {text}: {ran:?}");
            assert!(ran.stderr.contains(&expected), "{line}: {text}: {ran:?}");
            assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{line}: {ran:?}");
            assert!(!ran.stderr.trim_end().contains(char::is_control), "{line}: {ran:?}");
        }
        let told = status(&home)["daemon"]["config_error"].as_str().unwrap().to_owned();
        assert!(told.starts_with(&expected), "{told}");
        serves(&home, "work");
        tally.tried();
    }
    // The same through a signal.
    let (text, expected) = IN_CONFIG_TOML[0];
    home.write_config(text);
    daemon.signal(Signal::SIGHUP);
    until("the new mistake", || {
        status(&home)["daemon"]["config_error"].as_str().unwrap().contains(expected).then_some(())
    });
    let exchanges = center.exchanges();
    let session = "work";
    let (code, _) = ask(&home, &format!("POST /v1/sessions/{session}/refresh"));
    assert_eq!((code, center.exchanges()), (200, exchanges + 1), "it goes on");
    serves(&home, "work");
    tally.tried();

    home.write_config("refresh_before = \"22m\"\n");
    assert_eq!(home.run("reload").code, 0);
    assert_eq!(status(&home)["daemon"]["config_error"], Value::Null);
    tally.survived();
}

/// A region that AWS may have added is no error.
#[test]
fn a_region_that_is_not_known_is_doubted() {
    let mut tally = Tally::of("Input: regions that are not known, in both files");
    let center = center();
    for (region, expected) in [
        ("us-esat-1", "the region `us-esat-1` is not known, did you mean `us-east-1`?"),
        ("zz-moon-1", "the region `zz-moon-1` is not known"),
    ] {
        let home = Home::with(&center, &WORK.replace("us-east-1", region));
        let ran = home.run("config check");
        assert_eq!(ran.code, 0, "{ran:?}");
        let told = format!("warning: ~/.aws/config:3: session `work`: {expected}");
        assert!(ran.stdout.starts_with(&told) && ran.stdout.ends_with("ok: 1 session (work)\n"), "{ran:?}");
        home.write_config(&format!("[session.work]\nregion = \"{region}\""));
        let told = format!("warning: ~/.config/sso-refresh/config.toml:2: session `work`: {expected}");
        assert!(home.run("config check").stdout.starts_with(&told));
        center.sign_in(&home, "work", HOUR);
        let mut daemon = home.daemon(&[]);
        daemon.wait_for("has started");
        serves(&home, "work");
        tally.add(2);
    }
    tally.survived();
}

/// Each with the names of the sessions that are there beside `work`, and a part of what is said of it.
fn in_aws_config() -> Vec<(Vec<u8>, &'static [&'static str], &'static str)> {
    let text = |text: String| text.into_bytes();
    let beside = |header: &str| format!("{WORK}{}", WORK.replace("[sso-session work]", header)).into_bytes();
    let large =
        (0..).map(|n| format!("[profile p{n}]\nregion = us-east-1\ns3 =\n  max_concurrent_requests = 20\n"));
    let large = large.take(80_000).collect::<String>();
    assert!(large.len() > 5_000_000);
    vec![
        (text(format!("\u{feff}{WORK}")), &[], "config:1: the file begins with a byte order mark"),
        (text(WORK.replace('\n', "\r\n")), &[], ""),
        (text(format!("{WORK}{WORK}")), &[], "config:5: the section [sso-session work] is there twice"),
        (beside("[sso-session \"work\"]"), &[], "config:5: the name in [sso-session \"work\"] is quoted"),
        (text(format!("{large}{WORK}{large}")), &[], " more warnings of this kind are left out"),
        (text(format!("[default]\ns3 =\n  max_concurrent_requests = 20\n{WORK}")), &[], ""),
        (
            text(format!("{WORK}s3 =\n  max_concurrent_requests = 20\n  junk\n")),
            &[],
            "config:7: a nested line",
        ),
        (beside("[sso-session a/b]"), &["a/b"], ""),
        (beside("[sso-session ../../up]"), &["../../up"], ""),
        (
            beside("[sso-session my work]"),
            &["my work"],
            "config:5: the name in [sso-session my work] has a blank",
        ),
        (beside("[sso-session \"my work\"]"), &["my work"], "config:5: the name in "),
        (beside("[sso-session züri-工]"), &["züri-工"], "config:5: the name in [sso-session züri-工] has "),
        (
            beside("[sso-session \u{202e}x]"),
            &["\u{202e}x"],
            "config:5: the name in [sso-session \\u{202e}x] has ",
        ),
        (
            beside("[sso-session a\u{1b}[2Jb]"),
            &[],
            "config:5: session `a\\u{1b}[2Jb` is left out: a session's name",
        ),
        (beside("[sso-session bad"), &[], "config:5: a section header has no `]`"),
        (beside("[sso-session]"), &[], "config:5: [sso-session] is not a section that AWS programs know"),
        (
            [WORK.as_bytes(), b"# \xff\xfe\n[sso-session \xff]\n"].concat(),
            &[],
            "config:5: the file is not UTF-8",
        ),
        (
            text(format!("{WORK}[sso-session new]\nsso_region = eu-west-1\n")),
            &[],
            "config:5: session `new` is left out: `sso_start_url` is missing",
        ),
        (
            text(format!("{WORK}[sso-session new]\nsso_start_url = https://x\nsso_region = EU\n")),
            &[],
            "config:7: session `new` is left out: a region must be",
        ),
        (
            text(format!("{WORK}[sso-session new]\nsso_start_url = x\nsso_region = eu-west-1\n")),
            &[],
            "config:6: session `new` is left out: a start URL must be",
        ),
        (
            text(format!("{WORK}[profile p]\nsso_session = wrok\n")),
            &[],
            "config:6: the profile `p` uses the sso-session `wrok`, which is not there",
        ),
        (
            text(format!("{WORK}sso_region = us-east-1\n")),
            &[],
            "config:5: the key `sso_region` is there twice",
        ),
        (text(format!("{WORK}\0\0\0\n[\0]\n")), &[], "config:5: a line has no `=`"),
    ]
}

#[test]
fn a_bad_aws_config_costs_no_other_session() {
    let mut tally = Tally::of("Input: mistakes and oddities in the AWS config file");
    let center = center();
    for (bytes, names, expected) in in_aws_config() {
        let home = Home::with(&center, "");
        write(&home, &bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
        let ran = home.run("config check");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{shown}");
        let told: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("warning: ")).collect();
        assert_eq!(told.is_empty(), expected.is_empty(), "{shown}: {told:?}");
        assert!(told.is_empty() || told.iter().any(|line| line.contains(expected)), "{shown}: {told:?}");
        assert!(!ran.stdout.replace('\n', "").contains(char::is_control), "{told:?}");

        let mut daemon = home.daemon(&[]);
        daemon.wait_for("has started");
        for name in ["work"].iter().chain(names) {
            center.sign_in(&home, name, HOUR);
            serves(&home, name);
            let output = home.command(["token", name]).output().unwrap();
            let token = String::from_utf8(output.stdout).unwrap();
            assert_eq!(Some(token.trim_end()), home.access_token(name).as_deref(), "{name}");
        }
        let sessions = status(&home)["sessions"].as_array().unwrap().len();
        assert_eq!(sessions, names.len() + 1, "{shown}");
        good_again(&home, &mut daemon);
        tally.tried();
    }
    tally.survived();
}

/// The mistake is mended while the daemon runs.
fn good_again(home: &Home, daemon: &mut Daemon) {
    home.write_aws_config(WORK);
    assert_eq!(home.run("reload").code, 0);
    serves(home, "work");
    assert!(daemon.0.try_wait().unwrap().is_none());
}

fn write(home: &Home, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).truncate(true).open(home.path(".aws/config"));
    file.unwrap().write_all(bytes).unwrap();
}

/// The daemon hands out the token in the file of `session`, once it has noticed it.
fn serves(home: &Home, session: &str) {
    let path = percent_encode(session.as_bytes(), NON_ALPHANUMERIC);
    until("the token of the file", || {
        let (code, answer) = ask(home, &format!("GET /v1/sessions/{path}/token"));
        (code == 200 && answer["accessToken"].as_str() == home.access_token(session).as_deref()).then_some(())
    });
}

fn status(home: &Home) -> Value {
    ask(home, "GET /v1/status").1
}

/// What the daemon answers to a request, whatever the configuration says by now.
fn ask(home: &Home, request: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(home.path("run/sso-refresh/api.sock")).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
}
