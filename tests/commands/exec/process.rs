//! The command as a process: its end, its signals, its limits, and its terminal.

use std::{
    fs,
    io::Write,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::{Command, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;

use super::{center, home, script};
use crate::{
    support::{Daemon, Home, Ran},
    terminal::Terminal,
};

#[test]
fn the_end_of_the_command_is_passed_on() {
    let center = center();
    let home = home(&center);
    home.write("no-program", "text");
    for way in ["exec --profile dev", "exec --env --profile dev"] {
        let run = |words: &[&str]| {
            home.command(way.split(' ').chain(["--"]).chain(words.iter().copied())).output().unwrap()
        };
        for code in [0, 7, 255] {
            let ran = run(&["sh", "-c", &format!("echo said; exit {code}")]);
            assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(code), &b"said\n"[..]), "{ran:?}");
        }
        for signal in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGINT] {
            let ran = run(&["sh", "-c", &format!("kill -{} $$", signal as i32)]);
            assert_eq!(ran.status.signal(), Some(signal as i32), "{ran:?}");
        }
        for (word, code, part) in
            [("no-such-command", 127, "PATH"), ("./no-program", 126, "Permission denied")]
        {
            let ran = Ran::from(run(&[word]));
            assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.lines().count()), (code, "", 1), "{ran:?}");
            assert!(ran.stderr.contains(word) && ran.stderr.contains(part), "{ran:?}");
        }
    }
    assert!(fs::metadata(home.path("no-program")).unwrap().permissions().mode() & 0o111 == 0);
}

/// A script that waits for a signal, and ends with 5 when it comes. A gentler one would be lost on a child that has not
/// become `sleep` yet.
const TRAPS: &str = "trap 'kill -KILL $!; exit 5' TERM INT HUP USR1; sleep 600 & echo ready; wait";

#[test]
fn signals_are_passed_on() {
    let center = center();
    let home = home(&center);
    // Without a terminal, SIGINT comes from somebody who means the command.
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGINT] {
        // An exchange has handlers of its own.
        center.sign_in(&home, "work", Duration::ZERO);
        let mut exec = Daemon(script(&home, TRAPS).stdout(Stdio::piped()).spawn().unwrap());
        assert_eq!(exec.first_line(), "ready");
        exec.signal(signal);
        assert_eq!(exec.wait(), 5, "{signal}");
    }
    let mut exec =
        Daemon(script(&home, "echo ready; exec sleep 600").stdout(Stdio::piped()).spawn().unwrap());
    exec.first_line();
    exec.signal(Signal::SIGTERM);
    assert_eq!(exec.0.wait().unwrap().signal(), Some(Signal::SIGTERM as i32));
}

#[test]
fn the_command_has_the_limits_and_signals_of_its_user() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let center = center();
    let home = home(&center);
    let look = "umask; ulimit -Sc; ulimit -Hc; grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status; ls /proc/self/fd | xargs";
    let program = env!("CARGO_BIN_EXE_sso-refresh");
    for before in ["umask 0022; trap '' HUP", "umask 0777; ulimit -Sc 0", "umask 0002"] {
        let looked = |way: &str| -> Ran {
            let command = home.command([""; 0]);
            let mut sh = Command::new("sh");
            sh.args(["-c", &format!("{before}; exec {way} sh -c \"{look}\"")]).env_clear();
            sh.current_dir(home.path(""))
                .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            sh.env("PATH", "/usr/bin:/bin");
            sh.stdin(Stdio::null()).output().unwrap().into()
        };
        let plain = looked("");
        assert!(plain.code == 0 && plain.stdout.lines().count() == 7, "{plain:?}");
        for way in ["exec --profile dev --", "exec --env --profile dev --"] {
            let ran = looked(&format!("{program} {way}"));
            assert_eq!(
                (ran.code, of_users(&ran.stdout)),
                (0, of_users(&plain.stdout)),
                "{before} {way}: {}",
                ran.stderr
            );
        }
    }
}

/// What was looked at, but for the two signals that glibc keeps to itself, and ignores in what it spawns.
fn of_users(looked: &str) -> Vec<String> {
    let own = 0b11_u64 << 31;
    looked
        .lines()
        .map(|line| match line.split_once(":\t") {
            Some((name, bits)) => format!("{name} {:x}", u64::from_str_radix(bits, 16).unwrap() & !own),
            None => line.to_owned(),
        })
        .collect()
}

/// A shell that has the terminal for its own.
#[expect(clippy::print_stderr, reason = "what is left out is told")]
fn shell(home: &Home, line: &str) -> Option<(Terminal, Daemon)> {
    let found = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !found("setsid") || !found("bash") {
        eprintln!("SKIPPED: there is no setsid or no bash");
        return None;
    }
    let program = env!("CARGO_BIN_EXE_sso-refresh");
    // What is typed before the prompt is there may be lost.
    home.write("rc", "PS1='status-$? '\n");
    let mut command = Command::new("setsid");
    let line = line.replace("sso-refresh", program).replace("bash", "bash --noprofile --rcfile rc");
    command
        .arg("--ctty")
        .args(line.split(' '))
        .current_dir(home.path(""))
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    let like = home.command([""; 0]);
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(Terminal::start(command, (100, 40)))
}

fn type_in(terminal: &mut Terminal, text: &str) {
    terminal.master.write_all(text.as_bytes()).unwrap();
}

#[test]
fn an_interactive_shell_has_its_terminal_and_its_jobs() {
    let center = center();
    let home = home(&center);
    let Some((mut terminal, mut exec)) = shell(&home, "sso-refresh exec --profile dev -- bash -i") else {
        return;
    };
    terminal.wait_for_prompt("status-0 ");
    type_in(&mut terminal, "echo uri-${AWS_CONTAINER_CREDENTIALS_FULL_URI%%:*} $-\n");
    assert!(terminal.wait_for("uri-http").contains('m'), "it has job control");
    terminal.wait_for_prompt("status-0 ");
    type_in(&mut terminal, "sh -c 'echo begin''-1; exec sleep 600'\n");
    terminal.wait_for("begin-1");
    type_in(&mut terminal, "\u{3}");
    terminal.wait_for_prompt("status-130 ");
    type_in(&mut terminal, "sh -c 'echo begin''-2; read -r line; echo got-$line'\n");
    terminal.wait_for("begin-2");
    type_in(&mut terminal, "\u{1a}");
    terminal.wait_for_prompt("status-148 ");
    type_in(&mut terminal, "fg\n");
    terminal.wait_for("read -r line");
    type_in(&mut terminal, "it\n");
    terminal.wait_for("got-it");
    terminal.wait_for_prompt("status-0 ");
    type_in(&mut terminal, "exit 3\n");
    assert_eq!(exec.wait(), 3);
}

#[test]
fn a_shell_that_suspends_itself_gives_the_terminal_back() {
    let center = center();
    let home = home(&center);
    let Some((mut terminal, mut outer)) = shell(&home, "bash -i") else { return };
    terminal.wait_for_prompt("status-0 ");
    let program = env!("CARGO_BIN_EXE_sso-refresh");
    home.write("inner-rc", "PS1='inner-$? '\n");
    type_in(
        &mut terminal,
        &format!("{program} exec --profile dev -- bash --noprofile --rcfile inner-rc -i\n"),
    );
    for _ in 0..2 {
        terminal.wait_for_prompt("inner-0 ");
        type_in(&mut terminal, "suspend\n");
        terminal.wait_for_prompt("status-148 ");
        type_in(&mut terminal, "fg\n");
        terminal.wait_for("exec --profile dev");
        type_in(&mut terminal, "echo on''ward; true\n");
        terminal.wait_for("onward");
    }
    terminal.wait_for_prompt("inner-0 ");
    type_in(&mut terminal, "exit 4\n");
    terminal.wait_for_prompt("status-4 ");
    type_in(&mut terminal, "exit 0\n");
    assert_eq!(outer.wait(), 0);
}

#[test]
fn a_shell_goes_on_that_nobody_could_continue() {
    let center = center();
    let home = home(&center);
    let Some((mut terminal, mut exec)) = shell(&home, "sso-refresh exec --profile dev -- bash -i") else {
        return;
    };
    terminal.wait_for_prompt("status-0 ");
    type_in(&mut terminal, "suspend\n");
    terminal.wait_for_prompt("status-0 ");
    type_in(&mut terminal, "exit 3\n");
    assert_eq!(exec.wait(), 3);
}

#[test]
fn the_keys_of_a_terminal_come_to_the_command_once() {
    let center = center();
    let home = home(&center);
    let Some((mut terminal, mut outer)) = shell(&home, "bash -i") else { return };
    terminal.wait_for_prompt("status-0 ");
    let program = env!("CARGO_BIN_EXE_sso-refresh");
    // It reads nothing before it has the terminal for good: the shell sees that `exec` has stopped, which may be before the
    // command has.
    let script = "n=0\ntrap 'n=$((n+1)); echo int-$n' INT\necho begin\nuntil test -e go; do sleep 0.02; done\n\
         read -r line\necho line-$line\nexit 6\n";
    home.write("count", script);
    type_in(&mut terminal, &format!("{program} exec --profile dev -- sh count\n"));
    terminal.wait_for("begin");
    for count in 1..=3 {
        type_in(&mut terminal, "\u{3}");
        terminal.wait_for(&format!("int-{count}"));
    }
    // Ctrl-Z stops both, and the shell has the terminal; `fg` continues both.
    type_in(&mut terminal, "\u{1a}");
    terminal.wait_for_prompt("status-148 ");
    home.write("go", "");
    type_in(&mut terminal, "fg\n");
    terminal.wait_for("exec --profile dev");
    type_in(&mut terminal, "still-here\n");
    terminal.wait_for("line-still-here");
    terminal.wait_for_prompt("status-6 ");
    assert!(!terminal.shown.contains("int-4"), "{}", terminal.shown);
    // One that dies of Ctrl-C, as the shell sees it.
    let line = format!("{program} exec --profile dev -- sh -c 'echo begin''-2; exec sleep 600'\n");
    type_in(&mut terminal, &line);
    terminal.wait_for("begin-2");
    type_in(&mut terminal, "\u{3}");
    terminal.wait_for_prompt("status-130 ");
    type_in(&mut terminal, "exit 0\n");
    assert_eq!(outer.wait(), 0);
}
