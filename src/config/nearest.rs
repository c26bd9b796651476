//! [`nearest`]: the word that was likely meant; [`handful`]: those among many that are worth naming.

use super::line::line;

/// How alike two words must be, from 0 to 1, for one to be offered for the other.
const ALIKE: f64 = 0.75;

/// No word that is longer, in bytes, is like another: to compare two takes the product of their lengths.
const LONGEST: usize = 100;

/// The most words that one line names.
const HANDFUL: usize = 5;

/// The known word that is most like `word`, if any is like it at all.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (likeness(&lower, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// The known words, fit for a line: `a, b, c`. Of many it names those that are most like `word`, and how many there are
/// beside them.
pub fn handful<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let others = known.len().saturating_sub(HANDFUL);
    if others == 0 {
        return line(known.join(", "));
    }
    let lower = word.to_lowercase();
    // The sort is stable: of those that are equally unlike, the first ones are named.
    let mut alike: Vec<(f64, &str)> = known.iter().map(|it| (likeness(&lower, it), *it)).collect();
    alike.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let named: Vec<&str> = alike.into_iter().take(HANDFUL).map(|(_, word)| word).collect();
    line(format_args!("{} and {others} more", named.join(", ")))
}

fn likeness(lower: &str, candidate: &str) -> f64 {
    if lower.len() > LONGEST || candidate.len() > LONGEST {
        return 0.0;
    }
    strsim::jaro_winkler(lower, &candidate.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        for (word, expected) in [
            ("wrok", Some("work")),
            ("WORK", Some("work")),
            ("hmoe", Some("home")),
            ("xyz", None),
            ("", None),
            (&"work".repeat(100), None),
        ] {
            assert_eq!(nearest(word, ["home", "work"]), expected, "{word}");
        }
    }

    #[test]
    fn names_a_handful_of_many() {
        let many: Vec<String> = (0..1000).map(|number| format!("account-{number:03}")).collect();
        let many = || many.iter().map(String::as_str);
        for (word, expected) in [
            ("account-77", "account-077, account-177, account-277"),
            ("ACCOUNT-999", "account-999, "),
            ("", "account-000, account-001, account-002, account-003, account-004 and 995 more"),
        ] {
            let named = handful(word, many());
            assert!(named.starts_with(expected) && named.ends_with(" and 995 more"), "{named}");
        }
        assert_eq!(handful("x", ["c", "b\u{1b}", "a"]), "c, b\\u{1b}, a");
        assert_eq!(handful("x", []), "");
    }
}
