//! A unit that is not installed, and a port that is taken.

use std::net::{Ipv4Addr, TcpListener};

use super::*;

/// A systemd that knows a unit when its file is there, and runs the program where it is told to start it.
#[cfg(target_os = "linux")]
const SYSTEMCTL: &str = r#"
unit="$HOME/.config/systemd/user/sso-refresh.service"
active=inactive
if [ -e "$HOME/started" ]; then active=active; fi
case "$*" in
*UnitPath*) echo "UnitPath=$HOME/.config/systemd/user" ;;
*show*)
    if [ -e "$unit" ]; then load=loaded; else load=not-found; fi
    printf 'Id=sso-refresh.service\nLoadState=%s\nActiveState=%s\nUnitFileState=enabled\n' $load $active
    printf 'NeedDaemonReload=no\n\nId=sso-refresh.socket\nActiveState=%s\n' $active ;;
*" start "*) : >"$HOME/started" ;;
esac
"#;

/// Follows last lines, a command each, until one of them works; what was run.
#[cfg(target_os = "linux")]
fn follow(home: &Home, line: &str) -> Vec<String> {
    let mut ran = vec![line.to_owned()];
    loop {
        let line = ran.last().unwrap().clone();
        let done = run(home, &line);
        if done.code == 0 {
            return ran;
        }
        ran.push(command(&last_line(&done)).to_owned());
        assert!(ran.len() < 5, "{ran:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_unit_that_is_not_installed_is_installed_by_the_command_in_the_line() {
    let center = center();
    for line in ["service start", "service restart", "reload", "service reload", "events"] {
        let home = Home::with(&center, WORK);
        for (name, script) in [("systemctl", SYSTEMCTL), ("systemd-run", ""), ("loginctl", "")] {
            tool(&home, name, script);
        }
        let line = format!("sso-refresh {line}");
        let first = run(&home, &line);
        assert_ne!(first.code, 0, "{first:?}");
        let followed = follow(&home, command(&last_line(&first)));
        assert_eq!(followed.last().unwrap(), "sso-refresh service install", "{line}: {followed:?}");
        assert!(home.path("started").exists(), "{line}: {followed:?}");
        // What the real systemd does now.
        let mut daemon = home.daemon(&[]);
        daemon.wait_for("has started");
        if !line.ends_with("events") {
            works(&home, &line);
        }
    }
}

fn taken() -> (TcpListener, u16) {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    (taken, port)
}

#[test]
fn a_port_in_use_is_left_to_its_owner_or_had_when_that_has_ended() {
    let center = center();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", 50 * MINUTE);
    let (holder, port) = taken();
    home.write_config(&format!("[listen]\naddress = \"127.0.0.1:{port}\"\n"));
    let mut daemon = home.daemon(&[]);
    let logged = daemon.wait_for("is in use");
    let last = || last_sentence(&run(&home, "sso-refresh status").stdout);
    let remedy =
        "end that, or set another `address` in [listen] of config.toml; then run `sso-refresh reload`";
    for line in [logged, last()] {
        assert!(line.contains(&format!("127.0.0.1:{port} is in use")) && line.ends_with(remedy), "{line}");
    }
    // One of the two …
    home.write_config("[listen]\naddress = \"127.0.0.1:0\"\n");
    works(&home, "sso-refresh reload");
    assert!(last().starts_with("endpoint: http://127.0.0.1:"), "{}", last());
    // … and the other.
    home.write_config(&format!("[listen]\naddress = \"127.0.0.1:{port}\"\n"));
    works(&home, "sso-refresh reload");
    assert!(last().ends_with(remedy));
    drop(holder);
    works(&home, "sso-refresh reload");
    assert!(last().starts_with(&format!("endpoint: http://127.0.0.1:{port}")), "{}", last());
}

#[test]
fn a_sign_in_whose_port_is_in_use_works_without_it() {
    let center = center();
    let home = Home::with(&center, WORK);
    let (holder, port) = taken();
    let line = format!("sso-refresh login --no-browser --port {port}");
    let said = fails(&home, &line, 1);
    assert!(said.ends_with("choose another --port, leave it out, or end what listens there"), "{said}");
    // Nobody pastes anything: it waits for a code, where it had failed.
    assert_eq!(run(&home, "sso-refresh login --no-browser").code, 3);
    drop(holder);
    assert_eq!(run(&home, &line).code, 3);
}
