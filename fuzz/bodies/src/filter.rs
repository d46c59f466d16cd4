//! Any text as a filter over any metadata: the answer about one document, the answer about many at
//! once, and what the operators of logic make of it agree.
//!
//! The first line is the filter, each other one the metadata of a document.

use rag_core::collection::{Batch, Collection, Metadata};
use rag_core::retrieval::filter::Filter;
use serde_json::{Value, json};

const MOST: usize = 8;

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let Ok(filter) = Filter::from_json(lines.next().unwrap_or_default()) else {
        return;
    };
    let mut documents: Vec<Metadata> = lines
        .take(MOST)
        .map(|line| serde_json::from_str(line).unwrap_or_default())
        .collect();
    documents.push(Metadata::new());
    let wanted: Vec<bool> = documents.iter().map(|m| filter.matches(m)).collect();
    the_logic_holds(&text, &documents, &wanted);
    assert!(filter.fields().is_sorted());

    let collection = Collection::in_memory(None, Some(2)).expect("two dimensions");
    let ids: Vec<String> = (0..documents.len()).map(|i| format!("d{i}")).collect();
    let batch = Batch::new(&ids).metadata(documents.clone());
    if collection.add(batch).is_err() {
        // Too deep or too long for a collection; `metadata` looks at that.
        return;
    }
    let kept = |wanted: &[bool]| wanted.iter().filter(|w| **w).count();
    let count = || collection.count(&filter).expect("open");
    // The first answer makes columns, the second comes from them.
    assert_eq!((count(), count()), (kept(&wanted), kept(&wanted)));
    // Rows that go and rows that come keep the columns true.
    documents.rotate_left(1);
    let batch = Batch::new(&ids[1..]).metadata(documents[1..].to_vec());
    collection.upsert(batch).expect("documents that were here");
    collection.delete(&ids[..1]).expect("one that is here");
    let left: Vec<bool> = documents[1..].iter().map(|m| filter.matches(m)).collect();
    assert_eq!(count(), kept(&left));
    let gone = collection.delete_where(&filter).expect("open");
    assert_eq!(gone, kept(&left));
    assert_eq!(count(), 0);
    assert_eq!(collection.len().expect("open"), left.len() - gone);
}

/// What a filter is inside `$and`, `$or` and `$nor`, unless that is too deep.
fn the_logic_holds(text: &str, documents: &[Metadata], wanted: &[bool]) {
    let first = text.split('\n').next().unwrap_or_default();
    let Ok(value) = serde_json::from_str::<Value>(first) else {
        return;
    };
    let never = json!({"$nor": [{}]});
    let inside = [
        (json!({"$and": [value, {}]}), false),
        (json!({"$or": [never, value]}), false),
        (json!({"$nor": [never, value]}), true),
    ];
    for (filter, turned) in inside {
        if let Ok(filter) = Filter::parse(&filter) {
            let found = documents.iter().map(|m| filter.matches(m) != turned);
            assert!(found.eq(wanted.iter().copied()), "{first}");
        }
    }
}
