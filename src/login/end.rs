//! Signs out: at the server, then on this machine.

use super::Error;
use crate::{
    config::SessionSettings,
    exchange::Exchanger,
    portal::Logout,
    session::{
        event::{Memory, Stored},
        token::Secret,
    },
};

/// Ends the session and forgets its token; what was learned of it stays. Gives what was done, as words. Other
/// sessions are left alone.
///
/// # Errors
/// Where something is left on this machine. That the server can't be reached is a warning.
pub async fn sign_out(session: &SessionSettings, exchanger: &Exchanger) -> Result<&'static str, Error> {
    // Without a network the user is signed out on this machine all the same.
    end(session, exchanger, |why| {
        let session = &session.name;
        tracing::warn!("{session}: the session can't be ended at AWS and lives on there: {why}");
        Ok(None)
    })
    .await
}

/// The same, before a new sign-in whose clock is to begin anew.
///
/// # Errors
/// As well where the server can't be reached: a token that is good is not given up for nothing.
pub async fn renew(session: &SessionSettings, exchanger: &Exchanger) -> Result<&'static str, Error> {
    end(session, exchanger, |why| Err(Error::NotEnded(why))).await
}

async fn end(
    session: &SessionSettings,
    exchanger: &Exchanger,
    not_ended: impl FnOnce(String) -> Result<Option<Logout>, Error>,
) -> Result<&'static str, Error> {
    let (stored, _) = exchanger.read(&session.name).await;
    let ended = match &stored {
        Stored::Token(token) => {
            at_server(session, exchanger, &token.access_token).await.map(Some).or_else(not_ended)?
        }
        Stored::Missing | Stored::Broken(_) => None,
        // The file is deleted on no disk that is not there, and would be found again.
        Stored::Unreachable(message) => {
            return Err(Error::Unreachable(format!("can't sign out of {}: {message}", session.name)));
        }
    };
    let locked = exchanger.lock(&session.name).await.map_err(Error::Busy)?;
    locked.delete()?;
    exchanger.store().forget_pending(&session.name)?;
    let memory = exchanger.store().memory(&session.name);
    if memory.signed_in_at.is_some() {
        exchanger.store().remember(&session.name, Memory { signed_in_at: None, ..memory })?;
    }
    Ok(match (stored, ended) {
        (Stored::Missing, _) => "already signed out",
        (Stored::Broken(_), _) => "signed out; its token file was broken and is deleted",
        (_, Some(Logout::Ended)) => "signed out; the session is ended and its token file deleted",
        (_, Some(Logout::AlreadyOver)) => "signed out; the session was over and its token file is deleted",
        (_, None) => "signed out on this machine; its token file is deleted",
    })
}

/// Ends the session at the server, or says why not.
async fn at_server(
    session: &SessionSettings,
    exchanger: &Exchanger,
    access_token: &Secret,
) -> Result<Logout, String> {
    match exchanger.portal(session) {
        Ok(portal) => portal.logout(access_token).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
