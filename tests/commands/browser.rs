//! `login` through a browser.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test can't set up fails the test")]

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::Stdio,
    time::Duration,
};

use nix::sys::signal::Signal;
use sso_refresh::simulator::{Operation, Options};

use crate::{
    support::{Center, Daemon, Home, Ran, START_URL, WORK},
    visitor::{Visitor, decide, until, visit, way},
};

/// Its page is approved without a click.
fn center() -> Center {
    Center::start(Options { auto_approve: true, ..Options::default() })
}

/// Everything that was written below a folder, but locks and what the test has made itself.
fn left_behind(home: &Home) -> Vec<String> {
    let mut found = Vec::new();
    for folder in [".aws/sso/cache", ".local/state/sso-refresh/sessions", ".local/state/sso-refresh/sign-ins"]
    {
        let Ok(entries) = fs::read_dir(home.path(folder)) else { continue };
        found.extend(entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
    }
    found
}

fn query(url: &str, name: &str) -> String {
    let url = reqwest::Url::parse(url).unwrap();
    url.query_pairs().find(|(key, _)| key == name).unwrap_or_else(|| panic!("{name}: {url}")).1.into_owned()
}

fn port(url: &str) -> u16 {
    reqwest::Url::parse(&query(url, "redirect_uri")).unwrap().port().unwrap()
}

#[test]
fn a_sign_in_gives_a_token_that_works() {
    let center = center();
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let mut login = visitor.start(&home, "login");
    let url = visitor.tab(0);
    assert!(url.starts_with(&format!("{}/authorize?", center.url())), "{url}");
    assert_eq!(query(&url, "scopes"), "sso:account:access");
    assert_eq!(query(&url, "redirect_uri"), format!("http://127.0.0.1:{}/oauth/callback", port(&url)));
    let shown = visit(&url);
    assert_eq!((shown.status, shown.title.as_str()), (200, "You are signed in"));
    assert!(shown.html.contains(START_URL), "{shown:?}");
    assert!(login.wait_for("/authorize?").trim() == url, "the address is told too");
    assert!(
        login
            .first_line()
            .starts_with(&format!("work: signed in to {START_URL}; the token is good until 20"))
    );
    assert_eq!(login.wait(), 0);

    assert_eq!(home.run("status").code, 0);
    assert_eq!(home.run("refresh").code, 0, "it can be refreshed");
    assert_eq!(visitor.tabs().len(), 1);
}

#[test]
fn each_flow_has_its_registration() {
    let center =
        Center::start(Options { auto_approve: true, interval: Duration::ZERO, ..Options::default() });
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let registered = || center.simulator().count(Operation::RegisterClient);
    for number in 0..2 {
        let mut login = visitor.start(&home, "login");
        visit(&visitor.tab(number));
        assert_eq!((login.wait(), registered()), (0, 1), "the second uses the first one's");
    }
    assert_eq!(home.run("login --device-code").code, 0);
    assert_eq!(registered(), 2, "AWS has no registration for both flows");
    let mut login = visitor.start(&home, "login");
    visit(&visitor.tab(2));
    assert_eq!((login.wait(), registered()), (0, 3));
}

#[test]
fn a_registration_that_aws_has_forgotten_is_not_used_again() {
    let center = center();
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let registered = || center.simulator().count(Operation::RegisterClient);
    for (number, fault, code, registrations) in
        [(0, "", 0, 1), (1, "CreateToken:InvalidClientException:times=1", 1, 1), (2, "", 0, 2)]
    {
        center.set_faults(fault);
        let mut login = visitor.start(&home, "login");
        visit(&visitor.tab(number));
        assert_eq!((login.wait(), registered()), (code, registrations), "{fault}");
    }
}

#[test]
fn only_the_right_answer_ends_the_wait() {
    let center = center();
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let mut login = visitor.start(&home, "login");
    let url = visitor.tab(0);
    let own = format!("http://127.0.0.1:{}", port(&url));
    let mut half = TcpStream::connect((Ipv4Addr::LOCALHOST, port(&url))).unwrap();
    half.write_all(b"GET /oauth/callback?code=").unwrap();
    for (target, status, title) in [
        ("/favicon.ico", 404, "Nothing is here"),
        ("/oauth/callback?code=of-another&state=guess", 400, "The wrong tab"),
        ("/oauth/callback?error=access_denied&state=guess", 400, "The wrong tab"),
        ("/oauth/callback", 400, "The wrong tab"),
    ] {
        let shown = visit(&format!("{own}{target}"));
        assert_eq!((shown.status, shown.title.as_str()), (status, title), "{target}");
    }
    assert!(login.0.try_wait().unwrap().is_none(), "it still waits");
    assert_eq!(visit(&url).title, "You are signed in");
    assert_eq!(login.wait(), 0);
}

#[test]
fn a_refusal_is_told_in_both_places_and_leaves_nothing() {
    let center = Center::start(Options::default());
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let mut login = visitor.start(&home, "login");
    let shown = decide(&visitor.tab(0), "deny");
    assert_eq!((shown.status, shown.title.as_str()), (200, "Sign-in refused"));
    login.wait_for("work: the sign-in was refused in the browser: run this again to approve it");
    assert_eq!((login.wait(), left_behind(&home)), (1, vec![]));

    let mut login = visitor.start(&home, "login");
    assert_eq!(decide(&visitor.tab(1), "approve").title, "You are signed in");
    assert_eq!(login.wait(), 0);
}

#[test]
fn an_error_of_aws_is_told_in_both_places() {
    let center = center();
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let mut login = visitor.start(&home, "login");
    let url = visitor.tab(0);
    let own = format!("http://127.0.0.1:{}/oauth/callback", port(&url));
    let state = query(&url, "state");
    let shown = visit(&format!("{own}?error=server_error&error_description=%3Cb%3Eno%3C/b%3E&state={state}"));
    assert_eq!((shown.status, shown.title.as_str()), (502, "Sign-in failed"));
    assert!(shown.html.contains("`server_error` (&lt;b&gt;no&lt;/b&gt;)"), "{shown:?}");
    login.wait_for("work: AWS ended the sign-in with `server_error` (<b>no</b>): run this again");
    assert_eq!((login.wait(), left_behind(&home)), (1, vec![]));
}

#[test]
fn a_cut_connection_is_tried_again_and_a_lost_code_is_told() {
    let center = center();
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    for (number, fault, title, code) in [
        (0, "CreateToken:drop:times=2", "You are signed in", 0),
        (1, "CreateToken:status=503:times=1", "You are signed in", 0),
        // The code was used up by the answer that was lost.
        (2, "CreateToken:lost:times=1", "Sign-in failed", 1),
        (3, "CreateToken:InvalidGrantException", "Sign-in failed", 1),
    ] {
        center.set_faults(fault);
        let mut login = visitor.start(&home, "login");
        assert_eq!(visit(&visitor.tab(number)).title, title, "{fault}");
        assert_eq!(login.wait(), code, "{fault}");
    }
}

#[test]
fn a_killed_sign_in_leaves_nothing() {
    let center = center();
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let mut login = visitor.start(&home, "login");
    let url = visitor.tab(0);
    login.signal(Signal::SIGKILL);
    login.wait();
    assert_eq!(left_behind(&home), [""; 0]);
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port(&url))).is_err(), "nothing listens");

    // While the code is being exchanged.
    center.set_faults("CreateToken:delay=60s");
    let mut login = visitor.start(&home, "login");
    let url = way(&visitor.tab(1));
    let mut browser =
        TcpStream::connect((Ipv4Addr::LOCALHOST, reqwest::Url::parse(&url).unwrap().port().unwrap()))
            .unwrap();
    let (host, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    write!(browser, "GET /{target} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    until("the exchange", || (center.exchanges() == 1).then_some(()));
    login.signal(Signal::SIGKILL);
    login.wait();
    // The room for the token, which is blank as long as there is none.
    for room in left_behind(&home) {
        let path = [".aws/sso/cache", ".local/state/sso-refresh/sessions"]
            .map(|folder| home.path(folder).join(&room));
        let text = fs::read_to_string(path.iter().find(|path| path.exists()).unwrap()).unwrap();
        assert!(room.starts_with(".sso-refresh-") && text.trim().is_empty(), "{room}");
    }
    center.set_faults("");
    let mut login = visitor.start(&home, "login");
    assert_eq!(visit(&visitor.tab(2)).title, "You are signed in");
    assert_eq!(login.wait(), 0, "no lock is left either");
    let rooms = left_behind(&home).into_iter().filter(|name| name.starts_with('.'));
    assert_eq!(rooms.collect::<Vec<_>>(), [""; 0]);
}

/// The sockets that listen on a port, or with one of these inodes: in `/proc/net/tcp` and `tcp6`, with their address.
fn listening(is_meant: impl Fn(u16, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, port) = fields[1].split_once(':').unwrap();
            if fields[3] == "0A" && is_meant(u16::from_str_radix(port, 16).unwrap(), fields[9]) {
                found.push(address.to_owned());
            }
        }
    }
    found
}

/// The inodes of a process's sockets; none where they are not to be seen.
fn sockets(login: &Daemon) -> Vec<String> {
    let folder = format!("/proc/{}/fd", login.0.id());
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect()
}

#[test]
fn nothing_listens_but_on_127_0_0_1_and_only_meanwhile() {
    if !Path::new("/proc/net/tcp").exists() {
        eprintln!("not tested: only Linux lists its sockets in /proc/net/tcp");
        return;
    }
    let center = center();
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let mut login = visitor.start(&home, "login");
    let url = visitor.tab(0);
    // 127.0.0.1 as the kernel writes it: a number of the machine's byte order, in hexadecimal digits.
    let loopback = format!("{:08X}", u32::from_ne_bytes([127, 0, 0, 1]));
    assert_eq!(listening(|listens, _| listens == port(&url)), [loopback.as_str()]);
    let own = sockets(&login);
    if own.is_empty() {
        eprintln!("not tested: a process that can't be dumped shows its sockets to root alone");
    } else {
        let all = listening(|_, inode| own.iter().any(|own| own == inode));
        assert_eq!(all, [loopback.as_str()], "no other socket of the process listens");
    }
    visit(&url);
    assert_eq!(login.wait(), 0);
    assert_eq!(listening(|listens, _| listens == port(&url)), [""; 0]);
}

#[test]
fn the_port_can_be_chosen() {
    let center = center();
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let chosen = taken.local_addr().unwrap().port();
    let ran: Ran = visitor.command(&home, &format!("login --port {chosen}")).output().unwrap().into();
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains(&format!("work: can't listen on 127.0.0.1:{chosen}: ")), "{ran:?}");
    drop(taken);
    let mut login = visitor.start(&home, &format!("login --port {chosen}"));
    let url = visitor.tab(0);
    assert_eq!(port(&url), chosen);
    visit(&url);
    assert_eq!(login.wait(), 0);
}

#[test]
fn the_surroundings_choose_the_way() {
    let center =
        Center::start(Options { auto_approve: true, interval: Duration::ZERO, ..Options::default() });
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let run = |variables: &[(&str, &str)]| {
        let mut command = home.command(["login"]);
        command.envs(variables.iter().copied()).output().unwrap()
    };
    let ssh = ("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
    for (variables, why) in [
        (&[ssh][..], "because this is an SSH session"),
        (&[ssh, ("DISPLAY", ":0")], "because this is an SSH session"),
        (&[("container", "podman"), ("DISPLAY", ":0")], "because this is a container"),
    ] {
        let ran = run(variables);
        let said = String::from_utf8(ran.stderr).unwrap();
        assert!(ran.status.success() && said.contains(why), "{variables:?}: {said}");
    }
    let codes = center.simulator().count(Operation::StartDeviceAuthorization);
    assert_eq!((codes, visitor.tabs().len()), (3, 0));
    // Whoever names a port has forwarded it: the page is told, and its answer waited for.
    let mut command = home.command(["login", "--port", "0"]);
    command.env("SSH_CONNECTION", ssh.1).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut login = Daemon(command.spawn().unwrap());
    let url = login.wait_for("/authorize?").trim().to_owned();
    assert_eq!(visit(&url).title, "You are signed in");
    assert_eq!((login.wait(), visitor.tabs().len()), (0, 0));
    // A set BROWSER can be reached, from wherever.
    let mut command = visitor.command(&home, "login");
    let mut login = Daemon(command.env("SSH_CONNECTION", ssh.1).spawn().unwrap());
    visit(&visitor.tab(0));
    assert_eq!(login.wait(), 0);
}

#[test]
fn a_browser_that_can_not_be_opened_is_no_obstacle() {
    let center = center();
    let home = Home::with(&center, WORK);
    let mut command = Visitor::new(&home).command(&home, "login");
    let mut login = Daemon(command.env("BROWSER", "/nonexistent/browser").spawn().unwrap());
    let url = login.wait_for("/authorize?").trim().to_owned();
    login.wait_for("no browser can be opened: /nonexistent/browser of BROWSER can't be started");
    visit(&url);
    assert_eq!(login.wait(), 0);
}

#[test]
fn contradictions_are_wrong_usage() {
    let home = Home::new();
    for line in [
        "login --device-code --port 1",
        "login --code x --no-browser",
        "login --code x --renew",
        "login --code x --all",
        "login --code x --device-code",
        "login --port 65536",
        "login work --all",
    ] {
        assert_eq!(home.run(line).code, 2, "{line}");
    }
}

#[test]
fn the_daemon_takes_it_up() {
    let center = center();
    let home = Home::with(&center, WORK);
    let visitor = Visitor::new(&home);
    let mut daemon = home.daemon(&[]);
    daemon.wait_for("has started");
    let mut login = visitor.start(&home, "login");
    visit(&visitor.tab(0));
    assert_eq!(login.wait(), 0);
    until("the daemon to know", || (home.run("status").code == 0).then_some(()));
    assert_eq!(home.run("logout").code, 0);
    until("the daemon to know", || (home.run("status").code == 3).then_some(()));
    assert_eq!(visitor.tabs().len(), 1, "it opens none by itself");
}
