//! [`Page`]: a manual page in roff. What a command takes comes from clap, as its `--help` does; what clap knows nothing of
//! comes from the tables beside this file.

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};

use super::{keys, places};

/// A manual page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) name: String,
    pub(super) section: u8,
    pub(super) text: String,
}

/// What stands in the foot of each page, in its middle.
const MANUAL: &str = "sso-refresh";
const CONFIG_PAGE: &str = "sso-refresh.toml";
/// How a paragraph of a help begins that tells of exit codes.
const EXIT_CODES: &str = "Exit codes: ";

const EXIT_STATUS: [(&str, &str); 6] = [
    ("0", "Done."),
    ("1", "Failed."),
    ("2", "Wrong usage or configuration."),
    ("3", "A sign-in is needed."),
    ("4", "The daemon is not running, where the command needs it."),
    ("5", "Temporary: try again later."),
];

/// The pages of `cli` and of each command in it, and that of the configuration file.
pub(super) fn all(mut cli: Command) -> Vec<Page> {
    cli.build();
    let mut pages = Vec::new();
    add(&cli, &mut pages);
    pages.push(config_file());
    pages
}

impl Page {
    /// The body with its title, without what readers of roff warn of: a break beside an empty line, and a paragraph that
    /// begins where a section does.
    fn new(name: String, section: u8, body: &str) -> Self {
        let mut body = body.replace("\n.br\n\n.br\n", "\n.sp\n");
        let mut begins = true;
        body = body
            .split_inclusive('\n')
            .filter(|line| {
                let kept = !(begins && *line == ".PP\n");
                begins = line.starts_with(".SH") || (begins && !kept);
                kept
            })
            .collect();
        // There is no date: the same source gives the same page. Empty arguments are nothing that the crate writes.
        let title =
            format!(".TH {name} {section} \"\" \"sso-refresh {}\" {MANUAL}\n", env!("CARGO_PKG_VERSION"));
        Self { name, section, text: title + &body }
    }

    /// What tells it from the others: `login`, `service-install`, `toml`; nothing for that of the program.
    pub(super) fn short(&self) -> &str {
        self.name.strip_prefix("sso-refresh").unwrap_or_default().trim_start_matches(['-', '.'])
    }

    /// The name of its file.
    pub(super) fn file(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }
}

fn add(command: &Command, pages: &mut Vec<Page>) {
    pages.push(of(command));
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        add(command, pages);
    }
}

fn of(command: &Command) -> Page {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let is_root = !name.contains("refresh-");
    let help = Help::of(command);
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(command.clone().override_usage(usage));
    let mut text = Vec::new();
    let mut end = Roff::new();
    let written = [
        man.render_name_section(&mut text),
        man.render_synopsis_section(&mut text),
        man.render_description_section(&mut text),
        prose(&help.prose).to_writer(&mut text),
        man.render_options_section(&mut text),
    ];
    let listed = if command.has_subcommands() { man.render_subcommands_section(&mut text) } else { Ok(()) };
    // A Vec takes all that is written.
    debug_assert!(listed.is_ok() && written.iter().all(Result::is_ok));

    end.control("SH", ["EXIT STATUS"]);
    // Those of the program are the table.
    for paragraph in help.exit_codes.iter().filter(|_| !is_root) {
        end.text([roman(paragraph)]);
    }
    items(&mut end, &EXIT_STATUS);
    if is_root {
        end.control("SH", ["FILES"]);
        items(&mut end, &places::FILES);
        end.control("SH", ["ENVIRONMENT"]);
        items(&mut end, &places::ENVIRONMENT);
    }
    if !help.examples.is_empty() {
        end.control("SH", ["EXAMPLES"]);
        for example in &help.examples {
            example.write(&mut end);
        }
    }
    end.control("SH", ["SEE ALSO"]);
    see_also(&mut end, command, &name);
    Page::new(name, 1, &(String::from_utf8_lossy(&text) + end.render().as_str()))
}

/// The help behind the options, in its parts.
#[derive(Debug, Default, PartialEq)]
struct Help {
    prose: Vec<String>,
    exit_codes: Vec<String>,
    examples: Vec<Example>,
}

/// Lines to type, and what is said before them.
#[derive(Debug, PartialEq)]
struct Example {
    about: Option<String>,
    lines: Vec<String>,
}

impl Help {
    fn of(command: &Command) -> Self {
        let text = command.get_after_long_help().or_else(|| command.get_after_help());
        Self::parse(&text.map(ToString::to_string).unwrap_or_default())
    }

    /// Paragraphs are parted by empty lines; the lines of an example are indented, and what introduces it ends in a colon.
    fn parse(text: &str) -> Self {
        let mut help = Self::default();
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            if paragraph.starts_with(' ') {
                let about = help.prose.pop_if(|last| last.ends_with(':'));
                let lines = paragraph.lines().map(|line| line.trim().to_owned()).collect();
                help.examples.push(Example { about, lines });
            } else if let Some(codes) = paragraph.strip_prefix(EXIT_CODES) {
                help.exit_codes.push(format!("Here: {}", codes.replace('\n', " ")));
            } else {
                help.prose.push(paragraph.replace('\n', " "));
            }
        }
        help
    }
}

impl Example {
    fn write(&self, roff: &mut Roff) {
        if let Some(about) = &self.about {
            roff.control("PP", []);
            roff.text([roman(about)]);
        }
        roff.control("PP", []);
        roff.control("RS", ["4"]);
        roff.control("nf", []);
        for line in &self.lines {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
        roff.control("RE", []);
    }
}

fn prose(paragraphs: &[String]) -> Roff {
    let mut roff = Roff::new();
    for paragraph in paragraphs {
        roff.control("PP", []);
        roff.text([roman(paragraph)]);
    }
    roff
}

fn items(roff: &mut Roff, items: &[(&str, &str)]) {
    for (name, text) in items {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text([roman(*text)]);
    }
}

/// The page above, those below, and the file.
fn see_also(roff: &mut Roff, command: &Command, name: &str) {
    let above = name.rsplit_once('-').map(|(above, _)| above).filter(|above| *above != "sso");
    let below = command.get_subcommands().filter(|command| !command.is_hide_set());
    let below = below.filter_map(Command::get_display_name);
    let mut line = Vec::new();
    for page in above.into_iter().chain(below) {
        line.extend([bold(page), roman("(1), ")]);
    }
    line.extend([bold(CONFIG_PAGE), roman("(5)")]);
    roff.text(line);
}

fn config_file() -> Page {
    let mut roff = Roff::new();
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{CONFIG_PAGE} - configuration of sso-refresh"))]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([italic("~/.config/sso-refresh/config.toml")]);
    roff.control("SH", ["DESCRIPTION"]);
    for paragraph in keys::ABOUT {
        roff.control("PP", []);
        roff.text([roman(paragraph)]);
    }
    for table in keys::TABLES {
        roff.control("SH", [table.heading]);
        roff.text([roman(table.about)]);
        for key in table.keys {
            roff.control("TP", []);
            roff.text([bold(key.name), roman(" = "), italic(key.value)]);
            roff.text([roman(key.about)]);
        }
    }
    roff.control("SH", ["EXAMPLES"]);
    let lines = keys::EXAMPLE.lines().map(str::to_owned).collect();
    Example { about: None, lines }.write(&mut roff);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("sso-refresh"), roman("(1), "), bold("sso-refresh-config"), roman("(1)")]);
    Page::new(CONFIG_PAGE.into(), 5, &roff.render())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn a_help_has_its_parts() {
        let help = Help::parse(
            "Some words\nthat go on.\n\nTo do it:\n\n  sso-refresh x\n  sso-refresh y\n\nExit codes: 0 it went.\n\nAnd so.",
        );
        let example = Example {
            about: Some("To do it:".into()),
            lines: vec!["sso-refresh x".into(), "sso-refresh y".into()],
        };
        let expected = Help {
            prose: vec!["Some words that go on.".into(), "And so.".into()],
            exit_codes: vec!["Here: 0 it went.".into()],
            examples: vec![example],
        };
        assert_eq!(help, expected);
    }

    #[test]
    fn each_command_has_a_page_with_each_of_its_options() {
        fn look(command: &Command, pages: &[Page]) {
            let name = command.get_display_name().unwrap_or_else(|| command.get_name());
            let page = pages.iter().find(|page| page.name == name).unwrap();
            for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO"] {
                assert!(
                    page.text.contains(&format!("\n.SH {heading}\n"))
                        || page.text.contains(&format!("\n.SH \"{heading}\"\n")),
                    "{name}: {heading} in {}",
                    page.text
                );
            }
            for long in command.get_arguments().filter_map(clap::Arg::get_long) {
                let escaped = format!("\\-\\-{}", long.replace('-', "\\-"));
                assert!(page.text.contains(&escaped), "{name}: {escaped} in {}", page.text);
            }
            command.get_subcommands().for_each(|command| look(command, pages));
        }
        let mut cli = Cli::command();
        cli.build();
        look(&cli, &all(Cli::command()));
    }

    /// A terminal of 80 columns breaks a longer one, and then it can't be copied.
    #[test]
    fn what_is_to_be_typed_fits_in_80_columns() {
        fn look(command: &Command, found: &mut usize) {
            for line in Help::of(command).examples.iter().flat_map(|example| &example.lines) {
                *found += 1;
                assert!(line.chars().count() + 2 <= 80, "{}: {line}", command.get_name());
            }
            command.get_subcommands().for_each(|command| look(command, found));
        }
        let mut found = 0;
        look(&Cli::command(), &mut found);
        assert!(found > 20, "{found}");
    }

    #[test]
    fn what_is_in_the_help_is_in_the_page() {
        let page = of(&Cli::command());
        for text in ["FILES", "ENVIRONMENT", "EXAMPLES", "aws configure sso", "AWS_CONFIG_FILE", "api.sock"] {
            assert!(page.text.contains(text), "{text} in {}", page.text);
        }
    }
}
