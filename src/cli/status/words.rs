//! What people read of a session's state. What programs read are the words of [`State::word`].

use anstyle::Style;

use crate::{
    cli::palette::{SOON, WELL, WRONG},
    session::{
        schedule::Policy,
        status::{EndSource, Next, State, Status},
    },
    time::{Timestamp, words},
};

/// Where nothing is known.
pub(in crate::cli) const NOTHING: &str = "-";

/// How a session is, for people: it tells apart what is one state for the program and asks for different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Condition {
    /// There is a good token, and it will be refreshed.
    Fresh,
    /// There is a good token, and no other without a sign-in.
    Last,
    /// A refresh is under way.
    Refreshing,
    /// It failed, and is tried again.
    TryingAgain,
    /// Nobody refreshes the token, which has expired.
    Expired,
    /// Nothing else helps.
    SignInNeeded,
    /// Nobody is signed in.
    SignedOut,
    /// The daemon has not looked yet.
    Starting,
}

impl Condition {
    pub(in crate::cli) fn of(status: &Status) -> Self {
        match status.state {
            State::Fresh if !status.usable => Self::Expired,
            State::Fresh if status.remedy.is_some() => Self::Last,
            State::Fresh => Self::Fresh,
            State::Refreshing => Self::Refreshing,
            State::Backoff => Self::TryingAgain,
            State::LoginRequired => Self::SignInNeeded,
            State::SignedOut if status.remedy.is_none() => Self::Starting,
            State::SignedOut => Self::SignedOut,
        }
    }

    /// A few words.
    pub(in crate::cli) fn words(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Last => "can't refresh",
            Self::Refreshing => "refreshing",
            Self::TryingAgain => "trying again",
            Self::Expired => "expired",
            Self::SignInNeeded => "sign in needed",
            Self::SignedOut => "signed out",
            Self::Starting => "starting",
        }
    }

    /// The colour of those words.
    pub(in crate::cli) fn style(self) -> Style {
        match self {
            Self::Fresh | Self::Refreshing => WELL,
            Self::Last | Self::TryingAgain | Self::Starting => SOON,
            Self::Expired | Self::SignInNeeded | Self::SignedOut => WRONG,
        }
    }
}

/// What is left of the token, and its colour.
pub(in crate::cli) fn left(status: &Status, now: Timestamp) -> (String, Style) {
    match status.expires_at {
        Some(at) if at > now => (words(at.since(now)), Style::new()),
        Some(_) => ("expired".into(), WRONG),
        None => (NOTHING.into(), Style::new()),
    }
}

/// What the session does next, and when: `refresh in 37m 52s`. What explains it further is in the reason below.
pub(in crate::cli) fn next(status: &Status, now: Timestamp) -> String {
    let Some(Next { at, why }) = &status.next else { return NOTHING.into() };
    let what = why.split(':').next().unwrap_or(why);
    if *at > now { format!("{what} in {}", words(at.since(now))) } else { format!("{what} now") }
}

/// When the Identity Center session likely ends, at best a guess: `~7h 2m`.
pub(in crate::cli) fn ends_in(status: &Status, now: Timestamp) -> String {
    status.session_ends_at.map_or_else(|| NOTHING.into(), |at| format!("~{}", words(at.since(now))))
}

/// The same with what it rests on: `~7h 2m learned`, where that is what earlier sessions tell, and `~7h 2m as set`,
/// where the user has set how long one lasts; with its colour.
pub(in crate::cli) fn ends(status: &Status, now: Timestamp) -> (String, Style) {
    let source = match status.session_end_source {
        Some(EndSource::Configured) => " as set",
        Some(EndSource::Learned) => " learned",
        None => "",
    };
    let style = if ends_soon(status, now) { SOON } else { Style::new() };
    (ends_in(status, now) + source, style)
}

/// The command that the user should run, if any.
pub(in crate::cli) fn todo(status: &Status, now: Timestamp) -> Option<String> {
    let renew = || ends_soon(status, now).then(|| format!("sso-refresh login {} --renew", status.session));
    status.remedy.clone().or_else(renew)
}

/// Whether the end of the session is so near that it is announced. Without a daemon nobody does, and the usual time
/// counts.
fn ends_soon(status: &Status, now: Timestamp) -> bool {
    let usual = |end: Timestamp| end.before(Policy::default().warn_before_session_end);
    let announced = status.session_end_announced_at.or_else(|| status.session_ends_at.map(usual));
    announced.is_some_and(|at| at <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_is_due_when_the_end_of_the_session_is_announced() {
        let at = Timestamp::from_secs;
        let ending = |announced: Option<i64>| Status {
            session_ends_at: Some(at(10_000)),
            session_end_announced_at: announced.map(at),
            ..Status::bare("work", State::Fresh)
        };
        for (announced, first) in [(Some(4000), 4000), (Some(9990), 9990), (None, 9100)] {
            let due = |secs| todo(&ending(announced), at(secs));
            assert_eq!(due(first - 1), None);
            assert_eq!(due(first).as_deref(), Some("sso-refresh login work --renew"));
            assert_eq!(ends(&ending(announced), at(first)).1, SOON);
        }
    }
}
