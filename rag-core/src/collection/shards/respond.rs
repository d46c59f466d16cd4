//! What one shard says: of the words of a request, and what it finds.

use super::super::Collection;
use super::super::fuse::{both_rankings, pool_size, with_words};
use super::super::hits::Hit;
use super::super::rank::{Found, Search};
use super::super::search::{Plan, run_all};
use super::super::state::State;
use super::request::{RequestStatistics, ShardRequest};
use crate::error::Result;
use crate::retrieval::bits::Bits;
use crate::retrieval::lexical::Asked;
use crate::steering::Steered;
use std::sync::Arc;

/// What one shard has found for the queries of a request; see [`ShardRequest::merge`].
#[derive(Clone, Debug, PartialEq)]
pub struct ShardResponse {
    pub(super) sequence: u64,
    /// The dimension of the shard's vectors and the model that made them, as far as there are some.
    pub(super) dim: Option<usize>,
    pub(super) model: Option<String>,
    pub(super) found: Vec<ShardFound>,
}

/// For one query.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ShardFound {
    /// The BM25 score that no document exceeds, and what dials add to a cosine at most.
    pub(super) bound: f32,
    pub(super) most: f32,
    pub(super) order: Order,
    pub(super) hits: Vec<ShardHit>,
}

/// How the hits stand.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Order {
    /// Best first.
    Score,
    /// By two rankings, of words and of vectors: which hit, and its score there.
    Ranks([Vec<(u32, f32)>; 2]),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ShardHit {
    pub(super) hit: Hit,
    /// The score that says how well the document answers.
    pub(super) answering: f32,
    /// What diversity compares.
    pub(super) vector: Option<Arc<[f32]>>,
}

impl ShardResponse {
    /// The shard's [`Collection::sequence`] when it answered: whether it is as whoever asks knows it.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// How many hits it has found for each query, those included that are not among the best of all.
    pub fn lens(&self) -> Vec<usize> {
        self.found.iter().map(|found| found.hits.len()).collect()
    }
}

impl Collection {
    /// What this collection, as one of several shards, knows of the words of a request.
    pub fn shard_statistics(&self, request: &ShardRequest) -> Result<RequestStatistics> {
        let state = self.read()?;
        let queries = request.queries.iter();
        Ok(RequestStatistics {
            queries: queries
                .map(|query| query.words().map(|text| state.lexical.statistics(text)))
                .collect(),
            sequence: state.sequence(),
        })
    }

    /// What this collection, as one of several shards, finds for a request: enough for the best of all shards
    /// to be among it.
    ///
    /// `InvalidArgument` if the request has words and no statistics yet, or a dial that reranks and that this
    /// shard has not learnt alike; `ModelMismatch` or `DimensionMismatch` if its vectors are not those of the
    /// request.
    pub fn search_shard(&self, request: &ShardRequest) -> Result<ShardResponse> {
        let state = self.read()?;
        request.check_model(&state)?;
        let plans = request.queries.iter().map(Plan::part).collect();
        let found = run_all(&state, plans, |plan, among, threads| {
            answer(&state, plan, among, threads)
        })?;
        Ok(ShardResponse {
            sequence: state.sequence(),
            dim: state.dim,
            model: state.embedder.as_ref().map(|(_, model)| model.clone()),
            found,
        })
    }
}

fn answer(
    state: &State,
    plan: &Plan<'_>,
    among: Option<&Bits>,
    threads: usize,
) -> Result<ShardFound> {
    plan.searching(state, among, threads, |search, asked, steered| {
        let worth = plan.worth(&search);
        let (order, found) = match plan.by_ranks() {
            true => ranked(plan, &search, asked),
            false => {
                let options = &plan.query.options;
                let pool = pool_size(options.k, options.diversity);
                (Order::Score, search.best(pool, asked))
            }
        };
        state.touch(&found);
        let hits = found
            .iter()
            .filter_map(|found| hit(plan, &search, found, steered));
        ShardFound {
            bound: worth.blend.bound,
            most: worth.most,
            hits: hits.collect(),
            order,
        }
    })
}

/// Everything that is on one of both rankings, by row, and how it stands there.
fn ranked(
    plan: &Plan<'_>,
    search: &Search<'_>,
    mut asked: Option<&mut Asked<'_>>,
) -> (Order, Vec<Found>) {
    let rankings = both_rankings(search, asked.as_deref_mut(), plan.query.options.k);
    let mut found: Vec<Found> = rankings.iter().flatten().copied().collect();
    found.sort_by_key(|found| found.row);
    found.dedup_by_key(|found| found.row);
    let place = |row: u32| found.partition_point(|found| found.row < row) as u32;
    let order = rankings.each_ref().map(|ranking| {
        let places = ranking.iter().map(|found| (place(found.row), found.score));
        places.collect()
    });
    with_words(&mut found, asked);
    (Order::Ranks(order), found)
}

fn hit(
    plan: &Plan<'_>,
    search: &Search<'_>,
    found: &Found,
    steered: Option<&Steered>,
) -> Option<ShardHit> {
    let ranks = plan.by_ranks().then_some((0.0, 0.0));
    let diverse = plan.query.options.diversity > 0.0;
    let vector = search.state.vector(found.row).filter(|_| diverse);
    Some(ShardHit {
        hit: plan.hit(search, found, ranks, steered)?,
        answering: plan.answering(search, found),
        vector: vector.map(Arc::from),
    })
}
