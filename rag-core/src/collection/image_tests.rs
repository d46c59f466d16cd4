//! What is opened from an image is what the log gives without one; damage to either is an error or
//! costs time, and changes no answer.

use super::{Batch, Collection, Document, Mode, OpenOptions, Query};
use crate::disk::Disk;
use crate::disk::simulated::Simulated;
use crate::error::{ErrorKind, Result};
use crate::retrieval::filter::Filter;
use crate::rng::Rng;
use std::path::Path;
use std::sync::Arc;

const DIM: usize = 8;

fn open(disk: &Simulated, read_only: bool) -> Result<Collection> {
    let options = OpenOptions::default().dim(Some(DIM)).read_only(read_only);
    let disk = Arc::new(disk.clone());
    Collection::open_on(disk, Some(Path::new("/store")), None, &options)
}

fn file(disk: &Simulated, kind: &str) -> std::path::PathBuf {
    let all = disk.list(Path::new("/store")).unwrap();
    let name = |path: &std::path::PathBuf| path.to_string_lossy().contains(kind);
    all.into_iter().find(name).expect("there is one")
}

fn vector(rng: &mut Rng) -> Vec<f32> {
    (0..DIM).map(|_| rng.normal() as f32).collect()
}

fn batch(rng: &mut Rng, ids: std::ops::Range<usize>) -> Batch {
    const WORDS: &[&str] = &[
        "tide", "moon", "yeast", "dough", "bank", "rate", "sea", "loan",
    ];
    let n = ids.len();
    let vectors: Vec<f32> = (0..n).flat_map(|_| vector(rng)).collect();
    let mut text = || {
        let words = (0..1 + rng.below(9)).map(|_| WORDS[rng.below(WORDS.len())]);
        words.collect::<Vec<&str>>().join(" ")
    };
    let texts: Vec<String> = (0..n).map(|_| text()).collect();
    let metadata = ids.clone().map(|i| {
        let entry = serde_json::json!({ "i": i, "kind": WORDS[i % 3] });
        entry.as_object().cloned().unwrap_or_default()
    });
    let batch = Batch::new(ids.map(|i| format!("d{i}"))).texts(texts);
    let batch = batch.vectors(&vectors, DIM).expect("rows of that length");
    batch.metadata(metadata.collect())
}

/// Everything that can be asked.
#[derive(Debug, PartialEq)]
struct Answers {
    ids: Vec<String>,
    documents: Vec<Option<Document>>,
    hits: Vec<Vec<(String, f32, Option<String>)>>,
    counts: Vec<usize>,
}

fn answers(collection: &Collection) -> Result<Answers> {
    let ids = collection.ids()?;
    let documents = collection.get(&ids)?;
    let filter = |text: serde_json::Value| Filter::parse(&text);
    let filters = [
        filter(serde_json::json!({ "kind": "moon" }))?,
        filter(serde_json::json!({ "i": { "$lt": 40 } }))?,
    ];
    let mut rng = Rng::new(5);
    let mut hits = Vec::new();
    for (i, text) in ["tide and moon", "a loan from the bank", "dough"]
        .iter()
        .enumerate()
    {
        for mode in [Mode::Hybrid, Mode::Dense, Mode::Lexical] {
            let mut query = Query::text(*text).k(7);
            query.vector = (mode != Mode::Lexical).then(|| vector(&mut rng));
            query.options.mode = mode;
            query.options.exact = i == 0;
            query.filter = filters.get(i).cloned();
            let found = collection.search(&query)?.into_iter();
            let hit = |hit: super::Hit| (hit.id, hit.score, hit.text.map(|text| text.to_string()));
            hits.push(found.map(hit).collect());
        }
    }
    let counts = filters.iter().map(|filter| collection.count(filter));
    Ok(Answers {
        ids,
        documents,
        hits,
        counts: counts.collect::<Result<Vec<usize>>>()?,
    })
}

/// Adds, replaces, deletes and rates; the same for the same seed.
fn live(collection: &Collection, seed: u64, documents: usize) {
    let mut rng = Rng::new(seed);
    for step in 0..6 {
        let start = rng.below(documents);
        collection
            .upsert(batch(&mut rng, start..start + documents / 4))
            .unwrap();
        let gone: Vec<String> = (0..documents / 9)
            .map(|_| format!("d{}", rng.below(documents)))
            .collect();
        collection.delete(&gone).unwrap();
        let (query, item) = (vector(&mut rng), vector(&mut rng));
        let steering = collection.steering();
        steering
            .feedback(&query, &item, 1.0, Some("someone"), &[], Some(step as f64))
            .unwrap();
    }
}

fn replayed(collection: &Collection) -> usize {
    let writer = collection.writer();
    writer
        .store
        .as_ref()
        .expect("it is on disk")
        .recovery()
        .records
}

#[test]
fn an_image_gives_what_the_log_gives() {
    for (seed, documents) in [(1, 60), (2, 5000)] {
        let disk = Simulated::default();
        let collection = open(&disk, false).unwrap();
        live(&collection, seed, documents);
        collection.checkpoint().unwrap();
        live(&collection, seed + 10, documents / 5 + 9);
        let truth = answers(&collection).unwrap();
        drop(collection);
        let bare = disk.copy();
        bare.remove(&file(&bare, "image")).unwrap();
        let (with, without) = (open(&disk, false).unwrap(), open(&bare, false).unwrap());
        assert!(replayed(&with) < 60 && replayed(&without) > replayed(&with));
        for (name, one) in [("image", &with), ("log", &without)] {
            assert_eq!(answers(one).unwrap().documents, truth.documents, "{name}");
            let exact = |answers: Answers| (answers.hits[..3].to_vec(), answers.counts);
            assert_eq!(
                exact(answers(one).unwrap()),
                exact(answers(&collection_of(&truth)).unwrap()),
                "{name}"
            );
            assert_eq!(one.verify().unwrap().problems, [""; 0], "{name}");
            live(one, seed + 20, documents / 3);
            assert_eq!(one.verify().unwrap().problems, [""; 0], "{name}, later");
        }
        let (a, b) = (answers(&with).unwrap(), answers(&without).unwrap());
        assert_eq!(
            (a.ids, a.documents, a.counts),
            (b.ids, b.documents, b.counts)
        );
        assert_eq!(a.hits[..3], b.hits[..3], "exact search");
        for one in [&with, &without] {
            assert!(one.steering().forget("someone").unwrap());
            one.compact().unwrap();
            assert_eq!(one.verify().unwrap().problems, [""; 0], "compact");
        }
        let compact = answers(&with).unwrap();
        with.close().unwrap();
        let again = open(&disk, false).unwrap();
        assert_eq!(replayed(&again), 0);
        assert_eq!(answers(&again).unwrap(), compact);
        let reader = open(&disk, true).unwrap();
        live(&again, seed + 30, documents / 3);
        assert_eq!(
            answers(&reader).unwrap().documents,
            answers(&again).unwrap().documents
        );
        again.compact().unwrap();
        assert_eq!(answers(&reader).unwrap(), answers(&again).unwrap());
    }
}

/// A collection in memory of these documents.
fn collection_of(truth: &Answers) -> Collection {
    let collection = Collection::in_memory(None, Some(DIM)).unwrap();
    for document in truth.documents.iter().flatten() {
        let batch = Batch::new([document.id.as_str()])
            .optional_texts(vec![document.text.clone()])
            .vectors(document.vector.as_deref().unwrap(), DIM)
            .unwrap()
            .metadata(vec![document.metadata.clone()]);
        collection.add(batch).unwrap();
    }
    collection
}

/// A small store that was checkpointed and then went on.
fn small() -> (Simulated, Answers) {
    let disk = Simulated::default();
    let collection = open(&disk, false).unwrap();
    let mut rng = Rng::new(3);
    collection.add(batch(&mut rng, 0..12)).unwrap();
    collection.delete(&["d3", "d4"]).unwrap();
    collection.checkpoint().unwrap();
    collection.add(batch(&mut rng, 20..23)).unwrap();
    let truth = answers(&collection).unwrap();
    collection.close().unwrap();
    (disk, truth)
}

/// Puts other bytes in the place of a file.
fn overwrite(disk: &Simulated, path: &Path, bytes: &[u8]) {
    disk.create(path).unwrap().write(bytes).unwrap();
}

#[test]
fn damage_to_an_image_changes_no_answer() {
    let (disk, truth) = small();
    let image = file(&disk, "image");
    let good = disk.read(&image, 1 << 20).unwrap();
    let mut rng = Rng::new(1);
    for case in 0..3000 {
        let mut bad = good.clone();
        match case % 4 {
            0 => bad.truncate(rng.below(good.len())),
            1 => bad.extend([7; 64]),
            2 => bad[rng.below(good.len())] ^= 1 << rng.below(8),
            _ => {
                let start = rng.below(good.len() / 512) * 512;
                bad[start..(start + 512).min(good.len())].fill(0);
            }
        }
        if bad == good {
            continue;
        }
        let damaged = disk.copy();
        overwrite(&damaged, &image, &bad);
        let collection = open(&damaged, case % 8 < 4).unwrap();
        assert!(
            replayed(&collection) > 2,
            "case {case}: it was taken for whole"
        );
        if case % 16 == 0 {
            assert!(!collection.verify().unwrap().ok(), "case {case}");
        }
        assert_eq!(answers(&collection).unwrap(), truth, "case {case}");
    }
}

#[test]
fn damage_to_what_an_image_leaves_in_the_log_is_told() {
    let (disk, truth) = small();
    let log = file(&disk, "log");
    let good = disk.read(&log, 1 << 20).unwrap();
    let mut harmless = 0;
    // What stands behind that is room for later records.
    let written = good.iter().rposition(|&byte| byte != 0).unwrap();
    for at in (0..written).step_by(3) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        let damaged = disk.copy();
        overwrite(&damaged, &log, &bad);
        let told = |error: crate::Error| {
            let expected = [ErrorKind::Corrupt, ErrorKind::FormatVersion];
            assert!(expected.contains(&error.kind()), "byte {at}: {error}");
        };
        let collection = match open(&damaged, at % 2 == 0) {
            Ok(collection) => collection,
            Err(error) => {
                told(error);
                continue;
            }
        };
        assert!(!collection.verify().unwrap().ok(), "byte {at}");
        match answers(&collection) {
            Ok(found) => {
                assert_eq!(found, truth, "byte {at}");
                harmless += 1;
            }
            Err(error) => told(error),
        }
        // What was met once is met again, and what is whole can be had.
        assert_eq!(answers(&collection).is_err(), answers(&collection).is_err());
        assert!(collection.get(&["d20"]).unwrap()[0].is_some(), "byte {at}");
    }
    assert!(harmless > 0, "a record of a deletion is of no use any more");
}

#[test]
fn a_filter_forgets_what_it_could_not_read() {
    let (disk, _) = small();
    let log = file(&disk, "log");
    let mut bytes = disk.read(&log, 1 << 20).unwrap();
    let at = bytes.windows(4).position(|four| four == b"yeas").unwrap();
    bytes[at] ^= 1;
    overwrite(&disk, &log, &bytes);
    let collection = open(&disk, false).unwrap();
    let filter = Filter::parse(&serde_json::json!({ "kind": "tide" })).unwrap();
    for _ in 0..2 {
        assert_eq!(
            collection.count(&filter).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
    }
    assert_eq!(
        collection.delete_where(&filter).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

#[test]
fn a_log_is_rewritten_when_most_of_it_is_of_no_use() {
    let disk = Simulated::default();
    let collection = open(&disk, false).unwrap();
    let mut rng = Rng::new(9);
    for _ in 0..400 {
        collection.upsert(batch(&mut rng, 0..60)).unwrap();
    }
    let stats = collection.stats().unwrap();
    assert!(stats.log_bytes < 2_000_000, "{stats:?}");
    assert!(stats.image_bytes > 0, "{stats:?}");
    let truth = answers(&collection).unwrap();
    drop(collection);
    let again = open(&disk, false).unwrap();
    assert_eq!(answers(&again).unwrap().documents, truth.documents);
    assert_eq!(again.verify().unwrap().problems, [""; 0]);
}

#[test]
fn feedback_alone_does_not_let_the_log_grow_for_ever() {
    let disk = Simulated::default();
    let collection = open(&disk, false).unwrap();
    let mut rng = Rng::new(2);
    collection.add(batch(&mut rng, 0..3)).unwrap();
    let steering = collection.steering();
    for i in 0..6000 {
        let (query, item) = (vector(&mut rng), vector(&mut rng));
        let user = format!("user {}", i % 3);
        steering
            .feedback(&query, &item, 0.5, Some(&user), &[], Some(f64::from(i)))
            .unwrap();
    }
    let stats = collection.stats().unwrap();
    assert!(
        stats.log_bytes < 3_000_000 && stats.image_bytes > 0,
        "{stats:?}"
    );
    drop(collection);
    let again = open(&disk, false).unwrap();
    assert!(replayed(&again) < 1100, "{}", replayed(&again));
    assert!(again.steering().forget("user 2").unwrap());
}

#[test]
fn a_filter_is_answered_by_the_image() {
    let filters = [
        serde_json::json!({ "kind": "tide" }),
        serde_json::json!({ "i": { "$gte": 5, "$lt": 21 } }),
        serde_json::json!({ "$not": { "kind": { "$in": ["moon", "tide"] } } }),
    ]
    .map(|filter| Filter::parse(&filter));
    let filters: Vec<Filter> = filters.into_iter().flatten().collect();
    let counts = |collection: &Collection| -> Vec<usize> {
        let counts = filters.iter().map(|filter| collection.count(filter));
        counts.collect::<Result<_>>().unwrap()
    };
    let disk = Simulated::default();
    let mut rng = Rng::new(3);
    let collection = open(&disk, false).unwrap();
    collection.add(batch(&mut rng, 0..12)).unwrap();
    counts(&collection);
    collection.delete(&["d3", "d4"]).unwrap();
    collection.checkpoint().unwrap();
    collection.add(batch(&mut rng, 20..23)).unwrap();
    collection.delete(&["d21"]).unwrap();
    let truth = counts(&collection);
    collection.close().unwrap();
    // The metadata of the documents that the image knows cannot be read any more.
    let log = file(&disk, "log");
    let good = disk.read(&log, 1 << 20).unwrap();
    let mut bad = good.clone();
    let at = bad.windows(4).position(|four| four == b"yeas").unwrap();
    bad[at] ^= 1;
    let damaged = disk.copy();
    overwrite(&damaged, &log, &bad);
    let again = open(&damaged, false).unwrap();
    assert_eq!(again.get(&["d0"]).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(counts(&again), truth);
    drop(again);
    // What was not asked about is written once more.
    let again = open(&damaged, false).unwrap();
    again.checkpoint().unwrap();
    drop(again);
    assert_eq!(counts(&open(&damaged, true).unwrap()), truth);
    // Each byte of the columns may be another one.
    let image = file(&disk, "image");
    let whole = disk.read(&image, 1 << 20).unwrap();
    let at = whole.windows(4).rposition(|four| four == b"kind").unwrap();
    for at in at - 2000.min(at)..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 1 << (at % 8);
        let damaged = disk.copy();
        overwrite(&damaged, &image, &bad);
        let again = open(&damaged, at % 2 == 0).unwrap();
        assert_eq!(counts(&again), truth, "byte {at}");
    }
}

#[test]
fn places_that_emptied_are_filled_by_what_is_left() {
    let collection = super::Collection::in_memory(None, Some(4)).unwrap();
    let ids: Vec<String> = (0..3000).map(|i| i.to_string()).collect();
    let vectors: Vec<f32> = (0..3000 * 4).map(|i| (i as f32).sin() + 2.0).collect();
    let batch = super::Batch::new(ids.clone()).vectors(&vectors, 4).unwrap();
    collection.add(batch).unwrap();
    collection.delete(&ids[100..]).unwrap();
    let state = collection.shared.state.read().unwrap();
    let dense = state.dense.as_ref().unwrap();
    assert_eq!((dense.len(), dense.places()), (100, 100));
}

#[test]
fn probabilities_come_back_with_the_image() {
    use crate::matrix::Matrix;
    use crate::steering::{AttributeModel, LearnOptions, SteeringVector};
    let disk = Simulated::default();
    let collection = open(&disk, false).unwrap();
    let mut rng = Rng::new(5);
    collection.add(batch(&mut rng, 0..60)).unwrap();
    let rows = |rng: &mut Rng| {
        let numbers = (0..4).flat_map(|_| vector(rng)).collect();
        Matrix::from_vec(numbers, DIM).unwrap()
    };
    let (liked, disliked) = (rows(&mut rng), rows(&mut rng));
    let model = AttributeModel::learn(
        (&["tide moon", "moon", "sea tide", "moon sea"], liked.rows()),
        (
            &["bank", "loan rate", "bank loan", "dough"],
            disliked.rows(),
        ),
        &LearnOptions::default(),
    );
    let steering = collection.steering();
    let dial = SteeringVector::from_parts("sea", &[1.0; DIM], 0.1, None).unwrap();
    steering.insert(dial).unwrap();
    steering.set_attribute("sea", Some(model.unwrap())).unwrap();
    let query = Query::vector(vector(&mut rng)).steer("sea", 1.0);
    let query = query.steer_mode(super::SteerMode::Rerank);
    collection.search(&query).unwrap();
    let held = |collection: &Collection| {
        let state = collection.read().unwrap();
        let model = state.steering.models().next().unwrap();
        state
            .likely
            .held(model.fingerprint())
            .map(|column| column.to_vec())
    };
    assert_eq!(held(&collection).unwrap().len(), 60);
    collection.checkpoint().unwrap();
    // A later write makes the column longer by itself; opening takes up what the image has of it.
    collection.add(batch(&mut rng, 60..64)).unwrap();
    let longer = held(&collection).unwrap();
    assert_eq!(longer.len(), 64);
    collection.close().unwrap();
    let again = open(&disk, false).unwrap();
    assert_eq!(held(&again).unwrap(), longer[..60]);
    again.search(&query).unwrap();
    assert_eq!(held(&again).unwrap(), longer);
    // Damage to the image costs time and changes no answer.
    again.checkpoint().unwrap();
    let truth = again.search(&query).unwrap();
    again.close().unwrap();
    let image = file(&disk, "image");
    let good = disk.read(&image, 1 << 20).unwrap();
    for _ in 0..100 {
        let mut bad = good.clone();
        bad[rng.below(good.len())] ^= 1 << rng.below(8);
        let damaged = disk.copy();
        overwrite(&damaged, &image, &bad);
        let collection = open(&damaged, true).unwrap();
        assert_eq!(collection.search(&query).unwrap(), truth);
    }
    // Without its dial nobody needs it.
    let again = open(&disk, false).unwrap();
    let model = again.steering().attribute("sea").unwrap().unwrap();
    again.steering().remove("sea").unwrap();
    let state = again.read().unwrap();
    assert!(state.likely.held(model.fingerprint()).is_none());
}
