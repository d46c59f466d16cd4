//! What a user's ratings say about where their queries should go.
//!
//! A rating says something by how far it is from what the user's ratings usually are. The sum of
//! what was rated, each by its surprise, points where the ratings rise: the step of a linear
//! regression from nothing (Bayesian, with a flat prior on items and a stronger one on the span of
//! the dials, which name what people want).
//! Only sums are kept, fading with each new rating, so that a user takes two bytes a dimension
//! however long their history is, and states of several workers add up.

use super::compact::Compact;
use super::direction::{add_scaled, normalise};
use crate::kernel::linalg::{Cholesky, dot};
use std::cmp::Ordering;

/// Each rating makes the ones before it count for so much less: half after 39 ratings.
pub(super) const DECAY: f64 = 0.9825;
/// Ratings of one half that every user starts with, so that likes alone still say something.
const PRIOR_RATINGS: f64 = 2.0;
/// Ratings after which a user is followed half of the way.
const HALF_TRUST: f64 = 3.0;
/// The prior variance in the span of the dials, over that of any other direction.
const ON_DIALS: f64 = 10.0;
/// The length of a fully trusted shift when there are no dials to take it from.
const ALONE: f64 = 0.3;
/// What a click at the position `p` weighs, at most: the clip of inverse propensity weights.
const MAX_WEIGHT: f64 = 10.0;
/// Ratings that the taste all users share counts for.
const CROWD: f64 = 2.0;

/// How much a rating counts that was given to what stood at `position` (1 is the top; 0 unknown):
/// people look at `1 / position` of what stands there, so what was liked further down counts for
/// those who did not look (inverse propensity, clipped; Joachims, Swaminathan and Schnabel, 2017).
pub(super) fn weight_at(position: u32, rating: f64) -> f64 {
    let propensity = f64::from(position.max(1)).min(MAX_WEIGHT);
    1.0 + rating * (propensity - 1.0)
}

/// The fading sums of one user's ratings as one worker was told them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sums {
    /// Ratings ever taken in.
    pub(super) count: u32,
    /// How often ratings were taken out or back in.
    pub(super) revision: u32,
    pub(super) weight: f64,
    pub(super) rated: f64,
    /// The sum of weight, surprise and item.
    pub(super) toward: Compact,
}

impl Sums {
    /// Adds what an item is to the query, with its surprise.
    fn take(&mut self, item: &Compact, weight: f64, rating: f64, surprise: f64) {
        let mut toward = match self.toward.dim() {
            0 => vec![0.0; item.dim()],
            _ => self.toward.wide(),
        };
        toward.iter_mut().for_each(|v| *v *= DECAY);
        item.add_to(&mut toward, surprise);
        self.set(toward);
        self.count = self.count.saturating_add(1);
        self.weight = DECAY * self.weight + weight;
        self.rated = DECAY * self.rated + weight * rating;
    }

    /// Takes the rating that was the `nth` out again (`sign` -1), or back in (1).
    pub(super) fn revise(&mut self, item: &Compact, rated: &Rated, sign: f64) {
        let faded = sign * DECAY.powi(self.count.saturating_sub(rated.nth) as i32);
        let mut toward = self.toward.wide();
        if toward.len() != item.dim() {
            return;
        }
        item.add_to(&mut toward, faded * rated.surprise);
        self.set(toward);
        self.weight = (self.weight + faded * rated.weight).max(0.0);
        self.rated = (self.rated + faded * rated.weight * rated.rating).max(0.0);
        self.revision = self.revision.saturating_add(1);
    }

    fn set(&mut self, toward: Vec<f64>) {
        // Sums of unit vectors by bounded weights that fade are finite.
        self.toward = Compact::new(&toward).unwrap_or_default();
    }

    /// Which of two states of one worker holds more: that of more ratings, then of more revisions;
    /// between equals the content decides, so that merging goes the same way from either side.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let newer = |s: &Self| (s.count, s.revision, s.weight.to_bits(), s.rated.to_bits());
        let unit = |s: &Self| s.toward.unit.to_bits();
        newer(self)
            .cmp(&newer(other))
            .then(unit(self).cmp(&unit(other)))
            .then_with(|| self.toward.numbers.cmp(&other.toward.numbers))
    }
}

/// What the sums took in of one rating.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rated {
    /// The count of the sums with it.
    pub(super) nth: u32,
    pub(super) rating: f64,
    pub(super) weight: f64,
    /// Weight times what the rating was above the usual one.
    pub(super) surprise: f64,
}

/// Everything known of a user: the sums of each worker that was told of them, by its number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct User(pub(super) Vec<(u64, Sums)>);

impl User {
    /// Takes a rating in as `worker` was told it.
    pub(super) fn take(
        &mut self,
        worker: u64,
        item: &Compact,
        rating: f64,
        position: u32,
    ) -> Rated {
        let (weight, rated) = self.totals();
        let usual = (rated + 0.5 * PRIOR_RATINGS) / (weight + PRIOR_RATINGS);
        let weight = weight_at(position, rating);
        let surprise = weight * (rating - usual);
        let sums = self.of(worker);
        sums.take(item, weight, rating, surprise);
        Rated {
            nth: sums.count,
            rating,
            weight,
            surprise,
        }
    }

    pub(super) fn of(&mut self, worker: u64) -> &mut Sums {
        let at = match self.0.binary_search_by_key(&worker, |(w, _)| *w) {
            Ok(at) => at,
            Err(at) => {
                // Most users are told to one worker only: no room is kept for more.
                self.0.reserve_exact(1);
                self.0.insert(at, (worker, Sums::default()));
                at
            }
        };
        &mut self.0[at].1
    }

    /// The faded number of ratings, and their sum.
    pub(super) fn totals(&self) -> (f64, f64) {
        let each = self.0.iter().map(|(_, s)| (s.weight, s.rated));
        each.fold((0.0, 0.0), |(a, b), (w, r)| (a + w, b + r))
    }

    pub(super) fn ratings(&self) -> u64 {
        self.0.iter().map(|(_, s)| u64::from(s.count)).sum()
    }

    /// The sums of all workers, or nothing if they are of no dimension.
    pub(super) fn toward(&self) -> Option<Vec<f64>> {
        let dim = self.0.iter().map(|(_, s)| s.toward.dim()).max()?;
        let mut sum = vec![0.0; dim];
        for (_, sums) in self.0.iter().filter(|(_, s)| s.toward.dim() == dim) {
            sums.toward.add_to(&mut sum, 1.0);
        }
        Some(sum)
    }
}

/// What all users have in common, as each of them says it once.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Crowd {
    /// Users that it was taken from.
    pub(super) users: u32,
    /// The mean of their directions, each at length 1 at most: shorter where they disagree.
    pub(super) toward: Vec<f32>,
}

/// Fewer users have nothing in common that a new one could be expected to share.
const CROWD_USERS: u32 = 8;
/// Ratings below which a user does not count to the crowd.
const CROWD_RATINGS: u64 = 5;

impl Crowd {
    /// `None` if there are too few users, or if what they have in common is no more than chance
    /// gives: the mean of `n` unrelated directions has a squared length of a mean `n`-th of theirs.
    pub(super) fn of<'a>(users: impl Iterator<Item = &'a User>) -> Option<Self> {
        let (mut sum, mut count, mut squares) = (Vec::new(), 0u32, 0.0);
        for user in users.filter(|user| user.ratings() >= CROWD_RATINGS) {
            let (Some(mut toward), (weight, _)) = (user.toward(), user.totals()) else {
                continue;
            };
            let length = dot(&toward, &toward).sqrt();
            let scale = 1.0 / (weight + HALF_TRUST).max(length);
            toward.iter_mut().for_each(|v| *v *= scale);
            sum.resize(toward.len(), 0.0);
            add_scaled(&mut sum, 1.0, &toward);
            squares += dot(&toward, &toward);
            count += 1;
        }
        let shared = dot(&sum, &sum) > 4.0 * squares;
        (count >= CROWD_USERS && shared).then(|| Self {
            users: count,
            toward: sum.iter().map(|v| (v / f64::from(count)) as f32).collect(),
        })
    }
}

/// What is added to a unit query for a user.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shift {
    pub(super) vector: Vec<f64>,
    /// The length at which a displacement costs what a dial of 1 costs.
    pub(super) scale: f64,
}

/// The span of the dials, and how far they go.
#[derive(Clone, Debug)]
pub(super) struct Span {
    axes: Vec<Vec<f64>>,
    factor: Option<Cholesky>,
    length: f64,
}

impl Span {
    /// Of directions with the lengths that cost what a dial of 1 costs.
    pub(super) fn new(dials: impl Iterator<Item = (Vec<f64>, f64)>) -> Self {
        let (axes, lengths): (Vec<_>, Vec<_>) = dials
            .filter_map(|(mut axis, length)| normalise(&mut axis).then_some((axis, length)))
            .unzip();
        let k = axes.len();
        let mut gram = Vec::with_capacity(k * k);
        for (i, a) in axes.iter().enumerate() {
            // A touch of a ridge keeps dials that say the same from being told apart by rounding.
            gram.extend((0..k).map(|j| dot(a, &axes[j]) + if i == j { 1e-3 } else { 0.0 }));
        }
        Self {
            factor: Cholesky::new(&gram, k).filter(|_| k > 0),
            length: match k {
                0 => ALONE,
                _ => lengths.iter().sum::<f64>() / k as f64,
            },
            axes,
        }
    }

    /// The part of `v` in the span.
    pub(super) fn part(&self, v: &[f64]) -> Vec<f64> {
        let mut part = vec![0.0; v.len()];
        let along: Vec<f64> = self.axes.iter().map(|axis| dot(axis, v)).collect();
        if let Some(factor) = &self.factor {
            for (axis, weight) in self.axes.iter().zip(factor.solve(&along)) {
                add_scaled(&mut part, weight, axis);
            }
        }
        part
    }

    /// The strengths of the dials (of the given lengths) that come nearest to `v`.
    pub(super) fn strengths(&self, v: &[f64]) -> Vec<f64> {
        let along: Vec<f64> = self.axes.iter().map(|axis| dot(axis, v)).collect();
        let solved = self.factor.as_ref().map(|factor| factor.solve(&along));
        solved.unwrap_or_default()
    }

    /// Where a user's queries go; nothing if the ratings point nowhere.
    pub(super) fn shift(&self, user: Option<&User>, crowd: Option<&Crowd>) -> Option<Shift> {
        let mut toward = user.and_then(User::toward);
        let mut trusted = user.map_or(0.0, |user| user.totals().0);
        if let Some(crowd) = crowd {
            let toward = toward.get_or_insert_with(|| vec![0.0; crowd.toward.len()]);
            if toward.len() == crowd.toward.len() {
                let common: Vec<f64> = crowd.toward.iter().copied().map(f64::from).collect();
                trusted += CROWD * dot(&common, &common).sqrt();
                add_scaled(toward, CROWD, &common);
            }
        }
        let toward = toward?;
        let mut vector = toward.clone();
        add_scaled(&mut vector, ON_DIALS, &self.part(&toward));
        // Less than the rounding of what is kept is no direction.
        if dot(&vector, &vector).sqrt() < 1e-6 || !normalise(&mut vector) {
            return None;
        }
        let length = self.length * trusted / (trusted + HALF_TRUST);
        vector.iter_mut().for_each(|v| *v *= length);
        Some(Shift {
            vector,
            scale: self.length,
        })
    }
}
