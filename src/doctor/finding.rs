//! [`Finding`]: what a check has found, and what to do about it.

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::config::line;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All is well.
    Ok,
    /// It could not be told, and the finding says why.
    NotChecked,
    /// It works, and should be mended all the same.
    Warning,
    /// Something does not work.
    Failure,
}

/// What mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// This command.
    Run(String),
    /// What somebody has to do, in one sentence or in lines to be written somewhere.
    Do(String),
}

/// A check: each has a name that stays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check(pub(super) &'static str);

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the check.
    pub check: &'static str,
    /// What it was about, where a check is made for several: a session, say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// A line for people. Never a secret.
    pub finding: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
}

/// Findings of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// What they are about.
    pub name: &'static str,
    /// What is said where all is well.
    pub summary: String,
    /// In the order in which they are to be mended.
    pub findings: Vec<Finding>,
}

impl Topic {
    /// How the worst of its checks ended.
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
    }
}

impl Remedy {
    /// A command to run.
    pub(super) fn run(command: impl Into<String>) -> Self {
        Self::Run(command.into())
    }

    /// A sentence, or lines to write.
    pub(super) fn act(text: impl Into<String>) -> Self {
        Self::Do(text.into())
    }

    /// The same without what a terminal acts on. Advice keeps its lines.
    fn shown(self) -> Self {
        match self {
            Self::Run(command) => Self::Run(line(command)),
            Self::Do(advice) => Self::Do(advice.split('\n').map(line).collect::<Vec<_>>().join("\n")),
        }
    }
}

/// `{"command": "…"}` or `{"advice": "…"}`.
impl Serialize for Remedy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Run(command) => map.serialize_entry("command", command)?,
            Self::Do(advice) => map.serialize_entry("advice", advice)?,
        }
        map.end()
    }
}

impl Check {
    pub(super) fn ok(self, finding: impl Into<String>) -> Finding {
        self.found(Verdict::Ok, &finding.into(), None)
    }

    pub(super) fn not_checked(self, why: impl Into<String>) -> Finding {
        self.found(Verdict::NotChecked, &why.into(), None)
    }

    pub(super) fn warning(self, finding: impl Into<String>, remedy: Remedy) -> Finding {
        self.found(Verdict::Warning, &finding.into(), Some(remedy))
    }

    pub(super) fn failure(self, finding: impl Into<String>, remedy: Remedy) -> Finding {
        self.found(Verdict::Failure, &finding.into(), Some(remedy))
    }

    /// `found`, or that all is well where there is nothing.
    pub(super) fn or_ok(self, found: Vec<Finding>, well: impl Into<String>) -> Vec<Finding> {
        if found.is_empty() { vec![self.ok(well)] } else { found }
    }

    fn found(self, verdict: Verdict, finding: &str, remedy: Option<Remedy>) -> Finding {
        // Both may quote a file.
        Finding {
            check: self.0,
            about: None,
            verdict,
            finding: line(finding),
            remedy: remedy.map(Remedy::shown),
        }
    }
}

impl Finding {
    /// The same about one of several.
    pub(super) fn about(self, what: impl Into<String>) -> Self {
        Self { about: Some(what.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_is_the_topics() {
        let check = Check("x");
        let (ok, open) = (check.ok("a"), check.not_checked("b"));
        let (warning, failure) = (check.warning("c", Remedy::run("d")), check.failure("e", Remedy::act("f")));
        for (findings, expected) in [
            (vec![], Verdict::Ok),
            (vec![ok.clone()], Verdict::Ok),
            (vec![open.clone(), ok], Verdict::NotChecked),
            (vec![warning.clone(), open], Verdict::Warning),
            (vec![failure, warning], Verdict::Failure),
        ] {
            let topic = Topic { name: "t", summary: String::new(), findings };
            assert_eq!(topic.verdict(), expected);
        }
    }

    #[test]
    fn nothing_acts_on_the_terminal() {
        let remedies = [Remedy::run("unset a\u{1b}[31m"), Remedy::act("write\n\n  b\u{9b}31m")];
        let shown = remedies.map(|remedy| Check("x").warning("w", remedy).remedy);
        let expected = [Remedy::run("unset a\\u{1b}[31m"), Remedy::act("write\n\n  b\\u{9b}31m")];
        assert_eq!(shown, expected.map(Some));
    }

    #[test]
    fn json_tells_a_command_from_advice() {
        let found = Check("x").failure("it\nfails", Remedy::run("do it")).about("work");
        let expected = r#"{"check":"x","about":"work","verdict":"failure","finding":"it\\nfails","remedy":{"command":"do it"}}"#;
        assert_eq!(serde_json::to_string(&found).unwrap(), expected);
        let found = Check("x").warning("w", Remedy::act("edit it"));
        assert!(serde_json::to_string(&found).unwrap().ends_with(r#""remedy":{"advice":"edit it"}}"#));
    }
}
