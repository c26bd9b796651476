//! The command `sso-refresh`.

fn main() {}
