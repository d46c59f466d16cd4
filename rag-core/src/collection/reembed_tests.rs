//! Another model takes over: whenever the power fails, all vectors are of one model.

use super::{Batch, Collection, OpenOptions, Query, ReembedOptions};
use crate::disk::simulated::{Fault, Simulated};
use crate::embedding::{Embedder, EmbedderOptions};
use crate::error::{ErrorKind, Result};
use crate::progress::Progress;
use std::path::Path;
use std::sync::Arc;

const DIM: usize = 4;

fn built_in() -> Embedder {
    Embedder::built_in(&EmbedderOptions::default()).unwrap()
}

/// Opens with no word on who makes the vectors.
fn open(disk: &Simulated) -> Result<Collection> {
    let disk = Arc::new(disk.clone());
    let options = OpenOptions::default();
    Collection::open_on(disk, Some(Path::new("/store")), None, &options)
}

fn filled(disk: &Simulated, documents: usize) -> Collection {
    let disk = Arc::new(disk.clone());
    let options = OpenOptions::default().dim(Some(DIM));
    let path = Some(Path::new("/store"));
    let collection = Collection::open_on(disk, path, None, &options).unwrap();
    add(&collection, 0..documents);
    collection
}

fn add(collection: &Collection, ids: std::ops::Range<usize>) {
    let vectors: Vec<f32> = (0..ids.len() * DIM).map(|i| 1.0 + (i % 7) as f32).collect();
    let batch = Batch::new(ids.clone().map(|i| format!("d{i}")))
        .texts(ids.map(|i| format!("tides and moons, number {i}")))
        .vectors(&vectors, DIM)
        .unwrap();
    collection.upsert(batch).unwrap();
}

fn reembed(collection: &Collection) -> Result<usize> {
    collection.reembed(built_in(), &ReembedOptions::default(), Progress::none())
}

/// Whether the new model is in charge; either way everything is there and can be found.
fn is_changed(collection: &Collection, documents: usize, place: &str) -> bool {
    assert_eq!(collection.len().unwrap(), documents, "{place}");
    assert_eq!(collection.verify().unwrap().problems, [""; 0], "{place}");
    let dim = collection.dim().unwrap().unwrap();
    let stats = collection.stats().unwrap();
    assert_eq!(stats.vectors, documents, "{place}");
    assert_eq!(stats.fingerprint.is_some(), dim != DIM, "{place}");
    if dim != DIM {
        let hits = collection.search(&Query::text("number 3").k(1)).unwrap();
        assert_eq!(hits[0].id, "d3", "{place}");
    }
    dim != DIM
}

#[test]
fn the_change_is_whole_at_every_cut_and_goes_on_where_it_stood() {
    let whole = Simulated::default();
    let collection = filled(&whole, 20);
    let first = whole.steps();
    assert_eq!(reembed(&collection).unwrap(), 20);
    assert!(is_changed(&collection, 20, "here"));
    add_text(&collection, "later");
    drop(collection);
    let last = whole.steps();
    let mut changed = [0, 0];
    for step in first..last {
        let disk = Simulated::default();
        let collection = filled(&disk, 20);
        disk.let_fail(Some(Fault::Cut(step)));
        let _ = reembed(&collection);
        drop(collection);
        let found = disk.after_the_cut(step);
        let place = format!("step {step}");
        let again = open(&found).unwrap_or_else(|error| panic!("{place}: {error}"));
        let is_new = is_changed(&again, 20, &place);
        changed[usize::from(is_new)] += 1;
        reembed(&again).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(is_changed(&again, 20, &place));
    }
    assert!(changed.iter().all(|&count| count > 0), "{changed:?}");
}

fn add_text(collection: &Collection, id: &str) {
    collection
        .add(Batch::new([id]).texts(["a text of its own"]))
        .unwrap();
}

#[test]
fn what_was_embedded_is_kept_when_it_is_stopped_and_changes_are_noticed() {
    let disk = Simulated::default();
    let collection = filled(&disk, 600);
    let mut stop = |done: usize, _| done < 256;
    let stopped = collection.reembed(
        built_in(),
        &ReembedOptions::default(),
        Progress::new(&mut stop),
    );
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Interrupted);
    assert!(!is_changed(&collection, 600, "stopped"));
    drop(collection);
    let again = open(&disk).unwrap();
    // Two of those that were embedded have another text now, and one is gone.
    let batch = Batch::new(["d1", "d2"]).texts(["other", "others"]);
    let vectors = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    again.upsert(batch.vectors(&vectors, DIM).unwrap()).unwrap();
    again.delete(&["d0"]).unwrap();
    assert_eq!(reembed(&again).unwrap(), 600 - 256 + 2);
    assert!(is_changed(&again, 599, "again"));
    let other = again.get(&["d1"]).unwrap()[0].clone().unwrap();
    let fresh = Collection::in_memory(None, None).unwrap();
    fresh.add(Batch::new(["d1"]).texts(["other"])).unwrap();
    assert_eq!(
        other.vector,
        fresh.get(&["d1"]).unwrap()[0].clone().unwrap().vector
    );
}

#[test]
fn what_was_learnt_is_not_given_up_unasked() {
    let disk = Simulated::default();
    let collection = filled(&disk, 5);
    let one = [1.0, 0.0, 0.0, 0.0];
    let steering = collection.steering();
    steering
        .feedback(&one, &one, 1.0, Some("someone"), &[], Some(0.0))
        .unwrap();
    let refused = reembed(&collection).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    assert!(refused.message().contains("1 users"), "{refused}");
    let forget = ReembedOptions::default().forget_learnt(true);
    assert_eq!(
        collection
            .reembed(built_in(), &forget, Progress::none())
            .unwrap(),
        5
    );
    assert!(!collection.steering().forget("someone").unwrap());
    let bare = Batch::new(["bare"]).vectors(&[1.0; 256], 256).unwrap();
    collection.add(bare).unwrap();
    let refused = reembed(&collection).unwrap_err();
    assert!(refused.message().contains("\"bare\""), "{refused}");
}
