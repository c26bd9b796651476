//! [`Entry`]: a profile that is to be written, and what is in the way of its name.

use std::collections::BTreeMap;

use super::template::Template;
use crate::{
    cli::{
        credentials::recipe::recipe,
        exit::{self, Failure},
    },
    config::{
        aws::{
            header::Kind,
            ini::{Document, FileKind},
        },
        line,
    },
    portal::Account,
};

/// A profile for one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name.
    pub(super) name: String,
    /// The account.
    pub(super) account: Account,
    /// The role in it.
    pub(super) role: String,
}

/// The profiles of all roles, in the order of their accounts.
pub(super) fn entries(
    session: &str,
    mut assignments: Vec<(Account, Vec<String>)>,
    prefix: &str,
    template: &Template,
) -> Result<Vec<Entry>, Failure> {
    assignments.sort_by_cached_key(|(account, _)| (account.name.to_lowercase(), account.id.clone()));
    assignments.dedup_by(|(one, _), (other, _)| one.id == other.id);
    let mut entries = Vec::new();
    for (account, mut roles) in assignments {
        roles.sort();
        roles.dedup();
        for role in roles {
            // What AWS sends becomes lines of a file that names programs to run.
            if let Some(unfit) = [&account.id, &role].into_iter().find(|value| !is_fit(value)) {
                let message = format_args!(
                    "`{unfit}` of the account {} can't stand in the AWS config file, so nothing was written: ask \
                     whoever administers it for another name",
                    account.id
                );
                return Err(Failure::new(exit::FAILED, line(message)));
            }
            let name = format!("{prefix}{}", template.name(session, &account, &role));
            // No program reads a section without a name, and that one counts wherever no profile is named.
            let fault = match name.as_str() {
                "" => "nothing in it makes a name",
                "default" => "it makes `default`, the profile of all who name none,",
                _ => "",
            };
            if !fault.is_empty() {
                let message = format_args!(
                    "nothing was written: use a --prefix or another --template, since {fault} for the role {role} in {}",
                    account.id
                );
                return Err(Failure::new(exit::USAGE, line(message)));
            }
            entries.push(Entry { name, account: account.clone(), role });
        }
    }
    Ok(entries)
}

/// One word that no parser takes for anything else (`NameType` of a permission set is `[\w+=,.@-]+`).
fn is_fit(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Entry {
    /// Its keys: those of a profile that uses the session, or the one that runs this program with these flags before.
    pub(super) fn keys(
        &self,
        session: &str,
        process: Option<&[(&str, &str)]>,
    ) -> Result<Vec<String>, Failure> {
        let Self { account, role, .. } = self;
        if let Some(flags) = process {
            let own = [("--account", account.id.as_str()), ("--role", role), ("--session", session)];
            return Ok(vec![recipe(&[flags, &own].concat())?]);
        }
        Ok(vec![
            format!("sso_session = {session}"),
            format!("sso_account_id = {}", account.id),
            format!("sso_role_name = {role}"),
        ])
    }
}

/// The places of all profiles in a file, by their names.
pub(super) fn places(file: &str, text: &str, kind: FileKind) -> BTreeMap<String, String> {
    let sections = Document::parse(file, text, kind).sections.into_iter();
    let profiles = sections.filter(|section| matches!(section.header.kind, Kind::Profile | Kind::Default));
    profiles.map(|section| (section.header.name, format!("{file}:{}", section.line))).collect()
}

/// Refuses names that two of `entries` have, and those that profiles have which are not ours, with their `places`.
pub(super) fn refuse_collisions(entries: &[Entry], places: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut roles: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        roles.entry(&entry.name).or_default().push(entry);
    }
    let mut twice = Vec::new();
    let mut taken = Vec::new();
    for (name, entries) in roles {
        if entries.len() > 1 {
            let roles: Vec<String> =
                entries.iter().map(|entry| format!("{} in {}", entry.role, entry.account.id)).collect();
            twice.push(format!("`{name}` ({})", roles.join(", ")));
        }
        taken.extend(places.get(name).map(|place| format!("`{name}` ({place})")));
    }
    let refused = |message: String| Err(Failure::new(exit::USAGE, line(message)));
    if !twice.is_empty() {
        return refused(format!(
            "nothing was written: use --template '{{account_name}}-{{account_id}}-{{role}}' or the like, since several \
             roles would have the same profile name: {}",
            twice.join(", ")
        ));
    }
    if !taken.is_empty() {
        return refused(format!(
            "nothing was written: use a --prefix or another --template, or delete the other profiles of the same name: \
             {}",
            taken.join(", ")
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(assignments: &[(&str, &str, &[&str])]) -> Result<Vec<Entry>, Failure> {
        named("p/", "{account_name}-{role}", assignments)
    }

    fn named(
        prefix: &str,
        template: &str,
        assignments: &[(&str, &str, &[&str])],
    ) -> Result<Vec<Entry>, Failure> {
        let assignments = assignments.iter().map(|(id, name, roles)| {
            let account = Account { id: (*id).into(), name: (*name).into(), email_address: String::new() };
            (account, roles.iter().map(|role| (*role).to_owned()).collect())
        });
        entries("work", assignments.collect(), prefix, &template.parse().unwrap())
    }

    fn said(result: Result<(), Failure>) -> String {
        match result {
            Ok(()) => String::new(),
            Err(Failure::Line { line, .. }) => line,
            Err(failure) => format!("{failure:?}"),
        }
    }

    #[test]
    fn they_are_in_order_and_each_is_there_once() {
        let entries = made(&[
            ("2", "b", &["Z", "A", "Z"]),
            ("3", "A", &["R"]),
            ("1", "b", &["R"]),
            ("2", "b", &["A", "Z"]),
            ("4", "c", &[]),
        ]);
        let names: Vec<(String, String)> =
            entries.unwrap().into_iter().map(|entry| (entry.name, entry.account.id)).collect();
        let expected = [("p/A-R", "3"), ("p/b-R", "1"), ("p/b-A", "2"), ("p/b-Z", "2")];
        assert_eq!(names, expected.map(|(name, id)| (name.to_owned(), id.to_owned())));
    }

    #[test]
    fn nothing_that_aws_sends_gets_out_of_its_line() {
        for (id, role) in [
            ("1", "R\n[profile default]\ncredential_process = x"),
            ("1", "R # x"),
            ("1", ""),
            ("", "R"),
            ("1\r", "R"),
            ("1", "R\u{a0}"),
        ] {
            let refused = made(&[(id, "A", &[role])]).map(|_| ());
            assert!(said(refused).contains("can't stand in the AWS config file"), "{id:?} {role:?}");
        }
    }

    #[test]
    fn each_has_a_name() {
        let of = |prefix| named(prefix, "{role}", &[("1", "A", &["=,"])]);
        assert_eq!(of("x").unwrap()[0].name, "x");
        assert_eq!(
            said(of("").map(|_| ())),
            "nothing was written: use a --prefix or another --template, since nothing in it makes a name for the role =, in 1"
        );
        let said = said(named("", "{role}", &[("1", "A", &["default"])]).map(|_| ()));
        assert!(said.contains("since it makes `default`, the profile of all who name none, for"), "{said}");
    }

    #[test]
    fn collisions_are_all_named() {
        let entries =
            made(&[("1", "a b", &["R", "S"]), ("2", "a-b", &["R"]), ("3", "c", &["R", "S"])]).unwrap();
        assert_eq!(
            said(refuse_collisions(&entries, &BTreeMap::new())),
            "nothing was written: use --template '{account_name}-{account_id}-{role}' or the like, since several roles \
             would have the same profile name: `p/a-b-R` (R in 1, R in 2)"
        );
        let text =
            "[default]\nregion = x\n[profile p/c-R]\n[sso-session p/c-S]\n[profile \"p/c-S\"]\n[p/a-b-S]\n";
        let places = places("~/.aws/config", text, FileKind::Config);
        assert_eq!(
            said(refuse_collisions(&entries[3..], &places)),
            "nothing was written: use a --prefix or another --template, or delete the other profiles of the same name: \
             `p/c-R` (~/.aws/config:3), `p/c-S` (~/.aws/config:5)"
        );
        assert_eq!(said(refuse_collisions(&entries[..2], &places)), "");
    }
}
