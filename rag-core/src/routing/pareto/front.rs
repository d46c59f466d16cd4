//! The Pareto front.
//!
//! A screen throws out most of a large set in one pass. What is left is sorted
//! lexicographically, so that only earlier points can dominate later ones: two columns need a
//! running minimum, three a staircase of the last two that grows. With more, points meet in tiles
//! (`tiles`), which takes `n^2 / 512` steps; large sets are split first as Kung, Luccio and
//! Preparata (1975) do, `O(n log^(d-2) n)`.

use super::points::{Points, Table};
use super::screen::screen;
use super::stairs::Stairs;
use super::tiles::Columns;
use crate::error::Result;

/// Up to so many points, and so many pairs, comparing all by tiles is faster than splitting.
const TILED: usize = 1 << 13;
const TILED_PAIRS: usize = 1 << 24;

/// The indices, ascending, of the points that no other dominates: none is at least as good in
/// every column and better in one.
///
/// `points` are rows of `d` numbers (1 to [`MAX_OBJECTIVES`](super::MAX_OBJECTIVES) columns);
/// `maximize` has one entry for each column, or one for all, or none (minimise). Equal points all
/// stay. Infinities are values; NaN is `InvalidArgument`.
///
/// ```
/// use rag_core::routing::pareto_front;
/// // Cost (less is better) and quality (more is better); the last two are the same point.
/// let points = [1.0, 0.2, 5.0, 0.9, 6.0, 0.9, 2.0, 0.5, 2.0, 0.5];
/// assert_eq!(pareto_front(&points, 2, &[false, true])?, [0, 1, 3, 4]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn pareto_front(points: &[f64], d: usize, maximize: &[bool]) -> Result<Vec<usize>> {
    let (left, rows) = screen(&Table::new(points, d, maximize)?)?;
    let on = on_front(&left).into_iter().enumerate();
    let places = on.filter_map(|(i, on)| on.then_some(i));
    Ok(match rows {
        None => places.collect(),
        Some(rows) => places.map(|i| rows[i] as usize).collect(),
    })
}

/// For each point whether it is on the front.
pub(super) fn on_front(points: &Points) -> Vec<bool> {
    if points.d == 1 {
        let least = points.data.iter().copied().fold(f64::INFINITY, f64::min);
        return points.data.iter().map(|x| *x == least).collect();
    }
    let order = points.lexicographic();
    match points.d {
        2 => {
            let mut lowest = None;
            judge(points, &order, |row| {
                let on = lowest.is_none_or(|low| row[1] < low);
                if on {
                    lowest = Some(row[1]);
                }
                on
            })
        }
        3 => {
            let mut stairs = Stairs::default();
            judge(points, &order, |row| {
                let on = !stairs.covers(row[1], row[2]);
                if on {
                    stairs.insert(stairs.locate(row[1]), row[1], row[2], |_, _| ());
                }
                on
            })
        }
        _ => {
            let (firsts, groups) = unique(points, &order);
            let mut result = vec![false; points.len()];
            for g in conquer(points, &firsts) {
                for i in &order[groups[g]..groups[g + 1]] {
                    result[*i as usize] = true;
                }
            }
            result
        }
    }
}

/// Asks about each point in order, once for equal ones, which stand together.
fn judge(points: &Points, order: &[u32], mut on: impl FnMut(&[f64]) -> bool) -> Vec<bool> {
    let mut result = vec![false; points.len()];
    let mut last: Option<(&[f64], bool)> = None;
    for i in order {
        let row = points.row(*i as usize);
        let verdict = match last {
            Some((equal, verdict)) if equal == row => verdict,
            _ => on(row),
        };
        last = Some((row, verdict));
        result[*i as usize] = verdict;
    }
    result
}

/// The first index of each group of equal points, and where the groups begin (and the end).
pub(super) fn unique(points: &Points, order: &[u32]) -> (Vec<u32>, Vec<usize>) {
    let mut firsts: Vec<u32> = Vec::new();
    let mut starts = Vec::new();
    for (at, i) in order.iter().enumerate() {
        let same = firsts
            .last()
            .is_some_and(|f| points.row(*f as usize) == points.row(*i as usize));
        if !same {
            firsts.push(*i);
            starts.push(at);
        }
    }
    starts.push(order.len());
    (firsts, starts)
}

/// The places of the front in `rows`, which are distinct and in lexicographic order.
fn conquer(points: &Points, rows: &[u32]) -> Vec<usize> {
    if rows.len() <= TILED {
        let on = Columns::new(points, rows.iter().copied(), 0..points.d).front();
        return (0..rows.len()).filter(|i| on[*i]).collect();
    }
    let middle = rows.len() / 2;
    let (low, high) = rows.split_at(middle);
    let mut kept = conquer(points, low);
    let high = conquer(points, high).into_iter().map(|i| i + middle);
    let a = kept.iter().map(|i| rows[*i]).collect::<Vec<u32>>();
    let b = high.map(|i| (rows[i], i)).collect();
    kept.extend(marry(points, &a, b, 1).into_iter().map(|(_, i)| i));
    kept
}

/// Those of `b` that no member of `a` covers in the columns from `from` on.
fn marry(points: &Points, a: &[u32], b: Vec<(u32, usize)>, from: usize) -> Vec<(u32, usize)> {
    if a.is_empty() || b.is_empty() {
        return b;
    }
    if points.d - from == 2 {
        return sweep(points, a, b);
    }
    if a.len().saturating_mul(b.len()) <= TILED_PAIRS {
        let rows = a.iter().copied().chain(b.iter().map(|(i, _)| *i));
        let free = Columns::new(points, rows, from..points.d).free(a.len());
        let pairs = b.into_iter().zip(free);
        return pairs.filter_map(|(i, free)| free.then_some(i)).collect();
    }
    let at = |i: u32| points.row(i as usize)[from];
    let both = a.iter().chain(b.iter().map(|(i, _)| i));
    let mut values: Vec<f64> = both.map(|i| at(*i)).collect();
    let middle = values.len() / 2;
    let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let m = *median;
    let of_a = |keep: &dyn Fn(f64) -> bool| -> Vec<u32> {
        a.iter().copied().filter(|i| keep(at(*i))).collect()
    };
    let (below, rest): (Vec<_>, Vec<_>) = b.into_iter().partition(|(i, _)| at(*i) < m);
    let rest = marry(points, &of_a(&|x| x <= m), rest, from + 1);
    let mut result = marry(points, &of_a(&|x| x < m), below, from);
    let (equal, above): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(i, _)| at(*i) == m);
    result.extend(equal);
    result.extend(marry(points, &of_a(&|x| x > m), above, from));
    result
}

/// [`marry`] for the last two columns: by the first of them, with the lowest second so far.
fn sweep(points: &Points, a: &[u32], mut b: Vec<(u32, usize)>) -> Vec<(u32, usize)> {
    let (x, y) = (points.d - 2, points.d - 1);
    let at = |i: u32| points.row(i as usize);
    let mut a = a.to_vec();
    a.sort_unstable_by(|i, j| at(*i)[x].total_cmp(&at(*j)[x]));
    b.sort_unstable_by(|(i, _), (j, _)| at(*i)[x].total_cmp(&at(*j)[x]));
    let mut next = a.iter().peekable();
    let mut lowest = None;
    b.retain(|(i, _)| {
        while let Some(k) = next.next_if(|k| at(**k)[x] <= at(*i)[x]) {
            let z = at(*k)[y];
            if lowest.is_none_or(|low| z < low) {
                lowest = Some(z);
            }
        }
        lowest.is_none_or(|low| at(*i)[y] < low)
    });
    b
}
