//! Runs the cases in `conformance/` of measures without a model, rewards and domains.

use rag_core::bandit::Reward;
use rag_core::caching::question_difference;
use rag_core::domain::{DomainDetector, DomainOptions};
use rag_core::evaluation::{
    AlphaNdcgOptions, alpha_ndcg, groundedness, intra_list_distance, readability,
};
use rag_core::experiment::{Experiment, ExperimentOptions, stable_hash};
use rag_core::options::OptionValue;
use rag_core::{Matrix, Result};
use serde_json::{Value, json};
use std::path::Path;

fn number(v: &Value) -> f64 {
    match v.as_str() {
        Some(text) => text.parse().expect("nan, inf or -inf"),
        None => v.as_f64().expect("a number"),
    }
}

fn numbers(v: &Value) -> Vec<f64> {
    list(v).iter().map(number).collect()
}

fn list(v: &Value) -> &[Value] {
    v.as_array().expect("a list")
}

fn texts(v: &Value) -> Vec<&str> {
    list(v).iter().map(text).collect()
}

fn text(v: &Value) -> &str {
    v.as_str().expect("text")
}

fn matrix(v: &Value) -> Matrix {
    let rows: Vec<Vec<f32>> = list(v)
        .iter()
        .map(|row| numbers(row).iter().map(|x| *x as f32).collect())
        .collect();
    let dim = rows.first().map_or(1, Vec::len);
    Matrix::from_vec(rows.concat(), dim).expect("rows")
}

fn set(options: &Value, mut set: impl FnMut(&str, &OptionValue) -> Result<()>) -> Result<()> {
    for (name, value) in options.as_object().expect("an object") {
        let value = match value {
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

fn run(operation: &str, body: impl Fn(&Value, &Value) -> Result<Value>) {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let path = root.join("conformance").join(format!("{operation}.json"));
    let file = std::fs::read_to_string(&path).expect("the case file");
    let file: Value = serde_json::from_str(&file).expect("JSON");
    let cases = list(&file["cases"]);
    assert!(cases.len() >= 10, "{operation} has {} cases", cases.len());
    for case in cases {
        let name = text(&case["name"]);
        let tolerance = number(&case["tolerance"]);
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

#[test]
fn answers_on_their_passages() {
    run("groundedness", |inputs, _| {
        let found = groundedness(text(&inputs["answer"]), &texts(&inputs["passages"]), None)?;
        let of = |value: &dyn Fn(&rag_core::evaluation::SentenceSupport) -> Value| {
            found.sentences.iter().map(value).collect::<Vec<Value>>()
        };
        Ok(json!({
            "score": found.score, "coverage": found.coverage, "k_precision": found.k_precision,
            "starts": of(&|s| json!(s.range.start)), "ends": of(&|s| json!(s.range.end)),
            "passages": of(&|s| s.passage.map_or(json!(-1), |p| json!(p))),
            "rouge_l": of(&|s| json!(s.rouge_l)), "differs": of(&|s| json!(u8::from(s.differs))),
            "scores": of(&|s| json!(s.score)),
        }))
    });
}

#[test]
fn what_tells_questions_apart() {
    run("question_difference", |inputs, _| {
        let found = question_difference(text(&inputs["a"]), text(&inputs["b"]));
        Ok(json!({"difference": found.map_or("none", |d| d.name())}))
    });
}

#[test]
fn who_gets_which_variant() {
    run("experiment_assign", |inputs, options| {
        let variants = texts(&inputs["variants"]);
        let weights = numbers(&inputs["weights"]).into_iter().map(|w| w as u64);
        let variants: Vec<(&str, u64)> = variants.into_iter().zip(weights).collect();
        let mut chosen = ExperimentOptions::default();
        for (name, value) in options.as_object().expect("an object") {
            let value = match value {
                Value::String(text) => OptionValue::Str(text.clone()),
                number => OptionValue::U64(number.as_u64().expect("a whole number")),
            };
            chosen.set(name, &value)?;
        }
        let (name, user) = (text(&inputs["name"]), text(&inputs["user"]));
        let variant = Experiment::new(name, &variants, &chosen)?.assign(user)?;
        let hash = stable_hash(name, user);
        Ok(json!({"variant": variant.as_deref().unwrap_or("none"), "hash": format!("{hash:016x}")}))
    });
}

#[test]
fn how_texts_read() {
    run("readability", |inputs, _| {
        let found = readability(text(&inputs["text"]))?;
        Ok(json!({
            "grade": found.grade, "ease": found.ease,
            "words_per_sentence": found.words_per_sentence,
            "syllables_per_word": found.syllables_per_word,
            "sentences": found.sentences, "words": found.words, "syllables": found.syllables,
        }))
    });
}

#[test]
fn variety_by_subtopics() {
    run("alpha_ndcg", |inputs, options| {
        let mut chosen = AlphaNdcgOptions::default();
        set(options, |name, value| chosen.set(name, value))?;
        let about: Vec<(&str, Vec<&str>)> = texts(&inputs["documents"])
            .into_iter()
            .zip(list(&inputs["subtopics"]).iter().map(texts))
            .collect();
        let value = alpha_ndcg(&texts(&inputs["ranking"]), &about, &chosen)?;
        Ok(json!({"value": value}))
    });
}

#[test]
fn variety_by_vectors() {
    run("intra_list_distance", |inputs, _| {
        let vectors = matrix(&inputs["vectors"]);
        Ok(json!({"value": intra_list_distance(vectors.rows())?}))
    });
}

#[test]
fn rewards() {
    run("reward", |inputs, _| {
        let pairs = |names: &str, values: &str| -> Vec<(&str, f64)> {
            let names = texts(&inputs[names]).into_iter();
            names.zip(numbers(&inputs[values])).collect()
        };
        let reward = Reward::new(&pairs("parts", "weights"), &pairs("limited", "limits"))?;
        Ok(json!({"value": reward.of(&pairs("measured", "values"))?}))
    });
}

#[test]
fn domains() {
    run("detect_domain", |inputs, options| {
        let mut chosen = DomainOptions::default();
        set(options, |name, value| chosen.set(name, value))?;
        let mut detector = DomainDetector::new(&chosen)?;
        let examples: Vec<Matrix> = list(&inputs["examples"]).iter().map(matrix).collect();
        let names = texts(&inputs["names"]).into_iter();
        let learnt: Vec<_> = names.zip(examples.iter().map(Matrix::rows)).collect();
        detector.learn(&learnt, None)?;
        let found = detector.detect_many(matrix(&inputs["at"]).rows())?;
        let of = |value: &dyn Fn(&rag_core::domain::Detection) -> Value| {
            found.iter().map(value).collect::<Vec<Value>>()
        };
        Ok(json!({
            "domains": of(&|d| json!(d.domain.clone().unwrap_or_default())),
            "probabilities": of(&|d| d.probabilities.iter().map(|(_, p)| *p).collect()),
            "none": of(&|d| json!(d.none)),
        }))
    });
}
