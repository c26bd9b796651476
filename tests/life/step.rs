//! [`Step`]: what happens in a simulated life, and [`Tally`], what came of it.

/// What happens in the life, besides the session's own doings.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Time passes: milliseconds.
    Pass(i64),
    /// The machine sleeps: milliseconds.
    Sleep(i64),
    /// The clock is set: by milliseconds, either way.
    SetClock(i64),
    /// The network goes.
    NetworkDown,
    /// It returns, and the system says so.
    NetworkUp,
    /// Another program refreshes the token and writes it.
    Rival,
    /// The user signs in with another program.
    Login,
    /// The user signs out with another program.
    Logout,
    /// The settings change: refresh so many seconds before the expiry.
    Reload(u64),
    /// `sso-refresh refresh`.
    AskRefresh,
    /// `sso-refresh token --min-validity` so many seconds.
    AskToken(u64),
    /// The answer to the next exchange is lost after the server acted.
    LoseAnswer,
    /// The Identity Center session ends at the server.
    SessionEnds,
    /// The disk is full: nothing can be written.
    DiskFull,
    /// It has room again.
    DiskFree,
    /// The token file can't be read.
    FileTorn,
    /// It can be read again.
    FileMended,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) exchanges: u64,
    pub(crate) adopted: u64,
    pub(crate) failures: u64,
    pub(crate) wakes: u64,
    pub(crate) told: u64,
    pub(crate) sign_ins_needed: u64,
    pub(crate) lost_answers: u64,
    /// Notifications on the desktop.
    pub(crate) shown: u64,
}
