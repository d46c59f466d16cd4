//! Reranking by attribute models from outside: against slow truths, over writes and reopenings.

use proptest::prelude::*;
use rag_core::collection::{
    Batch, Collection, Examples, Fusion, Hit, Mode, OpenOptions, Query, SearchOptions, SteerMode,
};
use rag_core::retrieval::filter::Filter;
use rag_core::steering::{AttributeModel, LearnOptions, Steering, SteeringVector};
use rag_core::{ErrorKind, Matrix, Rng};
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;

const DIM: usize = 8;
const MILD: &[&str] = &["please", "kindly", "thanks", "would", "could"];
const PLAIN: &[&str] = &[
    "moon", "tide", "bread", "rust", "engine", "stone", "now", "stop",
];

struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> Self {
        let name = format!("ragcore-rerank-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn vector(rng: &mut Rng) -> Vec<f32> {
    let v: Vec<f64> = (0..DIM).map(|_| rng.normal()).collect();
    let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    v.iter().map(|x| (x / length) as f32).collect()
}

fn text(rng: &mut Rng, mild: f64) -> String {
    let words = (0..2 + rng.below(8)).map(|_| match rng.uniform() < mild {
        true => MILD[rng.below(MILD.len())],
        false => PLAIN[rng.below(PLAIN.len())],
    });
    words.collect::<Vec<&str>>().join(" ")
}

fn model(seed: u64, shift: f32) -> AttributeModel {
    let mut rng = Rng::new(seed);
    let mut side = |mild: f64, shift: f32| {
        let texts: Vec<String> = (0..40).map(|_| text(&mut rng, mild)).collect();
        let mut rows = Matrix::zeros(0, DIM);
        for _ in &texts {
            let mut row = vector(&mut rng);
            row[0] += shift;
            rows.push(&row).unwrap();
        }
        (texts, rows)
    };
    let (liked, disliked) = (side(0.5, shift), side(0.05, -shift));
    let view = |texts: &'_ [String]| -> Vec<String> { texts.to_vec() };
    let (a, b) = (view(&liked.0), view(&disliked.0));
    let (a, b): (Vec<&str>, Vec<&str>) = (
        a.iter().map(String::as_str).collect(),
        b.iter().map(String::as_str).collect(),
    );
    AttributeModel::learn(
        (&a, liked.1.rows()),
        (&b, disliked.1.rows()),
        &LearnOptions::default(),
    )
    .unwrap()
}

/// Documents as the test knows them.
type Known = HashMap<String, (String, Vec<f32>)>;

fn put(collection: &Collection, known: &mut Known, rng: &mut Rng, ids: &[String]) {
    let texts: Vec<String> = ids.iter().map(|_| text(rng, 0.25)).collect();
    let vectors: Vec<Vec<f32>> = ids.iter().map(|_| vector(rng)).collect();
    let metadata = ids
        .iter()
        .enumerate()
        .map(|(i, _)| json!({"even": i % 2 == 0}).as_object().cloned().unwrap());
    let batch = Batch::new(ids.iter().cloned()).texts(texts.iter().cloned());
    let batch = batch.vectors(&vectors.concat(), DIM).unwrap();
    collection
        .upsert(batch.metadata(metadata.collect()))
        .unwrap();
    for ((id, text), vector) in ids.iter().zip(texts).zip(vectors) {
        known.insert(id.clone(), (text, vector));
    }
}

fn named(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("d{i:04}")).collect()
}

fn dials(collection: &Collection) {
    let steering = collection.steering();
    for (name, seed, shift) in [("mild", 1, 0.3), ("warm", 2, -0.2)] {
        let vector = vector(&mut Rng::new(seed));
        let dial = SteeringVector::from_parts(name, &vector, 0.4, None).unwrap();
        steering.insert(dial).unwrap();
        steering
            .set_attribute(name, Some(model(seed, shift)))
            .unwrap();
    }
}

fn collection(n: usize) -> (Collection, Known) {
    let collection = Collection::in_memory(None, Some(DIM)).unwrap();
    let (mut known, mut rng) = (Known::new(), Rng::new(9));
    put(&collection, &mut known, &mut rng, &named(0..n));
    dials(&collection);
    (collection, known)
}

fn lift(collection: &Collection, known: &Known, id: &str, turned: &[(&str, f64)]) -> f64 {
    let (text, vector) = &known[id];
    let each = turned.iter().map(|(name, strength)| {
        let model = collection.steering().attribute(name).unwrap().unwrap();
        let likely = model.probability(text, Some(vector)).unwrap();
        strength * model.scale() * f64::from(likely)
    });
    each.sum()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b);
    pairs.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

fn ids(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.id.as_str()).collect()
}

fn turn(mut query: Query, turned: &[(&str, f64)]) -> Query {
    for (name, strength) in turned {
        query = query.steer(*name, *strength);
    }
    query.steer_mode(SteerMode::Rerank)
}

#[test]
fn exact_reranking_is_similarity_plus_probability() {
    let (collection, known) = collection(400);
    let mut rng = Rng::new(3);
    for turned in [&[("mild", 1.0)][..], &[("mild", 3.0), ("warm", -2.0)]] {
        let direction = vector(&mut rng);
        let query = Query::vector(direction.clone())
            .k(400)
            .options(SearchOptions::default().k(400).exact(true));
        let hits = collection.search(&turn(query, turned)).unwrap();
        assert_eq!(hits.len(), 400);
        for pair in hits.windows(2) {
            assert!(pair[0].score >= pair[1].score);
        }
        for hit in &hits {
            let similar = cosine(&direction, &known[&hit.id].1);
            let want = similar + lift(&collection, &known, &hit.id, turned);
            assert!((f64::from(hit.score) - want).abs() < 1e-6, "{want} {hit:?}");
            assert!((f64::from(hit.dense_score.unwrap()) - similar).abs() < 1e-6);
        }
        // Hybrid: half of a cosine's share arrives.
        let options = SearchOptions::default().k(400).exact(true).explain(true);
        let query = Query::text("moon please")
            .with_vector(direction.clone())
            .options(options);
        let plain = collection.search(&query).unwrap();
        let plain: HashMap<&str, &Hit> = plain.iter().map(|h| (h.id.as_str(), h)).collect();
        for hit in collection.search(&turn(query.clone(), turned)).unwrap() {
            let before = plain[hit.id.as_str()];
            let added = 0.375 * lift(&collection, &known, &hit.id, turned);
            let want = f64::from(before.score) + added;
            assert!((f64::from(hit.score) - want).abs() < 1e-6);
            assert_eq!(hit.lexical_score, before.lexical_score);
            let split = hit.explanation.unwrap();
            assert!((split.total() - f64::from(hit.score)).abs() < 1e-6);
            let dials: f64 = split.dials.iter().map(|dial| dial.1).sum();
            assert!((dials - added).abs() < 1e-6, "{dials} {added}");
            assert_eq!(split.dials.len(), turned.len());
        }
    }
}

#[test]
fn a_strength_of_zero_changes_no_bit() {
    let (collection, _) = collection(300);
    let mut rng = Rng::new(4);
    for mode in [Mode::Hybrid, Mode::Dense] {
        for fusion in [Fusion::Convex, Fusion::Rrf] {
            let options = SearchOptions::default()
                .mode(mode)
                .fusion(fusion)
                .explain(true);
            let query = Query::text("tide could").with_vector(vector(&mut rng));
            let query = query.options(options);
            let zero = turn(query.clone(), &[("mild", 0.0), ("warm", -0.0)]);
            assert_eq!(
                collection.search(&zero).unwrap(),
                collection.search(&query).unwrap()
            );
        }
    }
}

#[test]
fn what_is_found_without_scoring_all_is_what_scoring_all_finds() {
    let (collection, _) = collection(9000);
    let mut rng = Rng::new(5);
    let (mut found, mut wanted) = (0, 0);
    for i in 0..60 {
        let turned = [("mild", [1.0, 3.0, -1.0][i % 3]), ("warm", 0.5)];
        let mut query = Query::text(text(&mut rng, 0.3)).with_vector(vector(&mut rng));
        if i % 2 == 0 {
            query = query.mode(Mode::Dense);
        }
        if i % 5 == 0 {
            query = query.filter(Filter::parse(&json!({"even": true})).unwrap());
        }
        let fast = collection.search(&turn(query.clone(), &turned)).unwrap();
        let mut exact = turn(query, &turned);
        exact.options = exact.options.exact(true);
        let exact = collection.search(&exact).unwrap();
        wanted += exact.len();
        found += exact.iter().filter(|hit| fast.contains(hit)).count();
    }
    assert_eq!(wanted, 600);
    assert!(found >= 585, "{found} of {wanted}");
}

#[test]
fn it_goes_together_with_everything_else_that_a_search_does() {
    let (collection, known) = collection(500);
    let mut rng = Rng::new(6);
    let query = Query::text("stone kindly").with_vector(vector(&mut rng));
    let turned = [("mild", 2.0)];
    // A filter and many at once.
    let even = Filter::parse(&json!({"even": true})).unwrap();
    let filtered = turn(query.clone(), &turned).filter(even.clone());
    let many = [
        turn(query.clone(), &turned),
        query.clone(),
        filtered.clone(),
    ];
    let together = collection.search_many(&many).unwrap();
    for (hits, query) in together.iter().zip(&many) {
        assert_eq!(*hits, collection.search(query).unwrap());
    }
    assert!(
        together[2]
            .iter()
            .all(|hit| hit.metadata["even"] == json!(true))
    );
    // Diversity of next to nothing reorders nothing; more of it does.
    let mut varied = turn(query.clone(), &turned);
    varied.options = varied.options.diversity(1e-6);
    assert_eq!(ids(&collection.search(&varied).unwrap()), ids(&together[0]));
    varied.options = varied.options.diversity(0.9);
    assert_ne!(ids(&collection.search(&varied).unwrap()), ids(&together[0]));
    // Ranks: that of the dense side is by the sum.
    let options = SearchOptions::default().fusion(Fusion::Rrf).k(3);
    let ranked = turn(query.clone().options(options), &[("mild", 50.0)]);
    let first = &collection.search(&ranked).unwrap()[0];
    let (all, mut best) = (named(0..500), ("", f64::MIN));
    for id in &all {
        let added = lift(&collection, &known, id, &[("mild", 50.0)]);
        let score = cosine(query.vector.as_ref().unwrap(), &known[id].1) + added;
        if score > best.1 {
            best = (id, score);
        }
    }
    let dense = Query::vector(query.vector.clone().unwrap()).k(1);
    let dense = collection.search(&turn(dense, &[("mild", 50.0)])).unwrap();
    assert_eq!(dense[0].id, best.0);
    assert!(first.score > 1.0 / 62.0);
    // The user still moves the query.
    let steering = collection.steering();
    let (q, item) = (vector(&mut rng), vector(&mut rng));
    for _ in 0..20 {
        steering
            .feedback(&q, &item, 1.0, Some("ann"), &[], Some(0.0))
            .unwrap();
    }
    let mut own = turn(query, &turned).user("ann");
    own.options = own.options.explain(true);
    let hit = &collection.search(&own).unwrap()[0];
    let split = hit.explanation.clone().unwrap();
    assert!(split.user != 0.0 && split.dials[0].1 > 0.0);
    assert!((split.total() - f64::from(hit.score)).abs() < 1e-6);
}

#[test]
fn the_relevance_of_a_hit_is_that_of_its_score_without_the_dials() {
    let (collection, _) = collection(300);
    let mut rng = Rng::new(7);
    let queries: Vec<(String, Vec<f32>)> = (0..12)
        .map(|_| (text(&mut rng, 0.3), vector(&mut rng)))
        .collect();
    let asked: Vec<Query> = queries
        .iter()
        .map(|(text, vector)| Query::text(text.clone()).with_vector(vector.clone()))
        .collect();
    let names: Vec<String> = (0..12).map(|i| format!("q{i}")).collect();
    let mut qrels = rag_core::evaluation::Qrels::new();
    for (name, query) in names.iter().zip(&asked) {
        let hits = collection.search(query).unwrap();
        let judged = hits.into_iter().take(3).map(|hit| (hit.id, 1.0));
        qrels.add(name, judged).unwrap();
    }
    let questions: Vec<(&str, Query)> = names
        .iter()
        .map(String::as_str)
        .zip(asked.iter().cloned())
        .collect();
    collection
        .calibrate(&questions, &qrels, &Default::default())
        .unwrap();
    let all = |query: Query| {
        let hits = collection.search(&query.k(300)).unwrap();
        let each = hits
            .into_iter()
            .map(|hit| (hit.id, (hit.score, hit.relevance)));
        each.collect::<HashMap<_, _>>()
    };
    let plain = all(asked[0].clone());
    let lifted = all(turn(asked[0].clone(), &[("mild", 3.0)]));
    let mut moved = 0;
    for (id, (score, relevance)) in &lifted {
        assert_eq!(*relevance, plain[id].1);
        moved += usize::from(*score != plain[id].0);
    }
    assert!(moved > 250);
}

#[test]
fn dials_that_cannot_rerank_say_what_to_do() {
    let (collection, _) = collection(30);
    let up = SteeringVector::from_parts("up", &[1.0; DIM], 0.2, None).unwrap();
    collection.steering().insert(up).unwrap();
    let query = Query::vector([1.0; DIM]);
    let kind_of = |query: Query| {
        let error = collection.search(&query).unwrap_err();
        (error.kind(), error.to_string())
    };
    let (kind, message) = kind_of(turn(query.clone(), &[("up", 1.0)]));
    assert_eq!(kind, ErrorKind::InvalidArgument);
    assert!(
        message.contains("\"up\"") && message.contains("learn it from texts"),
        "{message}"
    );
    assert_eq!(
        kind_of(turn(query.clone(), &[("down", 1.0)])).0,
        ErrorKind::NotFound
    );
    let (kind, _) = kind_of(turn(query.clone(), &[("mild", 101.0)]));
    assert_eq!(kind, ErrorKind::InvalidArgument);
    let (kind, _) = kind_of(turn(query.clone(), &[("mild", 1.0), ("mild", 1.0)]));
    assert_eq!(kind, ErrorKind::InvalidArgument);
    let lexical = turn(Query::text("moon").mode(Mode::Lexical), &[("mild", 1.0)]);
    assert_eq!(kind_of(lexical).0, ErrorKind::InvalidArgument);
    let steering = collection.steering();
    assert_eq!(
        steering.probabilities("up", &["d0001"]).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        steering.probabilities("mild", &["?"]).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    // Taken away, it is gone.
    steering.set_attribute("mild", None).unwrap();
    assert!(steering.attribute("mild").unwrap().is_none());
    assert_eq!(
        kind_of(turn(query, &[("mild", 1.0)])).0,
        ErrorKind::InvalidArgument
    );
}

#[test]
fn learning_from_texts_brings_a_model_and_from_vectors_none() {
    let collection = Collection::in_memory(None, None).unwrap();
    let mut rng = Rng::new(8);
    let texts: Vec<String> = (0..60).map(|_| text(&mut rng, 0.3)).collect();
    collection
        .add(Batch::new(named(0..60)).texts(texts.clone()))
        .unwrap();
    let liked: Vec<String> = (0..20).map(|_| text(&mut rng, 0.8)).collect();
    let disliked: Vec<String> = (0..20).map(|_| text(&mut rng, 0.0)).collect();
    let liked: Vec<&str> = liked.iter().map(String::as_str).collect();
    let disliked: Vec<&str> = disliked.iter().map(String::as_str).collect();
    let steering = collection.steering();
    let (a, b) = (Examples::Texts(&liked), Examples::Texts(&disliked));
    steering
        .learn("mild", a, b, &LearnOptions::default())
        .unwrap();
    let model = steering.attribute("mild").unwrap().unwrap();
    assert!(model.effect().is_measurable(), "{:?}", model.effect());
    let likely = steering.probabilities("mild", &named(0..60)).unwrap();
    let mean = |wanted: bool| {
        let share = |text: &String| {
            let words = text.split(' ').filter(|word| MILD.contains(word)).count();
            words as f64 / text.split(' ').count() as f64
        };
        let held = texts
            .iter()
            .zip(&likely)
            .filter(|(text, _)| (share(text) > 0.3) == wanted);
        let held: Vec<f64> = held.map(|(_, p)| f64::from(*p)).collect();
        held.iter().sum::<f64>() / held.len() as f64
    };
    assert!(
        mean(true) > mean(false) + 0.1,
        "{} {}",
        mean(true),
        mean(false)
    );
    let dim = collection.dim().unwrap().unwrap();
    let one: Vec<f32> = (0..dim * 4).map(|i| (i % 7) as f32).collect();
    let two: Vec<f32> = (0..dim * 4).map(|i| (i % 5) as f32).collect();
    let (a, b) = (
        Examples::Vectors(rag_core::Rows::new(&one, dim).unwrap()),
        Examples::Vectors(rag_core::Rows::new(&two, dim).unwrap()),
    );
    steering
        .learn("other", a, b, &LearnOptions::default())
        .unwrap();
    assert!(steering.attribute("other").unwrap().is_none());
}

fn check(collection: &Collection, known: &Known) {
    let mut ids: Vec<String> = known.keys().cloned().collect();
    ids.sort();
    for name in ["mild", "warm"] {
        let model = collection.steering().attribute(name).unwrap().unwrap();
        let found = collection.steering().probabilities(name, &ids).unwrap();
        for (id, found) in ids.iter().zip(found) {
            let (text, vector) = &known[id];
            let want = model.probability(text, Some(vector)).unwrap();
            assert!((found - want).abs() < 1e-6, "{id}: {found} {want}");
        }
    }
    let turned = [("mild", 2.0), ("warm", -1.0)];
    let direction = vector(&mut Rng::new(11));
    let query = turn(Query::vector(direction.clone()).k(20), &turned);
    for hit in collection.search(&query).unwrap() {
        let similar = cosine(&direction, &known[&hit.id].1);
        let want = similar + lift(collection, known, &hit.id, &turned);
        assert!((f64::from(hit.score) - want).abs() < 2e-6);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn writes_keep_what_is_stored_true(seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let collection = Collection::in_memory(None, Some(DIM)).unwrap();
        let mut known = Known::new();
        put(&collection, &mut known, &mut rng, &named(0..30));
        dials(&collection);
        for _ in 0..8 {
            match rng.below(4) {
                0 => {
                    // Enough of it to number rows anew.
                    for _ in 0..2 {
                        put(&collection, &mut known, &mut rng, &named(0..700));
                    }
                }
                1 => {
                    let start = rng.below(400);
                    let gone = named(start..start + 1 + rng.below(300));
                    collection.delete(&gone).unwrap();
                    gone.iter().for_each(|id| drop(known.remove(id)));
                    put(&collection, &mut known, &mut rng, &named(0..3));
                }
                2 => {
                    let start = rng.below(900);
                    put(&collection, &mut known, &mut rng, &named(start..start + 5));
                }
                _ => collection.compact().unwrap(),
            }
            check(&collection, &known);
        }
    }
}

#[test]
fn an_opened_collection_and_a_reader_answer_alike() {
    let dir = TempDir::new("open");
    let options = OpenOptions::default().dim(Some(DIM));
    let (mut known, mut rng) = (Known::new(), Rng::new(12));
    let collection = Collection::open(&dir.0, None, &options).unwrap();
    put(&collection, &mut known, &mut rng, &named(0..200));
    dials(&collection);
    check(&collection, &known);
    let reader = Collection::open(&dir.0, None, &options.clone().read_only(true)).unwrap();
    check(&reader, &known);
    put(&collection, &mut known, &mut rng, &named(150..260));
    check(&reader, &known);
    collection.checkpoint().unwrap();
    put(&collection, &mut known, &mut rng, &named(255..270));
    check(&reader, &known);
    collection.close().unwrap();
    let again = Collection::open(&dir.0, None, &options).unwrap();
    check(&again, &known);
    again.compact().unwrap();
    check(&again, &known);
    check(&reader, &known);
}

#[test]
fn a_set_keeps_its_models_and_refuses_what_is_none() {
    let mut set = Steering::new();
    let dial = SteeringVector::from_parts("mild", &[0.5; DIM], 0.4, None).unwrap();
    set.insert(dial).unwrap();
    let without = set.to_bytes();
    assert!(set.attribute("mild").unwrap().is_none());
    assert_eq!(
        set.attribute("warm").unwrap_err().kind(),
        ErrorKind::NotFound
    );
    set.set_attribute("mild", Some(model(1, 0.3))).unwrap();
    let bytes = set.to_bytes();
    let again = Steering::from_bytes(&bytes).unwrap();
    assert_eq!(
        again.attribute("mild").unwrap(),
        set.attribute("mild").unwrap()
    );
    assert_eq!(again.to_bytes(), bytes);
    // Merging takes it along, in whichever order.
    let mut empty = Steering::new();
    empty.merge(&set).unwrap();
    assert_eq!(empty.to_bytes(), bytes);
    let mut first = Steering::from_bytes(&without).unwrap();
    first.merge(&set).unwrap();
    let mut second = set.clone();
    second
        .merge(&Steering::from_bytes(&without).unwrap())
        .unwrap();
    assert_eq!(first.to_bytes(), second.to_bytes());
    let mut other = Steering::new();
    let dial = SteeringVector::from_parts("mild", &[0.5; 3], 0.4, None).unwrap();
    other.insert(dial).unwrap();
    let refused = other
        .set_attribute("mild", Some(model(1, 0.3)))
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::DimensionMismatch);
    let mut rng = Rng::new(13);
    for _ in 0..300 {
        let mut bad = bytes.clone();
        let at = rng.below(bad.len());
        bad[at] ^= 1 << rng.below(8);
        // Names are not under the checksum, models are.
        if let Ok(read) = Steering::from_bytes(&bad) {
            let name = read.names().next().unwrap();
            let held = read.attribute(name).unwrap();
            assert_eq!(held, set.attribute("mild").unwrap());
        }
    }
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    let model = model(1, 0.3);
    let bytes = model.to_bytes();
    let again = AttributeModel::from_bytes(&bytes).unwrap();
    assert_eq!(again, model);
    for text in ["please kindly stop", "rust now", "", "漢字 کتاب ok?"] {
        let (a, b) = (model.probability(text, None), again.probability(text, None));
        assert_eq!(a.unwrap().to_bits(), b.unwrap().to_bits());
    }
    for cut in (0..bytes.len()).step_by(37).chain([bytes.len() - 1]) {
        assert!(AttributeModel::from_bytes(&bytes[..cut]).is_err());
    }
    let mut long = bytes.clone();
    long.push(0);
    assert!(AttributeModel::from_bytes(&long).is_err());
    let mut later = bytes.clone();
    later[0] = 9;
    let error = AttributeModel::from_bytes(&later).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FormatVersion);
    let mut rng = Rng::new(14);
    for _ in 0..2000 {
        let mut bad = bytes.clone();
        for _ in 0..1 + rng.below(3) {
            let at = rng.below(bad.len());
            bad[at] = rng.next_u64() as u8;
        }
        if let Ok(read) = AttributeModel::from_bytes(&bad) {
            let likely = read.probability("please stop", Some(&[0.3; DIM])).unwrap();
            assert!((0.0..=1.0).contains(&likely), "{likely}");
        }
    }
    for junk in [&[][..], &[1], &[1; 4000]] {
        assert!(AttributeModel::from_bytes(junk).is_err());
    }
}

#[test]
fn examples_that_teach_nothing_are_refused() {
    let rows = Matrix::from_vec((0..4 * DIM).map(|i| i as f32).collect(), DIM).unwrap();
    let two = Matrix::from_vec(vec![1.0; 2 * DIM], DIM).unwrap();
    let other = Matrix::from_vec(vec![1.0; 8], 4).unwrap();
    let bad = Matrix::from_vec(vec![f32::NAN; 2 * DIM], DIM).unwrap();
    let options = LearnOptions::default();
    let learn = |a: (&[&str], &Matrix), b: (&[&str], &Matrix)| {
        let learnt = AttributeModel::learn((a.0, a.1.rows()), (b.0, b.1.rows()), &options);
        learnt.map(drop).map_err(|error| error.kind())
    };
    let good: (&[&str], &Matrix) = (&["a b", "a c"], &two);
    assert_eq!(learn(good, (&["d", "e", "f", "g"], &rows)), Ok(()));
    let invalid = Err(ErrorKind::InvalidArgument);
    assert_eq!(learn(good, (&["d"], &two)), invalid);
    assert_eq!(learn((&["a", "b", "c"], &two), good), invalid);
    assert_eq!(learn(good, (&["d", "e"], &bad)), invalid);
    assert_eq!(learn((&["a", "a"], &two), (&["a", "a"], &two)), invalid);
    assert_eq!(
        learn(good, (&["d", "e"], &other)),
        Err(ErrorKind::DimensionMismatch)
    );
    let model = model(1, 0.3);
    let likely = |vector: &[f32]| {
        model
            .probability("moon", Some(vector))
            .map_err(|e| e.kind())
    };
    assert_eq!(likely(&[1.0; 3]), Err(ErrorKind::DimensionMismatch));
    assert_eq!(likely(&[f32::NAN; DIM]), Err(ErrorKind::InvalidArgument));
    // No direction says as much as no vector.
    let none = model.probability("moon", None).unwrap();
    assert_eq!(likely(&[0.0; DIM]), Ok(none));
}
