//! `[hooks]`: what is run when something happens.

use toml::Spanned;

use super::Merge;
use crate::config::{Error, HookSettings, explained::Explained, paths::expand};

impl Merge<'_> {
    /// The hooks, none where nothing is said.
    pub(super) fn hooks(&mut self) -> Result<HookSettings, Error> {
        let table = self.file.hooks.as_ref().map(Spanned::get_ref);
        Ok(HookSettings {
            refreshed: self.hook("hooks.refreshed", table.and_then(|table| table.refreshed.as_ref()))?,
            login_required: self
                .hook("hooks.login_required", table.and_then(|table| table.login_required.as_ref()))?,
            failed: self.hook("hooks.failed", table.and_then(|table| table.failed.as_ref()))?,
        })
    }

    fn hook(
        &mut self,
        key: &str,
        written: Option<&Spanned<Vec<String>>>,
    ) -> Result<Option<Vec<String>>, Error> {
        let Some(written) = written else {
            self.explained.push(Explained::unset(key));
            return Ok(None);
        };
        let wrong = |message| Err(self.error(written.span(), message));
        let mut command = written.get_ref().clone();
        let Some(program) = command.first_mut().filter(|program| !program.is_empty()) else {
            return wrong("a hook must be a list of a program and its arguments");
        };
        if program.starts_with("~/") {
            *program = expand(program.as_ref(), &self.paths.home).to_string_lossy().into_owned();
        }
        if command.iter().any(|part| part.contains('\0')) {
            return wrong("a hook can't have a zero byte in it");
        }
        let origin = self.origin(Some(written));
        self.explained.push(Explained::new(key, shown(&command), origin));
        Ok(Some(command))
    }
}

/// As it is written, so that it is seen where an argument begins.
fn shown(command: &[String]) -> String {
    let parts: Vec<String> = command.iter().map(|part| format!("{part:?}")).collect();
    format!("[{}]", parts.join(", "))
}
