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
    bearer::{Bearer, MIN_VALIDITY},
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

    async fn token(&mut self) -> Result<IssuedToken, Failure> {
        if let Some(daemon) = &self.daemon {
            let name = Some(self.session.name.as_str());
            let issued = match daemon.token(name, MIN_VALIDITY).await {
                Err(client::Error::Refused(Refusal::TooLong { .. })) => {
                    daemon.token(name, Duration::ZERO).await
                }
                issued => issued,
            };
            match issued {
                Ok(issued) => return Ok(issued),
                Err(error) => direct::is_called_for(name, error)?,
            }
            self.daemon = None;
        }
        let direct = self.direct().await?;
        let issued = match direct.token(MIN_VALIDITY).await {
            Err(Refusal::TooLong { .. }) => direct.token(Duration::ZERO).await,
            issued => issued,
        };
        issued.map_err(|refusal| self.refused(refusal))
    }

    async fn refresh(&mut self, rejected: &Secret) -> Result<(), Failure> {
        // Somebody else may have been quicker.
        if self.token().await?.access_token != *rejected {
            return Ok(());
        }
        if let Some(daemon) = &self.daemon {
            match daemon.refresh(&self.session.name).await {
                Ok(_) => return Ok(()),
                Err(error) => direct::is_called_for(Some(&self.session.name), error)?,
            }
            self.daemon = None;
        }
        let refreshed = self.direct().await?.refresh().await;
        refreshed.map(|_| ()).map_err(|refusal| self.refused(refusal))
    }

    fn refused(&self, refusal: Refusal) -> Failure {
        Failure::of(&self.session.name, refusal)
    }
}
