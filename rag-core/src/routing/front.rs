//! The Pareto front.
//!
//! A few strong points of a sample throw out most of a large set in one pass. What is left is
//! sorted lexicographically, so that only earlier points can dominate later ones: two columns
//! need a running minimum, three a Fenwick tree of minima over the second column, more the
//! divide and conquer of Kung, Luccio and Preparata (1975), `O(n log^(d-2) n)`.

use super::points::{Points, covers};
use crate::error::Result;

/// Sets smaller than this are not worth a sample.
const SAMPLE_FROM: usize = 8192;
const SAMPLE: usize = 2048;
const PIVOTS: usize = 48;
/// Below so many pairs, comparing all is faster than splitting.
const BRUTE_PAIRS: usize = 2048;
const BRUTE: usize = 48;

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
    Ok(front(&Points::new(points, d, maximize)?))
}

pub(super) fn front(points: &Points) -> Vec<usize> {
    let n = points.len();
    let order = if n >= SAMPLE_FROM && points.d > 1 {
        let pivots = pivots(points);
        let survives = |i: &usize| {
            let row = points.row(*i);
            !pivots.iter().any(|p| covers(p, row) && *p != row)
        };
        points.lexicographic((0..n).filter(survives))
    } else {
        points.lexicographic(0..n)
    };
    let (firsts, groups) = unique(points, &order);
    let kept = match points.d {
        1 => vec![0; usize::from(!firsts.is_empty())],
        2 => staircase(points, &firsts),
        3 => fenwick(points, &firsts),
        _ => {
            let mut alive = conquer(points, &firsts);
            alive.sort_unstable();
            let place = |i: &u32| firsts.partition_point(|f| before(points, *f, *i));
            let mut places: Vec<usize> = alive.iter().map(place).collect();
            places.sort_unstable();
            places
        }
    };
    let mut result: Vec<usize> = kept
        .into_iter()
        .flat_map(|g| order[groups[g]..groups[g + 1]].iter().map(|i| *i as usize))
        .collect();
    result.sort_unstable();
    result
}

fn before(points: &Points, a: u32, b: u32) -> bool {
    super::points::compare(points.row(a as usize), points.row(b as usize)).is_lt()
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

/// The front of a sample, those first that are good in all columns at once (by sum of ranks).
fn pivots(points: &Points) -> Vec<&[f64]> {
    let n = points.len();
    let step = n / SAMPLE;
    let sample: Vec<usize> = (0..SAMPLE).map(|i| i * step + i % step.max(1)).collect();
    let mut score = vec![0usize; SAMPLE];
    for column in 0..points.d {
        let mut by: Vec<usize> = (0..SAMPLE).collect();
        by.sort_by(|a, b| {
            let (x, y) = (points.row(sample[*a]), points.row(sample[*b]));
            x[column].total_cmp(&y[column])
        });
        for (rank, i) in by.into_iter().enumerate() {
            score[i] += rank;
        }
    }
    let mut by: Vec<usize> = (0..SAMPLE).collect();
    by.sort_by_key(|i| (score[*i], *i));
    let mut kept: Vec<&[f64]> = Vec::new();
    for i in by {
        let row = points.row(sample[i]);
        if !kept.iter().any(|k| covers(k, row)) {
            kept.push(row);
            if kept.len() == PIVOTS {
                break;
            }
        }
    }
    kept
}

fn staircase(points: &Points, firsts: &[u32]) -> Vec<usize> {
    let mut lowest = None;
    let mut kept = Vec::new();
    for (g, i) in firsts.iter().enumerate() {
        let y = points.row(*i as usize)[1];
        if lowest.is_none_or(|low| y < low) {
            lowest = Some(y);
            kept.push(g);
        }
    }
    kept
}

fn fenwick(points: &Points, firsts: &[u32]) -> Vec<usize> {
    let mut levels: Vec<f64> = firsts.iter().map(|i| points.row(*i as usize)[1]).collect();
    levels.sort_unstable_by(f64::total_cmp);
    levels.dedup();
    let mut tree: Vec<Option<f64>> = vec![None; levels.len() + 1];
    let mut kept = Vec::new();
    'points: for (g, i) in firsts.iter().enumerate() {
        let row = points.row(*i as usize);
        let level = levels.partition_point(|y| *y < row[1]) + 1;
        let mut at = level;
        while at > 0 {
            if tree[at].is_some_and(|z| z <= row[2]) {
                continue 'points;
            }
            at &= at - 1;
        }
        kept.push(g);
        at = level;
        while at < tree.len() {
            if tree[at].is_none_or(|z| row[2] < z) {
                tree[at] = Some(row[2]);
            }
            at += at & at.wrapping_neg();
        }
    }
    kept
}

/// The front of `rows`, which are distinct and in lexicographic order.
fn conquer(points: &Points, rows: &[u32]) -> Vec<u32> {
    if rows.len() <= BRUTE {
        let mut kept: Vec<u32> = Vec::new();
        for i in rows {
            let row = points.row(*i as usize);
            if !kept.iter().any(|k| covers(points.row(*k as usize), row)) {
                kept.push(*i);
            }
        }
        return kept;
    }
    let (low, high) = rows.split_at(rows.len() / 2);
    let mut kept = conquer(points, low);
    let high = conquer(points, high);
    let good = marry(points, &kept, high, 1);
    kept.extend(good);
    kept
}

/// Those of `b` that no member of `a` covers in the columns from `from` on.
fn marry(points: &Points, a: &[u32], b: Vec<u32>, from: usize) -> Vec<u32> {
    let at = |i: u32| &points.row(i as usize)[from..];
    if a.is_empty() || b.is_empty() {
        return b;
    }
    if a.len() * b.len() <= BRUTE_PAIRS {
        let free = |i: &u32| !a.iter().any(|k| covers(at(*k), at(*i)));
        return b.into_iter().filter(free).collect();
    }
    if points.d - from == 2 {
        return sweep(points, a, b);
    }
    let mut values: Vec<f64> = a.iter().chain(&b).map(|i| at(*i)[0]).collect();
    let middle = values.len() / 2;
    let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let m = *median;
    let part = |set: &[u32], keep: &dyn Fn(f64) -> bool| -> Vec<u32> {
        set.iter().copied().filter(|i| keep(at(*i)[0])).collect()
    };
    let a_up_to = part(a, &|x| x <= m);
    let b_from = marry(points, &a_up_to, part(&b, &|x| x >= m), from + 1);
    let mut result = marry(points, &part(a, &|x| x < m), part(&b, &|x| x < m), from);
    let (equal, above): (Vec<u32>, Vec<u32>) = b_from.into_iter().partition(|i| at(*i)[0] == m);
    result.extend(equal);
    result.extend(marry(points, &part(a, &|x| x > m), above, from));
    result
}

/// [`marry`] for the last two columns: by the first of them, with the lowest second so far.
fn sweep(points: &Points, a: &[u32], mut b: Vec<u32>) -> Vec<u32> {
    let (x, y) = (points.d - 2, points.d - 1);
    let at = |i: &u32| points.row(*i as usize);
    let mut a = a.to_vec();
    a.sort_unstable_by(|i, j| at(i)[x].total_cmp(&at(j)[x]));
    b.sort_unstable_by(|i, j| at(i)[x].total_cmp(&at(j)[x]));
    let mut next = a.iter().peekable();
    let mut lowest = None;
    b.retain(|i| {
        while let Some(k) = next.next_if(|k| at(k)[x] <= at(i)[x]) {
            let z = at(k)[y];
            if lowest.is_none_or(|low| z < low) {
                lowest = Some(z);
            }
        }
        lowest.is_none_or(|low| at(i)[y] < low)
    });
    b
}
