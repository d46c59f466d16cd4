//! What a search needs to write on: made once, used by one search after another.

use super::cursor::Cursor;
use super::documents::Id;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Mutex, TryLockError};

/// The most slots that are scored at a time.
pub(super) const WINDOW: usize = 1 << 15;
/// Scratches kept for later.
const KEPT: usize = 64;

/// A term of a query that some document has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct QueryTerm {
    pub(super) number: u32,
    pub(super) count: u64,
    pub(super) weight: f32,
}

/// A candidate; the greatest is the worst: lowest score, then highest id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate<I> {
    /// Bits of a score above 0, which have the order of the scores.
    pub(super) score: Reverse<u32>,
    pub(super) id: I,
}

impl<I> Candidate<I> {
    pub(super) fn score(&self) -> f32 {
        f32::from_bits(self.score.0)
    }
}

#[derive(Debug)]
pub(super) struct Scratch<I> {
    /// One word in normal form.
    pub(super) word: String,
    /// In the order of the query.
    pub(super) terms: Vec<QueryTerm>,
    /// Places in `terms`, once there are many.
    pub(super) places: HashMap<u32, u32>,
    pub(super) cursors: Vec<Cursor>,
    /// Numbers of cursors by what they can add, ascending.
    pub(super) order: Vec<(u32, f64)>,
    /// Those that are set aside in the window, with the sums up to each.
    pub(super) aside: Vec<(u32, f64)>,
    /// The scores of the slots in the window, 0 between windows.
    pub(super) sums: Vec<f64>,
    /// Which of them were written.
    pub(super) seen: Vec<u64>,
    /// Slots with what is known of their scores.
    pub(super) candidates: Vec<(u32, f64)>,
    pub(super) best: BinaryHeap<Candidate<I>>,
    /// The scores of all slots, where windows do not pay.
    pub(super) all: Vec<f64>,
    /// Slots that a filter lets through, one bit each.
    pub(super) allowed: Vec<u64>,
    /// Numbers of the query's terms, ascending, with their places in `terms`.
    pub(super) numbers: Vec<(u32, u32)>,
    /// What a document's terms add, by their places in the query.
    pub(super) found: Vec<(u32, f32)>,
    /// Scores of the best, in no order.
    pub(super) scores: Vec<f32>,
    /// Slots asked for, with their place in the answer.
    pub(super) asked: Vec<(u32, u32)>,
}

impl<I: Id> Default for Scratch<I> {
    fn default() -> Self {
        Self {
            word: String::new(),
            terms: Vec::new(),
            places: HashMap::new(),
            cursors: Vec::new(),
            order: Vec::new(),
            aside: Vec::new(),
            sums: vec![0.0; WINDOW],
            seen: vec![0; WINDOW / 64],
            candidates: Vec::new(),
            best: BinaryHeap::new(),
            all: Vec::new(),
            allowed: Vec::new(),
            numbers: Vec::new(),
            found: Vec::new(),
            scores: Vec::new(),
            asked: Vec::new(),
        }
    }
}

/// Scratches that nobody uses at the moment. Nobody ever waits: who finds it locked, for example
/// by a thread that a fork has left behind, makes a scratch and drops it afterwards.
#[derive(Debug)]
pub(super) struct Pool<I>(Mutex<Vec<Scratch<I>>>);

impl<I> Default for Pool<I> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<I: Id> Pool<I> {
    pub(super) fn with<R>(&self, body: impl FnOnce(&mut Scratch<I>) -> R) -> R {
        let mut scratch = self.locked(Vec::pop).flatten().unwrap_or_default();
        let result = body(&mut scratch);
        self.locked(|free| {
            if free.len() < KEPT {
                free.push(scratch);
            }
        });
        result
    }

    #[cfg(test)]
    pub(super) fn lock_for_tests(&self) -> std::sync::MutexGuard<'_, Vec<Scratch<I>>> {
        self.0.lock().expect("nobody panicked")
    }

    fn locked<R>(&self, body: impl FnOnce(&mut Vec<Scratch<I>>) -> R) -> Option<R> {
        match self.0.try_lock() {
            Ok(mut free) => Some(body(&mut free)),
            Err(TryLockError::Poisoned(free)) => Some(body(&mut free.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
