//! What `accounts`, `roles` and `profiles` share: asking for a listing, how far a long one has come, and the table.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write as _},
};

use super::{
    access::Access,
    context::{Context, block_on},
    exit::Failure,
    table::{Cell, Table},
};
use crate::{
    bearer::with_token,
    config::SessionSettings,
    http::printable,
    portal::{self, Client},
    session::token::Secret,
};

/// The most characters of a name: what an administrator may write is longer than what anybody reads.
const LONGEST: usize = 120;

/// Whose listing is wanted, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Wanted {
    /// The session; without it the only one, else `default_session`, else the one of `AWS_PROFILE`
    pub(super) session: Option<String>,
    /// Print a JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// What `ask` gets from the portal with a token of `session`. It is about `what`, such as an account.
pub(super) fn listed<T>(
    context: &Context,
    session: &SessionSettings,
    what: impl Display,
    ask: &impl AsyncFn(&Client, &Secret) -> Result<T, portal::Error>,
) -> Result<T, Failure> {
    let portal = &context.exchanger()?.portal(session)?;
    block_on(async {
        let mut access = Access::new(context, session, Some(context.client()));
        let listed = with_token(&mut access, what, |token| async move { ask(portal, &token).await }).await;
        access.close().await;
        listed
    })
}

/// Says how far a listing has come, where somebody sees it, and takes it back when it is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    seen: bool,
}

/// Back to the start of the line, which is emptied.
const ERASE: &str = "\r\x1b[K";

impl Progress {
    /// With `quiet` it says nothing.
    pub(super) fn new(quiet: bool) -> Self {
        Self { seen: !quiet && io::stderr().is_terminal() }
    }

    /// So far there is `what`.
    pub(super) fn tell(&self, what: impl Display) {
        if self.seen {
            // There is nowhere to tell that standard error is closed. The cursor rests at the start, where a warning
            // begins its line.
            drop(write!(io::stderr(), "{ERASE}{what} …\r"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.seen {
            drop(write!(io::stderr(), "{ERASE}"));
        }
    }
}

/// A table of what AWS has listed.
pub(super) fn table<const N: usize>(
    header: [&'static str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Table<N> {
    let mut table = Table::new(header);
    for row in rows {
        table.row(row.map(|cell| Cell::from(printable(&cell, LONGEST))), Vec::new());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::sheet::sheet;

    #[test]
    fn a_row_is_a_line_and_acts_on_no_terminal() {
        let rows = [["012345678901".to_owned(), "Sand\u{1b}[31m\nbox".into()], ["1".into(), "x ".repeat(70)]];
        let shown = table(["ACCOUNT", "NAME"], rows.into_iter()).text(None);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[..2], ["ACCOUNT       NAME", "012345678901  Sand[31m box"]);
        assert!(lines.len() == 3 && lines[2].ends_with('…'), "{shown}");
    }

    #[test]
    fn listings_fit_a_terminal() {
        let name = "A long name of an account: the 工作 of a team that has much to say about itself";
        let accounts = || {
            let rows = [
                ["012345678901", "Sandbox", "sandbox@example.com"],
                ["210987654321", name, "aws+production-and-more@example.com"],
            ];
            table(["ACCOUNT", "NAME", "EMAIL"], rows.into_iter().map(|row| row.map(str::to_owned)))
        };
        insta::assert_snapshot!(sheet(|width| accounts().text(Some(width))), @r"
        ── 80 columns
        ACCOUNT       NAME                              EMAIL
        012345678901  Sandbox                           sandbox@example.com
        210987654321  A long name of an account: the    aws+production-and-more@example.
                      工作 of a team that has much to   com
                      say about itself

        ── without colours

        ── 140 columns
        ACCOUNT       NAME                                                                             EMAIL
        012345678901  Sandbox                                                                          sandbox@example.com
        210987654321  A long name of an account: the 工作 of a team that has much to say about itself  aws+production-and-more@example.com

        ── without colours
        ");
        let roles =
            || table(["ROLE"], ["Developer", &"ReadOnly".repeat(8)].map(|role| [role.into()]).into_iter());
        insta::assert_snapshot!(sheet(|width| roles().text(Some(width))), @r"
        ── 80 columns
        ROLE
        Developer
        ReadOnlyReadOnlyReadOnlyReadOnlyReadOnlyReadOnlyReadOnlyReadOnly

        ── without colours

        ── 140 columns
        ROLE
        Developer
        ReadOnlyReadOnlyReadOnlyReadOnlyReadOnlyReadOnlyReadOnlyReadOnly

        ── without colours
        ");
    }
}
