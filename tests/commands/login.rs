//! `login` and `logout`.

use std::{fs, io::Write, os::unix::fs::PermissionsExt, process::Stdio, time::Duration};

use sso_refresh::simulator::{Operation, Options};

use crate::support::{Center, Daemon, Home, START_URL, WORK, WORK_AND_HOME};

fn options() -> Options {
    Options { auto_approve: true, interval: Duration::ZERO, ..Options::default() }
}

/// The code that the user is to compare.
fn device_code(login: &mut Daemon) -> String {
    login.wait_for("shows the code");
    login.wait_for("-").trim().to_owned()
}

#[test]
fn a_sign_in_gives_a_token_that_works() {
    let center = Center::start(options());
    let home = Home::with(&center, WORK);
    let ran = home.run("login");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with(&format!("work: signed in to {START_URL}; the token is good until 20")));
    assert!(ran.stderr.contains(&format!("\n    {}", center.url())), "the page is told: {ran:?}");
    assert!(ran.stderr.ends_with(
        "The daemon is not running: `sso-refresh service install` starts it, and it keeps the token fresh.\n"
    ));
    let mode = fs::metadata(home.token_path("work")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);

    let token = home.run("token");
    assert_eq!(Some(token.stdout.trim_end()), home.access_token("work").as_deref());
    assert_eq!(home.run("status").code, 0);
    assert_eq!(home.run("refresh").code, 0, "it can be refreshed");
}

#[test]
fn a_registration_is_used_again_while_it_fits() {
    let center = Center::start(options());
    let home = Home::with(&center, WORK);
    let registered = || center.simulator().count(Operation::RegisterClient);
    assert_eq!(home.run("login").code, 0);
    assert_eq!(home.run("login --device-code --no-browser").code, 0);
    assert_eq!(registered(), 1);
    home.write_aws_config(&WORK.replace("sso:account:access", "sso:account:access, openid"));
    assert_eq!(home.run("login").code, 0);
    assert_eq!(registered(), 2, "other scopes, another registration");
    home.write_aws_config(WORK);
    center.set_faults("StartDeviceAuthorization:InvalidClientException:times=1");
    assert_eq!(home.run("login").code, 0);
    assert_eq!(registered(), 3, "the server did not know it any more");
}

#[test]
fn a_sign_in_is_approved_in_a_browser() {
    let center = Center::start(Options { interval: Duration::ZERO, ..Options::default() });
    let home = Home::with(&center, WORK);
    let mut command = home.command(["login"]);
    let mut login = Daemon(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let code = device_code(&mut login);
    assert!(fs::read_dir(home.path(".aws/sso/cache")).unwrap().next().is_none(), "nothing is written yet");
    assert!(center.simulator().approve(&code), "{code}");
    assert!(login.first_line().starts_with("work: signed in"));
    assert_eq!(login.wait(), 0);
}

#[test]
fn a_sign_in_that_comes_to_nothing_leaves_nothing() {
    let center = Center::start(Options { interval: Duration::ZERO, ..Options::default() });
    let home = Home::with(&center, WORK);
    let start = || {
        let mut command = home.command(["login"]);
        let mut login = Daemon(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let code = device_code(&mut login);
        (login, code)
    };
    let empty = || fs::read_dir(home.path(".aws/sso/cache")).unwrap().next().is_none();

    let (mut login, code) = start();
    assert!(center.simulator().deny(&code));
    login.wait_for("work: the sign-in was refused in the browser: run this again to approve it");
    assert_eq!((login.wait(), empty()), (1, true));

    let (mut login, _) = start();
    login.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!((login.wait(), empty()), (-1, true));

    center.set_faults("*:html=200");
    let ran = home.run("login");
    assert_eq!((ran.code, empty()), (5, true), "{ran:?}");
}

#[test]
fn a_code_that_nobody_approves_expires() {
    let device_code_life = Duration::from_secs(2);
    let center = Center::start(Options { device_code_life, interval: Duration::ZERO, ..Options::default() });
    let ran = Home::with(&center, WORK).run("login");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("work: nobody approved the sign-in before its code expired"), "{ran:?}");
}

#[test]
fn all_sessions_at_once() {
    let center = Center::start(options());
    let home = Home::with(&center, WORK_AND_HOME);
    let ran = home.run("login --all");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.stdout.lines().count(), 2);
    assert_eq!(home.run("status").code, 0);
    let ran = home.run("logout --all");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(center.simulator().count(Operation::Logout), 2);
    assert_eq!(home.run("status").code, 3);
}

#[test]
fn logout_deletes_this_session_and_says_what_it_did() {
    let center = Center::start(options());
    let home = Home::with(&center, WORK_AND_HOME);
    home.run("login --all");
    let files = || fs::read_dir(home.path(".aws/sso/cache")).unwrap().count();
    let before = files();
    let ran = home.run("logout work");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.stdout, "work: signed out; the session is ended and its token file deleted\n");
    assert_eq!(files(), before - 1, "nothing else was deleted");
    assert!(!home.token_path("work").exists());
    let ran = home.run("logout work");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "work: already signed out\n"));
    assert_eq!(home.run("token work").code, 3);
    assert_eq!(home.run("token home").code, 0);

    center.simulator().end_session("https://home.awsapps.com/start");
    let ran = home.run("logout home");
    assert_eq!(ran.stdout, "home: signed out; the session was over and its token file is deleted\n");
}

#[test]
fn logout_works_without_a_network() {
    let center = Center::start(options());
    let home = Home::with(&center, WORK);
    home.run("login");
    center.simulator().stop();
    let ran = home.run("logout");
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "work: signed out on this machine; its token file is deleted\n")
    );
    assert!(
        ran.stderr.starts_with("sso-refresh: work: the session can't be ended at AWS and lives on there: ")
    );
    assert!(!home.token_path("work").exists());

    let mut file = fs::File::create(home.token_path("work")).unwrap();
    file.write_all(b"{\"accessTok").unwrap();
    let ran = home.run("logout");
    assert_eq!(ran.stdout, "work: signed out; its token file was broken and is deleted\n");
    assert!(!home.token_path("work").exists());
}
