//! [`Layout`]: where the block of a session is in the AWS config file, and the file with another one.
//!
//! The block is all that changes: what is outside of it stays byte for byte, line ends and a missing one at the end of
//! the file included. So a block that is put in and taken out again leaves the file as it was.

use std::{
    collections::BTreeMap,
    ops::{Range, RangeInclusive},
};

use crate::config::aws::{
    header::{Header, Kind},
    ini::FileKind,
};

/// A colon or an equals sign would make a key of a comment for `aws configure set` (`OPTION_REGEX` in its `writer.py`): what
/// it sets in the profile above would get behind it.
const START: (&str, &str) = ("# >>> sso-refresh profiles ", " >>>");
const END: (&str, &str) = ("# <<< sso-refresh profiles ", " <<<");

/// The keys that are ours in a profile of the block; all others are the user's.
const OWN_KEYS: [&str; 4] = ["credential_process", "sso_account_id", "sso_role_name", "sso_session"];

/// Why the block can't be written anew. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// A line that marks the start or the end has no counterpart.
    Torn {
        /// The line.
        line: usize,
        /// Its text.
        marker: String,
    },
    /// There are two blocks of the session.
    Twice {
        /// Where they begin.
        lines: [usize; 2],
    },
    /// A section that is no profile, or a key of none, is in the block, and would be lost.
    Foreign {
        /// Where it is.
        line: usize,
    },
    /// A key right behind the block belongs to the last profile in it, and would get to another one.
    Astray {
        /// Where it is.
        line: usize,
    },
}

/// A file, and where the block of one session is in it.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    text: &'a str,
    session: &'a str,
    /// With both markers, and the end of the last line where it has one.
    block: Option<Range<usize>>,
    /// Of each profile in the block, by its name: the lines that the user has added, without their ends.
    added: BTreeMap<String, Vec<&'a str>>,
}

impl<'a> Layout<'a> {
    /// Looks for the block of `session` in `text`.
    pub(super) fn of(text: &'a str, session: &'a str) -> Result<Self, Unfit> {
        let lines: Vec<Line> = lines(text).collect();
        let mut layout = Self { text, session, block: None, added: BTreeMap::new() };
        let mut own = blocks(&lines)?.into_iter().filter(|(name, _)| *name == session);
        let Some((_, block)) = own.next() else { return Ok(layout) };
        let (first, last) = (&lines[*block.start()], &lines[*block.end()]);
        if let Some((_, second)) = own.next() {
            return Err(Unfit::Twice { lines: [first.number, lines[*second.start()].number] });
        }
        layout.block = Some(first.span.start..last.span.end);
        let mut profile = None;
        for line in &lines[block.start() + 1..*block.end()] {
            layout.inside(line, &mut profile)?;
        }
        layout.keep(profile);
        match lines[block.end() + 1..].iter().find(|line| !line.is_idle()) {
            Some(next) if !next.is_header() => Err(Unfit::Astray { line: next.number }),
            _ => Ok(layout),
        }
    }

    /// The text with blank lines in the place of the block: what else there is, each on its line.
    pub(super) fn outside(&self) -> String {
        let Some(block) = &self.block else { return self.text.to_owned() };
        let lines = self.text[block.clone()].matches('\n').count();
        format!("{}{}{}", &self.text[..block.start], "\n".repeat(lines), &self.text[block.end..])
    }

    /// The profiles in the block.
    pub(super) fn profiles(&self) -> impl Iterator<Item = &str> {
        self.added.keys().map(String::as_str)
    }

    /// The lines that the user has added to the profile of that name, but for the keys that are in `without`.
    pub(super) fn added(&self, profile: &str, without: &[&str]) -> Vec<&'a str> {
        let lines = self.added.get(profile).map(Vec::as_slice).unwrap_or_default();
        lines.iter().copied().filter(|line| !key(line).is_some_and(|key| without.contains(&&*key))).collect()
    }

    /// The text with a block of these lines, or without one where there are none. They should end with a blank one: it is
    /// where `aws configure set` puts a key of a file's last profile.
    pub(super) fn with(&self, lines: &[String]) -> String {
        let first_line = self.text.split_inclusive('\n').next();
        let end = if first_line.is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
        let (before, old, after) = match &self.block {
            Some(block) => (&self.text[..block.start], &self.text[block.clone()], &self.text[block.end..]),
            None => (self.text, "", ""),
        };
        let is_blank = without_mark(before).is_empty();
        // Where the file had no line end at its end, it has none after the block either, and the one before the block is
        // the block's.
        let (gap, closed) = match &self.block {
            Some(_) => ("", old.ends_with('\n')),
            None if is_blank || before.ends_with('\n') => ("", true),
            None => (end, false),
        };
        if lines.is_empty() {
            let before = match old {
                "" => before,
                _ if old.ends_with('\n') => before,
                _ => before.strip_suffix('\n').map_or(before, |bare| bare.strip_suffix('\r').unwrap_or(bare)),
            };
            return format!("{before}{after}");
        }
        let first = format!("{}{}{}", START.0, self.session, START.1);
        let last = format!("{}{}{}", END.0, self.session, END.1);
        let block: Vec<&str> = [first.as_str()]
            .into_iter()
            .chain(lines.iter().map(String::as_str))
            .chain([last.as_str()])
            .collect();
        format!("{before}{gap}{}{}{after}", block.join(end), if closed { end } else { "" })
    }

    fn inside(&mut self, line: &Line<'a>, profile: &mut Option<Profile<'a>>) -> Result<(), Unfit> {
        if line.is_header() {
            self.keep(profile.take());
            let (header, _) = Header::parse(line.text.trim(), FileKind::Config);
            let Some(Header { kind: Kind::Profile, name }) = header else {
                return Err(Unfit::Foreign { line: line.number });
            };
            *profile = Some(Profile { name, added: Vec::new(), is_own: false });
        } else if let Some(profile) = profile {
            profile.take(line);
        } else if !line.is_idle() {
            // It belongs to the section above the block.
            return Err(Unfit::Foreign { line: line.number });
        }
        Ok(())
    }

    fn keep(&mut self, profile: Option<Profile<'a>>) {
        if let Some(Profile { name, added, .. }) = profile {
            self.added.entry(name).or_default().extend(added);
        }
    }
}

/// The blocks of all sessions: the indices of their markers.
fn blocks<'a>(lines: &[Line<'a>]) -> Result<Vec<(&'a str, RangeInclusive<usize>)>, Unfit> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let torn = |index: usize| Unfit::Torn { line: lines[index].number, marker: lines[index].text.to_owned() };
    for (index, line) in lines.iter().enumerate() {
        if let Some(name) = line.marker(START)
            && let Some((_, start)) = open.replace((name, index))
        {
            return Err(torn(start));
        } else if let Some(name) = line.marker(END) {
            let (_, start) = open.take().filter(|(opened, _)| *opened == name).ok_or_else(|| torn(index))?;
            blocks.push((name, start..=index));
        }
    }
    open.map_or(Ok(blocks), |(_, start)| Err(torn(start)))
}

/// A profile in the block, as far as it was read.
struct Profile<'a> {
    name: String,
    added: Vec<&'a str>,
    /// Whether the last key was ours, and with it what continues it.
    is_own: bool,
}

impl<'a> Profile<'a> {
    fn take(&mut self, line: &Line<'a>) {
        if !line.is_indented()
            && let Some(key) = key(line.text)
        {
            self.is_own = OWN_KEYS.contains(&&*key);
        } else if !line.is_indented() {
            self.is_own = false;
        }
        if !self.is_own && !line.text.trim().is_empty() {
            self.added.push(line.text);
        }
    }
}

/// A line without its end.
#[derive(Clone, Debug)]
struct Line<'a> {
    number: usize,
    text: &'a str,
    /// Its end included.
    span: Range<usize>,
}

impl<'a> Line<'a> {
    /// The name of the session, where it is a marker.
    fn marker(&self, (before, after): (&str, &str)) -> Option<&'a str> {
        self.text.trim_end().strip_prefix(before)?.strip_suffix(after)
    }

    fn is_header(&self) -> bool {
        self.text.starts_with('[')
    }

    fn is_indented(&self) -> bool {
        self.text.starts_with([' ', '\t'])
    }

    /// Whether it is blank or a comment.
    fn is_idle(&self) -> bool {
        let text = self.text.trim();
        text.is_empty() || text.starts_with(['#', ';'])
    }
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let body = without_mark(text);
    let mut at = text.len() - body.len();
    body.split_inclusive('\n').enumerate().map(move |(index, whole)| {
        let span = at..at + whole.len();
        at = span.end;
        let text = whole.strip_suffix('\n').map_or(whole, |bare| bare.strip_suffix('\r').unwrap_or(bare));
        Line { number: index + 1, text, span }
    })
}

/// A text behind its byte order mark.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The key of a line, in small letters; none where it is a comment or has none.
pub(super) fn key(line: &str) -> Option<String> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (key, _) = line.split_once(['=', ':'])?;
    Some(key.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
