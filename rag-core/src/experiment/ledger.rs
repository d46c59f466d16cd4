//! What several processes have counted, each for itself.
//!
//! Every writer has an entry under a random number, which only grows. Two states are merged by taking the longer entry
//! of each writer, so that merging the same state twice, or in another order, changes nothing.

use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something that is counted.
pub(super) trait Counted: Clone + Default {
    /// How much was counted: it only grows.
    fn size(&self) -> u64;
    fn add(&mut self, other: &Self);
}

/// The entries of all writers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Entries<T>(pub BTreeMap<String, T>);

/// Entries, one of which is ours.
#[derive(Clone, Debug)]
pub(super) struct Ledger<T> {
    entries: Entries<T>,
    pid: u32,
    me: String,
    /// All entries but ours.
    others: T,
}

impl<T: Counted> Ledger<T> {
    pub fn new(entries: Entries<T>) -> Self {
        let mut ledger = Self {
            entries,
            pid: 0,
            me: String::new(),
            others: T::default(),
        };
        ledger.begin();
        ledger
    }

    /// A new entry: a forked child must not go on with its parent's.
    fn begin(&mut self) {
        self.pid = std::process::id();
        self.me = format!("{:016x}", Rng::seed_from_system());
        self.sum_up();
    }

    fn sum_up(&mut self) {
        self.others = T::default();
        let others = self
            .entries
            .0
            .iter()
            .filter(|(writer, _)| **writer != self.me);
        others.for_each(|(_, entry)| self.others.add(entry));
    }

    /// Our entry, to count in.
    pub fn mine(&mut self) -> &mut T {
        if self.pid != std::process::id() {
            self.begin();
        }
        self.entries.0.entry(self.me.clone()).or_default()
    }

    /// All together.
    pub fn total(&self) -> T {
        let mut all = self.others.clone();
        if let Some(mine) = self.entries.0.get(&self.me) {
            all.add(mine);
        }
        all
    }

    /// One figure of all together, without a copy of the rest.
    pub fn figure<F>(&self, of: impl Fn(&T) -> F, add: impl FnOnce(&mut F, F)) -> F {
        let mut all = of(&self.others);
        if let Some(mine) = self.entries.0.get(&self.me) {
            add(&mut all, of(mine));
        }
        all
    }

    pub fn entries(&self) -> &Entries<T> {
        &self.entries
    }

    pub fn merge(&mut self, other: &Entries<T>) {
        for (writer, entry) in &other.0 {
            let mine = self.entries.0.entry(writer.clone()).or_default();
            if entry.size() > mine.size() {
                mine.clone_from(entry);
            }
        }
        self.sum_up();
    }
}
