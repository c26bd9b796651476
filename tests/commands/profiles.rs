//! `profiles`: what it writes into the AWS config file, and what it leaves alone.

#![expect(clippy::unwrap_used, reason = "what is not written fails the test")]

use std::{
    fs::{self, Permissions},
    io::{Read as _, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    time::Duration,
};

use nix::pty::openpty;
use serde_json::{Value, json};
use sso_refresh::{
    session::token::{Secret, Token},
    simulator::{Account, Operation, Options},
};

use crate::support::{Center, Home, Ran, START_URL, WORK};

const LEFT: Duration = Duration::from_secs(50 * 60);

const BLOCK: &str = "# >>> sso-refresh profiles work >>>
# Written by `sso-refresh profiles`, which writes it anew. Keys that you add to a profile stay.
[profile Production-ReadOnly]
sso_session = work
sso_account_id = 210987654321
sso_role_name = ReadOnly

[profile Sandbox-Developer]
sso_session = work
sso_account_id = 012345678901
sso_role_name = Developer

[profile Sandbox-ReadOnly]
sso_session = work
sso_account_id = 012345678901
sso_role_name = ReadOnly

# <<< sso-refresh profiles work <<<
";

fn signed_in(accounts: Option<Vec<Account>>, aws_config: &str) -> (Center, Home) {
    let options = Options::default();
    let accounts = accounts.unwrap_or_else(|| options.accounts.clone());
    let center = Center::start(Options { accounts, ..options });
    let home = Home::with(&center, aws_config);
    center.sign_in(&home, "work", LEFT);
    (center, home)
}

fn config(home: &Home) -> String {
    fs::read_to_string(home.path(".aws/config")).unwrap()
}

fn done(ran: &Ran, said: &str) {
    assert_eq!((ran.code, ran.stderr.as_str(), ran.stdout.as_str()), (0, "", said), "{ran:?}");
}

/// One line on standard error, and the file as it was.
fn refused(home: &Home, line: &str, code: i32, parts: &[&str]) {
    let before = config(home);
    let ran = home.run(line);
    assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{line}: {ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    for part in parts {
        assert!(ran.stderr.contains(part), "{part} is not in {ran:?}");
    }
    assert_eq!(config(home), before);
}

#[test]
fn there_is_a_profile_for_every_role_and_once_is_enough() {
    let (center, home) = signed_in(None, WORK);
    done(&home.run("profiles"), "~/.aws/config has 3 profiles of `work`: 3 new, 0 gone\n");
    assert_eq!(config(&home), format!("{WORK}{BLOCK}"));
    let written = fs::metadata(home.path(".aws/config")).unwrap();
    done(&home.run("profiles work"), "~/.aws/config has 3 profiles of `work`: nothing has changed\n");
    let seen = fs::metadata(home.path(".aws/config")).unwrap();
    assert_eq!(written.modified().unwrap(), seen.modified().unwrap(), "nothing was written");
    // They are profiles for every program, this one too.
    let ran = home.run("credentials --profile Sandbox-Developer");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stdout.contains("\"AccountId\":\"012345678901\""), "{}", ran.stdout.len());
    let ran = home.run("config check");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert_eq!(center.exchanges(), 0);
}

#[test]
fn a_dry_run_shows_the_difference_and_writes_nothing() {
    let (_center, home) =
        signed_in(None, &format!("{WORK}[profile mine]\naws_secret_access_key = planted\nregion = x"));
    let before = config(&home);
    let ran = home.run("profiles --dry-run");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    insta::assert_snapshot!(ran.stdout, @"
    --- ~/.aws/config
    +++ ~/.aws/config
    @@ -4,4 +4,22 @@
     sso_registration_scopes = sso:account:access
     [profile mine]
     aws_secret_access_key = (not shown)
    -region = x
    \\ No newline at end of file
    +region = x
    +# >>> sso-refresh profiles work >>>
    +# Written by `sso-refresh profiles`, which writes it anew. Keys that you add to a profile stay.
    +[profile Production-ReadOnly]
    +sso_session = work
    +sso_account_id = 210987654321
    +sso_role_name = ReadOnly
    +
    +[profile Sandbox-Developer]
    +sso_session = work
    +sso_account_id = 012345678901
    +sso_role_name = Developer
    +
    +[profile Sandbox-ReadOnly]
    +sso_session = work
    +sso_account_id = 012345678901
    +sso_role_name = ReadOnly
    +
    +# <<< sso-refresh profiles work <<<
    \\ No newline at end of file
    ");
    assert_eq!(config(&home), before);
    let printed: Value = serde_json::from_str(&home.run("profiles --dry-run --json").stdout).unwrap();
    assert_eq!((&printed["changed"], &printed["dryRun"]), (&true.into(), &true.into()));
    assert_eq!(printed["diff"], ran.stdout.as_str());
    assert_eq!(config(&home), before);
    let printed: Value = serde_json::from_str(&home.run("profiles --json").stdout).unwrap();
    assert_eq!((&printed["version"], &printed["session"]), (&1.into(), &"work".into()));
    assert_eq!((&printed["changed"], &printed["dryRun"]), (&true.into(), &false.into()));
    assert_eq!(printed["file"], home.path(".aws/config").to_str().unwrap());
    assert_eq!(printed["added"], json!(["Production-ReadOnly", "Sandbox-Developer", "Sandbox-ReadOnly"]));
    assert_eq!(printed["gone"], json!([]));
    assert_eq!(
        printed["profiles"][0],
        json!({
            "name": "Production-ReadOnly",
            "accountId": "210987654321",
            "accountName": "Production",
            "roleName": "ReadOnly"
        })
    );
    assert_eq!(config(&home), format!("{before}\n{}", BLOCK.trim_end()), "nothing at its end, as before");
    let unchanged = "~/.aws/config has 3 profiles of `work`: nothing has changed\n";
    done(&home.run("profiles --dry-run"), unchanged);
}

#[test]
fn names_and_keys_are_as_wanted() {
    let (_center, home) = signed_in(None, WORK);
    done(
        &home.run("profiles --prefix=aws/ --template {account_id}:{role}@{session} --region eu-west-1"),
        "~/.aws/config has 3 profiles of `work`: 3 new, 0 gone\n",
    );
    let written = config(&home);
    let expected = "[profile aws/210987654321:ReadOnly@work]\nsso_session = work\nsso_account_id = 210987654321\n\
                    sso_role_name = ReadOnly\nregion = eu-west-1\n\n";
    assert!(written.contains(expected), "{written}");
    assert_eq!(written.matches("\n[profile ").count(), 3);

    done(
        &home.run("profiles --credential-process"),
        "~/.aws/config has 3 profiles of `work`: 3 new, 3 gone\n",
    );
    let written = config(&home);
    let line = format!(
        "[profile Sandbox-Developer]\ncredential_process = {} credentials --account 012345678901 --role Developer \
         --session work\n\n",
        env!("CARGO_BIN_EXE_sso-refresh")
    );
    assert!(written.contains(&line) && !written.contains("sso_session ="), "{written}");
    for (flags, said) in [
        ("--template {acount_id}", "did you mean {account_id}?"),
        ("--template {role", "no `}`"),
        ("--prefix a*b", "letters, digits and"),
        ("--region x;y", "letters, digits and"),
    ] {
        let ran = home.run(&format!("profiles {flags}"));
        assert!(ran.code == 2 && ran.stdout.is_empty() && ran.stderr.contains(said), "{flags}: {ran:?}");
    }
}

#[test]
fn what_is_listed_no_more_goes_and_what_the_user_added_stays() {
    let old = BLOCK
        .replace("sso_role_name = Developer\n", "sso_role_name = Older\nregion = eu-west-1\n# mine\n")
        .replace("[profile Sandbox-ReadOnly]", "[profile Gone-ReadOnly]");
    let (_center, home) = signed_in(None, &format!("# first\n{old}{WORK}"));
    done(&home.run("profiles"), "~/.aws/config has 3 profiles of `work`: 1 new, 1 gone\n");
    let kept = "sso_role_name = Developer\nregion = eu-west-1\n# mine\n";
    let new = BLOCK.replace("sso_role_name = Developer\n", kept);
    assert_eq!(config(&home), format!("# first\n{new}{WORK}"), "in its place");

    let (_center, home) = signed_in(Some(Vec::new()), &format!("# first\n{BLOCK}{WORK}"));
    done(&home.run("profiles"), "~/.aws/config has no profile of `work`: 0 new, 3 gone\n");
    assert_eq!(config(&home), format!("# first\n{WORK}"));
}

#[test]
fn collisions_are_refused_with_all_names() {
    let accounts = vec![
        Account::new("000000000001", "Team A", &["Admin", "Dev"]),
        Account::new("000000000002", "Team-A", &["Admin", "Dev"]),
        Account::new("000000000003", "Team B", &["Dev"]),
    ];
    let (_center, home) = signed_in(
        Some(accounts),
        &format!("{WORK}[profile Team-B-Dev]\nregion = x\n[profile 000000000001]\n"),
    );
    refused(
        &home,
        "profiles",
        2,
        &["`Team-A-Admin` (Admin in 000000000001, Admin in 000000000002)", "`Team-A-Dev`", "--template"],
    );
    let by_id = "profiles --template {account_name}-{account_id}-{role}";
    refused(&home, "profiles --template {session} --json --dry-run", 2, &["Dev in 000000000003"]);
    home.write(".aws/credentials", "[Team-A-000000000001-Dev]\naws_access_key_id = x\n");
    refused(&home, by_id, 2, &["`Team-A-000000000001-Dev` (~/.aws/credentials:1)", "--prefix"]);
    done(
        &home.run(&format!("{by_id} --prefix x-")),
        "~/.aws/config has 5 profiles of `work`: 5 new, 0 gone\n",
    );
    // Those in the block are no hindrance.
    done(
        &home.run(&format!("{by_id} --prefix x-")),
        "~/.aws/config has 5 profiles of `work`: nothing has changed\n",
    );
}

#[test]
fn what_can_not_be_written_anew_is_refused_before_aws_is_asked() {
    let (center, home) = signed_in(None, WORK);
    for (text, code, parts) in [
        (
            format!("{WORK}# >>> sso-refresh profiles work >>>\n[profile a]\n"),
            1,
            &["~/.aws/config:5: ", "no counterpart"][..],
        ),
        (format!("{BLOCK}{WORK}{BLOCK}"), 1, &["~/.aws/config:23: ", "the one of line 1"]),
        (format!("{BLOCK}region = x\n{WORK}"), 1, &["~/.aws/config:19: ", "belongs to the last profile"]),
        (
            WORK.replace("sso_region = us-east-1\n", ""),
            2,
            &["no [sso-session work] with sso_start_url and sso_region", "--credential-process"],
        ),
    ] {
        home.write_aws_config(&text);
        // What the AWS config file lacks, this one may say.
        home.write_config("[session.work]\nregion = \"us-east-1\"\n");
        refused(&home, "profiles", code, parts);
    }
    assert_eq!(center.simulator().count(Operation::ListAccounts), 0);
    done(
        &home.run("profiles --credential-process"),
        "~/.aws/config has 3 profiles of `work`: 3 new, 0 gone\n",
    );
    let mut file = fs::OpenOptions::new().append(true).open(home.path(".aws/config")).unwrap();
    file.write_all(b"# \xff\n").unwrap();
    let ran = home.run("profiles");
    assert!(ran.code == 2 && ran.stderr.contains(" is not UTF-8, which no AWS program reads"), "{ran:?}");
}

#[test]
fn the_file_stays_what_it_was() {
    // A link, a mode, line ends of Windows, and a mark at its beginning.
    let (_center, home) = signed_in(None, WORK);
    let text = format!("\u{feff}{WORK}[default]\nregion = x\n").replace('\n', "\r\n");
    home.write("dotfiles/config", &text);
    fs::set_permissions(home.path("dotfiles/config"), Permissions::from_mode(0o640)).unwrap();
    fs::remove_file(home.path(".aws/config")).unwrap();
    symlink("../dotfiles/config", home.path(".aws/config")).unwrap();
    done(&home.run("profiles"), "~/.aws/config has 3 profiles of `work`: 3 new, 0 gone\n");
    assert_eq!(config(&home), format!("{text}{}", BLOCK.replace('\n', "\r\n")));
    assert!(home.path(".aws/config").is_symlink());
    let mode = fs::metadata(home.path("dotfiles/config")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    let names = |folder: &str| fs::read_dir(home.path(folder)).unwrap().count();
    assert_eq!((names("dotfiles"), names(".aws")), (1, 2), "nothing is left beside it");

    // There is none yet.
    let (_center, home) = signed_in(None, "");
    fs::remove_file(home.path(".aws/config")).unwrap();
    home.write_config(
        "[session.work]\nregion = \"us-east-1\"\nstart_url = \"https://example.awsapps.com/start\"\n",
    );
    done(
        &home.run("profiles --credential-process"),
        "~/.aws/config has 3 profiles of `work`: 3 new, 0 gone\n",
    );
    let mode = fs::metadata(home.path(".aws/config")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn what_somebody_writes_meanwhile_stays() {
    let (center, home) = signed_in(None, WORK);
    center.set_faults("ListAccountRoles:delay=5s:times=1");
    let child = home.command(["profiles"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    while center.simulator().count(Operation::ListAccountRoles) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let theirs = format!("{WORK}[profile theirs]\nregion = x\n");
    home.write_aws_config(&theirs);
    let ran: Ran = child.wait_with_output().unwrap().into();
    done(&ran, "~/.aws/config has 3 profiles of `work`: 3 new, 0 gone\n");
    assert_eq!(config(&home), format!("{theirs}{BLOCK}"));
}

#[test]
fn a_long_listing_is_whole_or_nothing_is_written() {
    let accounts: Vec<Account> = (0..103)
        .map(|number| Account::new(&format!("{number:012}"), &format!("A{number:03}"), &["R"]))
        .collect();
    let (center, home) = signed_in(Some(accounts), WORK);
    for (fault, code) in [
        ("ListAccountRoles:status=503:after=3:times=1", 5),
        ("ListAccountRoles:empty:after=3:times=1", 5),
        ("ListAccounts:truncated:after=1:times=1", 5),
        ("ListAccountRoles:ForbiddenException:after=3:times=1", 1),
    ] {
        center.set_faults(fault);
        refused(&home, "profiles", code, &["sso-refresh: "]);
    }
    // A token that dies, and a portal that wants to be asked less often.
    let token = center.sign_in(&home, "work", LEFT);
    home.write_token("work", &Token { access_token: Secret::new("unknown-to-aws"), ..token }, START_URL);
    center.set_faults(
        "ListAccounts:TooManyRequestsException:after=2:times=1\nListAccountRoles:TooManyRequestsException:after=5:times=1",
    );
    let pty = openpty(None, None).unwrap();
    let ran = home.command(["profiles"]).stderr(pty.slave).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(said, "~/.aws/config has 103 profiles of `work`: 103 new, 0 gone\n");
    assert_eq!(center.exchanges(), 1);
    let mut shown = Vec::new();
    // Linux calls the end of a terminal an error.
    drop(fs::File::from(pty.master).read_to_end(&mut shown));
    let shown = String::from_utf8(shown).unwrap();
    for part in
        ["roles of 0 of 100 accounts …", "roles of 7 of 103 accounts …", "roles of 103 of 103 accounts …"]
    {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(shown.ends_with("\r\u{1b}[K"), "{shown}");
}
