//! [`Supervisor`]: what starts the services of a user on this system, and starts them again.

/// A service manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervisor {
    /// systemd, asked by `systemctl --user`.
    Systemd,
    /// macOS's, asked by `launchctl`.
    Launchd,
}

impl Supervisor {
    /// The one of this system.
    pub const HERE: Self = if cfg!(target_os = "macos") { Self::Launchd } else { Self::Systemd };
}
