//! [`Call`]: a request as the simulator remembers it, and [`Journal`], all of them.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::operation::Operation;
use crate::time::Timestamp;

/// A request that came, and what became of it. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// What was asked.
    pub operation: Operation,
    /// When it came, by the clock of the simulator.
    pub at: Timestamp,
    /// The status of the answer, which may still be on its way; `None` where the connection was closed instead.
    pub status: Option<u16>,
    /// The error's name, such as `InvalidGrantException`.
    pub error: Option<&'static str>,
    /// The `grantType` of `CreateToken`.
    pub grant_type: Option<&'static str>,
    /// The start URL of the session that the request was about, where it named one that is known.
    pub start_url: Option<String>,
}

/// The calls so far: how many of each kind, and the last [`Journal::LIMIT`] in full.
#[derive(Debug, Default)]
pub(super) struct Journal {
    calls: VecDeque<Call>,
    forgotten: usize,
    counts: BTreeMap<Operation, usize>,
}

impl Journal {
    /// A simulator may run for weeks; so many calls take a megabyte or two.
    const LIMIT: usize = 10_000;

    /// Notes a call that has come; the number is for [`Journal::end`].
    pub(super) fn begin(&mut self, operation: Operation, at: Timestamp) -> usize {
        if self.calls.len() == Self::LIMIT {
            self.calls.pop_front();
            self.forgotten += 1;
        }
        *self.counts.entry(operation).or_default() += 1;
        let call = Call { operation, at, status: None, error: None, grant_type: None, start_url: None };
        self.calls.push_back(call);
        self.forgotten + self.calls.len() - 1
    }

    /// Lets `note` say what became of call `number`.
    pub(super) fn end(&mut self, number: usize, note: impl FnOnce(&mut Call)) {
        let call = number.checked_sub(self.forgotten).and_then(|index| self.calls.get_mut(index));
        if let Some(call) = call {
            note(call);
        }
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.iter().cloned().collect()
    }

    pub(super) fn count(&self, operation: Operation) -> usize {
        self.counts.get(&operation).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest_but_not_how_many() {
        let mut journal = Journal::default();
        let mut last = 0;
        for second in 0..i64::try_from(Journal::LIMIT).unwrap() + 5 {
            last = journal.begin(Operation::CreateToken, Timestamp::from_secs(second));
        }
        journal.end(last, |call| call.status = Some(200));
        journal.end(0, |call| call.status = Some(500));
        let calls = journal.calls();
        assert_eq!(
            (calls.len(), journal.count(Operation::CreateToken)),
            (Journal::LIMIT, Journal::LIMIT + 5)
        );
        assert_eq!((calls[0].at, calls[0].status), (Timestamp::from_secs(5), None));
        assert_eq!(calls[Journal::LIMIT - 1].status, Some(200));
        assert_eq!(journal.count(Operation::Logout), 0);
    }
}
