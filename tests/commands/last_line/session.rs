//! An expired session, a dead registration, and mistakes in the configuration.

use std::fs;

use super::*;

const ROLE: &str = "credentials --account 012345678901 --role Developer";

fn commands() -> Vec<String> {
    ["token", "refresh", "accounts", ROLE].map(|words| format!("sso-refresh {words}")).to_vec()
}

#[test]
fn an_expired_session_and_a_dead_registration_end_with_the_sign_in_that_the_line_names() {
    let center = center();
    let home = Home::with(&center, WORK);
    let commands = commands();
    for fault in
        ["", "CreateToken:InvalidGrantException:times=2", "CreateToken:InvalidClientException:times=1"]
    {
        for line in &commands {
            center.sign_in(&home, "work", Duration::ZERO);
            if fault.is_empty() {
                fs::remove_file(home.token_path("work")).unwrap();
            }
            center.set_faults(fault);
            let said = fails(&home, line, 3);
            assert_eq!(command(&said), "sso-refresh login work", "{said}");
            works(&home, command(&said));
            works(&home, line);
        }
    }
}

#[test]
fn a_client_that_aws_has_forgotten_is_replaced_by_the_sign_in_that_follows() {
    let center = center();
    let home = Home::with(&center, WORK);
    works(&home, "sso-refresh login");
    // Its file is kept, and the service knows nothing of it.
    center.set_faults(
        "StartDeviceAuthorization:InvalidClientException:times=1\nCreateToken:InvalidClientException:times=1",
    );
    let said = fails(&home, "sso-refresh refresh", 3);
    works(&home, command(&said));
    works(&home, "sso-refresh refresh");
}

#[test]
fn a_daemon_says_it_in_its_log_and_in_the_status() {
    let center = center();
    let home = Home::with(&center, WORK);
    center.sign_in(&home, "work", Duration::ZERO);
    center.set_faults("CreateToken:InvalidClientException");
    let mut daemon = home.daemon(&[]);
    let logged = daemon.wait_for(" WARN ");
    let status = run(&home, "sso-refresh status");
    let shown = status.stdout.lines().find(|line| line.starts_with("work ")).unwrap();
    assert!(shown.trim_end().ends_with(" sso-refresh login work"), "{status:?}");
    assert!(logged.ends_with("`sso-refresh login work`"), "{logged}");
    center.set_faults("");
    works(&home, command(&logged));
    works(&home, "sso-refresh status");
}

#[test]
fn a_typo_in_config_toml_is_corrected_where_the_line_says() {
    let center = center();
    let home = Home::with(&center, WORK);
    works(&home, "sso-refresh login");
    for (mistake, correction) in [
        ("refresh_befor = \"30m\"", Some("refresh_before")),
        ("refresh_before = \"30 minuets\"", None),
        ("default_session = \"wrok\"", Some("work")),
        ("[log]\nlevel = \"inf\"", Some("info")),
        ("[session.wrok]\nscopes = [\"sso:account:access\"]", Some("[session.work]")),
    ] {
        let text = format!("# mine\n{mistake}\n");
        for line in ["token", "status", "refresh", "run", "login", "config check", "service start"] {
            if line == "service start" {
                tool(
                    &home,
                    "systemctl",
                    "case \"$*\" in *show*) printf 'Id=sso-refresh.service\\nLoadState=loaded\\n' ;; esac\n",
                );
            }
            home.write_config(&text);
            let line = format!("sso-refresh {line}");
            let said = fails(&home, &line, 2);
            // `sso-refresh: FILE:LINE:COLUMN: what is wrong, did you mean `this`?`
            let (place, what) = said
                .strip_prefix("sso-refresh: ~/.config/sso-refresh/config.toml:")
                .unwrap()
                .split_once(": ")
                .unwrap();
            let number: usize = place.split(':').next().unwrap().parse().unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let words = quoted(what);
            let written = &mut lines[number - 1];
            *written = if let Some(meant) = correction {
                assert!(what.contains(meant) && what.contains("did you mean"), "{said}");
                let wrong =
                    words.iter().rev().find(|word| written.contains(**word) && **word != meant).unwrap();
                let wrong =
                    if meant.starts_with('[') { format!("[session.{wrong}]") } else { (*wrong).to_owned() };
                written.replace(&wrong, meant)
            } else {
                assert!(what.contains("write it like \"90s\", \"20m\""), "{said}");
                "refresh_before = \"20m\"".to_owned()
            };
            home.write_config(&lines.join("\n"));
            // The daemon would stay.
            works(&home, if line.ends_with(" run") { "sso-refresh config check" } else { &line });
        }
    }
}

#[test]
fn a_typo_in_the_aws_config_file_is_corrected_where_the_line_says() {
    let center = center();
    let profile =
        "[profile dev]\nsso_session = work\nsso_account_id = 012345678901\nsso_role_name = Developer\n";
    let right = format!("{WORK}{profile}");
    let home = Home::with(&center, &right);
    works(&home, "sso-refresh login");
    for (from, to, place, remedy) in [
        ("sso_region", "sso_regoin", "~/.aws/config:1: ", "`sso_region` is missing"),
        ("sso_start_url", "sso_start_uri", "~/.aws/config:1: ", "`sso_start_url` is missing"),
        ("us-east-1", "US East", "~/.aws/config:3: ", "a region must be a name such as \"us-east-1\""),
        (
            "sso_session = work",
            "sso_session = wrok",
            "~/.aws/config:5: ",
            "did you mean `sso_session = work`?",
        ),
        ("sso_account_id", "sso_accountid", "~/.aws/config:5: ", "set sso_account_id"),
    ] {
        let lines: &[&str] = if place.ends_with("5: ") {
            &["sso-refresh credentials --profile dev"]
        } else {
            &[
                "sso-refresh token",
                "sso-refresh status",
                "sso-refresh login",
                "sso-refresh credentials --profile dev",
            ]
        };
        for line in lines {
            home.write_aws_config(&right.replace(from, to));
            let said = fails(&home, line, 2);
            assert!(said.contains(place) && said.contains(remedy), "{line}: {said}");
            home.write_aws_config(&right);
            works(&home, line);
        }
    }
}
