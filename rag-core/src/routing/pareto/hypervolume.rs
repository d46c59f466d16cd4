//! Hypervolume: how much of the space before a reference point a set of points dominates.
//!
//! Points become boxes from the reference. Two columns are one sweep, three a sweep along the
//! last column over a staircase whose area is kept (`O(n log n)`; Beume, Fonseca et al., 2009).
//! Four are a sweep that adds to a volume of three what each box has for itself alone, found by a
//! sweep of its own over the boxes so far (as in HV4D+; Guerreiro and Fonseca, 2018). Above that
//! the recursion of WFG (While, Bradstreet and Barone, 2012): each box adds itself less what
//! those that are larger in the last column, limited to it, cover; the last column falls away in
//! the limit.

use super::points::{Points, compare};
use super::stairs::Stairs;
use crate::error::{Error, Result};

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
    let Boxes { sizes, unit, .. } = Boxes::new(points, d, reference, maximize)?;
    if sizes.iter().any(|s| s.is_infinite()) {
        return Ok(f64::INFINITY);
    }
    Ok(volume(&sizes, d) * unit)
}

/// For each point the volume that it alone dominates: what [`hypervolume`] would lose without it.
///
/// Arguments as for [`hypervolume`]. Points that are dominated, not better than the reference, or
/// there twice have none. An infinite column makes the volume of a point infinite unless others
/// reach as far.
///
/// ```
/// use rag_core::routing::hypervolume_contributions;
/// let points = [1.0, 2.0, 2.0, 1.0, 2.5, 2.5];
/// assert_eq!(hypervolume_contributions(&points, 2, &[3.0, 3.0], &[])?, [1.0, 1.0, 0.0]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn hypervolume_contributions(
    points: &[f64],
    d: usize,
    reference: &[f64],
    maximize: &[bool],
) -> Result<Vec<f64>> {
    let boxes = Boxes::new(points, d, reference, maximize)?;
    let mut result = vec![0.0; points.len() / d];
    for (i, alone) in boxes.rows.iter().zip(exclusive(&boxes.sizes, d)) {
        result[*i] = alone * boxes.unit;
    }
    Ok(result)
}

/// Points as boxes from the reference, rows of `d` sizes of which all are positive.
pub(super) struct Boxes {
    pub sizes: Vec<f64>,
    /// The volume of a box of ones.
    pub unit: f64,
    /// Which points they are.
    pub rows: Vec<usize>,
}

impl Boxes {
    pub fn new(points: &[f64], d: usize, reference: &[f64], maximize: &[bool]) -> Result<Self> {
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
        let reference = Points::new(reference, d, maximize)?;
        let (mut sizes, mut rows) = (Vec::with_capacity(points.data.len()), Vec::new());
        let mut largest = vec![0.0; d];
        for (i, row) in points.data.chunks_exact(d).enumerate() {
            let start = sizes.len();
            sizes.extend(row.iter().zip(&reference.data).map(|(x, r)| r - x));
            if sizes[start..].iter().all(|s| *s > 0.0) {
                rows.push(i);
                for (largest, s) in largest.iter_mut().zip(&sizes[start..]) {
                    *largest = if s > largest && s.is_finite() {
                        *s
                    } else {
                        *largest
                    };
                }
            } else {
                sizes.truncate(start);
            }
        }
        // Powers of two keep boxes near 1, whatever the units, without rounding.
        let mut unit = 1.0;
        for power in &mut largest {
            let exponent = if *power > 0.0 {
                power.log2().floor()
            } else {
                0.0
            };
            *power = 2f64.powi(-exponent.clamp(-1000.0, 1000.0) as i32);
            unit /= *power;
        }
        for size in sizes.chunks_exact_mut(d) {
            size.iter_mut().zip(&largest).for_each(|(s, by)| *s *= by);
        }
        Ok(Self { sizes, unit, rows })
    }
}

/// The largest finite size in a column, or 0.
fn largest(sizes: &[f64], d: usize, column: usize) -> f64 {
    let column = sizes.iter().skip(column).step_by(d).copied();
    column.filter(|s| s.is_finite()).fold(0.0, f64::max)
}

/// For each box the volume that lies in no other.
pub(super) fn exclusive(sizes: &[f64], d: usize) -> Vec<f64> {
    if sizes.iter().all(|s| s.is_finite()) {
        return exclusive_finite(sizes, d);
    }
    // What still grows when the infinite ones end farther away is infinite.
    let ending = |times: f64| -> Vec<f64> {
        let ends: Vec<f64> = (0..d)
            .map(|c| times * largest(sizes, d, c).max(1.0))
            .collect();
        let each = sizes.iter().zip(ends.iter().cycle());
        exclusive_finite(&each.map(|(s, end)| s.min(*end)).collect::<Vec<f64>>(), d)
    };
    let (near, far) = (ending(2.0), ending(4.0));
    let pairs = near.into_iter().zip(far);
    pairs
        .map(|(near, far)| {
            if far > near * (1.0 + 1e-9) {
                f64::INFINITY
            } else {
                near
            }
        })
        .collect()
}

fn exclusive_finite(sizes: &[f64], d: usize) -> Vec<f64> {
    let rows: Vec<&[f64]> = sizes.chunks_exact(d).collect();
    let mut result = vec![0.0; rows.len()];
    if d == 1 {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|a, b| sizes[*b].total_cmp(&sizes[*a]));
        if let [first, rest @ ..] = order.as_slice() {
            result[*first] = sizes[*first] - rest.first().map_or(0.0, |i| sizes[*i]);
        }
        return result;
    }
    if d == 2
        && let Some(between) = between_neighbours(sizes)
    {
        return between;
    }
    let whole = |row: &[f64]| row.iter().product::<f64>();
    let mut limited = Vec::with_capacity(sizes.len());
    for (i, row) in rows.iter().enumerate() {
        limited.clear();
        for (j, other) in rows.iter().enumerate() {
            if j != i {
                limited.extend(row.iter().zip(*other).map(|(a, b)| a.min(*b)));
            }
        }
        result[i] = (whole(row) - volume(&limited, d)).max(0.0);
    }
    result
}

/// [`exclusive`] in two columns, where none of the boxes lies in another: each ends at its two
/// neighbours. Nothing if one does, because what lies in a box takes from what it has alone.
fn between_neighbours(sizes: &[f64]) -> Option<Vec<f64>> {
    let order = descending(sizes, 2, 0);
    let at = |k: usize| {
        order.get(k).map_or([0.0; 2], |i| {
            [sizes[2 * *i as usize], sizes[2 * *i as usize + 1]]
        })
    };
    let mut result = vec![0.0; order.len()];
    let mut high = 0.0;
    for (k, i) in order.iter().enumerate() {
        let [[width, height], [next, _]] = [at(k), at(k + 1)];
        if height <= high || width == next {
            return None;
        }
        result[*i as usize] = (width - next) * (height - high);
        high = height;
    }
    Some(result)
}

/// The volume of the union of boxes from the origin, rows of `d` sizes.
fn volume(sizes: &[f64], d: usize) -> f64 {
    match d {
        _ if sizes.is_empty() => 0.0,
        1 => sizes.iter().copied().fold(0.0, f64::max),
        2 => area(sizes),
        3 => sweep(sizes),
        4 => {
            let order = descending(sizes, 4, 3);
            let row = |i: u32| sizes[4 * i as usize..].first_chunk().copied();
            sweep_four(order.into_iter().filter_map(row), [f64::INFINITY; 3])
        }
        5 => recurse_five(sizes),
        _ => recurse(&outermost(sizes, d), d),
    }
}

/// The rows in descending order of a column.
fn descending(sizes: &[f64], d: usize, column: usize) -> Vec<u32> {
    let turned = Points {
        data: sizes.iter().skip(column).step_by(d).map(|s| -s).collect(),
        d: 1,
    };
    turned.by_column(0)
}

fn area(sizes: &[f64]) -> f64 {
    let (mut height, mut total) = (0.0, 0.0);
    for i in descending(sizes, 2, 0) {
        let [width, high] = [sizes[2 * i as usize], sizes[2 * i as usize + 1]];
        if high > height {
            total += width * (high - height);
            height = high;
        }
    }
    total
}

/// From the deepest box to the shallowest, adding to the area of those that reach so deep.
fn sweep(sizes: &[f64]) -> f64 {
    let mut stairs = Stairs::default();
    let (mut area, mut total, mut deep) = (0.0, 0.0, 0.0);
    for i in descending(sizes, 3, 2) {
        let row = &sizes[3 * i as usize..][..3];
        total += area * (deep - row[2]);
        deep = row[2];
        area += gain(&mut stairs, row[0], row[1]);
    }
    total + area * deep
}

/// Adds a rectangle from the origin to the stairs and returns the area that it adds. Stairs hold
/// negative widths and heights.
fn gain(stairs: &mut Stairs, width: f64, height: f64) -> f64 {
    let (y, z) = (-width, -height);
    let place = stairs.locate(y);
    let covers = |step: (f64, f64)| step.0 <= y && step.1 <= z;
    if place.left.is_some_and(covers) || stairs.at(&place).is_some_and(covers) {
        return 0.0;
    }
    let mut floor = place.left.map_or(0.0, |step| -step.1);
    let (mut right, mut added) = (width, 0.0);
    let next = stairs.insert(place, y, z, |covered, high| {
        added += (right + covered) * (height - floor);
        (right, floor) = (-covered, -high);
    });
    added + (right + next.map_or(0.0, |step| step.0)) * (height - floor)
}

/// As [`sweep`] in four columns: rows come by the last column, and add to the volume of the first
/// three, of which none is beyond `most`.
fn sweep_four(rows: impl Iterator<Item = [f64; 4]>, most: [f64; 3]) -> f64 {
    let mut solid = Solid::default();
    let (mut inner, mut total, mut deep) = (0.0, 0.0, 0.0);
    for [width, height, depth, last] in rows {
        let gained = solid.gain([width, height, depth]);
        if gained > 0.0 {
            total += inner * (deep - last);
            deep = last;
            inner += gained;
            if [width, height, depth] == most {
                break;
            }
        }
    }
    total + inner * deep
}

/// [`recurse`] for five columns, which keeps the boxes so far in the order of [`sweep_four`].
fn recurse_five(sizes: &[f64]) -> f64 {
    let mut active: Vec<[f64; 4]> = Vec::new();
    let mut total = 0.0;
    for i in descending(sizes, 5, 4) {
        let Some(&[a, b, c, d, last]) = sizes[5 * i as usize..].first_chunk() else {
            break;
        };
        let covers = |o: &[f64; 4]| o[0] >= a && o[1] >= b && o[2] >= c && o[3] >= d;
        if active.iter().any(covers) {
            continue;
        }
        let limited = active
            .iter()
            .map(|o| [o[0].min(a), o[1].min(b), o[2].min(c), o[3].min(d)]);
        total += last * (a * b * c * d - sweep_four(limited, [a, b, c]));
        active.retain(|o| !(o[0] <= a && o[1] <= b && o[2] <= c && o[3] <= d));
        let at = active.partition_point(|o| o[3] >= d);
        active.insert(at, [a, b, c, d]);
    }
    total
}

/// A union of boxes of three sizes, the deepest first.
#[derive(Default)]
struct Solid {
    boxes: Vec<[f64; 3]>,
    /// Widths and heights of what covers a box from the side, for one call.
    stairs: Vec<[f64; 2]>,
}

impl Solid {
    /// Adds a box and returns the volume that it adds.
    fn gain(&mut self, new: [f64; 3]) -> f64 {
        let [width, height, depth] = new;
        let at = self.boxes.partition_point(|b| b[2] >= depth);
        let hides = |b: &[f64; 3]| b[0] >= width && b[1] >= height;
        if self.boxes[..at].iter().any(hides) {
            return 0.0;
        }
        // Seen along the depth, boxes cover ever more of the new one's face.
        self.stairs.clear();
        let (mut open, mut added, mut deep) = (width * height, 0.0, depth);
        for b in &self.boxes[..at] {
            open -= cover(&mut self.stairs, b[0].min(width), b[1].min(height));
        }
        let mut hidden = false;
        for b in &self.boxes[at..] {
            let gained = cover(&mut self.stairs, b[0].min(width), b[1].min(height));
            if gained > 0.0 {
                added += open * (deep - b[2]);
                deep = b[2];
                hidden = hides(b);
                if hidden {
                    break;
                }
                open -= gained;
            }
        }
        if !hidden {
            added += open * deep;
        }
        // The new one goes in where it stands, and what it hides goes out, in one pass.
        let (mut carried, mut end) = (new, at);
        for i in at..self.boxes.len() {
            let b = self.boxes[i];
            if b[0] > width || b[1] > height {
                self.boxes[end] = std::mem::replace(&mut carried, b);
                end += 1;
            }
        }
        self.boxes.truncate(end);
        self.boxes.push(carried);
        added
    }
}

/// Adds a rectangle to a few, widths ascending and heights descending; answers the area added.
#[inline(always)]
fn cover(stairs: &mut Vec<[f64; 2]>, width: f64, height: f64) -> f64 {
    let at = stairs
        .iter()
        .position(|s| s[0] >= width)
        .unwrap_or(stairs.len());
    let mut floor = stairs.get(at).map_or(0.0, |s| s[1]);
    if floor >= height {
        return 0.0;
    }
    let end = at + usize::from(stairs.get(at).is_some_and(|s| s[0] == width));
    let (mut right, mut added, mut start) = (width, 0.0, at);
    while let Some(left) = start.checked_sub(1).map(|i| stairs[i]) {
        added += (right - left[0]) * (height - floor);
        right = left[0];
        if left[1] > height {
            break;
        }
        floor = left[1];
        start -= 1;
    }
    if start == 0 {
        added += right * (height - floor);
    }
    if start == end {
        stairs.insert(start, [width, height]);
    } else {
        stairs[start] = [width, height];
        stairs.drain(start + 1..end);
    }
    added
}

/// The boxes that lie in no other, in lexicographic order, largest first.
fn outermost(sizes: &[f64], d: usize) -> Vec<f64> {
    let mut rows: Vec<&[f64]> = sizes.chunks_exact(d).collect();
    rows.sort_unstable_by(|a, b| compare(b, a));
    let mut kept: Vec<&[f64]> = Vec::with_capacity(rows.len());
    for b in rows {
        let inside = |k: &&[f64]| k[1..].iter().zip(&b[1..]).all(|(x, y)| x >= y);
        if !kept.iter().any(inside) {
            kept.push(b);
        }
    }
    kept.concat()
}

fn recurse(sizes: &[f64], d: usize) -> f64 {
    let order = descending(sizes, d, d - 1);
    let row = |i: u32| &sizes[i as usize * d..][..d];
    let (mut total, mut limited) = (0.0, Vec::with_capacity(sizes.len()));
    for (at, i) in order.iter().enumerate() {
        let b = row(*i);
        limited.clear();
        // What comes before is at least as large in the last column, so it is full within this box.
        for other in &order[..at] {
            let pair = row(*other)[..d - 1].iter().zip(&b[..d - 1]);
            limited.extend(pair.map(|(x, y)| x.min(*y)));
        }
        let whole: f64 = b[..d - 1].iter().product();
        total += b[d - 1] * (whole - volume(&limited, d - 1));
    }
    total
}
