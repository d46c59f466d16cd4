//! From what each shard has found to the hits of all.

use super::super::fuse::{Worth, chosen, pool_size, reciprocal_ranks, rrf_depth};
use super::super::hits::Hit;
use super::super::query::{DEFAULT_BM25_WEIGHT, Fusion, Mode};
use super::super::rank::Blend;
use super::super::search::{named, relevance, uncalibrated};
use super::MAX_SHARDS;
use super::request::{Prepared, ShardRequest, another};
use super::respond::{Order, ShardFound, ShardHit, ShardResponse};
use crate::calibration::Calibration;
use crate::error::{Error, ErrorKind, Result};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

/// One hit of one shard.
type Place = (u32, u32);

impl ShardRequest {
    /// The hits of all shards for each query, best first; shards come in any order and decide nothing by it.
    ///
    /// `calibration` is the curve from scores to [`Hit::relevance`], learnt from searches over all shards;
    /// without one no hit has a relevance, and `min_relevance` is refused.
    ///
    /// What only some shards have answered is merged as well: whoever asks decides whether that will do.
    ///
    /// `InvalidArgument` if there is no response, something that was said of another request, or a
    /// document that two shards hold (or one shard twice); `ModelMismatch` and `DimensionMismatch` if
    /// their vectors cannot be compared.
    pub fn merge(
        &self,
        shards: &[ShardResponse],
        calibration: Option<&Calibration>,
    ) -> Result<Vec<Vec<Hit>>> {
        if shards.is_empty() || shards.len() > MAX_SHARDS {
            return Err(Error::invalid(format!(
                "responses of 1 to {MAX_SHARDS} shards are needed, got {}",
                shards.len()
            )));
        }
        agree(shards)?;
        if let Some(place) = shards.iter().position(|s| s.found.len() != self.len()) {
            return Err(another(place, "hits"));
        }
        let one = self.len() == 1;
        let merged = self.queries.iter().enumerate().map(|(i, query)| {
            let found: Vec<&ShardFound> = shards.iter().map(|shard| &shard.found[i]).collect();
            merge(query, &found, calibration).map_err(|e| named(one, i, e))
        });
        merged.collect()
    }
}

/// Refuses shards whose vectors are not of one kind.
fn agree(shards: &[ShardResponse]) -> Result<()> {
    let mut known: Option<(usize, &ShardResponse)> = None;
    for (place, shard) in shards
        .iter()
        .enumerate()
        .filter(|(_, shard)| shard.dim.is_some())
    {
        let (first, other) = *known.get_or_insert((place, shard));
        let told = |what: &str| format!("the shards at {first} and {place} have vectors {what}");
        if shard.dim != other.dim {
            let dims = (other.dim.unwrap_or(0), shard.dim.unwrap_or(0));
            let what = format!("of {} and of {} dimensions", dims.0, dims.1);
            return Err(Error::new(ErrorKind::DimensionMismatch, told(&what)));
        }
        if let (Some(one), Some(two)) = (&other.model, &shard.model)
            && one != two
        {
            let what = format!("of different models, {one} and {two}; embed them anew with one");
            return Err(Error::new(ErrorKind::ModelMismatch, told(&what)));
        }
    }
    Ok(())
}

fn merge(
    query: &Prepared,
    shards: &[&ShardFound],
    calibration: Option<&Calibration>,
) -> Result<Vec<Hit>> {
    let options = &query.query.options;
    if options.min_relevance.is_some() && calibration.is_none() {
        return Err(uncalibrated());
    }
    let by_ranks = query.mode == Mode::Hybrid && options.fusion == Fusion::Rrf;
    for (place, shard) in shards.iter().enumerate() {
        let same = (shard.bound.to_bits(), shard.most.to_bits())
            == (shards[0].bound.to_bits(), shards[0].most.to_bits());
        if !same || matches!(shard.order, Order::Ranks(_)) != by_ranks {
            return Err(another(place, "hits"));
        }
    }
    let worth = Worth {
        blend: Blend {
            mode: query.mode,
            weight: options.bm25_weight.unwrap_or(DEFAULT_BM25_WEIGHT),
            bound: shards[0].bound,
        },
        by_ranks,
        most: shards[0].most,
    };
    let at = |place: Place| &shards[place.0 as usize].hits[place.1 as usize];
    let pool = pool_size(options.k, options.diversity);
    let mut shares = HashMap::new();
    let ranked: Vec<(Place, f32)> = match by_ranks {
        true => by_both(shards, options.k, pool, &mut shares),
        false => {
            let lists = shards.iter().map(|shard| shard.hits.len());
            best(lists, pool, &|place| at(place).hit.score, &|place| {
                at(place)
            })
        }
    };
    check_ids(&ranked, &at)?;
    let scores: Vec<f32> = ranked.iter().map(|(_, score)| *score).collect();
    let vector = |i: usize| at(ranked[i].0).vector.as_deref();
    let how = (options.k, options.diversity);
    let taken = chosen(&scores, &vector, &|score| worth.of(score), how);
    let hits = taken.into_iter().map(|i| {
        let (place, score) = ranked[i];
        let held = at(place);
        let mut hit = held.hit.clone();
        hit.score = score;
        if let (Some(explanation), Some((lexical, dense))) =
            (&mut hit.explanation, shares.get(&place))
        {
            (explanation.lexical, explanation.dense) = (f64::from(*lexical), f64::from(*dense));
        }
        let answering = if by_ranks { score } else { held.answering };
        hit.relevance = calibration.and_then(|curve| relevance(curve, answering));
        hit
    });
    Ok(hits
        .filter(|hit| hit.relevance >= options.min_relevance)
        .collect())
}

/// What the ranks of all shards' words and vectors come to: the best `pool`.
fn by_both(
    shards: &[&ShardFound],
    k: usize,
    pool: usize,
    shares: &mut HashMap<Place, (f32, f32)>,
) -> Vec<(Place, f32)> {
    let hit = |place: Place| &shards[place.0 as usize].hits[place.1 as usize];
    let list = |side: usize, shard: usize| match &shards[shard].order {
        Order::Ranks(rankings) => rankings[side].as_slice(),
        Order::Score => &[],
    };
    let ranking = |side: usize| {
        // A place in a ranking leads to the hit.
        let entry = |place: Place| list(side, place.0 as usize)[place.1 as usize];
        let lens = (0..shards.len()).map(|shard| list(side, shard).len());
        let best = best(lens, rrf_depth(k), &|place| entry(place).1, &|place| {
            hit((place.0, entry(place).0))
        });
        let places = best
            .into_iter()
            .map(move |(place, _)| (place.0, entry(place).0));
        places.collect::<Vec<Place>>().into_iter()
    };
    let fused = reciprocal_ranks(ranking(0), ranking(1));
    let mut all: Vec<(Place, f32)> = fused
        .iter()
        .map(|(place, (a, b))| (*place, a + b))
        .collect();
    all.sort_unstable_by(|a, b| order((a.1, hit(a.0)), (b.1, hit(b.0))));
    all.truncate(pool);
    shares.extend(fused);
    all
}

/// Score descending, then id ascending.
fn order(a: (f32, &ShardHit), b: (f32, &ShardHit)) -> Ordering {
    b.0.total_cmp(&a.0)
        .then_with(|| a.1.hit.id.cmp(&b.1.hit.id))
}

/// The next of one list.
struct Next<'a> {
    score: f32,
    hit: &'a ShardHit,
    place: Place,
}

impl Ord for Next<'_> {
    /// The greatest comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        order((other.score, other.hit), (self.score, self.hit))
            .then_with(|| other.place.cmp(&self.place))
    }
}

impl PartialOrd for Next<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Next<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Next<'_> {}

/// The best `n` of sorted lists of these lengths, one of each shard.
fn best<'a>(
    lens: impl Iterator<Item = usize>,
    n: usize,
    score: &dyn Fn(Place) -> f32,
    hit: &dyn Fn(Place) -> &'a ShardHit,
) -> Vec<(Place, f32)> {
    let lens: Vec<u32> = lens.map(|len| len as u32).collect();
    let next = |place: Place| {
        (place.1 < lens[place.0 as usize]).then(|| Next {
            score: score(place),
            hit: hit(place),
            place,
        })
    };
    let firsts = (0..lens.len()).filter_map(|shard| next((shard as u32, 0)));
    let mut heap: BinaryHeap<Next<'_>> = firsts.collect();
    let mut best = Vec::with_capacity(n.min(lens.iter().map(|&len| len as usize).sum()));
    while best.len() < n
        && let Some(mut top) = heap.peek_mut()
    {
        best.push((top.place, top.score));
        match next((top.place.0, top.place.1 + 1)) {
            Some(after) => *top = after,
            None => drop(std::collections::binary_heap::PeekMut::pop(top)),
        }
    }
    best
}

/// Refuses a document that stands there twice.
fn check_ids<'a>(ranked: &[(Place, f32)], at: &dyn Fn(Place) -> &'a ShardHit) -> Result<()> {
    let mut seen: HashMap<&str, Place> = HashMap::with_capacity(ranked.len());
    for (place, _) in ranked {
        let id = at(*place).hit.id.as_str();
        if let Some(other) = seen.insert(id, *place) {
            return Err(Error::invalid(format!(
                "the document \"{id}\" came from the shards at {} and {}; give each shard's hits once, \
                 and let each document be in one shard",
                other.0.min(place.0),
                other.0.max(place.0)
            )));
        }
    }
    Ok(())
}
