//! Calibrated collections: what a hit's relevance is, where it is told, and that it stays.

use rag_core::calibration::{Calibration, CalibrationOptions, Method};
use rag_core::collection::{Batch, Collection, Fusion, Hit, Mode, OpenOptions, Query};
use rag_core::evaluation::Qrels;
use rag_core::{ErrorKind, Result, Rng};
use std::path::PathBuf;

const DIM: usize = 6;
const TOPICS: &[&str] = &[
    "moon tide sea",
    "yeast bread dough",
    "iron rust steel",
    "bank loan rate",
];

struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> Self {
        let name = format!("ragcore-relevance-{name}-{}", std::process::id());
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

fn near(topic: usize, rng: &mut Rng) -> Vec<f32> {
    let mut vector: Vec<f32> = (0..DIM).map(|_| 0.4 * rng.normal() as f32).collect();
    vector[topic] += 1.0;
    vector
}

fn words(topic: usize, rng: &mut Rng) -> String {
    let own: Vec<&str> = TOPICS[topic].split(' ').collect();
    let all: Vec<&str> = TOPICS.iter().flat_map(|t| t.split(' ')).collect();
    let pick = |rng: &mut Rng| match rng.below(3) {
        0 => all[rng.below(all.len())],
        _ => own[rng.below(own.len())],
    };
    let picked: Vec<&str> = (0..3 + rng.below(5)).map(|_| pick(rng)).collect();
    picked.join(" ")
}

/// Forty documents of four topics; document `i` is of topic `i % 4`.
fn fill(collection: &Collection, rng: &mut Rng) {
    let ids = (0..40).map(|i| format!("d{i:02}"));
    let texts: Vec<String> = (0..40).map(|i| words(i % 4, rng)).collect();
    let vectors: Vec<f32> = (0..40).flat_map(|i| near(i % 4, rng)).collect();
    let batch = Batch::new(ids).texts(texts).vectors(&vectors, DIM).unwrap();
    collection.add(batch).unwrap();
}

fn questions(rng: &mut Rng, shape: impl Fn(Query) -> Query) -> Vec<(String, Query)> {
    let one = |i: usize, rng: &mut Rng| {
        let query = Query::text(words(i % 4, rng)).with_vector(near(i % 4, rng));
        (format!("q{i}"), shape(query.k(15)))
    };
    (0..12).map(|i| one(i, rng)).collect()
}

/// The documents of the question's topic, but for every fifth, are judged relevant.
fn judgements() -> Qrels<'static> {
    let mut qrels = Qrels::new();
    for q in 0..12 {
        let of_topic = (0..40).filter(|d| d % 4 == q % 4);
        let judged = of_topic.map(|d| (format!("d{d:02}"), if d % 5 == 0 { 0.0 } else { 2.0 }));
        qrels.add(format!("q{q}"), judged).unwrap();
    }
    qrels
}

fn fit(collection: &Collection, queries: &[(String, Query)]) -> Result<Calibration> {
    collection.calibrate(queries, &judgements(), &CalibrationOptions::default())
}

fn calibrated(seed: u64) -> (Collection, Vec<(String, Query)>) {
    let mut rng = Rng::new(seed);
    let collection = Collection::in_memory(None, Some(DIM)).unwrap();
    fill(&collection, &mut rng);
    let queries = questions(&mut rng, |q| q);
    fit(&collection, &queries).unwrap();
    (collection, queries)
}

fn relevances(hits: &[Hit]) -> Vec<Option<f32>> {
    hits.iter().map(|hit| hit.relevance).collect()
}

type Shape = fn(Query) -> Query;

fn rrf(mut query: Query) -> Query {
    query.options.fusion = Fusion::Rrf;
    query
}

fn weighed(mut query: Query) -> Query {
    query.options.bm25_weight = Some(0.8);
    query
}

/// Searches whose scores cannot be compared with one another.
const SHAPES: &[Shape] = &[
    |q| q,
    weighed,
    rrf,
    |q| q.mode(Mode::Dense),
    |q| q.mode(Mode::Lexical),
];

#[test]
fn relevance_is_the_curve_at_the_score_and_never_falls_where_scores_rise() {
    for (seed, shape) in SHAPES.iter().enumerate() {
        let mut rng = Rng::new(seed as u64);
        let collection = Collection::in_memory(None, Some(DIM)).unwrap();
        fill(&collection, &mut rng);
        let queries = questions(&mut rng, shape);
        let qrels = judgements();
        for method in [Method::Platt, Method::Isotonic] {
            let options = CalibrationOptions::default().method(method);
            let curve = collection.calibrate(&queries, &qrels, &options).unwrap();
            assert_eq!(collection.calibration().unwrap(), Some(curve.clone()));
            // The pairs, once more and by hand.
            let (mut scores, mut relevant) = (Vec::new(), Vec::new());
            let mut all: Vec<(f32, f32)> = Vec::new();
            for (id, query) in &queries {
                for hit in collection.search(query).unwrap() {
                    let judged = qrels.judgements(id).unwrap();
                    let grade = judged.iter().find(|(d, _)| **d == *hit.id).map(|g| g.1);
                    scores.push(f64::from(hit.score));
                    relevant.push(f64::from(u8::from(grade.unwrap_or(0.0) > 0.0)));
                    let told = hit.relevance.unwrap();
                    assert_eq!(told, curve.predict(f64::from(hit.score)).unwrap() as f32);
                    all.push((hit.score, told));
                }
            }
            assert_eq!(
                curve,
                Calibration::fit(&scores, &relevant, None, &options).unwrap()
            );
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(all.windows(2).all(|w| w[0].1 <= w[1].1));
            assert!(
                all[all.len() - 1].1 > all[0].1 + 0.1,
                "the scores say something"
            );
        }
    }
}

#[test]
fn only_searches_that_score_alike_are_told_a_relevance() {
    for (at, calibrated_for) in SHAPES.iter().enumerate() {
        let mut rng = Rng::new(5);
        let collection = Collection::in_memory(None, Some(DIM)).unwrap();
        fill(&collection, &mut rng);
        fit(&collection, &questions(&mut rng, calibrated_for)).unwrap();
        for (other, shape) in SHAPES.iter().enumerate() {
            let mut query = shape(Query::text("moon bread").with_vector(near(0, &mut rng)));
            let hits = collection.search(&query).unwrap();
            assert!(
                hits.iter().all(|h| h.relevance.is_some() == (at == other)),
                "{at} {other}"
            );
            query.options.min_relevance = Some(0.0);
            match collection.search(&query) {
                Ok(same) => assert!(at == other && same == hits),
                Err(e) => {
                    assert!(at != other && e.kind() == ErrorKind::InvalidArgument);
                    assert!(e.to_string().contains("calibrate"), "{e}");
                }
            }
        }
    }
}

#[test]
fn what_does_not_change_a_score_does_not_part_it_from_its_calibration() {
    let mut rng = Rng::new(6);
    let collection = Collection::in_memory(None, Some(DIM)).unwrap();
    fill(&collection, &mut rng);
    fit(&collection, &questions(&mut rng, |q| q.mode(Mode::Dense))).unwrap();
    // Without words a hybrid search is a dense one, and no weight or fusion has a part in it.
    let hits = collection
        .search(&weighed(rrf(Query::vector(near(1, &mut rng)))))
        .unwrap();
    assert!(!hits.is_empty() && hits.iter().all(|h| h.relevance.is_some()));
    // The weight by default and the same weight by name.
    let (collection, _) = calibrated(7);
    let mut query = Query::text("moon").with_vector(near(0, &mut rng));
    query.options.bm25_weight = Some(rag_core::collection::DEFAULT_BM25_WEIGHT);
    assert!(collection.search(&query).unwrap()[0].relevance.is_some());
}

#[test]
fn min_relevance_is_exactly_the_filter_of_the_hits() {
    let (collection, queries) = calibrated(1);
    let (mut fewer, mut none) = (0, 0);
    for (_, query) in &queries {
        for diversity in [0.0, 0.4] {
            let mut query = query.clone();
            query.options.diversity = diversity;
            let all = collection.search(&query).unwrap();
            // Thresholds that are met to the bit among them.
            let told = relevances(&all).into_iter().flatten();
            for least in [0.0, 0.3, 0.5, 0.9, 1.0].into_iter().chain(told) {
                query.options.min_relevance = Some(least);
                let kept = collection.search(&query).unwrap();
                let mut want = all.clone();
                want.retain(|hit| hit.relevance.unwrap() >= least);
                assert_eq!(kept, want);
                fewer += usize::from(kept.len() < all.len());
                none += usize::from(kept.is_empty());
            }
        }
    }
    assert!(fewer > 100 && none > 20, "{fewer} {none}");
}

#[test]
fn a_calibration_survives_reopening_checkpoint_compact_and_backup() {
    let (home, copy) = (TempDir::new("home"), TempDir::new("copy"));
    let open = |dir: &TempDir| {
        let options = OpenOptions::default().dim(Some(DIM));
        Collection::open(&dir.0, None, &options).unwrap()
    };
    let mut rng = Rng::new(2);
    let collection = open(&home);
    fill(&collection, &mut rng);
    let queries = questions(&mut rng, weighed);
    let curve = fit(&collection, &queries).unwrap();
    let want = collection.search(&queries[0].1).unwrap();
    assert!(want[0].relevance.is_some());
    let same = |collection: &Collection| {
        assert_eq!(collection.calibration().unwrap().as_ref(), Some(&curve));
        assert_eq!(collection.search(&queries[0].1).unwrap(), want);
    };
    collection.close().unwrap();
    let collection = open(&home);
    same(&collection);
    collection.checkpoint().unwrap();
    same(&collection);
    collection.close().unwrap();
    let collection = open(&home);
    same(&collection);
    collection.compact().unwrap();
    collection.backup(&copy.0).unwrap();
    same(&collection);
    same(&open(&copy));
    collection.close().unwrap();
    let collection = open(&home);
    same(&collection);
    assert!(collection.verify().unwrap().ok());
    let reader = Collection::open(&home.0, None, &OpenOptions::default().read_only(true)).unwrap();
    same(&reader);
    assert_eq!(
        fit(&reader, &queries).unwrap_err().kind(),
        ErrorKind::ReadOnly
    );
    assert_eq!(
        reader.clear_calibration().unwrap_err().kind(),
        ErrorKind::ReadOnly
    );
    assert!(collection.clear_calibration().unwrap());
    assert!(!collection.clear_calibration().unwrap());
    collection.close().unwrap();
    for error in [
        fit(&collection, &queries).unwrap_err(),
        collection.calibration().unwrap_err(),
        collection.clear_calibration().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Closed);
    }
    let collection = open(&home);
    assert_eq!(collection.calibration().unwrap(), None);
    assert_eq!(collection.search(&queries[0].1).unwrap()[0].relevance, None);
}

#[test]
fn the_last_calibration_counts_and_a_refused_one_leaves_it() {
    let (collection, queries) = calibrated(3);
    let first = collection.calibration().unwrap();
    let refused = |queries: &[(String, Query)], qrels: &Qrels<'_>, words: &[&str]| {
        let error = collection
            .calibrate(queries, qrels, &CalibrationOptions::default())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert_eq!(collection.calibration().unwrap(), first);
    };
    let with = |at: usize, shape: &dyn Fn(Query) -> Query| {
        let mut queries = queries.clone();
        queries[at].1 = shape(queries[at].1.clone());
        queries
    };
    let good = judgements();
    let everything = |grade: f64| {
        (0..12).fold(Qrels::new(), |qrels, q| {
            let all = (0..40).map(|d| (format!("d{d:02}"), grade));
            qrels.with(format!("q{q}"), all).unwrap()
        })
    };
    refused(&[], &Qrels::new(), &["none"]);
    refused(&queries, &everything(1.0), &["180 hits", "irrelevant"]);
    refused(&queries, &everything(0.0), &["180 hits", "relevant"]);
    refused(&queries[..11], &good, &["\"q11\"", "not among"]);
    let eleven = judgements().with("more", [("d00", 1.0)]).unwrap();
    refused(&queries, &eleven, &["\"more\""]);
    refused(
        &with(4, &|q| q.mode(Mode::Dense)),
        &good,
        &["\"q0\"", "\"q4\"", "dense"],
    );
    refused(&with(2, &rrf), &good, &["\"q2\"", "rrf"]);
    refused(&with(1, &weighed), &good, &["\"q1\"", "0.8"]);
    refused(&with(3, &|q| q.k(0)), &good, &["\"q3\"", "k must be"]);
    refused(
        &with(3, &|_| Query::default()),
        &good,
        &["\"q3\"", "neither"],
    );
    let diverse = |mut q: Query| {
        q.options.diversity = 0.1;
        q
    };
    refused(&with(3, &diverse), &good, &["\"q3\"", "diversity"]);
    let choosy = |mut q: Query| {
        q.options.min_relevance = Some(0.0);
        q
    };
    refused(&with(3, &choosy), &good, &["\"q3\"", "min_relevance"]);
    let mut twice = queries.clone();
    twice[5].0 = "q4".into();
    refused(&twice, &good, &["\"q4\"", "twice"]);
    let mut unjudged = queries.clone();
    unjudged[5].0 = "q99".into();
    refused(&unjudged, &good, &["\"q99\"", "not judged"]);
    let options = CalibrationOptions::default().folds(1);
    assert!(collection.calibrate(&queries, &good, &options).is_err());

    let dense: Vec<_> = queries
        .iter()
        .map(|(id, q)| (id.clone(), q.clone().mode(Mode::Dense)))
        .collect();
    let second = fit(&collection, &dense).unwrap();
    assert_eq!(collection.calibration().unwrap(), Some(second));
    assert_eq!(collection.search(&queries[0].1).unwrap()[0].relevance, None);
    assert!(
        collection.search(&dense[0].1).unwrap()[0]
            .relevance
            .is_some()
    );
}

#[test]
fn options_outside_their_range_and_a_collection_without_calibration_say_so() {
    let (collection, queries) = calibrated(4);
    for least in [-0.1, 1.1, f32::NAN] {
        let mut query = queries[0].1.clone();
        query.options.min_relevance = Some(least);
        let error = collection.search(&query).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(
            error.to_string().contains("min_relevance must be"),
            "{error}"
        );
    }
    assert!(collection.clear_calibration().unwrap());
    let mut query = queries[0].1.clone();
    query.options.min_relevance = Some(0.0);
    let error = collection.search(&query).unwrap_err();
    assert!(error.to_string().contains("call calibrate"), "{error}");
}
