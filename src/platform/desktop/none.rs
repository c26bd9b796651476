//! No desktop.

use super::Show;

#[expect(clippy::unused_async, reason = "others wait for theirs")]
pub(super) async fn run(_show: Show) {}
