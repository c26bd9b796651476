//! Others that refresh the same sign-ins: who of two loses a refresh token is chance.

use std::path::Path;

use super::finding::{Check, Finding, Remedy, Topic};
use crate::{import::OldScript, platform::Process};

const SCRIPT: Check = Check("old-script");
const PROCESSES: Check = Check("rival-processes");
const CRON: Check = Check("cron-entries");

/// The Node.js script that `import` takes over, wherever it was put.
const OLD_SCRIPT: &str = "refresh-token.js";

/// Programs that keep sign-ins of IAM Identity Center fresh by themselves.
const KNOWN: [&str; 8] = [
    "aws-auto-refresh",
    "aws-sso",
    "aws-sso-cli",
    "aws-sso-refresh",
    "aws-sso-util",
    "granted",
    "leapp",
    "mairu",
];

/// What runs a program that is a text, without a number behind it. An editor or `grep` has the name of one as an argument too.
const INTERPRETERS: [&str; 12] =
    ["node", "nodejs", "bun", "deno", "electron", "python", "pypy", "sh", "bash", "dash", "zsh", "busybox"];

/// What a line of cron has that signs in or refreshes.
const IN_CRON: [&str; 6] =
    [OLD_SCRIPT, "aws sso login", "aws-auto-refresh", "aws-sso-util", "aws-sso-refresh", "aws-sso login"];

/// What was seen.
#[derive(Debug)]
pub struct Facts {
    /// What the pid file of the script says, where its plan has it.
    pub old_script: OldScript,
    /// The processes of the user.
    pub processes: Vec<Process>,
    /// What `crontab -l` says; none where there is no such command or no table.
    pub crontab: Option<String>,
}

/// Who is there.
pub fn examine(facts: &Facts) -> Topic {
    let mut findings = vec![script(&facts.old_script)];
    findings.extend(PROCESSES.or_ok(processes(facts), "no program is known that refreshes the same"));
    findings
        .extend(CRON.or_ok(cron(facts.crontab.as_deref().unwrap_or_default()), "no line of cron signs in"));
    Topic { name: "rivals", summary: "nothing else refreshes the same sign-ins".to_owned(), findings }
}

fn script(found: &OldScript) -> Finding {
    match found {
        OldScript::Running(process) => SCRIPT.failure(
            format!("the old script runs (process {}) and spends the same refresh tokens", process.pid),
            Remedy::run("sso-refresh import --stop-old"),
        ),
        OldScript::Absent
        | OldScript::Nonsense
        | OldScript::Ended { .. }
        | OldScript::Other { .. }
        | OldScript::Stopped { .. } => SCRIPT.ok("the old script does not run"),
    }
}

fn processes(facts: &Facts) -> Vec<Finding> {
    let told = match &facts.old_script {
        OldScript::Running(process) => Some(process.pid),
        _ => None,
    };
    let others = facts.processes.iter().filter(|process| Some(process.pid) != told);
    let found = others.filter_map(|process| {
        let (name, pid) = (rival(process)?, process.pid);
        let finding = format!("{name} runs (process {pid}), which may refresh the same sign-ins");
        let remedy = format!("if it does, end it with `kill {pid}`, and whatever starts it");
        Some(PROCESSES.warning(finding, Remedy::act(remedy)))
    });
    found.collect()
}

/// What a process is known as: by its program, or by what an interpreter runs.
fn rival(process: &Process) -> Option<&'static str> {
    let taken = if interprets(&process.program) { 2 } else { 0 };
    let interpreted = process.arguments.iter().take(taken).map(Path::new);
    let mut names =
        std::iter::once(process.program.as_path()).chain(interpreted).filter_map(|path| path.file_name());
    names.find_map(|name| KNOWN.into_iter().chain([OLD_SCRIPT]).find(|known| name == *known))
}

fn interprets(program: &Path) -> bool {
    let name = program.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    INTERPRETERS.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
}

/// The lines are not shown: they may have secrets in them.
fn cron(table: &str) -> Vec<Finding> {
    let lines = table.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
    let found = lines.filter_map(|(number, line)| {
        let what = IN_CRON.into_iter().find(|what| line.contains(what))?;
        let finding = format!("line {} of your crontab has `{what}`", number + 1);
        Some(CRON.warning(finding, Remedy::act("delete the line with `crontab -e`")))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn process(pid: i32, program: &str, arguments: &[&str]) -> Process {
        Process {
            pid,
            uid: 1000,
            program: program.into(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            folder: None,
            stopped: false,
        }
    }

    fn wrong(
        old_script: OldScript,
        processes: Vec<Process>,
        crontab: Option<&str>,
    ) -> Vec<(Verdict, String)> {
        let facts = Facts { old_script, processes, crontab: crontab.map(str::to_owned) };
        let findings = examine(&facts).findings.into_iter().filter(|finding| finding.verdict != Verdict::Ok);
        findings.map(|finding| (finding.verdict, finding.finding)).collect()
    }

    #[test]
    fn the_old_script_is_told_once() {
        let script = || process(7, "/usr/bin/node", &["refresh-token.js"]);
        let told = wrong(OldScript::Running(script()), vec![script()], None);
        assert_eq!(
            told,
            [(Verdict::Failure, "the old script runs (process 7) and spends the same refresh tokens".into())]
        );
        let other = wrong(OldScript::Absent, vec![script()], None);
        assert_eq!(
            other,
            [(
                Verdict::Warning,
                "refresh-token.js runs (process 7), which may refresh the same sign-ins".into()
            )]
        );
        for gone in [OldScript::Absent, OldScript::Nonsense, OldScript::Ended { pid: 7 }] {
            assert_eq!(wrong(gone, vec![], None), []);
        }
    }

    #[test]
    fn rivals_are_known_by_program_or_script() {
        for (program, arguments, known) in [
            ("/usr/local/bin/granted", &[][..], true),
            ("/usr/bin/python3", &["/home/me/.local/bin/aws-sso-util", "login"], true),
            ("/bin/sh", &["-e", "/opt/aws-auto-refresh"], true),
            ("/usr/bin/aws-sso", &["ecs", "run"], true),
            ("/opt/Python.framework/Python", &["/opt/bin/aws-sso-util"], true),
            ("/usr/bin/python3.13", &["-u", "/usr/bin/aws-sso-util"], true),
            ("/usr/bin/vim", &["refresh-token.js"], false),
            ("/usr/bin/grep", &["-r", "granted"], false),
            ("/home/me/granted-app/server", &[], false),
            ("/usr/bin/sso-refresh", &["run"], false),
        ] {
            let found = wrong(OldScript::Absent, vec![process(7, program, arguments)], None);
            assert_eq!(found.len(), usize::from(known), "{program} {found:?}");
        }
    }

    #[test]
    fn lines_of_cron_are_named_by_number() {
        let table = "# aws sso login\nMAILTO=me\n*/30 * * * * SECRET=planted aws sso login --profile dev\n";
        let found = wrong(OldScript::Absent, vec![], Some(table));
        assert_eq!(found, [(Verdict::Warning, "line 3 of your crontab has `aws sso login`".into())]);
        assert_eq!(wrong(OldScript::Absent, vec![], Some("0 * * * * backup\n")), []);
    }
}
