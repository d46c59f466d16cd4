//! One point of a front by preference: the lexicographic weighted Chebyshev programme.
//!
//! Each objective becomes a loss in [0, 1], its distance from the best on the front in units of
//! the front's range. The smallest largest weighted loss wins, of equals the smallest weighted
//! sum, then the first (Steuer and Choo, 1983). Compared with a sum it reaches every point of a
//! dented front, and compared with the same programme with a finite augmentation it is monotone:
//! more weight on one objective never makes that objective worse.

/// The index into `rows` (values, one row for each member of the front) of the choice.
///
/// `minimize` and `weights` have one entry for each column; weights are finite and not negative.
pub(super) fn choose(rows: &[Vec<f64>], minimize: &[bool], weights: &[f64]) -> usize {
    let losses: Vec<Vec<f64>> = (0..weights.len())
        .map(|j| {
            let column = rows.iter().map(|r| r[j]);
            let low = column.clone().fold(f64::INFINITY, f64::min);
            let high = column.clone().fold(f64::NEG_INFINITY, f64::max);
            let loss = |x: f64| match (high > low, minimize[j]) {
                (false, _) => 0.0,
                (true, true) => (x - low) / (high - low),
                (true, false) => (high - x) / (high - low),
            };
            column.map(loss).collect()
        })
        .collect();
    // Relative sizes decide; a common scale keeps products finite.
    let largest = weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let score = |i: usize| {
        let weighted = weights.iter().zip(&losses).map(|(w, l)| w / largest * l[i]);
        let sum: f64 = weighted.clone().sum();
        (weighted.fold(0.0, f64::max), sum)
    };
    let better = |a: &usize, b: &usize| {
        let (x, y) = (score(*a), score(*b));
        x.0.total_cmp(&y.0).then(x.1.total_cmp(&y.1)).then(a.cmp(b))
    };
    (0..rows.len()).min_by(better).unwrap_or(0)
}
