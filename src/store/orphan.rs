//! [`Orphan`]: a token file that has lost its name.

use std::{fmt, fs::File, path::PathBuf};

use sha1::{Digest, Sha1, digest::Output};

use super::{
    aws_cache::{self, Parsed},
    file::{self, Holds, Opened},
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

/// What has been written into an [`Orphan`].
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// Nothing, or nothing new.
    Nothing,
    /// Not all of a token, or not yet.
    Torn,
    /// A token.
    Token(Token),
}

impl Orphan {
    pub(super) fn new(opened: Opened, path: PathBuf) -> Self {
        let spent = aws_cache::parse(&opened.bytes).ok().and_then(|parsed| parsed.token.refresh_token);
        Self { seen: Sha1::digest(&*opened.bytes), spent, file: opened.file, path }
    }

    /// What was written into the file since it was replaced. The old token again is nothing: its refresh token may be
    /// spent.
    pub fn look(&self) -> Written {
        let Ok(bytes) = file::read_bounded(&self.file, &self.path, Holds::Secrets) else {
            return Written::Nothing;
        };
        if Sha1::digest(&*bytes) == self.seen {
            return Written::Nothing;
        }
        match aws_cache::parse(&bytes) {
            Err(_) => Written::Torn,
            Ok(Parsed { token, .. })
                if token.refresh_token.is_some() && token.refresh_token == self.spent =>
            {
                Written::Nothing
            }
            Ok(Parsed { token, .. }) => Written::Token(token),
        }
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

    use super::Written;
    use crate::store::{Saved, fixture::*};

    #[test]
    fn finds_the_sign_in_that_was_written_into_the_replaced_file() {
        let place = Place::new();
        for (written, expected) in [
            (String::new(), Written::Torn),
            (document(7)[..99].to_owned(), Written::Torn),
            (document(1), Written::Nothing),
            (format!("{}\n", document(1)), Written::Nothing),
            (document(7), Written::Token(token_read(7))),
        ] {
            place.put(document(1).as_bytes());
            // As `open(path, "w")` of the AWS CLI would, but for the truncation, which may come later.
            let mut writer = OpenOptions::new().write(true).open(place.path()).unwrap();
            let saved = place.lock().save(&token(2), Some(&token(1)), &identity()).unwrap();
            let Saved::Written(Some(orphan)) = saved else { panic!("{saved:?}") };
            assert_eq!(orphan.look(), Written::Nothing);
            writer.set_len(0).unwrap();
            writer.write_all(written.as_bytes()).unwrap();
            assert_eq!(orphan.look(), expected, "{written}");
            assert_eq!(place.text(), Some(document(2)));
        }
    }
}
