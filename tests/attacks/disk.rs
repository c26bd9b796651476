//! Disks that are full, read-only or can do less than others.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use sso_refresh::store::token_file_name;

use crate::{
    place::{center, until},
    support::{Center, Daemon, Home, Ran, WORK},
    tally::{Tally, not_tried},
};

/// What is left of the token that should be refreshed: good enough for who asks for no more.
const LEFT: Duration = Duration::from_secs(200);

/// A home directory on a small disk of its own, which no other process sees.
struct Small {
    outer: Home,
    /// Keeps the disk as long as it lives.
    keeper: Child,
}

impl Small {
    /// Makes one, signed in at `center`; nothing where no disk can be mounted, which is told.
    fn at(center: &Center) -> Option<Self> {
        let outer = Home::with(center, WORK);
        center.sign_in(&outer, "work", LEFT);
        let script = "mkdir disk && mount -t tmpfs -o size=512k,mode=700 small disk && cp -a .aws disk/ && echo ready && exec cat";
        let mut keeper = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", script])
            .current_dir(outer.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        if keeper.stdout.as_mut().unwrap().read_exact(&mut ready).is_err() {
            drop(keeper.wait());
            not_tried("a small disk, since nothing can be mounted here but by root");
            return None;
        }
        Some(Self { outer, keeper })
    }

    /// A path on it, as this process sees it.
    fn path(&self, below: &str) -> PathBuf {
        let root = format!("/proc/{}/root", self.keeper.id());
        PathBuf::from(root).join(self.outer.path("disk").strip_prefix("/").unwrap()).join(below)
    }

    /// A command that sees it.
    fn enter(&self, program: &str, args: &str) -> Command {
        let plain = self.outer.command([""; 0]);
        let home = self.outer.path("disk");
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.keeper.id())).args(["--", program]);
        command.args(args.split_whitespace()).stdin(Stdio::null());
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("XDG_CONFIG_HOME", home.join(".config")).env("XDG_STATE_HOME", home.join(".local/state"));
        command.env("HOME", home);
        command
    }

    fn run(&self, args: &str) -> Ran {
        self.enter(env!("CARGO_BIN_EXE_sso-refresh"), args).output().unwrap().into()
    }

    fn daemon(&self) -> Daemon {
        let log = File::create(self.outer.path("log")).unwrap();
        let mut command = self.enter(env!("CARGO_BIN_EXE_sso-refresh"), "run");
        let daemon = Daemon(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        until("its start", || self.log().contains("has started").then_some(()));
        daemon
    }

    fn log(&self) -> String {
        fs::read_to_string(self.outer.path("log")).unwrap()
    }

    fn token_file(&self) -> String {
        fs::read_to_string(self.path(".aws/sso/cache").join(token_file_name("work"))).unwrap()
    }

    /// Leaves not a byte.
    fn fill(&self) {
        let mut filler = File::create(self.path("filler")).unwrap();
        for size in [4096, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn remount(&self, how: &str) {
        let disk = self.outer.path("disk");
        // It is busy as long as somebody writes.
        until(how, || {
            let mut mount = self.enter("mount", &format!("-o remount,{how} {}", disk.display()));
            mount.stderr(Stdio::null()).status().unwrap().success().then_some(())
        });
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(self.keeper.kill());
        drop(self.keeper.wait());
    }
}

/// What a disk has, in words of the message, and how that begins and ends.
type Trouble = (&'static str, fn(&Small), fn(&Small));

const TROUBLES: [Trouble; 2] = [
    ("the disk is full", Small::fill, |small| fs::remove_file(small.path("filler")).unwrap()),
    ("the file system is read-only", |small| small.remount("ro"), |small| small.remount("rw")),
];

#[test]
fn a_disk_in_trouble_costs_no_token_without_a_daemon() {
    let mut tally = Tally::of("Disk: full and read-only, no daemon");
    for (words, begin, end) in TROUBLES {
        let center = center();
        let Some(small) = Small::at(&center) else { return };
        let before = small.token_file();
        begin(&small);
        for _ in 0..3 {
            let answer = small.run("token --min-validity 5m");
            assert_eq!((answer.code, answer.stdout.as_str()), (5, ""), "{words}: {answer:?}");
            // The other is about the own copy, on the same disk.
            assert!(answer.stderr.lines().count() <= 2, "{words}: {answer:?}");
            assert!(answer.stderr.lines().last().unwrap().contains(words), "{answer:?}");
            let answer = small.run("token");
            assert!(answer.code == 0 && before.contains(answer.stdout.trim_end()), "{words}: {answer:?}");
            tally.tried();
        }
        assert_eq!(
            (small.token_file(), center.exchanges()),
            (before.clone(), 0),
            "{words}: nothing is spent"
        );
        end(&small);
        let answer = small.run("token --min-validity 5m");
        assert_eq!(answer.code, 0, "{words}: {answer:?}");
        assert!(small.token_file().contains(answer.stdout.trim_end()) && small.token_file() != before);
        assert_eq!(center.exchanges(), 1, "{words}");
        tally.tried();
    }
    tally.survived();
}

#[test]
fn a_daemon_bears_a_disk_in_trouble() {
    let mut tally = Tally::of("Disk: full and read-only under a daemon and at its start");
    for (words, begin, end) in TROUBLES {
        for at_start in [true, false] {
            let center = center();
            let Some(small) = Small::at(&center) else { return };
            let mut before = small.token_file();
            let daemon = if at_start {
                begin(&small);
                small.daemon()
            } else {
                let daemon = small.daemon();
                until("the first refresh", || (small.token_file() != before).then_some(()));
                assert_eq!(small.run("status").code, 0);
                before = small.token_file();
                begin(&small);
                daemon
            };
            let spent = center.exchanges();
            for _ in 0..3 {
                let answer = small.run("refresh work");
                assert!(answer.code == 5 && answer.stderr.contains(words), "{words}: {answer:?}");
                let answer = small.run("token");
                assert!(answer.code == 0 && before.contains(answer.stdout.trim_end()), "{words}: {answer:?}");
            }
            assert_eq!((small.token_file(), center.exchanges()), (before.clone(), spent), "{words}");
            let told = |log: &str| log.lines().filter(|line| line.contains("could not refresh")).count();
            assert_eq!(told(&small.log()), 1, "told once: {}", small.log());
            end(&small);
            // By itself: nobody asks.
            until("a refresh", || (small.token_file() != before).then_some(()));
            until("its word", || small.log().contains("works again").then_some(()));
            assert_eq!(center.exchanges(), spent + 1, "{words}");
            let answer = small.run("token");
            assert!(small.token_file().contains(answer.stdout.trim_end()), "{words}: {answer:?}");
            drop(daemon);
            tally.tried();
        }
    }
    tally.survived();
}

#[test]
fn a_quota_costs_no_token() {
    let mut tally = Tally::of("Disk: no room for a byte more, as the system limits a process");
    let center = center();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", LEFT);
    let before = home.access_token("work").unwrap();
    for _ in 0..3 {
        let plain = home.command([""; 0]);
        let program = env!("CARGO_BIN_EXE_sso-refresh");
        let mut limited = Command::new("sh");
        let line = format!("trap '' XFSZ; ulimit -f 0; exec '{program}' token --min-validity 5m");
        limited.args(["-c", &line]).env_clear().stdin(Stdio::null());
        limited.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let answer: Ran = limited.output().unwrap().into();
        assert_eq!((answer.code, answer.stdout.as_str()), (5, ""), "{answer:?}");
        assert!(answer.stderr.lines().last().unwrap().contains("check the disk"), "{answer:?}");
        assert_eq!(
            (home.access_token("work").unwrap(), center.exchanges()),
            (before.clone(), 0),
            "{answer:?}"
        );
        tally.tried();
    }
    let answer = home.run("token --min-validity 5m");
    assert_eq!((answer.code, center.exchanges()), (0, 1), "{answer:?}");
    assert_ne!(answer.stdout.trim_end(), before);
    tally.tried();
    tally.survived();
}

/// What a file system can't do fails: `flock`, and the exchange of two files, this one at the border of the kernel since
/// the program calls it by itself.
const SHIM: &str = r#"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
static int fails(const char *what) {
    errno = atoi(getenv("CODE"));
    return strstr(getenv("FAILS"), what) != 0;
}
int flock(int fd, int op) { return fails("flock") ? -1 : (int) syscall(SYS_flock, fd, op); }
__attribute__((constructor)) static void exchange(void) {
    if (!fails("exchange")) return;
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[4])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errno),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof steps / sizeof *steps, steps};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) abort();
}
"#;

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_can_do_less_is_borne_or_told() {
    use nix::errno::Errno;

    let mut tally = Tally::of("Disk: without locks, without an exchange of files, without replacing any");
    let folder = Home::new();
    folder.write("shim.c", SHIM);
    let shim = folder.path("shim.so");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&shim, &folder.path("shim.c")]).status();
    if !built.is_ok_and(|status| status.success()) {
        not_tried("a disk that can do less, since there is no C compiler");
        return;
    }
    for (fails, errno, works) in [
        ("exchange", Errno::EINVAL, true),
        ("exchange", Errno::ENOSYS, true),
        ("exchange", Errno::EPERM, true),
        ("flock", Errno::ENOLCK, false),
        ("flock", Errno::ENOSYS, false),
        ("exchange", Errno::EIO, false),
    ] {
        let center = center();
        let home = Home::with(&center, WORK);
        center.sign_in(&home, "work", LEFT);
        let before = home.access_token("work").unwrap();
        let run = |line: &str| -> Ran {
            let mut command = home.command(line.split_whitespace());
            command.env("LD_PRELOAD", &shim).env("FAILS", fails);
            command.env("CODE", (errno as i32).to_string()).output().unwrap().into()
        };
        let answer = run("token --min-validity 5m");
        let what = format!("{fails} {errno}: {answer:?}");
        assert_eq!(answer.code, if works { 0 } else { 5 }, "{what}");
        if works {
            assert_ne!(home.access_token("work").unwrap(), before, "{what}");
        } else {
            assert_eq!(home.access_token("work").unwrap(), before, "{what}");
            assert!(answer.stderr.contains(home.path("").to_str().unwrap()), "{what}");
            if fails == "flock" {
                assert_eq!(center.exchanges(), 0, "nothing is spent: {what}");
            }
            // On a better disk it goes on, with the token that could not be written if there is one.
            let answer: Ran = home.run("token --min-validity 5m");
            assert_eq!(answer.code, 0, "{what} {answer:?}");
            assert_eq!(answer.stdout.trim_end(), home.access_token("work").unwrap());
            assert_eq!(center.exchanges(), 1, "{what} {answer:?}");
        }
        tally.tried();
    }
    tally.survived();
}
