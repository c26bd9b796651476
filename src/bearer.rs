//! [`Bearer`]: who has the token of a session, the daemon or a command; and [`with_token`], which asks the portal
//! something with it.
//!
//! That the portal does not know a token means that it is dead, whatever its expiry says: the session is refreshed once,
//! and the portal is asked again. That it gives no access to a role says nothing of the token. Where no token of the
//! session lasts as long as it should, one that is good at all has to do.

use std::{fmt::Display, time::Duration};

use crate::{
    api::{IssuedToken, Refusal},
    config::line,
    portal::{Error, Verdict},
    session::{role::Role, token::Secret},
    time::words,
};

/// How long a token should be good to be sent: longer than a request takes.
const MIN_VALIDITY: Duration = Duration::from_secs(60);
/// The same where no token of the session is good for that long.
const LAST_RESORT: Duration = Duration::from_secs(1);

/// Who has the token of one session.
pub trait Bearer {
    /// Why there is none, or nobody who could be asked.
    type Error;

    /// The session's name.
    fn session(&self) -> &str;

    /// A token that is good for `min_validity`, or what the session says instead.
    fn token(
        &mut self,
        min_validity: Duration,
    ) -> impl Future<Output = Result<Result<IssuedToken, Refusal>, Self::Error>>;

    /// Refreshes the session, unless it has another token by now than `rejected`.
    fn refresh(&mut self, rejected: &Secret) -> impl Future<Output = Result<(), Self::Error>>;

    /// What the portal's refusal is to whoever asked.
    fn refused(&self, refusal: Refusal) -> Self::Error;
}

/// What `ask` got from the portal with a token of `bearer`. It is about `what`, such as a role.
pub async fn with_token<B: Bearer, T, F>(
    bearer: &mut B,
    what: impl Display,
    ask: impl Fn(Secret) -> F,
) -> Result<T, B::Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let rejected = usable(bearer).await?;
    let error = match ask(rejected.clone()).await {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    if error.verdict() != Verdict::DeadToken {
        return Err(bearer.refused(refusal(bearer.session(), what, &error)));
    }
    tracing::info!("{}: the token is dead before its time, so it is refreshed: {error}", bearer.session());
    bearer.refresh(&rejected).await?;
    let token = usable(bearer).await?;
    ask(token).await.map_err(|error| bearer.refused(refusal(bearer.session(), what, &error)))
}

/// A token that can be sent.
async fn usable<B: Bearer>(bearer: &mut B) -> Result<Secret, B::Error> {
    let issued = match bearer.token(MIN_VALIDITY).await? {
        Err(Refusal::TooLong { .. }) => bearer.token(LAST_RESORT).await?,
        answer => answer,
    };
    issued.map(|issued| issued.access_token).map_err(|refusal| bearer.refused(refusal))
}

/// The refusal for who wants credentials of `role` that are good for longer than `life`, which is how long they last.
pub fn too_long(role: &Role, life: Duration) -> Refusal {
    // Of what is just out, a part of the first second is over.
    let life = words(life + Duration::from_millis(999));
    Refusal::TooLong {
        message: line(format_args!("the credentials of {role} last {life}: ask for less than that")),
    }
}

/// The refusal where AWS gave credentials that are over already. They are asked for again after `retry_after`.
pub fn over(retry_after: Option<Duration>) -> Refusal {
    let message =
        "the credentials that AWS gave are over by the clock of this machine: check that it is right".into();
    Refusal::Temporary { message, retry_after }
}

fn refusal(session: &str, what: impl Display, error: &Error) -> Refusal {
    match error.verdict() {
        Verdict::DeadToken => Refusal::SignInNeeded {
            session: session.to_owned(),
            message: format!(
                "`{session}` needs a sign-in, since AWS does not take its token though it was just refreshed ({error}): \
                 run `sso-refresh login {session}`"
            ),
        },
        Verdict::NoAccess => Refusal::NoAccess {
            message: line(format_args!(
                "AWS gives you no access to {what} ({error}): `sso-refresh accounts {session}` and `sso-refresh roles` \
                 list what you have"
            )),
        },
        Verdict::Invalid => Refusal::NoAccess {
            message: line(format_args!(
                "AWS takes no request for {what} ({error}): check the account id and the name of the role"
            )),
        },
        Verdict::Retry { after } => Refusal::Temporary { message: error.to_string(), retry_after: after },
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::time::Timestamp;

    /// Its tokens are `0`, `1`, …: one more with each refresh.
    struct Counting {
        refreshed: u32,
        fails: bool,
        life: Duration,
    }

    impl Bearer for Counting {
        type Error = Refusal;

        fn session(&self) -> &'static str {
            "work"
        }

        async fn token(&mut self, min_validity: Duration) -> Result<Result<IssuedToken, Refusal>, Refusal> {
            if min_validity > self.life {
                return Ok(Err(Refusal::TooLong { message: "ask for less".into() }));
            }
            Ok(Ok(IssuedToken {
                session: "work".into(),
                access_token: Secret::new(self.refreshed.to_string()),
                expires_at: Timestamp::from_secs(0),
            }))
        }

        async fn refresh(&mut self, rejected: &Secret) -> Result<(), Refusal> {
            assert_eq!(rejected.expose(), self.refreshed.to_string());
            if self.fails {
                return Err(Refusal::Temporary { message: "offline".into(), retry_after: None });
            }
            self.refreshed += 1;
            Ok(())
        }

        fn refused(&self, refusal: Refusal) -> Refusal {
            refusal
        }
    }

    /// What comes of statuses that the portal answers one after the other (200 is an answer), and which tokens it saw.
    async fn asked(statuses: &[u16], fails: bool) -> (Result<&'static str, Refusal>, Vec<String>) {
        asked_of(Counting { refreshed: 0, fails, life: Duration::from_secs(3600) }, statuses).await
    }

    async fn asked_of(
        mut bearer: Counting,
        statuses: &[u16],
    ) -> (Result<&'static str, Refusal>, Vec<String>) {
        let seen = RefCell::new(Vec::new());
        let result = with_token(&mut bearer, "the role `R`", |token| {
            let status = statuses[seen.borrow().len()];
            seen.borrow_mut().push(token.expose().to_owned());
            std::future::ready(match status {
                200 => Ok("given"),
                status => Err(Error::Service {
                    host: "portal".into(),
                    status,
                    exception: "X".into(),
                    message: None,
                    retry_after: None,
                }),
            })
        })
        .await;
        (result, seen.into_inner())
    }

    #[tokio::test]
    async fn a_dead_token_is_refreshed_once() {
        for (statuses, fails, code, tokens) in [
            (&[200][..], false, None, &["0"][..]),
            (&[401, 200], false, None, &["0", "1"]),
            (&[401, 401], false, Some("SignInNeeded"), &["0", "1"]),
            (&[401, 403], false, Some("NoAccess"), &["0", "1"]),
            (&[401], true, Some("Temporary"), &["0"]),
            (&[403], false, Some("NoAccess"), &["0"]),
            (&[404], false, Some("NoAccess"), &["0"]),
            (&[400], false, Some("NoAccess"), &["0"]),
            (&[429], false, Some("Temporary"), &["0"]),
            (&[500], false, Some("Temporary"), &["0"]),
        ] {
            let (result, seen) = asked(statuses, fails).await;
            assert_eq!(result.as_ref().err().map(Refusal::code), code, "{statuses:?}: {result:?}");
            assert_eq!(seen, tokens, "{statuses:?}");
        }
    }

    #[tokio::test]
    async fn a_token_of_a_short_life_does() {
        for (secs, code) in [(60, None), (59, None), (1, None), (0, Some("MinValidityTooLong"))] {
            let bearer = Counting { refreshed: 0, fails: false, life: Duration::from_secs(secs) };
            let (result, _) = asked_of(bearer, &[401, 200]).await;
            assert_eq!(result.as_ref().err().map(Refusal::code), code, "{secs}: {result:?}");
        }
    }

    #[tokio::test]
    async fn a_wrong_role_is_told_as_that() {
        let message = asked(&[403], false).await.0.unwrap_err().to_string();
        assert_eq!(
            message,
            "AWS gives you no access to the role `R` (portal answered X (HTTP 403)): `sso-refresh accounts work` and \
             `sso-refresh roles` list what you have"
        );
        let message = asked(&[400], false).await.0.unwrap_err().to_string();
        assert_eq!(
            message,
            "AWS takes no request for the role `R` (portal answered X (HTTP 400)): check the account id and the name \
             of the role"
        );
    }
}
