//! The command `sso-refresh`.

fn main() -> std::process::ExitCode {
    sso_refresh::main()
}
