//! What a user's ratings say about where their queries should go.
//!
//! Two estimates are added at equal weight: a Bayesian linear regression of the ratings on the
//! dials, which learns from a handful of ratings, and the decayed difference of liked and disliked
//! items, which finds tastes that no dial names (after Rocchio, 1971).

use super::direction::{add_scaled, normalise};
use super::feedback::Event;
use super::vector::SteeringVector;
use crate::kernel::linalg::{Cholesky, dot};

/// Each rating makes the ones before it count for a hundredth less.
const DECAY: f64 = 0.99;
/// Ratings of one half that every user starts with, so that likes alone still say something.
const PRIOR_RATINGS: f64 = 2.0;
/// Ratings after which a user is followed half of the way.
const HALF_TRUST: f64 = 3.0;
/// Noise over prior variance of the regression on dials that are scaled to unit size.
const RIDGE: f64 = 1.0;
/// The length of a fully trusted shift when there are no dials to take it from.
const ALONE: f64 = 0.3;

/// What is added to a unit query for a user.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shift(pub(super) Vec<f64>);

/// The shift for ratings in their order; nothing if they point nowhere.
pub(super) fn shift<'a>(
    events: &[Event],
    dials: impl Iterator<Item = &'a SteeringVector>,
) -> Option<Shift> {
    let kept: Vec<&Event> = events.iter().filter(|e| e.kept).collect();
    let dim = kept.first()?.residual.len();
    let count = kept.len() as i32;
    let weights: Vec<f64> = (0..count).map(|i| DECAY.powi(count - 1 - i)).collect();
    let total: f64 = weights.iter().sum();
    let rated: f64 = kept.iter().zip(&weights).map(|(e, w)| w * e.rating).sum();
    let usual = (rated + 0.5 * PRIOR_RATINGS) / (total + PRIOR_RATINGS);
    let rows: Vec<Vec<f64>> = kept
        .iter()
        .map(|e| e.residual.iter().copied().map(f64::from).collect())
        .collect();
    let surprise: Vec<f64> = kept
        .iter()
        .zip(&weights)
        .map(|(e, w)| w * (e.rating - usual))
        .collect();

    let mut difference = vec![0.0; dim];
    for (row, s) in rows.iter().zip(&surprise) {
        add_scaled(&mut difference, *s, row);
    }
    let differs = normalise(&mut difference);

    let (axes, lengths): (Vec<Vec<f64>>, Vec<f64>) = dials
        .filter_map(|v| {
            let mut axis = v.wide();
            let length = v.scale() * dot(&axis, &axis).sqrt();
            normalise(&mut axis).then_some((axis, length))
        })
        .unzip();
    let mut direction = on_dials(&rows, &weights, &surprise, &axes, dim);
    let on_dials = normalise(&mut direction);
    if differs {
        add_scaled(&mut direction, 1.0, &difference);
    }
    if !(differs || on_dials) || !normalise(&mut direction) {
        return None;
    }
    let full = if lengths.is_empty() {
        ALONE
    } else {
        lengths.iter().sum::<f64>() / lengths.len() as f64
    };
    let length = full * total / (total + HALF_TRUST);
    direction.iter_mut().for_each(|v| *v *= length);
    Some(Shift(direction))
}

/// The gradient of the rating that a Bayesian linear regression on the dials expects.
fn on_dials(
    rows: &[Vec<f64>],
    weights: &[f64],
    surprise: &[f64],
    axes: &[Vec<f64>],
    dim: usize,
) -> Vec<f64> {
    let k = axes.len();
    let mut gradient = vec![0.0; dim];
    let mut z: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| axes.iter().map(|axis| dot(axis, row)).collect())
        .collect();
    let sizes: Vec<f64> = (0..k)
        .map(|j| (z.iter().map(|r| r[j] * r[j]).sum::<f64>() / rows.len() as f64).sqrt())
        .map(|size| size.max(1e-6))
        .collect();
    for row in &mut z {
        row.iter_mut().zip(&sizes).for_each(|(v, size)| *v /= size);
    }
    let mut a = vec![0.0; k * k];
    let mut b = vec![0.0; k];
    for ((row, w), s) in z.iter().zip(weights).zip(surprise) {
        for j in 0..k {
            add_scaled(&mut a[j * k..(j + 1) * k], w * row[j], row);
        }
        add_scaled(&mut b, *s, row);
    }
    (0..k).for_each(|j| a[j * k + j] += RIDGE);
    if let Some(factor) = Cholesky::new(&a, k) {
        for ((beta, axis), size) in factor.solve(&b).iter().zip(axes).zip(&sizes) {
            add_scaled(&mut gradient, beta / size, axis);
        }
    }
    gradient
}
