//! What the user is told during a sign-in.

use anstyle::Style;

use crate::{
    config::SessionSettings,
    login::{DeviceCode, SignedIn, surroundings::Hindrance, turn::Taken},
    oidc::DeviceAuthorization,
    time::{Timestamp, words},
};

const BOLD: Style = Style::new().bold();

/// The device code was not asked for.
pub(super) fn chosen(hindrance: Hindrance) -> String {
    format!(
        "Signing in with a code, because {hindrance}. (--no-browser prints a page instead; a set BROWSER is used.)\n\n"
    )
}

/// Before the old session is ended.
pub(super) fn renewal(session: &str) -> String {
    format!("Ending the session of {session} first: it stays signed out if the sign-in is not finished.\n")
}

/// Another process is signing in.
pub(super) fn joined(session: &str, taken: &Taken) -> String {
    let who = taken.pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    let page = taken.page.as_ref().map_or_else(String::new, |page| format!(" Its page is\n\n    {page}\n"));
    format!("A sign-in to {session} is under way{who}: waiting for what comes of it.{page}\n")
}

/// What to do with a device code.
pub(super) fn code(session: &str, code: &DeviceCode, now: Timestamp) -> String {
    let DeviceAuthorization { user_code, verification_uri, verification_uri_complete, expires_at, .. } =
        code.authorization();
    let (page, check) = match verification_uri_complete {
        Some(page) => (page, "and check that it shows the code"),
        None => (verification_uri, "and type the code"),
    };
    format!(
        "To sign in to {session}, open this page in any browser:\n\n    {page}\n\n{check}\n\n    \
         {BOLD}{user_code}{BOLD:#}\n\nIt is good for {}; Ctrl-C gives up.\n",
        words(expires_at.since(now))
    )
}

/// The page is opened.
pub(super) fn browser(session: &str, url: &str) -> String {
    format!(
        "Opening the browser to sign in to {session}. If it does not open, this is the page:\n\n    {url}\n\n\
         It is good for 10 minutes; Ctrl-C gives up.\n"
    )
}

/// The page is not opened.
pub(super) fn page(session: &str, url: &str) -> String {
    format!(
        "To sign in to {session}, open this page in a browser:\n\n    {url}\n\n\
         A browser on this machine comes back by itself. From any other, paste here the address that it ends at\n\
         (it can't show that page), or the code in it, and press Enter. Within 10 minutes; Ctrl-C gives up.\n"
    )
}

/// Nobody can paste anything here.
pub(super) fn left(session: &str) -> String {
    format!("{session}: finish within 10 minutes with `sso-refresh login {session} --code CODE_OR_ADDRESS`\n")
}

/// The result.
pub(super) fn done(session: &SessionSettings, signed_in: &SignedIn) -> String {
    let SessionSettings { name, start_url, session_duration, .. } = session;
    let SignedIn { token, memory } = signed_in;
    let start_url = start_url.as_deref().unwrap_or(name);
    let duration = session_duration.or(memory.learned_duration());
    let more = match duration.zip(memory.signed_in_at) {
        _ if token.refresh_token.is_none() => {
            " and can't be refreshed, since the server gave no refresh token".to_owned()
        }
        Some((duration, at)) => format!(", the session until about {}", at.after(duration)),
        None => String::new(),
    };
    format!("{name}: signed in to {start_url}; the token is good until {}{more}", token.expires_at)
}
