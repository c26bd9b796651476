//! `credentials`, `accounts` and `roles`, with a daemon and without.

#![expect(clippy::unwrap_used, reason = "what is not printed fails the test")]

use std::{fs, io::Read as _, process::Command, time::Duration};

use nix::pty::openpty;
use serde_json::Value;
use sso_refresh::{
    session::token::{Secret, Token},
    simulator::{Account, Operation, Options},
    time::Timestamp,
};

use crate::support::{Center, Home, Ran, START_URL, WORK, WORK_AND_HOME, after};

const MINUTE: Duration = Duration::from_secs(60);

const PROFILES: &str = "[profile dev]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = Developer\n\
     [profile wrong]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = Nobody\n\
     [profile half]\nsso_session = work\nsso_account_id = 012345678901\n";

/// Every way to print credentials: the same for all.
const WAYS: [&str; 3] = [
    "credentials --profile dev",
    "credentials --account 012345678901 --role Developer --session work",
    "credentials --account 012345678901 --role Developer",
];

fn home(center: &Center) -> Home {
    Home::with(center, &format!("{WORK}{PROFILES}"))
}

fn center() -> Center {
    Center::start(Options::default())
}

fn calls(center: &Center) -> usize {
    center.simulator().count(Operation::GetRoleCredentials)
}

/// What `credential_process` reads, where it reads all of it.
fn process(ran: &Ran) -> Value {
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&printed["Version"], &printed["AccountId"]), (&1.into(), &"012345678901".into()));
    let expiration = printed["Expiration"].as_str().unwrap();
    assert!(expiration.ends_with('Z') && expiration.len() == 20, "{expiration}");
    assert!(Timestamp::parse(expiration).unwrap() > after(59 * MINUTE));
    for key in ["AccessKeyId", "SecretAccessKey", "SessionToken"] {
        assert!(printed[key].as_str().unwrap().len() > 15, "{key}");
    }
    printed
}

/// Nothing on standard output, one line on standard error.
fn refused(home: &Home, line: &str, code: i32, parts: &[&str]) {
    let ran = home.run(line);
    assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{line}: {ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    for part in ["sso-refresh: "].iter().chain(parts) {
        assert!(ran.stderr.contains(part), "{part} is not in {ran:?}");
    }
}

#[test]
fn a_process_gets_them_with_and_without_a_daemon() {
    let center = center();
    let home = home(&center);
    center.sign_in(&home, "work", 50 * MINUTE);
    let keys = |ways: &[&str]| -> Vec<Value> {
        ways.iter().map(|way| process(&home.run(way))["AccessKeyId"].clone()).collect()
    };
    keys(&WAYS);
    assert_eq!(calls(&center), 3, "nobody keeps them");
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    let given = keys(&WAYS);
    assert!(given.iter().all(|key| *key == given[0]), "{given:?}");
    assert_eq!((calls(&center), center.exchanges()), (4, 0), "the daemon does");
}

#[test]
fn a_token_that_is_over_or_dead_is_refreshed_first() {
    let center = center();
    let home = home(&center);
    for (left, access_token) in [(Duration::ZERO, None), (50 * MINUTE, Some("unknown-to-aws"))] {
        let before = center.exchanges();
        let token = center.sign_in(&home, "work", left);
        if let Some(dead) = access_token {
            home.write_token("work", &Token { access_token: Secret::new(dead), ..token }, START_URL);
        }
        process(&home.run("credentials --profile dev"));
        assert_eq!(center.exchanges(), before + 1);
    }
}

#[test]
fn tokens_of_a_short_life_are_good_enough() {
    let life = Duration::from_secs(45);
    for with_daemon in [false, true] {
        let center = Center::start(Options { token_life: life, ..Options::default() });
        let home = home(&center);
        center.sign_in(&home, "work", life);
        let daemon = with_daemon.then(|| {
            let mut daemon = home.daemon(&[]);
            daemon.wait_for("has started");
            daemon
        });
        process(&home.run("credentials --profile dev"));
        for listing in ["accounts", "roles --account 012345678901"] {
            let ran = home.run(listing);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{with_daemon}: {ran:?}");
        }
        drop(daemon);
    }
}

#[test]
fn a_token_that_is_refused_though_it_is_new_is_refreshed_once_a_run() {
    let center = center();
    let home = home(&center);
    center.set_faults("ListAccounts:UnauthorizedException");
    for left in [50 * MINUTE, Duration::ZERO] {
        center.sign_in(&home, "work", left);
        let before = (center.exchanges(), center.simulator().count(Operation::ListAccounts));
        refused(&home, "accounts", 3, &["though it was just refreshed", "run `sso-refresh login work`"]);
        assert_eq!(center.exchanges(), before.0 + 1, "{left:?}");
        assert_eq!(center.simulator().count(Operation::ListAccounts), before.1 + 2, "{left:?}");
    }
}

#[test]
fn a_profile_that_the_daemon_does_not_know_yet_is_served() {
    let center = center();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", 50 * MINUTE);
    // The folder that is watched is another one, as with a link that a manager of dotfiles made.
    home.write("dotfiles/config", WORK);
    fs::remove_file(home.path(".aws/config")).unwrap();
    std::os::unix::fs::symlink(home.path("dotfiles/config"), home.path(".aws/config")).unwrap();
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    home.write("dotfiles/config", &format!("{WORK}{PROFILES}"));
    process(&home.run("credentials --profile dev"));
}

#[test]
fn a_profile_whose_role_the_daemon_knows_as_another_is_served_as_it_is_now() {
    let center = center();
    let home = home(&center);
    center.sign_in(&home, "work", 50 * MINUTE);
    home.write("dotfiles/config", &format!("{WORK}{PROFILES}"));
    fs::remove_file(home.path(".aws/config")).unwrap();
    std::os::unix::fs::symlink(home.path("dotfiles/config"), home.path(".aws/config")).unwrap();
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    let of_before = process(&home.run("credentials --profile dev"));
    home.write("dotfiles/config", &format!("{WORK}{}", PROFILES.replace("Developer", "ReadOnly")));
    let now = process(&home.run("credentials --profile dev"));
    assert_ne!(now["AccessKeyId"], of_before["AccessKeyId"]);
    assert_eq!(calls(&center), 2);
}

#[test]
fn each_refusal_has_its_exit_code_and_prints_nothing() {
    let center = center();
    let home = home(&center);
    refused(&home, "credentials --profile dve", 2, &["no profile `dve`", "known are dev, wrong, half"]);
    refused(&home, "credentials --profile half", 2, &["config:13: the profile `half` names no role"]);
    refused(&home, "credentials", 2, &["name a --profile, or --account and --role\n"]);
    for way in ["", "--print-config", "--session work"] {
        let ran = home
            .command(["credentials"].into_iter().chain(way.split_whitespace()))
            .env("AWS_PROFILE", "dev")
            .output();
        let said = Ran::from(ran.unwrap());
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
        assert!(said.stderr.contains("AWS_PROFILE does not count"), "{said:?}");
    }
    for with_daemon in [false, true] {
        let daemon = with_daemon.then(|| {
            let mut daemon = home.daemon(&[]);
            daemon.wait_for("has started");
            daemon
        });
        fs::remove_file(home.token_path("work")).unwrap_or_default();
        for way in WAYS {
            refused(&home, way, 3, &["`work` needs a sign-in", "sso-refresh login work"]);
        }
        center.sign_in(&home, "work", 50 * MINUTE);
        let before = center.exchanges();
        refused(
            &home,
            "credentials --profile wrong",
            1,
            &["`Nobody`", "012345678901", "ForbiddenException", "roles"],
        );
        refused(&home, "credentials --profile dev --min-validity 2h", 2, &["last 1h: ask for less"]);
        process(&home.run("credentials --profile dev --min-validity 1h"));
        center.set_faults("GetRoleCredentials:status=503");
        refused(&home, "credentials --account 012345678901 --role ReadOnly", 5, &["work: ", "503"]);
        center.set_faults("GetRoleCredentials:html=401");
        refused(
            &home,
            "credentials --account 210987654321 --role ReadOnly",
            5,
            &["the network may want you to sign in"],
        );
        center.set_faults("");
        assert_eq!(center.exchanges(), before, "none of it is the token's fault");
        drop(daemon);
    }
    let home = Home::with(&center, WORK_AND_HOME);
    refused(&home, "credentials --account 1 --role R", 2, &["home, work", "default_session"]);
}

#[test]
fn shells_take_them_as_variables() {
    let center = center();
    let home = home(&center);
    center.sign_in(&home, "work", 50 * MINUTE);
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    let expected = process(&home.run(WAYS[0]));
    let ran = home.run("credentials --profile dev --format env");
    let script = format!(
        "{}printf '%s\\n' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\" \
         \"$AWS_CREDENTIAL_EXPIRATION\"",
        ran.stdout
    );
    let shell = Command::new("sh").args(["-c", &script]).output().unwrap();
    let given = String::from_utf8(shell.stdout).unwrap();
    let wanted = ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"]
        .map(|key| expected[key].as_str().unwrap());
    assert_eq!(given.lines().collect::<Vec<_>>(), wanted);
    for (format, start) in
        [("fish", "set -gx AWS_ACCESS_KEY_ID '"), ("powershell", "$Env:AWS_ACCESS_KEY_ID = '")]
    {
        let ran = home.run(&format!("credentials --profile dev --format {format}"));
        assert!(ran.stdout.starts_with(start) && ran.stdout.lines().count() == 4, "{}", ran.stdout.len());
    }
    let printed: Value =
        serde_json::from_str(&home.run("credentials --profile dev --format json").stdout).unwrap();
    assert_eq!((&printed["version"], &printed["secretAccessKey"]), (&1.into(), &expected["SecretAccessKey"]));
    assert!(printed["expiresIn"].as_u64().unwrap() > 3500);
}

#[test]
fn the_line_for_the_config_file_does_what_it_says() {
    let center = center();
    let home = home(&center);
    home.write_config("default_session = \"work\"\n");
    let config = home.path(".config/sso-refresh/config.toml").display().to_string();
    for (way, expected) in [
        ("--profile dev", "credentials --profile dev".to_owned()),
        ("--account 1 --role R", "credentials --account 1 --role R --session work".into()),
        (
            "--profile dev --config .config/sso-refresh/config.toml",
            format!("credentials --config {config} --profile dev"),
        ),
    ] {
        let ran = home.run(&format!("credentials --print-config {way}"));
        let line = format!("credential_process = {} {expected}\n", env!("CARGO_BIN_EXE_sso-refresh"));
        assert_eq!((ran.code, ran.stdout, ran.stderr.as_str()), (0, line, ""), "{way}");
    }
    refused(&home, "credentials --print-config --profile dve", 2, &["no profile `dve`"]);
}

#[test]
fn accounts_and_roles_are_listed() {
    let center = center();
    let home = home(&center);
    center.sign_in(&home, "work", Duration::ZERO);
    let ran = home.run("accounts");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert_eq!(
        ran.stdout,
        "ACCOUNT       NAME        EMAIL\n210987654321  Production  production@example.com\n\
         012345678901  Sandbox     sandbox@example.com\n"
    );
    assert_eq!(center.exchanges(), 1, "the token was over");
    assert_eq!(home.run("roles --account 012345678901").stdout, "ROLE\nDeveloper\nReadOnly\n");
    let printed: Value = serde_json::from_str(&home.run("accounts work --json").stdout).unwrap();
    assert_eq!((&printed["version"], &printed["session"]), (&1.into(), &"work".into()));
    assert_eq!(printed["accounts"][1]["accountId"], "012345678901");
    let printed: Value =
        serde_json::from_str(&home.run("roles --account 210987654321 --json").stdout).unwrap();
    assert_eq!(printed["accountId"], "210987654321");
    assert_eq!(printed["roles"], serde_json::json!([{ "roleName": "ReadOnly" }]));
    refused(&home, "roles --account 1", 1, &["the account 1", "ForbiddenException"]);
    refused(&home, "accounts wrok", 2, &["did you mean `work`?"]);
}

#[test]
fn a_long_listing_is_whole_and_a_dead_token_no_hindrance() {
    let accounts: Vec<Account> = (0..250)
        .map(|number| Account::new(&format!("{number:012}"), &format!("Account {number:03}"), &["R"]))
        .collect();
    let center = Center::start(Options { accounts, ..Options::default() });
    let home = home(&center);
    let token = center.sign_in(&home, "work", 50 * MINUTE);
    home.write_token("work", &Token { access_token: Secret::new("unknown-to-aws"), ..token }, START_URL);
    center.set_faults("ListAccounts:TooManyRequestsException:after=2:times=1");
    let ran = home.run("accounts");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{:?}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), 251);
    assert_eq!((center.simulator().count(Operation::ListAccounts), center.exchanges()), (5, 1));

    // Somebody at a terminal sees that it goes on, and nothing of it in the end.
    let pty = openpty(None, None).unwrap();
    let ran = home.command(["accounts"]).stderr(pty.slave).output().unwrap();
    assert_eq!(String::from_utf8(ran.stdout).unwrap().lines().count(), 251);
    let mut shown = Vec::new();
    // Linux calls the end of a terminal an error.
    drop(fs::File::from(pty.master).read_to_end(&mut shown));
    assert_eq!(
        String::from_utf8(shown).unwrap(),
        "\r\u{1b}[K100 accounts …\r\r\u{1b}[K200 accounts …\r\r\u{1b}[K"
    );
}
