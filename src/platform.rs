//! What differs between systems, behind one signature each.
//!
//! [`Timer`] waits for a moment of wall-clock time and tells when the clock was set or the machine slept, and [`slept`]
//! for how long it did; [`Network`]
//! tells of a new way to the network;
//! [`manager`] speaks to the service manager, if there is one; [`harden`] closes the process to others, and
//! [`own_files`] opens its files to itself, and [`Inherited`] is what was before, for the programs that are started;
//! [`lock_secrets`] keeps its memory out of the swap area; [`Process`] is another one, as the system shows it, and
//! [`holder`] the one that has a TCP port. [`activation`] has the sockets that were opened for us, [`Supervisor`] is what
//! keeps services here, and [`SET_CLOCK`] is what to do about a clock that is wrong. [`desktop`] shows notifications.

#[cfg(target_os = "linux")]
#[path = "platform/systemd.rs"]
pub mod manager;
#[cfg(not(target_os = "linux"))]
#[path = "platform/launchd.rs"]
pub mod manager;

#[cfg(target_os = "linux")]
#[path = "platform/linux.rs"]
mod timer;
#[cfg(not(target_os = "linux"))]
#[path = "platform/macos.rs"]
mod timer;

#[cfg(target_os = "linux")]
#[path = "platform/procfs.rs"]
mod sockets;
#[cfg(not(target_os = "linux"))]
#[path = "platform/no_procfs.rs"]
mod sockets;

#[cfg(target_os = "linux")]
#[path = "platform/rtnetlink.rs"]
mod network;
#[cfg(not(target_os = "linux"))]
#[path = "platform/routing_socket.rs"]
mod network;

pub mod activation;
pub mod desktop;
mod inherited;
mod memory;
mod process;
mod readable;
mod supervisor;
// systemd has one of its own.
#[cfg(any(test, not(target_os = "linux")))]
pub mod watchdog;

pub use self::{
    inherited::{Inherited, is_ignored},
    memory::{lock_growth, lock_secrets, release_free},
    network::Network,
    process::{Process, harden, own_files},
    sockets::holder,
    supervisor::Supervisor,
    timer::{SET_CLOCK, Timer, slept},
};

/// Why a [`Timer`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired {
    /// The moment has come.
    Deadline,
    /// The system's clock was set; the moment may lie elsewhere now.
    ClockStep,
    /// The machine slept.
    Resume,
}
