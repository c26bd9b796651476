//! What people see.

use super::{machine::Machine, *};
use crate::terminal::Terminal;

/// The topics but one: whatever else the user of this machine runs, other tests among it, is no part of this one. Nor is
/// what a process or an endpoint is called by chance.
fn shown(machine: &Machine, text: &str, pid: u32) -> String {
    let text =
        text.replace(&center_of(&machine.home), "CENTER").replace(&format!("process {pid}"), "process 4711");
    let mut in_rivals = false;
    let about_others = |line: &&str| {
        if let Some(name) = line.get(2..17).map(str::trim).filter(|name| !name.is_empty()) {
            in_rivals = name == "rivals";
        }
        !in_rivals
    };
    let topics = text.rsplit_once("\n\n").map_or("", |(topics, _)| topics);
    let lines: Vec<&str> = topics.lines().filter(about_others).collect();
    lines.join(
        "
",
    )
}

fn center_of(home: &Home) -> String {
    let command = home.command([""; 0]);
    let mut variables = command.get_envs();
    let url = variables.find(|(name, _)| *name == "AWS_ENDPOINT_URL_SSO").unwrap().1.unwrap();
    url.to_str().unwrap().trim_start_matches("http://").to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn all_is_well_in_a_line_a_topic() {
    let center = Center::start(Options::default());
    let machine = Machine::new(&center);
    center.sign_in(&machine.home, "work", 50 * MINUTE);
    let mut daemon = machine.home.daemon(&[]);
    daemon.wait_for("has started");
    let ran: Ran = machine.command("doctor").output().unwrap().into();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    insta::assert_snapshot!(shown(&machine, &ran.stdout, daemon.0.id()), @r"
    + configuration  no mistakes; the session is work
    + AWS config     every AWS program can read ~/.aws/config
    + environment    nothing in it stands in the way of a profile
    + network        AWS answers: CENTER
    + service        the daemon runs (process 4711), and will be kept running
    + token files    whole, and nobody else's to read
    + sessions       signed in: work
    ");
    let last = ran.stdout.lines().last().unwrap();
    assert!(
        last.starts_with("All ") && last.ends_with(" checks passed.") || ran.stdout.contains("! rivals"),
        "{ran:?}"
    );
    let unicode: Ran = machine.command("doctor").env("LANG", "C.UTF-8").output().unwrap().into();
    assert!(unicode.stdout.starts_with("✓ configuration  no mistakes"), "{unicode:?}");
}

#[test]
fn what_is_wrong_stands_with_its_remedy_in_80_columns() {
    let center = Center::start(Options::default());
    let machine = Machine::new(&center);
    let legacy = format!("[profile old]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n");
    machine.home.write_aws_config(&format!("{WORK}{legacy}"));
    machine.home.write("unreachable", "");
    center.set_faults("*:html=200");
    let ran: Ran = machine.command("doctor").env("AWS_ACCESS_KEY_ID", "planted").output().unwrap().into();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(!ran.stdout.contains("planted"));
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80 || line.contains('`')), "{ran:?}");
    if cfg!(target_os = "linux") {
        insta::assert_snapshot!(shown(&machine, &ran.stdout, 0), @r"
        + configuration  no mistakes; the session is work
        ! AWS config     ~/.aws/config:5: the profile `old` is legacy: its token can't
                         be refreshed
                           In ~/.aws/config, [profile old]: replace sso_start_url and
                           sso_region by

                             sso_session = work
        ! environment    AWS_ACCESS_KEY_ID is set: AWS programs use that and no session
                           run `unset AWS_ACCESS_KEY_ID`
        x network        the OIDC service: at CENTER something else answers,
                         with a web page (HTTP 200)
                           open any page in a browser: a network that wants you to sign
                           in shows its own first; then look at `proxy` and `endpoint`
                           in `sso-refresh config show`
        x                the portal: at CENTER something else answers, with
                         what AWS never says (HTTP 200)
        x service        no daemon runs: nothing is refreshed by itself
                           keep `sso-refresh run` open in a terminal, or have it started
                           by what starts things here
        -                no service manager answers
                         (`systemctl --user show --property=UnitPath` failed: Failed to
                         connect to bus: No medium found): in a container let its own
                         supervisor run `sso-refresh run`, or keep that open in a
                         terminal; after `su` or `sudo` sign in as the user itself
        + token files    whole, and nobody else's to read
        x sessions       `work` is signed out: there is no token file
                           run `sso-refresh login work`
        ");
    }
    let last: Vec<&str> = ran.stdout.lines().rev().take(2).collect();
    assert!(last[1].starts_with("First: open any page in a browser"), "{ran:?}");
    let colored: Ran =
        machine.command("doctor --color always").env("AWS_ACCESS_KEY_ID", "planted").output().unwrap().into();
    assert!(colored.stdout.contains("\u{1b}["), "{colored:?}");
}

#[test]
fn a_terminal_shows_how_far_the_questions_have_come() {
    let center = Center::start(Options { latency: Duration::from_millis(300), ..Options::default() });
    let machine = Machine::new(&center);
    let (mut terminal, mut doctor) = Terminal::start(machine.command("doctor"), (80, 24));
    terminal.wait_for("asking AWS: 0 of 2 have answered …");
    terminal.wait_for("First: ");
    assert_eq!(doctor.wait(), 1);
    assert!(terminal.shown.contains("\r\u{1b}[K"), "it is taken back: {}", terminal.shown);
}
