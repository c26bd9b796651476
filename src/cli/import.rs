//! `sso-refresh import`: takes over the Node.js script that refreshed a session before.

use std::path::{Path, PathBuf};

use super::{
    context::{Context, block_on},
    exit::{self, Failure},
    out,
    uninterrupted::Uninterrupted,
};
use crate::{
    api::client,
    config::paths::Paths,
    import::{self, Error, Imported, OldScript, Place, Request, pid_file},
};

/// Where the script's plan puts it, below the home directory.
const FOLDER: &str = "aws-sso-token-refresh";

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Without a path, the files are looked for in ~/aws-sso-token-refresh.\n\n\
                        Nothing of the old script is deleted: the command that does it is printed.\n\n  \
                        sso-refresh import --stop-old --start-url https://example.awsapps.com/start")]
pub(super) struct Args {
    /// The script's .env, with its client and region
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Its token.json [default: the one beside the .env]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// What to call the session [default: the only one in that region, else `imported`]
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// The start URL, which a later sign-in needs; else `AWS_SSO_START_URL` of the .env
    #[arg(long, value_name = "URL")]
    start_url: Option<String>,
    /// End the process that its refresh-token.pid names, if that is the script
    #[arg(long)]
    stop_old: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<u8, Failure> {
    let request = request(args, &context.paths);
    let exchanger = context.exchanger()?;
    let place = Place {
        paths: &context.paths,
        env: &context.env,
        settings: context.settings()?,
        exchanger: &exchanger,
        clock: &context.clock,
    };
    block_on(async {
        let uninterrupted = Uninterrupted::begin();
        let imported = import::import(&request, &place).await?;
        drop(uninterrupted);
        let daemon = daemon(&imported, context).await;
        for line in lines(&imported, &request, context, daemon) {
            out::line(&line)?;
        }
        Ok(exit::DONE)
    })
}

/// The script's `token.json`, where its plan has it.
pub(super) fn usual_token_file(paths: &Paths) -> PathBuf {
    paths.home.join(FOLDER).join("token.json")
}

/// Files that are not named are beside those that are.
fn request(args: &Args, paths: &Paths) -> Request {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let (env_file, token_file) =
        (args.env_file.as_ref().map(absolute), args.token_file.as_ref().map(absolute));
    let beside = env_file.as_deref().or(token_file.as_deref()).and_then(Path::parent);
    let folder = beside.map_or_else(|| paths.home.join(FOLDER), Path::to_path_buf);
    Request {
        env_file: env_file.unwrap_or_else(|| folder.join(".env")),
        token_file: token_file.unwrap_or_else(|| folder.join("token.json")),
        session: args.session.clone(),
        start_url: args.start_url.clone(),
        stop_old: args.stop_old,
    }
}

/// Whether a daemon runs, which has the session from then on.
async fn daemon(imported: &Imported, context: &Context) -> bool {
    let client = context.client();
    if !imported.configured {
        return client.ping().await.is_ok();
    }
    match client.reload().await {
        Ok(Ok(_)) => true,
        Ok(Err(message)) => {
            tracing::warn!("the daemon does not take the session up: {message}");
            true
        }
        Err(client::Error::NotRunning) => false,
        Err(error) => {
            tracing::warn!("{error}");
            true
        }
    }
}

/// What was done, and what is next.
fn lines(imported: &Imported, request: &Request, context: &Context, daemon: bool) -> Vec<String> {
    let Imported { session, token, was_there, configured, script, leftovers } = imported;
    let (name, paths) = (&session.name, &context.paths);
    let verb = if *was_there { "is taken over already" } else { "taken over" };
    let until = token.expires_at;
    let end = if until > context.clock.now() {
        format!("the token is good until {until}")
    } else {
        format!("the token has expired: `sso-refresh refresh {name}` or the daemon gets a new one")
    };
    let mut lines = vec![format!("{name}: {verb}; {end}")];
    if *configured {
        lines.push(format!("{}: [session.{name}] is written", paths.show(&paths.config)));
    }
    lines.extend(script_line(script, request, paths));
    if session.start_url.is_none() {
        lines.push(format!(
            "{name}: no start URL is known, and a sign-in will need one: run this again with --start-url URL"
        ));
    }
    if !daemon {
        let line = "The daemon is not running: `sso-refresh service install` starts it, and it keeps the token fresh.";
        lines.push(line.to_owned());
    }
    if !leftovers.is_empty() {
        let files: Vec<String> = leftovers.iter().map(|path| shell_word(path, paths)).collect();
        lines.push(format!("To delete the old script's secrets: rm {}", files.join(" ")));
    }
    lines
}

fn script_line(script: &OldScript, request: &Request, paths: &Paths) -> Option<String> {
    let pid_file = paths.show(&pid_file(&request.token_file));
    Some(match script {
        OldScript::Absent if request.stop_old => format!("There is no {pid_file}: no old script is stopped."),
        OldScript::Absent => return None,
        OldScript::Nonsense => format!("{pid_file} names no process: no old script is stopped."),
        OldScript::Ended { pid } => format!("{pid_file} names process {pid}, which has ended."),
        OldScript::Other { pid, why } => {
            format!("{pid_file} names process {pid}, which is left alone: {why}.")
        }
        OldScript::Running(process) => {
            let pid = process.pid;
            tracing::warn!(
                "the old script still runs (process {pid}) and races for the refresh token: run this again with \
                 --stop-old"
            );
            return None;
        }
        OldScript::Stopped { pid } => format!("The old script (process {pid}) is stopped."),
    })
}

/// A path as it can be typed into a shell.
fn shell_word(path: &Path, paths: &Paths) -> String {
    let shown = paths.show(path);
    let plain = |c: char| c.is_ascii_alphanumeric() || "~/._-+,@%".contains(c);
    if shown.chars().all(plain) {
        return shown;
    }
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::Store(error) => return error.into(),
            Error::Config(error) => return error.into(),
            Error::Http(error) => return error.into(),
            Error::NoEnvFile { .. }
            | Error::NoToken { .. }
            | Error::NotTheScripts { .. }
            | Error::Missing { .. }
            | Error::Placeholder { .. }
            | Error::Unclosed { .. }
            | Error::Broken { .. }
            | Error::Unfit { .. }
            | Error::OtherSession { .. }
            | Error::NotExtendable { .. } => exit::USAGE,
            Error::SignedIn { .. } | Error::Stubborn { .. } | Error::Unstoppable { .. } => exit::FAILED,
            Error::Refused { .. } => exit::SIGN_IN,
            Error::NotNow { .. } | Error::Locked(_) => exit::TEMPORARY,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Environment;

    fn paths() -> Paths {
        Paths::resolve(&Environment::from_pairs([("HOME", "/home/me")]), None).unwrap()
    }

    #[test]
    fn files_are_where_the_plan_has_them_or_beside_each_other() {
        for (env_file, token_file, expected) in [
            (
                None,
                None,
                ("/home/me/aws-sso-token-refresh/.env", "/home/me/aws-sso-token-refresh/token.json"),
            ),
            (Some("/a/x.env"), None, ("/a/x.env", "/a/token.json")),
            (None, Some("/b/t.json"), ("/b/.env", "/b/t.json")),
            (Some("/a/.env"), Some("/b/t.json"), ("/a/.env", "/b/t.json")),
        ] {
            let args = Args {
                env_file: env_file.map(PathBuf::from),
                token_file: token_file.map(PathBuf::from),
                session: None,
                start_url: None,
                stop_old: false,
            };
            let request = request(&args, &paths());
            let found = (request.env_file.to_str().unwrap(), request.token_file.to_str().unwrap());
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_path_can_be_typed_into_a_shell() {
        for (path, expected) in [
            ("/home/me/old/.env", "~/old/.env"),
            ("/srv/old/token.json", "/srv/old/token.json"),
            ("/home/me/my files/.env", "'/home/me/my files/.env'"),
            ("/home/me/it's/.env", r"'/home/me/it'\''s/.env'"),
            ("/home/me/$HOME/.env", "'/home/me/$HOME/.env'"),
        ] {
            assert_eq!(shell_word(Path::new(path), &paths()), expected);
        }
    }
}
