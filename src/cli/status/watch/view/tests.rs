//! Pictures. Below a line of a coloured one stand its colours: `g`reen, `y`ellow, `r`ed, and `B`old and `d`im without one.

mod cost;

use std::{fmt::Write, time::Duration};

use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::Cell,
    style::{Color, Modifier},
};

use super::*;
use crate::{
    api::{DaemonInfo, VERSION},
    cli::status::Overview,
    events::Event,
    kind::Kind,
    session::status::{EndSource, Next, State, Status},
};

const NOW: Timestamp = Timestamp::from_secs(1_798_761_600);
const COLOUR: Look = Look { colour: true, utf8: true };
const PLAIN: Look = Look { colour: false, utf8: true };

fn after(secs: u64) -> Timestamp {
    NOW.after(Duration::from_secs(secs))
}

fn fresh(session: &str, left: u64) -> Status {
    Status {
        expires_at: Some(after(left)),
        token_life_secs: Some(3600),
        next: Some(Next { at: after(left - 1200), why: "refresh".into() }),
        ..Status::bare(session, State::Fresh)
    }
}

/// Ends in so many seconds, of eight hours.
fn ending(left: u64, status: Status) -> Status {
    Status {
        signed_in_at: Some(after(left).before(Duration::from_secs(8 * 3600))),
        session_ends_at: Some(after(left)),
        session_end_source: Some(EndSource::Learned),
        ..status
    }
}

fn sessions() -> Vec<Status> {
    vec![
        Status {
            next: Some(Next { at: after(12), why: "retry".into() }),
            last_error: Some("can't find the host oidc.eu-west-1.amazonaws.com: check the network".into()),
            usable: true,
            state: State::Backoff,
            ..fresh("customer", 1543)
        },
        ending(600, fresh("ending", 3000)),
        Status {
            expires_at: Some(NOW),
            reason: Some("the sign-in session has ended".into()),
            remedy: Some("sso-refresh login lab".into()),
            token_life_secs: Some(3600),
            ..Status::bare("lab", State::LoginRequired)
        },
        ending(25_320, fresh("work", 3472)),
    ]
}

fn overview(sessions: Vec<Status>) -> Overview {
    Overview {
        version: VERSION,
        daemon: Some(DaemonInfo {
            version: "0.1.0".into(),
            pid: 4711,
            started_at: NOW.before(Duration::from_secs(7400)),
            config_error: None,
            endpoint: None,
            clock_ahead_secs: None,
        }),
        sessions,
        warnings: Vec::new(),
        trouble: None,
        endpoint: None,
        conversions: Vec::new(),
    }
}

fn model() -> Model {
    let event = |kind: Kind, ago, message: &str| {
        Event::new(kind.name(), NOW.before(Duration::from_secs(ago)), message).of("work")
    };
    let past = vec![
        event(Kind::Refreshed, 128, "work: refreshed, good until 2027-01-01T00:57:52Z"),
        event(Kind::RefreshFailing, 60, "customer: could not refresh, and tries again from 00:00:12 on"),
        event(
            Kind::SignInNeeded,
            9,
            "lab: the sign-in session has ended: sign in with `sso-refresh login lab`",
        ),
    ];
    Model::new(overview(sessions()), past)
}

/// The picture. Many blank lines are told of in one.
fn drawn(model: &Model, now: Timestamp, look: Look, size: (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| draw(model, now, look, frame.area(), frame.buffer_mut())).unwrap();
    let (mut text, mut blank) = (String::new(), 0);
    for row in terminal.backend().buffer().content.chunks(usize::from(size.0).max(1)) {
        let line: String = row.iter().map(Cell::symbol).collect();
        if line.trim().is_empty() {
            blank += 1;
            continue;
        }
        match std::mem::take(&mut blank) {
            few @ ..3 => text.push_str(&"\n".repeat(few)),
            many => drop(writeln!(text, "({many} blank lines)")),
        }
        let _ = writeln!(text, "{}", line.trim_end());
        let marks: String = row.iter().map(mark).collect();
        if look.colour && !marks.trim().is_empty() {
            let _ = writeln!(text, "{}", marks.trim_end());
        }
    }
    text
}

fn mark(cell: &Cell) -> char {
    match cell.fg {
        _ if cell.symbol() == " " => ' ',
        Color::Green => 'g',
        Color::Yellow => 'y',
        Color::Red => 'r',
        _ if cell.modifier.contains(Modifier::BOLD) => 'B',
        _ if cell.modifier.contains(Modifier::DIM) => 'd',
        _ => ' ',
    }
}

#[test]
fn at_80_columns() {
    insta::assert_snapshot!(drawn(&model(), NOW, COLOUR, (80, 24)), @"
     sso-refresh 0.1.0 · up 2h 3m · process 4711 · 4 sessions · 1 needs you
     BBBBBBBBBBB ddddd d dd dd dd d ddddddd dddd d d dddddddd d r rrrrr rrr

      SESSION   STATE           TOKEN         SIGN-IN        NEXT
      ddddddd   ddddd           ddddd         ddddddd        dddd
    › customer  trying again    ━╾── 25m 43s  not known yet  retry in 12s
    B BBBBBBBB  yyyyyy yyyyy    yydd          ddd ddddd ddd
      ending    fresh           ━━━─ 50m      ╾─── ~10m      refresh in 30m
                ggggg           gggd          yddd
      lab       sign in needed  ──── expired  -              sso-refresh login lab
                rrrr rr rrrrrr  dddd          d              rrrrrrrrrrr rrrrr rrr
      work      fresh           ━━━╾ 57m 52s  ━━━╾ ~7h 2m    refresh in 37m 52s
                ggggg           gggg          gggg

     TO KNOW
     dd dddd
     customer: can't find the host oidc.eu-west-1.amazonaws.com: check the network
     ending: the sign-in session ends about 00:10 UTC
       sso-refresh login ending --renew
       BBBBBBBBBBB BBBBB BBBBBB BBBBBBB
     lab: the sign-in session has ended
       sso-refresh login lab
       rrrrrrrrrrr rrrrr rrr

     EVENTS
     dddddd
     23:57:52  work: refreshed, good until 2027-01-01T00:57:52Z
     dddddddd
     23:59:00  customer: could not refresh, and tries again from 00:00:12 on
     dddddddd  yyyyyyyyy yyyyy yyy yyyyyyyy yyy yyyyy yyyyy yyyy yyyyyyyy yy
     23:59:51  lab: the sign-in session has ended: sign in with `sso-refresh login…
     dddddddd  rrrr rrr rrrrrrr rrrrrrr rrr rrrrrr rrrr rr rrrr rrrrrrrrrrrr rrrrrr
    (4 blank lines)
     q quit   r refresh   ↑↓ select
     B dddd   B ddddddd   BB dddddd
    ");
}

#[test]
fn at_80_columns_without_colours() {
    let shown = drawn(&model(), NOW, PLAIN, (80, 24));
    let coloured = drawn(&model(), NOW, COLOUR, (80, 24));
    assert!(
        shown.lines().all(|line| coloured.lines().any(|other| other == line)),
        "the same words:\n{shown}"
    );
    for word in ["trying again", "sign in needed", "1 needs you", "sso-refresh login lab"] {
        assert!(shown.contains(word), "{word}");
    }
}

#[test]
fn at_140_columns() {
    insta::assert_snapshot!(drawn(&model(), NOW, COLOUR, (140, 40)), @"
     sso-refresh 0.1.0 · up 2h 3m · process 4711 · 4 sessions · 1 needs you                                                        00:00:00 UTC
     BBBBBBBBBBB ddddd d dd dd dd d ddddddd dddd d d dddddddd d r rrrrr rrr                                                        dddddddd ddd

      SESSION   STATE           TOKEN                             SIGN-IN                            NEXT
      ddddddd   ddddd           ddddd                             ddddddd                            dddd
    › customer  trying again    ━━━━━━━━━━────────────── 25m 43s  not known yet                      retry in 12s
    B BBBBBBBB  yyyyyy yyyyy    yyyyyyyyyydddddddddddddd          ddd ddddd ddd
      ending    fresh           ━━━━━━━━━━━━━━━━━━━━──── 50m      ╾─────────────────────── ~10m      refresh in 30m
                ggggg           ggggggggggggggggggggdddd          yddddddddddddddddddddddd
      lab       sign in needed  ──────────────────────── expired  -                                  sso-refresh login lab
                rrrr rr rrrrrr  dddddddddddddddddddddddd          d                                  rrrrrrrrrrr rrrrr rrr
      work      fresh           ━━━━━━━━━━━━━━━━━━━━━━━─ 57m 52s  ━━━━━━━━━━━━━━━━━━━━━─── ~7h 2m    refresh in 37m 52s
                ggggg           gggggggggggggggggggggggd          gggggggggggggggggggggddd

     TO KNOW
     dd dddd
     customer: can't find the host oidc.eu-west-1.amazonaws.com: check the network
     ending: the sign-in session ends about 00:10 UTC
       sso-refresh login ending --renew
       BBBBBBBBBBB BBBBB BBBBBB BBBBBBB
     lab: the sign-in session has ended
       sso-refresh login lab
       rrrrrrrrrrr rrrrr rrr

     EVENTS
     dddddd
     23:57:52  work: refreshed, good until 2027-01-01T00:57:52Z
     dddddddd
     23:59:00  customer: could not refresh, and tries again from 00:00:12 on
     dddddddd  yyyyyyyyy yyyyy yyy yyyyyyyy yyy yyyyy yyyyy yyyy yyyyyyyy yy
     23:59:51  lab: the sign-in session has ended: sign in with `sso-refresh login lab`
     dddddddd  rrrr rrr rrrrrrr rrrrrrr rrr rrrrrr rrrr rr rrrr rrrrrrrrrrrr rrrrr rrrr
    (20 blank lines)
     q quit   r refresh   ↑↓ select
     B dddd   B ddddddd   BB dddddd
    ");
}

#[test]
fn at_140_columns_without_colours_and_in_ascii() {
    let ascii = Look { colour: false, utf8: false };
    let shown = drawn(&model(), NOW, ascii, (140, 40));
    assert!(shown.is_ascii(), "{shown}");
    insta::assert_snapshot!(shown, @"
     sso-refresh 0.1.0, up 2h 3m, process 4711, 4 sessions, 1 needs you                                                            00:00:00 UTC

      SESSION   STATE           TOKEN                             SIGN-IN                            NEXT
    > customer  trying again    ==========.............. 25m 43s  not known yet                      retry in 12s
      ending    fresh           ====================.... 50m      -....................... ~10m      refresh in 30m
      lab       sign in needed  ........................ expired  -                                  sso-refresh login lab
      work      fresh           =======================. 57m 52s  =====================... ~7h 2m    refresh in 37m 52s

     TO KNOW
     customer: can't find the host oidc.eu-west-1.amazonaws.com: check the network
     ending: the sign-in session ends about 00:10 UTC
       sso-refresh login ending --renew
     lab: the sign-in session has ended
       sso-refresh login lab

     EVENTS
     23:57:52  work: refreshed, good until 2027-01-01T00:57:52Z
     23:59:00  customer: could not refresh, and tries again from 00:00:12 on
     23:59:51  lab: the sign-in session has ended: sign in with `sso-refresh login lab`
    (20 blank lines)
     q quit   r refresh   j/k select
    ");
}

#[test]
fn in_small_terminals() {
    insta::assert_snapshot!(drawn(&model(), NOW, PLAIN, (40, 10)), @"
     sso-refresh 0.1.0 · up 2h 3m · process
      SESSION   STATE           TOKEN
    › customer  trying again    25m 43s
      ending    fresh           50m
      lab       sign in needed  expired
      work      fresh           57m 52s
       sso-refresh login lab


     q quit   r refresh   ↑↓ select
    ");
    insta::assert_snapshot!(drawn(&model(), NOW, PLAIN, (20, 5)), @"
     sso-refresh 0.1.0 ·
    › custo…  trying a…
      ending  fresh
       sso-refresh login
     q quit   r refresh
    ");
    let mut model = model();
    model.overview.warnings = vec!["a warning that is longer than any line".into(); 9];
    model.say("a message".into(), NOW);
    for (columns, rows) in (0..100).flat_map(|columns| (0..30).map(move |rows| (columns, rows))) {
        // No panic, and what is selected is there.
        let shown = drawn(&model, NOW, COLOUR, (columns, rows));
        assert!(columns < 12 || rows == 0 || shown.contains("cust"), "{columns}x{rows}:\n{shown}");
    }
}

#[test]
fn without_a_daemon_it_says_what_to_do() {
    let mut model = model();
    model.overview.daemon = None;
    model.overview.trouble = Some(
        "the daemon is not running: start it with `sso-refresh service start`; until then nothing is refreshed by itself".into(),
    );
    model.overview.sessions.retain(|status| status.session == "work");
    model.overview.sessions[0].next = None;
    model.overview.warnings =
        vec!["config.toml:3:1: unknown key `refresh_befor`; did you mean `refresh_before`?".into()];
    model.overview.endpoint = Some("endpoint: http://127.0.0.1:8080, with the token in ~/token".into());
    model.say("work: not refreshed: the daemon is not running".into(), NOW);
    insta::assert_snapshot!(drawn(&model, NOW, COLOUR, (80, 16)), @"
     sso-refresh no daemon · 1 session                                 00:00:00 UTC
     BBBBBBBBBBB rr rrrrrr d d ddddddd                                 dddddddd ddd
     the daemon is not running: start it with `sso-refresh service start`; until
     rrr rrrrrr rr rrr rrrrrrrr rrrrr rr rrrr rrrrrrrrrrrr rrrrrrr rrrrrrr rrrrr
     then nothing is refreshed by itself
     rrrr rrrrrrr rr rrrrrrrrr rr rrrrrr
     config.toml:3:1: unknown key `refresh_befor`; did you mean `refresh_before`?
     yyyyyyyyyyyyyyyy yyyyyyy yyy yyyyyyyyyyyyyyyy yyy yyy yyyy yyyyyyyyyyyyyyyyy
     endpoint: http://127.0.0.1:8080, with the token in ~/token
     ddddddddd dddddddddddddddddddddd dddd ddd ddddd dd ddddddd

      SESSION  STATE           TOKEN           SIGN-IN          NEXT
      ddddddd  ddddd           ddddd           ddddddd          dddd
    › work     fresh           ━━━━━╾ 57m 52s  ━━━━━─ ~7h 2m    -
    B BBBB     ggggg           gggggg          gggggd

     EVENTS
     dddddd
     23:57:52  work: refreshed, good until 2027-01-01T00:57:52Z
     dddddddd
     23:59:00  customer: could not refresh, and tries again from 00:00:12 on
     dddddddd  yyyyyyyyy yyyyy yyy yyyyyyyy yyy yyyyy yyyyy yyyy yyyyyyyy yy
     23:59:51  lab: the sign-in session has ended: sign in with `sso-refresh login…
     dddddddd  rrrr rrr rrrrrrr rrrrrrr rrr rrrrrr rrrr rr rrrr rrrrrrrrrrrr rrrrrr


     q quit   r refresh   ↑↓ select   work: not refreshed: the daemon is not running
     B dddd   B ddddddd   BB dddddd
    ");
}

#[test]
fn a_thousand_sessions_scroll() {
    let many = (0..1000).map(|number| fresh(&format!("team-{number:04}"), 1300 + number)).collect();
    let mut model = Model::new(overview(many), Vec::new());
    model.select(500);
    insta::assert_snapshot!(drawn(&model, NOW, PLAIN, (80, 12)), @"
     sso-refresh 0.1.0 · up 2h 3m · process 4711 · 1000 sessions       00:00:00 UTC

      SESSION    STATE           TOKEN          SIGN-IN         NEXT
      team-0496  fresh           ━━─── 29m 56s  not known yet   refresh in 9m 56s
      team-0497  fresh           ━━─── 29m 57s  not known yet   refresh in 9m 57s
      team-0498  fresh           ━━─── 29m 58s  not known yet   refresh in 9m 58s
      team-0499  fresh           ━━─── 29m 59s  not known yet   refresh in 9m 59s
    › team-0500  fresh           ━━╾── 30m      not known yet   refresh in 10m
      team-0501  fresh           ━━╾── 30m 1s   not known yet   refresh in 10m 1s
      team-0502  fresh           ━━╾── 30m 2s   not known yet   refresh in 10m 2s
      team-0503  fresh           ━━╾── 30m 3s   not known yet   refresh in 10m 3s
     q quit   r refresh   ↑↓ select
    ");
    model.select(isize::MAX);
    assert!(drawn(&model, NOW, PLAIN, (80, 12)).contains("› team-0999"));
    model.select(isize::MIN);
    assert!(drawn(&model, NOW, PLAIN, (80, 12)).contains("› team-0000"));
}

#[test]
fn wide_characters_keep_the_columns() {
    let sessions = vec![fresh("工作", 3000), fresh("x\u{301}tude", 3000), fresh("a\u{1b}[31mb", 3000)];
    let model = Model::new(overview(sessions), Vec::new());
    insta::assert_snapshot!(drawn(&model, NOW, PLAIN, (80, 10)), @"
     sso-refresh 0.1.0 · up 2h 3m · process 4711 · 3 sessions          00:00:00 UTC
      SESSION  STATE           TOKEN           SIGN-IN          NEXT
    › 工 作      fresh           ━━━━━─ 50m      not known yet    refresh in 30m
      x́tude    fresh           ━━━━━─ 50m      not known yet    refresh in 30m
      a[31mb   fresh           ━━━━━─ 50m      not known yet    refresh in 30m
    (4 blank lines)
     q quit   r refresh   ↑↓ select
    ");
}
