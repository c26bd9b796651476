//! [`Running`]: the command while it runs, and [`Ended`], how it ended.

use std::{fs::File, io, process::Command};

use futures_util::StreamExt;
use nix::{
    libc::c_int,
    sys::signal::{SigSet, Signal, kill, killpg},
    unistd::{Pid, getpgid, getpgrp, getpid, tcgetpgrp, tcsetpgrp},
};
use rustix::process::{WaitOptions, WaitStatus, waitpid};
use signal_hook::low_level::emulate_default_handler;
use signal_hook_tokio::Signals;

use super::super::exit::{self, Failure};
use crate::platform::{Inherited, is_ignored};

/// What a shell ends with where there is no such command.
const NOT_FOUND: u8 = 127;
/// … and where it can't be run.
const NOT_EXECUTABLE: u8 = 126;
/// … and where a signal has ended it: this and the signal's number.
const SIGNALLED: u8 = 128;

/// What a terminal sends to the command as well as to us.
const OF_TERMINAL: [Signal; 2] = [Signal::SIGINT, Signal::SIGQUIT];
/// What others send to us, and mean the command.
const PASSED_ON: [Signal; 6] =
    [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGALRM, Signal::SIGWINCH];

/// A command that was started.
pub(super) struct Running {
    pid: Pid,
    signals: Signals,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself.
    Code(u8),
    /// By a signal.
    Signal(c_int),
}

impl Running {
    /// Starts it. A signal that comes before it runs is kept for it, and one that we were not to heed (as `nohup` and
    /// shells have it) it does not heed either.
    pub(super) fn start(command: &mut Command, inherited: Inherited) -> Result<Self, Failure> {
        let heeded = OF_TERMINAL.into_iter().chain(PASSED_ON).map(|signal| signal as c_int);
        // Whoever ignores SIGCHLD would never learn how a child ended.
        let handled = heeded.filter(|signal| !is_ignored(*signal)).chain([Signal::SIGCHLD as c_int]);
        let signals = Signals::new(handled).map_err(|error| {
            let line = format!("the end of the command can't be waited for: {error}; use --env instead");
            Failure::new(exit::FAILED, line)
        })?;
        let child = inherited.give_to(|| command.spawn()).map_err(|error| not_started(command, &error))?;
        // From now on the terminal may be the command's own, and it may let only its own write.
        if let Err(error) = SigSet::from(Signal::SIGTTOU).thread_block() {
            tracing::debug!("a terminal may stop what is written: {error}");
        }
        // No system has a process of a number that does not fit.
        Ok(Self { pid: Pid::from_raw(i32::try_from(child.id()).unwrap_or_default()), signals })
    }

    /// Passes signals on until it has ended.
    pub(super) async fn end(&mut self) -> Ended {
        loop {
            let pid = rustix::process::Pid::from_raw(self.pid.as_raw());
            match waitpid(pid, WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some((_, status))) if status.stopped() => {
                    self.stop_with_it(status.stopping_signal());
                    continue;
                }
                Ok(Some((_, status))) => return Ended::from(status),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!("how the command ended is not known: {error}");
                    return Ended::Code(exit::FAILED);
                }
            }
            let came = self.signals.next().await.and_then(|signal| Signal::try_from(signal).ok());
            match came {
                Some(Signal::SIGCHLD) => {}
                Some(signal) if OF_TERMINAL.contains(&signal) && own_terminal().is_some() => {}
                Some(signal) => self.pass_on(signal),
                None => std::future::pending().await,
            }
        }
    }

    /// A shell that suspends itself stops in a group of its own. Whoever waits for us is to have the terminal then; when
    /// we go on, so does the shell, and it has the terminal if we have it.
    fn stop_with_it(&self, signal: Option<c_int>) {
        let Ok(group) = getpgid(Some(self.pid)) else { return };
        let suspended = [Signal::SIGSTOP, Signal::SIGTSTP].iter().any(|of| signal == Some(*of as c_int));
        // The keys of the terminal stop our group as a whole. Whoever wants the terminal and has it not would stop again
        // at once.
        if group == getpgrp() || !suspended {
            return;
        }
        // Where nobody could continue us, the system does not stop us.
        let stopped = kill(Pid::from_raw(0), Signal::SIGTSTP);
        let given = own_terminal().map_or(Ok(()), |terminal| tcsetpgrp(terminal, group));
        if let Err(error) = stopped.and(given).and(killpg(group, Signal::SIGCONT)) {
            tracing::info!("the command can't go on: {error}");
        }
    }

    fn pass_on(&self, signal: Signal) {
        // Nobody else has its number until it was waited for.
        if let Err(error) = kill(self.pid, signal) {
            tracing::info!("{signal} can't be passed on: {error}");
        }
    }
}

/// The terminal, where what its keys send comes to us, and to the command of our group.
fn own_terminal() -> Option<File> {
    File::open("/dev/tty").ok().filter(|terminal| tcgetpgrp(terminal) == Ok(getpgrp()))
}

/// Why `command` was not started, as a shell tells it.
pub(super) fn not_started(command: &Command, error: &io::Error) -> Failure {
    let program = command.get_program().display().to_string();
    let (code, hint) = match error.kind() {
        io::ErrorKind::NotFound => (NOT_FOUND, "check its name and PATH"),
        _ => (NOT_EXECUTABLE, "check what it is and its mode"),
    };
    Failure::new(code, crate::config::line(format_args!("can't run `{program}`: {error}; {hint}")))
}

impl From<WaitStatus> for Ended {
    fn from(status: WaitStatus) -> Self {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Self::Code(u8::try_from(code).unwrap_or(exit::FAILED)),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl Ended {
    /// Ends this process by the same signal, so that a shell does what it does for the command itself; else the exit
    /// code is what a shell makes of it.
    pub(super) fn pass_on(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => {
                // The first process of a container is not to be ended so.
                if getpid().as_raw() != 1 {
                    // It is none of those that have a name, or it does not end a process.
                    let _ = emulate_default_handler(signal);
                }
                SIGNALLED.wrapping_add(u8::try_from(signal).unwrap_or_default())
            }
        }
    }
}
