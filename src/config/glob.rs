//! [`matches()`]: patterns of names.

/// Whether `name` matches `pattern`, in which `*` stands for any text and everything else for itself.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        // The first place that fits leaves the most for the parts after it.
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stars_are_special() {
        for (pattern, name, expected) in [
            ("old-*", "old-x", true),
            ("old-*", "old-", true),
            ("old-*", "OLD-x", false),
            ("old-*", "an-old-x", false),
            ("*", "", true),
            ("*-old", "x-old", true),
            ("*-old", "x-older", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "ac", false),
            ("a*b*b", "ab", false),
            ("a*b*b", "abb", true),
            ("a*a", "a", false),
            ("**", "x", true),
            ("a?", "ab", false),
            ("a?", "a?", true),
            ("ü*", "über", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
