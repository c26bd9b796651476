use proptest::prelude::*;

use super::*;

const START_WORK: &str = "# >>> sso-refresh profiles work >>>";
const END_WORK: &str = "# <<< sso-refresh profiles work <<<";

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

fn with(text: &str, lines: &[&str]) -> String {
    Layout::of(text, "work").unwrap().with(&owned(lines))
}

/// `text` with `|` in the place of line ends and short markers, which are easier to read here.
fn long(text: &str) -> String {
    text.replace("<>", END_WORK).replace("><", START_WORK).replace('|', "\n")
}

#[test]
fn the_block_is_all_that_changes() {
    for (before, after) in [
        ("", "><|[profile a]|<>|"),
        ("[default]|", "[default]|><|[profile a]|<>|"),
        ("[default]", "[default]|><|[profile a]|<>"),
        ("[default]\r|x = 1\r|", "[default]\r|x = 1\r|><\r|[profile a]\r|<>\r|"),
        ("[default]\r|x = 1", "[default]\r|x = 1\r|><\r|[profile a]\r|<>"),
        ("\u{feff}", "\u{feff}><|[profile a]|<>|"),
        ("\u{feff}[default]|", "\u{feff}[default]|><|[profile a]|<>|"),
        ("# one|><|[profile old]|x = 1|<>|# two|", "# one|><|[profile a]|<>|# two|"),
        ("# one|><|[profile old]|<>", "# one|><|[profile a]|<>"),
        ("\u{feff}><|<>|[default]|", "\u{feff}><|[profile a]|<>|[default]|"),
        ("><  |<>\t|", "><|[profile a]|<>|"),
    ] {
        let (before, after) = (long(before), long(after));
        assert_eq!(with(&before, &["[profile a]"]), after, "{before:?}");
        assert_eq!(with(&after, &["[profile a]"]), after, "once more: {before:?}");
    }
}

#[test]
fn other_blocks_are_other_text() {
    let home = "# >>> sso-refresh profiles home >>>\n[profile h]\n# <<< sso-refresh profiles home <<<\n";
    let both = with(home, &["[profile a]"]);
    assert_eq!(both, format!("{home}{START_WORK}\n[profile a]\n{END_WORK}\n"));
    let layout = Layout::of(&both, "home").unwrap();
    assert_eq!(layout.profiles().collect::<Vec<_>>(), ["h"]);
    assert_eq!(layout.with(&[]), format!("{START_WORK}\n[profile a]\n{END_WORK}\n"));
    assert_eq!(layout.outside(), format!("\n\n\n{START_WORK}\n[profile a]\n{END_WORK}\n"));
}

#[test]
fn what_the_user_has_added_is_found_again() {
    let text = long(
        "><|# ours|[profile a]|sso_session = work|  # of it|SSO_Account_ID=1|sso_role_name : R|region = us-east-1|\
         # mine|s3 =|  max_queue = 1||[profile \"b\"]|credential_process = x|||output = json||<>|[default]|",
    );
    let layout = Layout::of(&text, "work").unwrap();
    assert_eq!(layout.profiles().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(layout.added("a", &[]), ["region = us-east-1", "# mine", "s3 =", "  max_queue = 1"]);
    assert_eq!(layout.added("a", &["region"]), ["# mine", "s3 =", "  max_queue = 1"]);
    assert_eq!(layout.added("b", &[]), ["output = json"]);
    assert_eq!(layout.added("c", &[]), [""; 0]);
}

#[test]
fn what_can_not_be_told_apart_is_refused() {
    let torn = |line, marker: &str| Unfit::Torn { line, marker: marker.into() };
    for (text, expected) in [
        ("# 1|><|[profile a]|", torn(2, START_WORK)),
        ("# 1|<>|", torn(2, END_WORK)),
        ("><|><|<>|", torn(1, START_WORK)),
        ("><|<>|<>|", torn(3, END_WORK)),
        ("><|# <<< sso-refresh profiles home <<<|", torn(2, "# <<< sso-refresh profiles home <<<")),
        ("# >>> sso-refresh profiles home >>>|><|<>|", torn(1, "# >>> sso-refresh profiles home >>>")),
        ("><|<>||><|<>|", Unfit::Twice { lines: [1, 4] }),
        ("><|[profile a]|[services x]|<>|", Unfit::Foreign { line: 3 }),
        ("><|[default]|<>|", Unfit::Foreign { line: 2 }),
        ("[profile x]|><|# ours|region = x|[profile a]|<>|", Unfit::Foreign { line: 4 }),
        ("><|[profile a|<>|", Unfit::Foreign { line: 2 }),
        ("><|[profile a]|<>|# x|||region = x|", Unfit::Astray { line: 7 }),
    ] {
        assert_eq!(Layout::of(&long(text), "work").unwrap_err(), expected, "{text}");
    }
}

fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just(String::new()),
        Just("[default]".to_owned()),
        Just(
            "# >>> sso-refresh profiles home >>>\n[profile h]\n# <<< sso-refresh profiles home <<<"
                .to_owned()
        ),
        "\\[profile [a-z]{1,3}\\]",
        "[a-z]{1,3} = [a-z#; \u{e9}]{0,4}",
        "[ #;=\\[\\]:a-z\u{feff}\r]{0,6}",
    ];
    (prop::collection::vec((line, prop_oneof![Just("\n"), Just("\r\n")]), 0..8), any::<bool>(), any::<bool>())
        .prop_map(|(lines, mark, cut)| {
            let text: String = lines.into_iter().map(|(line, end)| line + end).collect();
            let text = if cut { text.trim_end_matches('\n').trim_end_matches('\r') } else { &text };
            format!("{}{text}", if mark { "\u{feff}" } else { "" })
        })
}

fn body() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z]{1,3}", 0..4).prop_map(|names| {
        let lines = |name: &String| [format!("[profile {name}]"), "sso_session = work".into(), String::new()];
        names.iter().flat_map(lines).collect()
    })
}

proptest! {
    #[test]
    fn what_is_outside_stays_byte_for_byte(text in text(), one in body(), two in body()) {
        let with = |text: &str, body: &[String]| Layout::of(text, "work").unwrap().with(body);
        let first = with(&text, &one);
        prop_assert!(first.starts_with(&text), "{first:?}");
        prop_assert_eq!(&with(&first, &one), &first, "once is enough");
        let second = with(&first, &two);
        prop_assert!(second.starts_with(&text), "{second:?}");
        prop_assert_eq!(with(&second, &[]), text, "and out again");
    }

    #[test]
    fn a_block_in_the_midst_leaves_both_sides(before in text(), after in text(), one in body(), two in body()) {
        let (before, after) = (format!("{before}\n"), format!("[default]\n{}", without_mark(&after)));
        let text = with(&before, &["[profile a]"]) + &after;
        let layout = Layout::of(&text, "work").unwrap();
        for body in [&one, &two] {
            let new = layout.with(body);
            prop_assert!(new.starts_with(&before) && new.ends_with(&after), "{new:?}");
        }
    }
}
