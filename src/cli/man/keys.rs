//! Every key of the configuration file, for the manual.

/// A table of the file.
pub(super) struct Table {
    pub(super) heading: &'static str,
    pub(super) about: &'static str,
    pub(super) keys: &'static [Key],
}

/// A key of a table.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// What stands there without it, or an example.
    pub(super) value: &'static str,
    pub(super) about: &'static str,
}

pub(super) const ABOUT: [&str; 4] = [
    "Nothing needs to be configured: without this file, every [sso-session] of the AWS config file is kept fresh. What is \
     set here goes before what the AWS config file says.",
    "The file is TOML. An unknown key or a bad value is an error with line and column, and then a running daemon keeps its \
     old settings. It takes up a changed file by itself, and says so in its log; `sso-refresh reload` has it do so and \
     waits for what it says. `sso-refresh config check` validates the file, and `sso-refresh config show` prints the \
     settings in force and where each comes from.",
    "Durations are texts such as \"90s\", \"20m\" or \"8h\". In a path, ~ is the home directory. In a pattern, * stands for \
     any characters and ? for one.",
    "The values below are those that hold without the key, where there is one, and else examples.",
];

const fn key(name: &'static str, value: &'static str, about: &'static str) -> Key {
    Key { name, value, about }
}

pub(super) const TABLES: &[Table] = &[
    Table {
        heading: "TOP LEVEL",
        about: "Before the first table.",
        keys: &[
            key(
                "refresh_before",
                "\"20m\"",
                "Refresh when this much of a token is left; never later than at half of its life.",
            ),
            key("default_session", "\"work\"", "The session that is meant where a command names none."),
            key(
                "import_aws_config",
                "true",
                "Whether every [sso-session] of the AWS config file is a session here too.",
            ),
            key("exclude", "[\"old-*\"]", "Patterns of names of [sso-session] sections that are not."),
            key(
                "ca_bundle",
                "\"/etc/ssl/corp.pem\"",
                "A PEM bundle of certificate authorities to trust beside those of the system; AWS_CA_BUNDLE without it.",
            ),
            key(
                "proxy",
                "\"http://proxy:3128\"",
                "The proxy; HTTPS_PROXY, ALL_PROXY and NO_PROXY without it.",
            ),
        ],
    },
    Table {
        heading: "[session.NAME]",
        about: "A session. If the AWS config file has one of the same name, its keys are completed and replaced by these.",
        keys: &[
            key(
                "start_url",
                "\"https://example.awsapps.com/start\"",
                "Where a sign-in begins. Without one the session is kept fresh, and nobody can sign in to it.",
            ),
            key("region", "\"ca-central-1\"", "The region of the Identity Center."),
            key("scopes", "[\"sso:account:access\"]", "What the token is good for."),
            key("refresh_before", "\"30m\"", "As above, for this session; without it the one above holds."),
            key(
                "session_duration",
                "\"8h\"",
                "How long a sign-in lasts, as the administrator has set it; at most 90 days. Without it, it is learned.",
            ),
            key(
                "endpoint",
                "\"https://sso.example.com\"",
                "Base URL of the OIDC service and the portal, for private endpoints and tests.",
            ),
            key("store", "\"file\"", "Where the secrets are: the token file."),
        ],
    },
    Table {
        heading: "[listen]",
        about: "The endpoint on this machine that hands out credentials over HTTP. It is off unless this table is there.",
        keys: &[
            key("address", "\"127.0.0.1:8080\"", "A loopback address with a port; port 0 picks one."),
            key(
                "profiles",
                "[\"*\"]",
                "Patterns of the profiles whose credentials it may hand out, such as [\"dev\", \"prod-*\"]. Only where \"*\" is \
                 among them it hands out access tokens too, for whoever has one has every role.",
            ),
            key(
                "token_file",
                "\"~/.config/sso-refresh/endpoint-token\"",
                "A file of yours with the token that clients must send: mode 0600, one line. Without it there is a new \
                 token with each start.",
            ),
        ],
    },
    Table {
        heading: "[notify]",
        about: "What you are told of.",
        keys: &[
            key("desktop", "true", "Whether notifications are shown on the desktop."),
            key(
                "warn_before_session_end",
                "\"15m\"",
                "How long before the end of a session it is announced, where that end is known; not before half of it.",
            ),
        ],
    },
    Table {
        heading: "[hooks]",
        about: "Programs with their arguments, as lists. They are run one at a time, without a shell, for 30 seconds at most, \
                with SSO_REFRESH_EVENT, SSO_REFRESH_SESSION and more in the environment and a JSON object on standard input.",
        keys: &[
            key("refreshed", "[\"/usr/bin/true\"]", "After a refresh."),
            key("login_required", "[\"~/bin/tell-me\", \"sign in\"]", "When only a sign-in helps."),
            key("failed", "[\"/usr/bin/true\"]", "When refreshing begins to fail."),
        ],
    },
    Table {
        heading: "[log]",
        about: "The log of the daemon.",
        keys: &[
            key(
                "level",
                "\"info\"",
                "The most detailed level that is written: error, warn, info, debug or trace.",
            ),
            key(
                "format",
                "\"auto\"",
                "journald, pretty or json; auto is journald under systemd, and else pretty.",
            ),
        ],
    },
];

pub(super) const EXAMPLE: &str = r#"default_session = "work"
exclude = ["old-*"]

[session.work]
session_duration = "8h"

[listen]
profiles = ["dev"]
"#;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{Explained, environment::Environment, explain_with, file::Source, paths::Paths};

    /// The keys that the code takes in a table: those that it names when it finds another one.
    fn taken(table: &str) -> BTreeSet<String> {
        let text = format!("{table}\nqqqqqqqqqqqqqqqqqqqqqqqqq = 1\n");
        let message = Source::new("config.toml", &text).parse().unwrap_err().message;
        let (_, keys) =
            message.split_once("expected one of ").unwrap_or_else(|| panic!("{table}: {message}"));
        keys.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn every_key_of_the_code_is_described_and_no_other() {
        let mut tables: BTreeSet<String> = BTreeSet::new();
        for Table { heading, keys, .. } in TABLES.iter().skip(1) {
            let described = keys.iter().map(|key| key.name.to_owned()).collect();
            assert_eq!(taken(heading), described, "{heading}");
            tables.insert(heading.trim_matches(['[', ']']).trim_end_matches(".NAME").to_owned());
        }
        tables.extend(TABLES[0].keys.iter().map(|key| key.name.to_owned()));
        assert_eq!(taken(""), tables, "the top level");
    }

    #[test]
    fn a_value_that_holds_without_its_key_is_the_one_that_is_described() {
        let home = tempfile::tempdir().unwrap();
        let env = Environment::from_pairs([("HOME", home.path().to_str().unwrap())]);
        let paths = Paths::resolve(&env, None).unwrap();
        let (_, explained) = explain_with(&paths, &env, "[listen]\n").unwrap();
        let mut compared = 0;
        for Explained { key, value, origin } in explained {
            let Some(value) = value.filter(|value| origin == "default" && !value.is_empty()) else {
                continue;
            };
            let (table, name) = key.rsplit_once('.').unwrap_or(("TOP LEVEL", &key));
            let table = TABLES.iter().find(|found| found.heading.trim_matches(['[', ']']) == table).unwrap();
            let described = table.keys.iter().find(|found| found.name == name).unwrap();
            assert_eq!(described.value.trim_matches(['[', '"', ']']), value, "{key}");
            compared += 1;
        }
        assert!(compared > 5, "{compared}");
    }

    #[test]
    fn every_value_and_the_example_are_accepted() {
        let mut text = String::new();
        for (number, Table { heading, keys, .. }) in TABLES.iter().enumerate() {
            if number > 0 {
                text.push_str(heading);
            }
            for Key { name, value, .. } in *keys {
                text += &["\n", name, " = ", value, "\n"].concat();
            }
        }
        for text in [text.as_str(), EXAMPLE] {
            Source::new("config.toml", text).parse().unwrap();
        }
    }
}
