//! Learning again from the whole history, after the noise filter.
//!
//! Ratings that are outliers among a user's own stop counting. Then every dial is pulled towards
//! the items that were liked while it was on, and keeps the new direction only if that separates
//! held-out ratings no worse than the old one did. What all users share is taken from all of them,
//! each counting once. The hand-made rule stands beside what is learnt, on the same ratings.

use super::compact::Compact;
use super::direction::{add_scaled, normalise};
use super::effect::Effect;
use super::feedback::Event;
use super::filter::{FilterOptions, filter_feedback, mad};
use super::set::Steering;
use super::user::{Crowd, User};
use crate::error::Result;
use crate::rng::Rng;

crate::options! {
    /// How [`Steering::retrain`] learns.
    RetrainOptions {
        /// Seconds after which a rating counts half for the dials.
        half_life: f64 = 2_592_000.0, in 1.0..=1e12;
        /// The distance from the usual rating, in standard deviations, of an outlier.
        sigma: f64 = 3.0, in 0.1..=100.0;
        /// The most ratings of one user that count for a dial: the newest ones.
        per_user: usize = 50, in 1..=10000;
        /// Liked and disliked items, each, below which a dial stays as it is.
        min_examples: usize = 10, in 2..=10000;
        /// Parts into which the ratings are split to measure the effect.
        folds: usize = 5, in 2..=20;
        /// Draws the folds.
        seed: u64 = 0;
    }
}

/// What happened to one dial.
#[derive(Clone, Debug, PartialEq)]
pub struct DialChange {
    /// The dial.
    pub name: String,
    /// Liked items among the ratings given while it was on.
    pub liked: usize,
    /// Disliked items.
    pub disliked: usize,
    /// What the old direction tells apart on the ratings; `None` if they were too few.
    pub before: Option<Effect>,
    /// What the new direction tells apart on held-out ratings.
    pub after: Option<Effect>,
    /// What the hand-made rule tells apart on them: the difference of what was liked and disliked
    /// (Rocchio, 1971), without the dial.
    pub heuristic: Option<Effect>,
    /// Whether the new direction was taken over.
    pub changed: bool,
}

/// What [`Steering::retrain`] did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RetrainReport {
    /// Ratings in the history.
    pub events: usize,
    /// Ratings that the filter dropped as noise; they stop moving their users.
    pub dropped: usize,
    /// Users who have rated something.
    pub users: usize,
    /// Users from whom new ones take what all share; 0 if they share nothing.
    pub crowd: usize,
    /// How well what is learnt of users from the first four fifths of their ratings tells apart what
    /// they liked and disliked in the last; `None` if there are too few ratings.
    pub learnt: Option<Effect>,
    /// The same for the hand-made rule: the difference of what was liked and disliked.
    pub heuristic: Option<Effect>,
    /// One entry a dial, by name.
    pub dials: Vec<DialChange>,
}

/// The weight of the old direction, in ratings.
const OLD_WEIGHT: f64 = 50.0;

/// Ratings of one user below which nothing is held out.
const COMPARED: usize = 10;

struct Example<'a> {
    residual: &'a Compact,
    weight: f64,
    liked: bool,
    fold: usize,
}

impl Steering {
    /// Filters the history and learns users and dials from what is left; reports what changed.
    ///
    /// A user whose ratings are mostly equal keeps all of them: the exceptions are what they say.
    /// An item rated above the user's mean while a dial was on (below it, for a negative strength)
    /// is an example for that dial.
    pub fn retrain(&mut self, options: &RetrainOptions) -> Result<RetrainReport> {
        options.check()?;
        let mut report = RetrainReport {
            events: self.history.len(),
            users: self.users.len(),
            ..RetrainReport::default()
        };
        for (user, places) in self.history.by_user() {
            let of = |&at: &usize| (self.history.get(at).rating, self.history.get(at).at);
            let (ratings, at): (Vec<f64>, Vec<f64>) = places.iter().map(of).unzip();
            let filter = FilterOptions::default().sigma(options.sigma);
            let kept = match mad(&ratings).1 {
                0.0 => vec![true; ratings.len()],
                _ => filter_feedback(&ratings, &at, None, options.half_life, &filter)?.kept,
            };
            report.dropped += kept.iter().filter(|k| !**k).count();
            for (at, kept) in places.into_iter().zip(kept) {
                self.mark(user.as_deref(), at, kept);
            }
        }
        let names: Vec<String> = self.names().map(str::to_owned).collect();
        for name in names {
            let change = self.retrain_dial(&name, options)?;
            report.dials.push(change);
        }
        self.dials_changed();
        self.crowd = Crowd::of(self.users.values());
        report.crowd = self.crowd.as_ref().map_or(0, |crowd| crowd.users as usize);
        (report.learnt, report.heuristic) = self.compare_users();
        Ok(report)
    }

    /// Lets a rating count or not, for its user too.
    fn mark(&mut self, user: Option<&str>, at: usize, kept: bool) {
        let event = self.history.get_mut(at);
        if event.kept == kept {
            return;
        }
        event.kept = kept;
        let sums = user.and_then(|user| self.users.get_mut(user));
        if let (Some(sums), Some(rated)) = (sums, event.rated) {
            let sign = if kept { 1.0 } else { -1.0 };
            sums.of(event.worker).revise(&event.residual, &rated, sign);
        }
    }

    /// What is learnt of users and what the hand-made rule knows, on the last of their ratings.
    fn compare_users(&self) -> (Option<Effect>, Option<Effect>) {
        let mut learnt = (Vec::new(), Vec::new());
        let mut plain = (Vec::new(), Vec::new());
        for (user, places) in self.history.by_user() {
            let events = places.iter().map(|&at| self.history.get(at));
            let events: Vec<&Event> = events.filter(|e| e.kept).collect();
            if user.is_none() || events.len() < COMPARED {
                continue;
            }
            let (first, last) = events.split_at(events.len() * 4 / 5);
            let usual = first.iter().map(|e| e.rating).sum::<f64>() / first.len() as f64;
            let mut known = User::default();
            for event in first {
                known.take(0, &event.residual, event.rating, event.position);
            }
            let (Some(shift), Some(difference)) = (
                self.span().shift(Some(&known), None),
                difference(first, usual),
            ) else {
                continue;
            };
            let mut direction = shift.vector;
            normalise(&mut direction);
            for (direction, scores) in [(&direction, &mut learnt), (&difference, &mut plain)] {
                for event in last {
                    let score = event.residual.dot(direction);
                    match event.rating > usual {
                        true => scores.0.push(score),
                        false => scores.1.push(score),
                    }
                }
            }
        }
        let effect = |(high, low): &(Vec<f64>, Vec<f64>)| {
            let enough = high.len().min(low.len()) >= 2;
            enough.then(|| Effect::from_scores(high, low))
        };
        (effect(&learnt), effect(&plain))
    }

    fn retrain_dial(&mut self, name: &str, options: &RetrainOptions) -> Result<DialChange> {
        let examples = self.examples(name, options);
        let count = |liked| examples.iter().filter(|e| e.liked == liked).count();
        let mut change = DialChange {
            name: name.to_owned(),
            liked: count(true),
            disliked: count(false),
            before: None,
            after: None,
            heuristic: None,
            changed: false,
        };
        let mut old = self.get(name)?.wide();
        if change.liked.min(change.disliked) < options.min_examples || !normalise(&mut old) {
            return Ok(change);
        }
        let before = measure(&examples, options.folds, &|_| old.clone());
        let after = measure(&examples, options.folds, &|f| {
            pulled(&old, &examples, Some(f))
        });
        let plain = measure(&examples, options.folds, &|f| {
            pulled(&vec![0.0; old.len()], &examples, Some(f))
        });
        change.before = Some(before);
        change.after = Some(after);
        change.heuristic = Some(plain);
        if after.value >= before.value {
            let direction = pulled(&old, &examples, None);
            let vector = self.get(name)?.turned(&direction, Some(after))?;
            if let Some(dial) = self.dials.get_mut(name) {
                dial.vector = vector;
                dial.generation += 1;
                change.changed = true;
            }
        }
        Ok(change)
    }

    fn examples(&self, name: &str, options: &RetrainOptions) -> Vec<Example<'_>> {
        let strength = |e: &Event| e.dials.iter().find(|(d, _)| d == name).map(|(_, s)| *s);
        let mut examples = Vec::new();
        let mut times = Vec::new();
        for (user, places) in self.history.by_user() {
            let events = places.iter().map(|&at| self.history.get(at));
            let kept: Vec<&Event> = events.filter(|e| e.kept).collect();
            let usual = kept.iter().map(|e| e.rating).sum::<f64>() / kept.len().max(1) as f64;
            let cap = user.as_ref().map_or(usize::MAX, |_| options.per_user);
            let rated = kept.into_iter().rev().filter(|e| e.rating != usual);
            for (event, s) in rated.filter_map(|e| strength(e).map(|s| (e, s))).take(cap) {
                times.push(event.at);
                examples.push(Example {
                    residual: &event.residual,
                    weight: 1.0,
                    liked: (event.rating > usual) == (s > 0.0),
                    fold: 0,
                });
            }
        }
        let newest = times.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for (example, at) in examples.iter_mut().zip(times) {
            // The floor keeps weights of very old ratings from adding up to nothing.
            example.weight = (-(newest - at) / options.half_life).exp2().max(1e-6);
        }
        let mut rng = Rng::fork(options.seed, 3);
        for liked in [true, false] {
            let mut of_class: Vec<&mut Example<'_>> =
                examples.iter_mut().filter(|e| e.liked == liked).collect();
            rng.shuffle(&mut of_class);
            for (at, example) in of_class.into_iter().enumerate() {
                example.fold = at % options.folds;
            }
        }
        examples
    }
}

/// The old direction pulled towards the difference of liked and disliked items.
fn pulled(old: &[f64], examples: &[Example<'_>], held: Option<usize>) -> Vec<f64> {
    let train = || examples.iter().filter(|e| Some(e.fold) != held);
    let mut difference = vec![0.0; old.len()];
    for (liked, sign) in [(true, 1.0), (false, -1.0)] {
        let of_class = || train().filter(|e| e.liked == liked);
        let total: f64 = of_class().map(|e| e.weight).sum();
        for example in of_class() {
            example
                .residual
                .add_to(&mut difference, sign * example.weight / total);
        }
    }
    normalise(&mut difference);
    let mut direction: Vec<f64> = old.iter().map(|v| OLD_WEIGHT * v).collect();
    add_scaled(&mut direction, train().count() as f64, &difference);
    normalise(&mut direction);
    direction
}

/// The unit difference of what was rated above and below the usual rating; `None` without both.
fn difference(events: &[&Event], usual: f64) -> Option<Vec<f64>> {
    let mut sum = vec![0.0; events.first()?.residual.dim()];
    let above = events.iter().filter(|e| e.rating > usual).count() as f64;
    let below = events.len() as f64 - above;
    for event in events {
        let weight = if event.rating > usual {
            1.0 / above
        } else {
            -1.0 / below
        };
        event.residual.add_to(&mut sum, weight);
    }
    (above > 0.0 && below > 0.0 && normalise(&mut sum)).then_some(sum)
}

fn measure(examples: &[Example<'_>], folds: usize, fit: &dyn Fn(usize) -> Vec<f64>) -> Effect {
    let (mut liked, mut disliked) = (Vec::new(), Vec::new());
    for f in 0..folds {
        let direction = fit(f);
        for example in examples.iter().filter(|e| e.fold == f) {
            let score = example.residual.dot(&direction);
            if example.liked {
                liked.push(score);
            } else {
                disliked.push(score);
            }
        }
    }
    Effect::from_scores(&liked, &disliked)
}
