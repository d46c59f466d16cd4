//! Against the slow truth: one collection that holds everything.

use super::super::query::{Fusion, Mode, Query, SteerMode};
use super::super::{Batch, Collection, Hit};
use super::{RequestStatistics, ShardRequest, ShardResponse, shard_of};
use crate::Matrix;
use crate::calibration::{Calibration, CalibrationOptions};
use crate::error::{ErrorKind, Result};
use crate::retrieval::filter::Filter;
use crate::rng::Rng;
use crate::steering::{AttributeModel, LearnOptions, Steering, SteeringVector};
use serde_json::json;

const DIM: usize = 6;

/// Words of which the first are in nearly every text and the last in one of hundreds, as in a language.
fn words(rng: &mut Rng, most: usize) -> String {
    let count = 1 + rng.below(most);
    let word = |rng: &mut Rng| format!("w{}", (rng.uniform().powi(4) * 200.0) as u32);
    let words: Vec<String> = (0..count).map(|_| word(rng)).collect();
    words.join(" ")
}

fn vector(rng: &mut Rng) -> Vec<f32> {
    (0..DIM).map(|_| rng.normal() as f32).collect()
}

/// One collection, and the same documents in some; which of them holds one follows from `place`.
struct World {
    whole: Collection,
    shards: Vec<Collection>,
    steering: Steering,
}

impl World {
    fn new(rng: &mut Rng, documents: usize, shards: usize, skewed: bool) -> Self {
        let make = || Collection::in_memory(None, Some(DIM)).unwrap();
        let (whole, parts) = (make(), (0..shards).map(|_| make()).collect::<Vec<_>>());
        for i in 0..documents {
            let id = format!("d{}", (i * 7919) % 100_003);
            // Texts that come again and again: equal scores, which ids must tell apart.
            let text = match i % 5 {
                0 => "w0 w1 w3".to_owned(),
                _ => words(rng, 30),
            };
            let vector = if i % 7 == 0 {
                vec![1.0; DIM]
            } else {
                vector(rng)
            };
            let metadata = json!({"n": i % 10, "tags": [format!("t{}", i % 3)]});
            let batch = || {
                let batch = Batch::new([id.clone()])
                    .optional_texts(vec![(i % 11 != 3).then(|| text.clone())]);
                let batch = batch.vectors(&vector, DIM).unwrap();
                batch.metadata(vec![metadata.as_object().unwrap().clone()])
            };
            whole.add(batch()).unwrap();
            let place = match skewed {
                true => (rng.uniform().powi(3) * shards as f64) as usize,
                false => shard_of(&id, shards).unwrap(),
            };
            parts[place].add(batch()).unwrap();
        }
        let gone = whole.ids().unwrap();
        let gone: Vec<&String> = gone.iter().filter(|_| rng.below(9) == 0).collect();
        whole.delete(&gone).unwrap();
        for part in &parts {
            part.delete(&gone).unwrap();
        }
        let steering = steering(rng);
        for one in parts.iter().chain([&whole]) {
            one.steering().replace(&steering).unwrap();
        }
        Self {
            whole,
            shards: parts,
            steering,
        }
    }

    /// What goes over wires, as bytes and back.
    fn search(&self, queries: &[Query], curve: Option<&Calibration>) -> Result<Vec<Vec<Hit>>> {
        let request = ShardRequest::new(queries, None, Some(&self.steering))?;
        let mut request = ShardRequest::from_bytes(&request.to_bytes())?;
        let counts = self.shards.iter().rev().map(|shard| {
            let counts = shard.shard_statistics(&request)?;
            let again = RequestStatistics::from_bytes(&counts.to_bytes())?;
            assert_eq!(counts, again);
            Ok(again)
        });
        request.set_statistics(&counts.collect::<Result<Vec<_>>>()?)?;
        let request = ShardRequest::from_bytes(&request.to_bytes())?;
        let found = self.shards.iter().map(|shard| {
            let found = shard.search_shard(&request)?;
            let again = ShardResponse::from_bytes(&found.to_bytes())?;
            assert_eq!(found, again);
            Ok(again)
        });
        request.merge(&found.collect::<Result<Vec<_>>>()?, curve)
    }
}

fn steering(rng: &mut Rng) -> Steering {
    let mut set = Steering::new();
    let texts = |word: &str| (0..12).map(|i| format!("{word} w{i}")).collect::<Vec<_>>();
    let (liked, disliked) = (texts("w1 w2"), texts("w30 w40"));
    for name in ["long", "kind"] {
        let direction = vector(rng);
        set.insert(SteeringVector::from_parts(name, &direction, 0.3, None).unwrap())
            .unwrap();
        let rows = |rng: &mut Rng| {
            let data: Vec<f32> = (0..12).flat_map(|_| vector(rng)).collect();
            Matrix::from_vec(data, DIM).unwrap()
        };
        let (a, b) = (rows(rng), rows(rng));
        let a_texts: Vec<&str> = liked.iter().map(String::as_str).collect();
        let b_texts: Vec<&str> = disliked.iter().map(String::as_str).collect();
        let model = AttributeModel::learn(
            (a_texts.as_slice(), a.rows()),
            (b_texts.as_slice(), b.rows()),
            &LearnOptions::default(),
        );
        set.set_attribute(name, Some(model.unwrap())).unwrap();
    }
    let (query, item) = (vector(rng), vector(rng));
    set.feedback(&query, &item, 1.0, Some("ann"), &[], Some(1e9))
        .unwrap();
    set
}

fn query(rng: &mut Rng) -> Query {
    let mode = Mode::ALL[rng.below(3)];
    let mut query = Query::text(words(rng, 6)).mode(mode).k(1 + rng.below(25));
    if mode != Mode::Lexical {
        query = query.with_vector(vector(rng));
        if rng.below(3) == 0 {
            query = query
                .steer("kind", rng.uniform() * 4.0 - 2.0)
                .steer("long", 1.0);
            query = query.steer_mode(SteerMode::ALL[rng.below(2)]);
        }
    }
    if rng.below(3) == 0 {
        let filter = json!({"n": {"$lt": rng.below(10)}, "tags": {"$in": ["t0", "t2"]}});
        query = query.filter(Filter::parse(&filter).unwrap());
    }
    query.options.exact = rng.below(2) == 0;
    query.options.fusion = Fusion::ALL[rng.below(2)];
    query.options.explain = rng.below(2) == 0;
    query.options.bm25_weight = (rng.below(2) == 0).then(|| rng.uniform() as f32);
    if rng.below(3) == 0 {
        query.options.diversity = rng.uniform() as f32;
    }
    query
}

#[test]
fn shards_find_what_one_collection_finds_to_the_bit() {
    let mut rng = Rng::new(9);
    for (documents, shards, skewed) in [
        (1, 3, false),
        (90, 1, false),
        (400, 4, true),
        (700, 9, false),
        (300, 40, true),
    ] {
        let world = World::new(&mut rng, documents, shards, skewed);
        for _ in 0..60 {
            let asked = query(&mut rng);
            let found = world.search(std::slice::from_ref(&asked), None).unwrap();
            assert_eq!(found[0], world.whole.search(&asked).unwrap(), "{asked:?}");
        }
        let many: Vec<Query> = (0..40).map(|_| query(&mut rng)).collect();
        assert_eq!(
            world.search(&many, None).unwrap(),
            world.whole.search_many(&many).unwrap()
        );
    }
}

#[test]
fn relevance_is_that_of_the_curve_that_is_given() {
    let world = World::new(&mut Rng::new(4), 200, 3, false);
    let scores: Vec<f64> = (0..100).map(|i| f64::from(i) / 50.0).collect();
    let relevant = |i: i32| f64::from(u8::from(i % 3 > 0 && i > 30));
    let relevant: Vec<f64> = (0..100).map(relevant).collect();
    let options = CalibrationOptions::default();
    let curve = Calibration::fit(&scores, &relevant, None, &options).unwrap();
    for fusion in Fusion::ALL {
        let mut asked = Query::text("w0 w1 w2").with_vector(vec![1.0; DIM]).k(30);
        (asked.options.fusion, asked.options.exact) = (*fusion, true);
        let all = world
            .search(std::slice::from_ref(&asked), Some(&curve))
            .unwrap();
        for hit in &all[0] {
            let expected = curve.predict(f64::from(hit.score)).unwrap() as f32;
            assert_eq!(hit.relevance, Some(expected));
        }
        let least = all[0][10].relevance;
        asked.options.min_relevance = least;
        let likely = world
            .search(std::slice::from_ref(&asked), Some(&curve))
            .unwrap();
        let expected: Vec<&Hit> = all[0].iter().filter(|hit| hit.relevance >= least).collect();
        assert_eq!(likely[0].iter().collect::<Vec<_>>(), expected);
        let error = world
            .search(std::slice::from_ref(&asked), None)
            .unwrap_err();
        assert!(error.message().contains("calibrat"), "{error}");
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let world = World::new(&mut Rng::new(2), 60, 3, false);
    let asked = [Query::text("w0 w1").with_vector(vec![1.0; DIM])];
    let mut request = ShardRequest::new(&asked, None, None).unwrap();
    let refused = |result: Result<Vec<Vec<Hit>>>, part: &str| {
        let error = result.unwrap_err();
        assert!(error.message().contains(part), "{error}");
        error.kind()
    };
    // Before the statistics, with none, and with those of another request.
    assert!(request.needs_statistics());
    let early = world.shards[0].search_shard(&request).unwrap_err();
    assert!(early.message().contains("shard_statistics"), "{early}");
    assert!(request.set_statistics(&[]).is_err());
    let other = ShardRequest::new(&[Query::text("w7")], None, None).unwrap();
    let counts = |request: &ShardRequest| -> Vec<RequestStatistics> {
        let counts = world
            .shards
            .iter()
            .map(|s| s.shard_statistics(request).unwrap());
        counts.collect()
    };
    let mut mixed = counts(&request);
    mixed[1] = counts(&other).remove(1);
    let error = request.set_statistics(&mixed).unwrap_err();
    assert!(error.message().contains("at 1"), "{error}");
    assert!(request.needs_statistics(), "nothing was taken");
    request.set_statistics(&counts(&request)).unwrap();
    assert!(!request.needs_statistics());
    let answers: Vec<ShardResponse> = world
        .shards
        .iter()
        .map(|s| s.search_shard(&request).unwrap())
        .collect();
    // A part of the shards is merged; a shard that answers twice is not.
    assert!(request.merge(&answers[..2], None).is_ok());
    let twice = [answers[0].clone(), answers[1].clone(), answers[0].clone()];
    assert_eq!(
        refused(request.merge(&twice, None), "at 0 and 2"),
        ErrorKind::InvalidArgument
    );
    refused(request.merge(&[], None), "got 0");
    // One that was asked with other statistics.
    let mut few = ShardRequest::new(&asked, None, None).unwrap();
    few.set_statistics(&counts(&few)[..1]).unwrap();
    let stray = [
        answers[0].clone(),
        world.shards[1].search_shard(&few).unwrap(),
    ];
    refused(request.merge(&stray, None), "another request");
    // Vectors of another length.
    let odd = Collection::in_memory(None, Some(2)).unwrap();
    odd.add(Batch::new(["x"]).vectors(&[1.0, 0.0], 2).unwrap())
        .unwrap();
    assert_eq!(
        odd.search_shard(&request).unwrap_err().kind(),
        ErrorKind::DimensionMismatch
    );
    let words = [Query::text("w0 w1").mode(Mode::Lexical)];
    let mut request = ShardRequest::new(&words, None, None).unwrap();
    request.set_statistics(&counts(&request)).unwrap();
    let apart = [&world.shards[0], &odd].map(|s| s.search_shard(&request).unwrap());
    assert_eq!(
        refused(request.merge(&apart, None), "6 and of 2"),
        ErrorKind::DimensionMismatch
    );
    // A dense query without a vector, an unknown dial, and a dial that shards have otherwise.
    assert!(ShardRequest::new(&[Query::text("w0").mode(Mode::Dense)], None, None).is_err());
    let steered = [Query::vector(vec![1.0; DIM])
        .steer("kind", 1.0)
        .steer_mode(SteerMode::Rerank)];
    let unknown = ShardRequest::new(&steered, None, None).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    let other = World::new(&mut Rng::new(77), 20, 1, false);
    let request = ShardRequest::new(&steered, None, Some(&other.steering)).unwrap();
    let error = world.shards[0].search_shard(&request).unwrap_err();
    assert!(
        error.message().contains("another attribute model"),
        "{error}"
    );
}

#[test]
fn shards_of_another_model_are_refused() {
    let texts = ["The moon makes the tides.", "Yeast makes dough rise."];
    let built_in = Collection::in_memory(None, None).unwrap();
    built_in.add(Batch::new(["a", "b"]).texts(texts)).unwrap();
    let embedder = built_in.embedder().unwrap();
    let asked = [Query::text("why are there tides?").mode(Mode::Dense).k(1)];
    let request = ShardRequest::new(&asked, Some(&embedder), None).unwrap();
    let own = built_in.search_shard(&request).unwrap();
    assert_eq!(
        request.merge(std::slice::from_ref(&own), None).unwrap()[0],
        built_in.search(&asked[0]).unwrap()
    );
    let mut strange = ShardRequest::from_bytes(&request.to_bytes()).unwrap();
    strange.model = Some("0123456789abcdef".to_owned());
    let error = built_in.search_shard(&strange).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMismatch, "{error}");
    let mut other = own.clone();
    other.model = Some("0123456789abcdef".to_owned());
    let error = request.merge(&[own, other], None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMismatch, "{error}");
}

#[test]
fn bytes_that_are_damaged_are_refused() {
    let world = World::new(&mut Rng::new(5), 40, 2, false);
    let mut asked = query(&mut Rng::new(1))
        .mode(Mode::Hybrid)
        .with_vector(vec![1.0; DIM]);
    (asked.options.fusion, asked.options.explain) = (Fusion::Rrf, true);
    let mut request = ShardRequest::new(&[asked], None, Some(&world.steering)).unwrap();
    let counts: Vec<RequestStatistics> = world
        .shards
        .iter()
        .map(|s| s.shard_statistics(&request).unwrap())
        .collect();
    request.set_statistics(&counts).unwrap();
    let found = world.shards[0].search_shard(&request).unwrap();
    type Reads = fn(&[u8]) -> bool;
    let all: [(Vec<u8>, Reads); 3] = [
        (request.to_bytes(), |b| ShardRequest::from_bytes(b).is_ok()),
        (counts[0].to_bytes(), |b| {
            RequestStatistics::from_bytes(b).is_ok()
        }),
        (found.to_bytes(), |b| ShardResponse::from_bytes(b).is_ok()),
    ];
    for (bytes, reads) in &all {
        assert!(reads(bytes));
        for cut in 0..bytes.len() {
            assert!(!reads(&bytes[..cut]));
        }
        for at in (0..bytes.len()).step_by(7) {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << (at % 8);
            assert!(!reads(&bad), "byte {at}");
        }
        for (other, _) in all.iter().filter(|(other, _)| other != bytes) {
            assert!(!reads(other), "another kind");
        }
    }
}

#[test]
fn ids_are_dealt_out_evenly_and_always_alike() {
    let mut counts = [0; 16];
    for i in 0..16_000 {
        counts[shard_of(&format!("document-{i}"), 16).unwrap()] += 1;
    }
    assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
    assert!(shard_of("x", 65_537).is_err());
}
