//! [`parts`]: what a user has written with placeholders in braces.

use crate::config::{line, nearest::nearest};

/// A piece of such a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part<F> {
    /// As it stands.
    Text(String),
    /// What stands for something.
    Field(F),
}

/// The parts of `text`, where `fields` are known by those names; `{{` and `}}` are braces. An error is a line that names
/// what was likely meant.
pub(super) fn parts<F: Copy>(text: &str, fields: &[(&str, F)]) -> Result<Vec<Part<F>>, String> {
    let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        let (brace, after) = from.split_at(1);
        plain.push_str(before);
        if let Some(after) = after.strip_prefix(brace) {
            plain.push_str(brace);
            rest = after;
            continue;
        }
        let closed = after.split_once('}').filter(|_| brace == "{");
        let (name, after) = closed.ok_or_else(|| alone(brace))?;
        let (_, field) =
            fields.iter().find(|(known, _)| *known == name).ok_or_else(|| unknown(name, fields))?;
        push(&mut parts, &mut plain);
        parts.push(Part::Field(*field));
        rest = after;
    }
    plain.push_str(rest);
    push(&mut parts, &mut plain);
    if parts.is_empty() { Err("it is empty".into()) } else { Ok(parts) }
}

fn push<F>(parts: &mut Vec<Part<F>>, plain: &mut String) {
    if !plain.is_empty() {
        parts.push(Part::Text(std::mem::take(plain)));
    }
}

fn alone(brace: &str) -> String {
    let other = if brace == "{" { "}" } else { "{" };
    format!("a `{brace}` has no `{other}`: write `{brace}{brace}` for the character")
}

fn unknown<F>(name: &str, fields: &[(&str, F)]) -> String {
    let known: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let meant = nearest(name, known.iter().copied())
        .map_or_else(String::new, |meant| format!(", did you mean {{{meant}}}?"));
    line(format_args!("there is no {{{name}}}{meant}; known are {{{}}}", known.join("}, {")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [(&str, u8); 2] = [("one", 1), ("second", 2)];

    #[test]
    fn braces_hold_names_or_are_doubled() {
        let text = |text: &str| Part::Text(text.to_owned());
        for (template, expected) in [
            ("{one}", vec![Part::Field(1)]),
            ("a {one}{second} b", vec![text("a "), Part::Field(1), Part::Field(2), text(" b")]),
            ("{{one}} é}}{{", vec![text("{one} é}{")]),
            ("{{{one}}}", vec![text("{"), Part::Field(1), text("}")]),
            ("a", vec![text("a")]),
        ] {
            assert_eq!(parts(template, &FIELDS).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (template, expected) in [
            ("{secnd}", "there is no {secnd}, did you mean {second}?; known are {one}, {second}"),
            ("{}", "there is no {}; known are {one}, {second}"),
            ("{\u{1b}[31m}", "there is no {\\u{1b}[31m}; known are {one}, {second}"),
            ("{one", "a `{` has no `}`: write `{{` for the character"),
            ("one}", "a `}` has no `{`: write `}}` for the character"),
            ("", "it is empty"),
        ] {
            assert_eq!(parts(template, &FIELDS).unwrap_err(), expected);
        }
    }
}
