//! [`Endpoint`]: what the command asks for its credentials, on a port of its own.

use std::{convert::Infallible, net::Ipv4Addr, sync::Arc};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::{net::TcpListener, sync::mpsc};

use super::super::exit::{self, Failure};
use crate::{
    api::{
        Call,
        guard::{Asked, Guard, Pass, new_token},
        loopback,
        router::Router,
    },
    session::token::Secret,
    time::Clock,
};

/// How many questions wait for the feed until those who ask do.
const CALLS_MAX: usize = 16;

/// The container-credentials protocol, for one profile and whoever has the token.
pub(super) struct Endpoint {
    listener: TcpListener,
    router: Router,
    guard: Arc<Guard>,
    uri: String,
    token: Secret,
}

impl Endpoint {
    /// Listens on a port of 127.0.0.1. `name` is what may be asked for. What is asked comes out of the channel.
    pub(super) fn open(name: &str, clock: &Clock) -> Result<(Self, mpsc::Receiver<Call>), Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(exit::FAILED, format!("the command can get no endpoint: {error}; use --env instead"))
        };
        let listener = loopback::bind((Ipv4Addr::LOCALHOST, 0).into()).map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let token = new_token().map_err(|error| failed(&error))?;
        let allowed = name.to_owned();
        let pass = Pass::new(token.clone(), move |asked| asked == Asked::Profile(&allowed));
        let (sender, calls) = mpsc::channel(CALLS_MAX);
        let uri = format!("http://{address}/v1/credentials/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
        let router = Router::new(sender, clock.clone());
        Ok((Self { listener, router, guard: Arc::new(Guard::new(address, pass)), uri, token }, calls))
    }

    /// The address of the credentials.
    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// What is to be sent as `Authorization`.
    pub(super) fn token(&self) -> &Secret {
        &self.token
    }

    /// Answers for as long as it is waited for.
    pub(super) async fn serve(self) -> Infallible {
        loopback::serve(self.listener, self.router, self.guard, std::future::pending()).await;
        std::future::pending().await
    }
}
