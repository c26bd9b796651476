//! The Notification Center of macOS, by the one program of the system that has a way to it. It has no button there, and
//! nobody tells whether the screen is locked: the system itself holds back what comes then.

use std::{collections::BTreeSet, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use super::{Notification, Report, Show};

/// How long one may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Texts are arguments and no part of it.
const SCRIPT: [&str; 3] =
    ["on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run"];

/// Shows what is wanted.
pub(super) async fn run(show: Show) {
    // There is no bus here.
    let Show { wanted, reports, clock, bus: _bus } = show;
    let mut tried = BTreeSet::new();
    loop {
        let now = clock.now();
        let is_due = |it: &&Notification| it.until > now && !tried.contains(&it.number);
        let Some(notification) = wanted.borrow().values().find(is_due).cloned() else { return };
        tried.insert(notification.number);
        let mut command = Command::new("osascript");
        for line in SCRIPT {
            command.args(["-e", line]);
        }
        command.args([&notification.summary, &notification.body]).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match timeout(LIMIT, command.status()).await {
            Ok(Ok(status)) if status.success() => reports(Report::Shown(notification.number)),
            failed => tracing::debug!("osascript shows no notification: {failed:?}"),
        }
        // What was shown can't be taken away.
        reports(Report::Over(notification.number));
    }
}
