//! Where log lines go, and how they look. Only events of this program are written: those of a library could hold
//! the headers of a request.

mod capped;

use std::{
    fmt,
    io::{self, IsTerminal},
    path::Path,
    sync::Arc,
};

use tracing::{Event, Level, Subscriber, field::Field, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    field::MakeExt,
    filter::Targets,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Writer, debug_fn},
        time::FormatTime,
        writer::BoxMakeWriter,
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

use self::capped::Capped;
use super::exit::{self, Failure};
use crate::{
    config::{LogFormat, LogSettings},
    daemon::Relevel,
    platform::manager,
    service::launchd,
    time::Clock,
};

/// `-v` and `-q`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verbosity {
    /// How often `-v` was given.
    pub(super) verbose: u8,
    /// Whether `-q` was.
    pub(super) quiet: bool,
}

/// Writes the log of a command to standard error: warnings, and more with `-v`.
pub(super) fn for_command(verbosity: Verbosity) {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .event_format(CommandLine)
        .fmt_fields(debug_fn(message).delimited(""))
        .boxed();
    start(lines, verbosity.level(Level::WARN));
}

/// Writes the daemon's log as `[log]` has it; the flags go before its level. What comes back changes the level
/// later. `home` is the home directory.
pub(super) fn for_daemon(
    settings: &LogSettings,
    verbosity: Verbosity,
    home: &Path,
) -> Result<Relevel, Failure> {
    let sink = match settings.format {
        LogFormat::Json => json(home),
        // Without a journal to write to, its standard error is still read.
        LogFormat::Auto if manager::logs_to_journal() => manager::journal().unwrap_or_else(|_| pretty(home)),
        LogFormat::Auto | LogFormat::Pretty => pretty(home),
        LogFormat::Journald => manager::journal().map_err(|error| {
            let line =
                format!("log.format is journald, but the journal can't be used ({error}): write \"auto\"");
            Failure::new(exit::USAGE, line)
        })?,
    };
    let handle = start(sink, verbosity.level(settings.level));
    Ok(Relevel::new(move |level| {
        // The subscriber lives as long as the process.
        drop(handle.reload(ours(verbosity.level(level))));
    }))
}

impl Verbosity {
    /// The most detailed level that is written, where it is `base` without flags.
    fn level(self, base: Level) -> Level {
        const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        if self.quiet {
            return Level::ERROR;
        }
        let at = LEVELS.iter().position(|level| *level == base).unwrap_or(0);
        LEVELS[(at + usize::from(self.verbose)).min(LEVELS.len() - 1)]
    }
}

type Sink = Box<dyn Layer<Registry> + Send + Sync>;

fn start(sink: Sink, level: Level) -> reload::Handle<Targets, Registry> {
    let (filter, handle) = reload::Layer::new(ours(level));
    // Only one can be set, and nothing else sets one.
    drop(tracing_subscriber::registry().with(sink.with_filter(filter)).try_init());
    handle
}

fn ours(level: Level) -> Targets {
    Targets::new().with_target("sso_refresh", LevelFilter::from_level(level))
}

/// Lines for people who watch the daemon.
fn pretty(home: &Path) -> Sink {
    tracing_subscriber::fmt::layer()
        .with_writer(standard_error(home))
        .with_ansi(colours())
        .with_timer(Seconds(Clock::system()))
        .with_target(false)
        .fmt_fields(debug_fn(message).delimited(""))
        .boxed()
}

/// A JSON object a line, with every field.
fn json(home: &Path) -> Sink {
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(standard_error(home))
        .with_timer(Seconds(Clock::system()))
        .with_target(false)
        .boxed()
}

/// Standard error, kept short where it is the file that launchd opens for it: nobody else does that.
fn standard_error(home: &Path) -> BoxMakeWriter {
    match Capped::stderr(&launchd::log_file(home)) {
        Some(log) => BoxMakeWriter::new(Arc::new(log)),
        None => BoxMakeWriter::new(io::stderr),
    }
}

fn colours() -> bool {
    match anstream::ColorChoice::global() {
        anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi => true,
        anstream::ColorChoice::Never => false,
        anstream::ColorChoice::Auto => io::stderr().is_terminal(),
    }
}

/// The message alone: it is whole in itself, and the other fields are for programs. What came from elsewhere must
/// not look like a line of its own, nor command a terminal.
fn message(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        return Ok(());
    }
    let line = format!("{value:?}");
    writer.write_str(&line.replace(char::is_control, " "))
}

/// `sso-refresh: message`, as the errors of the commands have it.
struct CommandLine;

impl<S, N> FormatEvent<S, N> for CommandLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("sso-refresh: ")?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// The time in whole seconds, as everywhere else.
struct Seconds(Clock);

impl FormatTime for Seconds {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", self.0.now())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn flags_change_the_level() {
        for (base, verbose, quiet, expected) in [
            (Level::WARN, 0, false, Level::WARN),
            (Level::WARN, 1, false, Level::INFO),
            (Level::WARN, 2, false, Level::DEBUG),
            (Level::INFO, 1, false, Level::DEBUG),
            (Level::INFO, 9, false, Level::TRACE),
            (Level::DEBUG, 0, true, Level::ERROR),
        ] {
            assert_eq!(Verbosity { verbose, quiet }.level(base), expected, "{base} {verbose} {quiet}");
        }
    }

    #[test]
    fn a_line_is_the_message_and_nothing_can_break_it() {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .event_format(CommandLine)
            .fmt_fields(debug_fn(message).delimited(""));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::warn!(sso_session = "work", "work: not kept: disk\nfull \u{1b}[31m");
            tracing::debug!(count = 3, "{} of {}", 1, 2);
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "sso-refresh: work: not kept: disk full  [31m\nsso-refresh: 1 of 2\n");
    }
}
