//! What attacks start from: an Identity Center whose refresh tokens are good for one use, and waiting that ends.

use std::{
    thread,
    time::{Duration, Instant},
};

use sso_refresh::simulator::Options;

use crate::support::Center;

/// How long anything that is waited for may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An Identity Center whose refresh tokens die when they are used: with an answer that is lost, the sign-in is.
pub(crate) fn center() -> Center {
    Center::start(Options { single_use: true, ..Options::default() })
}

/// Waits until `ready` has something to show for it, and fails the test where it never has.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
