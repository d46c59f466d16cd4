//! Searching: the best rows (`rank`), then diversity, hits and the split of their scores.

use super::hits::{Explanation, Hit};
use super::likely::Lifts;
use super::query::{DEFAULT_BM25_WEIGHT, Fusion, Mode, Query, SteerMode};
use super::rank::{Blend, Found, Search};
use super::relevance::Scale;
use super::state::State;
use super::{Collection, check_identity};
use crate::calibration::Calibration;
use crate::embedding::{Embedder, EncodeOptions, TextKind};
use crate::error::{Error, Result};
use crate::kernel;
use crate::progress::Progress;
use crate::retrieval::bits::Bits;
use crate::retrieval::diversity;
use crate::retrieval::filter::Filter;
use crate::retrieval::fusion::{normalize_cosine, normalize_lexical};
use crate::retrieval::lexical::Asked;
use crate::steering::{ApplyOptions, PartKind, Steered};
use crate::threads;
use std::collections::{BTreeMap, HashMap};

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
    /// embedder, options outside their range, `min_relevance` without a calibration for such
    /// searches, a dial that cannot rerank), `DimensionMismatch`, `ModelMismatch`, `NotFound` (a dial
    /// that was never learnt).
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>> {
        let mut found = self.search_many(std::slice::from_ref(query))?;
        Ok(found.pop().unwrap_or_default())
    }

    /// Answers many queries, embedding their texts together and searching on all threads.
    pub fn search_many(&self, queries: &[Query]) -> Result<Vec<Vec<Hit>>> {
        let mut plans = plans(queries)?;
        let embedder = self.embed(&mut plans)?;
        self.answer(queries, plans, embedder.as_ref())
    }

    /// Runs the plans of these queries, whose vectors `embedder` has made.
    pub(super) fn answer(
        &self,
        queries: &[Query],
        mut plans: Vec<Plan<'_>>,
        embedder: Option<&Embedder>,
    ) -> Result<Vec<Vec<Hit>>> {
        let one = queries.len() == 1;
        let state = self.read()?;
        check_identity(&state, embedder, None)?;
        let threads = threads::available();
        let found = state.soundly(|| {
            // Before the queries are dealt out: a column is made by all threads.
            for (i, plan) in plans.iter_mut().enumerate() {
                plan.lift(&state).map_err(|e| named(one, i, e))?;
            }
            let filters = Filters::of(&state, queries);
            let found = threads::map(threads, plans.len(), &|i| {
                let among = queries[i]
                    .filter
                    .as_ref()
                    .map(|filter| filters.rows(filter));
                let inner = if one { threads } else { 1 };
                let run = plans[i].run(&state, among, inner);
                run.map_err(|e| named(one, i, e))
            });
            found.into_iter().collect()
        });
        found?
    }

    /// Gives every plan that needs one its vector, and answers who has made them.
    pub(super) fn embed(&self, plans: &mut [Plan<'_>]) -> Result<Option<Embedder>> {
        let has_vectors = self.read()?.dense.is_some();
        let mut missing: Vec<&mut Plan<'_>> = plans
            .iter_mut()
            .filter(|p| p.vector.is_none() && p.mode != Mode::Lexical)
            .filter(|p| has_vectors || p.mode == Mode::Dense)
            .collect();
        if missing.is_empty() {
            return Ok(None);
        }
        let texts: Vec<&str> = missing
            .iter()
            .filter_map(|p| p.query.text.as_deref())
            .collect();
        let options = EncodeOptions::default().kind(TextKind::Query);
        let embedder = self.embedder()?;
        let vectors = embedder.encode(&texts, &options, Progress::none())?;
        for (i, plan) in missing.iter_mut().enumerate() {
            plan.vector = Some(vectors.row(i).to_vec());
        }
        Ok(Some(embedder))
    }
}

/// The error of one of many queries says which.
pub(super) fn named(one: bool, i: usize, e: Error) -> Error {
    match one {
        true => e,
        false => e.context(format_args!("query {i}")),
    }
}

/// The plans of queries, checked in their order.
pub(super) fn plans(queries: &[Query]) -> Result<Vec<Plan<'_>>> {
    let one = queries.len() == 1;
    let plans = queries.iter().enumerate();
    plans
        .map(|(i, query)| Plan::new(query).map_err(|e| named(one, i, e)))
        .collect()
}

/// A query whose options were checked.
pub(super) struct Plan<'a> {
    pub(super) query: &'a Query,
    pub(super) mode: Mode,
    /// Of unit length.
    pub(super) vector: Option<Vec<f32>>,
    /// What dials add, where they rerank.
    lifts: Option<Lifts>,
}

/// The rows that filters keep, each filter of a batch asked once.
struct Filters<'a>(Vec<(&'a Filter, Bits)>);

impl<'a> Filters<'a> {
    fn of(state: &State, queries: &'a [Query]) -> Self {
        let mut known: Vec<(&Filter, Bits)> = Vec::new();
        for filter in queries.iter().filter_map(|query| query.filter.as_ref()) {
            if !known.iter().any(|(held, _)| *held == filter) {
                known.push((filter, state.matching(filter)));
            }
        }
        Self(known)
    }

    fn rows(&self, filter: &Filter) -> &Bits {
        let found = self.0.iter().find(|(held, _)| *held == filter);
        &found.expect("every filter of the batch was asked").1
    }
}

/// What each ranking gave a row, where ranks were fused.
type Shares = HashMap<u32, (f32, f32)>;

impl<'a> Plan<'a> {
    pub(super) fn new(query: &'a Query) -> Result<Self> {
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
            lifts: None,
        })
    }

    fn reranks(&self) -> bool {
        self.query.options.steer_mode == SteerMode::Rerank
    }

    /// Sees what dials add, where they rerank and there is a cosine to add it to.
    pub(super) fn lift(&mut self, state: &State) -> Result<()> {
        if self.reranks() && self.vector.is_some() {
            let lifts = state.steering.lifts(&self.dials())?;
            self.lifts = Lifts::new(state, &lifts);
        }
        Ok(())
    }

    fn dials(&self) -> Vec<(&str, f64)> {
        let dials = self.query.steer.iter();
        dials
            .map(|(name, strength)| (name.as_str(), *strength))
            .collect()
    }

    fn run(&self, state: &State, among: Option<&Bits>, threads: usize) -> Result<Vec<Hit>> {
        let curve = self.curve(state)?;
        self.searching(state, among, threads, |search, asked, steered| {
            self.hits(search, asked, steered, curve)
        })
    }

    /// Makes both sides of the collection ready to be asked, and lends them to `body`.
    pub(super) fn searching<R>(
        &self,
        state: &State,
        among: Option<&Bits>,
        threads: usize,
        body: impl FnOnce(Search<'_>, Option<&mut Asked<'_>>, Option<&Steered>) -> R,
    ) -> Result<R> {
        let steered = match &self.vector {
            Some(vector) => Some(self.steer(state, vector)?),
            None => None,
        };
        let dense = match (&steered, &state.dense) {
            (Some(steered), Some(dense)) => Some(dense.seek(&steered.vector)?),
            _ => None,
        };
        let text = self.query.text.as_deref();
        let text = text.filter(|_| self.mode != Mode::Dense);
        let options = &self.query.options;
        let search = |asked: Option<&mut Asked<'_>>| {
            let search = Search {
                state,
                blend: Blend {
                    mode: self.mode,
                    weight: options.bm25_weight.unwrap_or(DEFAULT_BM25_WEIGHT),
                    bound: asked.as_ref().map_or(0.0, |asked| asked.upper_bound()),
                },
                dense: dense.as_ref(),
                among,
                lifts: self.lifts.as_ref(),
                exact: options.exact,
                effort: options.effort,
                threads,
            };
            body(search, asked, steered.as_ref())
        };
        Ok(match text {
            Some(text) => state.lexical.asked(text, |asked| search(Some(asked))),
            None => search(None),
        })
    }

    fn hits(
        &self,
        search: Search<'_>,
        asked: Option<&mut Asked<'_>>,
        steered: Option<&Steered>,
        curve: Option<&Calibration>,
    ) -> Vec<Hit> {
        let (state, options) = (search.state, &self.query.options);
        let pool = pool_size(options.k, options.diversity);
        let (ranked, shares) = match self.by_ranks() {
            true => fuse_ranks(&search, pool, asked, options.k),
            false => (search.best(pool, asked), Shares::new()),
        };
        // Relevance is weighed against likeness by its differences alone: what dials add moves it back
        // below what it could be at most.
        let most = search.lifts.map_or(0.0, Lifts::most);
        let share_of_most = |score: f32| match (self.mode, self.by_ranks()) {
            (_, true) => score * (RRF_K + 1.0) / 2.0,
            (Mode::Lexical, _) => normalize_lexical(score, search.blend.bound),
            (Mode::Dense, _) => normalize_cosine(score - most),
            (Mode::Hybrid, _) => score - search.blend.lifted(most),
        };
        let chosen = diversify(
            state,
            &ranked,
            &share_of_most,
            (options.k, options.diversity),
        );
        state.touch(&chosen);
        let hits = chosen.iter().filter_map(|found| {
            // What is damaged is noted, and told instead of the hits.
            let stored = state.rows.look(found.row, |seen| seen.stored())?;
            let dense = match found.dense.is_finite() {
                true => found.dense,
                false => search.dense_score(found.row),
            };
            Some(Hit {
                id: stored.id.clone(),
                score: found.score,
                text: stored.text.clone(),
                metadata: stored.metadata.clone(),
                lexical_score: (self.mode != Mode::Dense).then_some(found.lexical),
                dense_score: dense.is_finite().then_some(dense),
                relevance: curve.and_then(|curve| relevance(curve, self.answering(&search, found))),
                explanation: options.explain.then(|| {
                    let ranks = shares.get(&found.row).copied();
                    self.explain(&search, found, ranks, steered)
                }),
            })
        });
        let likely = |hit: &Hit| hit.relevance >= options.min_relevance;
        hits.filter(likely).collect()
    }

    /// The score that says how well a document answers: without what dials add to it.
    fn answering(&self, search: &Search<'_>, found: &Found) -> f32 {
        match search.lifts {
            Some(_) if !self.by_ranks() => {
                let score = search.blend.score(found.lexical, found.dense, 0.0);
                score.unwrap_or(found.score)
            }
            _ => found.score,
        }
    }

    /// The curve that the scores of this search belong to.
    fn curve<'s>(&self, state: &'s State) -> Result<Option<&'s Calibration>> {
        let scale = Scale::of(self.mode, &self.query.options);
        match (&state.calibrated, self.query.options.min_relevance) {
            (Some(held), _) if held.scale == scale => Ok(Some(&held.curve)),
            (_, None) => Ok(None),
            (None, Some(_)) => Err(Error::invalid(
                "min_relevance needs a collection that was calibrated; call calibrate with judged \
                 queries first",
            )),
            (Some(held), Some(_)) => Err(Error::invalid(format!(
                "min_relevance needs a calibration for {scale}, this collection has one for {}; \
                 search as it was calibrated, or calibrate it again",
                held.scale
            ))),
        }
    }

    fn by_ranks(&self) -> bool {
        self.mode == Mode::Hybrid && self.query.options.fusion == Fusion::Rrf
    }

    fn steer(&self, state: &State, vector: &[f32]) -> Result<Steered> {
        if let Some(dim) = state.dim.filter(|&d| d != vector.len()) {
            return Err(Error::dimension("this collection", dim, vector.len()));
        }
        let dials = match self.reranks() {
            true => Vec::new(),
            false => self.dials(),
        };
        let user = self.query.user.as_deref();
        let asked = &self.query.options;
        let options = ApplyOptions::default()
            .application(asked.application)
            .max_loss(asked.max_loss);
        state
            .steering
            .apply_explained(vector, &dials, user, &options)
    }

    /// Splits a score into what made it. The cosine of the moved query is
    /// `(q.d + sum of parts.d) / norm`, so each part has its own share.
    fn explain(
        &self,
        search: &Search<'_>,
        found: &Found,
        ranks: Option<(f32, f32)>,
        steered: Option<&Steered>,
    ) -> Explanation {
        let (state, blend) = (search.state, &search.blend);
        let mut explanation = Explanation::default();
        let text = self
            .query
            .text
            .as_ref()
            .filter(|_| self.mode != Mode::Dense);
        if let Some(Ok(terms)) = text.map(|text| state.lexical.explain(text, found.row)) {
            let terms = terms.into_iter().map(|t| (t.term, f64::from(t.score)));
            explanation.terms = terms.collect();
        }
        if let Some((lexical, dense)) = ranks {
            explanation.lexical = f64::from(lexical);
            explanation.dense = f64::from(dense);
            return explanation;
        }
        explanation.lexical = f64::from(blend.parts(found.lexical, found.dense).0);
        if let (Some(steered), Some(vector)) = (steered, state.vector(found.row)) {
            let share = blend.share_of_a_cosine();
            if let Some(lifts) = search.lifts {
                let added = lifts.each(found.row);
                let added = added.map(|(name, added)| (name.to_owned(), share * added));
                explanation.dials.extend(added);
            }
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
        explanation.dense = f64::from(found.score) - (explanation.total() - explanation.dense);
        explanation
    }
}

/// The curve's value at a score, which is finite.
fn relevance(curve: &Calibration, score: f32) -> Option<f32> {
    let probability = curve.predict(f64::from(score)).ok()?;
    Some(probability as f32)
}

pub(super) fn pool_size(k: usize, diversity: f32) -> usize {
    match diversity > 0.0 {
        true => (k * DIVERSITY_POOL.0).max(DIVERSITY_POOL.1),
        false => k,
    }
}

/// Rank fusion over the first of both rankings: the best `pool`.
fn fuse_ranks(
    search: &Search<'_>,
    pool: usize,
    mut asked: Option<&mut Asked<'_>>,
    k: usize,
) -> (Vec<Found>, Shares) {
    let depth = (k * RRF_DEPTH.0).max(RRF_DEPTH.1);
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
    let lexical = of(Mode::Lexical, None).best(depth, asked.as_deref_mut());
    let dense = of(Mode::Dense, search.dense).best(depth, None);
    let share = |rank: usize| 1.0 / (RRF_K + rank as f32 + 1.0);
    let mut shares = Shares::new();
    let mut rows: BTreeMap<u32, Found> = BTreeMap::new();
    for (rank, found) in lexical.iter().enumerate() {
        shares.entry(found.row).or_default().0 = share(rank);
        rows.insert(found.row, *found);
    }
    for (rank, found) in dense.iter().enumerate() {
        shares.entry(found.row).or_default().1 = share(rank);
        rows.entry(found.row).or_insert(*found);
    }
    for found in rows.values_mut() {
        let (a, b) = shares[&found.row];
        found.score = a + b;
    }
    let mut ranked: Vec<Found> = rows.into_values().collect();
    search.keep_best(&mut ranked, pool);
    if let Some(asked) = asked {
        let rows: Vec<u32> = ranked.iter().map(|found| found.row).collect();
        let mut scores = vec![0.0; rows.len()];
        asked.scores(&rows, &mut scores);
        for (found, score) in ranked.iter_mut().zip(scores) {
            found.lexical = score;
        }
    }
    (ranked, shares)
}

/// The first `k` of a ranking, or those that maximal marginal relevance chooses. Relevance and
/// likeness are both in [0, 1]: what a score could be at most, and the cosine moved there.
pub(super) fn diversify(
    state: &State,
    ranked: &[Found],
    relevance: &dyn Fn(f32) -> f32,
    (k, diversity): (usize, f32),
) -> Vec<Found> {
    if diversity <= 0.0 {
        return ranked[..k.min(ranked.len())].to_vec();
    }
    let relevance: Vec<f32> = ranked.iter().map(|found| relevance(found.score)).collect();
    let dot = kernel::active().dot;
    let likeness = |a: usize, b: usize| {
        let vectors = (state.vector(ranked[a].row), state.vector(ranked[b].row));
        match vectors {
            (Some(a), Some(b)) => normalize_cosine(dot(a, b)),
            _ => 0.0,
        }
    };
    let chosen = diversity::mmr_with(&relevance, &likeness, k, diversity);
    chosen.into_iter().map(|i| ranked[i]).collect()
}
