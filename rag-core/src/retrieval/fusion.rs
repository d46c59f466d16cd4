//! Fusion: one ranking from several.
//!
//! Convex fusion adds scores that were scaled by their theoretical range, not by the range that
//! this query's hits happen to have (Bruch, Gai and Ingber, 2023): a document's fused score then
//! does not depend on which other documents were found. Reciprocal rank fusion (Cormack, Clarke
//! and Buettcher, 2009) needs no scores at all.

use super::topk;
use crate::error::{Error, Result};
use std::collections::{HashMap, HashSet};

/// A BM25 score as a share of the largest that any text could have for the query, in [0, 1].
///
/// A query without known terms has a bound of 0: then every score is 0.
pub fn normalize_lexical(score: f32, upper_bound: f32) -> f32 {
    if upper_bound > 0.0 && score > 0.0 {
        (score / upper_bound).min(1.0)
    } else {
        0.0
    }
}

/// A cosine in [-1, 1] moved to [0, 1]: `(1 + cosine) / 2`.
pub fn normalize_cosine(cosine: f32) -> f32 {
    ((1.0 + cosine) / 2.0).clamp(0.0, 1.0)
}

/// `weight * lexical + (1 - weight) * dense` of scores that are in [0, 1]; a missing one is 0.
///
/// ```
/// use rag_core::retrieval::fusion::{convex, normalize_cosine, normalize_lexical};
/// let (lexical, dense) = (normalize_lexical(6.0, 8.0), normalize_cosine(0.5));
/// assert_eq!(convex(Some(lexical), Some(dense), 1.0), 0.75);
/// assert_eq!(convex(None, Some(dense), 0.5), 0.375);
/// ```
pub fn convex(lexical: Option<f32>, dense: Option<f32>, weight: f32) -> f32 {
    weight * lexical.unwrap_or(0.0) + (1.0 - weight) * dense.unwrap_or(0.0)
}

crate::options! {
    /// How ranks become scores.
    FuseOptions {
        /// The constant of reciprocal rank fusion, more than 0: larger ones flatten the ranks.
        k: f32 = 60.0, in 0.0..=1e6;
    }
}

/// Reciprocal rank fusion: the score of an id is the sum of `1 / (k + rank)` over the rankings
/// that hold it, with ranks from 1 (Cormack, Clarke and Buettcher, 2009).
///
/// Answers every id once: score descending, then id ascending. The order of the rankings does
/// not matter, to the bit. Fails with `InvalidArgument` if `k` is not more than 0 or a ranking
/// holds an id twice.
///
/// ```
/// use rag_core::retrieval::fusion::{FuseOptions, fuse};
/// let fused = fuse(&[&[7, 8, 9], &[9, 8]], &FuseOptions::default())?;
/// let ids: Vec<u64> = fused.iter().map(|hit| hit.0).collect();
/// assert_eq!(ids, [9, 8, 7], "third and first beats second and second");
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn fuse(rankings: &[&[u64]], options: &FuseOptions) -> Result<Vec<(u64, f32)>> {
    options.check()?;
    if options.k <= 0.0 {
        return Err(Error::invalid(format!(
            "k must be more than 0, got {}",
            options.k
        )));
    }
    let mut ranks: HashMap<u64, Vec<usize>> = HashMap::new();
    for (i, ranking) in rankings.iter().enumerate() {
        let mut seen = HashSet::with_capacity(ranking.len());
        for (at, &id) in ranking.iter().enumerate() {
            if !seen.insert(id) {
                return Err(Error::invalid(format!(
                    "ranking {i} holds id {id} twice; each id has one rank in a ranking"
                )));
            }
            ranks.entry(id).or_default().push(at + 1);
        }
    }
    let k = f64::from(options.k);
    let mut fused: Vec<(u64, f32)> = ranks
        .into_iter()
        .map(|(id, mut ranks)| {
            // Sums of floats depend on their order; ranks that are equal must tie.
            ranks.sort_unstable();
            let score: f64 = ranks.iter().map(|&rank| 1.0 / (k + rank as f64)).sum();
            (id, score as f32)
        })
        .collect();
    fused.sort_unstable_by(topk::compare);
    Ok(fused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_of_the_rankings_does_not_matter(
            mut lists in prop::collection::vec(prop::collection::hash_set(0u64..20, 0..12), 0..5),
        ) {
            let all = |lists: &[std::collections::HashSet<u64>]| {
                let lists: Vec<Vec<u64>> = lists
                    .iter()
                    .map(|l| {
                        let mut l: Vec<u64> = l.iter().copied().collect();
                        l.sort_by_key(|x| x.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                        l
                    })
                    .collect();
                let views: Vec<&[u64]> = lists.iter().map(Vec::as_slice).collect();
                fuse(&views, &FuseOptions::default()).unwrap()
            };
            let forward = all(&lists);
            lists.reverse();
            prop_assert_eq!(forward, all(&lists));
        }
    }

    #[test]
    fn normalised_scores_stay_in_their_range() {
        assert_eq!(normalize_lexical(5.0, 0.0), 0.0);
        assert_eq!(normalize_lexical(5.0000005, 5.0), 1.0);
        assert_eq!(normalize_cosine(1.0000001), 1.0);
        assert_eq!(normalize_cosine(-1.0000001), 0.0);
    }
}
