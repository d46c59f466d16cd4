//! Runs the cases in `conformance/` that belong to evaluation and calibration.

use rag_core::Result;
use rag_core::calibration::{Calibration, CalibrationOptions};
use rag_core::evaluation::{CompareOptions, EvaluateOptions, Qrels, Run, compare_runs, evaluate};
use rag_core::options::OptionValue;
use serde_json::{Map, Value, json};
use std::path::Path;

fn number(v: &Value) -> f64 {
    match v.as_str() {
        Some(text) => text.parse().expect("nan, inf or -inf"),
        None => v.as_f64().expect("a number"),
    }
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().expect("a list").iter().map(number).collect()
}

fn texts(v: &Value) -> Vec<&str> {
    let list = v.as_array().expect("a list");
    list.iter().map(|x| x.as_str().expect("text")).collect()
}

fn rows(v: &Value) -> &[Value] {
    v.as_array().expect("a list")
}

/// Options by name, as a case has them.
fn set(options: &Value, mut set: impl FnMut(&str, &OptionValue) -> Result<()>) -> Result<()> {
    for (name, value) in options.as_object().expect("an object") {
        let value = match value {
            Value::Bool(v) => OptionValue::Bool(*v),
            Value::String(v) if v != "nan" => OptionValue::Str(v.clone()),
            v if v.is_u64() => OptionValue::U64(v.as_u64().unwrap()),
            v => OptionValue::F64(number(v)),
        };
        set(name, &value)?;
    }
    Ok(())
}

fn agree(got: &Value, want: &Value, tolerance: f64) -> bool {
    match (got, want) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| agree(x, y, tolerance))
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= tolerance * (1.0 + b.abs())
        }
        _ => got == want,
    }
}

/// A number as the case files write it.
fn written(x: f64) -> Value {
    match x {
        x if x == f64::INFINITY => json!("inf"),
        x if x == f64::NEG_INFINITY => json!("-inf"),
        x => json!(x),
    }
}

fn run(operation: &str, body: impl Fn(&Value, &Value) -> Result<Value>) {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let path = root.join("conformance").join(format!("{operation}.json"));
    let text = std::fs::read_to_string(&path).expect("the case file");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() >= 10, "{operation} has {} cases", cases.len());
    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let tolerance = case["tolerance"].as_f64().expect("a tolerance");
        match (body(&case["inputs"], &case["options"]), case.get("error")) {
            (Err(e), Some(kind)) => assert_eq!(e.kind().name(), kind, "{operation}: {name}"),
            (Ok(got), None) => {
                for (field, want) in case["want"].as_object().expect("an object") {
                    let got = &got[field];
                    let good = agree(got, want, tolerance);
                    assert!(good, "{operation}: {name}: {field}: got {got}, want {want}");
                }
            }
            (got, want) => panic!("{operation}: {name}: got {got:?}, want error {want:?}"),
        }
    }
}

fn judgements(inputs: &Value) -> Result<Qrels<'_>> {
    let mut qrels = Qrels::new();
    let lists = rows(&inputs["documents"])
        .iter()
        .zip(rows(&inputs["grades"]));
    for (query, (documents, grades)) in texts(&inputs["queries"]).into_iter().zip(lists) {
        qrels.add(query, texts(documents).into_iter().zip(numbers(grades)))?;
    }
    Ok(qrels)
}

fn ranked<'a>(inputs: &'a Value, queries: &str, rankings: &str) -> Result<Run<'a>> {
    let mut run = Run::new();
    let lists = texts(&inputs[queries])
        .into_iter()
        .zip(rows(&inputs[rankings]));
    for (i, (query, documents)) in lists.enumerate() {
        match inputs.get("scores") {
            None => run.add(query, texts(documents))?,
            Some(scores) => {
                let scores = numbers(&scores[i]);
                run.add_scores(query, texts(documents).into_iter().zip(scores))?;
            }
        }
    }
    Ok(run)
}

#[test]
fn evaluations() {
    run("evaluate", |inputs, options| {
        let mut chosen = EvaluateOptions::default();
        set(options, |name, value| chosen.set(name, value))?;
        let qrels = judgements(inputs)?;
        let run = ranked(inputs, "run_queries", "rankings")?;
        let found = evaluate(&run, &qrels, &texts(&inputs["metrics"]), &chosen)?;
        let mut fields = Map::new();
        let mut columns = vec![Vec::new(); 4];
        for metric in found.metrics().iter().map(ToString::to_string) {
            let e = found.estimate(&metric)?;
            columns[0].push(written(e.value));
            columns[1].push(written(e.low));
            columns[2].push(written(e.high));
            columns[3].push(json!(found.per_query(&metric)?));
        }
        for (name, column) in ["value", "low", "high", "per_query"].iter().zip(columns) {
            fields.insert((*name).into(), column.into());
        }
        let counts = found.counts();
        assert_eq!(counts.queries, found.queries().len());
        fields.insert("queries".into(), json!(found.queries()));
        fields.insert("without_relevant".into(), json!(counts.without_relevant));
        fields.insert("missing".into(), json!(counts.missing));
        fields.insert("unjudged".into(), json!(counts.unjudged));
        Ok(fields.into())
    });
}

#[test]
fn comparisons() {
    run("compare_runs", |inputs, options| {
        let mut chosen = CompareOptions::default();
        set(options, |name, value| chosen.set(name, value))?;
        let qrels = judgements(inputs)?;
        let a = ranked(inputs, "run_queries", "rankings")?;
        let b = ranked(inputs, "other_queries", "other_rankings")?;
        let metric = inputs["metric"].as_str().expect("a name");
        let found = compare_runs(&a, &b, &qrels, metric, &chosen)?;
        let difference = found.difference;
        Ok(json!({
            "a": found.a, "b": found.b, "difference": difference.value,
            "low": written(difference.low), "high": written(difference.high),
            "p_value": found.p_value, "queries": found.queries, "wins": found.wins,
            "ties": found.ties, "losses": found.losses,
        }))
    });
}

#[test]
fn calibrations() {
    run("calibrate", |inputs, options| {
        let mut chosen = CalibrationOptions::default();
        set(options, |name, value| chosen.set(name, value))?;
        let (scores, relevant) = (numbers(&inputs["scores"]), numbers(&inputs["relevant"]));
        let weights = inputs.get("weights").map(numbers);
        let fitted = Calibration::fit(&scores, &relevant, weights.as_deref(), &chosen)?;
        let report = fitted.report();
        Ok(json!({
            "probabilities": fitted.predict_many(&numbers(&inputs["at"]))?,
            "method": report.method.name(), "pairs": report.pairs,
            "positives": report.positives, "negatives": report.negatives,
        }))
    });
}
