//! `simulate`.

use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::support::{Daemon, Home};

#[test]
fn the_first_line_says_where_it_listens_and_a_signal_ends_it() {
    let home = Home::new();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut command = home.command(["simulate", "--port", "0"]);
        let mut simulator = Daemon(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let line = simulator.first_line();
        let port: u16 = line.strip_prefix("listening on http://127.0.0.1:").unwrap().parse().unwrap();
        assert_ne!(port, 0);
        let expected = format!("  export AWS_ENDPOINT_URL_SSO_OIDC=http://127.0.0.1:{port}");
        assert_eq!(simulator.wait_for("SSO_OIDC"), expected);
        simulator.signal(signal);
        assert_eq!(simulator.wait(), 0, "{signal}");
    }
}
