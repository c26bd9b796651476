//! The layers of `src/`: which module may use which, and what some may not use at all.
//!
//! The sources are read as tokens, so comments and texts don't count; neither does what stands under
//! `#[cfg(test)]`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a source that can't be read fails the test")]

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Every module at the top of `src/` and the ones that it may use. Modules in a line of their own kind stand next
/// to each other and never use one another.
const LAYERS: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("kind", &[]),
    ("private", &["kind"]),
    ("session", &["time"]),
    ("events", &["private", "session", "time"]),
    ("http", &["platform", "session", "time"]),
    ("config", LOW),
    ("oidc", LOW),
    ("metrics", &["session", "time"]),
    ("platform", LOW),
    ("portal", LOW),
    ("store", LOW),
    ("api", &["events", "http", "kind", "metrics", "platform", "private", "session", "time"]),
    ("bearer", MIDDLE),
    ("exchange", MIDDLE),
    ("simulator", MIDDLE),
    ("service", &["config", "platform", "store"]),
    ("doctor", &["api", "config", "http", "import", "platform", "service", "session", "store", "time"]),
    ("import", &["config", "exchange", "http", "oidc", "platform", "session", "store", "time"]),
    (
        "login",
        &["config", "exchange", "http", "oidc", "platform", "portal", "private", "session", "store", "time"],
    ),
    (
        "daemon",
        &[
            "api", "bearer", "config", "events", "exchange", "http", "kind", "metrics", "oidc", "platform",
            "portal", "service", "session", "store", "time",
        ],
    ),
    ("cli", ANY),
    ("lib", ANY),
    ("main", ANY),
];
const LOW: &[&str] = &["http", "kind", "private", "session", "time"];
const MIDDLE: &[&str] =
    &["api", "config", "http", "kind", "oidc", "platform", "portal", "session", "store", "time"];
const ANY: &[&str] = &[
    "api",
    "bearer",
    "cli",
    "config",
    "daemon",
    "doctor",
    "events",
    "exchange",
    "http",
    "import",
    "kind",
    "login",
    "metrics",
    "oidc",
    "platform",
    "portal",
    "private",
    "service",
    "session",
    "simulator",
    "store",
    "time",
];

#[test]
fn every_module_keeps_to_its_layer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources: Vec<Source> = files(&root).iter().map(|path| Source::read(&root, path)).collect();
    assert!(sources.iter().any(|source| source.module == ["time"]), "found no src/time.rs");
    let broken = check(&sources);
    let lines: Vec<String> = broken.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

#[test]
fn planted_violations_are_found() {
    for (name, text, expected) in [
        // Who uses whom.
        (
            "store/file.rs",
            "use crate::{time::Clock,\n oidc::{Client, Error}};",
            "src/store/file.rs:2: store uses oidc",
        ),
        ("session.rs", "fn f() {\n let _ = crate::store::load;\n}", "src/session.rs:2: session uses store"),
        ("api.rs", "use super::config::Settings;", "src/api.rs:1: api uses config"),
        ("api/unix.rs", "use super::super::{portal};", "src/api/unix.rs:1: api uses portal"),
        ("daemon.rs", "pub(crate) use crate::simulator;", "src/daemon.rs:1: daemon uses simulator"),
        ("oidc.rs", "type T = sso_refresh::daemon::T;", "src/oidc.rs:1: oidc uses daemon"),
        ("exchange.rs", "use crate::daemon;", "src/exchange.rs:1: exchange uses daemon"),
        ("login/pkce.rs", "use crate::api;", "src/login/pkce.rs:1: login uses api"),
        ("time.rs", "impl crate::session::T {}", "src/time.rs:1: time uses session"),
        ("new.rs", "", "src/new.rs:1: new has no line in the table of tests/layers.rs"),
        // What some may not use at all.
        (
            "store.rs",
            "use std::{fs, time::SystemTime};",
            "src/store.rs:1: only src/time.rs may use SystemTime",
        ),
        (
            "api.rs",
            "#[cfg(target_os = \"linux\")]\nmod linux;",
            "src/api.rs:2: only platform has modules for one system",
        ),
        (
            "api.rs",
            "#[cfg(not(target_os = \"linux\"))]\npub(super) mod x {}",
            "src/api.rs:2: only platform has modules for one system",
        ),
        ("session/token.rs", "use tokio::time;", "src/session/token.rs:1: session may not use tokio"),
        ("session.rs", "fn f() { std::fs::read(\"\"); }", "src/session.rs:1: session may not use std::fs"),
        ("session.rs", "use std::{\nfmt,\nnet::IpAddr};", "src/session.rs:3: session may not use std::net"),
        ("session.rs", "fn f() { fastrand::u8(..); }", "src/session.rs:1: session may not use fastrand"),
        (
            "store.rs",
            "fn f() { tracing::warn!(\"\"); }",
            "src/store.rs:1: warns without a kind: `told!` of src/kind.rs",
        ),
        (
            "api.rs",
            "use tracing::{debug,\n error};",
            "src/api.rs:2: warns without a kind: `told!` of src/kind.rs",
        ),
        // What is no violation.
        ("cli/run.rs", "use tracing::warn;", ""),
        ("daemon.rs", "fn f() { told!(warn, Kind::Repaired); tracing::info!(\"\"); }", ""),
        ("session.rs", "// crate::store\n/// [`crate::store`]\nconst X: &str = \"crate::store\";", ""),
        ("session.rs", "use crate::time::Clock; use super::time; use self::token::store;", ""),
        ("session.rs", "#[cfg(test)]\nmod tests { use crate::store; use super::*; use std::fs; }", ""),
        ("session.rs", "#[cfg(test)]\n#[path = \"x.rs\"]\npub mod tests;\n", ""),
        ("session/token.rs", "use super::{Session, store::X};", ""),
        ("time.rs", "use std::time::SystemTime;", ""),
        ("platform.rs", "#[cfg(target_os = \"linux\")] mod linux;", ""),
        ("store.rs", "#[cfg(target_os = \"linux\")] fn f() {}", ""),
        ("cli/run.rs", "use crate::{daemon, simulator, time};", ""),
        ("main.rs", "fn main() { sso_refresh::cli::main() }", ""),
    ] {
        let broken = check(&[Source::parse(name, text)]);
        let lines: Vec<String> = broken.iter().map(ToString::to_string).collect();
        assert_eq!(lines.join("\n"), expected, "{name}: {text}");
    }
}

#[test]
fn files_that_are_modules_of_a_test_do_not_count() {
    let parent = Source::parse("session.rs", "#[cfg(test)] mod tests; mod token;");
    let tests = Source::parse("session/tests.rs", "use tokio::time; use crate::store;");
    let token = Source::parse("session/token.rs", "use crate::store;");
    let broken: Vec<String> = check(&[parent, tests, token]).iter().map(ToString::to_string).collect();
    assert_eq!(broken, ["src/session/token.rs:1: session uses store"]);
}

/// A source file.
struct Source {
    /// Below `src/`.
    path: PathBuf,
    /// `["api", "unix"]` for `api/unix.rs`.
    module: Vec<String>,
    tokens: TokenStream,
}

impl Source {
    fn read(root: &Path, path: &Path) -> Self {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        Self::parse(name, &fs::read_to_string(path).unwrap())
    }

    fn parse(name: &str, text: &str) -> Self {
        let module =
            name.trim_end_matches(".rs").trim_end_matches("/mod").split('/').map(Into::into).collect();
        let tokens = text.parse().unwrap_or_else(|error| panic!("src/{name}: {error}"));
        Self { path: name.into(), module, tokens }
    }
}

/// A line that breaks a rule.
struct Broken {
    path: PathBuf,
    line: usize,
    rule: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}:{}: {}", self.path.display(), self.line, self.rule)
    }
}

fn check(sources: &[Source]) -> Vec<Broken> {
    let scans: Vec<(&Source, Scan)> = sources.iter().map(|source| (source, Scan::of(source))).collect();
    let test_only: BTreeSet<&[String]> =
        scans.iter().flat_map(|(_, scan)| &scan.test_modules).map(Vec::as_slice).collect();
    let counts = |source: &Source| {
        !(1..=source.module.len()).any(|length| test_only.contains(&source.module[..length]))
    };
    scans.iter().filter(|(source, _)| counts(source)).flat_map(|(source, scan)| scan.broken(source)).collect()
}

/// What one file mentions outside its tests.
#[derive(Default)]
struct Scan {
    /// Paths with their line: the first two names after `crate`, `super` and the like are resolved.
    paths: Vec<(Vec<String>, usize)>,
    /// Every name with its line.
    names: Vec<(String, usize)>,
    /// The lines of modules for one system.
    system_modules: Vec<usize>,
    /// Modules in files of their own that are compiled for tests only.
    test_modules: Vec<Vec<String>>,
}

impl Scan {
    fn of(source: &Source) -> Self {
        let mut scan = Self::default();
        scan.walk(&source.module, source.tokens.clone());
        scan
    }

    fn broken(&self, source: &Source) -> Vec<Broken> {
        let broken = |line, rule| Broken { path: source.path.clone(), line, rule };
        let module = source.module[0].as_str();
        let Some((_, may_use)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            return vec![broken(1, format!("{module} has no line in the table of tests/layers.rs"))];
        };
        let mut found = Vec::new();
        for (path, line) in &self.paths {
            let [root, used, ..] = path.as_slice() else { continue };
            let known = LAYERS.iter().any(|(name, _)| name == used);
            if root == "crate" && known && used != module && !may_use.contains(&used.as_str()) {
                found.push(broken(*line, format!("{module} uses {used}")));
            }
            // What commands warn of is for whoever types them.
            let is_command = ["cli", "import", "login"].contains(&module);
            if root == "tracing" && ["warn", "error"].contains(&used.as_str()) && !is_command {
                found.push(broken(*line, "warns without a kind: `told!` of src/kind.rs".into()));
            }
            if module == "session" && root == "std" && ["fs", "net"].contains(&used.as_str()) {
                found.push(broken(*line, format!("session may not use std::{used}")));
            }
        }
        for (name, line) in &self.names {
            if name == "SystemTime" && source.module != ["time"] {
                found.push(broken(*line, "only src/time.rs may use SystemTime".into()));
            }
            if module == "session" && ["tokio", "fastrand"].contains(&name.as_str()) {
                found.push(broken(*line, format!("session may not use {name}")));
            }
        }
        if module != "platform" {
            let rule = "only platform has modules for one system";
            found.extend(self.system_modules.iter().map(|line| broken(*line, rule.into())));
        }
        found.sort_by_key(|broken| broken.line);
        found
    }

    fn walk(&mut self, module: &[String], tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let attributes = attributes(&tokens[at..]);
            if !attributes.is_empty() {
                at = self.item(module, &tokens, at, &attributes);
                continue;
            }
            match &tokens[at] {
                TokenTree::Group(group) => self.walk(module, group.stream()),
                TokenTree::Ident(name) => {
                    self.names.push((name.to_string(), line(&tokens[at])));
                    if !follows_path(&tokens[..at]) {
                        self.path(module, Vec::new(), &tokens[at..]);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Takes the attributes at `at` in, and the whole item after them if it is for tests only. Returns where to go
    /// on.
    fn item(&mut self, module: &[String], tokens: &[TokenTree], at: usize, attributes: &[Group]) -> usize {
        let start = at + 2 * attributes.len();
        let rest = &tokens[start..];
        let named = named_module(rest);
        if attributes.iter().any(|attribute| attribute.stream().to_string().replace(' ', "") == "cfg(test)") {
            let end = rest.iter().position(ends_item).map_or(rest.len(), |end| end + 1);
            if let Some((name, _)) = named {
                self.test_modules.push(child(module, &name));
            }
            return start + end;
        }
        if let Some((_, line)) = named
            && attributes.iter().any(|attribute| attribute.stream().to_string().contains("target_os"))
        {
            self.system_modules.push(line);
        }
        start
    }

    /// Records the paths that start here: several where a brace opens.
    fn path(&mut self, module: &[String], mut path: Vec<String>, tokens: &[TokenTree]) {
        let mut at = 0;
        loop {
            match tokens.get(at) {
                Some(TokenTree::Ident(name)) => {
                    path.push(name.to_string());
                    if let Some(resolved) = resolve(module, &path) {
                        self.paths.push((resolved, line(&tokens[at])));
                    }
                }
                Some(TokenTree::Group(group)) if at > 0 && group.delimiter() == Delimiter::Brace => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    for branch in inner.split(|token| is_punct(token, ',')) {
                        self.path(module, path.clone(), branch);
                    }
                    return;
                }
                _ => return,
            }
            if !(tokens.get(at + 1).is_some_and(|token| is_punct(token, ':'))
                && tokens.get(at + 2).is_some_and(|token| is_punct(token, ':')))
            {
                return;
            }
            at += 3;
        }
    }
}

/// The path from the root of its crate, once it is exactly two names long.
fn resolve(module: &[String], path: &[String]) -> Option<Vec<String>> {
    let ups = path.iter().take_while(|name| *name == "super").count();
    let resolved: Vec<String> = match path[0].as_str() {
        "super" => {
            let above = &module[..module.len().checked_sub(ups)?];
            ["crate".to_owned()].iter().chain(above).chain(&path[ups..]).cloned().collect()
        }
        "sso_refresh" => ["crate".to_owned()].iter().chain(&path[1..]).cloned().collect(),
        _ => path.to_vec(),
    };
    (resolved.len() == 2).then_some(resolved)
}

/// The attributes that a token list starts with.
fn attributes(tokens: &[TokenTree]) -> Vec<Group> {
    let mut found = Vec::new();
    for pair in tokens.chunks_exact(2) {
        match pair {
            [sign, TokenTree::Group(group)]
                if is_punct(sign, '#') && group.delimiter() == Delimiter::Bracket =>
            {
                found.push(group.clone());
            }
            _ => break,
        }
    }
    found
}

/// The name of the module that an item declares, with its line.
fn named_module(item: &[TokenTree]) -> Option<(String, usize)> {
    let mut words = item.iter().filter(|token| !matches!(token, TokenTree::Group(_)));
    let mut word = words.next()?;
    if word.to_string() == "pub" {
        word = words.next()?;
    }
    (word.to_string() == "mod").then(|| Some((words.next()?.to_string(), line(word))))?
}

fn ends_item(token: &TokenTree) -> bool {
    is_punct(token, ';') || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// Whether a path goes on after `before`, so that what follows is not its first name.
fn follows_path(before: &[TokenTree]) -> bool {
    matches!(before, [.., one, two] if is_punct(one, ':') && is_punct(two, ':'))
}

fn child(module: &[String], name: &str) -> Vec<String> {
    let own = if module == ["lib"] || module == ["main"] { &[] } else { module };
    own.iter().cloned().chain([name.to_owned()]).collect()
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
