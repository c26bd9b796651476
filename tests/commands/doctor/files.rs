//! The configuration, the token files and the sessions.

use super::*;

#[test]
fn a_mistake_in_the_configuration_is_told_with_its_place_and_the_rest_is_looked_at() {
    let home = Home::new();
    home.write_aws_config(WORK);
    home.write_config("refresh_befor = \"20m\"\n");
    let found = wrong(&home, "config");
    assert_eq!(found[0]["verdict"], "failure");
    let line = found[0]["finding"].as_str().unwrap();
    assert!(
        line.contains("config.toml:1:1: unknown key `refresh_befor`, did you mean `refresh_before`?"),
        "{line}"
    );
    assert!(
        found[0]["remedy"]["advice"]
            .as_str()
            .unwrap()
            .starts_with("edit line 1 of ~/.config/sso-refresh/config.toml")
    );
    assert_eq!(wrong(&home, "config-sessions")[0]["verdict"], "not-checked");
    home.write_config("refresh_before = \"20m\"\n");
    assert_eq!(wrong(&home, "config"), [Value::Null; 0]);
    assert_eq!(wrong(&home, "config-sessions"), [Value::Null; 0]);
    home.write_aws_config("");
    assert_eq!(wrong(&home, "config-sessions")[0]["remedy"]["command"], "aws configure sso");
    home.write_aws_config(&WORK.replace(']', ""));
    let advice = wrong(&home, "config-sessions")[0]["remedy"]["advice"].clone();
    assert!(advice.as_str().unwrap().starts_with("edit line 1 of ~/.aws/config"), "{advice}");
}

#[test]
fn what_some_sdk_does_not_take_is_told() {
    let home = Home::new();
    home.write_aws_config(&format!(
        "{WORK}[profile dev]\nsso_session = wrok\nsso_account_id = 1\nsso_role_name = R\n"
    ));
    let found = wrong(&home, "aws-config");
    assert_eq!(found[0]["remedy"]["advice"], "edit line 6 of ~/.aws/config", "{found:?}");
    home.write_aws_config(&format!(
        "{WORK}[profile dev]\nsso_session = work\nsso_account_id = 1\nsso_role_name = R\n"
    ));
    assert_eq!(wrong(&home, "aws-config"), [Value::Null; 0]);

    let legacy = format!("{WORK}[profile old]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n");
    home.write_aws_config(&legacy);
    let found = wrong(&home, "legacy-profiles");
    let advice = found[0]["remedy"]["advice"].as_str().unwrap();
    assert!(advice.ends_with("replace sso_start_url and sso_region by\n\n  sso_session = work"), "{advice}");
    let urls = format!("sso_start_url = {START_URL}\nsso_region = us-east-1\n");
    home.write_aws_config(
        &legacy.replace(&format!("[profile old]\n{urls}"), "[profile old]\nsso_session = work\n"),
    );
    assert_eq!(wrong(&home, "legacy-profiles"), [Value::Null; 0]);
}

#[test]
fn two_files_with_one_name_are_told_apart() {
    let home = Home::new();
    home.write_aws_config(&WORK.replace("example", "other"));
    home.write("aws", WORK);
    let shared = || {
        let ran: Ran = home
            .command(["doctor", "--json"])
            .env("AWS_CONFIG_FILE", home.path("aws"))
            .output()
            .unwrap()
            .into();
        let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
        let all = printed["checks"].as_array().unwrap();
        all.iter().find(|found| found["check"] == "shared-session-names").unwrap().clone()
    };
    assert_eq!(shared()["verdict"], "warning");
    assert_eq!(shared()["about"], "work");
    home.write_aws_config(&WORK.replace("example", "other").replace("session work", "session private"));
    assert_eq!(shared()["verdict"], "ok");
}

/// A sign-in of this center is approved at once.
fn center() -> Center {
    Center::start(Options { auto_approve: true, interval: Duration::ZERO, ..Options::default() })
}

/// Signs in, and replaces a piece of the token file.
fn sign_in_with(center: &Center, home: &Home, from: &str, to: &str) {
    center.sign_in(home, "work", 50 * MINUTE);
    let path = home.token_path("work");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    home.write(path.strip_prefix(home.path("")).unwrap().to_str().unwrap(), &text.replace(from, to));
}

#[test]
fn a_token_file_is_mended_by_the_remedy() {
    let center = center();
    let home = Home::with(&center, WORK);
    for (from, to, check, verdict) in [
        ("}", "}}", "token-file", "warning"),
        ("\"accessToken\"", "\"token\"", "token-file", "failure"),
        ("\"startUrl\"", "\"startURI\"", "token-file-fields", "warning"),
        ("Z\",", "+00:00\",", "token-file-fields", "warning"),
        ("\"registrationExpiresAt\"", "\"ends\"", "token-file-fields", "warning"),
        ("\"refreshToken\"", "\"token\"", "refreshable", "failure"),
        ("\"clientSecret\"", "\"secret\"", "refreshable", "failure"),
        (
            "\"registrationExpiresAt\":\"",
            "\"registrationExpiresAt\":\"2020-01-01T00:00:00Z\",\"x\":\"",
            "registration",
            "failure",
        ),
    ] {
        // No copy of a token before it.
        let _ = fs::remove_dir_all(home.path(".local/state"));
        sign_in_with(&center, &home, from, to);
        mended_by_its_remedy(&home, check, verdict);
    }
    home.run("refresh work");
    File::create(home.token_path("work")).unwrap();
    mended_by_its_remedy(&home, "token-file", "warning");
    center.sign_in(&home, "work", Duration::ZERO);
    mended_by_its_remedy(&home, "signed-in", "failure");
    fs::remove_file(home.token_path("work")).unwrap();
    mended_by_its_remedy(&home, "signed-in", "failure");
    let text = home.run("doctor --json").stdout;
    let token = center.sign_in(&home, "work", 50 * MINUTE);
    assert!(secrets(&token).iter().all(|secret| !text.contains(secret.as_str())));
}

#[test]
fn a_registration_about_to_end_is_replaced_by_a_sign_in() {
    let center = Center::start(Options {
        auto_approve: true,
        interval: Duration::ZERO,
        registration_life: Duration::from_secs(23 * 3600),
        ..Options::default()
    });
    let home = Home::with(&center, WORK);
    assert_eq!(home.run("login").code, 0);
    let found = wrong(&home, "registration");
    assert_eq!(
        (&found[0]["verdict"], &found[0]["remedy"]["command"]),
        (&"warning".into(), &"sso-refresh login work".into())
    );
    let client = |home: &Home| {
        let text = fs::read_to_string(home.token_path("work")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["clientId"].clone()
    };
    let before = client(&home);
    assert_eq!(home.run("login work").code, 0);
    assert_ne!(client(&home), before, "one that ends soon is not used again");
}

#[test]
fn a_session_without_the_scope_can_not_be_kept() {
    let center = center();
    let home = Home::with(&center, &WORK.replace("sso:account:access", "openid"));
    let found = wrong(&home, "scopes");
    assert_eq!(found[0]["verdict"], "failure");
    let advice = found[0]["remedy"]["advice"].as_str().unwrap();
    assert!(
        advice.contains("of the session at ~/.aws/config:1, then run `sso-refresh login work`"),
        "{advice}"
    );
    home.write_aws_config(WORK);
    assert_eq!(home.run("login work").code, 0);
    assert_eq!((wrong(&home, "scopes"), wrong(&home, "refreshable")), (vec![], vec![]));
}

#[test]
fn what_others_may_read_is_told_and_closed_by_fix_alone() {
    let center = center();
    let home = Home::with(&center, WORK);
    assert_eq!(home.run("login").code, 0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let token = home.token_path("work");
    for (path, open, closed) in [
        (token.clone(), 0o644, 0o600),
        (home.path(".local/state/sso-refresh"), 0o755, 0o700),
        (home.path(".aws/sso/cache"), 0o777, 0o755),
    ] {
        fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
        assert_eq!(wrong(&home, "modes").len(), 1);
        assert_eq!(mode(&path), open, "a look changes nothing");
        mended_by_its_remedy(&home, "modes", "warning");
        assert_eq!(mode(&path), closed);
    }
    fs::set_permissions(&token, Permissions::from_mode(0o640)).unwrap();
    let ran = home.run("doctor --fix");
    let name = token.file_name().unwrap().to_str().unwrap();
    assert!(
        ran.stdout.starts_with(&format!("~/.aws/sso/cache/{name} had mode 0640; it is 0600 now\n")),
        "{ran:?}"
    );
}

#[test]
fn what_a_crash_has_left_goes_once_nobody_can_be_writing_it() {
    let center = center();
    let home = Home::with(&center, WORK);
    assert_eq!(home.run("login").code, 0);
    let stray = home.path(".aws/sso/cache/.sso-refresh-0123456789ab-Xy1.tmp");
    File::create(&stray).unwrap();
    assert_eq!(wrong(&home, "stray-files"), [Value::Null; 0], "it may be in use");
    let (_, ran) = doctor(&home, "--fix");
    assert!(stray.exists(), "{ran:?}");
    let long_ago = fs::metadata(&stray).unwrap().modified().unwrap() - 2 * MINUTE;
    File::options()
        .write(true)
        .open(&stray)
        .unwrap()
        .set_times(FileTimes::new().set_modified(long_ago))
        .unwrap();
    assert_eq!(wrong(&home, "stray-files").len(), 1);
    assert!(stray.exists(), "a look changes nothing");
    home.write_config("regoin = 1\n");
    let (_, ran) = doctor(&home, "--fix");
    assert!(stray.exists() && ran.stderr.contains("until the configuration can be read"), "{ran:?}");
    home.write_config("");
    mended_by_its_remedy(&home, "stray-files", "warning");
    assert!(!stray.exists());
    assert_eq!(home.run("token work").code, 0, "and nothing else has gone");
}

#[test]
fn a_link_is_told_with_the_command_that_ends_it() {
    let center = center();
    let home = Home::with(&center, WORK);
    assert_eq!(home.run("login").code, 0);
    let (token, elsewhere) = (home.token_path("work"), home.path("elsewhere.json"));
    fs::rename(&token, &elsewhere).unwrap();
    symlink(&elsewhere, &token).unwrap();
    let found = wrong(&home, "token-file-link");
    let command = found[0]["remedy"]["command"].as_str().unwrap();
    assert!(Command::new("sh").args(["-c", command]).status().unwrap().success(), "{command}");
    assert_eq!(wrong(&home, "token-file-link"), [Value::Null; 0]);
    assert!(!token.is_symlink() && token.exists());
}
