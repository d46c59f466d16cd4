//! Ratings as they come, and the bounded history of them that dials are learnt again from.
//!
//! What moves a user's queries is kept in sums (`user`); the history is for what sums cannot tell:
//! which ratings were outliers, which dials were on, how a user got where they are.

use super::compact::Compact;
use super::user::Rated;
use crate::rng::splitmix64;
use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// The most ratings of one user (and of all ratings without a user) in the history; the oldest go
/// first. They still move the user.
pub const MAX_EVENTS_PER_USER: usize = 500;

/// The most ratings in the history; the oldest go first.
pub const MAX_EVENTS: usize = 20_000;

/// One rating of one item, as it is given.
///
/// ```
/// use rag_core::steering::{Feedback, Steering};
/// let mut steering = Steering::new();
/// let (query, item) = ([1.0, 0.0], [0.8, 0.6]);
/// // A click on what stood fifth.
/// steering.rate(&Feedback { position: Some(5), ..Feedback::new(&query, &item, 1.0) }.by("ann"))?;
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    /// The query's vector as it was before steering.
    pub query: &'a [f32],
    /// The vector of what was rated.
    pub item: &'a [f32],
    /// In 0..=1; a like or a click is 1, a dislike or what was passed over 0. For a time of reading
    /// see [`rating_of_dwell`].
    pub rating: f64,
    /// Who rated; without a user it only serves [`retrain`](super::Steering::retrain).
    pub user: Option<&'a str>,
    /// The dials that were on, with their strengths.
    pub dials: &'a [(&'a str, f64)],
    /// When, in unix seconds; `None` is now.
    pub at: Option<f64>,
    /// Where it stood among the hits, from 1, if it was seen in a list: few look far down, so a like
    /// counts for `min(position, 10)`. `None` where that does not matter, as for explicit ratings.
    pub position: Option<usize>,
}

impl<'a> Feedback<'a> {
    /// A rating without a user, now, with no dial on.
    pub fn new(query: &'a [f32], item: &'a [f32], rating: f64) -> Self {
        Self {
            query,
            item,
            rating,
            user: None,
            dials: &[],
            at: None,
            position: None,
        }
    }

    /// The same given by `user`.
    #[must_use]
    pub fn by(mut self, user: &'a str) -> Self {
        self.user = Some(user);
        self
    }

    /// The position as it is kept; 0 for none.
    pub(super) fn place(&self) -> u32 {
        self.position
            .map_or(0, |p| u32::try_from(p).unwrap_or(u32::MAX))
    }
}

/// The rating that a time of reading amounts to: `1 - 2^(-seconds / 30)`, one half after thirty
/// seconds, the dwell that satisfied clicks are told by (Fox et al., 2005). Negative times and what
/// is not a number give 0.
///
/// ```
/// assert_eq!(rag_core::steering::rating_of_dwell(30.0), 0.5);
/// assert_eq!(rag_core::steering::rating_of_dwell(f64::NAN), 0.0);
/// ```
pub fn rating_of_dwell(seconds: f64) -> f64 {
    match seconds > 0.0 {
        true => 1.0 - (-seconds / 30.0).exp2(),
        false => 0.0,
    }
}

/// One rating as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) user: Option<Arc<str>>,
    /// Unix seconds.
    pub(super) at: f64,
    /// In 0..=1.
    pub(super) rating: f64,
    /// From 1; 0 if unknown.
    pub(super) position: u32,
    /// Who counted `sequence`: a number drawn for each object that takes ratings.
    pub(super) worker: u64,
    pub(super) sequence: u64,
    /// The dials that were on, by name.
    pub(super) dials: Vec<(String, f64)>,
    /// The unit item without its part along the steered query: what the query does not explain.
    pub(super) residual: Compact,
    /// What the user's sums took in; `None` without a user.
    pub(super) rated: Option<Rated>,
    /// Whether the last filter let it pass.
    pub(super) kept: bool,
    hash: u64,
}

/// All of an event that is told from outside.
pub(super) struct Told {
    pub(super) user: Option<Arc<str>>,
    pub(super) at: f64,
    pub(super) rating: f64,
    pub(super) position: u32,
    pub(super) id: (u64, u64),
    pub(super) dials: Vec<(String, f64)>,
    pub(super) residual: Compact,
}

impl Event {
    pub(super) fn new(told: Told) -> Self {
        let mut hash = told.rating.to_bits() ^ u64::from(told.position);
        for b in told.user.iter().flat_map(|user| user.bytes()) {
            stir(&mut hash, u64::from(b));
        }
        for (name, strength) in &told.dials {
            name.bytes().for_each(|b| stir(&mut hash, u64::from(b)));
            stir(&mut hash, strength.to_bits());
        }
        stir(&mut hash, u64::from(told.residual.unit.to_bits()));
        for &n in &told.residual.numbers {
            stir(&mut hash, n as u64);
        }
        Self {
            user: told.user,
            at: told.at,
            rating: told.rating,
            position: told.position,
            worker: told.id.0,
            sequence: told.id.1,
            dials: told.dials,
            residual: told.residual,
            rated: None,
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

/// The newest ratings of all users in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    events: VecDeque<Event>,
    /// How many there are of each user.
    counts: HashMap<Option<Arc<str>>, usize>,
}

impl History {
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn has(&self, user: &str) -> bool {
        self.counts.contains_key(&Some(Arc::from(user)))
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        self.events.iter()
    }

    /// Adds a rating, once; the oldest make room for it. Answers the one that is there already.
    pub(super) fn insert(&mut self, event: Event) -> Option<&mut Event> {
        let user = event.user.clone();
        // Ratings mostly come in their order.
        let last = self.events.back().map(|last| last.order(&event));
        let found = match last {
            None | Some(Ordering::Less) => Err(self.events.len()),
            _ => self.events.binary_search_by(|e| e.order(&event)),
        };
        match found {
            Ok(at) => return self.events.get_mut(at),
            Err(at) => self.events.insert(at, event),
        }
        let count = self.counts.entry(user.clone()).or_default();
        *count += 1;
        if *count > MAX_EVENTS_PER_USER {
            let oldest = self.events.iter().position(|e| e.user == user);
            self.remove(oldest.unwrap_or_default());
        }
        if self.events.len() > MAX_EVENTS {
            self.remove(0);
        }
        None
    }

    fn remove(&mut self, at: usize) {
        let Some(event) = self.events.remove(at) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&event.user) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&event.user);
            }
        }
    }

    /// Drops what a user has rated; tells whether there was anything.
    pub(super) fn forget(&mut self, user: &str) -> bool {
        self.events.retain(|e| e.user.as_deref() != Some(user));
        self.counts.remove(&Some(Arc::from(user))).is_some()
    }

    /// The places of each user's ratings, by user, each in their order.
    pub(super) fn by_user(&self) -> Vec<(Option<Arc<str>>, Vec<usize>)> {
        let mut places: HashMap<Option<&Arc<str>>, Vec<usize>> = HashMap::new();
        for (at, event) in self.events.iter().enumerate() {
            places.entry(event.user.as_ref()).or_default().push(at);
        }
        let mut all: Vec<_> = places
            .into_iter()
            .map(|(user, places)| (user.cloned(), places))
            .collect();
        all.sort();
        all
    }

    pub(super) fn get(&self, at: usize) -> &Event {
        &self.events[at]
    }

    pub(super) fn get_mut(&mut self, at: usize) -> &mut Event {
        &mut self.events[at]
    }
}
