//! Stores of every format that there was: what this release wrote it reads for ever, and what it
//! cannot read it refuses with both versions named.
//!
//! `tests/golden/store-3-bandit` is what `cargo test --test golden_stores -- --ignored` writes: a store of
//! this format with every kind of record, and an image whose sums know where they belong. `store-3` is
//! of the same format before it had bandits, with an image of the first kind; `store-2` is of the format before.

use rag_core::ErrorKind;
use rag_core::bandit::{Arms, Bandit, BanditOptions};
use rag_core::collection::{Batch, Collection, Metadata, OpenOptions, Query};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FILES: &[&str] = &["manifest", "log-1", "image-1"];

fn golden(store: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/store-{store}"))
}

/// A copy of a golden store, because opening one writes to it.
struct Copy(PathBuf);

impl Copy {
    fn new(store: &str, name: &str) -> Self {
        let name = format!("ragcore-golden-{name}-{store}-{}", std::process::id());
        let to = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&to);
        std::fs::create_dir_all(&to).unwrap();
        for file in FILES
            .iter()
            .filter(|file| golden(store).join(file).exists())
        {
            std::fs::copy(golden(store).join(file), to.join(file)).unwrap();
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

/// Every kind of record but those of bandits: some in the image, some behind it.
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

/// What the bandits of a collection have seen and believe, by name, as text.
type Known = BTreeMap<String, String>;

fn known(collection: &Collection) -> Known {
    let bandits = collection.bandits();
    let names = bandits.names().unwrap().into_iter();
    let one = |name: String| {
        let context: Option<&[f64]> = (name == "weights").then_some(&[1.0, 0.5]);
        let told = bandits.look(&name, |bandit| {
            let believed = bandit.estimates_in("bread", context)?;
            Ok(format!("{:?} {believed:?}", bandit.log()))
        });
        (name, told.unwrap())
    };
    names.map(one).collect()
}

/// Two bandits that learn with what `fill` does in between, and one that is gone.
fn teach(collection: &Collection, fill: impl FnOnce(&Collection)) {
    let bandits = collection.bandits();
    let options = BanditOptions::default().seed(Some(5)).log_size(4);
    let weights = Bandit::new(Arms::Range(0.0, 1.0), &options).unwrap();
    let styles = Arms::Names(vec!["short".into(), "long".into()]);
    let styles = Bandit::new(styles, &options).unwrap();
    for (name, bandit) in [
        ("weights", &weights),
        ("styles", &styles),
        ("gone", &styles),
    ] {
        bandits.insert(name, bandit).unwrap();
    }
    let pay = |name: &str, domain: &str, context: Option<&[f64]>, reward: f64| {
        let choice = bandits.choose(name, domain, context).unwrap();
        bandits.reward(name, choice.id, reward).unwrap();
    };
    pay("weights", "tides", Some(&[1.0, 0.5]), 0.25);
    pay("styles", "tides", None, 1.0);
    bandits.remove("gone").unwrap();
    fill(collection);
    pay("weights", "bread", Some(&[0.0, 0.5]), 0.75);
    pay("styles", "bread", None, 0.5);
}

fn open(path: &Path) -> rag_core::Result<Collection> {
    Collection::open(path, None, &OpenOptions::default().dim(Some(3)))
}

#[test]
fn what_was_written_is_read() {
    let pairs = ["3", "3-bandit"].map(|store| ["", "image-1"].map(|without| (store, without)));
    for (store, without) in pairs.into_iter().flatten() {
        let copy = Copy::new(store, &format!("read{without}"));
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
fn what_bandits_learnt_is_read() {
    for without in ["", "image-1"] {
        let copy = Copy::new("3-bandit", &format!("learnt{without}"));
        if !without.is_empty() {
            std::fs::remove_file(copy.0.join(without)).unwrap();
        }
        let collection = open(&copy.0).unwrap();
        let bandits = collection.bandits();
        assert_eq!(bandits.names().unwrap(), ["styles", "weights"]);
        let told = |name: &str, look: &dyn Fn(&Bandit) -> f64| {
            bandits.look(name, |bandit| Ok(look(bandit))).unwrap()
        };
        let rewards = |bandit: &Bandit| bandit.log().iter().map(|entry| entry.reward).sum();
        assert_eq!(told("weights", &rewards), 1.0);
        assert_eq!(told("styles", &rewards), 1.5);
        // It goes on, and what it learns is read again.
        let choice = bandits.choose("styles", "bread", None).unwrap();
        bandits.reward("styles", choice.id, 0.0).unwrap();
        let before = known(&collection);
        drop(collection);
        assert_eq!(known(&open(&copy.0).unwrap()), before);
    }
}

#[test]
fn an_older_format_is_refused_with_both_versions() {
    let copy = Copy::new("2", "older");
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
    let to = golden("3-bandit");
    let _ = std::fs::remove_dir_all(&to);
    let collection = open(&to).unwrap();
    teach(&collection, fill);
    collection.close().unwrap();
    for file in std::fs::read_dir(&to).unwrap() {
        let path = file.unwrap().path();
        if !FILES.iter().any(|name| path.ends_with(name)) {
            std::fs::remove_file(path).unwrap();
        }
    }
}
