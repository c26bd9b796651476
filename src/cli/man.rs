//! `sso-refresh man`: the manual pages, made of what `--help` is made of.

mod keys;
mod page;
mod places;

use std::{
    fs::{self, File, Permissions},
    io::{self, IsTerminal, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use clap::CommandFactory;

use self::page::Page;
use super::{
    Cli,
    exit::{self, Failure},
    out,
};
use crate::config::{
    self,
    nearest::{handful, nearest},
};

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "On a terminal the page is shown by `man`; elsewhere it is printed as it is (roff). There is one for each \
                  command, and sso-refresh.toml for the configuration file.\n\n\
                  So that `man sso-refresh` finds them:\n\n  \
                  sso-refresh man --dir ~/.local/share/man"
)]
pub(super) struct Args {
    /// Whose page; without it that of the program
    #[arg(value_name = "COMMAND")]
    page: Vec<String>,
    /// Write all pages into the folders man1 and man5 of this one, where `man` looks for them
    #[arg(long, value_name = "DIR", conflicts_with = "page")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let pages = page::all(Cli::command());
    if let Some(folder) = &args.dir {
        return install(&pages, folder);
    }
    let page = named(&pages, &args.page)?;
    if !io::stdout().is_terminal() || !shown(page) {
        out::text(&page.text)?;
    }
    Ok(exit::DONE)
}

/// The page of `sso-refresh login` for `login`, and so on; `sso-refresh-login`, as `man` has it, is understood too.
fn named<'a>(pages: &'a [Page], words: &[String]) -> Result<&'a Page, Failure> {
    let wanted = words.join("-");
    let is_meant = |page: &&Page| page.name == wanted || page.short() == wanted;
    pages.iter().find(|page| is_meant(page)).ok_or_else(|| {
        let known = || pages.iter().map(|page| page.name.as_str());
        let meant = nearest(&wanted, pages.iter().map(Page::short));
        let meant =
            meant.map(|meant| format!(", did you mean `{}`?", meant.replace('-', " "))).unwrap_or_default();
        let line = format!(
            "there is no page for `{}`{meant}; there are {}",
            words.join(" "),
            handful(&wanted, known())
        );
        Failure::new(exit::USAGE, config::line(line))
    })
}

/// Has `man` show the page. Where there is no `man`, nothing is shown.
fn shown(page: &Page) -> bool {
    let show = || {
        let folder = tempfile::Builder::new().prefix("sso-refresh-man-").tempdir()?;
        let path = folder.path().join(page.file());
        write(&path, &page.text)?;
        // How a reader is left is nobody's failure.
        Command::new("man").arg(&path).status()
    };
    match show() {
        Ok(_) => true,
        Err(error) => {
            tracing::info!("can't show the page by `man`: {error}");
            false
        }
    }
}

fn install(pages: &[Page], root: &Path) -> Result<u8, Failure> {
    let failed = |path: &Path, error: io::Error| {
        let what = format!("can't write {}: {error}; choose another --dir", path.display());
        Failure::new(exit::FAILED, config::line(what))
    };
    for page in pages {
        let folder = root.join(format!("man{}", page.section));
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        let path = folder.join(page.file());
        write(&path, &page.text).map_err(|error| failed(&path, error))?;
        out::line(&config::line(path.display()))?;
    }
    Ok(exit::DONE)
}

/// A page is for everybody, unlike the other files of this program.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_found_by_the_words_of_its_command() {
        let pages = page::all(Cli::command());
        let found = |words: &str| {
            named(&pages, &words.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).map(Page::file)
        };
        for (words, expected) in [
            ("", "sso-refresh.1"),
            ("login", "sso-refresh-login.1"),
            ("service install", "sso-refresh-service-install.1"),
            ("sso-refresh-service-install", "sso-refresh-service-install.1"),
            ("sso-refresh", "sso-refresh.1"),
            ("sso-refresh.toml", "sso-refresh.toml.5"),
            ("toml", "sso-refresh.toml.5"),
        ] {
            assert_eq!(found(words).unwrap(), expected, "{words}");
        }
        let line = found("service instal").unwrap_err().into_line();
        assert!(
            line.starts_with(
                "there is no page for `service instal`, did you mean `service install`?; there are "
            ),
            "{line}"
        );
    }
}
