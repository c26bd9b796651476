//! `completions`, and what the program answers to each script. `tests/shells` has the shells themselves.

#![expect(clippy::unwrap_used, reason = "a program that can't be run fails the test")]

use std::process::Output;

use crate::support::{Home, WORK};

/// What the program is asked by the script of `shell`.
fn asked(home: &Home, shell: &str, words: &[&str]) -> Output {
    let words = match shell {
        "bash" => vec![" \t\n\"'@><=;|&(:".to_owned(), words.join(" ")],
        "powershell" => {
            let (last, before) = words.split_last().unwrap();
            before.iter().map(|word| (*word).to_owned()).chain([format!("={last}")]).collect()
        }
        _ => words.iter().map(|word| (*word).to_owned()).collect(),
    };
    let arguments = ["--".to_owned()].into_iter().chain(words);
    home.command(arguments).env("SSO_REFRESH_COMPLETE", shell).output().unwrap()
}

fn answer(home: &Home, shell: &str, words: &[&str]) -> String {
    let output = asked(home, shell, words);
    assert!(output.status.success() && output.stderr.is_empty(), "{shell} {words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

fn configured() -> Home {
    let home = Home::new();
    home.write_aws_config(&format!(
        "{WORK}[profile dev]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = Reader\n\
         [profile old]\nsso_start_url = https://old\nsso_region = us-east-1\n"
    ));
    home
}

#[test]
fn each_shell_has_a_script_that_asks_the_program() {
    let home = Home::new();
    for shell in SHELLS {
        let ran = home.run(&format!("completions {shell}"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        assert!(ran.stdout.contains("SSO_REFRESH_COMPLETE"), "{shell}");
    }
}

#[test]
fn sessions_profiles_accounts_and_roles_are_told_to_each_shell() {
    let home = configured();
    for shell in SHELLS {
        for (words, value, meaning) in [
            (&["sso-refresh", "login", ""][..], "work", "https://example.awsapps.com/start"),
            (&["sso-refresh", "-v", "status", "--json", "w"], "work", "https://example.awsapps.com/start"),
            (&["sso-refresh", "exec", "--profile", ""], "dev", "Reader in 012345678901 (work)"),
            (&["sso-refresh", "roles", "--account", ""], "012345678901", "dev"),
            (&["sso-refresh", "credentials", "--role", ""], "Reader", "dev"),
            (&["sso-refresh", "service", "ins"], "install", "Install the service, and start it now"),
        ] {
            let answer = answer(&home, shell, words);
            let lines: Vec<&str> = answer.lines().collect();
            assert_eq!((lines[0], lines.len()), ("words", 2), "{shell} {words:?}: {answer}");
            let expected = match shell {
                "bash" => value.to_owned(),
                "zsh" => format!("{value}:{meaning}"),
                "powershell" => format!("{value}\t{value}\t{meaning}"),
                _ => format!("{value}\t{meaning}"),
            };
            assert!(lines[1].starts_with(&expected), "{shell} {words:?}: {answer}");
        }
        assert_eq!(answer(&home, shell, &["sso-refresh", "login", "--config", ""]), "files\n", "{shell}");
        assert_eq!(answer(&home, shell, &["sso-refresh", "login", "nobody"]), "words\n", "{shell}");
    }
}

#[test]
fn another_file_is_asked_where_one_is_named() {
    let home = configured();
    home.write("other.toml", "[session.other]\nstart_url = \"https://other\"\nregion = \"us-east-1\"\n");
    for flag in [&["--config", "other.toml"][..], &["--config=other.toml"], &["--config", "~/other.toml"]] {
        let words = [&["sso-refresh", "login"], flag, &["o"]].concat();
        assert_eq!(answer(&home, "fish", &words), "words\nother\thttps://other\n", "{flag:?}");
    }
    home.write("aws", "[sso-session theirs]\nsso_start_url = https://t\nsso_region = us-east-1\n");
    let mut command = home.command(["--", "sso-refresh", "login", "t"]);
    let output = command
        .env("SSO_REFRESH_COMPLETE", "fish")
        .env("AWS_CONFIG_FILE", home.path("aws"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "words\ntheirs\thttps://t\n");
}

#[test]
fn whatever_is_wrong_it_is_silent_and_leaves_nothing() {
    let home = configured();
    home.write_config("what?\n");
    for shell in SHELLS {
        assert_eq!(answer(&home, shell, &["sso-refresh", "login", "w"]), "words\n", "{shell}");
        assert!(answer(&home, shell, &["sso-refresh", "logi"]).contains("login"), "{shell}");
    }
    assert_eq!(answer(&home, "tcsh", &["sso-refresh", "login", "w"]), "");
    assert_eq!(answer(&home, "fish", &[]), "");
    for place in [".local", "run/sso-refresh", ".aws/sso"] {
        assert!(!home.path(place).exists(), "{place}");
    }
}
