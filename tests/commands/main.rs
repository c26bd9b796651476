//! The commands as users run them, without a daemon, against the embedded Identity Center.

#![cfg(feature = "simulator")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/authority.rs"]
mod authority;

mod activation;
mod browser;
#[cfg(all(target_os = "linux", feature = "desktop"))]
mod bus;
mod completions;
mod config;
mod credentials;
#[cfg(all(target_os = "linux", feature = "desktop"))]
mod desktop;
mod doctor;
mod endpoint;
mod events;
mod exec;
mod history;
mod hooks;
mod import;
mod journal;
mod last_line;
mod login;
mod man;
mod metrics;
mod paste;
mod profiles;
mod run;
mod schema;
mod secrets;
mod service;
mod shell;
mod simulate;
mod status;
mod tables;
mod terminal;
mod token;
mod turn;
mod visitor;
mod watch;
