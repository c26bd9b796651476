//! Keeps AWS IAM Identity Center (AWS SSO) sessions fresh, for every AWS program of the user.

pub mod platform;
pub mod session;
pub mod store;
pub mod time;
