//! [`Options`]: how the simulator behaves, and the [`Account`]s that it has.

use std::time::Duration;

use super::fault::Fault;
use crate::time::Clock;

/// How the simulator behaves.
#[expect(clippy::struct_excessive_bools, reason = "they are switches of their own, not a state")]
#[derive(Clone, Debug)]
pub struct Options {
    /// Where every id, code and token comes from: the same seed and the same calls give the same answers.
    pub seed: u64,
    /// Of an access token; one hour, as AWS has it.
    pub token_life: Duration,
    /// Of a sign-in; eight hours, the default of Identity Center. An access token ends with it at the latest.
    pub session_life: Duration,
    /// Of a client registration; 90 days.
    pub registration_life: Duration,
    /// Of role credentials; one hour.
    pub role_life: Duration,
    /// Of a device code; ten minutes.
    pub device_code_life: Duration,
    /// Between two questions for a device code, in whole seconds on the wire; five seconds. None in a test: zero.
    pub interval: Duration,
    /// Whether each refresh gives a new refresh token; it does.
    pub rotate: bool,
    /// Whether a refresh token dies when it is used for a new one. Nobody knows whether AWS does it; off.
    pub single_use: bool,
    /// Whether `/authorize` and device codes are approved by themselves; off.
    pub auto_approve: bool,
    /// How much later each answer comes; not at all.
    pub latency: Duration,
    /// What goes wrong; nothing.
    pub faults: Vec<Fault>,
    /// What time it is here; the system's.
    pub clock: Clock,
    /// What every user may use: two accounts, one with a leading zero, and three roles.
    pub accounts: Vec<Account>,
    /// Whether `/admin/…` answers; off.
    pub admin: bool,
}

impl Default for Options {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        Self {
            seed: 0,
            token_life: HOUR,
            session_life: 8 * HOUR,
            registration_life: 90 * 24 * HOUR,
            role_life: HOUR,
            device_code_life: Duration::from_secs(600),
            interval: Duration::from_secs(5),
            rotate: true,
            single_use: false,
            auto_approve: false,
            latency: Duration::ZERO,
            faults: Vec::new(),
            clock: Clock::system(),
            accounts: vec![
                Account::new("012345678901", "Sandbox", &["Developer", "ReadOnly"]),
                Account::new("210987654321", "Production", &["ReadOnly"]),
            ],
            admin: false,
        }
    }
}

/// An AWS account and the roles in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `accountId`, twelve digits.
    pub id: String,
    /// `accountName`.
    pub name: String,
    /// `emailAddress`.
    pub email: String,
    /// The `roleName` of each role.
    pub roles: Vec<String>,
}

impl Account {
    /// An account with these roles and a made-up address.
    pub fn new(id: &str, name: &str, roles: &[&str]) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            email: format!("{}@example.com", name.to_ascii_lowercase()),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        }
    }
}
