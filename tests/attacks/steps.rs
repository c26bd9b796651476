//! The real program under `ptrace`: it stops before each system call that changes or learns something that lasts,
//! and the test says what happens there.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::{
        fs::FileExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
};

use nix::{
    errno::Errno,
    libc::{self, c_long},
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::{
    place::PATIENCE,
    support::{Home, Ran},
    tally::not_tried,
};

/// How many runs go on at a time: each waits more than it works.
const WORKERS: usize = 4;

/// The most that is read of a text of the program, in bytes.
const TEXT: usize = 1024;

/// A system call that the program is about to make.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its name.
    pub(crate) call: &'static str,
    /// The path that it is about, or what stands for one: `socket:[…]`, `pipe:[…]`.
    pub(crate) target: PathBuf,
    /// Whether it changes something.
    pub(crate) changes: bool,
    /// What it writes to standard output or error.
    pub(crate) text: String,
    /// The program.
    pub(crate) process: Pid,
}

impl Step {
    /// Whether it sends something over a connection.
    pub(crate) fn sends(&self) -> bool {
        self.is_of("socket:") && ["write", "writev", "sendto", "sendmsg"].contains(&self.call)
    }

    /// Whether it is about what has no path but a name like this.
    fn is_of(&self, kind: &str) -> bool {
        self.target.as_os_str().as_encoded_bytes().starts_with(kind.as_bytes())
    }
}

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The program makes the call and goes on.
    Go,
    /// It is killed before the call.
    Kill,
    /// It makes the call and is asked to end.
    End,
}

/// Runs the program to its end and asks `each` at every step below `home`, at sockets and at its output. A program
/// that was killed has the exit code -1. `None` where the system forbids to trace.
pub(crate) fn trace<A: AsRef<std::ffi::OsStr>>(
    home: &Home,
    args: impl IntoIterator<Item = A>,
    mut each: impl FnMut(&Step) -> Then,
) -> Option<Ran> {
    let mut command = home.command(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = start(command)?;
    let leader = pid(&child);
    let (ended, end) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        // What is waited for meanwhile fails first, and says what it was.
        let too_long = end.recv_timeout(PATIENCE * 2) == Err(RecvTimeoutError::Timeout);
        too_long && kill(leader, Signal::SIGKILL).is_ok()
    });
    let tracer = Tracer { leader, root: fs::canonicalize(home.path("")).unwrap() };
    let status = tracer.follow(&mut each);
    drop(ended);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    let ran = Ran::from(Output { status, stdout, stderr });
    assert!(!watchdog.join().unwrap(), "it does not end: {ran:?}");
    Some(ran)
}

/// Lets `attempt` have its way with step 1, 2, … in runs of their own, several at a time, until it says that there
/// was no such step. How many there were.
pub(crate) fn at_every_step(attempt: impl Fn(usize) -> bool + Sync) -> usize {
    let (next, over) = (AtomicUsize::new(1), AtomicBool::new(false));
    let tried = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                // Where one fails the others need not go on.
                let failing = Failing(&over);
                while !over.load(Ordering::Relaxed) {
                    if attempt(next.fetch_add(1, Ordering::Relaxed)) {
                        tried.fetch_add(1, Ordering::Relaxed);
                    } else {
                        break;
                    }
                }
                drop(failing);
            });
        }
    });
    tried.into_inner()
}

/// Ends what the others do.
struct Failing<'a>(&'a AtomicBool);

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[expect(unsafe_code, reason = "what runs between fork and exec is one system call")]
fn start(mut command: Command) -> Option<Child> {
    command.process_group(0);
    // SAFETY: it allocates nothing and takes no lock.
    unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
    match command.spawn() {
        Ok(child) => Some(child),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            not_tried(&format!("every step, since no process may be traced here: {error}"));
            None
        }
        Err(error) => panic!("can't start {command:?}: {error}"),
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

struct Tracer {
    leader: Pid,
    root: PathBuf,
}

impl Tracer {
    /// Steps from call to call with every thread of the program, to its end.
    fn follow(&self, each: &mut impl FnMut(&Step) -> Then) -> ExitStatus {
        let first = waitpid(self.leader, None).unwrap();
        assert_eq!(first, WaitStatus::Stopped(self.leader, Signal::SIGTRAP), "it stops at its exec");
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        ptrace::setoptions(self.leader, options).unwrap();
        let mut threads = vec![self.leader];
        resume(self.leader, None);
        loop {
            // Its process group alone: other tests have children too.
            let group = Pid::from_raw(-self.leader.as_raw());
            match waitpid(group, Some(WaitPidFlag::__WALL)).unwrap() {
                WaitStatus::Exited(pid, code) if pid == self.leader => {
                    return ExitStatus::from_raw(code << 8);
                }
                WaitStatus::Signaled(pid, signal, _) if pid == self.leader => {
                    return ExitStatus::from_raw(signal as i32);
                }
                WaitStatus::PtraceSyscall(pid) => {
                    if let Some(step) = self.step(pid) {
                        match each(&step) {
                            Then::Go => {}
                            Then::Kill => kill(self.leader, Signal::SIGKILL).unwrap(),
                            Then::End => kill(self.leader, Signal::SIGTERM).unwrap(),
                        }
                    }
                    resume(pid, None);
                }
                // A new thread begins with a stop of its own.
                WaitStatus::Stopped(pid, Signal::SIGSTOP) if !threads.contains(&pid) => {
                    threads.push(pid);
                    resume(pid, None);
                }
                WaitStatus::Stopped(pid, signal) => resume(pid, Some(signal)),
                // Its number may soon be that of a new one.
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => threads.retain(|it| *it != pid),
                WaitStatus::PtraceEvent(pid, ..) => resume(pid, None),
                _ => {}
            }
        }
    }

    /// The call that thread `pid` is about to make; `None` after a call, or where it is of no interest.
    fn step(&self, pid: Pid) -> Option<Step> {
        // Either may fail with a process that was just killed.
        if ptrace::syscall_info(pid).ok()?.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            return None;
        }
        let (number, args) = arguments(pid)?;
        let call = CALLS.iter().find(|call| call.number == number)?;
        let mut step = Step {
            call: call.name,
            target: PathBuf::new(),
            changes: call.changes,
            text: String::new(),
            process: self.leader,
        };
        match call.about {
            About::Path(at) => step.target = PathBuf::from(text(pid, args[at], TEXT)?),
            About::Opened(at) => {
                step.target = PathBuf::from(text(pid, args[at], TEXT)?);
                let flags = i32::try_from(args[at + 1] & 0xff_ffff).unwrap();
                step.changes = flags & (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC) != libc::O_RDONLY;
            }
            About::File => {
                step.target = fs::read_link(format!("/proc/{pid}/fd/{}", args[0])).ok()?;
                if step.is_of("pipe:") && call.name == "write" {
                    step.text = text(pid, args[1], usize::try_from(args[2]).ok()?)?;
                }
            }
        }
        let matters = (step.changes && step.is_of("socket:"))
            || !step.text.is_empty()
            || step.target.starts_with(&self.root);
        matters.then_some(step)
    }
}

fn resume(pid: Pid, signal: Option<Signal>) {
    match ptrace::syscall(pid, signal) {
        // It was killed meanwhile.
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => panic!("can't go on with {pid}: {error}"),
    }
}

/// The number and the arguments of the call that thread `pid` stands before.
#[cfg(target_arch = "x86_64")]
fn arguments(pid: Pid) -> Option<(c_long, [u64; 4])> {
    let registers = ptrace::getregs(pid).ok()?;
    let number = c_long::try_from(registers.orig_rax).ok()?;
    Some((number, [registers.rdi, registers.rsi, registers.rdx, registers.r10]))
}

/// The number and the arguments of the call that thread `pid` stands before.
#[cfg(target_arch = "aarch64")]
fn arguments(pid: Pid) -> Option<(c_long, [u64; 4])> {
    let registers = ptrace::getregs(pid).ok()?.regs;
    Some((c_long::try_from(registers[8]).ok()?, [registers[0], registers[1], registers[2], registers[3]]))
}

/// The text at `address`, up to a zero byte.
fn text(pid: Pid, address: u64, length: usize) -> Option<String> {
    let mut bytes = vec![0; length.min(TEXT)];
    let read =
        File::open(Path::new("/proc").join(pid.to_string()).join("mem")).ok()?.read_at(&mut bytes, address);
    bytes.truncate(read.ok()?);
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

struct Call {
    number: c_long,
    name: &'static str,
    about: About,
    changes: bool,
}

/// Where the arguments say what a call is about.
enum About {
    /// A path, in that argument.
    Path(usize),
    /// The same, with flags after it.
    Opened(usize),
    /// A descriptor, in the first.
    File,
}

const fn change(number: c_long, name: &'static str, about: About) -> Call {
    Call { number, name, about, changes: true }
}

const fn look(number: c_long, name: &'static str, about: About) -> Call {
    Call { number, name, about, changes: false }
}

/// Of two paths the second, which is what is there afterwards.
const CALLS: &[Call] = &[
    look(libc::SYS_openat, "openat", About::Opened(1)),
    look(libc::SYS_read, "read", About::File),
    change(libc::SYS_write, "write", About::File),
    change(libc::SYS_pwrite64, "pwrite", About::File),
    change(libc::SYS_writev, "writev", About::File),
    change(libc::SYS_sendto, "sendto", About::File),
    change(libc::SYS_sendmsg, "sendmsg", About::File),
    change(libc::SYS_connect, "connect", About::File),
    change(libc::SYS_bind, "bind", About::File),
    change(libc::SYS_fsync, "fsync", About::File),
    change(libc::SYS_fdatasync, "fdatasync", About::File),
    change(libc::SYS_flock, "flock", About::File),
    change(libc::SYS_fchmod, "fchmod", About::File),
    change(libc::SYS_ftruncate, "ftruncate", About::File),
    change(libc::SYS_fallocate, "fallocate", About::File),
    change(libc::SYS_fchmodat, "fchmodat", About::Path(1)),
    change(libc::SYS_unlinkat, "unlink", About::Path(1)),
    change(libc::SYS_mkdirat, "mkdir", About::Path(1)),
    change(libc::SYS_linkat, "link", About::Path(3)),
    change(libc::SYS_renameat, "rename", About::Path(3)),
    change(libc::SYS_renameat2, "rename", About::Path(3)),
    #[cfg(target_arch = "x86_64")]
    look(libc::SYS_open, "openat", About::Opened(0)),
    #[cfg(target_arch = "x86_64")]
    change(libc::SYS_chmod, "fchmodat", About::Path(0)),
    #[cfg(target_arch = "x86_64")]
    change(libc::SYS_unlink, "unlink", About::Path(0)),
    #[cfg(target_arch = "x86_64")]
    change(libc::SYS_mkdir, "mkdir", About::Path(0)),
    #[cfg(target_arch = "x86_64")]
    change(libc::SYS_link, "link", About::Path(1)),
    #[cfg(target_arch = "x86_64")]
    change(libc::SYS_rename, "rename", About::Path(1)),
];
