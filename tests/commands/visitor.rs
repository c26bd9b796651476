//! [`Visitor`]: the user with their browser. `BROWSER` only writes down which tabs are opened; the test visits them.

#![expect(clippy::unwrap_used, reason = "what a test can't set up fails the test")]

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use reqwest::{Url, header::LOCATION, redirect::Policy};

use crate::support::{Daemon, Home};

/// How long anything that is waited for may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Visitor {
    tabs: PathBuf,
    variable: String,
}

/// What a browser shows.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) status: u16,
    pub(crate) title: String,
    pub(crate) html: String,
}

impl Visitor {
    /// One whose tabs are written down in `home`.
    pub(crate) fn new(home: &Home) -> Self {
        let tabs = home.path("tabs");
        home.write("browser", &format!("echo \"$1\" >>'{}'\n", tabs.display()));
        // Read by a shell and not run itself: a file that was just written may still be open elsewhere.
        let variable = format!("/bin/sh {}", home.path("browser").display());
        Self { tabs, variable }
    }

    /// A command line in whose surroundings this browser can be reached.
    pub(crate) fn command(&self, home: &Home, line: &str) -> Command {
        let mut command = home.command(line.split_whitespace());
        command.env("BROWSER", &self.variable).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The same, started.
    pub(crate) fn start(&self, home: &Home, line: &str) -> Daemon {
        Daemon(self.command(home, line).spawn().unwrap())
    }

    /// The addresses of all tabs so far.
    pub(crate) fn tabs(&self) -> Vec<String> {
        fs::read_to_string(&self.tabs).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The address of that tab, the first being 0, as soon as it is opened.
    pub(crate) fn tab(&self, number: usize) -> String {
        until("a tab", || self.tabs().get(number).cloned())
    }
}

/// What an address shows in the end.
pub(crate) fn visit(url: &str) -> Shown {
    fetch(|client| client.get(url))
}

/// What the page of an Identity Center shows after a decision, `approve` or `deny`.
pub(crate) fn decide(url: &str, decision: &str) -> Shown {
    let page = visit(url).html;
    let request = page.split("name=\"request\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("request={request}&decision={decision}");
    let mut target = Url::parse(url).unwrap();
    target.set_query(None);
    fetch(|client| client.post(target).body(form))
}

/// Where an address leads to, without going there.
pub(crate) fn way(url: &str) -> String {
    let mut location = String::new();
    block(async {
        let response = client(Policy::none()).get(url).send().await.unwrap();
        response.headers()[LOCATION].to_str().unwrap().clone_into(&mut location);
    });
    location
}

fn fetch(ask: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder) -> Shown {
    let mut shown = None;
    block(async {
        let response = ask(&client(Policy::default())).send().await.unwrap();
        let status = response.status().as_u16();
        let html = response.text().await.unwrap();
        let title = html.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).unwrap_or_default();
        shown = Some(Shown { status, title: title.to_owned(), html });
    });
    shown.unwrap()
}

fn client(policy: Policy) -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(policy).build().unwrap()
}

fn block(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

/// Waits until `ready` has something to show for it, and fails the test where it never has.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a test waits for moments, on a machine that is awake")]
pub(crate) fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
