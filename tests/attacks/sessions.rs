//! A home with many sessions, one for each thing to be tried: what takes a second for one takes it for all.

use std::{
    fs::{self, File},
    ops::Deref,
    process::{Child, Stdio},
    time::Duration,
};

use sso_refresh::{
    session::token::{Registration, Secret, Token},
    store::{Identity, Store},
};

use crate::{
    place::until,
    support::{Daemon, Home, REGION, Ran, after},
};

/// How many commands run at a time: each waits for a second, since a broken file may be just being written.
const AT_ONCE: usize = 128;

/// Sessions number 0 to so many, each signed in for two hours.
pub(crate) struct Sessions(Home);

impl Deref for Sessions {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.0
    }
}

impl Sessions {
    /// Signed in by `sso-refresh login`, which takes a copy.
    pub(crate) fn with_copies(count: usize) -> Self {
        let home = Self::new(count);
        for n in 0..count {
            home.sign_in(n);
        }
        home
    }

    /// The same for one.
    pub(crate) fn sign_in(&self, n: usize) {
        let identity = Identity { start_url: Some(start_url(n)), region: REGION.into() };
        store(self).try_lock(&name(n)).unwrap().unwrap().create(&token(n), &identity).unwrap();
    }

    /// Signed in by `aws sso login`.
    pub(crate) fn without_copies(count: usize) -> Self {
        let home = Self::new(count);
        for n in 0..count {
            home.write_token(&name(n), &token(n), &start_url(n));
        }
        home
    }

    fn new(count: usize) -> Self {
        let home = Home::new();
        home.write_aws_config(&(0..count).map(config).collect::<String>());
        store(&home).prepare().unwrap();
        Self(home)
    }

    /// A daemon that never waits for somebody to read its log, which is in the file `log`.
    pub(crate) fn quiet_daemon(&self) -> Daemon {
        let log = File::create(self.path("log")).unwrap();
        let mut command = self.command(["run"]);
        let daemon = Daemon(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        until("its start", || self.log().contains("has started").then_some(()));
        daemon
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Waits until the daemon has read the files of all.
    pub(crate) fn all_read(&self, count: usize) {
        // A command that asks would read them by itself where the daemon is slow, one after the other.
        let told = |line: &&str| line.contains("keeps the token fresh") || line.contains("can't be read");
        until("all files to be read", || (self.log().lines().filter(told).count() >= count).then_some(()));
    }
}

/// The files of `home`, as the program itself has them.
pub(crate) fn store(home: &Home) -> Store {
    Store::new(
        home.path(".aws/sso/cache"),
        home.path(".local/state/sso-refresh"),
        home.path("run/sso-refresh"),
    )
}

/// Session number `n`.
pub(crate) fn name(n: usize) -> String {
    format!("s{n}")
}

pub(crate) fn start_url(n: usize) -> String {
    format!("https://s-{n:03}.awsapps.com/start")
}

/// Its lines of the AWS config file.
pub(crate) fn config(n: usize) -> String {
    format!("[sso-session {}]\nsso_start_url = {}\nsso_region = {REGION}\n", name(n), start_url(n))
}

/// Its access token.
pub(crate) fn access(n: usize) -> String {
    format!("access-{n:03}")
}

/// Its token.
pub(crate) fn token(n: usize) -> Token {
    Token {
        access_token: Secret::new(access(n)),
        expires_at: after(Duration::from_secs(2 * 3600)),
        issued_at: None,
        refresh_token: Some(Secret::new(format!("refresh-{n:03}"))),
        registration: Some(Registration {
            client_id: "client".into(),
            client_secret: Secret::new(format!("secret-{n:03}")),
            expires_at: Some(after(Duration::from_secs(80 * 24 * 3600))),
        }),
    }
}

/// `token` for all sessions, many at a time.
pub(crate) fn ask(home: &Home, count: usize) -> Vec<Ran> {
    let start = |n: &usize| -> Child {
        let mut command = home.command(["token", &name(*n)]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let all: Vec<usize> = (0..count).collect();
    let run = |some: &[usize]| -> Vec<Ran> {
        let children: Vec<Child> = some.iter().map(start).collect();
        children.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect()
    };
    all.chunks(AT_ONCE).flat_map(run).collect()
}
