//! The cases of dense search, filters, rank fusion and diversity.

use rag_core::options::OptionValue;
use rag_core::retrieval::dense::{DenseIndex, DenseOptions, DenseSearchOptions};
use rag_core::retrieval::diversity::{MmrOptions, mmr};
use rag_core::retrieval::filter::Filter;
use rag_core::retrieval::fusion::{FuseOptions, fuse};
use rag_core::{Progress, Result, Rows};
use serde_json::{Value, json};

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some(text) => text.parse().expect("nan, inf or -inf"),
        None => value.as_f64().expect("a number"),
    }
}

fn floats(value: &Value) -> Vec<f32> {
    let items = value.as_array().expect("a list").iter();
    items.map(|x| number(x) as f32).collect()
}

fn keys(value: &Value) -> Vec<u64> {
    let items = value.as_array().expect("a list").iter();
    items.map(|x| x.as_u64().expect("a key")).collect()
}

/// The floats of a matrix and its dimension; an empty one has the dimension `empty`.
fn matrix(value: &Value, empty: usize) -> (Vec<f32>, usize) {
    let rows: Vec<Vec<f32>> = value.as_array().unwrap().iter().map(floats).collect();
    let dim = rows.first().map_or(empty, Vec::len);
    (rows.concat(), dim)
}

fn set_all(case: &Value, mut set: impl FnMut(&str, &OptionValue) -> Result<()>) -> Result<()> {
    for (name, value) in case["options"].as_object().unwrap() {
        let value = match value {
            Value::String(text) if text != "nan" => OptionValue::Str(text.clone()),
            Value::Bool(b) => OptionValue::Bool(*b),
            Value::Number(n) if n.is_u64() => OptionValue::U64(n.as_u64().unwrap()),
            other => OptionValue::F64(number(other)),
        };
        set(name, &value)?;
    }
    Ok(())
}

fn close(got: &Value, want: &Value, tolerance: f64) -> bool {
    match (got, want) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(a, b, tolerance))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(k, v): (&String, &Value)| a.get(k).is_some_and(|x| close(x, v, tolerance));
            a.len() == b.len() && b.iter().all(same)
        }
        (Value::Number(a), Value::Number(b)) if a.is_u64() && b.is_u64() => a == b,
        (Value::Number(a), Value::Number(b)) => {
            (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() <= tolerance
        }
        _ => got == want,
    }
}

fn run(text: &str, operation: &str, verb: impl Fn(&Value, &Value) -> Result<Value>) {
    let page: Value = serde_json::from_str(text).unwrap();
    assert_eq!(page["operation"], operation);
    for case in page["cases"].as_array().unwrap() {
        let name = &case["name"];
        match (verb(&case["inputs"], case), case.get("error")) {
            (Ok(got), None) => {
                let tolerance = case["tolerance"].as_f64().unwrap();
                let want = &case["want"];
                assert!(
                    close(&got, want, tolerance),
                    "{name}: got {got}, want {want}"
                );
            }
            (Err(error), Some(kind)) => {
                assert_eq!(error.kind().name(), kind, "{name}: {error}");
            }
            (Ok(got), Some(kind)) => panic!("{name}: got {got}, want the error {kind}"),
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn dense_search() {
    let text = include_str!("../../conformance/dense_search.json");
    run(text, "dense_search", |inputs, case| {
        let mut options = DenseOptions::default();
        set_all(case, |name, value| options.set(name, value))?;
        let (vectors, dim) = matrix(&inputs["vectors"], 1);
        let index = DenseIndex::new(dim, &options)?;
        index.add(&keys(&inputs["keys"]), Rows::new(&vectors, dim)?)?;
        if let Some(remove) = inputs.get("remove") {
            index.remove(&keys(remove))?;
        }
        let (queries, dim) = matrix(&inputs["queries"], dim);
        let k = inputs["k"].as_u64().unwrap() as usize;
        let filter = inputs.get("filter").map(keys);
        let hits = index.search(
            Rows::new(&queries, dim)?,
            k,
            &DenseSearchOptions::default(),
            filter.as_deref(),
            &mut Progress::none(),
        )?;
        let show = |s: &f32| match s.is_finite() {
            true => json!(f64::from(*s)),
            false => json!("-inf"),
        };
        let scores = hits
            .scores
            .chunks(k)
            .map(|row| row.iter().map(show).collect());
        Ok(json!({
            "keys": hits.keys.chunks(k).collect::<Vec<_>>(),
            "scores": scores.collect::<Vec<Vec<Value>>>(),
        }))
    });
}

#[test]
fn filter_match() {
    let text = include_str!("../../conformance/filter_match.json");
    run(text, "filter_match", |inputs, _| {
        let filter = Filter::from_json(inputs["filter"].as_str().unwrap())?;
        let documents = inputs["documents"].as_array().unwrap().iter();
        let matches = documents.enumerate().filter_map(|(i, document)| {
            let document: Value = serde_json::from_str(document.as_str().unwrap()).unwrap();
            filter.matches(document.as_object().unwrap()).then_some(i)
        });
        Ok(json!({ "matches": matches.collect::<Vec<_>>() }))
    });
}

#[test]
fn rrf_fuse() {
    let text = include_str!("../../conformance/rrf_fuse.json");
    run(text, "rrf_fuse", |inputs, case| {
        let mut options = FuseOptions::default();
        set_all(case, |name, value| options.set(name, value))?;
        let rankings: Vec<Vec<u64>> = inputs["rankings"]
            .as_array()
            .unwrap()
            .iter()
            .map(keys)
            .collect();
        let views: Vec<&[u64]> = rankings.iter().map(Vec::as_slice).collect();
        let (ids, scores): (Vec<u64>, Vec<f32>) = fuse(&views, &options)?.into_iter().unzip();
        Ok(json!({"ids": ids, "scores": scores}))
    });
}

#[test]
fn mmr_order() {
    let text = include_str!("../../conformance/mmr.json");
    run(text, "mmr", |inputs, case| {
        let mut options = MmrOptions::default();
        set_all(case, |name, value| options.set(name, value))?;
        let (vectors, dim) = matrix(&inputs["vectors"], 1);
        let k = inputs["k"].as_u64().unwrap() as usize;
        let relevance = floats(&inputs["relevance"]);
        let order = mmr(&relevance, Rows::new(&vectors, dim)?, k, &options)?;
        Ok(json!({ "order": order }))
    });
}
