//! Ratings as they are kept: bounded histories from which everything about users is computed.
//!
//! What is known of a user is a function of the set of ratings and nothing else. So merging is
//! the union of sets, in any order and any number of times, and forgetting is exact.

use super::user::Shift;
use crate::rng::splitmix64;
use std::cmp::Ordering;
use std::sync::OnceLock;

/// The most ratings kept for one user (and for all ratings without a user); the oldest go first.
pub const MAX_EVENTS_PER_USER: usize = 500;

/// The most ratings kept in all; the oldest go first.
pub const MAX_EVENTS: usize = 20_000;

/// One rating of one item.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    /// Unix seconds.
    pub(super) at: f64,
    /// In 0..=1.
    pub(super) rating: f64,
    /// Who counted `sequence`: a number drawn for each object that takes ratings.
    pub(super) worker: u64,
    pub(super) sequence: u64,
    /// The dials that were on, by name.
    pub(super) dials: Vec<(String, f64)>,
    /// The unit item without its part along the steered query: what the query does not explain.
    pub(super) residual: Vec<f32>,
    /// Whether the last filter let it pass.
    pub(super) kept: bool,
    hash: u64,
}

impl Event {
    pub(super) fn new(
        (worker, sequence): (u64, u64),
        at: f64,
        rating: f64,
        dials: Vec<(String, f64)>,
        residual: Vec<f32>,
    ) -> Self {
        let mut hash = rating.to_bits();
        for (name, strength) in &dials {
            name.bytes().for_each(|b| stir(&mut hash, u64::from(b)));
            stir(&mut hash, strength.to_bits());
        }
        for v in &residual {
            stir(&mut hash, u64::from(v.to_bits()));
        }
        Self {
            at,
            rating,
            worker,
            sequence,
            dials,
            residual,
            kept: true,
            hash,
        }
    }

    /// By time, then by content, so that the workers' numbers decide only between equals.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let numbers = |e: &Self| (e.hash, e.worker, e.sequence);
        self.at
            .total_cmp(&other.at)
            .then(numbers(self).cmp(&numbers(other)))
    }
}

fn stir(hash: &mut u64, value: u64) {
    *hash ^= value;
    *hash = splitmix64(hash);
}

/// The ratings of one user in their order, and the shift computed from them when asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    events: Vec<Event>,
    pub(super) shift: OnceLock<Option<Shift>>,
}

impl History {
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// Adds a rating, once.
    pub(super) fn insert(&mut self, event: Event) {
        self.shift = OnceLock::new();
        match self.events.binary_search_by(|e| e.order(&event)) {
            // A filter that dropped it anywhere has dropped it.
            Ok(at) => self.events[at].kept &= event.kept,
            Err(at) => self.events.insert(at, event),
        }
        if self.events.len() > MAX_EVENTS_PER_USER {
            self.events.remove(0);
        }
    }

    pub(super) fn drop_oldest(&mut self) {
        self.shift = OnceLock::new();
        self.events.remove(0);
    }

    pub(super) fn mark(&mut self, kept: &[bool]) {
        self.shift = OnceLock::new();
        for (event, &kept) in self.events.iter_mut().zip(kept) {
            event.kept = kept;
        }
    }
}
