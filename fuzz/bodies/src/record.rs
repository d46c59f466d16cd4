//! Records that a collection reads behind sound checksums: any bytes, or real ones with changes. An
//! error, or a collection that answers and can be written and opened again.

use crate::choices::Choices;
use crate::scratch::Scratch;
use rag_core::ErrorKind;
use rag_core::calibration::CalibrationOptions;
use rag_core::collection::{Batch, Collection, Mode, OpenOptions, Query};
use rag_core::evaluation::Qrels;
use rag_core::retrieval::filter::Filter;
use rag_core::steering::SteeringVector;
use rag_core::store::{Durability, Store, StoreOptions};
use serde_json::json;
use std::path::Path;
use std::sync::OnceLock;

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut records = Vec::new();
    while !choices.is_empty() && records.len() < 16 {
        records.push(record(&mut choices));
    }
    let scratch = Scratch::new("record");
    let folder = scratch.join("s");
    Store::write_new(&folder, records.into_iter()).expect("any bytes are a record");
    let options = OpenOptions::default().durability(Durability::Os);
    let read_only = Collection::open(&folder, None, &options.clone().read_only(true));
    let opened = Collection::open(&folder, None, &options);
    assert_eq!(read_only.is_ok(), opened.is_ok());
    let Ok(collection) = opened else { return };
    ask(&collection);
    let before = match held(&collection) {
        Ok(before) => before,
        Err(error) => {
            // A document is read when it is asked for.
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            let _ = collection.checkpoint().and_then(|()| collection.compact());
            return ask(&collection);
        }
    };
    let held = |collection: &Collection| held(collection).expect("it could be read");
    assert_eq!(held(&read_only.expect("as much as the other")), before);
    collection
        .checkpoint()
        .expect("what was read can be written");
    drop(collection);
    let collection = Collection::open(&folder, None, &options).expect("written by the library");
    assert_eq!(held(&collection), before);
    collection.compact().expect("what was read can be written");
    ask(&collection);
    assert_eq!(held(&collection), before);
}

/// Documents in the order of their ids, and dials. Vectors that are not of unit length were never
/// written by the library, and are not compared.
fn held(collection: &Collection) -> rag_core::Result<(Vec<String>, Vec<u8>)> {
    let mut ids = collection.ids()?;
    ids.sort_unstable();
    let text = collection.get(&ids)?.into_iter().map(|document| {
        let document = document.expect("its id is here");
        let has_vector = document.vector.is_some();
        let (id, text, metadata) = (document.id, document.text, document.metadata);
        format!("{id} {text:?} {metadata:?} {has_vector}")
    });
    let dials = collection.steering().to_steering()?;
    Ok((text.collect(), dials.to_bytes()))
}

/// Any question may be answered or refused.
fn ask(collection: &Collection) {
    let filter = Filter::parse(&json!({"a": {"$gte": 1}})).expect("a filter");
    let _ = collection.verify().expect("the files are sound");
    let _ = collection.stats().expect("open");
    let _ = collection.count(&filter);
    let dim = collection.dim().expect("open").unwrap_or(2);
    for mode in [Mode::Hybrid, Mode::Dense, Mode::Lexical] {
        let query = Query::text("moon iron")
            .with_vector(vec![0.5; dim])
            .mode(mode);
        for query in [
            query.clone(),
            query.filter(filter.clone()).user("u").steer("d", 0.5),
        ] {
            if let Ok(hits) = collection.search(&query) {
                assert!(hits.len() <= collection.len().expect("open"));
            }
        }
    }
}

/// One record: any bytes, or a real one as it is, or with changes.
fn record(choices: &mut Choices<'_>) -> Vec<u8> {
    let what = choices.byte();
    if what.is_multiple_of(8) {
        let n = choices.below(200);
        return choices.bytes(n).to_vec();
    }
    let mut record = choices.pick(real()).clone();
    for _ in 0..[0, 0, 1, 1, 2, 3, 5, 8][what / 8 % 8] {
        let at = choices.below(record.len() + 1);
        match choices.byte() % 6 {
            0 => record.truncate(at),
            1 => {
                let n = choices.below(16);
                let new = choices.bytes(n).to_vec();
                record.splice(at..at, new);
            }
            2 => {
                let end = (at + choices.below(16)).min(record.len());
                drop(record.drain(at..end));
            }
            3 => {
                let special = [f32::NAN, f32::INFINITY, f32::MAX, 1e-40, 0.0];
                let bits = choices.pick(&special).to_le_bytes();
                record
                    .iter_mut()
                    .skip(at)
                    .zip(bits)
                    .for_each(|(byte, new)| *byte = new);
            }
            4 => {
                let number = [0, 1, u32::MAX, 1 << 16, 1 << 31][choices.below(5)].to_le_bytes();
                record
                    .iter_mut()
                    .skip(at)
                    .zip(number)
                    .for_each(|(byte, new)| *byte = new);
            }
            _ => {
                let new = choices.byte() as u8;
                record
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte = new);
            }
        }
    }
    record
}

/// Records of every kind, as the library writes them.
fn real() -> &'static [Vec<u8>] {
    static MADE: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    MADE.get_or_init(|| {
        let scratch = Scratch::new("record-real");
        let mut all = records_of(&scratch.join("own"), own_vectors);
        all.extend(records_of(&scratch.join("built-in"), embedded));
        all
    })
}

fn own_vectors(path: &Path) -> rag_core::Result<()> {
    let collection = Collection::open(path, None, &OpenOptions::default().dim(Some(2)))?;
    let metadata = [json!({"a": 1, "tags": ["x", null]}), json!({"a": 2.5})];
    let metadata = metadata
        .iter()
        .map(|m| m.as_object().expect("an object").clone());
    let batch = Batch::new(["d1", "d2"])
        .texts(["moon salt", "iron iron rust"])
        .vectors(&[1.0, 0.0, 0.6, 0.8], 2)?
        .metadata(metadata.collect());
    collection.add(batch)?;
    collection.add(Batch::new(["d3"]))?;
    collection.delete(&["d1"])?;
    let steering = collection.steering();
    steering.insert(SteeringVector::from_parts("d", &[0.0, 1.0], 0.5, None)?)?;
    steering.feedback(
        &[1.0, 0.0],
        &[0.6, 0.8],
        0.75,
        Some("u"),
        &[("d", 0.5)],
        Some(1e9),
    )
}

fn embedded(path: &Path) -> rag_core::Result<()> {
    let collection = Collection::open(path, None, &OpenOptions::default())?;
    let texts = [
        "the moon pulls the sea",
        "yeast makes dough rise",
        "the bank lends money",
    ];
    collection.add(Batch::new(["tides", "yeast", "loans"]).texts(texts))?;
    let ask = |text: &str| Query::text(text).mode(Mode::Dense);
    let queries = [
        ("q1", ask("the moon")),
        ("q2", ask("the dough")),
        ("q3", ask("the bank")),
    ];
    let qrels = Qrels::new()
        .with("q1", [("tides", 1.0)])?
        .with("q2", [("yeast", 1.0)])?
        .with("q3", [("loans", 1.0)])?;
    collection.calibrate(&queries, &qrels, &CalibrationOptions::default())?;
    collection.clear_calibration()?;
    Ok(())
}

fn records_of(path: &Path, make: fn(&Path) -> rag_core::Result<()>) -> Vec<Vec<u8>> {
    make(path).expect("a folder of its own");
    let mut records = Vec::new();
    let options = StoreOptions::default().read_only(true);
    let opened = Store::open(path, &options, |record| {
        records.push(record.to_vec());
        Ok(())
    });
    opened.expect("just written");
    records
}
