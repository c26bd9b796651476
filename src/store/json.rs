//! JSON as the AWS CLI writes it: one line, `, ` and `: ` between the parts, and ASCII alone. That is Python's
//! `json.dumps` with its defaults; names of files depend on it to the byte.

use std::io;

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};
use zeroize::Zeroizing;

/// `value` as `json.dumps` of Python would write it. The bytes are wiped when dropped.
pub(super) fn dumps(value: &impl Serialize) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    // Room enough that no half-written copy of a secret is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
    value.serialize(&mut Serializer::with_formatter(&mut *bytes, Python))?;
    Ok(bytes)
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    /// Python's `ensure_ascii`: what is not printable ASCII becomes `\uXXXX`, in two halves beyond U+FFFF.
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|char: char| !matches!(char, ' '..='~')) {
            let (plain, special) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = special.chars();
            if let Some(char) = chars.next() {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_what_python_writes() {
        // Each line was compared with json.dumps of Python 3.11.
        for (value, expected) in [
            (json!({}), "{}"),
            (json!({"a": "b", "c": [1, 2], "d": null}), r#"{"a": "b", "c": [1, 2], "d": null}"#),
            (json!("\"\\/\n\t\u{8}\u{c}\r"), r#""\"\\/\n\t\b\f\r""#),
            (json!("\u{1}\u{1f}\u{7f}"), r#""\u0001\u001f\u007f""#),
            (json!("Zürich"), r#""Z\u00fcrich""#),
            (json!("a😀b"), r#""a\ud83d\ude00b""#),
            (json!(true), "true"),
        ] {
            assert_eq!(String::from_utf8_lossy(&dumps(&value).unwrap()), expected);
        }
    }
}
