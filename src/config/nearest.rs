//! [`nearest`]: the word that was likely meant.

/// How alike two words must be, from 0 to 1, for one to be offered for the other.
const ALIKE: f64 = 0.75;

/// No word that is longer, in bytes, is like another: to compare two takes the product of their lengths.
const LONGEST: usize = 100;

/// The known word that is most like `word`, if any is like it at all.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
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
}
