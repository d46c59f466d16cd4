//! Documents that take the place of others, and the versions by which that is seen.

use rag_core::collection::{Batch, Collection, OpenOptions};
use rag_core::retrieval::filter::Filter;
use rag_core::{ErrorKind, Rng};
use std::path::{Path, PathBuf};

struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> Self {
        let name = format!("ragcore-replace-{name}-{}", std::process::id());
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

fn ids_of(collection: &Collection) -> Vec<String> {
    let mut ids = collection.ids().unwrap();
    ids.sort();
    ids
}

#[test]
fn replacing_removes_and_adds_in_one_change() {
    let dir = TempDir::new("replace");
    let collection =
        Collection::open(dir.path(), None, &OpenOptions::default().dim(Some(2))).unwrap();
    let batch = |ids: &[&str]| {
        let vectors: Vec<f32> = ids.iter().flat_map(|_| [1.0, 2.0]).collect();
        Batch::new(ids.iter().copied())
            .texts(ids.iter().map(|id| format!("words of {id}")))
            .vectors(&vectors, 2)
            .unwrap()
    };
    collection.add(batch(&["a1", "a2", "a3", "b"])).unwrap();
    // One that stays is in the way, and nothing changes.
    let before = collection.sequence().unwrap();
    let refused = collection.replace(&["a1", "a2"], batch(&["a1", "b"]));
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    assert!(refused.message().contains("\"b\""), "{refused}");
    assert_eq!(ids_of(&collection), ["a1", "a2", "a3", "b"]);
    assert_eq!(collection.sequence().unwrap(), before);
    // Unknown ids and those that come twice count for nothing.
    let removed = collection.replace(&["a1", "a3", "a3", "z"], batch(&["a1", "a4"]));
    assert_eq!(removed.unwrap(), 2);
    assert_eq!(ids_of(&collection), ["a1", "a2", "a4", "b"]);
    assert_ne!(collection.sequence().unwrap(), before);
    let nothing: &[&str] = &[];
    assert_eq!(collection.replace(nothing, batch(&["c"])).unwrap(), 0);
    let empty = Batch::new(nothing.iter().copied());
    assert_eq!(collection.replace(&["c"], empty).unwrap(), 1);
    let reader = OpenOptions::default().read_only(true);
    let reader = Collection::open(dir.path(), None, &reader).unwrap();
    assert_eq!(ids_of(&reader), ["a1", "a2", "a4", "b"]);
    let refused = reader.replace(&["a1"], batch(&["a1"])).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    drop(collection);
    let again = Collection::open(dir.path(), None, &OpenOptions::default()).unwrap();
    assert_eq!(ids_of(&again), ["a1", "a2", "a4", "b"]);
    assert!(again.verify().unwrap().ok());
}

#[test]
fn those_who_replace_at_once_leave_one_of_their_batches() {
    let collection = Collection::in_memory(None, Some(2)).unwrap();
    let group = |writer: usize| serde_json::json!({"of": "it", "by": writer});
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let collection = &collection;
            scope.spawn(move || {
                for round in 0..20 {
                    let ids: Vec<String> = (0..1 + (writer + round) % 3)
                        .map(|i| format!("w{writer} r{round} {i}"))
                        .collect();
                    let metadata = vec![group(writer).as_object().unwrap().clone(); ids.len()];
                    let vectors = vec![1.0; 2 * ids.len()];
                    let batch = Batch::new(ids).metadata(metadata);
                    let batch = batch.vectors(&vectors, 2).unwrap();
                    let of = Filter::parse(&serde_json::json!({"of": "it"})).unwrap();
                    collection.replace(of, batch).unwrap();
                }
            });
        }
    });
    let ids = collection.ids().unwrap();
    let rest = ids[0].rsplit_once(' ').unwrap().0;
    assert!((1..=3).contains(&ids.len()));
    assert!(ids.iter().all(|id| id.starts_with(rest)), "{ids:?}");
}

#[test]
fn versions_tell_documents_apart_and_are_the_same_for_all_who_read() {
    let dir = TempDir::new("versions");
    let options = OpenOptions::default().dim(Some(2));
    let collection = Collection::open(dir.path(), None, &options).unwrap();
    let reader = OpenOptions::default().read_only(true);
    let reader = Collection::open(dir.path(), None, &reader).unwrap();
    let mut rng = Rng::new(5);
    let mut seen = std::collections::HashMap::new();
    for round in 0..200 {
        let id = format!("d{}", rng.below(10));
        let text = format!("round {round}");
        let batch = Batch::new([&id])
            .texts([&text])
            .vectors(&[1.0, 0.0], 2)
            .unwrap();
        collection.upsert(batch).unwrap();
        match rng.below(20) {
            0 => collection.compact().unwrap(),
            1 => collection.checkpoint().unwrap(),
            _ => {}
        }
        let ids: Vec<String> = (0..11).map(|i| format!("d{i}")).collect();
        let versions = collection.versions(&ids).unwrap();
        assert_eq!(versions, reader.versions(&ids).unwrap());
        assert_eq!(collection.sequence().unwrap(), reader.sequence().unwrap());
        let documents = collection.get(&ids).unwrap();
        for (version, document) in versions.iter().zip(documents) {
            assert_eq!(version.is_some(), document.is_some());
            if let (Some(version), Some(document)) = (version, document) {
                let first = seen.entry(*version).or_insert_with(|| document.clone());
                assert_eq!(*first, document, "one version, two documents");
            }
        }
    }
    let (ids, sequence) = (["d1", "d2"], collection.sequence().unwrap());
    let versions = collection.versions(&ids).unwrap();
    drop((collection, reader));
    let again = Collection::open(dir.path(), None, &options).unwrap();
    assert_eq!(again.versions(&ids).unwrap(), versions);
    assert_eq!(again.sequence().unwrap(), sequence);
    again.delete(&["d1"]).unwrap();
    assert_eq!(again.versions(&ids).unwrap(), [None, versions[1]]);
}
