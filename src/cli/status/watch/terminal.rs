//! [`Screen`]: the terminal while the live view has it, and as it was on every way out.

use std::{
    io::{self, BufWriter, IsTerminal, Stdout},
    panic,
};

use crossterm::{
    cursor::Show,
    execute,
    style::force_color_output,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{
    Frame, Terminal,
    backend::{Backend as _, CrosstermBackend},
};
use signal_hook::{consts::SIGTSTP, low_level::emulate_default_handler};

use crate::{
    cli::exit::{self, Failure},
    config::environment::Environment,
};

/// The bytes of a whole picture, so that a terminal gets it in one piece.
const PICTURE: usize = 64 * 1024;

/// A terminal that shows the live view. It is given back when this is dropped, and before a panic is told.
pub(super) struct Screen(Terminal<CrosstermBackend<BufWriter<Stdout>>>);

/// What a terminal is needed for, and where there is none, what to use.
pub(super) fn check(env: &Environment) -> Result<(), Failure> {
    const INSTEAD: &str =
        "use `sso-refresh status` for how it is now, or `sso-refresh events` for what happens";
    if !io::stdout().is_terminal() {
        let line = format!("--watch draws on a terminal, and standard output is none: {INSTEAD}");
        return Err(Failure::new(exit::USAGE, line));
    }
    if env.get("TERM").is_some_and(|term| term == "dumb") {
        let line = format!("--watch can't draw on this terminal (TERM is dumb): {INSTEAD}");
        return Err(Failure::new(exit::USAGE, line));
    }
    Ok(())
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> Result<Self, Failure> {
        // What has a colour was decided by `--color`, which knows NO_COLOR.
        force_color_output(true);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            leave();
            before(info);
        }));
        take().and_then(|()| terminal()).map(Self).map_err(|error| {
            leave();
            unusable(&error)
        })
    }

    /// Writes what differs from the picture before.
    pub(super) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> Result<(), Failure> {
        self.0.draw(picture).map(drop).map_err(|error| unusable(&error))
    }

    /// Gives the terminal back and stops the process, until somebody has it go on.
    pub(super) fn suspend(&mut self) -> Result<(), Failure> {
        leave();
        drop(emulate_default_handler(SIGTSTP));
        self.resume()
    }

    /// Takes the terminal again, whatever a shell has made of it meanwhile.
    pub(super) fn resume(&mut self) -> Result<(), Failure> {
        // Raw mode is entered but once, as far as the library knows.
        drop(disable_raw_mode());
        // A new one knows of nothing on the screen. The old one would ask the terminal for the place of its cursor, whose
        // answer is taken for a key.
        let mut again = || {
            take()?;
            self.0 = terminal()?;
            self.0.backend_mut().clear()
        };
        again().map_err(|error| unusable(&error))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn terminal() -> io::Result<Terminal<CrosstermBackend<BufWriter<Stdout>>>> {
    Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(PICTURE, io::stdout())))
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen)
}

/// There may be no terminal any more, and then there is nothing to give back.
fn leave() {
    drop(execute!(io::stdout(), LeaveAlternateScreen, Show));
    drop(disable_raw_mode());
}

fn unusable(error: &io::Error) -> Failure {
    Failure::new(
        exit::FAILED,
        format!("can't draw on the terminal: {error}; use `sso-refresh status` in its place"),
    )
}
