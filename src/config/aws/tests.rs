//! What is read from AWS files, and what is said about it.

use proptest::prelude::*;

use super::*;
use crate::config::tests::same_every_time;

fn read(config: &str) -> AwsConfig {
    AwsConfig::parse(Text { name: "config", text: config }, Text { name: "credentials", text: "" })
}

/// The line and, for each client that rejects something, its letters and the effect: `2 BC:File RS:File`.
fn verdicts(config: &AwsConfig) -> Vec<String> {
    let letters = |client| match client {
        Botocore => "BC",
        JavaScript => "JS",
        Rust => "RS",
    };
    let of_warning = |warning: &Warning| {
        let mut words = vec![warning.line.to_string()];
        for (client, effect) in &warning.rejected_by {
            words.push(format!("{}:{effect:?}", letters(*client)));
        }
        words.join(" ")
    };
    config.warnings.iter().map(of_warning).collect()
}

const BODY: &str = "sso_start_url = https://x/start\nsso_region = us-east-1";

/// Each case reads as the session `x` (or the one named) with the start URL and region of [`BODY`].
#[test]
fn what_some_sdk_rejects_is_read_and_told() {
    let with = |header: &str| format!("{header}\n{BODY}\n");
    let cases: Vec<(&str, String, &[&str])> = vec![
        ("x", with("[sso-session x]"), &[]),
        // A quoted name.
        ("x", with("[sso-session \"x\"]"), &["1 RS:Section"]),
        ("x", with("[sso-session 'x']"), &["1 RS:Section"]),
        // A name with a blank, and one with other characters.
        ("my x", with("[sso-session \"my x\"]"), &["1 JS:Section RS:Section"]),
        ("my x", with("[sso-session my x]"), &["1 BC:Section JS:Section RS:Section"]),
        ("ü!", with("[sso-session ü!]"), &["1 JS:Section RS:Section"]),
        // Comments.
        ("x", with("[sso-session x] # note"), &[]),
        ("x", with("[sso-session x]# note"), &["1 JS:Section"]),
        ("x", with("[sso-session x] # [note]"), &["1 BC:Section"]),
        ("x", with("[sso-session x] note"), &["1 JS:Section RS:File"]),
        ("x", with("# note\n; note\n[sso-session x]\n#note"), &[]),
        ("x", with("[sso-session x]") + "sso_session = x # note", &["4 BC:Value"]),
        ("x", with("[sso-session x]") + "other = x # note", &[]),
        ("x", "[sso-session x]\n  # note\n".to_owned() + BODY, &["2 RS:File"]),
        ("x", with("[sso-session x]") + "  # note", &["4 RS:Value"]),
        ("x", with("[sso-session x]") + " \r # note", &["4 RS:Value"]),
        // Keys.
        ("x", with("[sso-session x]").replace("sso_region", "SSO_Region"), &["3 JS:Key"]),
        ("x", with("[sso-session x]").replace("sso_region =", "sso_region:"), &["3 JS:Key RS:File"]),
        ("x", with("[sso-session x]") + "services: a=b", &["4 JS:Key RS:Key", "4"]),
        ("x", with("[sso-session x]\nsso_region = other"), &["4 BC:File"]),
        ("x", with("[sso-session x]") + "word", &["4 BC:File RS:File"]),
        ("x", with("[sso-session x]") + "= word", &["4 BC:File RS:File"]),
        ("x", with("word = 1\n[sso-session x]"), &["1 BC:File RS:File"]),
        // Sections.
        ("x", with("[sso-session x]\n[sso-session x]"), &["2 BC:File"]),
        (
            "x",
            "[sso-session x]\nsso_region=us-east-1\n[other]\n[sso-session x]\nsso_start_url=https://x/start"
                .into(),
            &["4 BC:File"],
        ),
        ("x", with("[sso-session  x]"), &["1 JS:Section"]),
        ("x", with("[sso-session x ]"), &["1 JS:Section"]),
        ("x", with("[ sso-session x]"), &["1 BC:Section JS:Section"]),
        ("x", with("[profile x\na = 1\n[sso-session x]"), &["1 BC:File JS:Section RS:File"]),
        // The file.
        ("x", with("\u{feff}[sso-session x]"), &["1 BC:File RS:File"]),
        ("x", with("[sso-session x]").replace('\n', "\r\n"), &[]),
        // Indentation.
        ("x", with("[sso-session x]").replace("\nsso_", "\n  sso_"), &["2 RS:File", "3 RS:Value"]),
        ("x", with("[sso-session x]").replace("sso_region", "  sso_region"), &["3 BC:Value RS:Value"]),
        ("x", with("  [sso-session x]"), &["1 RS:File"]),
    ];
    for (name, text, expected) in cases {
        let config = read(&text);
        let session = config.sessions.first().unwrap_or_else(|| panic!("{text:?}"));
        assert_eq!(config.sessions.len(), 1, "{text:?}");
        assert_eq!(session.name, name, "{text:?}");
        assert_eq!(session.start_url.as_ref().unwrap().value, "https://x/start", "{text:?}");
        assert_eq!(session.region.as_ref().unwrap().value, "us-east-1", "{text:?}");
        assert_eq!(verdicts(&config), expected, "{text:?}");
    }
}

#[test]
fn profiles_that_some_sdk_rejects_are_told() {
    let session = format!("[sso-session x]\n{BODY}\n");
    for (profile, expected) in [
        ("[profile p]\nsso_session = x", &[][..]),
        ("[profile \"p\"]\nsso_session = x", &["4 RS:Section"]),
        ("[profile  p]\nsso_session = x", &["4 JS:Section"]),
        ("[profile p]\nsso_session = x\nsso_region = us-east-1", &["6 RS:Profile"]),
        ("[profile p]\nsso_session = x\nsso_region = eu-west-1", &["6 BC:Profile RS:Profile"]),
        ("[profile p]\nsso_session = x\nsso_start_url = https://x/start", &["6 RS:Profile"]),
        ("[profile p]\nsso_session = y", &["5 BC:Profile JS:Profile RS:Profile"]),
        ("[profile p]\nsso_start_url = https://x/start", &["5 BC:Profile JS:Profile RS:Profile"]),
        ("[p]\nsso_session = x", &["4"]),
        ("[p]\nother = x", &[]),
        ("[profile p]\nsso_session = x\nendpoint_url = http://localhost:4566", &["6"]),
        ("[profile p]\nsso_session = x\nservices = none", &["6"]),
        ("[profile p]\nendpoint_url = http://localhost:4566", &[]),
    ] {
        assert_eq!(verdicts(&read(&format!("{session}{profile}"))), expected, "{profile:?}");
    }
}

#[test]
fn reads_profiles_of_both_files() {
    let config = "[default]\nsso_session = x\nsso_account_id = 001\nsso_role_name = r\n[profile legacy]\n\
                  sso_start_url = https://l/start#/\nsso_region = eu-west-1\n[profile keys]\nregion = x\n";
    let credentials =
        "[default]\nsso_role_name = other\n[both]\nsso_session = y\n[sso-session z]\nsso_region = a";
    let read = AwsConfig::parse(
        Text { name: "config", text: config },
        Text { name: "credentials", text: credentials },
    );
    let summary: Vec<_> = read
        .profiles
        .iter()
        .map(|p| (p.name.as_str(), &p.kind, p.account_id.as_deref(), p.role_name.as_deref(), p.line))
        .collect();
    let session = |name: &str| ProfileKind::Session { session: name.into() };
    let legacy = ProfileKind::Legacy { start_url: "https://l/start#/".into(), region: "eu-west-1".into() };
    assert_eq!(
        summary,
        [
            ("default", &session("x"), Some("001"), Some("other"), 1),
            ("legacy", &legacy, None, None, 5),
            ("both", &session("y"), None, None, 3),
        ]
    );
    assert!(read.sessions.is_empty());
}

#[test]
fn profile_default_replaces_default() {
    for text in [
        "[default]\nsso_session = a\nsso_role_name = r\n[profile default]\nsso_session = b",
        "[profile default]\nsso_session = b\n[default]\nsso_session = a\nsso_role_name = r",
    ] {
        let read = read(text);
        assert_eq!(read.profiles.len(), 1);
        assert_eq!(read.profiles[0].kind, ProfileKind::Session { session: "b".into() });
        assert_eq!(read.profiles[0].role_name, None);
    }
}

#[test]
fn scopes_are_a_trimmed_list_that_may_go_on() {
    for (text, expected) in
        [("a", &["a"][..]), ("a, b ,c", &["a", "b", "c"]), ("a,\n  b", &["a", "b"]), (" , ", &[])]
    {
        let read = read(&format!("[sso-session x]\nsso_registration_scopes = {text}"));
        assert_eq!(read.sessions[0].scopes.as_ref().unwrap().value, expected, "{text:?}");
    }
}

#[test]
fn endpoints_come_through_services() {
    let services = "[services s]\nsso_oidc =\n  endpoint_url = https://oidc\nsso =\n\tendpoint_url=https://portal\n\
                    [services t]\nsso_oidc =\n  endpoint_url = https://else\n";
    for (text, oidc, warned) in [
        ("[sso-session x]\nservices = s", Some("https://oidc"), 0),
        ("[sso-session x]\n[profile p]\nsso_session = x\nservices = s", Some("https://oidc"), 0),
        ("[sso-session x]\n[profile p]\nsso_session = y\nservices = s", None, 1),
        (
            "[sso-session x]\n[profile p]\nsso_session = x\nservices = t\n[profile q]\nsso_session = x\nservices = s",
            Some("https://else"),
            1,
        ),
        (
            "[sso-session x]\nservices = s\n[profile p]\nsso_session = x\nservices = s",
            Some("https://oidc"),
            0,
        ),
        (
            "[sso-session x]\n[profile p]\nsso_session = x\nservices = s\nignore_configured_endpoint_urls = true",
            None,
            0,
        ),
    ] {
        let read = read(&format!("{services}{text}"));
        let found = read.sessions[0].oidc_endpoint.as_ref().map(|located| located.value.as_str());
        assert_eq!(found, oidc, "{text:?}");
        assert_eq!(read.warnings.len(), warned, "{text:?}: {:?}", read.warnings);
    }
    let read = read(&format!("{services}[sso-session x]\nservices = s"));
    assert_eq!(read.sessions[0].portal_endpoint.as_ref().unwrap().origin(), "config:5");
}

#[test]
fn nested_lines_must_be_pairs() {
    for (line, expected) in [
        ("  endpoint_url = https://x # note", &["3 BC:Value"][..]),
        ("  word", &["3 BC:File RS:File"]),
        ("  endpoint_url: https://x", &["3 BC:File RS:File"]),
        ("  # note", &["3 RS:File"]),
    ] {
        assert_eq!(verdicts(&read(&format!("[services s]\nsso =\n{line}"))), expected, "{line:?}");
    }
}

#[test]
fn switches_come_from_the_first_profile_that_has_them() {
    let read = read(
        "[sso-session x]\n[profile p]\nsso_session = x\n[profile q]\nsso_session = x\nuse_fips_endpoint = true\n\
         [profile r]\nsso_session = x\nuse_fips_endpoint = false\nuse_dualstack_endpoint = true",
    );
    assert_eq!(read.sessions[0].use_fips.as_ref().unwrap().origin(), "config:6");
    assert_eq!(read.sessions[0].use_dual_stack.as_ref().unwrap().value, "true");
    assert_eq!(verdicts(&read), ["9"]);
}

#[test]
fn a_warning_is_one_line_that_names_file_line_and_clients() {
    let read = read("[sso-session x]\nSSO_REGION: us-east-1\n");
    assert_eq!(
        read.warnings.iter().map(Warning::to_string).collect::<Vec<_>>(),
        [
            "config:2: the key `SSO_REGION` is followed by a colon instead of `=`; the JavaScript SDK ignores \
             the key; the Rust SDK rejects the whole file",
            "config:2: the key `SSO_REGION` has capitals; the JavaScript SDK ignores the key",
        ]
    );
}

prop_compose! {
    fn session()(
        name in "[A-Za-z0-9_/.%@:+-]{1,12}",
        host in "[a-z]{1,8}",
        end in prop::sample::select(vec!["", "/", "#/", "?a=b:c#d;e"]),
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
        scopes in prop::collection::vec("[a-z]{1,5}:[a-z]{1,5}", 1..4),
    ) -> SsoSession {
        let located = |value: String, line| Some(Located { value, file: "config".into(), line });
        SsoSession {
            name,
            start_url: located(format!("https://{host}.awsapps.com/start{end}"), 1),
            region: located(region, 2),
            scopes: Some(Located { value: scopes, file: "config".into(), line: 3 }),
            file: "config".into(),
            ..SsoSession::default()
        }
    }
}

proptest! {
    #![proptest_config(same_every_time())]

    #[test]
    fn never_panics(text in "(?s).{0,300}") {
        read(&text);
        AwsConfig::parse(Text::default(), Text { name: "credentials", text: &text });
    }

    #[test]
    fn lines_of_the_dialect_never_panic(
        lines in prop::collection::vec(
            "( |\t){0,3}(\\[|\\]|sso-session|profile|services|sso_region|sso_oidc|endpoint_url|=|:|#|;|\"|'|x| |\r|\u{feff}|\u{e9}){0,8}",
            0..12,
        )
    ) {
        let text = lines.join("\n");
        let lines = text.lines().count().max(1);
        for warning in read(&text).warnings {
            prop_assert!((1..=lines).contains(&warning.line), "{warning}");
        }
    }

    #[test]
    fn what_is_written_reads_back(
        mut sessions in prop::collection::vec(session(), 0..6),
        newline in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        sessions.sort_by(|one, other| one.name.cmp(&other.name));
        sessions.dedup_by(|one, other| one.name == other.name);
        let mut text = String::new();
        for (index, session) in sessions.iter_mut().enumerate() {
            let SsoSession { name, start_url: Some(start_url), region: Some(region), scopes: Some(scopes), .. } =
                session
            else {
                continue;
            };
            let first = index * 5 + 1;
            session.line = first;
            (start_url.line, region.line, scopes.line) = (first + 1, first + 2, first + 3);
            for line in [
                format!("[sso-session {name}]"),
                format!("sso_start_url = {}", start_url.value),
                format!("sso_region={}", region.value),
                format!("sso_registration_scopes = {}", scopes.value.join(", ")),
                String::new(),
            ] {
                text.push_str(&line);
                text.push_str(newline);
            }
        }
        let read = read(&text);
        prop_assert_eq!(read.sessions, sessions);
        prop_assert_eq!(read.warnings, []);
    }
}

#[test]
fn no_control_character_gets_into_a_warning() {
    let text = "[sso-session a\u{1b}b]\u{1b}\n\u{1b}: 1\n\u{1b}: 2\n  \u{1b} = 3\nservices = \u{1b}\n\
                [profile \u{202e}]\nsso_session = \u{7}\nuse_fips_endpoint = \u{1b}\nservices = no\u{1b}ne\n\
                [\u{9b}]\nsso_x = 1\n";
    let warnings = read(text).warnings;
    assert!(warnings.len() > 8, "{warnings:?}");
    for warning in warnings {
        let told = warning.to_string();
        assert!(!told.contains(|c: char| c.is_control() || c == '\u{202e}'), "{told:?}");
    }
}

#[test]
fn no_more_is_told_than_anybody_reads() {
    let read = read(&"word\n".repeat(1000).replacen("word", "[sso-session x]", 1));
    assert_eq!(read.warnings.len(), 101);
    assert_eq!(read.warnings[100].to_string(), "config:101: 899 more warnings of this kind are left out");
}

/// Each of them took minutes when the time grew with the square of the size.
#[test]
fn large_files_take_time_by_their_size_alone() {
    let many = |of: fn(usize) -> String| {
        (0..)
            .map(of)
            .scan(0, |size, part| {
                *size += part.len();
                (*size < 1_500_000).then_some(part)
            })
            .collect::<String>()
    };
    for text in [
        many(|n| format!("[sso-session s{n}]\n")),
        many(|n| {
            format!(
                "[profile p{n}]\nsso_session = s{n}\n[sso-session s{n}]\nservices = v{n}\n[services v{n}]\n"
            )
        }),
        many(|n| format!("[profile p{n}]\nsso_session = x\nservices = v\n"))
            + "[sso-session x]\n[services v]\n"
            + &"a = 1\n".repeat(100_000),
        format!("[sso-session x]\n{} = 1\n{}", "k".repeat(700_000), "  sso_region = 1\n".repeat(40_000)),
        format!("[profile x]\n{}", many(|n| format!("k{n} = 1\n"))),
    ] {
        read(&text);
    }
}

#[test]
fn a_default_profile_that_gives_credentials_is_known() {
    let key_of = |config: &str, credentials: &str| {
        let read = AwsConfig::parse(
            Text { name: "config", text: config },
            Text { name: "credentials", text: credentials },
        );
        read.default_credentials.map(|(key, located)| format!("{key} {}", located.origin()))
    };
    for (config, credentials, expected) in [
        ("[default]\nregion = eu-west-1\noutput = json", "", None),
        ("[profile dev]\nsso_session = x\nregion = eu-west-1", "[dev]\naws_access_key_id = A", None),
        ("[default]\nsso_session = x", "", Some("sso_session config:2")),
        ("[profile default]\n\ncredential_process = /bin/x", "", Some("credential_process config:3")),
        (
            "[default]\nregion = x",
            "[default]\naws_access_key_id = A",
            Some("aws_access_key_id credentials:2"),
        ),
        ("", "[default]\naws_access_key_id =", None),
    ] {
        assert_eq!(key_of(config, credentials).as_deref(), expected, "{config} {credentials}");
    }
    let read = read("[profile dev]\nsso_session = x\nregion = eu-west-1\n[profile bare]\nsso_session = x");
    let regions: Vec<_> = read.profiles.iter().map(|profile| profile.region.as_deref()).collect();
    assert_eq!(regions, [Some("eu-west-1"), None]);
}
