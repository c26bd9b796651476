//! Attacks on the real program: rivals that write the same files, crashes at every step, full disks, sick networks,
//! moved clocks, bad input. Each test adds its row to the table in `tests/README.md` (see [`tally`]).
//!
//! They take minutes, so `cargo test` leaves them out: `tests/attacks/run` runs them.

#![cfg(feature = "simulator")]
#![expect(
    clippy::disallowed_methods,
    reason = "rivals write as they do, and a test ends by the clock of the machine"
)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test can't set up fails the test")]

#[path = "../support/authority.rs"]
mod authority;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other suites need more of it")]
mod support;

#[cfg(target_os = "linux")]
mod inspection;
mod middlebox;
mod nobody;
mod outage;
mod place;
mod sessions;
#[cfg(target_os = "linux")]
mod steps;
mod tally;

mod absence;
mod answers;
#[cfg(target_os = "linux")]
mod away;
mod callers;
mod clocks;
#[cfg(target_os = "linux")]
mod crashes;
mod damage;
mod disk;
#[cfg(target_os = "linux")]
mod kills;
mod load;
mod mistakes;
mod network;
mod own_state;
#[cfg(target_os = "linux")]
mod rivals;
mod sick_daemon;
mod strangers;
mod surroundings;
mod things;
mod tls;
#[cfg(target_os = "linux")]
mod twins;
#[cfg(target_os = "linux")]
mod writers;
