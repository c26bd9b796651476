//! What a user brings back by hand: the address that the browser ended at, or the bare code in it.

use super::{
    callback::{Answer, PATH, Query},
    pkce::State,
};
use crate::session::token::Secret;

/// No code of AWS's is so short; a word that was typed by mistake is.
const SHORTEST_CODE: usize = 8;

/// Why a pasted text is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The page that the sign-in began with.
    #[error(
        "that is the address to open, not the one that the browser ends at: open it, approve, and paste what \
         the address bar shows then"
    )]
    Beginning,
    /// Its state is another one.
    #[error("that belongs to another sign-in: paste the address that this one has ended at")]
    AnotherSignIn,
    /// Anything else.
    #[error(
        "there is no code in that: paste the whole address that the browser has ended at, or the code in it"
    )]
    NoCode,
}

/// What a pasted text says. Its state is checked where it has one.
pub(super) fn read(text: &str, state: &State) -> Result<Answer, Error> {
    let text = text.trim().trim_matches(['"', '\'', '<', '>', '`']).trim();
    if text.contains("/authorize?") && !text.contains(PATH) {
        return Err(Error::Beginning);
    }
    let is_address =
        text.contains("://") || text.contains(PATH) || text.contains("code=") || text.contains("error=");
    if !is_address {
        let fit = text.len() >= SHORTEST_CODE && text.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
        return if fit { Ok(Answer::Code(Secret::new(text))) } else { Err(Error::NoCode) };
    }
    let query = text.split_once('?').map_or(text, |(_, query)| query);
    let query = Query::parse(query.split_once('#').map_or(query, |(query, _)| query));
    match &query.state {
        Some(theirs) if !state.is(theirs) => Err(Error::AnotherSignIn),
        Some(_) | None => query.answer().ok_or(Error::NoCode),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::callback::Refusal, *};

    #[test]
    fn takes_the_address_or_the_code() {
        let state = State::kept(Secret::new("the-state"));
        let code = || Ok(Answer::Code(Secret::new("the-code")));
        for (text, expected) in [
            ("http://127.0.0.1:1/oauth/callback?code=the-code&state=the-state", code()),
            ("  \"http://127.0.0.1:1/oauth/callback?state=the-state&code=the-code#x\"\n", code()),
            ("127.0.0.1:1/oauth/callback?code=the-code", code()),
            ("code=the-code&state=the-state", code()),
            ("the-code", code()),
            (" the-code\r\n", code()),
            (
                "http://127.0.0.1:1/oauth/callback?error=access_denied&state=the-state",
                Ok(Answer::Refused(Refusal { error: "access_denied".into(), description: None })),
            ),
            ("http://127.0.0.1:1/oauth/callback?code=the-code&state=x", Err(Error::AnotherSignIn)),
            ("http://127.0.0.1:1/oauth/callback?error=access_denied&state=x", Err(Error::AnotherSignIn)),
            ("https://oidc.example/authorize?client_id=x&state=the-state", Err(Error::Beginning)),
            ("http://127.0.0.1:1/oauth/callback", Err(Error::NoCode)),
            ("https://example.com/", Err(Error::NoCode)),
            ("yes", Err(Error::NoCode)),
            ("", Err(Error::NoCode)),
            ("what am I to paste", Err(Error::NoCode)),
        ] {
            assert_eq!(read(text, &state), expected, "{text}");
        }
    }
}
