//! `config`, and mistakes in the configuration and on the command line.

use serde_json::Value;

use crate::support::{Home, WORK};

#[test]
fn check_says_what_is_there() {
    let home = Home::new();
    let ran = home.run("config check");
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.starts_with("ok: 0 sessions; "), "{ran:?}");
    home.write_aws_config(WORK);
    assert_eq!(home.run("config check").stdout, "ok: 1 session (work)\n");
    home.write_aws_config(&format!(
        "{WORK}[sso-session a]\nsso_start_url = https://a\nsso_region = us-east-1\n"
    ));
    home.write_config("[notify]\ndesktop = true\n");
    assert_eq!(home.run("config check").stdout, "ok: 2 sessions (a, work)\n");
    home.write_aws_config(&format!("{WORK}[default]\nca_bundle = /c.pem\n"));
    assert_eq!(
        home.run("config check").stdout,
        "warning: ~/.aws/config:6: `ca_bundle` of a profile is not used here: set `ca_bundle` in config.toml if the \
         network needs it\nok: 1 session (work)\n"
    );
}

#[test]
fn a_mistake_is_named_with_line_and_column_by_every_command() {
    let home = Home::new();
    home.write_aws_config(WORK);
    home.write_config("\nrefesh_before = \"20m\"\n");
    for line in ["config check", "config show", "run", "token", "status", "refresh", "login", "logout"] {
        let ran = home.run(line);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}");
        assert_eq!(
            ran.stderr,
            "sso-refresh: ~/.config/sso-refresh/config.toml:2:1: unknown key `refesh_before`, did you mean \
             `refresh_before`?\n",
            "{line}"
        );
    }
    assert_eq!(home.run("config path").code, 0, "it helps to find it");
}

#[test]
fn a_file_that_was_named_is_used_and_must_be_there() {
    let home = Home::new();
    home.write("other.toml", "[session.own]\nstart_url = \"https://own\"\nregion = \"us-east-1\"\n");
    assert_eq!(home.run("config check --config other.toml").stdout, "ok: 1 session (own)\n");
    let path = home.path("other.toml").display().to_string();
    assert_eq!(home.run("--config other.toml config path").stdout.trim_end(), path);
    let ran = home.run("config check --config missing.toml");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.starts_with("sso-refresh: can't read ~/missing.toml: "), "{ran:?}");
}

#[test]
fn show_says_where_each_setting_comes_from() {
    let home = Home::new();
    home.write_aws_config(WORK);
    home.write_config("refresh_before = \"25m\"\n");
    let ran = home.run("config show");
    assert_eq!(ran.code, 0);
    insta::assert_snapshot!(ran.stdout, @r"
    SETTING                         VALUE                              FROM
    refresh_before                  25m                                ~/.config/sso-refresh/config.toml:1
    ca_bundle                       -                                  default
    proxy                           -                                  default
    notify.desktop                  true                               default
    notify.warn_before_session_end  15m                                default
    log.level                       info                               default
    log.format                      auto                               default
    listen.address                  -                                  default
    hooks.refreshed                 -                                  default
    hooks.login_required            -                                  default
    hooks.failed                    -                                  default
    import_aws_config               true                               default
    exclude                         -                                  default
    session.work.start_url          https://example.awsapps.com/start  ~/.aws/config:2
    session.work.region             us-east-1                          ~/.aws/config:3
    session.work.scopes             sso:account:access                 ~/.aws/config:4
    session.work.refresh_before     25m                                ~/.config/sso-refresh/config.toml:1
    session.work.session_duration   -                                  default
    session.work.oidc_endpoint      http://127.0.0.1:9                 AWS_ENDPOINT_URL_SSO_OIDC
    session.work.portal_endpoint    http://127.0.0.1:9                 AWS_ENDPOINT_URL_SSO
    session.work.use_fips           false                              default
    session.work.use_dual_stack     false                              default
    default_session                 -                                  default
    ");
    let printed: Value = serde_json::from_str(&home.run("config show --json").stdout).unwrap();
    assert_eq!(printed["version"], 1);
    let setting = &printed["settings"][0];
    assert_eq!(setting["key"], "refresh_before");
    assert_eq!(setting["value"], "25m");
    assert_eq!(setting["origin"], "~/.config/sso-refresh/config.toml:1");
}

#[test]
fn wrong_usage() {
    let home = Home::new();
    for line in
        ["", "tokn", "token --min-validity soon", "status --nope", "completions tcsh", "simulate --fault x"]
    {
        let ran = home.run(line);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}");
        // Nothing at all asks for the help; each mistake is one line.
        assert_eq!(ran.stderr.lines().count() == 1, !line.is_empty(), "{ran:?}");
        assert_eq!(ran.stderr.starts_with("sso-refresh: "), !line.is_empty(), "{ran:?}");
    }
    assert_eq!(
        home.run("login --reneww").stderr,
        "sso-refresh: unknown option `--reneww`, did you mean `--renew`?; see `sso-refresh login --help`\n"
    );
    let ran = home.run("--version");
    assert_eq!(ran.stdout, concat!("sso-refresh ", env!("CARGO_PKG_VERSION"), "\n"));
}
