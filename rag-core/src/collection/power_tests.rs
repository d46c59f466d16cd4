//! The power fails at every step of a collection's life, and every step fails with an error.
//!
//! The truth is a map of what was acknowledged. What is found afterwards must be that, or what the
//! operation under way would have made of it, in documents, search, filters and counts alike.

use super::{Batch, Collection, OpenOptions, Query, Removal};
use crate::disk::Disk;
use crate::disk::simulated::{Fault, Simulated};
use crate::error::{ErrorKind, Result};
use crate::retrieval::filter::Filter;
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

const DIMENSION: usize = 4;
const SEEDS: u64 = 40;

/// What a document says, by id: the number of the write that brought it.
type Truth = BTreeMap<String, u64>;

fn open(disk: &Simulated) -> Result<Collection> {
    open_as(disk, false)
}

fn open_as(disk: &Simulated, read_only: bool) -> Result<Collection> {
    let options = OpenOptions::default()
        .dim(Some(DIMENSION))
        .read_only(read_only);
    Collection::open_on(
        Arc::new(disk.clone()),
        Some(Path::new("/store")),
        None,
        &options,
    )
}

fn batch(ids: &[String], write: u64) -> Batch {
    let vectors: Vec<f32> = (0..ids.len() * DIMENSION)
        .map(|i| 1.0 + ((i as u64 * 7 + write) % 5) as f32)
        .collect();
    let entry = serde_json::json!({ "write": write });
    let metadata = entry.as_object().cloned().unwrap_or_default();
    Batch::new(ids.iter().map(String::as_str))
        .texts(ids.iter().map(|id| format!("text w{write} of {id}")))
        .vectors(&vectors, DIMENSION)
        .expect("rows of that length")
        .metadata(vec![metadata; ids.len()])
}

/// What was acknowledged, and what the operation that failed would have led to.
#[derive(Default)]
struct Told {
    truth: Truth,
    under_way: Option<Truth>,
    /// Feedback that was acknowledged.
    votes: usize,
    failed: bool,
}

fn live(disk: &Simulated, seed: u64) -> Told {
    live_before(disk, seed, &mut |_| ())
}

/// The same, while `watch` looks on after every operation.
fn live_before(disk: &Simulated, seed: u64, watch: &mut dyn FnMut(&Told)) -> Told {
    let mut told = Told::default();
    told.failed = try_to_live(disk, seed, &mut told, watch).is_err();
    watch(&told);
    told
}

fn try_to_live(
    disk: &Simulated,
    seed: u64,
    told: &mut Told,
    watch: &mut dyn FnMut(&Told),
) -> Result<()> {
    let mut rng = Rng::new(seed);
    let mut collection = open(disk)?;
    for write in 0..9 {
        let ids: Vec<String> = (0..1 + rng.below(4))
            .map(|_| format!("d{}", rng.below(12)))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let mut next = told.truth.clone();
        told.under_way = None;
        match rng.below(11) {
            9..=10 => {
                // All of an earlier write, or some ids; the batch brings back some and brings others.
                let removal = match rng.below(2) {
                    0 => {
                        let old = rng.below(9) as u64;
                        next.retain(|_, write| *write != old);
                        let filter = Filter::parse(&serde_json::json!({ "write": old }))?;
                        Removal::Where(filter)
                    }
                    _ => {
                        next.retain(|id, _| id.len() > 2);
                        let all: Vec<String> = (0..10).map(|i| format!("d{i}")).collect();
                        Removal::from(&all[..])
                    }
                };
                let ids: Vec<String> = ids
                    .into_iter()
                    .filter(|id| !next.contains_key(id))
                    .collect();
                next.extend(ids.iter().map(|id| (id.clone(), write)));
                told.under_way = Some(next.clone());
                let expected = told
                    .truth
                    .iter()
                    .filter(|(id, write)| next.get(*id) != Some(*write));
                let expected = expected.count();
                let removed = match ids.is_empty() {
                    true => collection.replace(removal, Batch::new([""; 0]))?,
                    false => collection.replace(removal, batch(&ids, write))?,
                };
                assert_eq!(removed, expected, "seed {seed}, write {write}");
            }
            0..=3 => {
                next.extend(ids.iter().map(|id| (id.clone(), write)));
                told.under_way = Some(next.clone());
                collection.upsert(batch(&ids, write))?;
            }
            4 => {
                next.retain(|id, _| !ids.contains(id));
                told.under_way = Some(next.clone());
                collection.delete(&ids)?;
            }
            5 => collection
                .steering()
                .feedback(
                    &[1.0, 0.0, 0.0, 0.0],
                    &[0.6, 0.8, 0.0, 0.0],
                    1.0,
                    Some("someone"),
                    &[],
                    Some(write as f64),
                )
                .map(|()| told.votes += 1)?,
            6 => collection.checkpoint()?,
            7 => collection.compact()?,
            _ => {
                collection.close()?;
                collection = open(disk)?;
            }
        }
        told.truth = next;
        told.under_way = None;
        watch(told);
    }
    collection.close()
}

/// Opens what is there and refuses what is neither the truth nor what was under way.
fn check(disk: &Simulated, told: &Told, place: &str) {
    let collection = open(disk).unwrap_or_else(|error| panic!("{place}: {error}"));
    compare(&collection, told, place);
    if told.votes > 0 {
        assert!(
            collection.steering().forget("someone").unwrap(),
            "{place}: feedback is gone"
        );
    }
}

/// Refuses documents that are neither, and any side that contradicts another.
fn compare(collection: &Collection, told: &Told, place: &str) {
    let ids = collection.ids().unwrap();
    let documents = collection.get(&ids).unwrap();
    let mut found = Truth::new();
    for document in documents.into_iter().flatten() {
        let write = document.metadata["write"].as_u64().unwrap();
        let text = format!("text w{write} of {}", document.id);
        assert_eq!(document.text, Some(text), "{place}");
        assert!(document.vector.is_some(), "{place}");
        found.insert(document.id, write);
    }
    let right = found == told.truth || told.under_way.as_ref() == Some(&found);
    let (truth, under_way) = (&told.truth, &told.under_way);
    assert!(
        right,
        "{place}: found {found:?}, told {truth:?} or {under_way:?}"
    );
    let report = collection.verify().unwrap();
    assert!(report.ok(), "{place}: {:?}", report.problems);
    assert_eq!(collection.len().unwrap(), found.len(), "{place}");
    for write in 0..9 {
        let of_it = found.values().filter(|&&w| w == write).count();
        let filter = Filter::parse(&serde_json::json!({ "write": write })).unwrap();
        assert_eq!(collection.count(&filter).unwrap(), of_it, "{place}");
        let query = Query::text(format!("w{write}")).with_vector(vec![1.0; DIMENSION]);
        let hits = collection.search(&query.filter(filter).k(20)).unwrap();
        assert_eq!(hits.len(), of_it, "{place}");
    }
}

#[test]
fn a_power_cut_at_any_step_leaves_a_whole_collection() {
    let mut cuts = 0;
    for seed in 0..SEEDS {
        let whole = Simulated::default();
        assert!(!live(&whole, seed).failed);
        for step in 1..=whole.steps() {
            let disk = Simulated::default();
            disk.let_fail(Some(Fault::Cut(step)));
            let told = live(&disk, seed);
            for image in 0..8 {
                cuts += 1;
                let place = format!("seed {seed}, step {step}, image {image}");
                check(&disk.after_the_cut(image), &told, &place);
            }
        }
    }
    println!("{cuts} power cuts in the lives of {SEEDS} collections");
}

#[test]
fn an_error_at_any_step_leaves_what_was_acknowledged() {
    for seed in 0..SEEDS {
        let whole = Simulated::default();
        live(&whole, seed);
        for step in 1..=whole.steps() {
            for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
                for fault in [Fault::Once(step, kind), Fault::From(step, kind)] {
                    let disk = Simulated::default();
                    disk.let_fail(Some(fault));
                    let told = live(&disk, seed);
                    check(&disk.copy(), &told, &format!("seed {seed}, {fault:?}"));
                    check(
                        &disk.after_the_cut(step),
                        &told,
                        &format!("seed {seed}, {fault:?}, cut"),
                    );
                }
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_a_batch_as_a_whole_and_searches_go_on() {
    let disk = Simulated::default();
    let collection = open(&disk).unwrap();
    let ids = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    collection.add(batch(&ids(&["a", "b"]), 0)).unwrap();
    disk.let_fail(Some(Fault::From(
        disk.steps() + 1,
        io::ErrorKind::StorageFull,
    )));
    // More than a log has room for that is there already.
    let many: Vec<String> = (0..1000).map(|i| format!("m{i}")).collect();
    let refused = collection.add(batch(&many, 1)).unwrap_err();
    assert!(refused.message().contains("cannot write"), "{refused}");
    assert_eq!(collection.len().unwrap(), 2);
    assert_eq!(
        collection
            .search(&Query::text("text").with_vector(vec![1.0; DIMENSION]))
            .unwrap()
            .len(),
        2
    );
    disk.let_fail(None);
    collection.add(batch(&ids(&["c", "d"]), 2)).unwrap();
    assert_eq!(collection.len().unwrap(), 4);
}

#[test]
fn on_a_full_disk_deletions_are_still_possible() {
    for more in [0, 1, 100, 5_000, 20_000] {
        let disk = Simulated::default();
        let collection = open(&disk).unwrap();
        let all: Vec<String> = (0..300).map(|i| format!("d{i}")).collect();
        collection.add(batch(&all, 0)).unwrap();
        let used: u64 = files(&disk)
            .iter()
            .map(|(_, bytes)| bytes.len() as u64)
            .sum();
        disk.let_fail(Some(Fault::Room(used + more)));
        let mut added = 0;
        let refused = loop {
            match collection.add(batch(&[format!("new{added}")], 1)) {
                Ok(()) => added += 1,
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused.kind(), ErrorKind::DiskFull, "{more}: {refused}");
        for some in all.chunks(10) {
            let deleted = collection.delete(some);
            assert_eq!(
                deleted.unwrap_or_else(|e| panic!("{more}: {e}")),
                some.len()
            );
        }
        assert_eq!(collection.len().unwrap(), added);
        collection.close().unwrap();
        let again = open(&disk).unwrap();
        assert_eq!(again.len().unwrap(), added);
        drop(again);
        let again = open(&disk.after_the_cut(more)).unwrap();
        assert_eq!(again.len().unwrap(), added);
        assert_eq!(again.verify().unwrap().problems, [""; 0]);
        drop(again);
        // With room again what was deleted is given back, and some is put by once more.
        disk.let_fail(None);
        let again = open(&disk).unwrap();
        again.compact().unwrap();
        assert!(files(&disk).iter().any(|(path, _)| path.ends_with("spare")));
        again.add(batch(&all, 2)).unwrap();
    }
}

fn files(disk: &Simulated) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let paths = disk.list(Path::new("/store")).unwrap().into_iter();
    let read = |path: std::path::PathBuf| {
        let bytes = disk.read(&path, 1 << 30).unwrap();
        (path, bytes)
    };
    paths.map(read).collect()
}

#[test]
fn those_who_wait_together_share_one_sync() {
    let disk = Simulated::default();
    let collection = open(&disk).unwrap();
    collection.add(batch(&["first".to_owned()], 0)).unwrap();
    let before = disk.steps();
    std::thread::scope(|scope| {
        let turn = collection.writer();
        let writers: Vec<_> = (0..8)
            .map(|i| {
                let collection = &collection;
                scope.spawn(move || collection.add(batch(&[format!("d{i}")], 1)))
            })
            .collect();
        while collection.shared.waiting.len() < 8 {
            std::thread::yield_now();
        }
        drop(turn);
        for writer in writers {
            writer.join().unwrap().unwrap();
        }
    });
    assert_eq!(disk.steps() - before, 2, "one write, one sync");
    let found = open(&disk.after_the_cut(0)).unwrap();
    assert_eq!((collection.len().unwrap(), found.len().unwrap()), (9, 9));
}

#[test]
fn of_those_who_wait_together_one_is_refused_alone() {
    let disk = Simulated::default();
    let collection = open(&disk).unwrap();
    let told: Vec<Result<()>> = std::thread::scope(|scope| {
        let turn = collection.writer();
        let writers: Vec<_> = (0..8)
            .map(|i| {
                let collection = &collection;
                scope.spawn(move || collection.add(batch(&[format!("d{}", i % 5)], i)))
            })
            .collect();
        while collection.shared.waiting.len() < 8 {
            std::thread::yield_now();
        }
        drop(turn);
        let told = writers.into_iter().map(|writer| writer.join().unwrap());
        told.collect()
    });
    let refused: Vec<_> = told.iter().filter_map(|told| told.as_ref().err()).collect();
    assert_eq!(refused.len(), 3, "three ids come twice");
    assert!(
        refused
            .iter()
            .all(|e| e.kind() == crate::ErrorKind::AlreadyExists)
    );
    assert_eq!(collection.len().unwrap(), 5);
    assert!(collection.verify().unwrap().ok());
}

#[test]
fn a_reader_follows_every_change_without_opening_again() {
    for seed in 0..SEEDS {
        let disk = Simulated::default();
        drop(open(&disk).unwrap());
        let reader = open_as(&disk, true).unwrap();
        let mut looked = 0;
        live_before(&disk, seed, &mut |told| {
            looked += 1;
            // Some changes come in one look.
            if !(looked + seed).is_multiple_of(3) {
                compare(&reader, told, &format!("seed {seed}, look {looked}"));
            }
        });
    }
}

#[test]
fn a_reader_sees_no_write_that_was_refused() {
    for seed in 0..SEEDS / 4 {
        let whole = Simulated::default();
        live(&whole, seed);
        // The first steps make the store.
        for step in 12..=whole.steps() {
            for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
                let disk = Simulated::default();
                drop(open(&disk).unwrap());
                let reader = open_as(&disk, true).unwrap();
                disk.let_fail(Some(Fault::Once(step, kind)));
                let place = format!("seed {seed}, step {step}, {kind:?}");
                live_before(&disk, seed, &mut |told| compare(&reader, told, &place));
            }
        }
    }
}

#[test]
fn a_reader_goes_on_when_the_directory_is_gone() {
    let disk = Simulated::default();
    let collection = open(&disk).unwrap();
    collection.add(batch(&["a".to_owned()], 0)).unwrap();
    let reader = open_as(&disk, true).unwrap();
    collection.close().unwrap();
    for file in disk.list(Path::new("/store")).unwrap() {
        disk.remove(&file).unwrap();
    }
    assert_eq!(reader.len().unwrap(), 1);
}
