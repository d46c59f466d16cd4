//! Choosing one point of a front: the knee, the nearest to the ideal, the nearest to a wish.
//!
//! Columns are measured from their best value on the front, in units of their range on it, so
//! that it does not matter in which units they come. A column with one value on the front counts
//! as it is.

use super::front::on_front;
use super::points::{Points, per_column};
use crate::error::{Error, Result};
use crate::options;

options! {
    /// How [`chebyshev`] scores.
    ChebyshevOptions {
        /// What the sum of all columns counts beside the worst one. Above 0 no dominated point
        /// scores as well as what dominates it.
        rho: f64 = 0.001, in 0.0..=1.0;
    }
}

/// Points with the best and the range of each column on their front.
struct Scaled {
    points: Points,
    on: Vec<bool>,
    ideal: Vec<f64>,
    range: Vec<f64>,
}

impl Scaled {
    fn new(points: &[f64], d: usize, maximize: &[bool]) -> Result<Self> {
        let points = Points::new(points, d, maximize)?;
        if let Some(at) = points.data.iter().position(|x| x.is_infinite()) {
            return Err(Error::invalid(format!(
                "point {} is infinite in column {}; points are chosen by finite numbers, leave it out",
                at / d,
                at % d
            )));
        }
        let on = on_front(&points);
        let (mut ideal, mut nadir) = (vec![f64::INFINITY; d], vec![f64::NEG_INFINITY; d]);
        for (row, _) in points.data.chunks_exact(d).zip(&on).filter(|(_, on)| **on) {
            for ((ideal, nadir), x) in ideal.iter_mut().zip(&mut nadir).zip(row) {
                *ideal = ideal.min(*x);
                *nadir = nadir.max(*x);
            }
        }
        let range = |(low, high): (&f64, &f64)| if high > low { high - low } else { 1.0 };
        let range = ideal.iter().zip(&nadir).map(range).collect();
        Ok(Self {
            points,
            on,
            ideal,
            range,
        })
    }

    /// How far a row is from a place, in ranges.
    fn away<'a>(&'a self, row: &'a [f64], from: &'a [f64]) -> impl Iterator<Item = f64> + Clone {
        let pairs = row.iter().zip(from).zip(&self.range);
        // Divided first, because the difference may be infinite.
        pairs.map(|((x, from), range)| match range.is_finite() {
            true => (x - from) / range,
            false => (0.5 * x - 0.5 * from) / f64::MAX,
        })
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.points.data.chunks_exact(self.points.d)
    }
}

/// The index of the knee of the front: the point that bulges farthest towards the ideal.
///
/// It has the least sum of columns, each scaled to its range on the front; in two columns it is
/// the point farthest from the line through the ends of the front (Das, 1999). The first of
/// equally good ones. `points` and `maximize` are as for [`pareto_front`](super::pareto_front);
/// there must be a point, and infinities are `InvalidArgument`.
///
/// ```
/// use rag_core::routing::knee;
/// assert_eq!(knee(&[0.0, 9.0, 1.0, 2.0, 5.0, 1.0, 9.0, 0.0], 2, &[])?, 1);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn knee(points: &[f64], d: usize, maximize: &[bool]) -> Result<usize> {
    let scaled = Scaled::new(points, d, maximize)?;
    let sums = scaled
        .rows()
        .map(|row| scaled.away(row, &scaled.ideal).sum::<f64>());
    let on = sums.enumerate().zip(&scaled.on).filter(|(_, on)| **on);
    let best = on.map(|(sum, _)| sum).min_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(i, _)| i)
        .ok_or_else(|| Error::invalid("there is no point to choose; give at least one"))
}

/// For each point how far it is from the ideal, the best of each column on the front.
///
/// The Euclidean distance, columns scaled to their range on the front and times `weights`: one of
/// 0 or more for each column, or one for all, or none (1). The least is the best compromise (Zeleny, 1973).
///
/// ```
/// use rag_core::routing::distance_to_ideal;
/// let away = distance_to_ideal(&[0.0, 4.0, 1.0, 2.0, 4.0, 0.0], 2, &[], &[])?;
/// assert_eq!(away, [1.0, 0.3125f64.sqrt(), 1.0]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn distance_to_ideal(
    points: &[f64],
    d: usize,
    weights: &[f64],
    maximize: &[bool],
) -> Result<Vec<f64>> {
    let scaled = Scaled::new(points, d, maximize)?;
    let weights = self::weights(weights, d)?;
    let distance = |row| {
        let away = scaled.away(row, &scaled.ideal).zip(&weights);
        away.map(|(x, w)| (w * x).powi(2)).sum::<f64>().sqrt()
    };
    Ok(scaled.rows().map(distance).collect())
}

/// For each point its augmented Chebyshev score; the least is the best.
///
/// `max_i w_i x_i + rho * sum_i w_i x_i` (Steuer and Choo, 1983), where `x` is what a point is
/// worse than the `reference`, columns scaled to their range on the front. Unlike the least weighted sum, it finds
/// points in dents of the front. The reference is a wish, one finite number a column, within
/// reach or not (Wierzbicki, 1980); none is the ideal. Weights are as for [`distance_to_ideal`].
///
/// ```
/// use rag_core::routing::{ChebyshevOptions, chebyshev};
/// let options = ChebyshevOptions::default().rho(0.0);
/// // The one in the middle lies in a dent: no weighted sum would choose it.
/// let scores = chebyshev(&[0.0, 4.0, 2.4, 2.4, 4.0, 0.0], 2, &[], &[], &[], &options)?;
/// assert_eq!(scores, [1.0, 0.6, 1.0]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn chebyshev(
    points: &[f64],
    d: usize,
    weights: &[f64],
    reference: &[f64],
    maximize: &[bool],
    options: &ChebyshevOptions,
) -> Result<Vec<f64>> {
    options.check()?;
    let scaled = Scaled::new(points, d, maximize)?;
    let weights = self::weights(weights, d)?;
    let reference = match reference {
        [] => scaled.ideal.clone(),
        given if given.len() == d && given.iter().all(|x| x.is_finite()) => {
            Points::new(given, d, maximize)?.data
        }
        given => {
            return Err(Error::invalid(format!(
                "reference must be {d} finite numbers, one for each column, got {given:?}"
            )));
        }
    };
    let score = |row| {
        let terms = scaled
            .away(row, &reference)
            .zip(&weights)
            .map(|(x, w)| w * x);
        let worst = terms.clone().fold(f64::NEG_INFINITY, f64::max);
        worst + options.rho * terms.sum::<f64>()
    };
    Ok(scaled.rows().map(score).collect())
}

fn weights(given: &[f64], d: usize) -> Result<Vec<f64>> {
    let weights = match given {
        [] => vec![1.0; d],
        given => per_column(given, d, "weights")?,
    };
    if let Some(bad) = weights.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
        return Err(Error::invalid(format!(
            "weights must be finite and 0 or more, got {bad}"
        )));
    }
    if weights.iter().all(|w| *w == 0.0) {
        return Err(Error::invalid(
            "weights must not all be 0; raise the one that matters",
        ));
    }
    Ok(weights)
}
