//! Pairs by score: how much weight lies on either side at each of them.

use crate::error::{Error, Result};

/// Points that a calibration keeps of its pairs.
pub const MAX_POINTS: usize = 128;
/// The largest size of a score.
pub const MAX_SCORE: f64 = 1e100;
/// The largest weight of a pair.
pub const MAX_WEIGHT: f64 = 1e9;
/// The most that all weights may add up to: beyond it, 1 minus a target would round to nothing.
const MAX_TOTAL: f64 = 1e12;

/// The weight at one score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) score: f64,
    pub(super) positive: f64,
    pub(super) negative: f64,
}

impl Point {
    pub(super) fn weight(&self) -> f64 {
        self.positive + self.negative
    }
}

/// Points of ascending, different scores, each with weight.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Points {
    list: Vec<Point>,
    pairs: usize,
}

impl Points {
    pub(super) fn from_pairs(
        scores: &[f64],
        relevant: &[f64],
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        let lengths = [Some(relevant.len()), weights.map(<[f64]>::len)];
        if lengths.iter().flatten().any(|n| *n != scores.len()) {
            let weights = weights.map_or(String::new(), |w| format!(" and {} weights", w.len()));
            return Err(Error::invalid(format!(
                "each score needs a relevance: got {} scores, {} relevances{weights}",
                scores.len(),
                relevant.len()
            )));
        }
        let mut list = Vec::with_capacity(scores.len());
        for (i, (&score, &share)) in scores.iter().zip(relevant).enumerate() {
            let weight = weights.map_or(1.0, |w| w[i]);
            let within = |x: f64, name: &str, low: f64, high: f64| match x >= low && x <= high {
                true => Ok(()),
                false => Err(Error::invalid(format!(
                    "{name}[{i}] must be in {low:?}..={high:?}, got {x}"
                ))),
            };
            within(score, "scores", -MAX_SCORE, MAX_SCORE)?;
            within(share, "relevant", 0.0, 1.0)?;
            within(weight, "weights", 0.0, MAX_WEIGHT)?;
            list.push(Point {
                score: score + 0.0, // -0 and 0 are one score
                positive: weight * share,
                negative: weight * (1.0 - share),
            });
        }
        list.retain(|p| p.weight() > 0.0);
        let pairs = list.len();
        Ok(Self::new(list, pairs))
    }

    /// Points in any order, equal scores included.
    fn new(mut list: Vec<Point>, pairs: usize) -> Self {
        list.sort_by(|a, b| a.score.total_cmp(&b.score));
        list.dedup_by(|next, kept| {
            let same = next.score == kept.score;
            if same {
                kept.positive += next.positive;
                kept.negative += next.negative;
            }
            same
        });
        Self { list, pairs }
    }

    /// Points that were saved; `None` unless they are what [`Points::sketch`] makes.
    pub(super) fn saved(list: Vec<Point>, pairs: usize) -> Option<Self> {
        let sound = |p: &Point| {
            let weights = [p.positive, p.negative];
            p.score.abs() <= MAX_SCORE
                && weights.iter().all(|w| w.is_finite() && *w >= 0.0)
                && p.weight() > 0.0
        };
        let ascending = list.windows(2).all(|w| w[0].score < w[1].score);
        let points = Self { list, pairs };
        let good = ascending && points.list.iter().all(sound);
        (good && points.list.len() <= MAX_POINTS && points.check_sides().is_ok()).then_some(points)
    }

    pub(super) fn joined(&self, more: &Self) -> Self {
        let list = [&self.list[..], &more.list].concat();
        Self::new(list, self.pairs.saturating_add(more.pairs))
    }

    pub(super) fn list(&self) -> &[Point] {
        &self.list
    }

    /// How many pairs there once were.
    pub(super) fn pairs(&self) -> usize {
        self.pairs
    }

    pub(super) fn positive(&self) -> f64 {
        self.list.iter().map(|p| p.positive).sum()
    }

    pub(super) fn negative(&self) -> f64 {
        self.list.iter().map(|p| p.negative).sum()
    }

    pub(super) fn has_both_sides(&self) -> bool {
        self.positive() > 0.0 && self.negative() > 0.0
    }

    pub(super) fn check_sides(&self) -> Result<()> {
        let (positive, negative) = (self.positive(), self.negative());
        let missing = match (positive > 0.0, negative > 0.0) {
            (true, true) if positive + negative <= MAX_TOTAL => return Ok(()),
            (true, true) => {
                return Err(Error::invalid(format!(
                    "the weights add up to {:e}, more than {MAX_TOTAL:e}; divide them all by one number",
                    positive + negative
                )));
            }
            (false, true) => "a relevant one",
            (true, false) => "an irrelevant one",
            (false, false) => "any weight",
        };
        Err(Error::invalid(format!(
            "a calibration needs relevant and irrelevant pairs, got {} without {missing}; \
             judge some more",
            self.pairs
        )))
    }

    /// Some of the points, chosen by their place.
    pub(super) fn chosen(&self, keep: impl Fn(usize) -> bool) -> Self {
        let kept = self.list.iter().enumerate().filter(|(i, _)| keep(*i));
        let list: Vec<Point> = kept.map(|(_, p)| *p).collect();
        Self {
            pairs: list.len(),
            list,
        }
    }

    /// At most [`MAX_POINTS`] points: neighbours become their mean.
    pub(super) fn sketch(self) -> Self {
        if self.list.len() <= MAX_POINTS {
            return self;
        }
        let places = places(&self.list, MAX_POINTS, (self.positive(), self.negative()));
        let mut list: Vec<Point> = Vec::with_capacity(MAX_POINTS);
        let mut last = usize::MAX;
        for (point, place) in self.list.iter().zip(places) {
            match list.last_mut() {
                Some(kept) if place == last => {
                    let share = point.weight() / (kept.weight() + point.weight());
                    kept.score += (point.score - kept.score) * share;
                    kept.positive += point.positive;
                    kept.negative += point.negative;
                }
                _ => list.push(*point),
            }
            last = place;
        }
        // Means of neighbours that lie one rounding apart may meet.
        Self::new(list, self.pairs)
    }
}

/// The place, in 0..`most` and ascending, that each of the ascending points falls into when
/// relevant and irrelevant weight are spread over the places alike: where few documents are
/// relevant, most of what is to be learnt lies where they are.
pub(super) fn places(list: &[Point], most: usize, (positive, negative): (f64, f64)) -> Vec<usize> {
    let mut before = 0.0;
    let place = |p: &Point| {
        let mass = 0.5 * (p.positive / positive + p.negative / negative);
        let middle = before + 0.5 * mass;
        before += mass;
        ((middle * most as f64) as usize).min(most - 1)
    };
    list.iter().map(place).collect()
}
