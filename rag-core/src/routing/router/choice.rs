//! One point of a front by preference: the lexicographic weighted Chebyshev programme, or a sum.
//!
//! Each objective becomes a loss in [0, 1], its distance from the best on the front in units of
//! the front's range. The smallest largest weighted loss wins, of equals the smallest weighted
//! sum, then the first (Steuer and Choo, 1983). Compared with a sum it reaches every point of a
//! dented front, and compared with the same programme with a finite augmentation it is monotone:
//! more weight on one objective never makes that objective worse.

use super::request::RouteTrade;

/// The index into `rows` (values, one row for each member of the front) of the choice, and the loss of
/// each row.
///
/// `minimize` and `weights` have one entry for each column; weights are finite and not negative.
pub(super) fn choose(
    rows: &[&[f64]],
    minimize: &[bool],
    weights: &[f64],
    trade: RouteTrade,
) -> (usize, Vec<f64>) {
    // Relative sizes decide; a common scale keeps products finite.
    let largest = weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let mut scores = vec![(0.0f64, 0.0f64); rows.len()];
    for (j, weight) in weights.iter().enumerate() {
        let weight = weight / largest;
        let column = rows.iter().map(|r| r[j]);
        let low = column.clone().fold(f64::INFINITY, f64::min);
        let high = column.clone().fold(f64::NEG_INFINITY, f64::max);
        for (score, x) in scores.iter_mut().zip(column) {
            match trade {
                RouteTrade::Chebyshev => {
                    let loss = match (high > low, minimize[j]) {
                        (false, _) => 0.0,
                        (true, true) => (x - low) / (high - low),
                        (true, false) => (high - x) / (high - low),
                    };
                    score.0 = score.0.max(weight * loss);
                    score.1 += weight * loss;
                }
                RouteTrade::Linear => {
                    score.0 += weight * if minimize[j] { x } else { -x };
                    score.1 = score.0;
                }
            }
        }
    }
    let better = |a: &usize, b: &usize| {
        let (x, y) = (scores[*a], scores[*b]);
        x.0.total_cmp(&y.0).then(x.1.total_cmp(&y.1)).then(a.cmp(b))
    };
    let best = (0..rows.len()).min_by(better).unwrap_or(0);
    (best, scores.into_iter().map(|s| s.0).collect())
}
