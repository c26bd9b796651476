//! Both files and the environment, through [`load`].

use std::io::Write;

use proptest::{prelude::ProptestConfig, test_runner::RngSeed};

use super::*;

pub(super) const AWS: &str = "[sso-session work]\nsso_start_url = https://w.example/start#/\nsso_region = us-east-1\n\
                   [sso-session old-a]\nsso_start_url = https://old/start\nsso_region = eu-west-1\n\
                   [profile dev]\nsso_session = work\n[profile old]\nsso_session = old-a\n\
                   [profile legacy]\nsso_start_url = https://l\nsso_region = us-east-1\n";

/// Always the same cases, so that a red run is red for everybody.
pub(super) fn same_every_time() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(2026), ..Default::default() }
}

/// A home directory with both files.
struct Home(tempfile::TempDir);

impl Home {
    fn new(config: &str, aws: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write(".config/sso-refresh/config.toml", config.as_bytes());
        home.write(".aws/config", aws.as_bytes());
        home
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().write_all(content).unwrap();
    }

    fn explain(&self, variables: &[(&str, &str)]) -> Result<(Settings, Vec<Explained>), Error> {
        let home = self.0.path().to_str().unwrap();
        let env = Environment::from_pairs(variables.iter().copied().chain([("HOME", home)]));
        explain(&Paths::resolve(&env, None)?, &env)
    }
}

pub(super) fn load_with(config: &str, aws: &str, variables: &[(&str, &str)]) -> Result<Settings, Error> {
    Home::new(config, aws).explain(variables).map(|(settings, _)| settings)
}

fn names(settings: &Settings) -> Vec<&str> {
    settings.sessions.keys().map(String::as_str).collect()
}

#[test]
fn nothing_configured_is_fine() {
    let home = Home(tempfile::tempdir().unwrap());
    let (settings, _) = home.explain(&[]).unwrap();
    assert!(settings.sessions.is_empty() && settings.warnings.is_empty());
    assert_eq!(settings.warn_before_session_end, Duration::from_secs(900));
    assert_eq!(settings.log, LogSettings { level: tracing::Level::INFO, format: LogFormat::Auto });
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let home = Home::new("", "");
    let error = home.explain(&[("SSO_REFRESH_CONFIG", "~/other.toml")]).unwrap_err();
    assert!(error.to_string().starts_with("can't read ~/other.toml: "), "{error}");
}

#[test]
fn aws_sessions_get_the_defaults() {
    let settings = load_with("", AWS, &[]).unwrap();
    assert_eq!(names(&settings), ["old-a", "work"]);
    let expected = SessionSettings {
        name: "work".into(),
        start_url: Some("https://w.example/start#/".into()),
        region: "us-east-1".into(),
        scopes: vec!["sso:account:access".into()],
        refresh_before: Duration::from_secs(1200),
        session_duration: None,
        oidc_endpoint: None,
        portal_endpoint: None,
        use_fips: false,
        use_dual_stack: false,
        origin: "~/.aws/config:1".into(),
    };
    assert_eq!(settings.sessions["work"], expected);
    assert_eq!(settings.profiles.len(), 3);
    assert_eq!(settings.warnings, [""; 0]);
}

#[test]
fn which_sessions_there_are() {
    let own = "[session.work]\nstart_url = \"https://own\"\nregion = \"us-east-1\"";
    for (config, expected) in [
        ("", &["old-a", "work"][..]),
        ("import_aws_config = false", &[]),
        ("exclude = [\"old-*\"]", &["work"]),
        ("exclude = [\"OLD-*\"]", &["old-a", "work"]),
        ("exclude = [\"*\"]", &[]),
        (&format!("import_aws_config = false\n{own}"), &["work"]),
        (&format!("exclude = [\"work\"]\n{own}"), &["old-a", "work"]),
        (&own.replace("work", "third"), &["old-a", "third", "work"]),
    ] {
        assert_eq!(names(&load_with(config, AWS, &[]).unwrap()), expected, "{config}");
    }
}

#[test]
fn the_keys_of_config_toml_win() {
    let config = "refresh_before = \"25m\"\n[session.work]\nregion = \"eu-west-1\"\nscopes = [\"a\", \"b\"]\n\
                  refresh_before = \"30m\"\nsession_duration = \"8h\"\nendpoint = \"http://127.0.0.1:1/\"";
    let settings = load_with(config, AWS, &[]).unwrap();
    let work = &settings.sessions["work"];
    assert_eq!(
        (work.sign_in_url().unwrap(), work.region.as_str()),
        ("https://w.example/start#/", "eu-west-1")
    );
    assert_eq!(work.scopes, ["a", "b"]);
    assert_eq!(work.refresh_before, Duration::from_secs(1800));
    assert_eq!(work.session_duration, Some(Duration::from_secs(28_800)));
    assert_eq!(work.oidc_endpoint.as_deref(), Some("http://127.0.0.1:1"));
    assert_eq!(work.portal_endpoint, work.oidc_endpoint);
    assert_eq!(settings.sessions["old-a"].refresh_before, Duration::from_secs(1500));
}

#[test]
fn mistakes_in_config_toml_are_placed() {
    for (config, expected) in [
        ("refesh_before = 1", "1:1: unknown key `refesh_before`, did you mean `refresh_before`?"),
        ("\ndefault_session = \"wrok\"", "2:19: there is no session `wrok`, did you mean `work`?"),
        ("default_session = \"zzz\"", "1:19: there is no session `zzz`, known are old-a, work"),
        ("exclude = [\"old-a\"]\ndefault_session = \"old-a\"", "2:19: there is no session `old-a`"),
        ("ca_bundle = \"corp.pem\"", "1:13: `ca_bundle` must be an absolute path"),
        ("proxy = \"proxy:3128\"", "1:9: a proxy must be a URL"),
        ("[session.new]\nstart_url = \"https://x\"", "1:1: session `new`: `region` is missing"),
        ("[session.work]\nstart_url = \"x\"", "2:13: a start URL must be an http(s) URL"),
        ("[session.work]\nregion = \"us east\"", "2:10: a region must be a name"),
        ("[session.work]\nendpoint = \"http://x\"", "2:12: an endpoint must be an https URL"),
        (
            "[session.work]\nstore = \"keyring\"",
            "2:9: `store = \"keyring\"` is not available in this version; write \"file\", or delete the key",
        ),
        ("[session.work]\nstore = \"disk\"", "2:9: `store` must be \"file\""),
        ("[session.\"\"]\nstore = \"file\"", "1:1: session ``: a session's name must be"),
        ("[session.\"a\\n\"]\nstore = \"file\"", "1:1: session `a"),
        ("[listen]\naddress = \"0.0.0.0:80\"", "2:11: `address` must be a loopback address"),
        ("[listen]\naddress = \"localhost\"", "2:11: `address` must be an address with a port"),
        ("[hooks]\nfailed = []", "2:10: a hook must be a list"),
        ("[hooks]\nfailed = [\"\"]", "2:10: a hook must be a list"),
        ("[hooks]\nfailed = [\"a\", \"\\u0000\"]", "2:10: a hook can't have a zero byte"),
    ] {
        let error = load_with(config, AWS, &[]).unwrap_err().to_string();
        let expected = format!("~/.config/sso-refresh/config.toml:{expected}");
        assert!(error.starts_with(&expected), "{config:?}: {error}");
    }
}

#[test]
fn text_that_is_not_utf8() {
    let home = Home::new("", AWS);
    home.write(
        ".aws/config",
        b"[sso-session work]\nsso_start_url = https://w\nsso_region = us-east-1\n# \xff",
    );
    assert!(home.explain(&[]).unwrap().0.warnings[0].starts_with("~/.aws/config:4: the file is not UTF-8"));
    home.write(".config/sso-refresh/config.toml", b"# x\n# \xff");
    let error = home.explain(&[]).unwrap_err().to_string();
    assert_eq!(error, "~/.config/sso-refresh/config.toml:2:3: the file must be UTF-8");
}

#[test]
fn mistakes_in_the_aws_config_cost_one_session() {
    for (from, to, expected) in [
        (
            "sso_region = us-east-1\n",
            "",
            "1: session `work` is left out: `sso_region` is missing: add it below",
        ),
        (
            "sso_start_url = https://w.example/start#/\n",
            "",
            "1: session `work` is left out: `sso_start_url` is missing: add it below",
        ),
        ("us-east-1", "\"us-east-1\"", "3: session `work` is left out: a region must be"),
        ("https://w.example", "w.example", "2: session `work` is left out: a start URL must be"),
    ] {
        let settings = load_with("", &AWS.replacen(from, to, 1), &[]).unwrap();
        assert_eq!(names(&settings), ["old-a"], "{to}");
        assert_eq!(settings.warnings.len(), 1);
        assert!(
            settings.warnings[0].starts_with(&format!("~/.aws/config:{expected}")),
            "{:?}",
            settings.warnings
        );
    }
}

#[test]
fn a_session_of_our_own_needs_no_start_url_until_a_sign_in() {
    let aws = AWS.replacen("sso_start_url = https://w.example/start#/\n", "", 1);
    for (config, session, aws) in [
        ("[session.new]\nregion = \"us-east-1\"", "new", AWS),
        ("[session.work]\nsession_duration = \"8h\"", "work", &aws),
    ] {
        let settings = load_with(config, aws, &[]).unwrap();
        let known = &settings.sessions[session];
        assert_eq!(known.start_url, None);
        let expected = format!(
            "session `{session}` has no start URL, which a sign-in needs: set `start_url` in its \
             [session.{session}] in config.toml"
        );
        assert_eq!(known.sign_in_url().unwrap_err().to_string(), expected);
        assert!(settings.warnings.iter().any(|warning| warning.ends_with("set `start_url`")), "{config}");
    }
}

#[test]
fn a_default_session_that_was_left_out_says_why() {
    let aws = AWS.replacen("sso_region = us-east-1\n", "", 1);
    let error = load_with("default_session = \"work\"", &aws, &[]).unwrap_err().to_string();
    assert!(
        error.contains(
            "there is no session `work`; ~/.aws/config:1: session `work` is left out: `sso_region` is missing: add it below"
        ),
        "{error}"
    );
}

#[test]
fn where_endpoints_come_from() {
    const OIDC: (&str, &str) = ("AWS_ENDPOINT_URL_SSO_OIDC", "https://variable");
    const GLOBAL: (&str, &str) = ("AWS_ENDPOINT_URL", "http://localhost:4566");
    const IGNORE: (&str, &str) = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True");
    let aws = format!(
        "[services s]\nsso_oidc =\n  endpoint_url = https://services\n[sso-session x]\nservices = s\n\
         sso_start_url = https://x\nsso_region = us-east-1\n{AWS}"
    );
    let own = "[session.x]\nendpoint = \"https://own\"";
    for (config, variables, expected, warned) in [
        (own, &[OIDC][..], Some("https://own"), false),
        (own, &[IGNORE], Some("https://own"), false),
        ("", &[OIDC], Some("https://variable"), false),
        ("", &[], Some("https://services"), false),
        ("", &[IGNORE, OIDC], None, false),
        ("", &[GLOBAL], Some("https://services"), true),
        ("", &[GLOBAL, IGNORE], None, false),
    ] {
        let settings = load_with(config, &aws, variables).unwrap();
        assert_eq!(settings.sessions["x"].oidc_endpoint.as_deref(), expected, "{config} {variables:?}");
        assert_eq!(settings.warnings.len(), usize::from(warned), "{:?}", settings.warnings);
    }
    let portal = load_with("", AWS, &[("AWS_ENDPOINT_URL_SSO", "https://p")]).unwrap();
    assert_eq!(portal.sessions["work"].portal_endpoint.as_deref(), Some("https://p"));
    assert_eq!(portal.sessions["work"].oidc_endpoint, None);
}

#[test]
fn an_insecure_endpoint_is_refused() {
    let error = load_with("", AWS, &[("AWS_ENDPOINT_URL_SSO_OIDC", "http://x")]).unwrap_err();
    assert!(error.to_string().starts_with("AWS_ENDPOINT_URL_SSO_OIDC: an endpoint must be"), "{error}");
    let aws = format!(
        "{AWS}services = s\n[profile s]\nsso_session = work\nservices = s\n[services s]\nsso_oidc =\n endpoint_url = http://x"
    );
    let settings = load_with("", &aws, &[]).unwrap();
    assert_eq!(names(&settings), ["old-a"]);
    assert!(settings.warnings.iter().any(|warning| warning.contains("an endpoint must be")));
}

#[test]
fn fips_and_dual_stack() {
    let aws = format!(
        "{AWS}[profile p]\nsso_session = work\nuse_fips_endpoint = true\nuse_dualstack_endpoint = on"
    );
    for (variables, expected, warnings) in [
        (&[][..], (true, false), 1),
        (&[("AWS_USE_FIPS_ENDPOINT", "FALSE"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")], (false, true), 0),
        (&[("AWS_USE_FIPS_ENDPOINT", "1"), ("AWS_USE_DUALSTACK_ENDPOINT", "false")], (false, false), 1),
    ] {
        let settings = load_with("", &aws, variables).unwrap();
        let work = &settings.sessions["work"];
        assert_eq!((work.use_fips, work.use_dual_stack), expected, "{variables:?}");
        assert_eq!(settings.warnings.len(), warnings, "{:?}", settings.warnings);
    }
}

#[test]
fn ca_bundle_and_proxy() {
    const BUNDLE: (&str, &str) = ("AWS_CA_BUNDLE", "/variable.pem");
    for (config, variables, expected) in [
        ("ca_bundle = \"/own.pem\"", &[BUNDLE][..], Some("/own.pem")),
        ("", &[BUNDLE], Some("/variable.pem")),
        ("", &[], None),
    ] {
        let http = load_with(config, AWS, variables).unwrap().http;
        assert_eq!(http.ca_bundle.as_deref(), expected.map(Path::new));
    }
    let aws = format!("{AWS}ca_bundle = /profile.pem");
    assert!(load_with("", &aws, &[]).unwrap().warnings[0].contains("`ca_bundle` of a profile is not used"));
    let http = load_with("proxy = \"http://proxy:3128\"", AWS, &[]).unwrap().http;
    assert_eq!(http.proxy.as_deref(), Some("http://proxy:3128"));
}

#[test]
fn what_this_version_does_not_act_on_is_told() {
    for (config, expected) in [
        ("[hooks]\nfailed = [\"/bin/true\"]", None),
        ("[notify]\ndesktop = true", None),
        ("[notify]\ndesktop = false", None),
        ("[notify]\nwarn_before_session_end = \"5m\"", None),
        ("[log]\nlevel = \"debug\"\nformat = \"json\"", None),
        ("refresh_before = \"15m\"", Some("config.toml:1: the AWS CLI and boto3 refresh by themselves")),
        ("[session.work]\nrefresh_before = \"5m\"", Some("config.toml:2: the AWS CLI and boto3")),
        ("refresh_before = \"16m\"", None),
        ("[session.work]\nstore = \"file\"", None),
        (
            "[session.\"a b\"]\nstart_url = \"https://x\"\nregion = \"us-east-1\"",
            Some("config.toml:1: the session name"),
        ),
    ] {
        let warnings = load_with(config, AWS, &[]).unwrap().warnings;
        let expected = expected.map(|text| format!("~/.config/sso-refresh/{text}"));
        assert_eq!(warnings.len(), usize::from(expected.is_some()), "{config}: {warnings:?}");
        if let Some(expected) = expected {
            assert!(warnings[0].starts_with(&expected), "{warnings:?}");
        }
    }
}

#[test]
fn a_file_that_others_can_write_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new("", AWS);
    for (name, mode, warned) in [
        (".aws/config", 0o666, true),
        (".aws/config", 0o644, false),
        (".config/sso-refresh/config.toml", 0o602, true),
    ] {
        fs::set_permissions(home.0.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        let warnings = home.explain(&[]).unwrap().0.warnings;
        let expected = format!("~/{name} can be written by others: run `chmod go-w ~/{name}`");
        assert_eq!(warnings.contains(&expected), warned, "{mode:o}: {warnings:?}");
    }
}

#[test]
fn each_setting_says_where_it_comes_from() {
    let config = "refresh_before = \"25m\"\nproxy = \"http://me:planted@proxy:3128\"\n[session.work]\nscopes = [\"a\"]\n[hooks]\nfailed = [\"/x/a\", 'b \"c\"']";
    let variables = [("AWS_CA_BUNDLE", "/c.pem"), ("AWS_USE_FIPS_ENDPOINT", "true")];
    let (_, explained) = Home::new(config, AWS).explain(&variables).unwrap();
    let own = |line| format!("~/.config/sso-refresh/config.toml:{line}");
    for (key, value, origin) in [
        ("refresh_before", Some("25m"), own(1).as_str()),
        ("proxy", Some("http://me:…@proxy:3128/"), &own(2)),
        ("ca_bundle", Some("/c.pem"), "AWS_CA_BUNDLE"),
        ("default_session", None, "default"),
        ("import_aws_config", Some("true"), "default"),
        ("notify.warn_before_session_end", Some("15m"), "default"),
        ("hooks.refreshed", None, "default"),
        ("hooks.failed", Some(r#"["/x/a", "b \"c\""]"#), &own(6)),
        ("log.level", Some("info"), "default"),
        ("log.format", Some("auto"), "default"),
        ("session.work.start_url", Some("https://w.example/start#/"), "~/.aws/config:2"),
        ("session.work.scopes", Some("a"), &own(4)),
        ("session.work.refresh_before", Some("25m"), &own(1)),
        ("session.work.session_duration", None, "default"),
        ("session.work.use_fips", Some("true"), "AWS_USE_FIPS_ENDPOINT"),
        ("session.old-a.region", Some("eu-west-1"), "~/.aws/config:6"),
    ] {
        let expected = Explained { key: key.into(), value: value.map(str::to_owned), origin: origin.into() };
        let found: Vec<_> = explained.iter().filter(|explained| explained.key == key).collect();
        assert_eq!(found, [&expected]);
    }
}

proptest::proptest! {
    #![proptest_config(same_every_time())]

    #[test]
    fn never_panics(config in "(?s).{0,80}", aws in "(?s).{0,80}") {
        let _ = load_with(&config, &aws, &[]);
    }
}
