//! The collection from outside: exact search against a slow truth, all or nothing, and the same
//! answers after the store was closed and opened.

use rag_core::collection::{
    Batch, Collection, Examples, Fusion, Metadata, Mode, OpenOptions, Query, SearchOptions,
};
use rag_core::retrieval::filter::Filter;
use rag_core::steering::{Application, ApplyOptions, LearnOptions};
use rag_core::store::Durability;
use rag_core::{ErrorKind, Rng, Rows};
use serde_json::json;
use std::path::{Path, PathBuf};

const DIM: usize = 8;
const WORDS: &[&str] = &[
    "moon", "tide", "yeast", "bread", "iron", "rust", "engine", "valve", "river", "stone",
];

struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> Self {
        let name = format!("ragcore-collection-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Doc {
    id: String,
    text: String,
    vector: Vec<f32>,
    metadata: Metadata,
}

fn unit(rng: &mut Rng) -> Vec<f32> {
    let v: Vec<f64> = (0..DIM).map(|_| rng.normal()).collect();
    let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    v.iter().map(|x| (x / norm) as f32).collect()
}

fn documents(n: usize, seed: u64) -> Vec<Doc> {
    let mut rng = Rng::new(seed);
    (0..n)
        .map(|i| {
            let length = 1 + rng.below(12);
            let words: Vec<&str> = (0..length).map(|_| WORDS[rng.below(WORDS.len())]).collect();
            let metadata = json!({"n": i, "even": i % 2 == 0});
            Doc {
                id: format!("d{i:03}"),
                text: words.join(" "),
                vector: unit(&mut rng),
                metadata: metadata.as_object().unwrap().clone(),
            }
        })
        .collect()
}

fn batch(docs: &[Doc]) -> Batch {
    let vectors: Vec<f32> = docs.iter().flat_map(|d| d.vector.clone()).collect();
    Batch::new(docs.iter().map(|d| d.id.clone()))
        .texts(docs.iter().map(|d| d.text.clone()))
        .vectors(&vectors, DIM)
        .unwrap()
        .metadata(docs.iter().map(|d| d.metadata.clone()).collect())
}

fn filled(docs: &[Doc]) -> Collection {
    let collection = Collection::in_memory(None, Some(DIM)).unwrap();
    collection.add(batch(docs)).unwrap();
    collection
}

fn filter(value: serde_json::Value) -> Filter {
    Filter::parse(&value).unwrap()
}

/// BM25 by the book, over words split at spaces (the words here are their own stems).
fn bm25(docs: &[&Doc], query: &str, doc: &Doc) -> f64 {
    let words = |text: &str| text.split(' ').map(stem).collect::<Vec<_>>();
    let n = docs.len() as f64;
    let total: usize = docs.iter().map(|d| words(&d.text).len()).sum();
    let mean = total as f64 / n;
    let here = words(&doc.text);
    words(query)
        .iter()
        .map(|word| {
            let df = docs
                .iter()
                .filter(|d| words(&d.text).contains(word))
                .count() as f64;
            let tf = here.iter().filter(|w| *w == word).count() as f64;
            let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
            idf * tf / (tf + 1.2 * (0.25 + 0.75 * here.len() as f64 / mean))
        })
        .sum()
}

fn stem(word: &str) -> String {
    word.trim_end_matches('e').to_owned()
}

fn bound(docs: &[&Doc], query: &str) -> f64 {
    let n = docs.len() as f64;
    query
        .split(' ')
        .map(|word| {
            let holds = |d: &&&Doc| d.text.split(' ').any(|w| w == word);
            let df = docs.iter().filter(holds).count() as f64;
            if df == 0.0 {
                0.0
            } else {
                (1.0 + (n - df + 0.5) / (df + 0.5)).ln()
            }
        })
        .sum()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(x, y)| f64::from(*x) * f64::from(*y))
        .sum()
}

#[test]
fn hybrid_search_equals_the_slow_truth_for_every_weight_and_filter() {
    let docs = documents(120, 1);
    let collection = filled(&docs);
    let mut rng = Rng::new(2);
    for round in 0..20 {
        let query = format!("{} {}", WORDS[rng.below(10)], WORDS[rng.below(10)]);
        let vector = unit(&mut rng);
        let weight = [0.0, 0.3, 0.5, 1.0][round % 4];
        let all: Vec<&Doc> = docs.iter().collect();
        let even = round % 2 == 0;
        let bound = bound(&all, &query);
        let mut truth: Vec<(f64, &str)> = all
            .iter()
            .filter(|d| !even || d.metadata["even"] == true)
            .map(|d| {
                let lexical = bm25(&all, &query, d) / bound;
                let dense = (1.0 + cosine(&vector, &d.vector)) / 2.0;
                (weight * lexical + (1.0 - weight) * dense, d.id.as_str())
            })
            .collect();
        truth.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let options = SearchOptions::default()
            .k(15)
            .bm25_weight(Some(weight as f32));
        let mut question = Query::text(&query).with_vector(vector).options(options);
        if even {
            question = question.filter(filter(json!({"even": true})));
        }
        let hits = collection.search(&question).unwrap();
        assert_eq!(hits.len(), 15);
        for (hit, (score, id)) in hits.iter().zip(&truth) {
            assert!((f64::from(hit.score) - score).abs() < 1e-5, "round {round}");
            let tied = truth
                .iter()
                .any(|(s, i)| i == &hit.id && (s - score).abs() < 1e-5);
            assert!(tied, "round {round}: {} where {id} was due", hit.id);
        }
    }
}

/// Documents with few words, so that many tie, some without a vector and some without a text.
fn many_documents(n: usize) -> (Collection, Rng) {
    let mut rng = Rng::new(7);
    let collection = Collection::in_memory(None, Some(DIM)).unwrap();
    let mut docs = documents(n, 3);
    for doc in &mut docs {
        // Half of the vectors lie on a coarse grid and some of them twice.
        if rng.below(2) == 0 {
            doc.vector.iter_mut().for_each(|x| *x = (*x * 2.0).round());
            doc.vector[0] += 0.5;
        }
        if rng.below(3) == 0 {
            doc.text.truncate(4);
        }
    }
    let (plain, rest) = docs.split_at(n - n / 8);
    collection.add(batch(plain)).unwrap();
    let (mute, textual) = rest.split_at(rest.len() / 2);
    collection.add(batch(textual)).unwrap();
    let ids = |docs: &[Doc]| docs.iter().map(|d| d.id.clone()).collect::<Vec<_>>();
    let metadata = |docs: &[Doc]| docs.iter().map(|d| d.metadata.clone()).collect();
    let vectors: Vec<f32> = mute.iter().flat_map(|d| d.vector.clone()).collect();
    let mute = Batch::new(ids(mute)).metadata(metadata(mute));
    collection
        .add(mute.vectors(&vectors, DIM).unwrap())
        .unwrap();
    let texts = ["moon tide", "bread", "iron rust valve"];
    let ids: Vec<String> = (0..texts.len() * 20).map(|i| format!("t{i}")).collect();
    let texts = (0..ids.len()).map(|i| Some(texts[i % 3].to_owned()));
    // A batch of texts alone would be embedded; this collection has no embedder.
    let words = Batch::new(&ids).optional_texts(texts.collect());
    assert!(collection.add(words).is_err());
    collection.delete(&["d010", "d011", "d200"]).unwrap();
    (collection, rng)
}

#[test]
fn a_search_that_looks_at_few_rows_answers_what_looking_at_all_answers() {
    let (collection, mut rng) = many_documents(1_500);
    let filters = [
        None,
        Some(json!({"even": true})),
        Some(json!({"n": {"$lt": 700}})),
        Some(json!({"n": {"$lt": 40}})),
    ];
    for round in 0..96 {
        let mut words = WORDS[rng.below(10)].to_owned();
        for _ in 0..round % 3 {
            words = format!("{words} {}", WORDS[rng.below(10)]);
        }
        let weight = [0.3, 0.0, 1.0, 0.5][round % 4];
        let options = SearchOptions::default()
            .k([1, 10, 60][round % 3])
            .mode([Mode::Hybrid, Mode::Hybrid, Mode::Dense, Mode::Lexical][round / 4 % 4])
            .fusion([Fusion::Convex, Fusion::Convex, Fusion::Rrf][round % 3])
            .bm25_weight(Some(weight));
        let mut query = Query::text(words).options(options);
        if round / 4 % 4 < 3 {
            query = query.with_vector(unit(&mut rng));
        }
        if let Some(kept) = &filters[round / 16 % 4] {
            query = query.filter(filter(kept.clone()));
        }
        let found = collection.search(&query).unwrap();
        query.options.exact = true;
        assert_eq!(found, collection.search(&query).unwrap(), "round {round}");
    }
}

#[test]
fn with_a_graph_hits_are_scored_exactly_and_hardly_any_is_missed() {
    let mut rng = Rng::new(11);
    let collection = filled(&documents(4_000, 5));
    let gone: Vec<String> = (0..4_000).step_by(3).map(|i| format!("d{i:03}")).collect();
    collection.delete(&gone).unwrap();
    let (mut kept, mut all) = (0, 0);
    for round in 0..120 {
        let words = format!("{} {}", WORDS[rng.below(10)], WORDS[rng.below(10)]);
        let options = SearchOptions::default().mode([Mode::Hybrid, Mode::Dense][round % 2]);
        let mut query = Query::text(words)
            .with_vector(unit(&mut rng))
            .options(options);
        if round % 3 == 0 {
            query = query.filter(filter(json!({"even": true})));
        }
        let found = collection.search(&query).unwrap();
        query.options.exact = true;
        let want = collection.search(&query).unwrap();
        assert_eq!(found.len(), want.len());
        for hit in &found {
            let same = want.iter().find(|other| other.id == hit.id);
            kept += usize::from(same.is_some());
            assert!(same.is_none_or(|same| same == hit), "round {round}");
        }
        all += want.len();
    }
    assert!(kept * 100 >= all * 97, "{kept} of {all}");
}

#[test]
fn vectors_that_wait_to_be_linked_after_opening_are_found_before_and_after() {
    let dir = TempDir::new("waiting");
    let docs = documents(3_000, 9);
    let open = || {
        let options = OpenOptions::default().dim(Some(DIM));
        Collection::open(dir.path(), None, &options).unwrap()
    };
    let collection = open();
    collection.add(batch(&docs[..2_900])).unwrap();
    collection.close().unwrap();
    let collection = open();
    for (round, doc) in docs[2_900..].iter().enumerate() {
        // The vector of an old document and of the newest one lead to them, linked or not.
        for wanted in [&docs[round * 29], &docs[2_899 - round], doc] {
            let query = Query::vector(wanted.vector.clone()).k(1);
            let found = collection.search(&query).unwrap();
            let newest = wanted.id == doc.id;
            assert_eq!(found[0].id == wanted.id, !newest, "round {round}");
        }
        collection.add(batch(std::slice::from_ref(doc))).unwrap();
        let query = Query::vector(doc.vector.clone()).k(1);
        assert_eq!(collection.search(&query).unwrap()[0].id, doc.id);
    }
}

#[test]
fn explanations_sum_to_the_score_with_dials_and_users() {
    let docs = documents(60, 3);
    let collection = filled(&docs);
    let mut rng = Rng::new(4);
    let examples = |rng: &mut Rng| -> Vec<f32> { (0..20).flat_map(|_| unit(rng)).collect() };
    let (a, b) = (examples(&mut rng), examples(&mut rng));
    let rows = |v| Examples::Vectors(Rows::new(v, DIM).unwrap());
    let steering = collection.steering();
    steering
        .learn("up", rows(&a), rows(&b), &LearnOptions::default())
        .unwrap();
    steering
        .learn("down", rows(&b), rows(&a), &LearnOptions::default())
        .unwrap();
    let (query, liked) = (unit(&mut rng), unit(&mut rng));
    steering
        .feedback(&query, &liked, 1.0, Some("ann"), &[], Some(0.0))
        .unwrap();
    for mode in Mode::ALL {
        for fusion in Fusion::ALL {
            let options = SearchOptions::default()
                .mode(*mode)
                .fusion(*fusion)
                .explain(true);
            let mut question = Query::text("moon river")
                .with_vector(query.clone())
                .options(options);
            if *mode != Mode::Lexical {
                question = question.steer("up", 1.5).steer("down", -0.5).user("ann");
            }
            for hit in collection.search(&question).unwrap() {
                let explanation = hit.explanation.unwrap();
                let gap = (explanation.total() - f64::from(hit.score)).abs();
                assert!(
                    gap < 1e-6,
                    "{mode:?} {fusion:?}: {explanation:?} {}",
                    hit.score
                );
                if *mode == Mode::Dense {
                    assert!(explanation.user != 0.0 && explanation.dials.len() == 2);
                }
                let words: f64 = explanation.terms.iter().map(|(_, s)| s).sum();
                let lexical = f64::from(hit.lexical_score.unwrap_or(0.0));
                assert!((words - lexical).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn a_dial_of_zero_changes_nothing_to_the_bit_and_an_unknown_one_is_named() {
    let docs = documents(50, 5);
    let collection = filled(&docs);
    let mut rng = Rng::new(6);
    let (a, b): (Vec<f32>, Vec<f32>) = (
        (0..12).flat_map(|_| unit(&mut rng)).collect(),
        (0..12).flat_map(|_| unit(&mut rng)).collect(),
    );
    let rows = |v| Examples::Vectors(Rows::new(v, DIM).unwrap());
    let options = LearnOptions::default();
    collection
        .steering()
        .learn("kind", rows(&a), rows(&b), &options)
        .unwrap();
    let plain = Query::vector(unit(&mut rng));
    let hits = collection.search(&plain).unwrap();
    assert_eq!(
        collection
            .search(&plain.clone().steer("kind", 0.0))
            .unwrap(),
        hits
    );
    assert_ne!(
        collection
            .search(&plain.clone().steer("kind", 3.0))
            .unwrap(),
        hits
    );
    let error = collection
        .search(&plain.clone().steer("mild", 1.0))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("mild") && error.message().contains("kind"));
    // A search goes where its options say that the vector goes.
    let vector = plain.vector.clone().unwrap();
    let mut found = vec![hits];
    for application in Application::ALL {
        for max_loss in [None, Some(0.3), Some(0.002)] {
            let asked = SearchOptions::default()
                .application(*application)
                .max_loss(max_loss)
                .explain(true);
            let steered = plain.clone().options(asked).steer("kind", 6.0);
            let hits = collection.search(&steered).unwrap();
            let options = ApplyOptions::default()
                .application(*application)
                .max_loss(max_loss);
            let steering = collection.steering();
            let moved = steering.apply(&vector, &[("kind", 6.0)], None, &options);
            let by_hand = collection.search(&Query::vector(moved.unwrap())).unwrap();
            for (a, b) in hits.iter().zip(&by_hand) {
                assert!(a.id == b.id && (a.score - b.score).abs() < 1e-5);
                let total = a.explanation.as_ref().unwrap().total();
                assert!((total - f64::from(a.score)).abs() < 1e-5);
            }
            let scores = |hits: &[rag_core::collection::Hit]| -> Vec<f32> {
                hits.iter().map(|hit| hit.score).collect()
            };
            assert!(found.iter().all(|other| scores(other) != scores(&hits)));
            found.push(hits);
        }
    }
    let lexical = Query::text("moon").mode(Mode::Lexical).steer("kind", 1.0);
    assert_eq!(
        collection.search(&lexical).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
}

#[test]
fn a_batch_with_anything_wrong_leaves_nothing_behind() {
    let docs = documents(10, 7);
    let collection = filled(&docs);
    let before = collection.stats().unwrap();
    let good = || Batch::new(["x", "y"]).texts(["one", "two"]);
    let vectors = |v: &[f32]| good().vectors(v, DIM).unwrap();
    let ones = [1.0; 2 * DIM];
    let with = |at: usize, value: f32| {
        let mut v = ones;
        v[at] = value;
        v
    };
    let mut zero = ones;
    zero[DIM..].fill(0.0);
    let deep = (0..80).fold(json!(1), |inner, _| json!({ "a": inner }));
    let deep = vec![Metadata::new(), deep.as_object().unwrap().clone()];
    let wrong = [
        (
            good().vectors(&[1.0; 4], 2).unwrap(),
            ErrorKind::DimensionMismatch,
        ),
        (vectors(&with(9, f32::NAN)), ErrorKind::InvalidArgument),
        (vectors(&with(3, f32::INFINITY)), ErrorKind::InvalidArgument),
        (vectors(&zero), ErrorKind::InvalidArgument),
        (
            good().vectors(&ones[..DIM], DIM).unwrap(),
            ErrorKind::InvalidArgument,
        ),
        (vectors(&ones).texts(["one"]), ErrorKind::InvalidArgument),
        (vectors(&ones).metadata(deep), ErrorKind::InvalidArgument),
        (vectors(&ones).metadata(vec![]), ErrorKind::InvalidArgument),
        (good(), ErrorKind::InvalidArgument),
        (
            Batch::new(["x", "x"]).vectors(&ones, DIM).unwrap(),
            ErrorKind::InvalidArgument,
        ),
        (
            Batch::new(["x", ""]).vectors(&ones, DIM).unwrap(),
            ErrorKind::InvalidArgument,
        ),
        (
            Batch::new(["x", "a\0b"]).vectors(&ones, DIM).unwrap(),
            ErrorKind::InvalidArgument,
        ),
        (
            Batch::new(["x", "d003"]).vectors(&ones, DIM).unwrap(),
            ErrorKind::AlreadyExists,
        ),
    ];
    for (i, (batch, kind)) in wrong.into_iter().enumerate() {
        let error = collection.add(batch).unwrap_err();
        assert_eq!(error.kind(), kind, "case {i}: {error}");
        assert_eq!(collection.stats().unwrap(), before, "case {i}");
    }
    let long = Batch::new(["x"]).texts(["a".repeat((16 << 20) + 1)]);
    let long = long.vectors(&ones[..DIM], DIM).unwrap();
    assert_eq!(
        collection.add(long).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    assert!(collection.verify().unwrap().ok());
}

#[test]
fn queries_outside_their_range_say_so() {
    let collection = filled(&documents(5, 8));
    let refused = |query: Query| collection.search(&query).unwrap_err();
    let text = Query::text("moon").with_vector(vec![1.0; DIM]);
    assert_eq!(
        refused(text.clone().k(0)).to_string(),
        "k must be in 1..=10000, got 0"
    );
    assert_eq!(
        refused(text.clone().k(1_000_000_000)).kind(),
        ErrorKind::InvalidArgument
    );
    assert_eq!(refused(Query::default()).kind(), ErrorKind::InvalidArgument);
    assert_eq!(
        refused(Query::vector([0.0; DIM])).kind(),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        refused(Query::vector([f32::NAN; DIM])).kind(),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        refused(Query::vector([1.0; 3])).kind(),
        ErrorKind::DimensionMismatch
    );
    assert_eq!(
        refused(Query::text("no embedder here")).kind(),
        ErrorKind::InvalidArgument
    );
    assert_eq!(collection.search(&text.k(10_000)).unwrap().len(), 5);
    let nothing = Query::text("").mode(Mode::Lexical);
    assert!(collection.search(&nothing).unwrap().is_empty());
}

#[test]
fn what_was_written_is_there_again_after_reopening_and_searches_alike() {
    let dir = TempDir::new("reopen");
    let options = OpenOptions::default().dim(Some(DIM));
    let docs = documents(40, 9);
    let query = || {
        let vector = docs[3].vector.clone();
        Query::text("iron valve")
            .with_vector(vector)
            .steer("kind", 1.0)
            .user("ann")
    };
    let collection = Collection::open(dir.path(), None, &options).unwrap();
    collection.add(batch(&docs[..30])).unwrap();
    let rows = |from: &[Doc]| {
        from.iter()
            .flat_map(|d| d.vector.clone())
            .collect::<Vec<f32>>()
    };
    let (a, b) = (rows(&docs[..10]), rows(&docs[10..20]));
    let examples = |v| Examples::Vectors(Rows::new(v, DIM).unwrap());
    let steering = collection.steering();
    steering
        .learn("kind", examples(&a), examples(&b), &LearnOptions::default())
        .unwrap();
    let (q, item) = (&docs[1].vector, &docs[2].vector);
    steering
        .feedback(q, item, 0.9, Some("ann"), &[("kind", 0.5)], Some(5.0))
        .unwrap();
    collection.upsert(batch(&docs[20..])).unwrap();
    assert_eq!(collection.delete(&["d001", "d001", "nobody"]).unwrap(), 1);
    assert_eq!(
        collection
            .delete_where(&filter(json!({"n": {"$gte": 35}})))
            .unwrap(),
        5
    );
    let (hits, ids) = (
        collection.search(&query()).unwrap(),
        collection.ids().unwrap(),
    );
    assert_eq!(ids.len(), 34);
    collection.close().unwrap();
    assert_eq!(collection.len().unwrap_err().kind(), ErrorKind::Closed);

    let again = Collection::open(dir.path(), None, &options).unwrap();
    assert_eq!(again.ids().unwrap(), ids);
    assert_eq!(again.search(&query()).unwrap(), hits);
    assert!(again.verify().unwrap().ok());
    let log = again.stats().unwrap().log_bytes;
    again.compact().unwrap();
    assert!(again.stats().unwrap().log_bytes < log);
    assert_eq!(again.search(&query()).unwrap(), hits);
    let copy = dir.path().join("copy");
    again.backup(&copy).unwrap();
    assert_eq!(
        again.backup(&copy).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    drop(again);

    for path in [dir.path(), &copy] {
        let read_only = options.clone().read_only(true);
        let reader = Collection::open(path, None, &read_only).unwrap();
        assert_eq!(reader.search(&query()).unwrap(), hits);
        assert_eq!(
            reader.add(batch(&docs[..1])).unwrap_err().kind(),
            ErrorKind::ReadOnly
        );
        assert_eq!(
            reader.delete(&["d000"]).unwrap_err().kind(),
            ErrorKind::ReadOnly
        );
    }
    let other = OpenOptions::default().dim(Some(DIM + 1));
    let error = Collection::open(dir.path(), None, &other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DimensionMismatch);
}

#[test]
fn many_replacements_keep_memory_bounded_and_answers_right() {
    let docs = documents(30, 10);
    let collection = filled(&docs);
    for round in 0..100 {
        let again = documents(30, 11 + round);
        collection.upsert(batch(&again)).unwrap();
    }
    let last = documents(30, 110);
    collection.upsert(batch(&last)).unwrap();
    let fresh = filled(&last);
    let query = Query::text("bread stone")
        .with_vector(last[0].vector.clone())
        .k(30);
    assert_eq!(
        collection.search(&query).unwrap(),
        fresh.search(&query).unwrap()
    );
    assert_eq!(collection.len().unwrap(), 30);
    assert!(collection.verify().unwrap().ok());
}

#[test]
fn diversity_keeps_the_first_hit_and_drops_its_double() {
    let docs = [
        ("a", [1.0, 0.0, 0.0]),
        ("a-twin", [0.999, 0.001, 0.0]),
        ("b", [0.8, 0.6, 0.0]),
        ("c", [0.7, 0.0, 0.71]),
    ];
    let collection = Collection::in_memory(None, Some(3)).unwrap();
    let vectors: Vec<f32> = docs.iter().flat_map(|d| d.1).collect();
    let batch = Batch::new(docs.iter().map(|d| d.0))
        .vectors(&vectors, 3)
        .unwrap();
    collection.add(batch).unwrap();
    let ids = |diversity: f32| -> Vec<String> {
        let options = SearchOptions::default().k(2).diversity(diversity);
        let query = Query::vector([1.0, 0.0, 0.0]).options(options);
        let hits = collection.search(&query).unwrap();
        hits.into_iter().map(|h| h.id).collect()
    };
    assert_eq!(ids(0.0), ["a", "a-twin"]);
    let diverse = ids(0.7);
    assert_eq!(diverse[0], "a");
    assert_ne!(diverse[1], "a-twin");
}

#[test]
fn readers_and_writers_on_many_threads_see_whole_batches() {
    let collection = filled(&documents(20, 12));
    std::thread::scope(|scope| {
        let writer = collection.clone();
        scope.spawn(move || {
            for round in 0..50 {
                let pair = [format!("p{round}-a"), format!("p{round}-b")];
                let mut rng = Rng::new(round);
                let vectors = [unit(&mut rng), unit(&mut rng)].concat();
                let batch = Batch::new(pair).texts(["pair", "pair"]);
                writer.add(batch.vectors(&vectors, DIM).unwrap()).unwrap();
            }
        });
        for seed in 0..3 {
            let reader = collection.clone();
            scope.spawn(move || {
                let mut rng = Rng::new(seed);
                for _ in 0..100 {
                    let query = Query::text("pair").with_vector(unit(&mut rng)).k(1000);
                    let hits = reader.search(&query).unwrap();
                    let pairs = hits.iter().filter(|h| h.id.starts_with('p')).count();
                    assert_eq!(pairs % 2, 0, "half of a batch was seen");
                }
            });
        }
    });
    assert_eq!(collection.len().unwrap(), 120);
}

#[test]
fn what_was_opened_from_files_is_searched_added_to_and_changed_like_what_was_never_closed() {
    let dir = TempDir::new("mapped");
    let options = OpenOptions::default()
        .dim(Some(DIM))
        .durability(Durability::Os);
    let mut rng = Rng::new(8);
    let mut docs = |range: std::ops::Range<usize>| -> Vec<Doc> {
        let doc = |i: usize| Doc {
            id: format!("d{i:05}"),
            text: format!("word{} and word{} of {i}", i % 17, i % 5),
            vector: unit(&mut rng),
            metadata: json!({"n": i}).as_object().cloned().unwrap(),
        };
        range.map(doc).collect()
    };
    let never = Collection::in_memory(None, Some(DIM)).unwrap();
    let parts = [
        docs(0..2600),
        docs(2000..4000),
        docs(3500..3900),
        docs(4000..9000),
    ];
    for (i, part) in parts.iter().enumerate() {
        let opened = Collection::open(dir.path(), None, &options).unwrap();
        for collection in [&never, &opened] {
            collection.upsert(batch(part)).unwrap();
            let filter = filter(json!({"n": {"$gte": 100 * i, "$lt": 100 * i + 60}}));
            assert_eq!(collection.delete_where(&filter).unwrap(), 60);
        }
        if i == 1 {
            opened.compact().unwrap();
        }
        opened.close().unwrap();
        let opened = Collection::open(dir.path(), None, &options.clone().read_only(true)).unwrap();
        assert_eq!(opened.ids().unwrap(), never.ids().unwrap());
        assert_eq!(opened.verify().unwrap().problems, [""; 0]);
        for doc in parts[i].iter().step_by(97) {
            for exact in [true, false] {
                let mut query = Query::text(doc.text.as_str()).with_vector(doc.vector.clone());
                query.options.exact = exact;
                let (a, b) = (
                    opened.search(&query).unwrap(),
                    never.search(&query).unwrap(),
                );
                match exact {
                    true => assert_eq!(a, b),
                    false => assert_eq!(a[0], b[0]),
                }
            }
        }
    }
}
