//! The conformance cases of the collection.

use rag_core::bandit::{Arms, Bandit, BanditOptions};
use rag_core::calibration::CalibrationOptions;
use rag_core::collection::{
    Batch, Collection, DomainOf, Hit, Metadata, Query, Removal, SearchOptions, ShardRequest, Tuner,
    shard_of,
};
use rag_core::evaluation::Qrels;
use rag_core::options::OptionValue;
use rag_core::retrieval::filter::Filter;
use rag_core::{Error, Result};
use serde_json::Value;
use std::sync::Mutex;

fn cases(operation: &str) -> Vec<Value> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/");
    let text = std::fs::read_to_string(format!("{root}{operation}.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn strings(value: &Value) -> Option<Vec<String>> {
    let items = value.as_array()?.iter();
    Some(items.map(|v| v.as_str().unwrap().to_owned()).collect())
}

fn float(value: &Value) -> f32 {
    match value.as_str() {
        Some(text) => text.parse().unwrap(),
        None => value.as_f64().unwrap() as f32,
    }
}

fn floats(value: &Value) -> Option<Vec<f32>> {
    Some(value.as_array()?.iter().map(float).collect())
}

fn filter(value: &Value) -> Result<Option<Filter>> {
    value.as_str().map(Filter::from_json).transpose()
}

/// The batch that the inputs with this prefix (`""` or `more_`) describe.
fn batch(inputs: &Value, prefix: &str) -> Result<Batch> {
    let of = |name: &str| &inputs[format!("{prefix}{name}")];
    let mut batch = Batch::new(strings(of("ids")).unwrap());
    if let Some(texts) = strings(of("texts")) {
        batch = batch.texts(texts);
    }
    if let Some(metadata) = strings(of("metadata")) {
        let parse = |text: &String| serde_json::from_str::<Metadata>(text).unwrap();
        batch = batch.metadata(metadata.iter().map(parse).collect());
    }
    let rows = of("vectors").as_array().unwrap();
    let data: Vec<f32> = rows.iter().flat_map(|row| floats(row).unwrap()).collect();
    match rows.first() {
        Some(row) => batch.vectors(&data, row.as_array().unwrap().len()),
        None => Ok(batch),
    }
}

fn filled(inputs: &Value) -> Collection {
    let dim = inputs["vectors"][0].as_array().unwrap().len();
    let collection = Collection::in_memory(None, Some(dim)).unwrap();
    collection.add(batch(inputs, "").unwrap()).unwrap();
    collection
}

fn each(options: &Value, mut set: impl FnMut(&str, &OptionValue) -> Result<()>) -> Result<()> {
    for (name, value) in options.as_object().unwrap() {
        let value = match value {
            Value::String(text) => OptionValue::Str(text.clone()),
            Value::Number(n) if n.is_u64() => OptionValue::U64(n.as_u64().unwrap()),
            other => OptionValue::F64(other.as_f64().unwrap()),
        };
        set(name, &value)?;
    }
    Ok(())
}

fn options(given: &Value) -> Result<SearchOptions> {
    let mut options = SearchOptions::default();
    each(given, |name, value| options.set(name, value))?;
    Ok(options)
}

fn check<T>(case: &Value, result: Result<T>, good: impl FnOnce(T)) {
    let name = case["name"].as_str().unwrap();
    match (case["error"].as_str(), result) {
        (None, Ok(value)) => good(value),
        (Some(kind), Err(error)) => assert_eq!(error.kind().name(), kind, "{name}: {error}"),
        (None, Err(error)) => panic!("{name}: {error}"),
        (Some(kind), Ok(_)) => panic!("{name}: no error where {kind} was due"),
    }
}

/// The hits of three shards that hold the documents together.
fn in_shards(inputs: &Value, query: &Query) -> Result<Vec<Hit>> {
    let shards = [0, 1, 2].map(|shard| {
        let collection = filled(inputs);
        let mut ids = collection.ids().unwrap();
        ids.retain(|id| shard_of(id, 3).unwrap() != shard);
        collection.delete(&ids).unwrap();
        collection
    });
    let mut request = ShardRequest::new(std::slice::from_ref(query), None, None)?;
    let told = shards.iter().map(|shard| shard.shard_statistics(&request));
    request.set_statistics(&told.collect::<Result<Vec<_>>>()?)?;
    let found = shards.iter().map(|shard| shard.search_shard(&request));
    let mut merged = request.merge(&found.collect::<Result<Vec<_>>>()?, None)?;
    Ok(merged.remove(0))
}

#[test]
fn collection_search() {
    for case in cases("collection_search") {
        let inputs = &case["inputs"];
        let collection = filled(inputs);
        let ask = || {
            let query = Query {
                text: inputs["query"].as_str().map(str::to_owned),
                vector: floats(&inputs["vector"]),
                filter: filter(&inputs["filter"])?,
                options: options(&case["options"])?,
                ..Query::default()
            };
            let hits = collection.search(&query)?;
            assert_eq!(in_shards(inputs, &query)?, hits, "{}", case["name"]);
            Ok(hits)
        };
        check(&case, ask(), |hits| {
            let ids: Vec<&str> = hits.iter().map(|h| h.id.as_str()).collect();
            let want = strings(&case["want"]["ids"]).unwrap();
            assert_eq!(ids, want, "{}", case["name"]);
            let scores = floats(&case["want"]["scores"]).unwrap();
            for (hit, score) in hits.iter().zip(scores) {
                let gap = (hit.score - score).abs();
                assert!(gap <= float(&case["tolerance"]), "{}: {gap}", case["name"]);
            }
        });
    }
}

#[test]
fn collection_calibrate() {
    for case in cases("collection_calibrate") {
        let inputs = &case["inputs"];
        let collection = filled(inputs);
        let (texts, vectors) = (&inputs["query_texts"], &inputs["query_vectors"]);
        let query = |text: &Value, vector: &Value, with: &Value| -> Result<Query> {
            let query = Query::text(text.as_str().unwrap()).with_vector(floats(vector).unwrap());
            Ok(query.options(options(with)?))
        };
        let ask = || {
            let ids = strings(&inputs["query_ids"]).unwrap().into_iter();
            let asked = ids.enumerate().map(|(i, id)| {
                let query = query(&texts[i], &vectors[i], &inputs["search"])?;
                Ok((id, query))
            });
            let asked: Vec<(String, Query)> = asked.collect::<Result<_>>()?;
            let mut qrels = Qrels::new();
            for (i, id) in strings(&inputs["queries"]).unwrap().into_iter().enumerate() {
                let documents = strings(&inputs["documents"][i]).unwrap().into_iter();
                let grades = inputs["grades"][i].as_array().unwrap().iter();
                qrels.add(id, documents.zip(grades.map(|g| g.as_f64().unwrap())))?;
            }
            let mut chosen = CalibrationOptions::default();
            each(&case["options"], |name, value| chosen.set(name, value))?;
            collection.calibrate(&asked, &qrels, &chosen)?;
            collection.search(&query(&inputs["query"], &inputs["vector"], &inputs["ask"])?)
        };
        check(&case, ask(), |hits| {
            let name = &case["name"];
            let ids: Vec<&str> = hits.iter().map(|h| h.id.as_str()).collect();
            assert_eq!(ids, strings(&case["want"]["ids"]).unwrap(), "{name}");
            let scores = floats(&case["want"]["scores"]).unwrap();
            let relevance = floats(&case["want"]["relevance"]).unwrap();
            for (hit, (score, told)) in hits.iter().zip(scores.into_iter().zip(relevance)) {
                let gap = (hit.score - score)
                    .abs()
                    .max((hit.relevance.unwrap() - told).abs());
                assert!(gap <= float(&case["tolerance"]), "{name}: {gap}");
            }
        });
    }
}

#[test]
fn collection_write() {
    for case in cases("collection_write") {
        let inputs = &case["inputs"];
        let collection = filled(inputs);
        let done: Result<()> = (|| match inputs["verb"].as_str().unwrap() {
            "add" => collection.add(batch(inputs, "more_")?),
            "upsert" => collection.upsert(batch(inputs, "more_")?),
            "delete" => collection
                .delete(&strings(&inputs["more_ids"]).unwrap())
                .map(drop),
            "delete_where" => {
                let filter = filter(&inputs["filter"])?.ok_or_else(|| Error::invalid("none"))?;
                collection.delete_where(&filter).map(drop)
            }
            "replace" => {
                let removed = match filter(&inputs["filter"])? {
                    Some(filter) => Removal::from(filter),
                    None => Removal::from(&strings(&inputs["removed"]).unwrap()[..]),
                };
                collection
                    .replace(removed, batch(inputs, "more_")?)
                    .map(drop)
            }
            verb => panic!("no verb is called {verb}"),
        })();
        let refused = done.is_err();
        check(&case, done, |()| {
            let want = strings(&case["want"]["ids"]).unwrap();
            assert_eq!(collection.ids().unwrap(), want, "{}", case["name"]);
        });
        if refused {
            assert_eq!(collection.ids().unwrap(), ["a", "b"], "{}", case["name"]);
        }
    }
}

#[test]
fn collection_tune() {
    for case in cases("collection_tune") {
        let inputs = &case["inputs"];
        let collection = filled(inputs);
        let pay = || {
            let query = Query::text(inputs["query"].as_str().unwrap())
                .with_vector(floats(&inputs["vector"]).unwrap())
                .options(options(&case["options"])?);
            let query = Query {
                filter: filter(&inputs["filter"])?,
                ..query
            };
            let reals = |name: &str| -> Vec<f64> {
                let list = inputs[name].as_array().unwrap().iter();
                list.map(|x| x.as_f64().unwrap()).collect()
            };
            let seeded = BanditOptions::default().seed(Some(1));
            let bandit = Bandit::new(Arms::Values(reals("arms")), &seeded)?;
            let ids = strings(&inputs["relevant"]).unwrap();
            let judged = ids.iter().map(String::as_str).zip(reals("grades"));
            let judged: Vec<(&str, f64)> = judged.collect();
            // One that lives in the collection earns the same.
            collection.bandits().insert("kept", &bandit)?;
            let kept = collection.bandits().tuner("kept")?;
            let alone = Mutex::new(bandit);
            let paid = [&alone as &dyn Tuner, &kept].map(|bandit| {
                let asked = std::slice::from_ref(&query);
                let tuned = collection.search_tuned(asked, bandit, DomainOf::General)?;
                let paid = collection.reward_relevant(&tuned[0], bandit, &judged)?;
                Ok((tuned[0].choice.arm, paid))
            });
            let [alone, kept]: [Result<(usize, Vec<f64>)>; 2] = paid;
            let (alone, kept) = (alone?, kept?);
            assert_eq!(alone, kept, "{}", case["name"]);
            Ok(alone.1)
        };
        check(&case, pay(), |rewards| {
            let want = case["want"]["rewards"].as_array().unwrap();
            assert_eq!(rewards.len(), want.len(), "{}", case["name"]);
            for (got, want) in rewards.iter().zip(want) {
                let gap = (got - want.as_f64().unwrap()).abs();
                assert!(gap <= 1e-6, "{}: {got} {want}", case["name"]);
            }
        });
    }
}
