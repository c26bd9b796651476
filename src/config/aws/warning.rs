//! [`Warning`]: what some AWS SDK would not accept in a file that we read.

use std::fmt;

use super::super::line::line;

/// A family of AWS programs that share one parser of the config file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// botocore: the AWS CLI and boto3.
    Botocore,
    /// The AWS SDK for JavaScript v3.
    JavaScript,
    /// The AWS SDK for Rust.
    Rust,
}

/// What such a program does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It reads nothing of the file.
    File,
    /// It doesn't see the section.
    Section,
    /// It refuses to use the profile.
    Profile,
    /// It doesn't see the key.
    Key,
    /// It reads another value.
    Value,
}

/// Who rejects something, and how.
pub type Rejections = Vec<(Client, Effect)>;

/// Something unwise in an AWS config or credentials file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The file as people write its path.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is there.
    pub what: String,
    /// Who doesn't take it, and how; empty where it is only our own advice.
    pub rejected_by: Rejections,
}

/// The most warnings of one look at a file; nobody reads more, and a log should not be flooded.
const MOST: usize = 100;

/// Warnings in the order in which they are found, and how many of them there were too many.
#[derive(Debug, Default)]
pub struct Warnings {
    told: Vec<Warning>,
    more: usize,
}

impl Warnings {
    /// Adds one; `what` may quote the file.
    pub(super) fn add(
        &mut self,
        file: &str,
        number: usize,
        what: impl fmt::Display,
        rejected_by: &[(Client, Effect)],
    ) {
        if self.told.len() >= MOST {
            self.more += 1;
            return;
        }
        self.told.push(Warning {
            file: file.to_owned(),
            line: number,
            what: line(what),
            rejected_by: rejected_by.to_vec(),
        });
    }

    /// All that are told; the last says whether there are more.
    pub(super) fn into_vec(mut self) -> Vec<Warning> {
        if self.more > 0
            && let Some(Warning { file, line, .. }) = self.told.last().cloned()
        {
            let what = format!("{} more warnings of this kind are left out", self.more);
            self.told.push(Warning { file, line, what, rejected_by: Vec::new() });
        }
        self.told
    }
}

/// One line: `~/.aws/config:7: a section header is indented; the Rust SDK rejects the whole file`.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)?;
        for (client, effect) in &self.rejected_by {
            write!(f, "; {client} {effect}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Botocore => "botocore (AWS CLI, boto3)",
            Self::JavaScript => "the JavaScript SDK",
            Self::Rust => "the Rust SDK",
        })
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "rejects the whole file",
            Self::Section => "ignores the section",
            Self::Profile => "rejects the profile",
            Self::Key => "ignores the key",
            Self::Value => "reads another value",
        })
    }
}
