//! [`Hooks`]: which programs of the user are to run, and when; [`run`] runs one.
//!
//! One runs at a time, in a task of its own, and the loop waits for none: what happens meanwhile waits in a queue, whose
//! oldest gives way when it is full.

mod output;
mod run;

use std::{collections::VecDeque, sync::Arc};

use tokio::{sync::mpsc, task::JoinSet};

pub(super) use self::run::NOT_FOR_HOOKS;
use super::effects::Done;
use crate::{
    config::HookSettings,
    events::Event,
    kind::{Kind, told},
    metrics::{HookEnd, Metrics},
    platform::Inherited,
};

/// How many may wait.
const WAITING_MAX: usize = 64;

/// The hooks that wait and the one that runs.
#[derive(Debug)]
pub(super) struct Hooks {
    settings: HookSettings,
    waiting: VecDeque<Job>,
    /// The one that runs. Dropped, it is killed.
    tasks: JoinSet<()>,
    done: mpsc::UnboundedSender<Done>,
    inherited: Inherited,
    metrics: Arc<Metrics>,
    closed: bool,
    /// How many gave way since the last one began.
    given_up: usize,
}

/// A hook that is to run for an event.
#[derive(Clone, Debug)]
struct Job {
    /// As in `[hooks]`.
    name: &'static str,
    /// A program and its arguments.
    command: Vec<String>,
    event: Event,
}

impl Hooks {
    /// None yet. Says to `done` when one has ended, and counts how in `metrics`; programs start with what is `inherited`.
    pub(super) fn new(
        done: mpsc::UnboundedSender<Done>,
        inherited: Inherited,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (settings, waiting, tasks) = (HookSettings::default(), VecDeque::new(), JoinSet::new());
        Self { settings, waiting, tasks, done, inherited, metrics, closed: false, given_up: 0 }
    }

    /// These are the hooks from now on. What waits stays as it is.
    pub(super) fn set(&mut self, settings: &HookSettings) {
        self.settings.clone_from(settings);
    }

    /// Runs the hook for `event`, if there is one, as soon as those before it have ended.
    pub(super) fn take(&mut self, event: &Event) {
        let Some((name, command)) = self.hook(&event.event).filter(|_| !self.closed) else { return };
        let job = Job { name, command: command.clone(), event: event.clone() };
        if self.waiting.len() >= WAITING_MAX
            && let Some(Job { name, event, .. }) = self.waiting.pop_front()
        {
            self.metrics.hook_ended(HookEnd::NotRun);
            self.given_up += 1;
            // Thousands at once are no more than that: how many is told when the next one begins.
            if self.given_up == 1 {
                let session = event.session.unwrap_or_default();
                told!(
                    warn,
                    Kind::HookFailed,
                    sso_session = session,
                    "{session}: the hook `{name}` for {} is not run: {WAITING_MAX} others wait already",
                    event.at
                );
            }
        }
        self.waiting.push_back(job);
        self.begin();
    }

    /// The one that ran has ended.
    pub(super) fn ended(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.begin();
    }

    /// Runs none any more, and kills the one that runs.
    pub(super) fn close(&mut self) {
        self.closed = true;
        if !self.tasks.is_empty() || !self.waiting.is_empty() {
            tracing::info!("the hooks that run or wait are given up");
        }
        self.waiting.clear();
        self.tasks.abort_all();
    }

    fn hook(&self, event: &str) -> Option<(&'static str, &Vec<String>)> {
        let hooks = [
            (Kind::Refreshed, "refreshed", &self.settings.refreshed),
            (Kind::SignInNeeded, "login_required", &self.settings.login_required),
            (Kind::RefreshFailing, "failed", &self.settings.failed),
        ];
        let (_, name, command) = hooks.into_iter().find(|(kind, ..)| kind.name() == event)?;
        Some((name, command.as_ref()?))
    }

    fn begin(&mut self) {
        if !self.tasks.is_empty() {
            return;
        }
        let Some(job) = self.waiting.pop_front() else { return };
        let given_up = std::mem::take(&mut self.given_up);
        if given_up > 1 {
            told!(warn, Kind::HookFailed, "{given_up} hooks were not run: too many waited");
        }
        let (inherited, ended) = (self.inherited, Ended(self.done.clone()));
        let metrics = Arc::clone(&self.metrics);
        self.tasks.spawn(async move {
            let _ended = ended;
            let well = run::run(job, inherited).await;
            metrics.hook_ended(if well { HookEnd::Good } else { HookEnd::Failed });
        });
    }
}

/// Says that a hook has ended, however it did.
struct Ended(mpsc::UnboundedSender<Done>);

impl Drop for Ended {
    fn drop(&mut self) {
        // Nobody listens any more when the daemon ends.
        let _ = self.0.send(Done::HookEnded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn event(kind: Kind, number: usize) -> Event {
        Event::new(kind.name(), Timestamp::from_secs(0), number.to_string()).of("work")
    }

    fn hooks() -> (Hooks, mpsc::UnboundedReceiver<Done>) {
        let (done, ended) = mpsc::unbounded_channel();
        let mut hooks = Hooks::new(done, Inherited::find(), Arc::new(Metrics::new([])));
        let command = |text: &str| Some(vec![text.to_owned()]);
        hooks.set(&HookSettings {
            refreshed: command("/bin/true"),
            login_required: None,
            failed: command("/nowhere"),
        });
        (hooks, ended)
    }

    #[tokio::test]
    async fn one_runs_at_a_time_and_the_oldest_that_waits_gives_way() {
        let (mut hooks, mut ended) = hooks();
        hooks.take(&event(Kind::SignInNeeded, 0));
        hooks.take(&event(Kind::Recovered, 0));
        assert!(hooks.tasks.is_empty(), "there is none for that");
        for number in 0..WAITING_MAX + 3 {
            hooks.take(&event(Kind::Refreshed, number));
        }
        assert_eq!((hooks.tasks.len(), hooks.waiting.len()), (1, WAITING_MAX));
        assert_eq!(hooks.waiting[0].event.message, "3", "0 runs, 1 and 2 gave way");
        assert_eq!(hooks.given_up, 2);
        assert!(matches!(ended.recv().await, Some(Done::HookEnded)));
        // The task may not be quite over, as after a panic.
        for _ in 0..100 {
            tokio::task::yield_now().await;
            if hooks.waiting.len() == WAITING_MAX {
                hooks.ended();
            }
        }
        assert_eq!((hooks.tasks.len(), hooks.waiting.len(), hooks.given_up), (1, WAITING_MAX - 1, 0));
        for number in 0..1000 {
            hooks.take(&event(Kind::Refreshed, number));
        }
        assert_eq!((hooks.tasks.len(), hooks.waiting.len(), hooks.given_up), (1, WAITING_MAX, 999));
        hooks.close();
        hooks.take(&event(Kind::RefreshFailing, 0));
        assert!(hooks.waiting.is_empty());
    }

    #[tokio::test]
    async fn one_that_is_not_there_ends_too() {
        let (mut hooks, mut ended) = hooks();
        hooks.take(&event(Kind::RefreshFailing, 0));
        assert!(matches!(ended.recv().await, Some(Done::HookEnded)));
    }
}
