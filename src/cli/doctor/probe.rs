//! Asks the services of AWS whether they are there, all at once. Nothing that is secret is sent.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};

use crate::{
    cli::{context::Context, listing::Progress},
    config::{SessionSettings, Settings},
    doctor::network::{Facts, Fault, Probe, Service},
    exchange,
    http::{
        Client, Options,
        skew::{Skew, Witness},
    },
    oidc::{self, error::Flaw},
    portal,
};

/// How long an answer may take: a network on which it takes longer is no use to a program that waits for credentials.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks both services of each session.
pub(super) async fn probe<'a>(context: &Context, settings: &'a Settings) -> Facts<'a> {
    let heard: Arc<Mutex<Option<Skew>>> = Arc::default();
    let ca_bundle = settings.http.ca_bundle.as_deref();
    let mut facts = Facts { ca_bundle, unable: None, probes: Vec::new(), ahead_secs: None };
    let told = Arc::clone(&heard);
    let tell = move |skew| *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(skew);
    let options = Options {
        ca_bundle: settings.http.ca_bundle.clone(),
        proxy: settings.http.proxy.clone(),
        connect_timeout: LIMIT,
        timeout: LIMIT,
        witness: Some(Witness::new(context.clock.clone(), tell)),
        ..Options::default()
    };
    let client = match Client::new(&options) {
        Ok(client) => client,
        Err(error) => return Facts { unable: Some(error), ..facts },
    };
    let mut asked = BTreeSet::new();
    let mut questions = FuturesUnordered::new();
    for session in settings.sessions.values() {
        for service in [Service::Oidc, Service::Portal] {
            let url = url(service, session);
            if asked.insert((service == Service::Portal, url.clone())) {
                let region = session.region.clone();
                questions.push(ask(service, context, &client, url, region));
            }
        }
    }
    let (progress, all) = (Progress::new(false), questions.len());
    progress.tell(format_args!("asking AWS: 0 of {all} have answered"));
    while let Some(probe) = questions.next().await {
        facts.probes.push(probe);
        progress.tell(format_args!("asking AWS: {} of {all} have answered", facts.probes.len()));
    }
    facts.probes.sort_by(|one, other| {
        let key =
            |probe: &Probe| (probe.region.clone(), probe.service == Service::Portal, probe.host.clone());
        key(one).cmp(&key(other))
    });
    facts.ahead_secs = heard.lock().unwrap_or_else(PoisonError::into_inner).map(Skew::secs);
    facts
}

fn url(service: Service, session: &SessionSettings) -> String {
    match service {
        Service::Oidc => exchange::server(session),
        Service::Portal => exchange::portal_url(session),
    }
}

fn ask(
    service: Service,
    context: &Context,
    client: &Client,
    url: String,
    region: String,
) -> BoxFuture<'static, Probe> {
    let (client, clock) = (client.clone(), context.clock.clone());
    Box::pin(async move {
        let (host, proxy) = client.way_to(&url).unwrap_or_else(|| (url.clone(), None));
        let answer = match service {
            Service::Oidc => oidc::Client::new(client, &url, clock).reach().await.map_err(fault_of_oidc),
            Service::Portal => portal::Client::new(client, &url).reach().await.map_err(fault_of_portal),
        };
        Probe { service, region, host, proxy, answer }
    })
}

fn fault_of_oidc(error: oidc::Error) -> Fault {
    match error {
        oidc::Error::Transport(error) => Fault::Silent(error),
        oidc::Error::Service { status, .. } => Fault::Ailing { status },
        oidc::Error::Malformed { status, flaw, .. } => foreign(status, flaw == Flaw::Html),
    }
}

fn fault_of_portal(error: portal::Error) -> Fault {
    match error {
        portal::Error::Transport(error) => Fault::Silent(error),
        portal::Error::Service { status, .. } => Fault::Ailing { status },
        portal::Error::Malformed { status, .. } => foreign(status, false),
    }
}

/// What is no web page and says that it fails may come from AWS all the same: from what stands before its services.
fn foreign(status: u16, page: bool) -> Fault {
    if status >= 500 && !page { Fault::Ailing { status } } else { Fault::Foreign { status, page } }
}
