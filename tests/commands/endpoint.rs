//! The loopback endpoint as its user meets it: the lines of the log and of `status`, and what is left when the daemon ends.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use nix::sys::signal::Signal;
use sso_refresh::simulator::Options;

use crate::support::{Center, Home, WORK};

const PROFILE: &str =
    "[profile dev]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = Developer\n";

fn home(center: &Center, config: &str) -> Home {
    let home = Home::with(center, &format!("{WORK}{PROFILE}"));
    home.write_config(config);
    center.sign_in(&home, "work", Duration::from_secs(3000));
    home
}

/// The value of a variable in a line such as `set A=1 and B=2`.
fn value<'l>(line: &'l str, name: &str) -> &'l str {
    line.split_once(&format!("{name}=")).unwrap().1.split(' ').next().unwrap()
}

#[test]
fn the_log_says_what_to_set_and_that_works() {
    let center = Center::start(Options::default());
    let home = home(&center, "[listen]\naddress = \"127.0.0.1:0\"\n");
    let mut daemon = home.daemon(&[]);
    let line = daemon.wait_for("the endpoint at");
    daemon.wait_for("has started");
    let uri = value(&line, "AWS_CONTAINER_CREDENTIALS_FULL_URI").replace("/P", "/dev");
    let file = value(&line, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    let (address, target) = uri.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let token = fs::read_to_string(file).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let sent = format!(
        "GET /{target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(sent.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"SecretAccessKey\":"), "{answer}");

    let status = home.run("status");
    let said = format!("endpoint: http://{address}, with the token in ~/run/sso-refresh/endpoint-token");
    assert!(status.said().contains(&said), "{status:?}");
    let json: serde_json::Value = serde_json::from_str(&home.run("status --json").stdout).unwrap();
    assert_eq!(json["daemon"]["endpoint"]["address"], address);
    let shown = home.run("config show").stdout;
    assert!(shown.contains("listen.address") && shown.contains("listen.profiles"), "{shown}");

    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), 0);
    assert!(!fs::exists(file).unwrap());
}

#[test]
fn a_port_that_is_taken_is_told_and_everything_else_goes_on() {
    let center = Center::start(Options::default());
    let first = home(&center, "[listen]\naddress = \"127.0.0.1:0\"\n");
    let mut holder = first.daemon(&[]);
    let line = holder.wait_for("the endpoint at http://");
    let address = line.split_once("the endpoint at http://").unwrap().1.split(' ').next().unwrap();
    let second = home(&center, &format!("[listen]\naddress = \"{address}\"\n"));
    let mut daemon = second.daemon(&[]);
    let told = daemon.wait_for("the endpoint is not there");
    assert!(told.contains(&format!("{address} is in use")) && told.contains("[listen]"), "{told}");
    if cfg!(target_os = "linux") {
        // What a process has open that can't be dumped is shown to root alone.
        let by_name = told.contains(&format!("by sso-refresh (process {})", holder.0.id()));
        assert!(by_name || told.contains("by a process of user id"), "{told}");
    }
    daemon.wait_for("has started");
    let status = second.run("status");
    assert!(status.said().contains(&format!("warning: the endpoint is not there: {address}")), "{status:?}");
    assert_eq!((status.code, second.run("token").code), (0, 0));
    let loaded = second.run("reload");
    assert_eq!(
        (loaded.code, loaded.stdout.contains("; the endpoint is not there: ")),
        (0, true),
        "{loaded:?}"
    );
    holder.signal(Signal::SIGTERM);
    assert_eq!(holder.wait(), 0);
    assert_eq!(second.run("reload").code, 0);
    daemon.wait_for("the endpoint at");
    let status = second.run("status");
    assert!(status.stdout.contains("endpoint: http://") && !status.stdout.contains("warning"), "{status:?}");
}
