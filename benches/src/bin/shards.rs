//! Shards beside one collection: whether their hits are the same, and what asking and merging cost.
//!
//! `cargo run --release -p ragcore-benches --bin shards -- FOLDER [QUERIES]`; FOLDER has `corpus.jsonl` in the
//! layout of BEIR, QUERIES is how many questions are compared (10,000). Everything happens in one process: the
//! figures are those of the core, without a wire.

use rag_core::collection::{
    Batch, Collection, Examples, Fusion, Hit, Mode, Query, RequestStatistics, ShardRequest,
    ShardResponse, shard_of,
};
use rag_core::retrieval::filter::Filter;
use rag_core::steering::Steering;
use rag_core::{Error, Progress, Rng};
use ragcore_benches::collection::{Collection as Judged, Result};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

const SHARDS: usize = 4;
const MANY: usize = 64;
const AT_ONCE: usize = 200;

/// A collection in so many shards.
struct Parts(Vec<Collection>);

impl Parts {
    fn of(whole: &Collection, shards: usize) -> Result<Self> {
        let parts = (0..shards).map(|_| Collection::in_memory(None, whole.dim()?));
        let parts = parts.collect::<rag_core::Result<Vec<_>>>()?;
        let ids = whole.ids()?;
        let mut placed: Vec<Vec<String>> = vec![Vec::new(); shards];
        for id in ids {
            placed[shard_of(&id, shards)?].push(id);
        }
        for (part, ids) in parts.iter().zip(placed) {
            let held: Vec<_> = whole.get(&ids)?.into_iter().flatten().collect();
            let vectors: Vec<f32> = held
                .iter()
                .flat_map(|d| d.vector.clone())
                .flatten()
                .collect();
            let batch = Batch::new(ids)
                .optional_texts(held.iter().map(|d| d.text.clone()).collect())
                .vectors(&vectors, whole.dim()?.unwrap_or(1))?
                .metadata(held.into_iter().map(|d| d.metadata).collect());
            part.add(batch)?;
            part.steering().replace(&whole.steering().to_steering()?)?;
        }
        Ok(Self(parts))
    }

    fn told(&self, request: &ShardRequest) -> Result<Vec<RequestStatistics>> {
        let told = self.0.iter().map(|part| part.shard_statistics(request));
        Ok(told.collect::<rag_core::Result<_>>()?)
    }

    fn found(&self, request: &ShardRequest) -> Result<Vec<ShardResponse>> {
        let found = self.0.iter().map(|part| part.search_shard(request));
        Ok(found.collect::<rag_core::Result<_>>()?)
    }

    fn search(&self, queries: &[Query], steering: &Steering) -> Result<Vec<Vec<Hit>>> {
        let mut request = ShardRequest::new(queries, None, Some(steering))?;
        request.set_statistics(&self.told(&request)?)?;
        Ok(request.merge(&self.found(&request)?, None)?)
    }
}

/// Questions of words that stand together in a document, in every mode, with filters and dials.
fn questions(whole: &Collection, texts: &[String], n: usize) -> Result<Vec<Query>> {
    let mut rng = Rng::new(17);
    let asked: Vec<String> = (0..n)
        .map(|_| {
            let words: Vec<&str> = texts[rng.below(texts.len())].split_whitespace().collect();
            let start = rng.below(words.len().saturating_sub(6).max(1));
            words[start..words.len().min(start + 6)].join(" ")
        })
        .collect();
    let encoded = whole
        .embedder()?
        .encode(&asked, &Default::default(), Progress::none())?;
    let mut queries = Vec::with_capacity(n);
    for (i, text) in asked.into_iter().enumerate() {
        let mut query = Query::text(text).mode(Mode::ALL[i % 3]);
        if query.options.mode != Mode::Lexical {
            query = query.with_vector(encoded.row(i).to_vec());
            if i % 4 == 0 {
                query = query.steer("short", 1.0);
            }
        }
        if i % 5 == 0 {
            query = query.filter(Filter::parse(&json!({"n": {"$lt": 30}}))?);
        }
        query.options.exact = true;
        query.options.fusion = Fusion::ALL[i / 3 % 2];
        queries.push(query);
    }
    Ok(queries)
}

/// The median of some times in microseconds.
fn median_us<T>(times: usize, body: impl Fn() -> rag_core::Result<T>) -> Result<f64> {
    let mut all = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        std::hint::black_box(body()?);
        all.push(start.elapsed().as_secs_f64() * 1e6);
    }
    all.sort_by(f64::total_cmp);
    Ok(all[times / 2])
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or_else(|| Error::invalid("name a FOLDER"))?;
    let count: usize = arguments.next().map_or(Ok(10_000), |n| n.parse())?;
    let judged = Judged::read(Path::new(&folder))?;
    let whole = Collection::in_memory(None, None)?;
    let metadata = (0..judged.ids.len()).map(|i| json!({"n": i % 100}));
    let metadata = metadata.map(|m| m.as_object().cloned().unwrap_or_default());
    let batch = Batch::new(judged.ids.iter().cloned()).texts(judged.texts.iter().cloned());
    whole.add(batch.metadata(metadata.collect()))?;
    let short: Vec<&str> = judged
        .texts
        .iter()
        .map(|t| t.split('.').next().unwrap_or(t))
        .take(40)
        .collect();
    let long: Vec<&str> = judged
        .texts
        .iter()
        .map(String::as_str)
        .skip(40)
        .take(40)
        .collect();
    (whole.steering()).learn(
        "short",
        Examples::Texts(&short),
        Examples::Texts(&long),
        &Default::default(),
    )?;
    let steering = whole.steering().to_steering()?;
    println!(
        "{} documents of {} numbers",
        whole.len()?,
        whole.dim()?.unwrap_or(0)
    );

    let queries = questions(&whole, &judged.texts, count)?;
    let parts = Parts::of(&whole, SHARDS)?;
    let mut same = 0;
    for some in queries.chunks(AT_ONCE) {
        let (found, expected) = (parts.search(some, &steering)?, whole.search_many(some)?);
        same += found.iter().zip(&expected).filter(|(a, b)| a == b).count();
    }
    println!(
        "{SHARDS} shards: {same} of {count} questions have the hits, scores and ties of one collection"
    );

    for shards in [SHARDS, MANY] {
        let parts = Parts::of(&whole, shards)?;
        for (name, k, fusion) in [("convex", 100, Fusion::Convex), ("rrf", 10, Fusion::Rrf)] {
            let mut query = queries[1].clone().mode(Mode::Hybrid).k(k);
            query.vector = queries[1]
                .vector
                .clone()
                .or_else(|| queries[0].vector.clone());
            (query.options.fusion, query.filter) = (fusion, None);
            let plain = ShardRequest::new(std::slice::from_ref(&query), None, Some(&steering))?;
            let told = parts.told(&plain)?;
            let mut request = plain.clone();
            request.set_statistics(&told)?;
            let found = parts.found(&request)?;
            let one = &parts.0[0];
            let make = median_us(300, || {
                ShardRequest::new(std::slice::from_ref(&query), None, Some(&steering))
            })?;
            let tell = median_us(300, || one.shard_statistics(&plain))?;
            let add = median_us(300, || plain.clone().set_statistics(&told))?;
            let search = median_us(300, || one.search_shard(&request))?;
            let merge = median_us(300, || request.merge(&found, None))?;
            let alone = median_us(300, || whole.search(&query))?;
            println!(
                "{shards} shards, {name}, k={k}: prepare {make:.1} us, statistics {tell:.1} a shard, added up \
                 {add:.1}, search {search:.1} a shard (one collection {alone:.1}), merged {merge:.1}; request {} \
                 bytes, response {}",
                request.to_bytes().len(),
                found[0].to_bytes().len(),
            );
        }
    }
    Ok(())
}
