//! [`Requests`]: those that were answered.

use super::{
    tally::Tally,
    words::{Class, Listener, Word},
};

/// What has no route counts as one of its own.
const OTHER: &str = "other";

/// By route, listener and what the answer's status says.
#[derive(Debug)]
pub(super) struct Requests {
    /// The last one is for what has no route.
    routes: Vec<Route>,
}

#[derive(Debug)]
struct Route {
    path: &'static str,
    listeners: [Tally<Class>; 2],
}

impl Requests {
    pub(super) fn new(paths: impl IntoIterator<Item = &'static str>) -> Self {
        let paths = paths.into_iter().chain([OTHER]);
        Self { routes: paths.map(|path| Route { path, listeners: Default::default() }).collect() }
    }

    pub(super) fn add(&self, listener: Listener, route: Option<usize>, status: u16) {
        let class = match status {
            0..400 => Class::Good,
            400..500 => Class::Client,
            _ => Class::Server,
        };
        let route = route.and_then(|route| self.routes.get(route)).or(self.routes.last());
        if let Some(route) = route {
            route.listeners[listener.place()].add(class);
        }
    }

    /// The route, the listener, what the status says, and how many.
    pub(super) fn each(&self) -> impl Iterator<Item = ([&'static str; 3], u64)> {
        self.routes.iter().flat_map(|route| {
            Listener::ALL.iter().flat_map(move |listener| {
                let counts = route.listeners[listener.place()].each();
                counts.map(move |(class, count)| ([route.path, listener.word(), class], count))
            })
        })
    }
}
