//! How likely a document with this score is to be relevant.
//!
//! A retrieval score orders the documents of one query and means little beyond that. Judged pairs
//! of score and relevance turn it into a probability: a curve that never falls ([`Calibration`]),
//! so that no order changes and one threshold serves all queries. The curve is a sigmoid or steps
//! (`map`), measured on pairs that it was not fitted to (`report`); what stays of the pairs is a
//! sketch of at most [`MAX_POINTS`] points (`points`), enough to learn on from more of them.

mod map;
mod points;
mod report;
mod saved;
#[cfg(test)]
mod tests;

pub use points::{MAX_POINTS, MAX_SCORE, MAX_WEIGHT};
pub use report::{Bin, Report};

use crate::error::{Error, Result};
use map::Map;
use points::Points;

/// Fewer pairs than this are no ground for steps of one's own: `auto` fits the sigmoid.
pub const FEW_PAIRS: usize = 200;

crate::option_enum! {
    /// The form of the curve.
    Method {
        /// The sigmoid below [`FEW_PAIRS`] pairs, else whichever has the smaller cross-validated
        /// log loss.
        Auto = "auto",
        /// A sigmoid with two parameters (Platt, 1999).
        Platt = "platt",
        /// Steps found by pooling adjacent violators (Ayer and others, 1955).
        Isotonic = "isotonic",
    }
}

crate::options! {
    /// How a [`Calibration`] is fitted.
    CalibrationOptions {
        /// `"auto"`, `"platt"` or `"isotonic"`.
        method: Method = Method::Auto;
        /// Parts of the pairs, each predicted by a curve fitted to the others, for the report and
        /// for the choice of `auto`.
        folds: usize = 5, in 2..=20;
        /// Seed of the draw that deals the pairs to folds.
        seed: u64 = 0;
    }
}

/// A curve from scores to probabilities of relevance. It never falls: a larger score is never
/// less likely to be relevant.
///
/// ```
/// use rag_core::calibration::{Calibration, CalibrationOptions};
/// let scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
/// let relevant = [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0];
/// let fitted = Calibration::fit(&scores, &relevant, None, &CalibrationOptions::default())?;
/// assert!(fitted.predict(0.75)? > 0.6 && fitted.predict(0.15)? < 0.4);
/// assert_eq!(fitted.report().method.name(), "platt", "eight pairs carry no more");
/// // Scores that tell nothing become one probability, never a curve that falls.
/// let turned: Vec<f64> = scores.iter().map(|s| -s).collect();
/// let flat = Calibration::fit(&turned, &relevant, None, &CalibrationOptions::default())?;
/// assert_eq!(flat.predict(-0.1)?, flat.predict(-0.8)?);
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    method: Method,
    folds: usize,
    seed: u64,
    points: Points,
    map: Map,
    report: Report,
}

impl Calibration {
    /// Fits a curve to pairs: `scores[i]` with `relevant[i]`, 0 or 1 or a share between, each
    /// counting `weights[i]` times (once if `None`).
    ///
    /// Scores lie within [`MAX_SCORE`] of 0, weights in 0..=[`MAX_WEIGHT`]. `InvalidArgument` if
    /// lengths differ, a number is outside its range or NaN, or no weight is on one of the sides:
    /// both relevant and irrelevant pairs are needed.
    pub fn fit(
        scores: &[f64],
        relevant: &[f64],
        weights: Option<&[f64]>,
        options: &CalibrationOptions,
    ) -> Result<Self> {
        options.check()?;
        let points = Points::from_pairs(scores, relevant, weights)?;
        Self::from_points(points, options.method, options.folds, options.seed)
    }

    /// The curve fitted to more pairs besides those of this one, of which the sketch is left.
    ///
    /// Arguments are those of [`Calibration::fit`], but the new pairs may all be of one side.
    pub fn updated(
        &self,
        scores: &[f64],
        relevant: &[f64],
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        let more = Points::from_pairs(scores, relevant, weights)?;
        self.joined(&more)
    }

    /// The curve fitted to the pairs of both, of which the sketches are left. Method, folds and
    /// seed are this one's.
    pub fn merged(&self, other: &Self) -> Result<Self> {
        self.joined(&other.points)
    }

    fn joined(&self, more: &Points) -> Result<Self> {
        Self::from_points(self.points.joined(more), self.method, self.folds, self.seed)
    }

    fn from_points(points: Points, method: Method, folds: usize, seed: u64) -> Result<Self> {
        points.check_sides()?;
        let parts = report::deal(&points, folds, seed);
        let tried: &[Method] = match method {
            Method::Auto if points.pairs() < FEW_PAIRS => &[Method::Platt],
            Method::Auto => &[Method::Platt, Method::Isotonic],
            Method::Platt => &[Method::Platt],
            Method::Isotonic => &[Method::Isotonic],
        };
        let mut best: Option<Report> = None;
        for &form in tried {
            let held_out = report::measure(&points, &parts, form);
            let loss = |r: &Report| r.log_loss.unwrap_or(f64::INFINITY);
            if best.as_ref().is_none_or(|b| loss(&held_out) < loss(b)) {
                best = Some(held_out);
            }
        }
        let mut report = best.expect("at least one method is tried");
        let map = Map::fit(&points, report.method);
        let points = points.sketch();
        // Sums of the points that stay, so that what is saved comes back the same to the bit.
        (report.positives, report.negatives) = (points.positive(), points.negative());
        Ok(Self {
            map,
            points,
            method,
            folds,
            seed,
            report,
        })
    }

    /// The probability of relevance at a score, in 0 to 1. `InvalidArgument` unless it is finite.
    pub fn predict(&self, score: f64) -> Result<f64> {
        match score.is_finite() {
            true => Ok(self.map.at(score)),
            false => Err(Error::invalid(format!(
                "a score must be finite, got {score}"
            ))),
        }
    }

    /// [`Calibration::predict`] for each score.
    pub fn predict_many(&self, scores: &[f64]) -> Result<Vec<f64>> {
        let one = |(i, score): (usize, &f64)| {
            let found = self.predict(*score);
            found.map_err(|e| e.context(format_args!("scores[{i}]")))
        };
        scores.iter().enumerate().map(one).collect()
    }

    /// What the curve was fitted to and how well it does on pairs held out.
    pub fn report(&self) -> &Report {
        &self.report
    }
}
