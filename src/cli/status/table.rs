//! The table of `status`, and what is said below it.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};

use crate::{
    cli::config::lines,
    session::status::{Next, State, Status},
    time::{Timestamp, words},
};

/// What an old terminal and a letter to a colleague have room for, in characters. The blanks at both edges of the
/// table are cut off.
const WIDTH: u16 = 80;

/// One line a session, as long as its name is not too long.
pub(super) fn table(sessions: &[Status], now: Timestamp) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH + 2);
    table.set_header(["SESSION", "STATE", "TOKEN", "NEXT", "SESSION ENDS"]);
    for status in sessions {
        table.add_row([
            status.session.clone(),
            state(status).to_owned(),
            status.expires_at.map_or_else(nothing, |at| left(at, now)),
            status.next.as_ref().map_or_else(nothing, |next| planned(next, now)),
            status.session_ends_at.map_or_else(nothing, |at| moment(at, now)),
        ]);
    }
    // Only names are of any length.
    for column in table.column_iter_mut().skip(1) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    lines(&table)
}

/// What went wrong with a session, and what to do about it.
pub(super) fn remarks(status: &Status) -> Vec<String> {
    let Status { session, reason, last_error, remedy, .. } = status;
    let told = match (reason, remedy) {
        (Some(reason), Some(remedy)) => Some(format!("{session}: {reason}; run `{remedy}`")),
        (Some(reason), None) => Some(format!("{session}: {reason}")),
        (None, Some(remedy)) => Some(format!("{session}: run `{remedy}`")),
        (None, None) => None,
    };
    last_error.iter().map(|error| format!("{session}: {error}")).chain(told).collect()
}

fn state(status: &Status) -> &'static str {
    match status.state {
        State::Fresh if !status.usable => "expired",
        state => state.word(),
    }
}

fn left(expires_at: Timestamp, now: Timestamp) -> String {
    if expires_at > now { words(expires_at.since(now)) } else { "expired".into() }
}

/// What explains the reason further stands below the table.
fn planned(next: &Next, now: Timestamp) -> String {
    let reason = next.why.split(':').next().unwrap_or(&next.why);
    format!("{}: {reason}", moment(next.at, now))
}

fn moment(at: Timestamp, now: Timestamp) -> String {
    if at > now { format!("in {}", words(at.since(now))) } else { "now".into() }
}

fn nothing() -> String {
    "-".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_798_761_600);

    fn after(secs: i64) -> Timestamp {
        Timestamp::from_secs(NOW.secs() + secs)
    }

    fn sessions() -> Vec<Status> {
        let next = |secs, why: &str| Some(Next { at: after(secs), why: why.into() });
        vec![
            Status {
                expires_at: Some(after(3540)),
                next: next(2272, "refresh"),
                session_ends_at: Some(after(25_320)),
                ..Status::bare("work", State::Fresh)
            },
            Status {
                expires_at: Some(after(543)),
                next: next(12, "retry"),
                last_error: Some(
                    "can't find the host oidc.eu-west-1.amazonaws.com: check the network".into(),
                ),
                usable: true,
                ..Status::bare("a-rather-long-session-name", State::Backoff)
            },
            Status {
                expires_at: Some(after(-60)),
                reason: Some("the sign-in session has ended".into()),
                remedy: Some("sso-refresh login old".into()),
                ..Status::bare("old", State::LoginRequired)
            },
            Status { expires_at: Some(after(-60)), usable: false, ..Status::bare("idle", State::Fresh) },
            Status {
                expires_at: Some(after(1200)),
                next: next(1200, "expiry: the token can't be refreshed"),
                reason: Some("it was issued without a refresh token".into()),
                remedy: Some("sso-refresh login bare".into()),
                ..Status::bare("bare", State::Fresh)
            },
            Status::bare("new", State::SignedOut),
        ]
    }

    #[test]
    fn the_table_fits_and_reads_well() {
        let shown = table(&sessions(), NOW);
        assert!(shown.lines().all(|line| line.chars().count() <= WIDTH.into()), "{shown}");
        insta::assert_snapshot!(shown, @r"
        SESSION               STATE           TOKEN    NEXT                 SESSION ENDS
        work                  fresh           59m      in 37m 52s: refresh  in 7h 2m
        a-rather-long-sessio  backoff         9m 3s    in 12s: retry        -
        n-name
        old                   login-required  expired  -                    -
        idle                  expired         expired  -                    -
        bare                  fresh           20m      in 20m: expiry       -
        new                   signed-out      -        -                    -
        ");
    }

    #[test]
    fn errors_and_remedies_stand_below() {
        let shown: Vec<String> = sessions().iter().flat_map(remarks).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        a-rather-long-session-name: can't find the host oidc.eu-west-1.amazonaws.com: check the network
        old: the sign-in session has ended; run `sso-refresh login old`
        bare: it was issued without a refresh token; run `sso-refresh login bare`
        ");
    }
}
