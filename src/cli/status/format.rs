//! [`Format`]: a line a session, for prompts and status bars.

use std::str::FromStr;

use super::words::{Condition, NOTHING, ends_in, left, next, todo};
use crate::{
    cli::template::{Part, parts},
    config::line,
    session::status::Status,
    time::Timestamp,
};

/// What `--format` takes.
#[derive(Clone, Debug)]
pub(super) struct Format(Vec<Part<Field>>);

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug)]
enum Field {
    Session,
    State,
    Left,
    Expires,
    Next,
    Ends,
    Do,
}

const FIELDS: [(&str, Field); 7] = [
    ("session", Field::Session),
    ("state", Field::State),
    ("left", Field::Left),
    ("expires", Field::Expires),
    ("next", Field::Next),
    ("ends", Field::Ends),
    ("do", Field::Do),
];

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parts(text, &FIELDS).map(Self)
    }
}

impl Format {
    /// The line of a session, without its end.
    pub(super) fn line(&self, status: &Status, now: Timestamp) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Field(Field::Session) => status.session.clone(),
            Part::Field(Field::State) => Condition::of(status).words().to_owned(),
            Part::Field(Field::Left) => left(status, now).0,
            Part::Field(Field::Expires) => {
                status.expires_at.map_or_else(|| NOTHING.to_owned(), |at| at.to_string())
            }
            Part::Field(Field::Next) => next(status, now),
            Part::Field(Field::Ends) => ends_in(status, now),
            Part::Field(Field::Do) => todo(status, now).unwrap_or_default(),
        });
        line(parts.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::status::{EndSource, Next, State};

    #[test]
    fn each_placeholder_stands_for_what_the_table_says() {
        let now = Timestamp::from_secs(1_800_000_000);
        let after = |secs| Timestamp::from_secs(now.secs() + secs);
        let all = "{session}|{state}|{left}|{expires}|{next}|{ends}|{do}|{{x}}".parse::<Format>().unwrap();
        let fresh = Status {
            expires_at: Some(after(3540)),
            next: Some(Next { at: after(2280), why: "refresh".into() }),
            session_ends_at: Some(after(25_320)),
            session_end_source: Some(EndSource::Learned),
            ..Status::bare("work", State::Fresh)
        };
        assert_eq!(all.line(&fresh, now), "work|fresh|59m|2027-01-15T08:59:00Z|refresh in 38m|~7h 2m||{x}");
        let remedy = Some("sso-refresh login x".to_owned());
        let out = Status { remedy, ..Status::bare("a\u{1b}[31m\n", State::SignedOut) };
        assert_eq!(all.line(&out, now), "a\\u{1b}[31m\\n|signed out|-|-|-|-|sso-refresh login x|{x}");
    }

    #[test]
    fn what_is_unknown_is_told_with_what_was_meant() {
        let error = "{sesion}".parse::<Format>().unwrap_err();
        assert!(error.starts_with("there is no {sesion}, did you mean {session}?"), "{error}");
    }
}
