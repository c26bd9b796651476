//! [`Model`]: what the live view shows, as it is known; and what of that is a row, a remark, an event.

use std::{collections::VecDeque, time::Duration};

use anstyle::Style;

use crate::{
    cli::{
        palette::{FAINT, SOON, WELL, WRONG},
        status::{
            Overview,
            words::{Condition, NOTHING, ends, left, next, todo},
        },
    },
    events::Event,
    kind::Kind,
    session::status::Status,
    time::{Timestamp, words},
};

/// How long a message stays.
const MESSAGE_STAYS: Duration = Duration::from_secs(15);
/// How many events are kept.
const EVENTS_MAX: usize = 100;

/// What is known, and what is selected.
pub(super) struct Model {
    pub(super) overview: Overview,
    /// Why it could not be brought up to date.
    pub(super) outdated: Option<String>,
    /// What has happened, the last at the end.
    pub(super) events: VecDeque<Event>,
    /// Why no events come from the daemon that answers.
    pub(super) deaf: Option<String>,
    /// What became of what the user asked for, and when.
    message: Option<(String, Timestamp)>,
    selected: usize,
}

/// A session in one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) session: String,
    pub(super) state: (&'static str, Style),
    pub(super) token: Gauge,
    pub(super) sign_in: Gauge,
    /// What the daemon does next, or the user should.
    pub(super) next: (String, Style),
}

/// What is left of a life, in seconds of how many in all, and in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gauge {
    pub(super) part: Option<(u64, u64)>,
    pub(super) text: String,
    pub(super) style: Style,
}

/// What is to be said of a session beside its row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Remark {
    pub(super) session: String,
    pub(super) told: Vec<String>,
    pub(super) todo: Option<String>,
    /// Whether it needs the user now.
    pub(super) wants: bool,
}

impl Model {
    pub(super) fn new(overview: Overview, past: Vec<Event>) -> Self {
        let mut model = Self {
            overview,
            outdated: None,
            events: VecDeque::new(),
            deaf: None,
            message: None,
            selected: 0,
        };
        for event in past {
            model.happened(event);
        }
        model
    }

    /// Takes what was seen of all sessions; what was selected stays so, wherever it is now.
    pub(super) fn seen(&mut self, seen: Result<Overview, String>) {
        match seen {
            Ok(overview) => {
                let selected = self.selected().map(|status| status.session.clone());
                self.overview = overview;
                self.outdated = None;
                let sessions = &self.overview.sessions;
                let now_at = sessions.iter().position(|status| Some(&status.session) == selected.as_ref());
                self.selected = now_at.unwrap_or(self.selected).min(sessions.len().saturating_sub(1));
            }
            Err(error) => self.outdated = Some(error),
        }
    }

    /// Takes an event; one that was read from the history may come a second time.
    pub(super) fn happened(&mut self, event: Event) {
        if self.events.contains(&event) {
            return;
        }
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Says something about what the user asked for.
    pub(super) fn say(&mut self, message: String, now: Timestamp) {
        self.message = Some((message, now));
    }

    /// What was said of late.
    pub(super) fn message(&self, now: Timestamp) -> Option<&str> {
        let (message, at) = self.message.as_ref()?;
        (now.since(*at) < MESSAGE_STAYS).then_some(message.as_str())
    }

    /// Selects the session that is so many rows further down.
    pub(super) fn select(&mut self, rows: isize) {
        let last = self.overview.sessions.len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(rows).min(last);
    }

    pub(super) fn selected(&self) -> Option<&Status> {
        self.overview.sessions.get(self.selected)
    }

    /// Where the selected session is among all.
    pub(super) fn place(&self) -> usize {
        self.selected
    }

    /// How many sessions want the user now.
    pub(super) fn wanting(&self) -> usize {
        let wants = |status: &&Status| Condition::of(status).style() == WRONG;
        self.overview.sessions.iter().filter(wants).count()
    }

    /// What is wrong or odd, the daemon first.
    pub(super) fn notices(&self) -> Vec<(String, Style)> {
        let Overview { trouble, warnings, endpoint, .. } = &self.overview;
        let wrong = trouble.iter().map(|text| (text.clone(), WRONG));
        let deaf = self.deaf.iter().filter(|_| trouble.is_none());
        let odd = self.outdated.iter().chain(deaf).chain(warnings).map(|text| (text.clone(), SOON));
        wrong.chain(odd).chain(endpoint.iter().map(|text| (text.clone(), FAINT))).collect()
    }

    /// What is to be said of the sessions, the selected one first.
    pub(super) fn remarks(&self, now: Timestamp) -> Vec<Remark> {
        let others = self.overview.sessions.iter().enumerate().filter(|(place, _)| *place != self.selected);
        let all = self.selected().into_iter().chain(others.map(|(_, status)| status));
        all.filter_map(|status| Remark::of(status, now)).collect()
    }

    /// The moment at which something is known to be another then, of which no event tells.
    pub(super) fn next_look(overview: &Overview, now: Timestamp) -> Option<Timestamp> {
        let at = |status: &Status| match Condition::of(status) {
            Condition::Refreshing | Condition::Starting => Some(now),
            _ => status.next.as_ref().map(|next| next.at),
        };
        overview.sessions.iter().filter_map(at).min()
    }
}

impl Row {
    pub(super) fn of(status: &Status, now: Timestamp) -> Self {
        let condition = Condition::of(status);
        let next = match &status.next {
            Some(_) => (next(status, now), Style::new()),
            None => match todo(status, now) {
                Some(command) => (command, condition.style()),
                None => (NOTHING.into(), Style::new()),
            },
        };
        Self {
            session: status.session.clone(),
            state: (condition.words(), condition.style()),
            token: token(status, condition, now),
            sign_in: sign_in(status, condition, now),
            next,
        }
    }
}

fn token(status: &Status, condition: Condition, now: Timestamp) -> Gauge {
    let (text, style) = left(status, now);
    let part = status.expires_at.zip(status.token_life_secs);
    Gauge {
        part: part.map(|(at, life)| (at.since(now).as_secs(), life)),
        text,
        style: if style == WRONG { style } else { condition.style() },
    }
}

fn sign_in(status: &Status, condition: Condition, now: Timestamp) -> Gauge {
    let Some(at) = status.session_ends_at else {
        let is_over = matches!(condition, Condition::SignInNeeded | Condition::SignedOut);
        let text = if is_over { NOTHING } else { "not known yet" };
        return Gauge { part: None, text: text.into(), style: FAINT };
    };
    let soon = ends(status, now).1;
    Gauge {
        part: status.signed_in_at.map(|begin| (at.since(now).as_secs(), at.since(begin).as_secs())),
        text: if at > now { format!("~{}", words(at.since(now))) } else { "ended".into() },
        style: if soon == Style::new() { WELL } else { soon },
    }
}

impl Remark {
    fn of(status: &Status, now: Timestamp) -> Option<Self> {
        let mut told: Vec<String> = status.reason.iter().chain(&status.last_error).cloned().collect();
        let todo = todo(status, now);
        if let Some(at) = status.session_ends_at.filter(|_| told.is_empty() && todo.is_some()) {
            told.push(format!("the sign-in session ends about {}", at.hour_and_minute()));
        }
        let wants = Condition::of(status).style() == WRONG;
        (todo.is_some() || !told.is_empty()).then(|| Self {
            session: status.session.clone(),
            told,
            todo,
            wants,
        })
    }
}

/// The colour of an event.
pub(super) fn style(event: &Event) -> Style {
    const WANTING: [Kind; 3] = [Kind::SignInNeeded, Kind::SignedOut, Kind::NotRepaired];
    const ODD: [Kind; 8] = [
        Kind::RefreshFailing,
        Kind::CredentialsFailing,
        Kind::SessionEnding,
        Kind::RegistrationEnding,
        Kind::ConfigurationRefused,
        Kind::ClockSkew,
        Kind::NotListening,
        Kind::Stopping,
    ];
    let is = |kinds: &[Kind]| kinds.iter().any(|kind| kind.name() == event.event);
    match event {
        _ if is(&WANTING) => WRONG,
        _ if is(&ODD) => SOON,
        _ => Style::new(),
    }
}
