//! `import`: the files of the old script become a session. The script itself runs in tests/import.

#![expect(clippy::unwrap_used, reason = "what a test can't set up fails the test")]

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use sso_refresh::{session::token::Token, simulator::Options};

use crate::support::{Center, Daemon, Home, REGION, Ran, START_URL, WORK, after, secrets};

const FOLDER: &str = "aws-sso-token-refresh";

/// A home with the script's files after a sign-in, and that sign-in's token.
fn old_script(center: &Center, left: Duration) -> (Home, Token) {
    let home = Home::with(center, "");
    let token = center.simulator().sign_in(START_URL, &["sso:account:access"]).token;
    let token = Token { expires_at: after(left), ..token };
    write_env(&home, &token);
    write_token_json(&home, &token);
    (home, token)
}

pub(crate) fn write_env(home: &Home, token: &Token) {
    let registration = token.registration.as_ref().unwrap();
    home.write(
        &format!("{FOLDER}/.env"),
        &format!(
            "# the script's\nexport AWS_SSO_CLIENT_ID=\"{}\"\nAWS_SSO_CLIENT_SECRET='{}'\n\
             AWS_SSO_REFRESH_TOKEN={} # of the first day\nAWS_SSO_REGION={REGION}\n",
            registration.client_id,
            registration.client_secret.expose(),
            token.refresh_token.as_ref().unwrap().expose(),
        ),
    );
}

pub(crate) fn write_token_json(home: &Home, token: &Token) {
    let written = json!({
        "accessToken": token.access_token.expose(),
        "refreshToken": token.refresh_token.as_ref().unwrap().expose(),
        "tokenType": "Bearer",
        "expiresIn": 3600,
        "expiresAt": token.expires_at.millis() + 123,
        "updatedAt": "2026-01-01T00:00:00.000Z",
    });
    home.write(&format!("{FOLDER}/token.json"), &serde_json::to_string_pretty(&written).unwrap());
}

fn config(home: &Home) -> Option<String> {
    fs::read_to_string(home.path(".config/sso-refresh/config.toml")).ok()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn no_secret(ran: &Ran, token: &Token) {
    for secret in secrets(token) {
        assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret), "a secret was said");
    }
}

#[test]
fn the_session_of_the_script_lives_on() {
    let center = Center::start(Options { single_use: true, ..Options::default() });
    let (home, token) = old_script(&center, Duration::from_secs(1800));
    for name in [".env", "token.json"] {
        let path = home.path(FOLDER).join(name);
        fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    }
    // As managers of dotfiles have it.
    home.write("dotfiles/config.toml", "# mine\nrefresh_before = '25m' # why\n# the end\n");
    fs::set_permissions(home.path("dotfiles/config.toml"), Permissions::from_mode(0o640)).unwrap();
    fs::create_dir_all(home.path(".config/sso-refresh")).unwrap();
    symlink(home.path("dotfiles/config.toml"), home.path(".config/sso-refresh/config.toml")).unwrap();

    let ran = home.run("import -v");
    no_secret(&ran, &token);
    let until = token.expires_at;
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (
            0,
            format!(
                "imported: taken over; the token is good until {until}\n\
                 ~/.config/sso-refresh/config.toml: [session.imported] is written\n\
                 imported: no start URL is known, and a sign-in will need one: run this again with --start-url URL\n\
                 The daemon is not running: `sso-refresh service install` starts it, and it keeps the token fresh.\n\
                 To delete the old script's secrets: rm ~/{FOLDER}/.env ~/{FOLDER}/token.json\n"
            )
            .as_str()
        ),
        "{ran:?}"
    );
    for name in [".env", "token.json"] {
        let path = home.path(FOLDER).join(name);
        assert_eq!(mode(&path), 0o600);
        assert!(ran.stderr.contains(&format!("{} had mode 0644; it is 0600 now", path.display())), "{ran:?}");
    }
    assert_eq!(
        config(&home).unwrap(),
        format!(
            "# mine\nrefresh_before = '25m' # why\n# the end\n\n[session.imported]\nregion = \"{REGION}\"\n"
        )
    );
    let link = home.path(".config/sso-refresh/config.toml");
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(mode(&link), 0o640);

    let path = home.token_path("imported");
    let file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let registration = token.registration.as_ref().unwrap();
    assert_eq!(
        file,
        json!({
            "region": REGION,
            "accessToken": token.access_token.expose(),
            "expiresAt": until,
            "clientId": registration.client_id,
            "clientSecret": registration.client_secret.expose(),
            "refreshToken": token.refresh_token.as_ref().unwrap().expose(),
        })
    );
    assert_eq!(mode(&path), 0o600);
    fs::File::create(&path).unwrap();
    assert_eq!(home.run("token").stdout.trim_end(), token.access_token.expose(), "there is an own copy");

    // The refresh token is good for one use, and from here on it is ours.
    assert_eq!(home.run("refresh").code, 0);
    let written = (fs::read(&path).unwrap(), config(&home));
    let again = home.run("import");
    assert_eq!(again.code, 0);
    assert!(
        again.stdout.starts_with("imported: is taken over already; the token is good until 20"),
        "{again:?}"
    );
    assert!(!again.stdout.contains("written"), "{again:?}");
    assert_eq!((fs::read(&path).unwrap(), config(&home)), written);
}

#[test]
fn what_a_sign_in_lacks_is_said_everywhere_and_can_be_added() {
    let center = Center::start(Options::default());
    let (home, _) = old_script(&center, Duration::from_secs(1800));
    assert_eq!(home.run("import --session old").code, 0);
    let login = home.run("login");
    assert_eq!((login.code, login.stdout.as_str()), (2, ""));
    assert!(login.stderr.contains("set `start_url` in its [session.old] in config.toml"), "{login:?}");
    for line in ["config check", "status"] {
        let ran = home.run(line);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stdout.contains("session `old` has no start URL"), "{ran:?}");
    }

    let added = home.run(&format!("import --start-url {START_URL}"));
    assert_eq!(added.code, 0);
    assert!(added.stdout.starts_with("old: is taken over already; "), "{added:?}");
    assert!(added.stdout.contains("[session.old] is written"), "{added:?}");
    assert_eq!(
        config(&home).unwrap(),
        format!("[session.old]\nregion = \"{REGION}\"\nstart_url = \"{START_URL}\"\n")
    );
    assert_eq!(home.run("config check").stdout, "ok: 1 session (old)\n");

    let other = home.run("import --start-url https://other.awsapps.com/start --session old");
    assert_eq!(other.code, 2);
    assert!(other.stderr.contains("has the start URL https://example.awsapps.com/start"), "{other:?}");
}

#[test]
fn the_session_that_is_configured_is_meant() {
    let center = Center::start(Options::default());
    let (home, token) = old_script(&center, Duration::from_secs(1800));
    home.write_aws_config(WORK);
    let ran = home.run("import");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("work: taken over; "), "{ran:?}");
    assert_eq!(config(&home), None, "there was nothing to write");
    assert_eq!(home.access_token("work").as_deref(), Some(token.access_token.expose()));
}

#[test]
fn another_sign_in_is_not_replaced() {
    let center = Center::start(Options::default());
    let (home, _) = old_script(&center, Duration::from_secs(1800));
    home.write_aws_config(WORK);
    let theirs = center.sign_in(&home, "work", Duration::from_secs(60));
    let ran = home.run("import --stop-old");
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
    assert!(ran.stderr.contains("`sso-refresh logout work` first, or choose another name with --session"));
    assert_eq!(home.access_token("work").as_deref(), Some(theirs.access_token.expose()));
    assert_eq!(home.run("import --session other").code, 0);
    assert_eq!(home.access_token("work").as_deref(), Some(theirs.access_token.expose()));
}

#[test]
fn without_an_access_token_one_is_had_at_once() {
    let center = Center::start(Options { single_use: true, ..Options::default() });
    let (home, token) = old_script(&center, Duration::from_secs(1800));
    let path = home.path(FOLDER).join("token.json");
    fs::remove_file(&path).unwrap();
    center.set_faults("CreateToken:status=503:times=1");
    let ran = home.run("import");
    assert_eq!((ran.code, ran.stdout.as_str()), (5, ""), "{ran:?}");
    assert!(ran.stderr.ends_with("; run this again later\n"), "{ran:?}");
    let ran = home.run("import");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(center.exchanges(), 2);
    assert_ne!(home.access_token("imported").as_deref(), Some(token.access_token.expose()));
    assert!(!ran.stdout.contains("token.json"), "it is not there to be deleted: {ran:?}");
    assert_eq!(home.run("refresh").code, 0, "the new refresh token was kept");
    assert_eq!(home.run("import").code, 0);
    assert_eq!(center.exchanges(), 3, "nothing was to be done again");

    // What the .env began with is used up; the file that had more is broken.
    assert_eq!(home.run("logout").code, 0);
    home.write(&format!("{FOLDER}/token.json"), "{\"accessToken\": \"planted");
    let ran = home.run("import");
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{ran:?}");
    let said: Vec<&str> = ran.stderr.lines().collect();
    assert!(
        said[0].contains(&format!("~/{FOLDER}/token.json is broken: it is cut short; the refresh token of"))
    );
    assert!(said[1].ends_with("sign in with `sso-refresh login imported`"), "{ran:?}");
    assert!(!ran.stderr.contains("planted"));
    no_secret(&ran, &token);
    assert_eq!(home.access_token("imported"), None);
}

#[test]
fn an_expired_token_is_taken_over_as_it_is() {
    let center = Center::start(Options { single_use: true, ..Options::default() });
    let (home, _) = old_script(&center, Duration::ZERO);
    let ran = home.run("import");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.starts_with("imported: taken over; the token has expired: `sso-refresh refresh imported`")
    );
    assert_eq!(center.exchanges(), 0);
    assert_eq!(home.run("token").code, 0, "which refreshes it");
}

#[test]
fn what_is_not_filled_in_is_named_and_nothing_is_changed() {
    let center = Center::start(Options::default());
    let (home, token) = old_script(&center, Duration::from_secs(1800));
    let (env, token_json) = (format!("{FOLDER}/.env"), format!("{FOLDER}/token.json"));
    let text = |below: &str| fs::read_to_string(home.path(below)).unwrap();
    let (good_env, good_token) = (text(&env), text(&token_json));
    let client = &token.registration.as_ref().unwrap().client_id;
    for (file, from, to, expected) in [
        (&env, client.as_str(), "your-client-id", "/.env:2: AWS_SSO_CLIENT_ID is still the placeholder"),
        (&env, "SECRET='", "SECRET='your-", "/.env:3: AWS_SSO_CLIENT_SECRET is still the placeholder"),
        (&env, "SECRET='", "SECRET=\"", "/.env:3: the quote of AWS_SSO_CLIENT_SECRET is not closed"),
        (&env, "AWS_SSO_REGION", "#", "/.env has no AWS_SSO_REGION: add the line"),
        (&env, "REGION=us-east-1", "REGION=Canada", "/.env can't be configured: a region must be"),
        (
            &token_json,
            token.refresh_token.as_ref().unwrap().expose(),
            "your-refresh-token",
            "/token.json: refreshToken is still",
        ),
    ] {
        let good = if file == &env { &good_env } else { &good_token };
        home.write(file, &good.replace(from, to));
        let ran = home.run("import --stop-old");
        home.write(file, good);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{to}: {ran:?}");
        assert!(ran.stderr.contains(expected) && ran.stderr.lines().count() == 1, "{to}: {ran:?}");
        no_secret(&ran, &token);
    }
    // The script reads no refresh token but its own.
    home.write(&env, &good_env.replace(token.refresh_token.as_ref().unwrap().expose(), "your-refresh-token"));
    home.write(&token_json, "{}");
    let ran = home.run("import");
    assert!(ran.code == 2 && ran.stderr.contains("/.env:4: AWS_SSO_REFRESH_TOKEN is still"), "{ran:?}");
    assert_eq!((config(&home), home.access_token("imported")), (None, None));
    home.write(&token_json, &good_token);
    assert_eq!(home.run("import").code, 0);
}

#[test]
fn files_that_are_not_the_scripts_are_refused() {
    let home = Home::new();
    let ran = home.run("import");
    assert_eq!(ran.code, 2);
    let expected = format!(
        "sso-refresh: there is no ~/{FOLDER}/.env: name the .env of the old script with --env-file\n"
    );
    assert_eq!(ran.stderr, expected);
    home.write(
        &format!("{FOLDER}/.env"),
        "AWS_SSO_CLIENT_ID=a\nAWS_SSO_CLIENT_SECRET=b\nAWS_SSO_REGION=us-east-1\n",
    );
    let ran = home.run("import");
    assert_eq!(ran.code, 2);
    let expected = format!("sso-refresh: there is no ~/{FOLDER}/token.json, and ");
    assert!(ran.stderr.lines().last().unwrap().starts_with(&expected), "{ran:?}");
    let ran = home.run("import --env-file run");
    assert_eq!((ran.code, ran.stderr.lines().count()), (2, 1));
    assert!(ran.stderr.contains("~/run is no file that the old script has written"), "{ran:?}");
    home.write_config("session = 1\n");
    assert_eq!(home.run("import").code, 2);
}

#[test]
fn a_pid_file_that_names_something_else_is_left_alone() {
    let center = Center::start(Options::default());
    let (home, _) = old_script(&center, Duration::from_secs(1800));
    assert!(home.run("import --stop-old").stdout.contains("refresh-token.pid: no old script is stopped.\n"));
    // It lives for as long as its standard input is open.
    let mut other = Daemon(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
    let pid = other.0.id();
    home.write(&format!("{FOLDER}/refresh-token.pid"), &format!("{pid}\n"));
    let ran = home.run("import --stop-old");
    assert_eq!(ran.code, 0);
    assert!(
        ran.stdout.contains(&format!("names process {pid}, which is left alone: it is not node.\n")),
        "{ran:?}"
    );
    assert!(other.0.try_wait().unwrap().is_none(), "it lives");
    drop(other.0.stdin.take());
    other.wait();
    let ran = home.run("import --stop-old");
    assert!(ran.stdout.contains(&format!("names process {pid}, which has ended.\n")), "{ran:?}");
    assert!(home.path(FOLDER).join("refresh-token.pid").exists());
}

#[test]
fn a_daemon_takes_the_session_up() {
    let center = Center::start(Options { single_use: true, ..Options::default() });
    let (home, token) = old_script(&center, Duration::from_secs(60));
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    let ran = home.run("import");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.stdout.contains("not running"), "{ran:?}");
    // Less than twenty minutes are left.
    daemon.wait_for("imported: refreshed");
    assert_ne!(home.access_token("imported").as_deref(), Some(token.access_token.expose()));
    let again = home.run("import");
    assert!(again.stdout.starts_with("imported: is taken over already; "), "{again:?}");
}
