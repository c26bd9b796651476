//! [`BashLine`]: a command line up to the cursor as bash reads it, and what bash puts in the place of its last word.
//!
//! For the completion, bash (rather its readline) cuts words at more characters than for a command: at each in
//! `COMP_WORDBREAKS`, such as `:` and `=`. Only what stands behind the last of those is replaced, as it comes: quoting
//! is left to whoever completes.

/// The words of a line, the last of which is not at its end yet.
#[derive(Debug, PartialEq)]
pub(super) struct BashLine {
    before: Vec<String>,
    /// The last word without its quotes.
    last: String,
    /// How much of `last` stays, in bytes.
    kept: usize,
    /// The quotes in which the line ends.
    quotes: Option<char>,
}

impl BashLine {
    /// `breaks` is `COMP_WORDBREAKS`. Nothing is expanded: what has a `$` counts as it stands there.
    pub(super) fn parse(line: &str, breaks: &str) -> Self {
        let mut parsed = Self { before: Vec::new(), last: String::new(), kept: 0, quotes: None };
        let mut begun = false;
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match (parsed.quotes, character) {
                (None, ' ' | '\t' | '\n') => {
                    if begun {
                        parsed.before.push(std::mem::take(&mut parsed.last));
                    }
                    (begun, parsed.kept) = (false, 0);
                    continue;
                }
                (None, '"' | '\'') => {
                    parsed.quotes = Some(character);
                    // Within quotes there is no break; they are one themselves.
                    parsed.kept = parsed.last.len();
                }
                (Some(quotes), _) if quotes == character => {
                    parsed.quotes = None;
                }
                (None, '\\') => parsed.last.extend(characters.next()),
                (Some('"'), '\\') => match characters.next() {
                    Some(escaped) if "$`\"\\".contains(escaped) => parsed.last.push(escaped),
                    other => parsed.last.extend(['\\'].into_iter().chain(other)),
                },
                (quotes, _) => {
                    parsed.last.push(character);
                    if quotes.is_none() && breaks.contains(character) {
                        parsed.kept = parsed.last.len();
                    }
                }
            }
            begun = true;
        }
        parsed
    }

    /// All words, the last one as far as it is typed.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.before.iter().map(String::as_str).chain([self.last.as_str()])
    }

    /// What takes the place of the current word, so that the last word becomes `value`.
    pub(super) fn reply(&self, value: &str) -> Option<String> {
        let rest = value.get(self.kept..)?;
        let mut reply = String::with_capacity(rest.len());
        for character in rest.chars() {
            match (self.quotes, character) {
                (Some('\''), '\'') => reply.push_str("'\\'"),
                (Some('"'), '"' | '$' | '`' | '\\') => reply.push('\\'),
                (None, _) if character.is_ascii() && !is_plain(character) => reply.push('\\'),
                _ => {}
            }
            reply.push(character);
        }
        Some(reply)
    }
}

/// What means nothing to bash wherever it stands.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_./:=@%+,".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BREAKS: &str = " \t\n\"'@><=;|&(:";

    fn words(line: &str) -> Vec<String> {
        BashLine::parse(line, BREAKS).words().map(str::to_owned).collect()
    }

    #[test]
    fn words_are_those_of_the_command() {
        for (line, expected) in [
            ("p", &["p"][..]),
            ("p ", &["p", ""]),
            ("p  login\tx", &["p", "login", "x"]),
            (r"p a\ b", &["p", "a b"]),
            ("p 'a b", &["p", "a b"]),
            ("p 'a b' \"c\"", &["p", "a b", "c"]),
            (r#"p "a\"b\$c\d"#, &["p", "a\"b$c\\d"]),
            ("p ''", &["p", ""]),
            ("p '' ", &["p", "", ""]),
            ("p --x=a:b", &["p", "--x=a:b"]),
            ("p a\\", &["p", "a"]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn what_bash_keeps_is_not_said_again() {
        for (line, value, expected) in [
            ("p ", "my sso", r"my\ sso"),
            ("p my", "my sso", r"my\ sso"),
            (r"p my\ s", "my sso", r"my\ sso"),
            ("p 'my s", "my sso", "my sso"),
            ("p \"my s", "my $so", r"my \$so"),
            ("p 'it", "it's", r"it'\''s"),
            ("p it", "it's", r"it\'s"),
            ("p a", "a:b", "a:b"),
            ("p a:", "a:b", "b"),
            ("p 'a:", "a:b", "a:b"),
            (r"p a\:", "a:b", "a:b"),
            ("p --profile=", "--profile=dev", "dev"),
            ("p --profile=d", "--profile=dev", "dev"),
            ("p --profile='d", "--profile=de v", "de v"),
            ("p ", "a$(b)`c`;d*", r"a\$\(b\)\`c\`\;d\*"),
            ("p ", "é", "é"),
        ] {
            assert_eq!(
                BashLine::parse(line, BREAKS).reply(value).as_deref(),
                Some(expected),
                "{line} {value}"
            );
        }
        assert_eq!(
            BashLine::parse("p --profile=", "").reply("--profile=dev").as_deref(),
            Some("--profile=dev")
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config {
            failure_persistence: None,
            rng_seed: proptest::test_runner::RngSeed::Fixed(2026),
            ..Default::default()
        })]

        #[test]
        fn nothing_panics_and_a_reply_is_read_as_its_value(line in "[a ='\"\\\\$:é]{0,12}", value in "[a-c \"'$\\\\`:é!]{1,8}") {
            let _ = BashLine::parse(&line, BREAKS).reply(&value);
            for quotes in ["", "'", "\""] {
                let reply = BashLine::parse(&format!("p {quotes}"), BREAKS).reply(&value).unwrap();
                proptest::prop_assert_eq!(words(&format!("p {quotes}{reply}{quotes}")), ["p", &value]);
            }
        }
    }
}
