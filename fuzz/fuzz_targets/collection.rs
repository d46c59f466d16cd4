#![no_main]
//! A list of operations on a collection, against a plain map.

use libfuzzer_sys::fuzz_target;
use rag_core::collection::{Batch, Collection, Query};
use std::collections::BTreeMap;

const TEXTS: &[&str] = &["moon salt", "bread", "iron iron rust", "", "gold lamp fish"];

fuzz_target!(|data: &[u8]| {
    let collection = Collection::in_memory(None, Some(2)).expect("two dimensions");
    let mut model: BTreeMap<String, &str> = BTreeMap::new();
    for step in data.chunks_exact(3) {
        let id = format!("d{}", step[1] % 16);
        let text = TEXTS[usize::from(step[2]) % TEXTS.len()];
        let angle = f32::from(step[2]);
        let batch = || {
            let batch = Batch::new([id.as_str()]).texts([text]);
            batch.vectors(&[angle.cos(), angle.sin()], 2).expect("one row")
        };
        match step[0] % 5 {
            0 => assert_eq!(collection.add(batch()).is_err(), model.contains_key(&id)),
            1 => collection.upsert(batch()).expect("an upsert of a good document"),
            2 => {
                let gone = collection.delete(&[&id]).expect("deleting what may be there");
                assert_eq!(gone == 1, model.remove(&id).is_some());
                continue;
            }
            3 => {
                collection.compact().expect("in memory");
                continue;
            }
            _ => {
                let query = Query::text(text).with_vector([angle.sin(), angle.cos()]).k(100);
                let hits = collection.search(&query).expect("a good query");
                assert_eq!(hits.len(), model.len());
                continue;
            }
        }
        model.entry(id).and_modify(|held| if step[0] % 5 == 1 { *held = text }).or_insert(text);
    }
    assert_eq!(collection.len().expect("open"), model.len());
    for (id, text) in &model {
        let document = collection.get(&[id]).expect("open").remove(0).expect("it is there");
        assert_eq!(document.text.as_deref(), Some(*text));
    }
    assert!(collection.verify().expect("open").ok());
});
