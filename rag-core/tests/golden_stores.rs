//! Stores of every format that there was: what this release wrote it reads for ever, and what it
//! cannot read it refuses with both versions named.
//!
//! `tests/golden/store-3` is what `cargo test --test golden_stores -- --ignored` writes with the
//! release that brings a format; `store-2` is of the last format before.

use rag_core::ErrorKind;
use rag_core::collection::{Batch, Collection, Metadata, OpenOptions, Query};
use serde_json::json;
use std::path::{Path, PathBuf};

const FILES: &[&str] = &["manifest", "log-1", "image-1"];

fn golden(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/store-{version}"))
}

/// A copy of a golden store, because opening one writes to it.
struct Copy(PathBuf);

impl Copy {
    fn new(version: u32, name: &str) -> Self {
        let name = format!("ragcore-golden-{name}-{}", std::process::id());
        let to = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&to);
        std::fs::create_dir_all(&to).unwrap();
        for file in FILES
            .iter()
            .filter(|file| golden(version).join(file).exists())
        {
            std::fs::copy(golden(version).join(file), to.join(file)).unwrap();
        }
        Self(to)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn metadata(value: serde_json::Value) -> Metadata {
    value.as_object().cloned().unwrap_or_default()
}

/// Every kind of record: some in the image, some behind it.
fn fill(collection: &Collection) {
    let batch = Batch::new(["tides", "yeast", "gone"])
        .texts([
            "The moon makes the tides.",
            "Yeast makes dough rise.",
            "Gone.",
        ])
        .vectors(&[1.0, 0.0, 0.0, 0.0, 0.6, 0.8, 0.0, 0.0, 1.0], 3)
        .unwrap();
    let about = [
        json!({"year": 1687}),
        json!({"tags": ["bread", null]}),
        json!({}),
    ];
    collection
        .add(batch.metadata(about.map(metadata).to_vec()))
        .unwrap();
    let steering = collection.steering();
    let (query, item) = ([1.0, 0.0, 0.0], [0.6, 0.8, 0.0]);
    steering
        .feedback(&query, &item, 1.0, Some("ann"), &[], Some(1e9))
        .unwrap();
    collection.delete(&["gone"]).unwrap();
    collection.checkpoint().unwrap();
    let batch = Batch::new(["\u{1F600}", "tides"])
        .optional_texts(vec![
            None,
            Some("Tides follow the moon and the sun.".into()),
        ])
        .vectors(&[0.0, -1.0, 0.0, 0.8, 0.0, 0.6], 3)
        .unwrap();
    collection.upsert(batch).unwrap();
    steering
        .feedback(&query, &item, 0.5, Some("bob"), &[], Some(1e9 + 1.0))
        .unwrap();
}

fn open(path: &Path) -> rag_core::Result<Collection> {
    Collection::open(path, None, &OpenOptions::default().dim(Some(3)))
}

#[test]
fn what_was_written_is_read() {
    for without in ["", "image-1"] {
        let copy = Copy::new(3, &format!("read{without}"));
        if !without.is_empty() {
            std::fs::remove_file(copy.0.join(without)).unwrap();
        }
        let collection = open(&copy.0).unwrap();
        assert!(collection.verify().unwrap().ok());
        let expected = Collection::in_memory(None, Some(3)).unwrap();
        fill(&expected);
        let ids = ["tides", "yeast", "gone", "\u{1F600}"];
        assert_eq!(collection.get(&ids).unwrap(), expected.get(&ids).unwrap());
        let query = Query::text("the moon").with_vector(vec![0.6, 0.0, 0.8]);
        assert_eq!(
            collection.search(&query).unwrap(),
            expected.search(&query).unwrap()
        );
        for user in ["ann", "bob"] {
            assert!(collection.steering().forget(user).unwrap(), "{user}");
        }
        collection
            .add(Batch::new(["more"]).vectors(&[1.0, 1.0, 1.0], 3).unwrap())
            .unwrap();
    }
}

#[test]
fn an_older_format_is_refused_with_both_versions() {
    let copy = Copy::new(2, "older");
    let refused = open(&copy.0).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::FormatVersion);
    let told = refused.message();
    assert!(
        told.contains("format 2") && told.contains("reads 3"),
        "{told}"
    );
}

#[test]
#[ignore = "writes the golden store of this release's format"]
fn write() {
    let to = golden(3);
    let _ = std::fs::remove_dir_all(&to);
    let collection = open(&to).unwrap();
    fill(&collection);
    collection.close().unwrap();
    for file in std::fs::read_dir(&to).unwrap() {
        let path = file.unwrap().path();
        if !FILES.iter().any(|name| path.ends_with(name)) {
            std::fs::remove_file(path).unwrap();
        }
    }
}
