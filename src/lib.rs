//! Keeps AWS IAM Identity Center (AWS SSO) sessions fresh, for every AWS program of the user.

pub mod api;
pub mod bearer;
mod cli;
pub mod config;
pub mod daemon;
pub mod doctor;
pub mod events;
pub mod exchange;
pub mod http;
pub mod import;
pub mod kind;
pub mod login;
pub mod metrics;
pub mod oidc;
pub mod platform;
pub mod portal;
mod private;
pub mod service;
pub mod session;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod store;
pub mod time;

/// The program: reads the command line, does what it says and returns the exit code.
pub fn main() -> std::process::ExitCode {
    cli::main()
}
