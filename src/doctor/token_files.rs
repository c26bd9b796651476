//! The files of the tokens: what is in them, who may read them, and what crashes have left.

use std::{path::Path, time::Duration};

use super::finding::{Check, Finding, Remedy, Topic};
use crate::{
    config::paths::Paths,
    store::{Content, Contents, Loose, Stray, TokenFile},
};

const CONTENT: Check = Check("token-file");
const FIELDS: Check = Check("token-file-fields");
const LINK: Check = Check("token-file-link");
const MODES: Check = Check("modes");
const STRAYS: Check = Check("stray-files");

/// A temporary file is not left behind for as long as somebody may be writing it.
pub const PASSING: Duration = Duration::from_secs(60);

/// The command that mends what can be mended without a loss.
const FIX: &str = "sso-refresh doctor --fix";

/// What was seen of the files.
#[derive(Debug)]
pub struct Facts<'a> {
    /// How to write a path.
    pub paths: &'a Paths,
    /// Each session with its token file.
    pub files: Vec<(String, &'a TokenFile)>,
    /// What others may use.
    pub loose: Vec<Loose>,
    /// What crashes have left.
    pub strays: Vec<Stray>,
    /// The daemon is there, which heals what it can.
    pub daemon: bool,
}

/// Whether every AWS program can use them, and nobody else.
pub fn examine(facts: &Facts<'_>) -> Topic {
    let mut findings = Vec::new();
    for (session, file) in &facts.files {
        let found =
            [content(session, file, facts.daemon), fields(session, file), link(session, file, facts.paths)];
        findings.extend(found.into_iter().flatten().map(|finding| finding.about(session)));
    }
    findings.extend(MODES.or_ok(loose(facts), "nobody else can read or replace them"));
    findings.extend(STRAYS.or_ok(strays(facts), "there are none"));
    Topic { name: "token files", summary: "whole, and nobody else's to read".to_owned(), findings }
}

/// `None` where there is none: that is told of the session.
fn content(session: &str, file: &TokenFile, daemon: bool) -> Option<Finding> {
    let found = match &file.content {
        Content::Missing => return None,
        Content::Unreadable(why) => {
            // A sign-in puts nothing in the place of what is no file.
            let (file, away) = (path_word(&file.path), path_word(&file.path.with_extension("away")));
            CONTENT
                .failure(why, Remedy::run(format!("mv {file} {away} && sso-refresh login {}", word(session))))
        }
        Content::Broken { why, copied: true } => {
            let by_itself = if daemon { "; the daemon heals it" } else { "" };
            let finding = format!(
                "the token file of `{session}` is broken ({why}), and there is a good copy{by_itself}"
            );
            CONTENT.warning(finding, Remedy::run(format!("sso-refresh refresh {}", word(session))))
        }
        Content::Broken { why, copied: false } => CONTENT.failure(
            format!("the token file of `{session}` is broken: {why}"),
            Remedy::run(format!("sso-refresh login {}", word(session))),
        ),
        Content::Token(contents) if !contents.whole => CONTENT.warning(
            format!("the token file of `{session}` has other text behind the token, which some SDKs refuse"),
            Remedy::run(format!("sso-refresh refresh {}", word(session))),
        ),
        Content::Token(_) => CONTENT.ok(format!("the token file of `{session}` is whole")),
    };
    Some(found)
}

fn fields(session: &str, file: &TokenFile) -> Option<Finding> {
    let Content::Token(contents) = &file.content else { return None };
    let Contents { lacks, odd_times, .. } = &**contents;
    // A token that can't be refreshed at all is told of the session.
    let lacks: Vec<&str> = lacks
        .iter()
        .copied()
        .filter(|key| !matches!(*key, "refreshToken" | "clientId" | "clientSecret"))
        .collect();
    let refresh = || Remedy::run(format!("sso-refresh refresh {}", word(session)));
    Some(if !lacks.is_empty() {
        let finding =
            format!("the token file of `{session}` has no {}, which some SDKs need", lacks.join(" and no "));
        let known_by_refresh = lacks.iter().all(|key| *key != "registrationExpiresAt");
        let remedy = if known_by_refresh {
            refresh()
        } else {
            Remedy::run(format!("sso-refresh login {}", word(session)))
        };
        FIELDS.warning(finding, remedy)
    } else if !odd_times.is_empty() {
        let finding = format!(
            "{} of the token file of `{session}` is a time that not every SDK reads",
            odd_times.join(" and ")
        );
        FIELDS.warning(finding, refresh())
    } else {
        FIELDS.ok(format!("the token file of `{session}` has what every SDK reads"))
    })
}

/// The SDKs that replace a file replace the link, and what it leads to stays behind.
fn link(session: &str, file: &TokenFile, paths: &Paths) -> Option<Finding> {
    let Some(target) = &file.link else {
        return (!matches!(file.content, Content::Missing)).then(|| LINK.ok("it is no symbolic link"));
    };
    let finding = format!(
        "the token file of `{session}` is a symbolic link to {}: some AWS programs put a file in its place",
        paths.show(target)
    );
    let remedy = match file.content {
        Content::Missing | Content::Unreadable(_) => format!("rm {}", path_word(&file.path)),
        _ => format!("mv {} {}", path_word(target), path_word(&file.path)),
    };
    Some(LINK.warning(finding, Remedy::run(remedy)))
}

fn loose(facts: &Facts<'_>) -> Vec<Finding> {
    let found = facts.loose.iter().map(|Loose { path, mode, wanted }| {
        let finding = format!("{} has mode {mode:04o} instead of {wanted:04o}", facts.paths.show(path));
        MODES.warning(finding, Remedy::run(FIX))
    });
    found.collect()
}

fn strays(facts: &Facts<'_>) -> Vec<Finding> {
    let found = left_behind(&facts.strays).map(|stray| {
        let finding = format!("a crash has left {}, which may hold a token", facts.paths.show(&stray.path));
        STRAYS.warning(finding, Remedy::run(FIX))
    });
    found.collect()
}

/// Those that nobody is writing any more.
pub fn left_behind(strays: &[Stray]) -> impl Iterator<Item = &Stray> {
    strays.iter().filter(|stray| stray.age > PASSING)
}

fn path_word(path: &Path) -> String {
    word(&path.display().to_string())
}

/// A text as a word of a shell.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%:=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{
        config::environment::Environment,
        doctor::Verdict::{self, Failure, Ok, Warning},
        session::token::{Secret, Token},
        time::Timestamp,
    };

    fn token(whole: bool, lacks: &[&'static str], odd_times: &[&'static str]) -> Content {
        let token = Token {
            access_token: Secret::new("a"),
            expires_at: Timestamp::from_secs(1_798_761_600),
            issued_at: None,
            refresh_token: None,
            registration: None,
        };
        Content::Token(Box::new(Contents {
            token,
            whole,
            lacks: lacks.to_vec(),
            odd_times: odd_times.to_vec(),
        }))
    }

    fn found(content: Content, link: Option<&str>, loose: Vec<Loose>, strays: Vec<Stray>) -> Vec<Finding> {
        let paths = Paths::resolve(&Environment::from_pairs([("HOME", "/home/me")]), None).unwrap();
        let file = TokenFile { path: "/home/me/t.json".into(), link: link.map(PathBuf::from), content };
        let files = vec![("work".to_owned(), &file)];
        examine(&Facts { paths: &paths, files, loose, strays, daemon: true }).findings
    }

    fn said(findings: &[Finding], check: &str) -> Option<(Verdict, String)> {
        let finding = findings.iter().find(|finding| finding.check == check)?;
        let command = match &finding.remedy {
            Some(Remedy::Run(command)) => command.clone(),
            Some(Remedy::Do(advice)) => panic!("{advice}"),
            None => String::new(),
        };
        Some((finding.verdict, command))
    }

    #[test]
    fn what_is_in_a_file() {
        let broken = |copied| Content::Broken { why: "it is empty".into(), copied };
        let (login, refresh) = ("sso-refresh login work", "sso-refresh refresh work");
        let away = "mv /home/me/t.json /home/me/t.away && sso-refresh login work";
        for (content, file, fields) in [
            (Content::Missing, None, None),
            (Content::Unreadable("it is a folder".into()), Some((Failure, away)), None),
            (broken(true), Some((Warning, refresh)), None),
            (broken(false), Some((Failure, login)), None),
            (token(false, &[], &[]), Some((Warning, refresh)), Some((Ok, ""))),
            (token(true, &["refreshToken", "clientId"], &[]), Some((Ok, "")), Some((Ok, ""))),
            (token(true, &["startUrl"], &[]), Some((Ok, "")), Some((Warning, refresh))),
            (token(true, &["registrationExpiresAt"], &[]), Some((Ok, "")), Some((Warning, login))),
            (token(true, &[], &["expiresAt"]), Some((Ok, "")), Some((Warning, refresh))),
        ] {
            let shown = format!("{content:?}");
            let findings = found(content, None, vec![], vec![]);
            for (check, expected) in [("token-file", file), ("token-file-fields", fields)] {
                let expected = expected.map(|(verdict, command)| (verdict, command.to_owned()));
                assert_eq!(said(&findings, check), expected, "{check} {shown}");
            }
        }
    }

    #[test]
    fn where_it_is_and_who_may_use_it() {
        let whole = || token(true, &[], &[]);
        let link = |content, link| said(&found(content, link, vec![], vec![]), "token-file-link");
        assert_eq!(link(whole(), None), Some((Ok, String::new())));
        assert_eq!(link(whole(), Some("/srv/a b")), Some((Warning, "mv '/srv/a b' /home/me/t.json".into())));
        assert_eq!(link(Content::Missing, Some("/srv/x")), Some((Warning, "rm /home/me/t.json".into())));
        let of_itself = Content::Unreadable("it is a loop".into());
        assert_eq!(link(of_itself, Some("/home/me/t.json")), Some((Warning, "rm /home/me/t.json".into())));
        assert_eq!(link(Content::Missing, None), None);

        let loose = Loose { path: "/home/me/t.json".into(), mode: 0o644, wanted: 0o600 };
        let fix = Some((Warning, FIX.to_owned()));
        let findings = found(whole(), None, vec![loose], vec![]);
        assert_eq!(said(&findings, "modes"), fix);
        let line = &findings.iter().find(|finding| finding.check == "modes").unwrap().finding;
        assert_eq!(line, "~/t.json has mode 0644 instead of 0600");

        for (secs, expected) in [(61, fix), (60, Some((Ok, String::new())))] {
            let stray = Stray { path: "/home/me/x.tmp".into(), age: Duration::from_secs(secs) };
            assert_eq!(said(&found(whole(), None, vec![], vec![stray]), "stray-files"), expected);
        }
    }
}
