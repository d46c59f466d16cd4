//! Any bytes as the metadata of a document, through every door and back: the same value, byte for
//! byte as JSON, or an error that says why not.

use crate::choices::Choices;
use crate::scratch::Scratch;
use rag_core::ErrorKind;
use rag_core::collection::{
    Batch, Collection, MAX_METADATA_BYTES, MAX_METADATA_DEPTH, Metadata, OpenOptions,
};
use rag_core::retrieval::filter::{Filter, MAX_DEPTH, MAX_NODES};
use rag_core::store::Durability;
use serde_json::{Value, json};

pub(crate) fn run(data: &[u8]) {
    let metadata = match data.first() {
        None | Some(b'{' | b' ' | b'\n') => match serde_json::from_slice::<Metadata>(data) {
            Ok(metadata) => metadata,
            Err(_) => return,
        },
        // Most bytes are no JSON, so others decide what is made.
        Some(_) => object(&mut Choices::new(data), 0),
    };
    let text = serde_json::to_string(&metadata).expect("what was JSON can be written");
    // The object itself is a level, and so is what stands innermost.
    let depth = 1 + metadata.values().map(depth).max().unwrap_or(0);
    let good = depth <= MAX_METADATA_DEPTH && text.len() <= MAX_METADATA_BYTES;

    let scratch = Scratch::new("metadata");
    let path = scratch.join("store");
    let options = OpenOptions::default().durability(Durability::Os);
    let open = || Collection::open(&path, None, &options).expect("a folder of its own");
    let collection = open();
    let batch = |id: &str| Batch::new([id]).metadata(vec![metadata.clone()]);
    match collection.add(batch("a")) {
        Ok(()) => assert!(good, "{depth} levels, {} bytes", text.len()),
        Err(error) => {
            assert!(
                !good && error.kind() == ErrorKind::InvalidArgument,
                "{error}"
            );
            assert_eq!(collection.len().expect("open"), 0);
            return;
        }
    }
    collection
        .upsert(batch("b"))
        .expect("what can be added can be put");
    assert_same(&collection, &metadata, &text);
    assert_found(&collection, &metadata);
    drop(collection);
    let collection = open();
    assert_same(&collection, &metadata, &text);
    collection.compact().expect("a store that can be written");
    drop(collection);
    let collection = open();
    assert_same(&collection, &metadata, &text);
    assert!(collection.verify().expect("open").ok());
}

/// An object whose fields the input chooses.
fn object(choices: &mut Choices<'_>, level: usize) -> Metadata {
    let fields = 0..choices.below(6);
    fields
        .map(|_| (name(choices), value(choices, level + 1)))
        .collect()
}

fn name(choices: &mut Choices<'_>) -> String {
    match choices.below(8) {
        0 => text(choices),
        1 => choices
            .pick(&["", "$eq", "a.b", "0", "a\0", "\u{10ffff}"])
            .to_string(),
        _ => choices.pick(&["a", "b", "c", "d", "e", "year"]).to_string(),
    }
}

fn text(choices: &mut Choices<'_>) -> String {
    let n = choices.below(12);
    String::from_utf8_lossy(choices.bytes(n)).into_owned()
}

fn value(choices: &mut Choices<'_>, level: usize) -> Value {
    match choices.below(16) {
        0 => Value::Null,
        1 => json!(choices.once_in(2)),
        2 => json!(choices.u32()),
        3 => json!(u64::MAX - choices.byte() as u64),
        4 => json!(i64::MIN + choices.byte() as i64),
        5 => json!((1u64 << 53) + choices.byte() as u64),
        6 => json!(((1u64 << 53) + choices.byte() as u64) as f64),
        7 => json!(f64::from(f32::from_bits(choices.u32()))),
        8 => {
            let bits = u64::from(choices.u32()) << 32 | u64::from(choices.u32());
            json!(f64::from_bits(bits))
        }
        9 => choices
            .pick(&[json!(-0.0), json!(0.0), json!(0), json!(1.0), json!(1)])
            .clone(),
        10 => json!(text(choices)),
        11 if choices.once_in(16) => json!("x".repeat(choices.below(40) << 15)),
        11 => json!(choices.pick(&["", "x", "\0", "\u{e4}\u{1f600}", "\\\"\n", "a.b"])),
        12 => {
            // A few dozen levels, so that the limit is near.
            let (mut made, levels) = (Value::Null, choices.below(70));
            for _ in 0..levels {
                made = if choices.once_in(2) {
                    json!({"a": made})
                } else {
                    json!([made])
                };
            }
            made
        }
        _ if level > 40 => Value::Null,
        13 => Value::Object(object(choices, level)),
        _ => (0..choices.below(6))
            .map(|_| value(choices, level + 1))
            .collect(),
    }
}

fn depth(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(fields) => fields.values().map(nodes).sum(),
        _ => 0,
    }
}

fn assert_same(collection: &Collection, metadata: &Metadata, text: &str) {
    for document in collection.get(&["a", "b"]).expect("open") {
        let held = document.expect("it was added").metadata;
        assert_eq!(&held, metadata);
        // Text too: it tells -0.0 from 0.0, and 1 from 1.0.
        assert_eq!(serde_json::to_string(&held).expect("a JSON object"), text);
    }
}

/// Every field is found by what stands in it.
fn assert_found(collection: &Collection, metadata: &Metadata) {
    let is_step = |name: &str| !name.is_empty() && !name.starts_with('$') && !name.contains('.');
    for (name, value) in metadata.iter().filter(|(name, _)| is_step(name)).take(16) {
        if depth(value) + 4 > MAX_DEPTH || nodes(value) + 4 > MAX_NODES {
            continue;
        }
        let matches = |filter: Value| {
            let filter = Filter::parse(&filter).expect("a filter of the usual form");
            let kept = collection.count(&filter).expect("open");
            assert_eq!(kept > 0, filter.matches(metadata));
            kept == 2
        };
        assert!(matches(json!({name: {"$eq": value}})), "{name}");
        assert!(matches(json!({name: {"$in": [value]}})), "{name}");
        assert!(matches(json!({name: {"$exists": true}})), "{name}");
        assert!(!matches(json!({name: {"$ne": value}})), "{name}");
        assert!(!matches(json!({name: {"$nin": ["no", value]}})), "{name}");
        if !value.is_array() && !value.is_object() {
            assert!(
                matches(json!({name: {"$gte": value, "$lte": value}})),
                "{name}"
            );
            assert!(!matches(json!({name: {"$gt": value}})), "{name}");
        }
    }
}
