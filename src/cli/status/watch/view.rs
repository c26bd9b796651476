//! [`draw`]: the live view in as much room as there is.

mod columns;
mod text;

use anstyle::Style;
use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use self::{
    columns::{Columns, header, row},
    text::{fitted, part},
};
use super::model::{Model, style};
use crate::{
    cli::{
        palette::{FAINT, STRONG, WRONG},
        wrap::wrapped,
    },
    time::{Timestamp, words},
};

/// What the keys do, the most wanted first.
const KEYS: [(&str, &str); 3] = [("q", "quit"), ("r", "refresh"), ("↑↓", "select")];
const ASCII_KEYS: [(&str, &str); 3] = [("q", "quit"), ("r", "refresh"), ("j/k", "select")];

/// How many rows a terminal has at least where there is room for blank lines and headings.
const ROOMY: u16 = 12;

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) colour: bool,
    pub(super) utf8: bool,
}

/// Which rows of the terminal are whose, from the top.
struct Plan {
    notices: u16,
    table: u16,
    remarks: u16,
    events: u16,
}

/// Draws `model` as it is at `now`.
pub(super) fn draw(model: &Model, now: Timestamp, look: Look, area: Rect, buffer: &mut Buffer) {
    let mut canvas = Canvas { look, area, buffer, y: area.y };
    let width = usize::from(area.width).saturating_sub(2);
    let notices: Vec<(String, Style)> = model
        .notices()
        .into_iter()
        .flat_map(|(text, style)| wrapped(&text, width).into_iter().map(move |line| (line, style)))
        .collect();
    let mut remarks = remarks(model, now, width);
    if area.height < ROOMY {
        remarks.retain(|(_, style)| *style == WRONG);
    }
    let plan = Plan::of(area.height, notices.len(), model.overview.sessions.len(), remarks.len());
    if area.height > 3 {
        canvas.title(model, now);
    }
    for (text, style) in notices.into_iter().take(plan.notices.into()) {
        canvas.line(vec![part(" ", Style::new()), part(&text, style)]);
    }
    canvas.table(model, now, plan.table);
    canvas.remarks(remarks, plan.remarks);
    canvas.events(model, plan.events);
    if area.height > 4 {
        canvas.footer(model, now);
    }
}

impl Plan {
    /// The table comes first, but leaves room to what is wrong; the events have what nobody needs.
    fn of(height: u16, notices: usize, sessions: usize, remarks: usize) -> Self {
        let edges = match height {
            0..=3 => 0,
            4 => 1,
            _ => 2,
        };
        let mut left = height.saturating_sub(edges);
        let mut take = |wanted: usize, most: u16| {
            let taken = u16::try_from(wanted).unwrap_or(u16::MAX).min(most).min(left);
            left -= taken;
            taken
        };
        let notices = take(notices, height / 4);
        // A blank line and the names of the columns, where there is room for them.
        let heading = if height < ROOMY { usize::from(height > 5) } else { 2 };
        let events = take(if height > 15 { 5 } else { 0 }, u16::MAX);
        let table = sessions + heading;
        let (remarks, remarks_least) = match remarks {
            0 => (0, 0),
            _ if height < ROOMY => (remarks, height / 5),
            _ => (remarks + 2, height / 3),
        };
        let reserved = take(remarks, remarks_least);
        let table = take(table, u16::MAX);
        let remarks = reserved + take(remarks.saturating_sub(reserved.into()), u16::MAX);
        // A blank line before the keys.
        let events = if events > 0 { events + take(usize::MAX, u16::MAX).saturating_sub(1) } else { 0 };
        Self { notices, table, remarks, events }
    }
}

/// What is said of the sessions, in lines.
fn remarks(model: &Model, now: Timestamp, width: usize) -> Vec<(String, Style)> {
    let mut lines = Vec::new();
    for remark in model.remarks(now) {
        let told = format!("{}: {}", remark.session, remark.told.join("; "));
        let told = if remark.told.is_empty() { remark.session } else { told };
        lines.extend(wrapped(&told, width).into_iter().map(|line| (line, Style::new())));
        let style = if remark.wants { WRONG } else { STRONG };
        lines.extend(remark.todo.map(|command| (format!("  {command}"), style)));
    }
    lines
}

/// Where is drawn next.
struct Canvas<'a> {
    look: Look,
    area: Rect,
    buffer: &'a mut Buffer,
    y: u16,
}

impl Canvas<'_> {
    /// The parts of a line, one after the other, as far as there is room.
    fn line(&mut self, parts: Vec<text::Part>) {
        if self.y < self.area.bottom() {
            let line: Line<'_> = parts.into_iter().map(|part| part.span(self.look)).collect();
            self.buffer.set_line(self.area.x, self.y, &line, self.area.width);
        }
        self.y = self.y.saturating_add(1);
    }

    fn blank(&mut self) {
        self.line(Vec::new());
    }

    fn title(&mut self, model: &Model, now: Timestamp) {
        let sessions = model.overview.sessions.len();
        let mut told = match &model.overview.daemon {
            None => vec![part("no daemon", WRONG)],
            Some(daemon) => {
                let up = words(now.since(daemon.started_at));
                [daemon.version.clone(), format!("up {up}"), format!("process {}", daemon.pid)]
                    .map(|text| part(&text, FAINT))
                    .into()
            }
        };
        told.push(part(&format!("{sessions} session{}", if sessions == 1 { "" } else { "s" }), FAINT));
        match model.wanting() {
            0 => {}
            1 => told.push(part("1 needs you", WRONG)),
            many => told.push(part(&format!("{many} need you"), WRONG)),
        }
        let separator = if self.look.utf8 { " · " } else { ", " };
        let mut parts = vec![part(" ", Style::new()), part("sso-refresh ", STRONG)];
        for (place, told) in told.into_iter().enumerate() {
            if place > 0 {
                parts.push(part(separator, FAINT));
            }
            parts.push(told);
        }
        let clock = format!("{} UTC", time_of_day(now));
        let taken: usize = parts.iter().map(text::Part::width).sum();
        let room = usize::from(self.area.width).saturating_sub(taken + 1);
        if room > clock.len() + 2 {
            parts.push(part(&format!("{clock:>room$}"), FAINT));
        }
        self.line(parts);
    }

    fn table(&mut self, model: &Model, now: Timestamp, height: u16) {
        let sessions = &model.overview.sessions;
        let columns = Columns::of(sessions, now, usize::from(self.area.width));
        let mut rows = usize::from(height);
        if self.area.height >= ROOMY && rows > 1 {
            self.blank();
            rows -= 1;
        }
        if self.area.height > 5 && rows > 1 {
            self.line(header(&columns));
            rows -= 1;
        }
        // The selected one is as near to the middle as there are others on both sides.
        let first = model.place().saturating_sub(rows / 2).min(sessions.len().saturating_sub(rows));
        for (place, status) in sessions.iter().enumerate().skip(first).take(rows) {
            self.line(row(&columns, status, now, place == model.place(), self.look));
        }
    }

    fn remarks(&mut self, lines: Vec<(String, Style)>, height: u16) {
        let mut height = usize::from(height);
        if height > 2 {
            self.blank();
            self.line(vec![part(" TO KNOW", FAINT)]);
            height -= 2;
        }
        for (text, style) in lines.into_iter().take(height) {
            self.line(vec![part(" ", Style::new()), part(&text, style)]);
        }
    }

    fn events(&mut self, model: &Model, height: u16) {
        if height < 3 {
            return;
        }
        self.blank();
        self.line(vec![part(" EVENTS", FAINT)]);
        let room = usize::from(height) - 2;
        let events = &model.events;
        let width = usize::from(self.area.width).saturating_sub(12);
        for event in events.iter().skip(events.len().saturating_sub(room)) {
            self.line(vec![
                part(&format!(" {}  ", time_of_day(event.at)), FAINT),
                part(&fitted(&event.message, width, self.look), style(event)),
            ]);
        }
    }

    fn footer(&mut self, model: &Model, now: Timestamp) {
        self.y = self.area.bottom().saturating_sub(1);
        let mut parts = vec![part(" ", Style::new())];
        let keys = if self.look.utf8 { KEYS } else { ASCII_KEYS };
        for (key, what) in keys {
            parts.extend([part(key, STRONG), part(&format!(" {what}   "), FAINT)]);
        }
        if let Some(message) = model.message(now) {
            let taken: usize = parts.iter().map(text::Part::width).sum();
            let room = usize::from(self.area.width).saturating_sub(taken);
            parts.push(part(&fitted(message, room, self.look), Style::new()));
        }
        self.line(parts);
    }
}

/// `16:10:41`.
fn time_of_day(at: Timestamp) -> String {
    at.to_string().get(11..19).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
