//! [`Access`]: a session's token in the hands of a command that asks AWS something with it. The daemon keeps it; without
//! one the command does.

use std::time::Duration;

use super::{
    context::Context,
    direct::{self, Direct},
    exit::Failure,
};
use crate::{
    api::{
        IssuedToken, Refusal,
        client::{self, Client},
    },
    bearer::Bearer,
    config::SessionSettings,
    session::token::Secret,
};

/// One session, for the length of a command.
#[derive(Debug)]
pub(super) struct Access<'a> {
    context: &'a Context,
    session: &'a SessionSettings,
    /// A daemon that is not well is not asked a second time.
    daemon: Option<Client>,
    direct: Option<Direct<'a>>,
}

impl<'a> Access<'a> {
    /// By way of `daemon`, where there is one.
    pub(super) fn new(context: &'a Context, session: &'a SessionSettings, daemon: Option<Client>) -> Self {
        Self { context, session, daemon, direct: None }
    }

    /// Ends what was begun without a daemon. To be called once the answer is printed.
    pub(super) async fn close(self) {
        if let Some(direct) = self.direct {
            direct.close().await;
        }
    }

    /// The session in our own hands.
    async fn direct(&mut self) -> Result<&mut Direct<'a>, Failure> {
        let direct = match self.direct.take() {
            Some(direct) => direct,
            None => Direct::open(self.context, self.session).await?,
        };
        Ok(self.direct.insert(direct))
    }
}

impl Bearer for Access<'_> {
    type Error = Failure;

    fn session(&self) -> &str {
        &self.session.name
    }

    async fn token(&mut self, min_validity: Duration) -> Result<Result<IssuedToken, Refusal>, Failure> {
        if let Some(daemon) = &self.daemon {
            match daemon.token(Some(&self.session.name), min_validity).await {
                Ok(issued) => return Ok(Ok(issued)),
                Err(client::Error::Refused(refusal @ Refusal::TooLong { .. })) => return Ok(Err(refusal)),
                Err(error) => direct::is_called_for(Some(&self.session.name), error)?,
            }
            self.daemon = None;
        }
        Ok(self.direct().await?.token(min_validity).await)
    }

    async fn refresh(&mut self, rejected: &Secret) -> Result<(), Failure> {
        // Somebody else may have been quicker.
        if self.token(Duration::ZERO).await?.is_ok_and(|issued| issued.access_token != *rejected) {
            return Ok(());
        }
        if let Some(daemon) = &self.daemon {
            match daemon.refresh(&self.session.name).await {
                Ok(_) => return Ok(()),
                Err(error) => direct::is_called_for(Some(&self.session.name), error)?,
            }
            self.daemon = None;
        }
        let direct = self.direct().await?;
        // Another one of the same making would be no better.
        if direct.has_refreshed() {
            return Ok(());
        }
        let refreshed = direct.refresh().await;
        refreshed.map(|_| ()).map_err(|refusal| self.refused(refusal))
    }

    fn refused(&self, refusal: Refusal) -> Failure {
        Failure::of(&self.session.name, refusal)
    }
}
