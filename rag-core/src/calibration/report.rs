//! What a calibration is worth: measured on pairs that the curve was not fitted to.

use super::Method;
use super::map::Map;
use super::points::Points;
use crate::rng::Rng;

/// Bins of the calibration error, each a tenth of the probabilities.
pub(super) const BINS: usize = 10;
/// Probabilities are kept this far from 0 and 1 in the log loss.
const NEVER: f64 = 1e-15;

/// Pairs whose held-out probability fell into one tenth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// The lower end of the tenth.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The weight of the pairs in it: their number where every pair weighs 1.
    pub weight: f64,
    /// The mean probability that was predicted for them.
    pub predicted: f64,
    /// The share of them that is relevant.
    pub observed: f64,
}

/// What a curve was fitted to, and how well such a curve does on pairs held out.
///
/// Measures are cross-validated: the pairs are dealt to folds, and each fold is predicted by a
/// curve fitted to the others. Pairs with the same score share a fold. They are `None` where there
/// are too few pairs for that.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The form of the curve, chosen or given; never `Auto`.
    pub method: Method,
    /// Pairs seen so far, earlier fits included.
    pub pairs: usize,
    /// The weight of the relevant ones.
    pub positives: f64,
    /// The weight of the irrelevant ones.
    pub negatives: f64,
    /// Folds that were predicted; 0 if there were too few pairs.
    pub folds: usize,
    /// The mean squared error (Brier, 1950); always predicting the share `r` of relevant pairs has
    /// `r (1 - r)`.
    pub brier: Option<f64>,
    /// The mean negative logarithm of the probability of what was the case.
    pub log_loss: Option<f64>,
    /// The expected calibration error: the mean distance of predicted and observed over the bins
    /// (Naeini, Cooper and Hauskrecht, 2015).
    pub ece: Option<f64>,
    /// The bins of that error that hold pairs, ascending.
    pub bins: Vec<Bin>,
}

/// The fold of each point: neighbouring scores go to different folds, drawn by lot.
pub(super) fn deal(points: &Points, folds: usize, seed: u64) -> Vec<usize> {
    let n = points.list().len();
    let folds = folds.min(n);
    let mut rng = Rng::new(seed);
    let mut parts = Vec::with_capacity(n + folds);
    while parts.len() < n {
        let mut deck: Vec<usize> = (0..folds).collect();
        rng.shuffle(&mut deck);
        parts.extend(deck);
    }
    parts.truncate(n);
    parts
}

/// Predicts every point by a curve fitted to the other folds.
pub(super) fn measure(points: &Points, parts: &[usize], method: Method) -> Report {
    let mut report = Report {
        method,
        pairs: points.pairs(),
        positives: points.positive(),
        negatives: points.negative(),
        folds: 0,
        brier: None,
        log_loss: None,
        ece: None,
        bins: Vec::new(),
    };
    let folds = parts.iter().max().map_or(0, |most| most + 1);
    let mut held_out = vec![0.0; parts.len()];
    for fold in 0..folds {
        let others = points.chosen(|i| parts[i] != fold);
        if !others.has_both_sides() {
            return report;
        }
        let map = Map::fit(&others, method);
        for (i, point) in points.list().iter().enumerate() {
            if parts[i] == fold {
                held_out[i] = map.at(point.score);
            }
        }
    }
    let total = report.positives + report.negatives;
    let (mut brier, mut log_loss) = (0.0, 0.0);
    let mut bins = [(0.0, 0.0, 0.0); BINS];
    for (point, &p) in points.list().iter().zip(&held_out) {
        brier += point.positive * (1.0 - p) * (1.0 - p) + point.negative * p * p;
        let sure = p.clamp(NEVER, 1.0 - NEVER);
        log_loss -= point.positive * sure.ln() + point.negative * (-sure).ln_1p();
        let bin = &mut bins[((p * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += point.weight();
        bin.1 += point.weight() * p;
        bin.2 += point.positive;
    }
    let filled = bins.iter().enumerate().filter(|(_, bin)| bin.0 > 0.0);
    report.bins = filled
        .map(|(i, &(weight, predicted, positive))| Bin {
            low: i as f64 / BINS as f64,
            high: (i + 1) as f64 / BINS as f64,
            weight,
            predicted: predicted / weight,
            observed: positive / weight,
        })
        .collect();
    let gap = |b: &Bin| b.weight / total * (b.predicted - b.observed).abs();
    report.folds = folds;
    report.brier = Some(brier / total);
    report.log_loss = Some(log_loss / total);
    report.ece = Some(report.bins.iter().map(gap).sum());
    report
}
