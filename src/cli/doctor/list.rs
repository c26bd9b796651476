//! What people read of the findings.

use std::fmt::Write as _;

use anstyle::Style;

use crate::{
    cli::{
        palette::{FAINT, SOON, WELL, WRONG},
        wrap::wrapped,
    },
    doctor::{Finding, Remedy, Topic, Verdict},
};

/// Where the findings begin: behind a mark and the name of the topic.
const INDENT: usize = 17;

/// How the marks are written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Marks {
    /// Where the locale can do it.
    Unicode,
    /// Elsewhere.
    Ascii,
}

impl Marks {
    fn of(self, verdict: Verdict) -> &'static str {
        match (verdict, self) {
            (Verdict::Ok, Self::Unicode) => "✓",
            (Verdict::Ok, Self::Ascii) => "+",
            (Verdict::NotChecked, _) => "-",
            (Verdict::Warning, _) => "!",
            (Verdict::Failure, Self::Unicode) => "✗",
            (Verdict::Failure, Self::Ascii) => "x",
        }
    }
}

/// A line a topic that is well, and what is found of the others, in `width` columns.
pub(super) fn text(topics: &[Topic], marks: Marks, width: usize) -> String {
    let (mut text, room) = (String::new(), width.saturating_sub(INDENT));
    for topic in topics {
        if topic.verdict() == Verdict::Ok {
            text.push_str(&row(marks, Verdict::Ok, topic.name, &topic.summary, room));
            continue;
        }
        let (mut name, mut told, mut before) = (topic.name, None, None);
        for finding in topic.findings.iter().filter(|finding| finding.verdict != Verdict::Ok) {
            // One reason keeps several checks from being made.
            let said = (finding.verdict, finding.finding.as_str());
            if before.replace(said) == Some(said) && finding.verdict == Verdict::NotChecked {
                continue;
            }
            text.push_str(&row(marks, finding.verdict, name, &finding.finding, room));
            // One remedy for several findings stands behind the first.
            if let Some(remedy) = finding.remedy.as_ref().filter(|remedy| told != Some(*remedy)) {
                told = Some(remedy);
                for line in wrapped(&sentence(remedy), room.saturating_sub(2)) {
                    let _ = writeln!(text, "{:INDENT$}  {line}", "");
                }
            }
            name = "";
        }
    }
    let _ = writeln!(text, "\n{}", wrapped(&summary(topics), width).join("\n"));
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

fn row(marks: Marks, verdict: Verdict, name: &str, said: &str, room: usize) -> String {
    let style = style(verdict);
    let mark = marks.of(verdict);
    let mut lines = wrapped(said, room).into_iter();
    let first = lines.next().unwrap_or_default();
    let mut text = format!("{style}{mark}{style:#} {name:width$}{first}\n", width = INDENT - 2);
    for line in lines {
        let _ = writeln!(text, "{:INDENT$}{line}", "");
    }
    text
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Ok => WELL.bold(),
        Verdict::NotChecked => FAINT,
        Verdict::Warning => SOON.bold(),
        Verdict::Failure => WRONG.bold(),
    }
}

fn sentence(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Run(command) => format!("run `{command}`"),
        Remedy::Do(advice) => advice.clone(),
    }
}

/// How many checks ended how, and what to do first.
fn summary(topics: &[Topic]) -> String {
    let all: Vec<(&Topic, &Finding)> =
        topics.iter().flat_map(|topic| topic.findings.iter().map(move |finding| (topic, finding))).collect();
    let count = |verdict| all.iter().filter(|(_, finding)| finding.verdict == verdict).count();
    let (passed, open) = (count(Verdict::Ok), count(Verdict::NotChecked));
    let numbered = |number: usize, one: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {one}s")),
    };
    let first = [Verdict::Failure, Verdict::Warning].into_iter().find_map(|verdict| {
        all.iter().find(|(_, finding)| finding.verdict == verdict && finding.remedy.is_some())
    });
    let Some((topic, Finding { remedy: Some(remedy), .. })) = first else {
        return match open {
            0 => format!("All {passed} checks passed."),
            open => format!("{passed} checks passed, {open} could not be made."),
        };
    };
    let parts = [
        numbered(count(Verdict::Failure), "failure"),
        numbered(count(Verdict::Warning), "warning"),
        (open > 0).then(|| format!("{open} not checked")),
        Some(format!("{passed} passed")),
    ];
    let first = sentence(remedy);
    let first = if first.contains('\n') { format!("what is said of {} above", topic.name) } else { first };
    format!("{}\nFirst: {first}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{sheet::sheet, table::USUAL};

    fn finding(verdict: Verdict, finding: &str, remedy: Option<Remedy>) -> Finding {
        Finding { check: "x", about: None, verdict, finding: finding.into(), remedy }
    }

    fn topic(name: &'static str, findings: Vec<Finding>) -> Topic {
        Topic { name, summary: "as it should be".into(), findings }
    }

    fn run(command: &str) -> Remedy {
        Remedy::Run(command.into())
    }

    #[test]
    fn all_is_well_in_a_line_a_topic() {
        let ok = || finding(Verdict::Ok, "fine", None);
        let topics = [topic("configuration", vec![ok(), ok()]), topic("sessions", vec![ok()])];
        insta::assert_snapshot!(sheet(|width| text(&topics, Marks::Unicode, width)), @r"
        ── 80 columns
        ✓ configuration  as it should be
        ✓ sessions       as it should be

        All 3 checks passed.

        ── in colour
        ^[1m^[32m✓^[0m configuration  as it should be
        ^[1m^[32m✓^[0m sessions       as it should be

        All 3 checks passed.

        ── 140 columns
        ✓ configuration  as it should be
        ✓ sessions       as it should be

        All 3 checks passed.

        ── in colour
        ^[1m^[32m✓^[0m configuration  as it should be
        ^[1m^[32m✓^[0m sessions       as it should be

        All 3 checks passed.
        ");
    }

    #[test]
    fn what_is_wrong_stands_with_its_remedy_and_what_comes_first_at_the_end() {
        let topics = [
            topic(
                "AWS config",
                vec![
                    finding(Verdict::Ok, "fine", None),
                    finding(
                        Verdict::Warning,
                        "~/.aws/config:5: the profile `old` is legacy: its token can't be refreshed",
                        Some(Remedy::Do("In ~/.aws/config, [profile old]: replace sso_start_url and sso_region by\n\n  sso_session = work".into())),
                    ),
                ],
            ),
            topic(
                "network",
                vec![
                    finding(Verdict::NotChecked, "no session is configured", None),
                    finding(Verdict::NotChecked, "no session is configured", None),
                ],
            ),
            topic(
                "sessions",
                vec![
                    finding(Verdict::Failure, "`work` is signed out: there is no token file", Some(run("sso-refresh login work"))),
                    finding(Verdict::Failure, "`a-name-of-no-end-at-all` is signed out", Some(run("sso-refresh login a-name-of-no-end-at-all-that-will-not-be-broken"))),
                ],
            ),
        ];
        insta::assert_snapshot!(sheet(|width| text(&topics, Marks::Ascii, width)), @r"
        ── 80 columns
        ! AWS config     ~/.aws/config:5: the profile `old` is legacy: its token can't
                         be refreshed
                           In ~/.aws/config, [profile old]: replace sso_start_url and
                           sso_region by

                             sso_session = work
        - network        no session is configured
        x sessions       `work` is signed out: there is no token file
                           run `sso-refresh login work`
        x                `a-name-of-no-end-at-all` is signed out
                           run
                           `sso-refresh login a-name-of-no-end-at-all-that-will-not-be-broken`

        2 failures, 1 warning, 2 not checked, 1 passed
        First: run `sso-refresh login work`

        ── in colour
        ^[1m^[33m!^[0m AWS config     ~/.aws/config:5: the profile `old` is legacy: its token can't
                         be refreshed
                           In ~/.aws/config, [profile old]: replace sso_start_url and
                           sso_region by

                             sso_session = work
        ^[2m-^[0m network        no session is configured
        ^[1m^[31mx^[0m sessions       `work` is signed out: there is no token file
                           run `sso-refresh login work`
        ^[1m^[31mx^[0m                `a-name-of-no-end-at-all` is signed out
                           run
                           `sso-refresh login a-name-of-no-end-at-all-that-will-not-be-broken`

        2 failures, 1 warning, 2 not checked, 1 passed
        First: run `sso-refresh login work`

        ── 140 columns
        ! AWS config     ~/.aws/config:5: the profile `old` is legacy: its token can't be refreshed
                           In ~/.aws/config, [profile old]: replace sso_start_url and sso_region by

                             sso_session = work
        - network        no session is configured
        x sessions       `work` is signed out: there is no token file
                           run `sso-refresh login work`
        x                `a-name-of-no-end-at-all` is signed out
                           run `sso-refresh login a-name-of-no-end-at-all-that-will-not-be-broken`

        2 failures, 1 warning, 2 not checked, 1 passed
        First: run `sso-refresh login work`

        ── in colour
        ^[1m^[33m!^[0m AWS config     ~/.aws/config:5: the profile `old` is legacy: its token can't be refreshed
                           In ~/.aws/config, [profile old]: replace sso_start_url and sso_region by

                             sso_session = work
        ^[2m-^[0m network        no session is configured
        ^[1m^[31mx^[0m sessions       `work` is signed out: there is no token file
                           run `sso-refresh login work`
        ^[1m^[31mx^[0m                `a-name-of-no-end-at-all` is signed out
                           run `sso-refresh login a-name-of-no-end-at-all-that-will-not-be-broken`

        2 failures, 1 warning, 2 not checked, 1 passed
        First: run `sso-refresh login work`
        ");
        let last = |topics| text(topics, Marks::Unicode, USUAL).lines().last().unwrap().to_owned();
        assert_eq!(last(&topics[..1]), "First: what is said of AWS config above");
        assert_eq!(last(&topics[1..2]), "0 checks passed, 2 could not be made.");
    }
}
