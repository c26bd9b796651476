//! The configuration: `config.toml`, and what the program makes of it and the AWS config file.

use super::finding::{Check, Finding, Remedy, Topic};
use crate::config::Settings;

const SPELLING: Check = Check("config");
const WARNINGS: Check = Check("config-warnings");
const SESSIONS: Check = Check("config-sessions");

const CONFIGURE: &str = "aws configure sso";

/// What was read.
#[derive(Debug)]
pub struct Facts<'a> {
    /// `config.toml` as people write its path, where there is one.
    pub file: Option<String>,
    /// The settings, or the mistake with its place.
    pub settings: Result<&'a Settings, String>,
    /// What is told elsewhere of what the settings warn of.
    pub told_elsewhere: Vec<String>,
}

/// Whether it can be read, and what is unwise in it.
pub fn examine(facts: &Facts<'_>) -> Topic {
    let settings = match &facts.settings {
        Ok(settings) => settings,
        Err(mistake) => {
            let findings = vec![
                SPELLING.failure(
                    mistake,
                    Remedy::act(format!("{}, then run `sso-refresh config check`", place(mistake))),
                ),
                WARNINGS.not_checked("the configuration can't be read"),
                SESSIONS.not_checked("the configuration can't be read"),
            ];
            return Topic { name: "configuration", summary: String::new(), findings };
        }
    };
    let told = |warning: &&String| !facts.told_elsewhere.contains(warning);
    let warnings = settings.warnings.iter().filter(told).map(|warning| unwise(warning)).collect();
    let mut findings = vec![SPELLING.ok(match &facts.file {
        Some(file) => format!("{file} has no mistakes"),
        None => "there is no config.toml, and none is needed".to_owned(),
    })];
    findings.extend(WARNINGS.or_ok(warnings, "nothing in it is unwise"));
    let names: Vec<&str> = settings.sessions.keys().map(String::as_str).collect();
    findings.push(match names.len() {
        0 => match settings.left_out.values().next() {
            Some(why) => SESSIONS.failure(why, Remedy::act(place(why))),
            None => SESSIONS.failure("no session is configured", to_have_one(&facts.told_elsewhere)),
        },
        _ => SESSIONS.ok(names.join(", ")),
    });
    let summary = match names.as_slice() {
        [name] => format!("no mistakes; the session is {name}"),
        names => format!("no mistakes; {} sessions: {}", names.len(), names.join(", ")),
    };
    Topic { name: "configuration", summary, findings }
}

/// A warning with what to do about it: it says so itself where that is a command.
fn unwise(warning: &str) -> Finding {
    let command =
        warning.rsplit_once("run `").and_then(|(before, rest)| Some((before, rest.strip_suffix('`')?)));
    match command {
        Some((before, command)) => {
            WARNINGS.warning(before.trim_end_matches([':', ' ']), Remedy::run(command))
        }
        None => WARNINGS.warning(warning, Remedy::act(place(warning))),
    }
}

/// How there is a session where there is none: a mistake in the AWS config file may hide it.
fn to_have_one(warnings: &[String]) -> Remedy {
    match warnings.iter().find_map(|warning| line(warning)) {
        Some(edit) => Remedy::act(format!("{edit}; if no session is in it then, run `{CONFIGURE}`")),
        None => Remedy::run(CONFIGURE),
    }
}

/// What to edit, or where to see it.
fn place(message: &str) -> String {
    line(message)
        .unwrap_or_else(|| "see `sso-refresh config show`, which says where each setting comes from".into())
}

/// What to edit, by the place that a message begins with.
fn line(message: &str) -> Option<String> {
    let mut parts = message.split(": ").next()?.splitn(3, ':');
    let (file, line) = (parts.next()?, parts.next()?.parse::<usize>().ok()?);
    Some(format!("edit line {line} of {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{self, environment::Environment, paths::Paths},
        doctor::Verdict,
    };

    /// What `text` comes to beside an AWS config file with one session.
    fn found(text: &str) -> Topic {
        let home = tempfile::tempdir().unwrap();
        let env = Environment::from_pairs([("HOME", home.path())]);
        let paths = Paths::resolve(&env, None).unwrap();
        let settings = config::explain_with(&paths, &env, text).map(|(settings, _)| settings);
        let facts = Facts {
            file: Some("config.toml".into()),
            settings: settings.as_ref().map_err(ToString::to_string),
            told_elsewhere: vec!["told elsewhere".into()],
        };
        examine(&facts)
    }

    const WORK: &str =
        "[session.work]\nregion = \"us-east-1\"\nstart_url = \"https://x.awsapps.com/start\"\n";

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, check, verdict, finding, remedy) in [
            (
                "regoin = 1\n",
                "config",
                Verdict::Failure,
                "~/.config/sso-refresh/config.toml:1:1: unknown key `regoin`",
                "edit line 1 of ~/.config/sso-refresh/config.toml, then run `sso-refresh config check`",
            ),
            ("", "config-sessions", Verdict::Failure, "no session is configured", "aws configure sso"),
            (
                "[session.work]\nregion = \"us-east-1\"\n",
                "config-warnings",
                Verdict::Warning,
                "~/.config/sso-refresh/config.toml:1: session `work` has no start URL",
                "edit line 1 of ~/.config/sso-refresh/config.toml",
            ),
        ] {
            let topic = found(text);
            let first = topic.findings.iter().find(|finding| finding.check == check).unwrap();
            assert_eq!(first.verdict, verdict, "{first:?}");
            assert!(first.finding.starts_with(finding), "{first:?}");
            let (Remedy::Run(said) | Remedy::Do(said)) = first.remedy.as_ref().unwrap();
            assert_eq!(said, remedy);
        }
        let topic = found(WORK);
        assert_eq!((topic.verdict(), topic.findings.len()), (Verdict::Ok, 3), "{topic:?}");
        assert_eq!(topic.summary, "no mistakes; the session is work");
    }

    #[test]
    fn a_mistake_that_may_hide_the_session_is_to_be_mended_first() {
        let warnings = ["AWS_ENDPOINT_URL is not used", "~/.aws/config:1: a section header has no `]`"];
        let remedy = to_have_one(&warnings.map(str::to_owned));
        let Remedy::Do(said) = remedy else { panic!("{remedy:?}") };
        assert_eq!(
            said,
            "edit line 1 of ~/.aws/config; if no session is in it then, run `aws configure sso`"
        );
        assert_eq!(to_have_one(&["AWS_ENDPOINT_URL is not used".into()]), Remedy::run(CONFIGURE));
    }

    #[test]
    fn a_command_in_a_warning_is_its_remedy() {
        let found = unwise("~/.aws/config can be written by others: run `chmod go-w ~/.aws/config`");
        assert_eq!(found.finding, "~/.aws/config can be written by others");
        assert_eq!(found.remedy, Some(Remedy::run("chmod go-w ~/.aws/config")));
        let found = unwise("AWS_X is odd");
        assert!(matches!(found.remedy, Some(Remedy::Do(text)) if text.contains("config show")));
    }
}
