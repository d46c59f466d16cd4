//! A front with fewer points: one for each step of a size that matters.

use super::front::on_front;
use super::points::{Points, Table, per_column};
use super::screen::screen;
use crate::error::{Error, Result};
use crate::option_enum;

option_enum! {
    /// How far apart points of an [`epsilon_front`] are.
    Epsilon {
        /// By a difference.
        Additive = "additive",
        /// By a ratio: 0.1 is a tenth more.
        Multiplicative = "multiplicative",
    }
}

/// The indices, ascending, of a part of the front that stands for all of it: every point given
/// is, up to `epsilon` in each column, covered by one of them (Laumanns, Thiele, Deb and Zitzler,
/// 2002).
///
/// The space is cut into boxes that are `epsilon` wide: one width (> 0) for each column, or one
/// for all. Boxes that others dominate are empty, of each other box the point nearest to its best
/// corner stays, the first of equal ones. `Multiplicative` boxes are `1 + epsilon` times as far
/// from zero on one side as on the other, and need positive numbers.
///
/// ```
/// use rag_core::routing::{Epsilon, epsilon_front};
/// let points = [0.0, 1.0, 0.01, 0.99, 0.5, 0.5, 1.0, 0.0];
/// assert_eq!(epsilon_front(&points, 2, &[0.1], Epsilon::Additive, &[])?, [1, 2, 3]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn epsilon_front(
    points: &[f64],
    d: usize,
    epsilon: &[f64],
    kind: Epsilon,
    maximize: &[bool],
) -> Result<Vec<usize>> {
    let table = Table::new(points, d, maximize)?;
    let widths = per_column(epsilon, d, "epsilon")?;
    if let Some(bad) = widths.iter().find(|e| !(**e > 0.0 && e.is_finite())) {
        return Err(Error::invalid(format!(
            "epsilon must be a finite number above 0, got {bad}"
        )));
    }
    let multiply = kind == Epsilon::Multiplicative;
    if multiply && let Some(at) = points.iter().position(|x| *x <= 0.0) {
        return Err(Error::invalid(format!(
            "point {} has {} in column {}; multiplicative boxes need positive numbers, shift the column or take additive ones",
            at / d,
            points[at],
            at % d
        )));
    }
    let (left, rows) = screen(&table)?;
    // In boxes from the corner that the column is measured from.
    let place = |x: f64, column: usize| match multiply {
        true => table.signs[column] * (x.abs().ln() / widths[column].ln_1p()),
        false => x / widths[column],
    };
    let front: Vec<usize> = (0..left.len())
        .zip(on_front(&left))
        .filter_map(|(i, on)| on.then_some(i))
        .collect();
    let mut boxes = Points {
        data: Vec::with_capacity(front.len() * d),
        d,
    };
    let mut away = Vec::with_capacity(front.len());
    for i in &front {
        let places = left.row(*i).iter().enumerate().map(|(c, x)| place(*x, c));
        away.push(
            places
                .clone()
                .map(|p| (p - p.floor()).powi(2))
                .filter(|x| x.is_finite())
                .sum::<f64>(),
        );
        boxes.data.extend(places.map(|p| p.floor() + 0.0));
    }
    let on = on_front(&boxes);
    let order: Vec<u32> = boxes
        .lexicographic()
        .into_iter()
        .filter(|i| on[*i as usize])
        .collect();
    let mut result = Vec::new();
    for equal in order.chunk_by(|a, b| boxes.row(*a as usize) == boxes.row(*b as usize)) {
        // The first of those that are as near.
        let best = equal
            .iter()
            .min_by(|a, b| away[**a as usize].total_cmp(&away[**b as usize]));
        result.extend(best.map(|i| front[*i as usize]));
    }
    let mut result: Vec<usize> = result
        .into_iter()
        .map(|i| rows.as_ref().map_or(i, |rows| rows[i] as usize))
        .collect();
    result.sort_unstable();
    Ok(result)
}
