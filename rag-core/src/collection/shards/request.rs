//! Queries as they go to all shards: checked, embedded and steered once, then with the sums of all.

use super::super::query::{Mode, Query};
use super::super::search::{Plan, check_dim, embed, named, plans};
use super::super::state::State;
use super::super::{check_identity, fingerprint};
use super::MAX_SHARDS;
use crate::embedding::Embedder;
use crate::error::{Error, ErrorKind, Result};
use crate::retrieval::lexical::ShardStatistics;
use crate::steering::{Lift, Steered, Steering};

/// What a dial adds where it reranks, by the model that every shard must have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lifted {
    pub(super) name: String,
    pub(super) length: f64,
    pub(super) model: u64,
}

/// A query as all shards see it.
#[derive(Clone, Debug)]
pub(in super::super) struct Prepared {
    /// With neither vector, dials nor user: what these come to follows.
    pub(in super::super) query: Query,
    pub(in super::super) mode: Mode,
    pub(in super::super) steered: Option<Steered>,
    pub(super) lifts: Vec<Lifted>,
    /// Of all shards; of a query without words there are none.
    pub(in super::super) statistics: Option<ShardStatistics>,
}

impl Prepared {
    /// The words that are searched for.
    pub(super) fn words(&self) -> Option<&str> {
        let text = self.query.text.as_deref();
        text.filter(|_| self.mode != Mode::Dense)
    }

    /// The statistics of all shards.
    pub(in super::super) fn counted(&self) -> Result<&ShardStatistics> {
        self.statistics.as_ref().ok_or_else(|| {
            Error::invalid(
                "the request has no statistics yet; ask every shard for its shard_statistics and \
                 give them to the request first",
            )
        })
    }

    /// The moved query, if this shard's vectors can be compared with it.
    pub(in super::super) fn steered_for(&self, state: &State) -> Result<Option<&Steered>> {
        let steered = self.steered.as_ref();
        steered.map_or(Ok(()), |steered| check_dim(state, &steered.vector))?;
        Ok(steered)
    }

    /// What dials add, by this shard's models.
    pub(in super::super) fn lifts_of(&self, steering: &Steering) -> Result<Vec<Lift>> {
        let lifts = self.lifts.iter().map(|lifted| {
            let model = steering.attribute(&lifted.name)?;
            let model = model.filter(|model| model.fingerprint() == lifted.model);
            let model = model.ok_or_else(|| {
                Error::invalid(format!(
                    "the dial \"{}\" has another attribute model in this shard than in the request; \
                     give all shards the same dials",
                    lifted.name
                ))
            })?;
            Ok(Lift {
                name: lifted.name.clone(),
                length: lifted.length,
                model: model.clone(),
            })
        });
        lifts.collect()
    }
}

/// What one shard says of a request's words; see [`ShardRequest::set_statistics`].
#[derive(Clone, Debug, PartialEq)]
pub struct RequestStatistics {
    /// For each query what BM25 needs to know; `None` for one without words.
    pub queries: Vec<Option<ShardStatistics>>,
    /// [`Collection::sequence`](super::super::Collection::sequence) at that moment.
    pub sequence: u64,
}

/// Queries made ready for shards.
///
/// One search over several collections takes four steps: prepare the queries, ask every shard what it knows of
/// their words, ask every shard with the sums of that, merge. The hits are those of a single collection that
/// holds the documents of all shards, bit for bit, where searches are exact: with
/// [`SearchOptions::exact`](super::super::SearchOptions), in lexical mode, and where a shard holds too few
/// vectors for a graph. Else each shard finds what its graph finds.
///
/// ```
/// use rag_core::collection::{Batch, Collection, Query, ShardRequest};
/// let shards = [("tides", "The moon makes the tides."), ("yeast", "Yeast makes dough rise.")].map(|(id, text)| {
///     let shard = Collection::in_memory(None, None).unwrap();
///     shard.add(Batch::new([id]).texts([text])).unwrap();
///     shard
/// });
/// let queries = [Query::text("what does the moon do?").k(1)];
/// let mut request = ShardRequest::new(&queries, Some(&shards[0].embedder()?), None)?;
/// let counts = shards.iter().map(|shard| shard.shard_statistics(&request));
/// request.set_statistics(&counts.collect::<Result<Vec<_>, _>>()?)?;
/// let answers = shards.iter().map(|shard| shard.search_shard(&request));
/// let hits = request.merge(&answers.collect::<Result<Vec<_>, _>>()?, None)?;
/// assert_eq!(hits[0][0].id, "tides");
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ShardRequest {
    pub(super) queries: Vec<Prepared>,
    /// The fingerprint of what made the vectors, if an embedder did.
    pub(super) model: Option<String>,
}

impl ShardRequest {
    /// Prepares queries: checks them, embeds the texts that lack a vector, and moves vectors by dials and users.
    ///
    /// Without an embedder, texts are searched by their words alone, so that a dense query must bring its
    /// vector. `steering` is what all shards share; without it no dial is known.
    ///
    /// Errors: those of [`Collection::search`](super::super::Collection::search) that can be told without
    /// documents, and `ModelMismatch` if the dials are of another model than the embedder.
    pub fn new(
        queries: &[Query],
        embedder: Option<&Embedder>,
        steering: Option<&Steering>,
    ) -> Result<Self> {
        let one = queries.len() == 1;
        let mut plans = plans(queries)?;
        let missing = plans.iter_mut().filter(|plan| plan.lacks_vector());
        let mut missing: Vec<&mut Plan<'_>> = missing.collect();
        let mut model = None;
        match embedder {
            Some(embedder) => {
                if let Some(steering) = steering {
                    steering.check_model(&fingerprint(embedder))?;
                }
                model = Some(fingerprint(embedder));
                if !missing.is_empty() {
                    embed(embedder, &mut missing)?;
                }
            }
            None => {
                if missing.iter().any(|plan| plan.mode == Mode::Dense) {
                    return Err(Error::invalid(
                        "a dense search needs the query's vector; give an embedder, or a vector",
                    ));
                }
            }
        }
        let nobody = Steering::new();
        let steering = steering.unwrap_or(&nobody);
        let prepared = plans.iter().enumerate();
        let prepared =
            prepared.map(|(i, plan)| prepare(plan, steering).map_err(|e| named(one, i, e)));
        Ok(Self {
            queries: prepared.collect::<Result<_>>()?,
            model,
        })
    }

    /// The number of queries.
    pub fn len(&self) -> usize {
        self.queries.len()
    }

    /// Whether there is no query.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// Whether shards must be asked for their statistics before they can search.
    pub fn needs_statistics(&self) -> bool {
        let mut queries = self.queries.iter();
        queries.any(|query| query.words().is_some() && query.statistics.is_none())
    }

    /// Takes what every shard has said of the words: each shard once, in any order.
    ///
    /// `InvalidArgument` if there is nothing, more than 65,536 shards, or something that was said of another
    /// request; then nothing changes.
    pub fn set_statistics(&mut self, shards: &[RequestStatistics]) -> Result<()> {
        if shards.is_empty() || shards.len() > MAX_SHARDS {
            return Err(Error::invalid(format!(
                "statistics of 1 to {MAX_SHARDS} shards are needed, got {}",
                shards.len()
            )));
        }
        let mut sums = Vec::with_capacity(self.len());
        for (i, query) in self.queries.iter().enumerate() {
            let mut sum: Option<ShardStatistics> = None;
            for (place, shard) in shards.iter().enumerate() {
                let told = shard
                    .queries
                    .get(i)
                    .filter(|_| shard.queries.len() == self.len());
                let told = told.filter(|told| told.is_some() == query.words().is_some());
                let Some(told) = told else {
                    return Err(another(place, "statistics"));
                };
                match (&mut sum, told) {
                    (Some(sum), Some(more)) => {
                        sum.merge(more).map_err(|_| another(place, "statistics"))?
                    }
                    (None, Some(first)) => sum = Some(first.clone()),
                    (_, None) => {}
                }
            }
            if let Some(sum) = &sum {
                sum.check()?;
            }
            sums.push(sum);
        }
        for (query, sum) in self.queries.iter_mut().zip(sums) {
            query.statistics = sum;
        }
        Ok(())
    }

    /// Refuses a shard whose vectors another model made.
    pub(super) fn check_model(&self, state: &State) -> Result<()> {
        match (&self.model, &state.embedder) {
            (Some(asked), Some((name, held))) if asked != held => Err(Error::new(
                ErrorKind::ModelMismatch,
                format!(
                    "the vectors of this shard were made by {name} ({held}), those of the request by \
                     {asked}; embed both with one model"
                ),
            )),
            _ => check_identity(state, None, None),
        }
    }
}

/// What is told when a shard has answered something else than was asked.
pub(super) fn another(place: usize, what: &str) -> Error {
    Error::invalid(format!(
        "the {what} at {place} belong to another request; give what each shard has said of this one"
    ))
}

fn prepare(plan: &Plan<'_>, steering: &Steering) -> Result<Prepared> {
    let mut lifts = Vec::new();
    let mut steered = None;
    if let Some(vector) = &plan.vector {
        steered = Some(plan.steer_by(steering, vector)?);
        if plan.reranks() {
            let lifted = steering
                .lifts(&plan.dials())?
                .into_iter()
                .map(|lift| Lifted {
                    name: lift.name,
                    length: lift.length,
                    model: lift.model.fingerprint(),
                });
            lifts.extend(lifted);
        }
    }
    Ok(Prepared {
        query: Query {
            text: plan.query.text.clone(),
            filter: plan.query.filter.clone(),
            options: plan.query.options.clone(),
            ..Query::default()
        },
        mode: plan.mode,
        steered,
        lifts,
        statistics: None,
    })
}
