//! [`run`]: one hook, from its start to its end.

use std::{
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout},
    time::timeout,
};

use super::{Job, output};
use crate::{
    config::line,
    events::Event,
    kind::{Kind, told},
    platform::Inherited,
};

/// How long one may run.
const LIMIT: Duration = Duration::from_secs(30);
/// How long its last output may take after its end: a program that it left behind may hold on to it for ever.
const LAST_OUTPUT: Duration = Duration::from_millis(500);
/// How long one may take to die.
const DEATH: Duration = Duration::from_secs(5);
/// What each name of the environment begins with.
const PREFIX: &str = "SSO_REFRESH_";
/// What the service manager says to the daemon alone.
pub(in crate::daemon) const NOT_FOR_HOOKS: [&str; 7] = [
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// Runs `job` and tells how it ended; whether that was well. Dropped, it kills what runs.
pub(super) async fn run(job: Job, inherited: Inherited) -> bool {
    let said = outcome(&job, inherited).await;
    let whose = job.event.session.as_deref().unwrap_or_default();
    let program = job.command.first().map_or("", |program| program);
    match &said {
        Ok(()) => tracing::debug!("{whose}: the hook `{}` has run", job.name),
        Err(why) => told!(
            warn,
            Kind::HookFailed,
            sso_session = whose,
            "{whose}: the hook `{}` ({}) {}",
            job.name,
            line(program),
            line(why)
        ),
    }
    said.is_ok()
}

async fn outcome(job: &Job, inherited: Inherited) -> Result<(), String> {
    let cannot = |error: io::Error| format!("can't be run: {error}; check its path and its mode");
    let mut child = tokio::process::Command::from(command(job, inherited)).spawn().map_err(cannot)?;
    let mut group = Group::of(&child);
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let talk = talk(pipes, job);
    let mut talk = std::pin::pin!(talk);
    let mut talks = true;
    let end = async {
        loop {
            tokio::select! {
                biased;
                ended = child.wait() => break ended,
                () = talk.as_mut(), if talks => talks = false,
            }
        }
    };
    let Ok(ended) = timeout(LIMIT, end).await else {
        group.kill();
        // It can't be waited for longer than that: something of the system holds it.
        drop(timeout(DEATH, child.wait()).await);
        return Err(format!("was killed, since it had not ended after {} s", LIMIT.as_secs()));
    };
    group.0 = None;
    if talks {
        drop(timeout(LAST_OUTPUT, talk).await);
    }
    judged(ended.map_err(|error| format!("ended, and how is not known: {error}"))?)
}

fn judged(status: ExitStatus) -> Result<(), String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => {
            Err(format!("failed with exit code {code}: see its output above, or run it by hand"))
        }
        (None, signal) => Err(format!("was ended by signal {}", signal.unwrap_or_default())),
    }
}

fn command(job: &Job, inherited: Inherited) -> Command {
    let (program, arguments) = job.command.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
    let mut command = Command::new(program);
    command.args(arguments).envs(variables(&job.event)).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in NOT_FOR_HOOKS {
        command.env_remove(name);
    }
    inherited.give_at_start(&mut command);
    command
}

/// What is known of the event: `expiresAt` is `SSO_REFRESH_EXPIRES_AT`.
fn variables(event: &Event) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(known)) = serde_json::to_value(event) else { return Vec::new() };
    let variable = |(name, value): (String, serde_json::Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), line);
        (format!("{PREFIX}{}", capitals(&name)), value)
    };
    known.into_iter().map(variable).collect()
}

fn capitals(name: &str) -> String {
    let mut capitals = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            capitals.push('_');
        }
        capitals.push(character.to_ascii_uppercase());
    }
    capitals
}

type Pipes = (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>);

/// Gives it the event, and has its output in the log.
async fn talk((stdin, stdout, stderr): Pipes, job: &Job) {
    tokio::join!(
        feed(stdin, job.event.json()),
        output::read(stdout, |line| tracing::info!("hook {}: {line}", job.name)),
        output::read(stderr, |line| tracing::info!("hook {}: {line}", job.name)),
    );
}

/// A hook that reads nothing is a good one, too.
async fn feed(stdin: Option<ChildStdin>, json: String) {
    let Some(mut stdin) = stdin else { return };
    let _ = stdin.write_all(format!("{json}\n").as_bytes()).await;
}

/// The processes of a hook that has not ended.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw))
    }

    fn kill(&mut self) {
        // Its first process has not been waited for: nobody else has the number.
        if let Some(Err(error)) = self.0.take().map(|group| killpg(group, Signal::SIGKILL)) {
            tracing::debug!("a hook can't be killed: {error}");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn what_is_known_is_in_the_environment_on_one_line_each() {
        let at = Timestamp::from_secs(1_800_000_000);
        let event = Event {
            expires_at: Some(at),
            error: Some("a\n\0b".into()),
            after_secs: Some(7),
            ..Event::new("refreshed", at, "good")
        };
        let variables = variables(&event.of("work"));
        let pairs: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("SSO_REFRESH_VERSION", "1"),
                ("SSO_REFRESH_EVENT", "refreshed"),
                ("SSO_REFRESH_SESSION", "work"),
                ("SSO_REFRESH_AT", "2027-01-15T08:00:00Z"),
                ("SSO_REFRESH_AT_MS", "1800000000000"),
                ("SSO_REFRESH_MESSAGE", "good"),
                ("SSO_REFRESH_EXPIRES_AT", "2027-01-15T08:00:00Z"),
                ("SSO_REFRESH_ERROR", "a\\n\\u{0}b"),
                ("SSO_REFRESH_AFTER_SECS", "7"),
            ]
        );
    }

    #[tokio::test]
    async fn one_that_hangs_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script =
            format!("trap '' TERM; sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
        let command = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
        let event = Event::new("refreshed", Timestamp::from_secs(0), "");
        let job = Job { name: "refreshed", command, event };
        let runs = tokio::spawn(async move { outcome(&job, Inherited::find()).await });
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::pause();
        tokio::time::advance(LIMIT).await;
        tokio::time::resume();
        assert_eq!(runs.await.unwrap(), Err("was killed, since it had not ended after 30 s".into()));
        let pid = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        while nix::sys::signal::kill(Pid::from_raw(pid), None).is_ok() && !is_zombie(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn job(script: &str, message: &str) -> Job {
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        Job { name: "refreshed", command, event: Event::new("refreshed", Timestamp::from_secs(0), message) }
    }

    #[tokio::test]
    async fn what_it_writes_leaves_behind_or_does_not_read_is_no_trouble() {
        let long = "x".repeat(1_000_000);
        for (script, message) in [
            ("head -c 100000000 /dev/zero; head -c 100000000 /dev/zero >&2", ""),
            // More than a pipe holds, of which it reads nothing or a little.
            ("exec <&-", &long),
            ("true", &long),
            ("head -c 9 >/dev/null", &long),
        ] {
            assert_eq!(outcome(&job(script, message), Inherited::find()).await, Ok(()), "{script}");
        }
        // A program that it leaves behind has its pipes, and is not waited for: it is the user's.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}", file.display());
        assert_eq!(outcome(&job(&script, &long), Inherited::find()).await, Ok(()));
        let pid = Pid::from_raw(std::fs::read_to_string(&file).unwrap().trim().parse().unwrap());
        assert!(nix::sys::signal::kill(pid, None).is_ok());
        nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
    }

    #[tokio::test]
    async fn one_that_is_no_program_fails_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hook");
        std::fs::File::create(&file).unwrap();
        let command = vec![file.display().to_string()];
        let job = Job { command, ..job("", "") };
        let why = outcome(&job, Inherited::find()).await.unwrap_err();
        assert!(why.contains("ermission denied") && why.ends_with("check its path and its mode"), "{why}");
    }

    /// Killed, and not yet waited for by whoever takes up orphans here.
    fn is_zombie(pid: i32) -> bool {
        let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output();
        output.map_or(true, |output| output.stdout.is_empty() || output.stdout.starts_with(b"Z"))
    }
}
