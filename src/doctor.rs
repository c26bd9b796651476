//! What may be wrong with somebody's sessions, and what to do about it: facts go in, findings come out. Nothing is looked
//! at here; `sso-refresh doctor` does that.
//!
//! Each topic is a module with its facts and its checks. They stand in the order in which they are to be mended: no
//! session is well without a configuration that can be read and a network.

pub mod aws_config;
pub mod config;
pub mod environment;
mod finding;
pub mod network;
pub mod rivals;
pub mod service;
pub mod sessions;
pub mod token_files;

pub use self::finding::{Finding, Remedy, Topic, Verdict};
use crate::config::environment::Environment;

/// Everything that was looked at.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The configuration.
    pub config: config::Facts<'a>,
    /// The AWS config file; none where it can't be read, which the configuration tells.
    pub aws_config: Option<aws_config::Facts<'a>>,
    /// The variables.
    pub environment: &'a Environment,
    /// The way to AWS; none where no session is known.
    pub network: Option<&'a network::Facts<'a>>,
    /// Other programs.
    pub rivals: rivals::Facts,
    /// The daemon and its service.
    pub service: service::Facts<'a>,
    /// The files of the tokens.
    pub token_files: token_files::Facts<'a>,
    /// The sessions.
    pub sessions: Vec<sessions::Facts<'a>>,
}

/// What there is to say about `facts`.
pub fn examine(facts: &Facts<'_>) -> Vec<Topic> {
    let mut topics = vec![config::examine(&facts.config)];
    topics.extend(facts.aws_config.as_ref().map(aws_config::examine));
    topics.push(environment::examine(facts.environment));
    topics.extend(facts.network.map(network::examine));
    topics.push(rivals::examine(&facts.rivals));
    topics.push(service::examine(&facts.service));
    topics.push(token_files::examine(&facts.token_files));
    topics.push(sessions::examine(&facts.sessions));
    topics
}
