//! From the best rows of a search to those that are shown: ranks that become one score, and diversity.
//!
//! What one collection does with its rows and what is done with the hits of several shards is the same,
//! so both ask here.

use super::query::Mode;
use super::rank::{Blend, Found, Search};
use super::state::State;
use crate::kernel;
use crate::retrieval::diversity;
use crate::retrieval::fusion::{normalize_cosine, normalize_lexical};
use crate::retrieval::lexical::Asked;
use std::collections::BTreeMap;

/// The constant of reciprocal rank fusion (Cormack et al., 2009).
const RRF_K: f32 = 60.0;
/// Documents of each ranking that rank fusion looks at, as a multiple of k, and at least.
const RRF_DEPTH: (usize, usize) = (10, 100);
/// Documents among which diversity chooses, as a multiple of k, and at least.
const DIVERSITY_POOL: (usize, usize) = (5, 50);

/// What each ranking gave a row, where ranks were fused.
pub(super) type Shares = BTreeMap<u32, (f32, f32)>;

/// What a score is worth, in 0 to 1.
pub(super) struct Worth {
    pub(super) blend: Blend,
    pub(super) by_ranks: bool,
    /// What dials add to a cosine at most.
    pub(super) most: f32,
}

impl Worth {
    /// Relevance is weighed against likeness by its differences alone: what dials add moves it back
    /// below what it could be at most.
    pub(super) fn of(&self, score: f32) -> f32 {
        match (self.blend.mode, self.by_ranks) {
            (_, true) => score * (RRF_K + 1.0) / 2.0,
            (Mode::Lexical, _) => normalize_lexical(score, self.blend.bound),
            (Mode::Dense, _) => normalize_cosine(score - self.most),
            (Mode::Hybrid, _) => score - self.blend.lifted(self.most),
        }
    }
}

pub(super) fn pool_size(k: usize, diversity: f32) -> usize {
    match diversity > 0.0 {
        true => (k * DIVERSITY_POOL.0).max(DIVERSITY_POOL.1),
        false => k,
    }
}

/// Documents of each ranking that rank fusion looks at, for `k` hits.
pub(super) fn rrf_depth(k: usize) -> usize {
    (k * RRF_DEPTH.0).max(RRF_DEPTH.1)
}

/// What each of two rankings gives those that stand on them.
pub(super) fn reciprocal_ranks<K: Ord + Copy>(
    lexical: impl Iterator<Item = K>,
    dense: impl Iterator<Item = K>,
) -> BTreeMap<K, (f32, f32)> {
    let share = |rank: usize| 1.0 / (RRF_K + rank as f32 + 1.0);
    let mut shares: BTreeMap<K, (f32, f32)> = BTreeMap::new();
    for (rank, key) in lexical.enumerate() {
        shares.entry(key).or_default().0 = share(rank);
    }
    for (rank, key) in dense.enumerate() {
        shares.entry(key).or_default().1 = share(rank);
    }
    shares
}

/// The first of both rankings, for rank fusion.
pub(super) fn both_rankings(
    search: &Search<'_>,
    asked: Option<&mut Asked<'_>>,
    k: usize,
) -> [Vec<Found>; 2] {
    let depth = rrf_depth(k);
    // Ranks tell the first of a ranking from the last of it by little: no need to look for each of
    // them as long as where vectors alone decide.
    let of = |mode, dense| Search {
        blend: Blend {
            mode,
            ..search.blend
        },
        dense,
        effort: search.effort.or(Some(depth + depth / 2)),
        ..*search
    };
    let lexical = of(Mode::Lexical, None).best(depth, asked);
    let dense = of(Mode::Dense, search.dense).best(depth, None);
    [lexical, dense]
}

/// Gives rows their BM25 scores.
pub(super) fn with_words(found: &mut [Found], asked: Option<&mut Asked<'_>>) {
    let Some(asked) = asked else { return };
    let rows: Vec<u32> = found.iter().map(|found| found.row).collect();
    let mut scores = vec![0.0; rows.len()];
    asked.scores(&rows, &mut scores);
    for (found, score) in found.iter_mut().zip(scores) {
        found.lexical = score;
    }
}

/// Rank fusion over the first of both rankings: the best `pool`.
pub(super) fn fuse_ranks(
    search: &Search<'_>,
    pool: usize,
    mut asked: Option<&mut Asked<'_>>,
    k: usize,
) -> (Vec<Found>, Shares) {
    let [lexical, dense] = both_rankings(search, asked.as_deref_mut(), k);
    let rows = |found: &[Found]| found.iter().map(|found| found.row).collect::<Vec<u32>>();
    let shares = reciprocal_ranks(rows(&lexical).into_iter(), rows(&dense).into_iter());
    let mut found: BTreeMap<u32, Found> = BTreeMap::new();
    for one in lexical.into_iter().chain(dense) {
        found.entry(one.row).or_insert(one);
    }
    for found in found.values_mut() {
        let (a, b) = shares[&found.row];
        found.score = a + b;
    }
    let mut ranked: Vec<Found> = found.into_values().collect();
    search.keep_best(&mut ranked, pool);
    with_words(&mut ranked, asked);
    (ranked, shares)
}

/// The first `k` of a ranking, or those that maximal marginal relevance chooses.
pub(super) fn diversify(
    state: &State,
    ranked: &[Found],
    relevance: &dyn Fn(f32) -> f32,
    how: (usize, f32),
) -> Vec<Found> {
    let scores: Vec<f32> = ranked.iter().map(|found| found.score).collect();
    let vector = |i: usize| state.vector(ranked[i].row);
    let chosen = chosen(&scores, &vector, relevance, how);
    chosen.into_iter().map(|i| ranked[i]).collect()
}

/// Which of a ranking are taken: the first `k`, or those that maximal marginal relevance chooses. Relevance
/// and likeness are both in [0, 1]: what a score could be at most, and the cosine moved there.
pub(super) fn chosen<'v>(
    scores: &[f32],
    vector: &dyn Fn(usize) -> Option<&'v [f32]>,
    relevance: &dyn Fn(f32) -> f32,
    (k, diversity): (usize, f32),
) -> Vec<usize> {
    if diversity <= 0.0 {
        return (0..k.min(scores.len())).collect();
    }
    let relevance: Vec<f32> = scores.iter().map(|&score| relevance(score)).collect();
    let dot = kernel::active().dot;
    let likeness = |a: usize, b: usize| match (vector(a), vector(b)) {
        (Some(a), Some(b)) => normalize_cosine(dot(a, b)),
        _ => 0.0,
    };
    diversity::mmr_with(&relevance, &likeness, k, diversity)
}
