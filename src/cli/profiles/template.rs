//! [`Template`]: how the names of profiles are made.

use std::str::FromStr;

use crate::{
    cli::template::{Part, parts},
    config::aws::header::portable_name,
    portal::Account,
};

/// `--template`: text with placeholders in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part<Field>>);

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    AccountName,
    AccountId,
    Role,
    Session,
    Email,
}

const FIELDS: [(&str, Field); 5] = [
    ("account_name", Field::AccountName),
    ("account_id", Field::AccountId),
    ("role", Field::Role),
    ("session", Field::Session),
    ("email", Field::Email),
];

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = parts(text, &FIELDS)?;
        for part in &parts {
            if let Part::Text(text) = part {
                portable(text)?;
            }
        }
        Ok(Self(parts))
    }
}

/// A text of the user's that becomes a part of names: every AWS program must take it.
pub(super) fn portable(text: &str) -> Result<String, String> {
    if text.is_empty() || portable_name(text) {
        return Ok(text.to_owned());
    }
    Err("AWS programs take letters, digits and `_-/.%@:+` only".into())
}

impl Template {
    /// The name of the profile of a role; empty where nothing is left of what it is made of.
    pub(super) fn name(&self, session: &str, account: &Account, role: &str) -> String {
        // An account need not have it, and of one in another script nothing may be left.
        let told = |text| Some(fit(text)).filter(|name| !name.is_empty()).unwrap_or_else(|| fit(&account.id));
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Field(Field::AccountName) => told(&account.name),
            Part::Field(Field::AccountId) => fit(&account.id),
            Part::Field(Field::Role) => fit(role),
            Part::Field(Field::Session) => fit(session),
            Part::Field(Field::Email) => told(&account.email_address),
        });
        parts.collect()
    }
}

/// `text` with a dash for whatever an AWS program would not take in a name; none at its ends.
fn fit(text: &str) -> String {
    let words = text.split(|character: char| !portable_name(character.encode_utf8(&mut [0; 4])));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_every_aws_program_takes() {
        let name = |template: &str, account: &str, role: &str| {
            let account = Account {
                id: "012345678901".into(),
                name: account.into(),
                email_address: "aws+dev@example.com".into(),
            };
            let name = template.parse::<Template>().unwrap().name("my sso", &account, role);
            assert!(portable_name(&name), "{name}");
            name
        };
        for (template, account, role, expected) in [
            ("{account_name}-{role}", "Sandbox", "Developer", "Sandbox-Developer"),
            ("{account_name}-{role}", " Sand  box (dev) ", "Read=Only,x", "Sand-box-dev-Read-Only-x"),
            ("{account_name}.{role}", "砂場", "R", "012345678901.R"),
            ("{account_name}", "Zürich\n[x]", "R", "Z-rich-x"),
            ("{session}/{account_id}", "a", "R", "my-sso/012345678901"),
            ("aws:{email}", "a", "R", "aws:aws+dev@example.com"),
        ] {
            assert_eq!(name(template, account, role), expected);
        }
    }

    #[test]
    fn what_an_account_lacks_is_told_by_its_id() {
        let account =
            Account { id: "012345678901".into(), name: String::new(), email_address: String::new() };
        for template in ["{account_name}-{role}", "{email}-{role}"] {
            let name = template.parse::<Template>().unwrap().name("work", &account, "R");
            assert_eq!(name, "012345678901-R", "{template}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_template_is_said() {
        for (template, expected) in [
            (
                "{acount_name}-{role}",
                "there is no {acount_name}, did you mean {account_name}?; known are {account_name}, {account_id}, {role}, {session}, {email}",
            ),
            ("{role", "a `{` has no `}`: write `{{` for the character"),
            ("{role}{{", "AWS programs take letters, digits and `_-/.%@:+` only"),
            ("{role} x", "AWS programs take letters, digits and `_-/.%@:+` only"),
            ("", "it is empty"),
        ] {
            assert_eq!(template.parse::<Template>().unwrap_err(), expected);
        }
    }
}
