//! [`Recorder`]: has the history written without the loop waiting for a disk.
//!
//! A thread writes while there is something to write, and ends. What happens meanwhile waits for the next one, in its
//! order. Where a disk hangs for long, what is newest is left out of the history, and of nothing else.

use std::{collections::BTreeSet, path::Path, thread, time::Duration};

use tokio::sync::mpsc;

use super::effects::Done;
use crate::{
    events::{Event, history::History},
    time::Timestamp,
};

/// How many events may wait …
const WAITING_MAX: usize = 1000;
/// … and how many more for each session: all of them may have something to tell before the loop hears of a thread's end.
const OF_EACH: usize = 4;
/// How often what is too old is looked for, when something is written.
const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// The history and what is to be written to it.
#[derive(Debug)]
pub(super) struct Recorder {
    /// None while a thread has it.
    history: Option<History>,
    waiting: Vec<Event>,
    /// More than could wait has come.
    overflows: bool,
    /// Whose history is kept however old it is.
    sessions: BTreeSet<String>,
    swept_at: Option<Timestamp>,
    done: mpsc::UnboundedSender<Done>,
}

/// What a thread has written.
#[derive(Debug)]
pub(super) struct Written {
    history: History,
    /// Why something could not be written, if that is news.
    trouble: Option<String>,
}

impl Recorder {
    /// For the history in the folder `state`. Says to `done` when something was written.
    pub(super) fn new(state: &Path, done: mpsc::UnboundedSender<Done>) -> Self {
        Self {
            history: Some(History::new(state)),
            waiting: Vec::new(),
            overflows: false,
            sessions: BTreeSet::new(),
            swept_at: None,
            done,
        }
    }

    /// What is kept of others than these sessions goes when it is old.
    pub(super) fn set_sessions(&mut self, sessions: BTreeSet<String>) {
        (self.sessions, self.swept_at) = (sessions, None);
    }

    /// Has `event` written.
    ///
    /// # Errors
    /// Why it is not, the first time.
    pub(super) fn take(&mut self, event: &Event) -> Result<(), String> {
        let most = WAITING_MAX + OF_EACH * self.sessions.len();
        if self.waiting.len() >= most {
            let is_news = !std::mem::replace(&mut self.overflows, true);
            let line = format!("its disk does not answer, and {most} events wait for it already");
            return if is_news { Err(line) } else { Ok(()) };
        }
        self.waiting.push(event.clone());
        self.begin();
        Ok(())
    }

    /// A thread has ended: why something could not be written, if that is news.
    pub(super) fn ended(&mut self, written: Written) -> Option<String> {
        self.history = Some(written.history);
        self.overflows = false;
        self.begin();
        written.trouble
    }

    /// Whether all is written.
    pub(super) fn is_idle(&self) -> bool {
        self.history.is_some()
    }

    fn begin(&mut self) {
        let Some(now) = self.waiting.last().map(|event| event.at) else { return };
        let Some(history) = self.history.take() else { return };
        // A clock that was set back says nothing of when that was.
        let is_swept = self.swept_at.is_some_and(|at| at <= now && now < at.after(SWEEP));
        let kept = (!is_swept).then(|| self.sessions.clone());
        self.swept_at = self.swept_at.filter(|_| is_swept).or(Some(now));
        let (sender, receiver) = std::sync::mpsc::sync_channel::<Work>(1);
        let done = self.done.clone();
        let writer = thread::Builder::new().name("history".into()).spawn(move || {
            if let Ok(work) = receiver.recv() {
                // Nobody listens any more when the daemon ends.
                let _ = done.send(Done::Recorded(Box::new(work.finish())));
            }
        });
        let work = Work { history, events: std::mem::take(&mut self.waiting), kept, now };
        if writer.is_ok() {
            // It has not begun, so that it can't have ended.
            let _ = sender.send(work);
        } else {
            // The system has no thread left.
            let _ = self.done.send(Done::Recorded(Box::new(work.finish())));
        }
    }
}

/// What a thread is to do.
struct Work {
    history: History,
    events: Vec<Event>,
    /// Whose history stays that is old, where the others' goes.
    kept: Option<BTreeSet<String>>,
    now: Timestamp,
}

impl Work {
    fn finish(mut self) -> Written {
        if let Some(kept) = &self.kept {
            self.history.sweep(kept, self.now);
        }
        let mut trouble = None;
        for event in &self.events {
            let added = self.history.add(event);
            trouble = trouble.or(added.err());
        }
        Written { history: self.history, trouble }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::history::{KEPT, read};

    fn event(number: i64) -> Event {
        Event::new("refreshed", Timestamp::from_secs(number), "").of("work")
    }

    /// The next that is done, as the loop takes it.
    async fn turn(recorder: &mut Recorder, done: &mut mpsc::UnboundedReceiver<Done>) -> Option<String> {
        let Some(Done::Recorded(written)) = done.recv().await else { panic!("nothing was written") };
        recorder.ended(*written)
    }

    #[tokio::test]
    async fn what_comes_while_a_disk_hangs_waits_in_order_and_within_bounds() {
        let state = tempfile::tempdir().unwrap();
        let (sender, mut done) = mpsc::unbounded_channel();
        let mut recorder = Recorder::new(state.path(), sender);
        // As a thread has it that does not come back.
        let history = recorder.history.take().unwrap();
        let most = i64::try_from(WAITING_MAX).unwrap();
        for number in 0..most {
            assert_eq!(recorder.take(&event(number)), Ok(()));
        }
        assert!(recorder.take(&event(most)).unwrap_err().contains("does not answer"));
        assert_eq!(recorder.take(&event(most)), Ok(()), "told once");
        assert!(
            !recorder.is_idle() && done.is_empty() && read(state.path(), Some("work")).unwrap().is_empty()
        );
        // It answers again.
        assert_eq!(recorder.ended(Written { history, trouble: None }), None);
        recorder.take(&event(most + 1)).unwrap();
        while !recorder.is_idle() {
            assert_eq!(turn(&mut recorder, &mut done).await, None);
        }
        let kept = read(state.path(), Some("work")).unwrap();
        let numbers: Vec<i64> = kept.iter().map(|event| event.at.secs()).collect();
        let expected: Vec<i64> = (0..most).chain([most + 1]).collect();
        assert_eq!(numbers, expected);
        assert!(kept.len() > KEPT);
    }

    #[tokio::test]
    async fn thousands_that_all_have_something_to_tell_at_once_are_no_disk_that_hangs() {
        let state = tempfile::tempdir().unwrap();
        let (sender, mut done) = mpsc::unbounded_channel();
        let mut recorder = Recorder::new(state.path(), sender);
        recorder.set_sessions((0..3000).map(|number| number.to_string()).collect());
        // The loop hears of the thread's end after all of them.
        for number in 0..3000 {
            assert_eq!(recorder.take(&event(number).of(&number.to_string())), Ok(()), "{number}");
        }
        while !recorder.is_idle() {
            assert_eq!(turn(&mut recorder, &mut done).await, None);
        }
        for session in ["1", "2999"] {
            assert_eq!(read(state.path(), Some(session)).unwrap().len(), 1);
        }
    }

    #[tokio::test]
    async fn trouble_is_told_once_and_what_is_old_goes_once_a_day() {
        let state = tempfile::tempdir().unwrap();
        let (sender, mut done) = mpsc::unbounded_channel();
        let folder = state.path().join("history");
        let mut recorder = Recorder::new(state.path(), sender);
        std::fs::File::create(&folder).unwrap();
        for expected in [true, false] {
            recorder.take(&event(1)).unwrap();
            assert_eq!(turn(&mut recorder, &mut done).await.is_some(), expected);
        }
        std::fs::remove_file(&folder).unwrap();
        let (day, year) = (24 * 3600, 4_000_000_000);
        recorder.set_sessions(BTreeSet::from(["home".to_owned()]));
        for (session, at, left) in [
            ("work", 1, 1),
            ("home", 2, 1),
            ("home", year, 0),
            ("work", year, 1),
            ("home", year + 1, 1),
            ("home", year + day, 0),
        ] {
            recorder.take(&event(at).of(session)).unwrap();
            turn(&mut recorder, &mut done).await;
            assert_eq!(read(state.path(), Some("work")).unwrap().len(), left, "{at}");
        }
        assert_eq!(read(state.path(), Some("home")).unwrap().len(), 4);
    }
}
