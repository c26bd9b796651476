//! [`Figure`]: what was measured, beside its yardstick and its aim.

use std::fmt;

use comfy_table::{Table, presets};

/// A line of the table.
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: String,
    /// What else was measured in the same run.
    pub(crate) yardstick: String,
    /// The value in parts of the yardstick's.
    pub(crate) ratio: String,
    pub(crate) aim: Option<Aim>,
}

/// What the figure should be, and whether it was.
pub(crate) struct Aim {
    pub(crate) text: &'static str,
    pub(crate) met: bool,
}

impl Figure {
    /// A figure that has neither yardstick nor aim.
    pub(crate) fn new(what: impl Into<String>, value: impl Into<String>) -> Self {
        let (what, value) = (what.into(), value.into());
        Self { what, value, yardstick: String::new(), ratio: String::new(), aim: None }
    }

    /// The same beside `yardstick`; both values in the same unit.
    pub(crate) fn beside(self, yardstick: impl Into<String>, value: f64, of_yardstick: f64) -> Self {
        Self { yardstick: yardstick.into(), ratio: ratio(value, of_yardstick), ..self }
    }

    pub(crate) fn aim(self, text: &'static str, met: bool) -> Self {
        Self { aim: Some(Aim { text, met }), ..self }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.value)?;
        if !self.yardstick.is_empty() {
            write!(f, "; {}; ratio {}", self.yardstick, self.ratio)?;
        }
        self.aim.as_ref().map_or(Ok(()), |aim| write!(f, "; aim {aim}"))
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.met { "" } else { " (missed)" })
    }
}

/// `1/45.2` for what is smaller than its yardstick, `1.30` for what is larger.
fn ratio(value: f64, of_yardstick: f64) -> String {
    if value <= 0.0 || of_yardstick <= 0.0 {
        return "–".into();
    }
    if value < of_yardstick {
        format!("1/{:.1}", of_yardstick / value)
    } else {
        format!("{:.2}", value / of_yardstick)
    }
}

/// All figures, aligned.
pub(crate) fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(["what", "figure", "yardstick", "ratio", "aim"]);
    for figure in figures {
        let aim = figure.aim.as_ref().map(ToString::to_string).unwrap_or_default();
        table.add_row([&figure.what, &figure.value, &figure.yardstick, &figure.ratio, &aim]);
    }
    table
}
