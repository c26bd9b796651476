//! `status`, and what every command has in common.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use sso_refresh::simulator::Options;

use crate::support::{Center, Home, Ran, START_URL, WORK, WORK_AND_HOME};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_table_says_how_it_is_and_what_to_do() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK_AND_HOME);
    // Half a minute from the next change of what is shown.
    center.sign_in(&home, "home", 119 * MINUTE + Duration::from_secs(30));
    let ran = home.run("status");
    assert_eq!((ran.code, ran.stderr.as_str()), (3, ""));
    insta::assert_snapshot!(ran.stdout, @r"
    SESSION  STATE       TOKEN LEFT  NEXT  SESSION ENDS  TO DO
    home     fresh       1h 59m      -     -
    work     signed out  -           -     -             sso-refresh login work
      there is no token file

    the daemon is not running: start it with `sso-refresh service start`; until then
    nothing is refreshed by itself
    ");
    assert!(ran.stdout.lines().take(3).all(|line| line.chars().count() <= 80));
    assert_eq!(home.run("status home").code, 0);
    assert_eq!(home.run("status work").code, 3);
}

#[test]
fn an_expired_token_is_told_from_a_lost_session() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", Duration::ZERO);
    let ran = home.run("status");
    assert_eq!(ran.code, 5);
    insta::assert_snapshot!(ran.stdout, @r"
    SESSION  STATE    TOKEN LEFT  NEXT  SESSION ENDS  TO DO
    work     expired  expired     -     -             sso-refresh refresh work
      its token has expired, and nothing refreshes it

    the daemon is not running: start it with `sso-refresh service start`; until then
    nothing is refreshed by itself
    ");
    assert_eq!(center.exchanges(), 0, "to look changes nothing");

    let signed_in = center.simulator().sign_in(START_URL, &[]).token;
    home.write_token("work", &signed_in, START_URL);
    let ran = home.run("status");
    assert_eq!(ran.code, 0);
    assert!(ran.said().contains("can't refresh"), "{ran:?}");
    assert!(ran.said().contains("sso-refresh login work it was issued without a refresh token"), "{ran:?}");
}

#[test]
fn json_has_a_version_and_no_secret() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK_AND_HOME);
    let token = center.sign_in(&home, "work", 50 * MINUTE);
    let ran = home.run("status --json");
    assert_eq!(ran.code, 3);
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed["version"], 1);
    assert_eq!(printed["daemon"], Value::Null);
    assert_eq!(printed["warnings"], serde_json::json!([]));
    let [home_status, work] = printed["sessions"].as_array().unwrap().as_slice() else { panic!("{printed}") };
    assert_eq!((&home_status["session"], &home_status["state"]), (&"home".into(), &"signed-out".into()));
    assert_eq!(home_status["remedy"], "sso-refresh login home");
    assert_eq!((&work["session"], &work["state"]), (&"work".into(), &"fresh".into()));
    assert_eq!(work["expires_at"], token.expires_at.to_string());
    assert_eq!(work["usable"], true);
}

#[test]
fn legacy_profiles_are_listed_with_the_lines_that_convert_them() {
    let home = Home::new();
    home.write_aws_config(&format!(
        "{WORK}[profile old]\nsso_start_url = https://old.awsapps.com/start\nsso_region = eu-west-1\n\
         sso_account_id = 012345678901\nsso_role_name = ReadOnly\n\
         [profile same]\nsso_start_url = https://example.awsapps.com/start/\nsso_region = us-east-1\n\
         sso_account_id = 012345678901\nsso_role_name = ReadOnly\n"
    ));
    insta::assert_snapshot!(home.run("status").stdout, @r"
    SESSION  STATE       TOKEN LEFT  NEXT  SESSION ENDS  TO DO
    work     signed out  -           -     -             sso-refresh login work
      there is no token file

    the daemon is not running: start it with `sso-refresh service start`; until then
    nothing is refreshed by itself

    warning: ~/.aws/config:5: the profile `old` is legacy: its token can't be
    refreshed; convert it with `aws configure sso --profile old`, or by hand
    warning: ~/.aws/config:10: the profile `same` is legacy: its token can't be
    refreshed; convert it with `aws configure sso --profile same`, or by hand

    In ~/.aws/config, [profile old]: replace sso_start_url and sso_region by

      sso_session = old

    and add

      [sso-session old]
      sso_start_url = https://old.awsapps.com/start
      sso_region = eu-west-1
      sso_registration_scopes = sso:account:access

    In ~/.aws/config, [profile same]: replace sso_start_url and sso_region by

      sso_session = work
    ");
    home.write_aws_config("[default]\nsso_start_url = https://old\nsso_region = eu-west-1\n");
    let ran = home.run("status");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("the profile `default` is legacy"), "{ran:?}");
}

#[test]
fn warnings_stand_below_the_table() {
    let home = Home::new();
    home.write_aws_config(&format!("{WORK}[default]\nca_bundle = /c.pem\n"));
    let ran = home.run("status");
    assert!(
        ran.said().contains(" warning: ~/.aws/config:6: `ca_bundle` of a profile is not used here: ")
            && ran.stdout.lines().count() > 2,
        "{ran:?}"
    );
}

#[test]
fn without_a_session_every_command_says_what_to_do() {
    let home = Home::new();
    for line in ["status", "token", "refresh", "refresh --all", "login", "login --all", "logout"] {
        let ran = home.run(line);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}");
        assert_eq!(
            ran.stderr,
            "sso-refresh: no session is configured: run `aws configure sso`, or add a [session.NAME] to config.toml\n",
            "{line}"
        );
    }
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let home = Home::new();
    home.write_aws_config(WORK);
    for line in ["status", "status --json", "config show", "completions bash", "--help", "config check"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = home.command(line.split(' ')).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{line}");
    }
}

#[test]
fn reload_needs_a_daemon() {
    let ran = Home::new().run("reload");
    assert_eq!(ran.code, 4);
    assert_eq!(
        ran.stderr,
        "sso-refresh: the daemon is not running: start it with `sso-refresh service start`\n"
    );
}

#[test]
fn a_prompt_gets_a_line_a_session_and_nothing_else() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK_AND_HOME);
    let prompt = |session: &str, format: &str| {
        let mut command = home.command(["status", "--format", format]);
        Ran::from(command.args(session.split_whitespace()).output().unwrap())
    };
    center.sign_in(&home, "work", 119 * MINUTE + Duration::from_secs(30));
    let ran = prompt("", "{session} {{{left}}} {state}: {do}");
    assert_eq!((ran.code, ran.stderr.as_str()), (3, ""));
    assert_eq!(ran.stdout, "home {-} signed out: sso-refresh login home\nwork {1h 59m} fresh: \n");
    let ran = prompt("work", "{left}");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "1h 59m\n", ""));

    // With a daemon it is what that says.
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    assert!(prompt("work", "{next}").stdout.starts_with("refresh in "), "{:?}", prompt("work", "{next}"));
    daemon.signal(Signal::SIGSTOP);
    let ran = prompt("work", "{state} {next}");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "fresh -\n", ""));
    drop(daemon);

    // What is wrong is no part of a prompt.
    assert_eq!(prompt("nobody", "{left}").stdout, "");
    home.write_config("levl = 1");
    let ran = prompt("", "{left}");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (2, "", ""));
    let told = prompt("-v", "{left}");
    assert!(told.code == 2 && told.stderr.contains("config.toml:1:1"), "{told:?}");
    let ran = prompt("", "{sesion}");
    assert!(ran.code == 2 && ran.stderr.contains("did you mean {session}?"), "{ran:?}");
}
