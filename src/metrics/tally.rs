//! [`Tally`]: how often each of a few things happened.

use std::{
    marker::PhantomData,
    sync::atomic::{AtomicU64, Ordering},
};

use super::words::Word;

/// How often something happened.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A count for each word.
#[derive(Debug)]
pub(super) struct Tally<W> {
    counts: Box<[Count]>,
    words: PhantomData<W>,
}

impl<W: Word> Default for Tally<W> {
    fn default() -> Self {
        Self { counts: W::ALL.iter().map(|_| Count::default()).collect(), words: PhantomData }
    }
}

impl<W: Word> Tally<W> {
    pub(super) fn add(&self, word: W) {
        self.counts[word.place()].add();
    }

    pub(super) fn get(&self, word: W) -> u64 {
        self.counts[word.place()].get()
    }

    /// Each word, with how often it came.
    pub(super) fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
        W::ALL.iter().map(|word| (word.word(), self.get(*word)))
    }
}
