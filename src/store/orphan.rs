//! [`Orphan`]: a token file that has lost its name.

use std::{fmt, fs::File, path::PathBuf};

use sha1::{Digest, Sha1, digest::Output};

use super::{
    aws_cache,
    file::{self, Opened},
};
use crate::session::token::{Secret, Token};

/// The file that was replaced, still open.
///
/// Most AWS tools write a token file in place. One that opened it just before it was replaced writes into a file
/// without a name, and the sign-in that it writes would be lost. It is in here a moment later.
pub struct Orphan {
    file: File,
    path: PathBuf,
    seen: Output<Sha1>,
    /// The refresh token that it held.
    spent: Option<Secret>,
}

impl Orphan {
    pub(super) fn new(opened: Opened, path: PathBuf) -> Self {
        let spent = aws_cache::parse(&opened.bytes).ok().and_then(|parsed| parsed.token.refresh_token);
        Self { seen: Sha1::digest(&*opened.bytes), spent, file: opened.file, path }
    }

    /// The token that was written into the file since it was replaced; `None` where nothing was, or not yet all of
    /// a token, or the old one again: its refresh token may be spent.
    pub fn changed_token(&self) -> Option<Token> {
        let bytes = file::read_bounded(&self.file, &self.path).ok()?;
        if Sha1::digest(&*bytes) == self.seen {
            return None;
        }
        let token = aws_cache::parse(&bytes).ok()?.token;
        (token.refresh_token.is_none() || token.refresh_token != self.spent).then_some(token)
    }
}

impl fmt::Debug for Orphan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Orphan({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, io::Write};

    use crate::store::{Saved, fixture::*};

    #[test]
    fn finds_the_sign_in_that_was_written_into_the_replaced_file() {
        let place = Place::new();
        for (written, expected) in [
            (String::new(), None),
            (document(7)[..99].to_owned(), None),
            (document(1), None),
            (format!("{}\n", document(1)), None),
            (document(7), Some(token_read(7))),
        ] {
            place.put(document(1).as_bytes());
            // As `open(path, "w")` of the AWS CLI would, but for the truncation, which may come later.
            let mut writer = OpenOptions::new().write(true).open(place.path()).unwrap();
            let saved = place.lock().save(&token(2), Some(&token(1)), &identity()).unwrap();
            let Saved::Written(Some(orphan)) = saved else { panic!("{saved:?}") };
            assert_eq!(orphan.changed_token(), None);
            writer.set_len(0).unwrap();
            writer.write_all(written.as_bytes()).unwrap();
            assert_eq!(orphan.changed_token(), expected, "{written}");
            assert_eq!(place.text(), Some(document(2)));
        }
    }
}
