//! [`Explained`]: a setting in force and where it comes from.

use std::fmt;

use serde::Serialize;

/// One setting, for `config show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// As in `config.toml`: `session.work.region`.
    pub key: String,
    /// Its value; none where nothing is set. Never a secret.
    pub value: Option<String>,
    /// `default`, an environment variable, or `FILE:LINE`.
    pub origin: String,
}

impl Explained {
    /// A setting with a value.
    pub(super) fn new(key: impl Into<String>, value: impl fmt::Display, origin: impl Into<String>) -> Self {
        Self { key: key.into(), value: Some(value.to_string()), origin: origin.into() }
    }

    /// A setting that is not set.
    pub(super) fn unset(key: impl Into<String>) -> Self {
        Self { key: key.into(), value: None, origin: "default".to_owned() }
    }
}
