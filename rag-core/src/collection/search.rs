//! Searching: the best rows (`rank`), then ranks or diversity (`fuse`), hits and the split of their
//! scores.

use super::fuse::{Shares, Worth, diversify, fuse_ranks, pool_size};
use super::hits::{Explanation, Hit};
use super::likely::Lifts;
use super::query::{DEFAULT_BM25_WEIGHT, Fusion, Mode, Query, SteerMode};
use super::rank::{Blend, Found, Search};
use super::relevance::Scale;
use super::shards::Prepared;
use super::state::State;
use super::{Collection, check_identity};
use crate::calibration::Calibration;
use crate::embedding::{Embedder, EncodeOptions, TextKind};
use crate::error::{Error, Result};
use crate::kernel;
use crate::progress::Progress;
use crate::retrieval::bits::Bits;
use crate::retrieval::filter::Filter;
use crate::retrieval::lexical::Asked;
use crate::steering::{ApplyOptions, PartKind, Steered, Steering};
use crate::threads;

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
        self.answer(plans, embedder.as_ref())
    }

    /// Runs the plans of these queries, whose vectors `embedder` has made.
    pub(super) fn answer(
        &self,
        plans: Vec<Plan<'_>>,
        embedder: Option<&Embedder>,
    ) -> Result<Vec<Vec<Hit>>> {
        let state = self.read()?;
        check_identity(&state, embedder, None)?;
        run_all(&state, plans, |plan, among, threads| {
            plan.run(&state, among, threads)
        })
    }

    /// Gives every plan that needs one its vector, and answers who has made them.
    pub(super) fn embed(&self, plans: &mut [Plan<'_>]) -> Result<Option<Embedder>> {
        let has_vectors = self.read()?.dense.is_some();
        let missing = plans
            .iter_mut()
            .filter(|plan| plan.lacks_vector())
            .filter(|plan| has_vectors || plan.mode == Mode::Dense);
        let mut missing: Vec<&mut Plan<'_>> = missing.collect();
        if missing.is_empty() {
            return Ok(None);
        }
        let embedder = self.embedder()?;
        embed(&embedder, &mut missing)?;
        Ok(Some(embedder))
    }
}

/// Gives plans the vectors of their texts.
pub(super) fn embed(embedder: &Embedder, plans: &mut [&mut Plan<'_>]) -> Result<()> {
    let texts = plans.iter().filter_map(|plan| plan.query.text.as_deref());
    let texts: Vec<&str> = texts.collect();
    let options = EncodeOptions::default().kind(TextKind::Query);
    let vectors = embedder.encode(&texts, &options, Progress::none())?;
    for (i, plan) in plans.iter_mut().enumerate() {
        plan.vector = Some(vectors.row(i).to_vec());
    }
    Ok(())
}

/// What `run` finds for each plan among the rows that its filter keeps, with so many threads each.
pub(super) fn run_all<R: Send>(
    state: &State,
    mut plans: Vec<Plan<'_>>,
    run: impl Fn(&Plan<'_>, Option<&Bits>, usize) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let one = plans.len() == 1;
    let threads = threads::available();
    let found = state.soundly(|| {
        // Before the queries are dealt out: a column is made by all threads.
        for (i, plan) in plans.iter_mut().enumerate() {
            plan.lift(state).map_err(|e| named(one, i, e))?;
        }
        let filters = Filters::of(state, plans.iter().map(|plan| plan.query));
        let found = threads::map(threads, plans.len(), &|i| {
            let filter = plans[i].query.filter.as_ref();
            let among = filter.map(|filter| filters.rows(filter));
            let inner = if one { threads } else { 1 };
            run(&plans[i], among, inner).map_err(|e| named(one, i, e))
        });
        found.into_iter().collect()
    });
    found?
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
    /// What was found out for all shards, if this is one of several.
    given: Option<&'a Prepared>,
}

/// The rows that filters keep, each filter of a batch asked once.
struct Filters<'a>(Vec<(&'a Filter, Bits)>);

impl<'a> Filters<'a> {
    fn of(state: &State, queries: impl Iterator<Item = &'a Query>) -> Self {
        let mut known: Vec<(&Filter, Bits)> = Vec::new();
        for filter in queries.filter_map(|query| query.filter.as_ref()) {
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
            given: None,
        })
    }

    /// The part of one shard in a query that was prepared for all.
    pub(super) fn part(given: &'a Prepared) -> Self {
        let steered = given.steered.as_ref();
        Self {
            query: &given.query,
            mode: given.mode,
            vector: steered.map(|steered| steered.vector.clone()),
            lifts: None,
            given: Some(given),
        }
    }

    /// Whether a text is still to be embedded.
    pub(super) fn lacks_vector(&self) -> bool {
        self.vector.is_none() && self.mode != Mode::Lexical
    }

    pub(super) fn reranks(&self) -> bool {
        self.query.options.steer_mode == SteerMode::Rerank
    }

    /// Sees what dials add, where they rerank and there is a cosine to add it to.
    pub(super) fn lift(&mut self, state: &State) -> Result<()> {
        if self.reranks() && self.vector.is_some() {
            let lifts = match self.given {
                Some(given) => given.lifts_of(&state.steering)?,
                None => state.steering.lifts(&self.dials())?,
            };
            self.lifts = Lifts::new(state, &lifts);
        }
        Ok(())
    }

    pub(super) fn dials(&self) -> Vec<(&str, f64)> {
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
        let steered = match (self.given, &self.vector) {
            (Some(given), _) => given.steered_for(state)?.cloned(),
            (None, Some(vector)) => Some(self.steer(state, vector)?),
            (None, None) => None,
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
        match (text, self.given) {
            (None, _) => Ok(search(None)),
            (Some(text), None) => Ok(state.lexical.asked(text, |asked| search(Some(asked)))),
            (Some(_), Some(given)) => {
                (state.lexical).asked_with(given.counted()?, |asked| search(Some(asked)))
            }
        }
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
        let worth = self.worth(&search);
        let chosen = diversify(
            state,
            &ranked,
            &|score| worth.of(score),
            (options.k, options.diversity),
        );
        state.touch(&chosen);
        let hits = chosen.iter().filter_map(|found| {
            let ranks = shares.get(&found.row).copied();
            let mut hit = self.hit(&search, found, ranks, steered)?;
            let likely = |curve| relevance(curve, self.answering(&search, found));
            hit.relevance = curve.and_then(likely);
            Some(hit)
        });
        let likely = |hit: &Hit| hit.relevance >= options.min_relevance;
        hits.filter(likely).collect()
    }

    /// What a score is worth, for whoever weighs it against likeness.
    pub(super) fn worth(&self, search: &Search<'_>) -> Worth {
        Worth {
            blend: search.blend,
            by_ranks: self.by_ranks(),
            most: search.lifts.map_or(0.0, Lifts::most),
        }
    }

    /// One document found, its relevance aside; none if it is damaged, which is noted and told instead of
    /// the hits.
    pub(super) fn hit(
        &self,
        search: &Search<'_>,
        found: &Found,
        ranks: Option<(f32, f32)>,
        steered: Option<&Steered>,
    ) -> Option<Hit> {
        let stored = search.state.rows.look(found.row, |seen| seen.stored())?;
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
            relevance: None,
            explanation: (self.query.options.explain)
                .then(|| self.explain(search, found, ranks, steered)),
        })
    }

    /// The score that says how well a document answers: without what dials add to it.
    pub(super) fn answering(&self, search: &Search<'_>, found: &Found) -> f32 {
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
            (None, Some(_)) => Err(uncalibrated()),
            (Some(held), Some(_)) => Err(Error::invalid(format!(
                "min_relevance needs a calibration for {scale}, this collection has one for {}; \
                 search as it was calibrated, or calibrate it again",
                held.scale
            ))),
        }
    }

    pub(super) fn by_ranks(&self) -> bool {
        self.mode == Mode::Hybrid && self.query.options.fusion == Fusion::Rrf
    }

    fn steer(&self, state: &State, vector: &[f32]) -> Result<Steered> {
        check_dim(state, vector)?;
        self.steer_by(&state.steering, vector)
    }

    /// Moves a vector by dials and user.
    pub(super) fn steer_by(&self, steering: &Steering, vector: &[f32]) -> Result<Steered> {
        let dials = match self.reranks() {
            true => Vec::new(),
            false => self.dials(),
        };
        let user = self.query.user.as_deref();
        let asked = &self.query.options;
        let options = ApplyOptions::default()
            .application(asked.application)
            .max_loss(asked.max_loss);
        steering.apply_explained(vector, &dials, user, &options)
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
        let explained =
            text.map(
                |text| match self.given.and_then(|given| given.statistics.as_ref()) {
                    Some(statistics) => state.lexical.explain_with(statistics, found.row),
                    None => state.lexical.explain(text, found.row),
                },
            );
        if let Some(Ok(terms)) = explained {
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

/// Refuses a query's vector that cannot be compared with those here.
pub(super) fn check_dim(state: &State, vector: &[f32]) -> Result<()> {
    match state.dim {
        Some(dim) if dim != vector.len() => {
            Err(Error::dimension("this collection", dim, vector.len()))
        }
        _ => Ok(()),
    }
}

/// The curve's value at a score, which is finite.
pub(super) fn relevance(curve: &Calibration, score: f32) -> Option<f32> {
    let probability = curve.predict(f64::from(score)).ok()?;
    Some(probability as f32)
}

pub(super) fn uncalibrated() -> Error {
    Error::invalid(
        "min_relevance needs a collection that was calibrated; call calibrate with judged queries \
         first",
    )
}
