//! Runs the cases of the steering operations.

use rag_core::options::OptionValue;
use rag_core::steering::{
    ApplyOptions, Attribute, CalibrateOptions, FilterOptions, LearnOptions, Steering,
    SteeringVector, filter_feedback,
};
use rag_core::{Matrix, Result, Rows};
use serde_json::Value;
use std::path::Path;

fn cases(operation: &str) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance");
    let text = std::fs::read_to_string(root.join(format!("{operation}.json"))).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["operation"], operation);
    file["cases"].as_array().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        Some(other) => panic!("{other} is no number"),
        None => value.as_f64().unwrap(),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|v| v as f32).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    let all = value.as_array().unwrap().iter();
    all.map(|v| v.as_str().unwrap()).collect()
}

fn matrix(value: &Value) -> Matrix {
    let rows: Vec<Vec<f32>> = value.as_array().unwrap().iter().map(floats).collect();
    let dim = rows.first().map_or(1, Vec::len);
    Matrix::from_vec(rows.concat(), dim).unwrap()
}

fn options<T>(case: &Value, mut set: impl FnMut(&str, &OptionValue) -> Result<T>) -> Result<()> {
    for (name, value) in case["options"].as_object().unwrap() {
        let value = match value {
            Value::String(text) => OptionValue::Str(text.clone()),
            Value::Number(n) if n.is_u64() => OptionValue::U64(n.as_u64().unwrap()),
            other => OptionValue::F64(number(other)),
        };
        set(name, &value)?;
    }
    Ok(())
}

/// Runs every case; `run` gives the numbers and what they are compared with.
fn check(operation: &str, run: impl Fn(&Value) -> Result<Vec<(f64, f64)>>) {
    let cases = cases(operation);
    assert!(cases.len() >= 8);
    for case in cases {
        let name = format!("{operation}: {}", case["name"]);
        match (run(&case), case["error"].as_str()) {
            (Err(error), Some(kind)) => assert_eq!(error.kind().name(), kind, "{name}: {error}"),
            (Err(error), None) => panic!("{name}: {error}"),
            (Ok(_), Some(kind)) => panic!("{name}: expected {kind}"),
            (Ok(pairs), None) => {
                let tolerance = number(&case["tolerance"]);
                for (at, (got, want)) in pairs.iter().enumerate() {
                    let near = (got - want).abs() <= tolerance * want.abs().max(1.0);
                    assert!(near, "{name}: number {at} is {got}, expected {want}");
                }
            }
        }
    }
}

fn pair(got: &[f32], want: &Value) -> Vec<(f64, f64)> {
    // A case that expects an error has nothing to compare with.
    let Some(rows) = want.as_array() else {
        return Vec::new();
    };
    assert_eq!(got.len(), rows.len());
    // What was given as float32 is expected as float32.
    let want = rows.iter().map(|v| f64::from(number(v) as f32));
    got.iter().map(|v| f64::from(*v)).zip(want).collect()
}

fn vector(name: &str, row: &[f32], scale: f64) -> Result<SteeringVector> {
    SteeringVector::from_parts(name, row, scale, None)
}

#[test]
fn learn() {
    check("steering_learn", |case| {
        let mut o = LearnOptions::default().seed(case["seed"].as_u64().unwrap());
        options(case, |name, value| o.set(name, value))?;
        let (p, n) = (
            matrix(&case["inputs"]["positive"]),
            matrix(&case["inputs"]["negative"]),
        );
        let v = SteeringVector::learn(p.rows(), n.rows(), &o)?;
        let want = &case["want"];
        let mut pairs = pair(v.vector(), &want["vector"]);
        if let Some(e) = v.effect().filter(|_| want.is_object()) {
            let got = [e.value, e.low, e.high];
            pairs.extend(got.into_iter().zip(numbers(&want["effect"])));
            pairs.push((v.scale(), number(&want["scale"])));
        }
        Ok(pairs)
    });
}

#[test]
fn joint() {
    check("steering_joint", |case| {
        let mut o = LearnOptions::default().seed(case["seed"].as_u64().unwrap());
        options(case, |name, value| o.set(name, value))?;
        let names = texts(&case["inputs"]["names"]);
        let sets = |side: &str| -> Vec<Matrix> {
            let each = case["inputs"][side].as_array().unwrap().iter();
            each.map(matrix).collect()
        };
        let (positive, negative) = (sets("positive"), sets("negative"));
        let attributes: Vec<Attribute<'_>> = (0..names.len())
            .map(|i| Attribute {
                name: names[i],
                positive: positive[i].rows(),
                negative: (!negative[i].is_empty()).then(|| negative[i].rows()),
            })
            .collect();
        let mut set = Steering::new();
        let learnt = set.learn_joint(&attributes, &o);
        assert_eq!(set.len(), if learnt.is_ok() { names.len() } else { 0 });
        learnt?;
        let mut pairs = Vec::new();
        for (i, name) in names.into_iter().enumerate() {
            let (dial, want) = (set.get(name)?, &case["want"]);
            if want.is_object() {
                pairs.extend(pair(dial.vector(), &want["vectors"][i]));
                let e = dial.effect().unwrap();
                let effect = [e.value, e.low, e.high];
                pairs.extend(effect.into_iter().zip(numbers(&want["effects"][i])));
                pairs.push((dial.scale(), number(&want["scales"][i])));
            }
        }
        Ok(pairs)
    });
}

/// The same but for the rounding of float32.
fn near(a: &[f32], b: &[f32]) {
    let off = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    assert!(off.fold(0.0, f32::max) < 2e-6, "{a:?} {b:?}");
}

#[test]
fn apply() {
    check("steering_apply", |case| {
        let inputs = &case["inputs"];
        let mut set = Steering::new();
        let vectors = matrix(&inputs["vectors"]);
        let scales = numbers(&inputs["scales"]);
        for (i, name) in texts(&inputs["names"]).into_iter().enumerate() {
            set.insert(vector(name, vectors.row(i), scales[i])?)?;
        }
        let strengths = numbers(&inputs["strengths"]);
        let dials: Vec<(&str, f64)> = texts(&inputs["dials"]).into_iter().zip(strengths).collect();
        let query = floats(&inputs["query"]);
        let mut o = ApplyOptions::default();
        options(case, |name, value| o.set(name, value))?;
        let steered = set.apply_explained(&query, &dials, None, &o)?;
        let document: Vec<f32> = (0..query.len()).map(|i| i as f32 - 0.5).collect();
        let score: f32 = steered
            .vector
            .iter()
            .zip(&document)
            .map(|(a, b)| a * b)
            .sum();
        let split: f64 = steered.split(&document)?.iter().sum();
        let rounding = 1e-5 * (1.0 + split.abs()) * steered.norm.recip().max(1.0);
        assert!((f64::from(score) - split).abs() < rounding);
        if let [(name, strength)] = dials[..] {
            near(
                &set.get(name)?.apply_with(&query, strength, &o)?,
                &steered.vector,
            );
        }
        near(&set.apply_with(&query, &dials, None, &o)?, &steered.vector);
        Ok(pair(&steered.vector, &case["want"]["vector"]))
    });
}

#[test]
fn arithmetic() {
    check("steering_arithmetic", |case| {
        let inputs = &case["inputs"];
        let a = vector("a", &floats(&inputs["a"]), number(&inputs["scale_a"]))?;
        let b = vector("b", &floats(&inputs["b"]), number(&inputs["scale_b"]))?;
        let got = match inputs["operator"].as_str().unwrap() {
            "plus" => a.plus(&b)?,
            "minus" => a.minus(&b)?,
            "negated" => a.negated(),
            "times" => a.times(number(&inputs["factor"]))?,
            "orthogonal_to" => a.orthogonal_to(&b)?,
            other => panic!("no operator is called {other}"),
        };
        let mut pairs = pair(got.vector(), &case["want"]["vector"]);
        if case["want"].is_object() {
            pairs.push((got.scale(), number(&case["want"]["scale"])));
        }
        Ok(pairs)
    });
}

#[test]
fn orthogonalize() {
    check("steering_orthogonalize", |case| {
        let vectors = matrix(&case["inputs"]["vectors"]);
        let mut set = Steering::new();
        for i in 0..vectors.len() {
            set.insert(vector(&format!("dial {i}"), vectors.row(i), 1.0)?)?;
        }
        set.orthogonalize()?;
        let mut pairs = Vec::new();
        for (dial, want) in set
            .dials()
            .zip(case["want"]["vectors"].as_array().into_iter().flatten())
        {
            pairs.extend(pair(dial.vector(), want));
        }
        Ok(pairs)
    });
}

#[test]
fn calibrate() {
    check("steering_calibrate", |case| {
        let mut o = CalibrateOptions::default().seed(case["seed"].as_u64().unwrap());
        options(case, |name, value| o.set(name, value))?;
        let v = vector("v", &floats(&case["inputs"]["vector"]), 1.0)?;
        let documents = matrix(&case["inputs"]["documents"]);
        let got = v.calibrated(documents.rows(), &o)?.scale();
        let want = &case["want"]["scale"];
        Ok(want.as_f64().map(|w| (got, w)).into_iter().collect())
    });
}

#[test]
fn curve() {
    check("steering_curve", |case| {
        let mut o = CalibrateOptions::default().seed(case["seed"].as_u64().unwrap());
        options(case, |name, value| o.set(name, value))?;
        let inputs = &case["inputs"];
        let v = vector("v", &floats(&inputs["vector"]), number(&inputs["scale"]))?;
        let documents = matrix(&inputs["documents"]);
        let strengths = numbers(&inputs["strengths"]);
        let points = v.curve(documents.rows(), &strengths, &o)?;
        let Some(want) = case["want"].as_object() else {
            return Ok(Vec::new());
        };
        let (losses, gains) = (numbers(&want["losses"]), numbers(&want["gains"]));
        assert_eq!((points.len(), losses.len()), (strengths.len(), gains.len()));
        let mut pairs = Vec::new();
        for (i, point) in points.iter().enumerate() {
            pairs.push((point.strength, strengths[i]));
            pairs.push((point.loss, losses[i]));
            pairs.push((point.gain, gains[i]));
        }
        Ok(pairs)
    });
}

#[test]
fn feedback() {
    check("steering_feedback", |case| {
        let inputs = &case["inputs"];
        let mut set = Steering::new();
        let scales = numbers(&inputs["scales"]);
        for (i, row) in inputs["vectors"].as_array().unwrap().iter().enumerate() {
            set.insert(vector(&format!("dial {i}"), &floats(row), scales[i])?)?;
        }
        let on = number(&inputs["first_dial"]);
        let dials: Vec<(&str, f64)> = match on {
            0.0 => Vec::new(),
            _ => vec![("dial 0", on)],
        };
        let (ratings, times) = (numbers(&inputs["ratings"]), numbers(&inputs["times"]));
        for (i, rating) in ratings.into_iter().enumerate() {
            set.feedback(
                &floats(&inputs["queries"][i]),
                &floats(&inputs["items"][i]),
                rating,
                Some("ann"),
                &dials,
                Some(times[i]),
            )?;
        }
        let query = floats(&inputs["query"]);
        let got = set.apply(&query, &[], Some("ann"))?;
        assert_eq!(set.apply(&query, &[], Some("bob"))?, query);
        Ok(pair(&got, &case["want"]["vector"]))
    });
}

#[test]
fn filter() {
    check("filter_feedback", |case| {
        let mut o = FilterOptions::default();
        options(case, |name, value| o.set(name, value))?;
        let inputs = &case["inputs"];
        let (ratings, at) = (numbers(&inputs["ratings"]), numbers(&inputs["at"]));
        let users: Option<Vec<u64>> = inputs["users"]
            .as_array()
            .map(|ids| ids.iter().map(|id| id.as_u64().unwrap()).collect());
        let half_life = number(&inputs["half_life"]);
        let got = filter_feedback(&ratings, &at, users.as_deref(), half_life, &o)?;
        if case["error"].is_string() {
            return Ok(Vec::new());
        }
        let want: Vec<bool> = case["want"]["kept"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_bool().unwrap())
            .collect();
        assert_eq!(got.kept, want, "{}", case["name"]);
        let weights = numbers(&case["want"]["weights"]);
        let mut pairs: Vec<(f64, f64)> = got.weights.into_iter().zip(weights).collect();
        pairs.push((got.confidence, number(&case["want"]["confidence"])));
        let mean = number(&case["want"]["mean"]);
        assert_eq!(got.mean.is_nan(), mean.is_nan(), "{}", case["name"]);
        if !mean.is_nan() {
            pairs.push((got.mean, mean));
        }
        Ok(pairs)
    });
}

#[test]
fn rows_are_needed() {
    // No row says nothing of a dimension; the set is refused for being too small.
    let none = Rows::new(&[], 3).unwrap();
    let error = SteeringVector::learn(none, none, &LearnOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "at least 2 positive examples are needed, got 0"
    );
}
