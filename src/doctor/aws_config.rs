//! The AWS config file: what some SDK would not take in it, profiles whose tokens nobody can refresh, and names that stand
//! for two sessions.

use super::finding::{Check, Finding, Remedy, Topic};
use crate::config::{
    Settings,
    aws::{AwsConfig, SsoSession},
    legacy,
};

const SYNTAX: Check = Check("aws-config");
const LEGACY: Check = Check("legacy-profiles");
const NAMES: Check = Check("shared-session-names");

/// What was read.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The AWS config file as people write its path.
    pub file: String,
    /// What is in it and in the credentials file.
    pub read: &'a AwsConfig,
    /// The settings, where there are any.
    pub settings: Option<&'a Settings>,
    /// The file that is not read because `AWS_CONFIG_FILE` names another, and the sessions in it.
    pub other: Option<(String, Vec<SsoSession>)>,
}

/// What some program makes of it.
pub fn examine(facts: &Facts<'_>) -> Topic {
    let mut findings =
        SYNTAX.or_ok(rejected(facts.read), format!("every AWS program can read {}", facts.file));
    findings.extend(match facts.settings {
        Some(settings) => LEGACY.or_ok(legacies(settings), "there is none"),
        None => vec![LEGACY.not_checked("the configuration can't be read")],
    });
    findings.extend(NAMES.or_ok(shared(facts), "each name is that of one session"));
    Topic { name: "AWS config", summary: format!("every AWS program can read {}", facts.file), findings }
}

fn rejected(read: &AwsConfig) -> Vec<Finding> {
    let found = read.warnings.iter().map(|warning| {
        let remedy = Remedy::act(format!("edit line {} of {}", warning.line, warning.file));
        SYNTAX.warning(warning.to_string(), remedy)
    });
    found.collect()
}

fn legacies(settings: &Settings) -> Vec<Finding> {
    legacy::profiles(settings)
        .map(|profile| LEGACY.warning(profile.flaw(), Remedy::act(profile.conversion().trim_end())))
        .collect()
}

/// Token files are named by nothing but the session: two of one name would write over each other's.
fn shared(facts: &Facts<'_>) -> Vec<Finding> {
    let Some((other, sessions)) = &facts.other else { return Vec::new() };
    let url = |session: &SsoSession| session.start_url.as_ref().map(|located| located.value.clone());
    let mut found = Vec::new();
    for ours in &facts.read.sessions {
        let theirs = sessions.iter().find(|theirs| theirs.name == ours.name);
        if let Some(theirs) = theirs.filter(|theirs| url(theirs) != url(ours)) {
            let name = &ours.name;
            found.push(
                NAMES
                    .warning(
                        format!(
                            "{} and {other} both have a session `{name}`, for different start URLs: they share one token file",
                            facts.file
                        ),
                        Remedy::act(format!(
                            "give [sso-session {name}] at line {} of {other} another name, and the `sso_session` of its \
                             profiles too",
                            theirs.line
                        )),
                    )
                    .about(name),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{self, aws::Text, environment::Environment, paths::Paths},
        doctor::Verdict,
    };

    const WORK: &str =
        "[sso-session work]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n";

    fn read(text: &str) -> AwsConfig {
        AwsConfig::parse(Text { name: "~/.aws/config", text }, Text { name: "~/.aws/credentials", text: "" })
    }

    fn settings(text: &str) -> Settings {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        let mut file = std::fs::File::create(home.path().join(".aws/config")).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let env = Environment::from_pairs([("HOME", home.path())]);
        config::load(&Paths::resolve(&env, None).unwrap(), &env).unwrap()
    }

    fn found(text: &str, other: Option<&str>) -> Vec<Finding> {
        let (read_here, settings) = (read(text), settings(text));
        let other = other.map(|other| ("~/.aws/config".to_owned(), read(other).sessions));
        let facts = Facts { file: "/other/aws".into(), read: &read_here, settings: Some(&settings), other };
        let topic = examine(&facts);
        topic.findings.into_iter().filter(|finding| finding.verdict != Verdict::Ok).collect()
    }

    #[test]
    fn each_check_finds_what_it_is_for() {
        let legacy = "[profile old]\nsso_start_url = https://x.awsapps.com/start/\nsso_region = us-east-1\n";
        let elsewhere = WORK.replace("//x", "//y");
        for (text, other, expected) in [
            (WORK.to_owned(), None, None),
            (WORK.to_owned(), Some(WORK), None),
            (WORK.to_owned(), Some("[profile x]\n"), None),
            (format!("{WORK}{legacy}"), None, Some(("legacy-profiles", "sso_session = work"))),
            (format!("  {WORK}"), None, Some(("aws-config", "edit line 1 of ~/.aws/config"))),
            (
                WORK.to_owned(),
                Some(&*elsewhere),
                Some(("shared-session-names", "line 1 of ~/.aws/config another name")),
            ),
        ] {
            let found = found(&text, other);
            let said = found.first().map(|finding| (finding.check, finding.remedy.clone()));
            match (said, expected) {
                (None, None) => {}
                (Some((check, Some(Remedy::Do(remedy)))), Some((wanted, part))) => {
                    assert_eq!(check, wanted);
                    assert!(remedy.contains(part), "{remedy}");
                    assert!(found.iter().all(|finding| finding.verdict == Verdict::Warning));
                }
                other => panic!("{text} {other:?}"),
            }
        }
    }
}
