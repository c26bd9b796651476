//! The table of `status`.

use super::words::{Condition, ends, left, next, todo};
use crate::{
    cli::{
        palette::STRONG,
        table::{Cell, Table},
    },
    session::status::Status,
    time::Timestamp,
};

/// A line a session, and below it what is wrong and what to do; that is a column of its own where `width` has room.
pub(super) fn table(sessions: &[Status], now: Timestamp, width: usize) -> String {
    let wide = with_column(sessions, now);
    if sessions.iter().any(|status| todo(status, now).is_some()) && wide.natural_width() <= width {
        return wide.text(Some(width));
    }
    let mut table = Table::of_names(["SESSION", "STATE", "TOKEN LEFT", "NEXT", "SESSION ENDS"]);
    for status in sessions {
        let todo = todo(status, now).map(|command| Cell::new(format!("run `{command}`"), STRONG));
        table.row(cells(status, now), troubles(status).chain(todo).collect());
    }
    table.text(Some(width))
}

fn with_column(sessions: &[Status], now: Timestamp) -> Table<6> {
    let mut table = Table::of_names(["SESSION", "STATE", "TOKEN LEFT", "NEXT", "SESSION ENDS", "TO DO"]);
    for status in sessions {
        let [name, state, token, next, ends] = cells(status, now);
        let todo = Cell::new(todo(status, now).unwrap_or_default(), STRONG);
        table.row([name, state, token, next, ends, todo], troubles(status).collect());
    }
    table
}

fn cells(status: &Status, now: Timestamp) -> [Cell; 5] {
    let condition = Condition::of(status);
    let (left, left_style) = left(status, now);
    let (ends, ends_style) = ends(status, now);
    [
        status.session.as_str().into(),
        Cell::new(condition.words(), condition.style()),
        Cell::new(left, left_style),
        next(status, now).into(),
        Cell::new(ends, ends_style),
    ]
}

/// What is wrong with a session.
fn troubles(status: &Status) -> impl Iterator<Item = Cell> {
    status.last_error.iter().chain(&status.reason).map(|trouble| Cell::from(trouble.as_str()))
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::{
        cli::{sheet::sheet, table::USUAL},
        session::status::{EndSource, Next, State},
    };

    const NOW: Timestamp = Timestamp::from_secs(1_798_761_600);

    fn after(secs: i64) -> Timestamp {
        Timestamp::from_secs(NOW.secs() + secs)
    }

    fn due(secs: i64, why: &str) -> Next {
        Next { at: after(secs), why: why.into() }
    }

    /// One in every state.
    fn sessions() -> Vec<Status> {
        let name = "customer-production-admin-eu-west-1";
        vec![
            Status {
                expires_at: Some(after(3540)),
                next: Some(due(2272, "refresh")),
                session_ends_at: Some(after(25_320)),
                session_end_source: Some(EndSource::Learned),
                ..Status::bare("work", State::Fresh)
            },
            Status {
                expires_at: Some(after(543)),
                next: Some(due(12, "retry")),
                last_error: Some(
                    "can't find the host oidc.eu-west-1.amazonaws.com: check the network".into(),
                ),
                usable: true,
                ..Status::bare(name, State::Backoff)
            },
            Status {
                expires_at: Some(after(1200)),
                reason: Some(
                    "the sign-in session has ended (oidc.eu-west-1.amazonaws.com answered invalid_grant \
                     (HTTP 400): Invalid refresh token provided)"
                        .into(),
                ),
                remedy: Some(format!("sso-refresh login {name}-2")),
                ..Status::bare(&format!("{name}-2"), State::LoginRequired)
            },
            Status {
                expires_at: Some(after(-60)),
                reason: Some("its token has expired, and nothing refreshes it".into()),
                remedy: Some("sso-refresh refresh idle".into()),
                usable: false,
                ..Status::bare("idle", State::Fresh)
            },
            Status {
                expires_at: Some(after(1200)),
                next: Some(due(1200, "expiry: the token can't be refreshed")),
                reason: Some("it was issued without a refresh token".into()),
                remedy: Some("sso-refresh login bare".into()),
                ..Status::bare("bare", State::Fresh)
            },
            Status {
                expires_at: Some(after(600)),
                usable: true,
                session_ends_at: Some(after(840)),
                session_end_source: Some(EndSource::Configured),
                ..Status::bare("工作", State::Refreshing)
            },
            Status {
                reason: Some("there is no token file".into()),
                remedy: Some("sso-refresh login new".into()),
                ..Status::bare("new", State::SignedOut)
            },
            Status {
                reason: Some("its token file is being read".into()),
                ..Status::bare("soon", State::SignedOut)
            },
        ]
    }

    fn plain(sessions: &[Status], width: usize) -> String {
        anstream::adapter::strip_str(&table(sessions, NOW, width)).to_string()
    }

    #[test]
    fn a_glance_tells_every_state() {
        insta::assert_snapshot!(sheet(|width| table(&sessions(), NOW, width)), @r"
        ── 80 columns
        SESSION           STATE           TOKEN LEFT  NEXT                SESSION ENDS
        work              fresh           59m         refresh in 37m 52s  ~7h 2m learned
        customer-product  trying again    9m 3s       retry in 12s        -
        ion-admin-eu-wes
        t-1
          can't find the host oidc.eu-west-1.amazonaws.com: check the network
        customer-product  sign in needed  20m         -                   -
        ion-admin-eu-wes
        t-1-2
          the sign-in session has ended (oidc.eu-west-1.amazonaws.com answered
          invalid_grant (HTTP 400): Invalid refresh token provided)
          run `sso-refresh login customer-production-admin-eu-west-1-2`
        idle              expired         expired     -                   -
          its token has expired, and nothing refreshes it
          run `sso-refresh refresh idle`
        bare              can't refresh   20m         expiry in 20m       -
          it was issued without a refresh token
          run `sso-refresh login bare`
        工作              refreshing      10m         -                   ~14m as set
          run `sso-refresh login 工作 --renew`
        new               signed out      -           -                   -
          there is no token file
          run `sso-refresh login new`
        soon              starting        -           -                   -
          its token file is being read

        ── in colour
        SESSION           STATE           TOKEN LEFT  NEXT                SESSION ENDS
        work              ^[32mfresh^[0m           59m         refresh in 37m 52s  ~7h 2m learned
        customer-product  ^[33mtrying again^[0m    9m 3s       retry in 12s        -
        ion-admin-eu-wes
        t-1
          can't find the host oidc.eu-west-1.amazonaws.com: check the network
        customer-product  ^[31msign in needed^[0m  20m         -                   -
        ion-admin-eu-wes
        t-1-2
          the sign-in session has ended (oidc.eu-west-1.amazonaws.com answered
          invalid_grant (HTTP 400): Invalid refresh token provided)
          ^[1mrun `sso-refresh login customer-production-admin-eu-west-1-2`^[0m
        idle              ^[31mexpired^[0m         ^[31mexpired^[0m     -                   -
          its token has expired, and nothing refreshes it
          ^[1mrun `sso-refresh refresh idle`^[0m
        bare              ^[33mcan't refresh^[0m   20m         expiry in 20m       -
          it was issued without a refresh token
          ^[1mrun `sso-refresh login bare`^[0m
        工作              ^[32mrefreshing^[0m      10m         -                   ^[33m~14m as set^[0m
          ^[1mrun `sso-refresh login 工作 --renew`^[0m
        new               ^[31msigned out^[0m      -           -                   -
          there is no token file
          ^[1mrun `sso-refresh login new`^[0m
        soon              ^[33mstarting^[0m        -           -                   -
          its token file is being read

        ── 140 columns
        SESSION                                STATE           TOKEN LEFT  NEXT                SESSION ENDS
        work                                   fresh           59m         refresh in 37m 52s  ~7h 2m learned
        customer-production-admin-eu-west-1    trying again    9m 3s       retry in 12s        -
          can't find the host oidc.eu-west-1.amazonaws.com: check the network
        customer-production-admin-eu-west-1-2  sign in needed  20m         -                   -
          the sign-in session has ended (oidc.eu-west-1.amazonaws.com answered invalid_grant (HTTP 400): Invalid refresh token provided)
          run `sso-refresh login customer-production-admin-eu-west-1-2`
        idle                                   expired         expired     -                   -
          its token has expired, and nothing refreshes it
          run `sso-refresh refresh idle`
        bare                                   can't refresh   20m         expiry in 20m       -
          it was issued without a refresh token
          run `sso-refresh login bare`
        工作                                   refreshing      10m         -                   ~14m as set
          run `sso-refresh login 工作 --renew`
        new                                    signed out      -           -                   -
          there is no token file
          run `sso-refresh login new`
        soon                                   starting        -           -                   -
          its token file is being read

        ── in colour
        SESSION                                STATE           TOKEN LEFT  NEXT                SESSION ENDS
        work                                   ^[32mfresh^[0m           59m         refresh in 37m 52s  ~7h 2m learned
        customer-production-admin-eu-west-1    ^[33mtrying again^[0m    9m 3s       retry in 12s        -
          can't find the host oidc.eu-west-1.amazonaws.com: check the network
        customer-production-admin-eu-west-1-2  ^[31msign in needed^[0m  20m         -                   -
          the sign-in session has ended (oidc.eu-west-1.amazonaws.com answered invalid_grant (HTTP 400): Invalid refresh token provided)
          ^[1mrun `sso-refresh login customer-production-admin-eu-west-1-2`^[0m
        idle                                   ^[31mexpired^[0m         ^[31mexpired^[0m     -                   -
          its token has expired, and nothing refreshes it
          ^[1mrun `sso-refresh refresh idle`^[0m
        bare                                   ^[33mcan't refresh^[0m   20m         expiry in 20m       -
          it was issued without a refresh token
          ^[1mrun `sso-refresh login bare`^[0m
        工作                                   ^[32mrefreshing^[0m      10m         -                   ^[33m~14m as set^[0m
          ^[1mrun `sso-refresh login 工作 --renew`^[0m
        new                                    ^[31msigned out^[0m      -           -                   -
          there is no token file
          ^[1mrun `sso-refresh login new`^[0m
        soon                                   ^[33mstarting^[0m        -           -                   -
          its token file is being read
        ");
    }

    #[test]
    fn what_to_do_is_a_column_where_there_is_room() {
        let sessions = sessions();
        insta::assert_snapshot!(sheet(|width| table(&sessions[6..7], NOW, width)), @r"
        ── 80 columns
        SESSION  STATE       TOKEN LEFT  NEXT  SESSION ENDS  TO DO
        new      signed out  -           -     -             sso-refresh login new
          there is no token file

        ── in colour
        SESSION  STATE       TOKEN LEFT  NEXT  SESSION ENDS  TO DO
        new      ^[31msigned out^[0m  -           -     -             ^[1msso-refresh login new^[0m
          there is no token file

        ── 140 columns
        SESSION  STATE       TOKEN LEFT  NEXT  SESSION ENDS  TO DO
        new      signed out  -           -     -             sso-refresh login new
          there is no token file

        ── in colour
        SESSION  STATE       TOKEN LEFT  NEXT  SESSION ENDS  TO DO
        new      ^[31msigned out^[0m  -           -     -             ^[1msso-refresh login new^[0m
          there is no token file
        ");
        insta::assert_snapshot!(plain(&sessions[..1], USUAL), @r"
        SESSION  STATE  TOKEN LEFT  NEXT                SESSION ENDS
        work     fresh  59m         refresh in 37m 52s  ~7h 2m learned
        ");
    }

    #[test]
    fn nothing_is_wider_than_asked_for_whatever_it_says() {
        let mut sessions = sessions();
        let long = "a name in which a word is 工作工作工作工作工作 ".repeat(9);
        for status in &mut sessions {
            status.session.push_str(&long);
            status.next = Some(due(100_000_000, "a reason that only a later version knows: more of it"));
            status.session_ends_at = Some(after(1_000_000_000));
        }
        for width in [40, 60, USUAL, 100, 140] {
            let text = plain(&sessions, width);
            // A command is not broken, so that it can be copied.
            let mut lines = text.lines().filter(|line| !line.contains('`'));
            assert!(lines.all(|line| line.width() <= width), "{width}: {text}");
        }
    }
}
