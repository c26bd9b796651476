//! Opens a page in the user's browser.

use std::{
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

/// What stands for the address in a command of `BROWSER`.
const PLACEHOLDER: &str = "%s";

/// No browser could be opened.
#[derive(Debug, thiserror::Error)]
#[error("no browser can be opened: {0}")]
pub struct Unopened(String);

/// Opens `url` in the first browser of `variable` (the variable `BROWSER`) that works, or in the system's where it
/// is not set. It returns when the browser has it, or ends: some browsers stay for as long as their window.
///
/// # Errors
/// Where none works.
pub fn open(url: &str, variable: Option<&str>) -> Result<(), Unopened> {
    let commands = commands(variable.unwrap_or_default(), url);
    if commands.is_empty() {
        return open::that_detached(url).map_err(|error| Unopened(error.to_string()));
    }
    let mut failed = Vec::new();
    for words in commands {
        match run(&words) {
            Ok(()) => return Ok(()),
            Err(why) => failed.push(format!("{} of BROWSER {why}", words[0])),
        }
    }
    Err(Unopened(failed.join(", ")))
}

/// The commands of `BROWSER`: several are separated by colons, and `%s` stands for the address (as `xdg-open` and
/// Python have it), which is the last word otherwise.
fn commands(variable: &str, url: &str) -> Vec<Vec<String>> {
    let filled = |command: &str| {
        let mut words: Vec<String> =
            command.split_whitespace().map(|word| word.replace(PLACEHOLDER, url)).collect();
        if !command.contains(PLACEHOLDER) {
            words.push(url.to_owned());
        }
        words
    };
    variable.split(':').filter(|command| !command.trim().is_empty()).map(filled).collect()
}

fn run(words: &[String]) -> Result<(), String> {
    let status = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C is for us and not for a browser that we have started.
        .process_group(0)
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("ended with {status}")),
        Err(error) => Err(format!("can't be started ({error})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_variable() {
        for (variable, expected) in [
            ("", &[][..]),
            (" : ", &[]),
            ("firefox", &["firefox URL"]),
            ("firefox --new-tab", &["firefox --new-tab URL"]),
            ("open -u %s -x:w3m", &["open -u URL -x", "w3m URL"]),
            ("a '%s'", &["a 'URL'"]),
        ] {
            let found: Vec<String> = commands(variable, "URL").iter().map(|words| words.join(" ")).collect();
            assert_eq!(found, expected, "{variable}");
        }
    }

    #[test]
    fn the_next_is_tried_where_one_fails() {
        open("about:blank", Some("/nonexistent/browser:false:true")).unwrap();
        let error = open("about:blank", Some("/nonexistent/browser:false")).unwrap_err().to_string();
        assert!(
            error.starts_with("no browser can be opened: /nonexistent/browser of BROWSER can't be"),
            "{error}"
        );
        assert!(error.ends_with("false of BROWSER ended with exit status: 1"), "{error}");
    }
}
