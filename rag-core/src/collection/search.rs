//! Searching: one pass that scores, filters and fuses, then diversity and the split of scores.
//!
//! Every document is scored on both sides, so that hybrid search is exact: no document is lost
//! because one side alone ranked it low. Ties are broken by id.

use super::Collection;
use super::document::Stored;
use super::hits::{Explanation, Hit};
use super::query::{DEFAULT_BM25_WEIGHT, Fusion, Mode, Query, SearchOptions};
use super::state::State;
use crate::embedding::{EncodeOptions, TextKind};
use crate::error::{Error, Result};
use crate::kernel;
use crate::progress::Progress;
use crate::retrieval::diversity;
use crate::retrieval::fusion::{convex, normalize_cosine, normalize_lexical};
use crate::steering::{PartKind, Steered};
use crate::threads;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

/// The constant of reciprocal rank fusion (Cormack et al., 2009).
const RRF_K: f32 = 60.0;
/// Documents of each ranking that rank fusion looks at, as a multiple of k, and at least.
const RRF_DEPTH: (usize, usize) = (10, 100);
/// Documents among which diversity chooses, as a multiple of k, and at least.
const DIVERSITY_POOL: (usize, usize) = (5, 50);

impl Collection {
    /// Finds the documents that answer a query best, best first.
    ///
    /// Errors: `InvalidArgument` (no text and no vector, a text for a collection without an
    /// embedder, options outside their range), `DimensionMismatch`, `ModelMismatch`, `NotFound`
    /// (a dial that was never learnt).
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>> {
        let mut found = self.search_many(std::slice::from_ref(query))?;
        Ok(found.pop().unwrap_or_default())
    }

    /// Answers many queries, embedding their texts together and searching on all threads.
    pub fn search_many(&self, queries: &[Query]) -> Result<Vec<Vec<Hit>>> {
        let one = queries.len() == 1;
        let name = |i: usize, e: Error| {
            if one {
                e
            } else {
                e.context(format_args!("query {i}"))
            }
        };
        let mut plans = Vec::with_capacity(queries.len());
        for (i, query) in queries.iter().enumerate() {
            plans.push(Plan::new(query).map_err(|e| name(i, e))?);
        }
        self.embed(&mut plans)?;
        let state = self.read()?;
        let found = threads::map(threads::available(), plans.len(), &|i| {
            plans[i].run(&state).map_err(|e| name(i, e))
        });
        found.into_iter().collect()
    }

    /// Gives every plan that needs one its vector.
    fn embed(&self, plans: &mut [Plan<'_>]) -> Result<()> {
        let has_vectors = self.read()?.dense.is_some();
        let mut missing: Vec<&mut Plan<'_>> = plans
            .iter_mut()
            .filter(|p| p.vector.is_none() && p.mode != Mode::Lexical)
            .filter(|p| has_vectors || p.mode == Mode::Dense)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let texts: Vec<&str> = missing
            .iter()
            .filter_map(|p| p.query.text.as_deref())
            .collect();
        let options = EncodeOptions::default().kind(TextKind::Query);
        let vectors = self
            .embedder()?
            .encode(&texts, &options, Progress::none())?;
        for (i, plan) in missing.iter_mut().enumerate() {
            plan.vector = Some(vectors.row(i).to_vec());
        }
        Ok(())
    }
}

/// A query whose options were checked.
struct Plan<'a> {
    query: &'a Query,
    mode: Mode,
    /// Of unit length.
    vector: Option<Vec<f32>>,
}

/// Rows in the order of hits, and what each ranking gave them if ranks were fused.
struct Ranked {
    rows: Vec<(u32, f32)>,
    shares: HashMap<u32, (f32, f32)>,
}

impl Ranked {
    fn by_score(rows: Vec<(u32, f32)>) -> Self {
        Self {
            rows,
            shares: HashMap::new(),
        }
    }
}

/// Both scores of every row; absent is 0 on the lexical side and minus infinity on the dense.
struct Scores {
    lexical: Vec<f32>,
    /// The largest lexical score that any text could have for this query.
    bound: f32,
    dense: Vec<f32>,
    weight: f32,
    mode: Mode,
}

impl<'a> Plan<'a> {
    fn new(query: &'a Query) -> Result<Self> {
        query.options.check()?;
        let mode = query.effective_mode()?;
        let mut vector = query.vector.clone();
        if let Some(vector) = &mut vector {
            kernel::normalize(vector).map_err(|e| e.context("the query's vector"))?;
        }
        if mode == Mode::Lexical && (!query.steer.is_empty() || query.user.is_some()) {
            return Err(Error::invalid(
                "dials and users move the query's vector, which a lexical search does not use; \
                 choose the hybrid or the dense mode",
            ));
        }
        Ok(Self {
            query,
            mode,
            vector: vector.filter(|_| mode != Mode::Lexical),
        })
    }

    fn run(&self, state: &State) -> Result<Vec<Hit>> {
        let options = &self.query.options;
        let steered = match &self.vector {
            Some(vector) => Some(self.steer(state, vector)?),
            None => None,
        };
        let allowed: Option<Vec<bool>> = self.query.filter.as_ref().map(|filter| {
            let keep = |stored: &Option<Arc<Stored>>| {
                stored.as_ref().is_some_and(|s| filter.matches(&s.metadata))
            };
            state.rows.iter().map(keep).collect()
        });
        let scores = self.score(state, steered.as_ref())?;
        let rows = (0..state.rows.len() as u32)
            .filter(|&row| allowed.as_ref().is_none_or(|a| a[row as usize]));
        let pool = pool_size(options.k, options.diversity);
        let ranked = match self.by_ranks() {
            true => {
                let depth = (options.k * RRF_DEPTH.0).max(RRF_DEPTH.1);
                let all: Vec<u32> = rows.collect();
                fuse_ranks(state, &scores, &all, depth, pool)
            }
            false => {
                let scored = rows.filter_map(|row| Some((row, scores.fused(row)?)));
                Ranked::by_score(best(state, scored.collect(), pool))
            }
        };
        let relevance = |score: f32| match (self.mode, self.by_ranks()) {
            (_, true) => score * (RRF_K + 1.0) / 2.0,
            (Mode::Lexical, _) => normalize_lexical(score, scores.bound),
            (Mode::Dense, _) => normalize_cosine(score),
            (Mode::Hybrid, _) => score,
        };
        let chosen = diversify(state, &ranked.rows, &relevance, options);
        let hits = chosen.iter().map(|&(row, score)| {
            let stored = state.rows[row as usize].as_ref();
            let stored = stored.expect("only full rows are scored");
            let (lexical, dense) = scores.of(row);
            Hit {
                id: stored.id.clone(),
                score,
                text: stored.text.clone(),
                metadata: stored.metadata.clone(),
                lexical_score: lexical,
                dense_score: dense,
                explanation: options
                    .explain
                    .then(|| self.explain(state, &scores, &ranked, steered.as_ref(), (row, score))),
            }
        });
        Ok(hits.collect())
    }

    fn by_ranks(&self) -> bool {
        self.mode == Mode::Hybrid && self.query.options.fusion == Fusion::Rrf
    }

    fn steer(&self, state: &State, vector: &[f32]) -> Result<Steered> {
        if let Some(dim) = state.dim.filter(|&d| d != vector.len()) {
            return Err(Error::dimension("this collection", dim, vector.len()));
        }
        let dials: Vec<(&str, f64)> = self
            .query
            .steer
            .iter()
            .map(|(name, strength)| (name.as_str(), *strength))
            .collect();
        let user = self.query.user.as_deref();
        state.steering.apply_explained(vector, &dials, user)
    }

    fn score(&self, state: &State, steered: Option<&Steered>) -> Result<Scores> {
        let n = state.rows.len();
        let mut scores = Scores {
            lexical: vec![0.0; n],
            bound: 0.0,
            dense: vec![f32::NEG_INFINITY; n],
            weight: self
                .query
                .options
                .bm25_weight
                .unwrap_or(DEFAULT_BM25_WEIGHT),
            mode: self.mode,
        };
        if let (Some(text), true) = (&self.query.text, self.mode != Mode::Dense) {
            let statistics = state.lexical.statistics(text);
            scores.bound = statistics.upper_bound();
            state.lexical.scores_into(&statistics, &mut scores.lexical);
        }
        if let (Some(steered), Some(dense)) = (steered, &state.dense) {
            dense.scores(&steered.vector, &mut scores.dense)?;
        }
        Ok(scores)
    }

    /// Splits a score into what made it. The cosine of the moved query is
    /// `(q.d + sum of parts.d) / norm`, so each part has its own share.
    fn explain(
        &self,
        state: &State,
        scores: &Scores,
        ranked: &Ranked,
        steered: Option<&Steered>,
        (row, score): (u32, f32),
    ) -> Explanation {
        let mut explanation = Explanation::default();
        let text = self
            .query
            .text
            .as_ref()
            .filter(|_| self.mode != Mode::Dense);
        if let Some(Ok(terms)) = text.map(|text| state.lexical.explain(text, row)) {
            let terms = terms.into_iter().map(|t| (t.term, f64::from(t.score)));
            explanation.terms = terms.collect();
        }
        if let Some((lexical, dense)) = ranked.shares.get(&row) {
            explanation.lexical = f64::from(*lexical);
            explanation.dense = f64::from(*dense);
            return explanation;
        }
        explanation.lexical = f64::from(scores.parts(row).0);
        if let (Some(steered), Some(vector)) = (steered, state.vector(row)) {
            let share = scores.share_of_a_cosine();
            let split = steered.split(vector).unwrap_or_default();
            for (part, along) in steered.parts.iter().zip(split.iter().skip(1)) {
                match part.kind {
                    PartKind::Dial => {
                        let dial = (part.name.clone(), share * along);
                        explanation.dials.push(dial);
                    }
                    PartKind::User => explanation.user = share * along,
                }
            }
        }
        explanation.dense = f64::from(score) - (explanation.total() - explanation.dense);
        explanation
    }
}

impl Scores {
    /// The score of a row, or `None` if it is no candidate.
    fn fused(&self, row: u32) -> Option<f32> {
        let (lexical, dense) = (self.lexical[row as usize], self.dense[row as usize]);
        match self.mode {
            Mode::Lexical => (lexical > 0.0).then_some(lexical),
            Mode::Dense => dense.is_finite().then_some(dense),
            Mode::Hybrid => {
                let (a, b) = self.parts(row);
                (lexical > 0.0 || dense.is_finite()).then_some(a + b)
            }
        }
    }

    /// What each side contributes to the fused score.
    fn parts(&self, row: u32) -> (f32, f32) {
        let (lexical, dense) = (self.lexical[row as usize], self.dense[row as usize]);
        match self.mode {
            Mode::Lexical => (lexical, 0.0),
            Mode::Dense => (0.0, dense),
            Mode::Hybrid => {
                let lexical = normalize_lexical(lexical, self.bound);
                let dense = dense.is_finite().then(|| normalize_cosine(dense));
                (
                    convex(Some(lexical), None, self.weight),
                    convex(None, dense, self.weight),
                )
            }
        }
    }

    /// How much of a cosine arrives in the fused score.
    fn share_of_a_cosine(&self) -> f64 {
        match self.mode {
            Mode::Lexical => 0.0,
            Mode::Dense => 1.0,
            Mode::Hybrid => f64::from((1.0 - self.weight) / 2.0),
        }
    }

    /// The raw scores as a hit shows them.
    fn of(&self, row: u32) -> (Option<f32>, Option<f32>) {
        let dense = self.dense[row as usize];
        (
            (self.mode != Mode::Dense).then_some(self.lexical[row as usize]),
            dense.is_finite().then_some(dense),
        )
    }
}

/// The order of hits: score descending, then id ascending.
fn order(state: &State, a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    let id = |row: u32| state.rows[row as usize].as_ref().map(|s| s.id.as_str());
    b.1.total_cmp(&a.1).then_with(|| id(a.0).cmp(&id(b.0)))
}

/// The first `k` in the order of hits.
fn best(state: &State, mut scored: Vec<(u32, f32)>, k: usize) -> Vec<(u32, f32)> {
    if scored.len() > k {
        scored.select_nth_unstable_by(k, |a, b| order(state, a, b));
        scored.truncate(k);
    }
    scored.sort_unstable_by(|a, b| order(state, a, b));
    scored
}

fn pool_size(k: usize, diversity: f32) -> usize {
    match diversity > 0.0 {
        true => (k * DIVERSITY_POOL.0).max(DIVERSITY_POOL.1),
        false => k,
    }
}

/// Rank fusion over the first `depth` of both rankings.
fn fuse_ranks(state: &State, scores: &Scores, rows: &[u32], depth: usize, k: usize) -> Ranked {
    let ranking = |scored: Vec<(u32, f32)>| best(state, scored, depth);
    let lexical = rows.iter().map(|&row| (row, scores.lexical[row as usize]));
    let lexical = ranking(lexical.filter(|(_, score)| *score > 0.0).collect());
    let dense = rows.iter().map(|&row| (row, scores.dense[row as usize]));
    let dense = ranking(dense.filter(|(_, score)| score.is_finite()).collect());
    let mut shares: HashMap<u32, (f32, f32)> = HashMap::new();
    for (rank, (row, _)) in lexical.iter().enumerate() {
        shares.entry(*row).or_default().0 = 1.0 / (RRF_K + rank as f32 + 1.0);
    }
    for (rank, (row, _)) in dense.iter().enumerate() {
        shares.entry(*row).or_default().1 = 1.0 / (RRF_K + rank as f32 + 1.0);
    }
    let scored = shares.iter().map(|(&row, &(a, b))| (row, a + b)).collect();
    Ranked {
        rows: best(state, scored, k),
        shares,
    }
}

/// The first `k` of a ranking, or those that maximal marginal relevance chooses. Relevance and
/// likeness are both in [0, 1]: what a score could be at most, and the cosine moved there.
fn diversify(
    state: &State,
    ranked: &[(u32, f32)],
    relevance: &dyn Fn(f32) -> f32,
    options: &SearchOptions,
) -> Vec<(u32, f32)> {
    if options.diversity <= 0.0 {
        return ranked.to_vec();
    }
    let relevance: Vec<f32> = ranked.iter().map(|(_, score)| relevance(*score)).collect();
    let dot = kernel::active().dot;
    let likeness = |a: usize, b: usize| {
        let vectors = (state.vector(ranked[a].0), state.vector(ranked[b].0));
        match vectors {
            (Some(a), Some(b)) => normalize_cosine(dot(a, b)),
            _ => 0.0,
        }
    };
    let chosen = diversity::mmr_with(&relevance, &likeness, options.k, options.diversity);
    chosen.into_iter().map(|i| ranked[i]).collect()
}
