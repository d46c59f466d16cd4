//! The noise filter: outliers among ratings dropped, the rest weighed by age.
//!
//! The median absolute deviation stays put until half of the ratings are false; the standard
//! deviation is dragged along by the very outliers it should find, and three of them can never
//! be exceeded by one of ten ratings or fewer.

use crate::error::{Error, Result};

crate::option_enum! {
    /// How outliers are found.
    FilterMethod {
        /// Distance from the median in median absolute deviations.
        Mad = "mad",
        /// Distance from the mean in standard deviations.
        Sigma = "sigma",
    }
}

crate::options! {
    /// How ratings are filtered.
    FilterOptions {
        /// The distance, in (estimated) standard deviations, beyond which a rating is dropped.
        sigma: f64 = 3.0, in 0.1..=100.0;
        /// How outliers are found.
        method: FilterMethod = FilterMethod::Mad;
    }
}

/// Weights and verdicts for `ratings` given at the times `at` (unix seconds, in any order).
///
/// A rating is kept if it lies within `sigma` standard deviations of the centre. `"mad"` takes the
/// median `m` and estimates the deviation by `MAD / 0.6745`, `MAD` being the median of `|x - m|`;
/// if more than half of the ratings are equal, so that `MAD` is 0, by `1.2533` times the mean of
/// `|x - m|` (Iglewicz and Hoaglin, 1993). `"sigma"` takes the mean and the standard deviation.
/// Kept ratings weigh `0.5^(age / half_life)`, the age counted in seconds from the newest kept
/// one; dropped ones weigh 0. Empty input gives empty output. O(n).
///
/// Fails with `InvalidArgument` if the lengths differ, a number is not finite, or `half_life` is
/// not above 0 (infinity means no decay).
///
/// ```
/// use rag_core::steering::{FilterOptions, filter_feedback};
/// let (ratings, at) = ([0.4, 0.5, 0.6, 0.5, 9.0], [0.0, 60.0, 0.0, 60.0, 600.0]);
/// let (weights, kept) = filter_feedback(&ratings, &at, 60.0, &FilterOptions::default())?;
/// assert_eq!(kept, [true, true, true, true, false]);
/// // The newest of those kept sets the clock: the outlier does not age the others.
/// assert_eq!(weights, [0.5, 1.0, 0.5, 1.0, 0.0]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn filter_feedback(
    ratings: &[f64],
    at: &[f64],
    half_life: f64,
    options: &FilterOptions,
) -> Result<(Vec<f64>, Vec<bool>)> {
    options.check()?;
    if ratings.len() != at.len() {
        return Err(Error::invalid(format!(
            "{} ratings need as many times, got {}",
            ratings.len(),
            at.len()
        )));
    }
    if half_life.is_nan() || half_life <= 0.0 {
        return Err(Error::invalid(format!(
            "half_life must be above 0 seconds, got {half_life}"
        )));
    }
    for (values, what) in [(ratings, "rating"), (at, "time")] {
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::invalid(format!(
                "{what} {i} is {}; every number must be finite",
                values[i]
            )));
        }
    }
    let (centre, deviation) = match options.method {
        FilterMethod::Mad => robust(ratings),
        FilterMethod::Sigma => moments(ratings),
    };
    let kept: Vec<bool> = ratings
        .iter()
        .map(|x| (x - centre).abs() <= options.sigma * deviation)
        .collect();
    let newest = at
        .iter()
        .zip(&kept)
        .filter(|(_, kept)| **kept)
        .fold(f64::NEG_INFINITY, |m, (t, _)| m.max(*t));
    let weigh = |(t, kept): (&f64, &bool)| match kept {
        true if half_life == f64::INFINITY => 1.0,
        true => (-(newest - t) / half_life).exp2(),
        false => 0.0,
    };
    Ok((at.iter().zip(&kept).map(weigh).collect(), kept))
}

/// The median of the absolute deviations from the median.
pub(super) fn mad(values: &[f64]) -> (f64, f64) {
    let centre = median(values.to_vec());
    let spread = median(values.iter().map(|x| (x - centre).abs()).collect());
    (centre, spread)
}

fn robust(values: &[f64]) -> (f64, f64) {
    let (centre, spread) = mad(values);
    if spread > 0.0 {
        return (centre, spread / 0.6745);
    }
    let count = values.len().max(1) as f64;
    let sum: f64 = values.iter().map(|x| (x - centre).abs()).sum();
    (centre, 1.253_314 * sum / count)
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    if values.len() < 2 {
        return (values.first().copied().unwrap_or(0.0), 0.0);
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    // A spread that is only the rounding of the mean must not drop equal ratings.
    let rounding = 1e-12 * mean.abs();
    (mean, (squares / (n - 1.0)).sqrt().max(rounding))
}

/// The median by selection: the mean of the two middle values of an even number.
fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if !even {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    lower + 0.5 * (upper - lower)
}
