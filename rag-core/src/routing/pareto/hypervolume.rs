//! Hypervolume: how much of the space before a reference point a set of points dominates.
//!
//! Two columns are one sweep, three a sweep along the last column over a staircase whose area is
//! kept (`O(n log n)`; Beume, Fonseca et al., 2009). Above that the WFG recursion (While,
//! Bradstreet and Barone, 2012): each point adds its box less what the points after it, limited
//! to that box, already cover; the column that they are sorted by falls away in the limit.

use super::order::ordered;
use super::points::{Points, compare, signs};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// The most columns for which a hypervolume is computed: exact volumes take time that grows
/// exponentially with the columns.
pub const MAX_VOLUME_OBJECTIVES: usize = 10;

/// The volume of what lies between `reference` and at least one of the points, exactly.
///
/// `points` are rows of `d` (1 to [`MAX_VOLUME_OBJECTIVES`]), `maximize` is as for
/// [`pareto_front`](super::pareto_front). The reference has `d` finite numbers. Points that are
/// not better than it in every column contribute nothing; one that is infinitely better makes the
/// volume infinite. Up to three columns take `O(n log n)`; more are meant for fronts of some
/// thousand points.
///
/// ```
/// use rag_core::routing::hypervolume;
/// let volume = hypervolume(&[1.0, 2.0, 2.0, 1.0, 9.0, 0.0], 2, &[3.0, 3.0], &[])?;
/// assert_eq!(volume, 3.0);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn hypervolume(points: &[f64], d: usize, reference: &[f64], maximize: &[bool]) -> Result<f64> {
    if d > MAX_VOLUME_OBJECTIVES {
        return Err(Error::invalid(format!(
            "a hypervolume takes at most {MAX_VOLUME_OBJECTIVES} columns, got {d}"
        )));
    }
    let points = Points::new(points, d, maximize)?;
    if reference.len() != d {
        return Err(Error::invalid(format!(
            "the reference has {} numbers, the points have {d} columns",
            reference.len()
        )));
    }
    if let Some(bad) = reference.iter().find(|x| !x.is_finite()) {
        return Err(Error::invalid(format!(
            "the reference must be finite, got {bad}"
        )));
    }
    let signs = signs(d, maximize)?;
    let mut sizes: Vec<f64> = Vec::new();
    for i in 0..points.len() {
        let row = points.row(i).iter().zip(reference).zip(&signs);
        let size = row.map(|((x, r), sign)| r * sign - x);
        if size.clone().all(|s| s > 0.0) {
            sizes.extend(size);
        }
    }
    if sizes.iter().any(|s| s.is_infinite()) {
        return Ok(f64::INFINITY);
    }
    // Powers of two keep boxes near 1, whatever the units, without rounding.
    let mut unit = 1.0;
    for column in 0..d {
        let largest = sizes
            .iter()
            .skip(column)
            .step_by(d)
            .copied()
            .fold(0.0, f64::max);
        if largest > 0.0 {
            let power = 2f64.powi(largest.log2().floor().clamp(-1000.0, 1000.0) as i32);
            unit *= power;
            sizes
                .iter_mut()
                .skip(column)
                .step_by(d)
                .for_each(|s| *s /= power);
        }
    }
    let boxes = sizes.chunks_exact(d).map(Vec::from).collect();
    Ok(volume(boxes, d) * unit)
}

/// The volume of the union of boxes from the origin, of which the first `d` sizes count.
fn volume(mut boxes: Vec<Vec<f64>>, d: usize) -> f64 {
    match (d, boxes.as_slice()) {
        (_, []) => 0.0,
        (_, [one]) => one[..d].iter().product(),
        (1, _) => boxes.iter().map(|b| b[0]).fold(0.0, f64::max),
        (2, _) => area(&mut boxes),
        (3, _) => sweep(&mut boxes),
        _ => recurse(&outermost(boxes, d), d),
    }
}

fn area(boxes: &mut [Vec<f64>]) -> f64 {
    boxes.sort_unstable_by(|a, b| b[0].total_cmp(&a[0]));
    let (mut height, mut total) = (0.0, 0.0);
    for b in boxes.iter() {
        if b[1] > height {
            total += b[0] * (b[1] - height);
            height = b[1];
        }
    }
    total
}

/// From the deepest box to the shallowest, adding to the area of those that reach so deep.
fn sweep(boxes: &mut [Vec<f64>]) -> f64 {
    boxes.sort_unstable_by(|a, b| b[2].total_cmp(&a[2]));
    // Width -> height; heights fall as widths grow.
    let mut stairs: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    let (mut area, mut total) = (0.0, 0.0);
    for (at, b) in boxes.iter().enumerate() {
        area += gain(&mut stairs, b[0], b[1]);
        let next = boxes.get(at + 1).map_or(0.0, |n| n[2]);
        total += area * (b[2] - next);
    }
    total
}

/// Adds a rectangle to the stairs and returns the area that it adds.
fn gain(stairs: &mut BTreeMap<u64, (f64, f64)>, width: f64, height: f64) -> f64 {
    let key = ordered(width);
    let mut floor = match stairs.range(key..).next() {
        Some((_, (_, h))) if *h >= height => return 0.0,
        Some((_, (_, h))) => *h,
        None => 0.0,
    };
    let (mut right, mut added) = (width, 0.0);
    stairs.remove(&key);
    loop {
        let left = stairs.range(..key).next_back().map(|(k, step)| (*k, *step));
        let (x, h) = left.map_or((0.0, f64::INFINITY), |(_, step)| step);
        added += (right - x) * (height - floor);
        match left {
            Some((k, _)) if h <= height => {
                stairs.remove(&k);
                (right, floor) = (x, h);
            }
            _ => break,
        }
    }
    stairs.insert(key, (width, height));
    added
}

/// The boxes that lie in no other, in lexicographic order, largest first.
fn outermost(mut boxes: Vec<Vec<f64>>, d: usize) -> Vec<Vec<f64>> {
    boxes.sort_unstable_by(|a, b| compare(&b[..d], &a[..d]));
    let mut kept: Vec<Vec<f64>> = Vec::with_capacity(boxes.len());
    for b in boxes {
        let inside = |k: &Vec<f64>| k[1..d].iter().zip(&b[1..d]).all(|(x, y)| x >= y);
        if !kept.iter().any(inside) {
            kept.push(b);
        }
    }
    kept
}

fn recurse(boxes: &[Vec<f64>], d: usize) -> f64 {
    let mut order: Vec<&Vec<f64>> = boxes.iter().collect();
    order.sort_by(|a, b| a[d - 1].total_cmp(&b[d - 1]));
    let mut total = 0.0;
    for (at, b) in order.iter().enumerate() {
        // What comes after is at least as large in the last column, so it is full within this box.
        let limited = order[at + 1..].iter().map(|o| {
            let pair = o[..d - 1].iter().zip(&b[..d - 1]);
            pair.map(|(x, y)| x.min(*y)).collect()
        });
        let whole: f64 = b[..d - 1].iter().product();
        total += b[d - 1] * (whole - volume(limited.collect(), d - 1));
    }
    total
}
