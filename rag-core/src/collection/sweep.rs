//! The rankings of one query at many shares of BM25, by few searches.
//!
//! The one idea: at a fixed pair of scores the blend is linear in the share. What neither of two
//! searches has among its best scores at most the line between the last of the one and the last of
//! the other, so that in between the best are known as soon as they lie above that line; elsewhere
//! another search is made in the middle. Every ranking is that of a search with that share.

use super::rank::{Blend, Found, Search};
use crate::retrieval::lexical::Asked;
use std::collections::BTreeMap;

/// Rows that are looked at beyond those asked for: the more of them, the lower the line.
const BEYOND: usize = 16;
/// By so much more than the line a score must be: what rounding may take from it.
const ROUNDING: f64 = 1e-6;

/// The best of one search, and the score that no other row has more than; minus infinity if there is
/// no other.
struct Known {
    best: Vec<Found>,
    rest: f64,
}

/// For each of the shares, ascending and each different, the best `depth` rows as a search with it
/// ranks them.
pub(super) fn rankings(
    search: &Search<'_>,
    mut asked: Option<&mut Asked<'_>>,
    shares: &[f32],
    depth: usize,
) -> Vec<Vec<Found>> {
    let mut found: Vec<Option<Vec<Found>>> = vec![None; shares.len()];
    let mut known: BTreeMap<usize, Known> = BTreeMap::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut look = |at: usize, known: &mut BTreeMap<usize, Known>| {
        let deep = depth + BEYOND;
        let best = with_share(search, shares[at]).best(deep, asked.as_deref_mut());
        let rest = match best.get(deep - 1) {
            Some(last) => f64::from(last.score),
            None => f64::NEG_INFINITY,
        };
        known.insert(at, Known { best, rest });
    };
    if let Some(last) = shares.len().checked_sub(1) {
        look(0, &mut known);
        if last > 0 {
            look(last, &mut known);
            open.push((0, last));
        }
    }
    while let Some((low, high)) = open.pop() {
        let pool = together(&known[&low].best, &known[&high].best);
        let mut missing = Vec::new();
        for at in (low + 1..high)
            .filter(|at| found[*at].is_none())
            .collect::<Vec<_>>()
        {
            let across =
                f64::from(shares[at] - shares[low]) / f64::from(shares[high] - shares[low]);
            let line = between(known[&low].rest, known[&high].rest, across);
            let best = among(&with_share(search, shares[at]), &pool, depth);
            let kth = best.get(depth - 1).map(|last| f64::from(last.score));
            match line == f64::NEG_INFINITY || kth.is_some_and(|kth| kth > line + ROUNDING) {
                true => found[at] = Some(best),
                false => missing.push(at),
            }
        }
        if !missing.is_empty() {
            let middle = missing[missing.len() / 2];
            look(middle, &mut known);
            let halves = [(low, middle), (middle, high)];
            open.extend(halves.into_iter().filter(|(a, b)| b - a > 1));
        }
    }
    for (at, known) in known {
        let mut best = known.best;
        best.truncate(depth);
        found[at] = Some(best);
    }
    found.into_iter().map(Option::unwrap_or_default).collect()
}

fn with_share<'a>(search: &Search<'a>, weight: f32) -> Search<'a> {
    Search {
        blend: Blend {
            weight,
            ..search.blend
        },
        ..*search
    }
}

/// A line that ends at minus infinity lies there as a whole only if both ends do: what one search has
/// not among its best may be bounded by the other alone.
fn between(low: f64, high: f64, across: f64) -> f64 {
    match (low.is_finite(), high.is_finite()) {
        (true, true) => (1.0 - across) * low + across * high,
        // One of them has seen every row there is.
        _ => f64::NEG_INFINITY,
    }
}

/// Each row of both once.
fn together(a: &[Found], b: &[Found]) -> Vec<Found> {
    let mut both = [a, b].concat();
    both.sort_unstable_by_key(|found| found.row);
    both.dedup_by_key(|found| found.row);
    both
}

/// The best of some rows by the blend of `search`.
fn among(search: &Search<'_>, pool: &[Found], depth: usize) -> Vec<Found> {
    let scored = pool.iter();
    let scored = scored.filter_map(|found| search.found(found.row, found.lexical, found.dense));
    let mut best: Vec<Found> = scored.collect();
    search.keep_best(&mut best, depth);
    best
}
