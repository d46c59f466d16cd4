//! The life of a collection, in memory or on disk, with upkeep, copies and being opened again in the
//! middle, against a plain map.

use crate::choices::Choices;
use crate::life::Life;
use crate::scratch::Scratch;
use rag_core::ErrorKind;
use rag_core::collection::{Collection, OpenOptions};
use rag_core::store::Durability;
use std::path::Path;

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let kind = choices.below(16);
    let mut life = Life::new(kind == 15);
    let scratch = Scratch::new("collection");
    let path = (kind >= 4).then(|| scratch.join("c"));
    let durability = *choices.pick(&[Durability::Os, Durability::Sync, Durability::Memory]);
    let options = OpenOptions::default()
        .dim(life.dim())
        .durability(durability);
    let open = |path: Option<&Path>| {
        Collection::with_options(path, None, &options).expect("its own folder, sound files")
    };
    let mut collection = open(path.as_deref());
    for _ in 0..if life.embeds() { 16 } else { 64 } {
        if choices.is_empty() {
            break;
        }
        match choices.below(16) {
            0..=7 => life.change(&collection, &mut choices),
            8..=10 => life.search(&collection, &mut choices),
            11 => life.check(&collection),
            12 => collection.checkpoint().expect("room for files"),
            13 => collection.compact().expect("room for files"),
            14 if path.is_some() => {
                let before = told(&collection);
                if choices.once_in(2) {
                    collection.close().expect("a sound store");
                    let error = collection.len().expect_err("it is closed");
                    assert_eq!(error.kind(), ErrorKind::Closed);
                }
                drop(collection);
                collection = open(path.as_deref());
                assert_eq!(told(&collection), before);
                life.check(&collection);
            }
            _ => {
                let copy = scratch.join("copy");
                let _ = std::fs::remove_dir_all(&copy);
                collection.backup(&copy).expect("an absent folder");
                let copy = open(Some(&copy));
                life.check(&copy);
                assert!(copy.verify().expect("open").ok());
            }
        }
    }
    life.check(&collection);
    let report = collection.verify().expect("open");
    assert!(report.ok(), "{report:?}");
}

/// What must be the same after opening again, to the byte.
fn told(collection: &Collection) -> (Vec<String>, Vec<u8>, Option<usize>) {
    let ids = collection.ids().expect("open");
    let dials = collection.steering().to_steering().expect("open");
    (ids, dials.to_bytes(), collection.dim().expect("open"))
}
