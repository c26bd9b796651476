//! [`Document`]: the sections and keys of a file in AWS's dialect of INI.
//!
//! Whatever has one plausible meaning is read, and each reading that some SDK would not share is a
//! [`Warning`](super::warning::Warning). What those do comes from running botocore 1.43, `@aws-sdk/credential-providers` 3.1173 and
//! `aws-config` 1.13 on the same files, and from their sources.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use super::{
    super::line::line,
    header::{Header, Kind},
    warning::{
        Client::{self, Botocore, JavaScript, Rust},
        Effect::{self, File, Key, Value},
        Rejections, Warnings,
    },
};

const BLANK: [char; 2] = [' ', '\t'];
const COMMENT: [char; 2] = ['#', ';'];

/// The keys that matter here; what is odd about any other is a matter of their users.
const KNOWN_KEYS: [&str; 11] = [
    "endpoint_url",
    "ignore_configured_endpoint_urls",
    "services",
    "sso_account_id",
    "sso_region",
    "sso_registration_scopes",
    "sso_role_name",
    "sso_session",
    "sso_start_url",
    "use_dualstack_endpoint",
    "use_fips_endpoint",
];

/// Which of the two files it is: in the credentials file a section's header is the profile's bare name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `~/.aws/config`.
    Config,
    /// `~/.aws/credentials`.
    Credentials,
}

/// A file, as far as it can be read.
#[derive(Debug, Default)]
pub struct Document {
    /// In the order of their first headers; equal headers are one section.
    pub sections: Vec<Section>,
    /// In the order of lines.
    pub warnings: Warnings,
}

/// A section.
#[derive(Debug)]
pub struct Section {
    /// What it describes.
    pub header: Header,
    /// The line of its first header.
    pub line: usize,
    /// In the order of the file; a later one of the same key counts.
    pub properties: Vec<Property>,
}

/// A key with its value.
#[derive(Debug)]
pub struct Property {
    /// In small letters.
    pub key: String,
    /// Without comment and surrounding blanks; continuation lines are joined by newlines.
    pub value: String,
    /// Its line.
    pub line: usize,
    /// The indented keys below a key without a value.
    pub nested: Vec<Property>,
    /// How far its line is indented.
    indent: usize,
}

impl Document {
    /// Reads `text`; `file` names it in warnings.
    pub fn parse(file: &str, text: &str, kind: FileKind) -> Self {
        let mut parser = Parser {
            file,
            kind,
            line: 1,
            document: Self::default(),
            header_seen: false,
            current: None,
            property_open: false,
            places: HashMap::new(),
            keys: HashSet::new(),
        };
        parser.run(text);
        parser.document
    }
}

impl Section {
    /// The value that counts for `key`.
    pub fn get(&self, key: &str) -> Option<&Property> {
        self.properties.iter().rev().find(|property| property.key == key)
    }
}

struct Parser<'a> {
    file: &'a str,
    kind: FileKind,
    line: usize,
    document: Document,
    header_seen: bool,
    /// The index of the section that is being read; none before the first and in one that is no use.
    current: Option<usize>,
    /// Whether a property has been read since the last header, so that an indented line can continue it.
    property_open: bool,
    /// The index of each section so far.
    places: HashMap<Header, usize>,
    /// The section and key of all properties so far.
    keys: HashSet<(usize, String)>,
}

impl Parser<'_> {
    fn run(&mut self, text: &str) {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        if body.len() < text.len() {
            self.warn("the file begins with a byte order mark", &[(Botocore, File), (Rust, File)]);
        }
        for (index, line) in body.lines().enumerate() {
            self.line = index + 1;
            let content = line.trim();
            if content.is_empty() {
                continue;
            }
            self.content(content, line.len() - line.trim_start_matches(BLANK).len());
        }
    }

    fn content(&mut self, content: &str, indent: usize) {
        let continues = self.open_property().is_some_and(|property| indent > property.indent);
        if content.starts_with(COMMENT) {
            self.comment(indent);
        } else if continues {
            self.continuation(content, indent);
        } else if content.starts_with('[') {
            if indent > 0 {
                self.warn("a section header is indented", &[(Rust, File)]);
            }
            self.header(content);
        } else {
            self.property(content, indent);
        }
    }

    /// The Rust SDK takes a comment for one only where its line is not indented.
    fn comment(&mut self, indent: usize) {
        let what = "a comment is indented";
        match self.open_property() {
            _ if indent == 0 => {}
            None => self.warn(what, &[(Rust, File)]),
            Some(property) if property.value.is_empty() => self.warn(what, &[(Rust, File)]),
            Some(property) if known(&property.key) => self.warn(what, &[(Rust, Value)]),
            Some(_) => {}
        }
    }

    fn header(&mut self, content: &str) {
        (self.header_seen, self.property_open) = (true, false);
        let (header, oddities) = Header::parse(content, self.kind);
        for (what, rejected_by) in oddities {
            self.warn(what, &rejected_by);
        }
        let Some(header) = header else {
            self.current = None;
            return;
        };
        if let Some(&index) = self.places.get(&header) {
            self.warn(format_args!("the section {header} is there twice"), &[(Botocore, File)]);
            self.current = Some(index);
            return;
        }
        let index = self.document.sections.len();
        self.current = Some(index);
        self.places.insert(header.clone(), index);
        self.document.sections.push(Section { header, line: self.line, properties: Vec::new() });
    }

    fn property(&mut self, content: &str, indent: usize) {
        let Some(index) = self.current else {
            if !self.header_seen {
                self.warn("a line stands before the first section", &[(Botocore, File), (Rust, File)]);
            }
            return;
        };
        let Some((key, value, rejected_by)) = self.key_and_value(content) else { return };
        if indent > 0 {
            let effect = if self.property_open { Value } else { File };
            self.warn(format_args!("the key `{key}` is indented"), &[(Rust, effect)]);
        }
        if !rejected_by.is_empty() {
            self.warn(format_args!("the key `{key}` is followed by a colon instead of `=`"), &rejected_by);
        }
        self.push(index, &key, value, indent);
    }

    /// Splits a line at its first `=` or `:`, with who rejects it for the colon.
    fn key_and_value<'t>(&mut self, content: &'t str) -> Option<(String, &'t str, Rejections)> {
        let bare = without_comment(content);
        let Some(at) = bare.find(['=', ':']) else {
            self.warn("a line has no `=`", &[(Botocore, File), (Rust, File)]);
            return None;
        };
        let key = bare[..at].trim();
        if key.is_empty() {
            self.warn("a line has no key before its `=`", &[(Botocore, File), (Rust, File)]);
            return None;
        }
        let rejected_by = if bare[at..].starts_with('=') {
            Vec::new()
        } else if bare.contains('=') {
            vec![(JavaScript, Key), (Rust, Key)]
        } else {
            vec![(JavaScript, Key), (Rust, File)]
        };
        Some((key.to_owned(), &content[at + 1..], rejected_by))
    }

    fn push(&mut self, section: usize, written: &str, raw_value: &str, indent: usize) {
        let key = written.to_ascii_lowercase();
        let value = without_comment(raw_value).trim().to_owned();
        let matters = known(&key) && self.document.sections[section].header.kind != Kind::Other;
        if matters && key != written {
            self.warn(format_args!("the key `{written}` has capitals"), &[(JavaScript, Key)]);
        }
        if matters && value != raw_value.trim() {
            let what = format_args!("a comment follows the value of `{key}` on its line");
            self.warn(what, &[(Botocore, Value)]);
        }
        if !self.keys.insert((section, key.clone())) {
            self.warn(format_args!("the key `{key}` is there twice in its section"), &[(Botocore, File)]);
        }
        let property = Property { key, value, line: self.line, nested: Vec::new(), indent };
        self.document.sections[section].properties.push(property);
        self.property_open = true;
    }

    /// A line that is indented further than the property before it: a nested key, or more of the value.
    fn continuation(&mut self, content: &str, indent: usize) {
        let Some(section) = self.current else { return };
        let Some(open) = self.open_property() else { return };
        if open.value.is_empty() {
            self.nested(content, indent);
            return;
        }
        let (open_key, parent) = (line(&open.key), open.indent);
        let open_known = known(&open.key);
        if let Some((key, value)) = content.split_once('=')
            && known(&key.trim().to_ascii_lowercase())
        {
            let what = format_args!("the key `{}` is indented below `{open_key}`", key.trim());
            self.warn(what, &[(Botocore, Value), (Rust, Value)]);
            // Keeps the depth of its parent, so that keys of one depth are treated alike.
            self.push(section, key.trim(), value, parent);
            return;
        }
        if open_known {
            let what = format_args!("the value of `{open_key}` goes on in another line");
            self.warn(what, &[(JavaScript, Value)]);
        }
        if let Some(open) = self.document.sections[section].properties.last_mut() {
            open.value.push('\n');
            open.value.push_str(without_comment(content));
        }
    }

    fn nested(&mut self, content: &str, indent: usize) {
        let Some((key, raw_value)) = content.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
            self.warn("a nested line is not `key = value`", &[(Botocore, File), (Rust, File)]);
            return;
        };
        let key = key.trim().to_ascii_lowercase();
        let value = without_comment(raw_value).trim().to_owned();
        if known(&key) && value != raw_value.trim() {
            let what = format_args!("a comment follows the value of `{key}` on its line");
            self.warn(what, &[(Botocore, Value)]);
        }
        let line = self.line;
        if let Some(section) = self.current
            && let Some(parent) = self.document.sections[section].properties.last_mut()
        {
            parent.nested.push(Property { key, value, line, nested: Vec::new(), indent });
        }
    }

    /// The property that an indented line could continue.
    fn open_property(&self) -> Option<&Property> {
        if !self.property_open {
            return None;
        }
        self.document.sections.get(self.current?)?.properties.last()
    }

    fn warn(&mut self, what: impl fmt::Display, rejected_by: &[(Client, Effect)]) {
        self.document.warnings.add(self.file, self.line, what, rejected_by);
    }
}

fn known(key: &str) -> bool {
    KNOWN_KEYS.contains(&key)
}

/// The text up to a `#` or `;` that has a blank before it or begins the text.
fn without_comment(text: &str) -> &str {
    let mut after_blank = true;
    for (at, character) in text.char_indices() {
        if after_blank && COMMENT.contains(&character) {
            return text[..at].trim_end();
        }
        after_blank = BLANK.contains(&character);
    }
    text.trim_end()
}
