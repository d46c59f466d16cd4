//! Runs the cases in `conformance/` that belong to the bandit.

use rag_core::Result;
use rag_core::bandit::{
    Arms, Bandit, BanditOptions, Estimate, Evaluation, Knob, LogEntry, Policy, ValueEstimate,
};
use rag_core::options::OptionValue;
use serde_json::Value;

fn number(v: &Value) -> f64 {
    match v.as_str() {
        Some(text) => text.parse().expect("nan, inf or -inf"),
        None => v.as_f64().expect("a number"),
    }
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().expect("a list").iter().map(number).collect()
}

fn indices(v: &Value) -> Vec<usize> {
    numbers(v).into_iter().map(|x| x as usize).collect()
}

fn close(got: f64, want: f64, tolerance: f64) -> bool {
    got == want || (got - want).abs() <= tolerance * (1.0 + want.abs())
}

/// Runs each case; `body` returns named lists of numbers.
fn run(operation: &str, body: impl Fn(&Value, &Value) -> Result<Vec<(&'static str, Vec<f64>)>>) {
    let path = format!(
        "{}/../conformance/{operation}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).expect("the case file");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() >= 10, "{operation} has {} cases", cases.len());
    for case in cases {
        let name = &case["name"];
        match (body(&case["inputs"], &case["options"]), case.get("error")) {
            (Err(e), Some(kind)) => assert_eq!(e.kind().name(), kind, "{operation}: {name}"),
            (Ok(fields), None) => {
                for (field, got) in fields {
                    let want = &case["want"][field];
                    let want = if want.is_array() {
                        numbers(want)
                    } else {
                        vec![number(want)]
                    };
                    assert_eq!(got.len(), want.len(), "{operation}: {name}");
                    let tolerance = number(&case["tolerance"]);
                    for (g, w) in got.iter().zip(&want) {
                        assert!(
                            close(*g, *w, tolerance),
                            "{operation}: {name}: {field}: {got:?} {want:?}"
                        );
                    }
                }
            }
            (got, want) => panic!("{operation}: {name}: got {got:?}, want error {want:?}"),
        }
    }
}

/// Gives the rewards to the arms of the case by choosing at random until each arm comes up.
fn teach(bandit: &mut Bandit, arms: &[usize], rewards: &[f64]) -> Result<()> {
    for (arm, reward) in arms.iter().zip(rewards) {
        loop {
            let choice = bandit.choose("d", None)?;
            if choice.arm == *arm {
                bandit.reward(choice.id, *reward)?;
                break;
            }
        }
    }
    Ok(())
}

/// Options that choose at random, so that any arm can be rewarded, and the case's own.
fn random(options: &Value) -> Result<BanditOptions> {
    let mut random = BanditOptions::default()
        .policy(Policy::EpsilonGreedy)
        .exploration(Some(1.0))
        .seed(Some(0));
    for (name, value) in options.as_object().expect("an object") {
        let value = match value.as_bool() {
            Some(value) => OptionValue::Bool(value),
            None => number(value).into(),
        };
        random.set(name, &value)?;
    }
    Ok(random)
}

fn believed(found: &[Estimate]) -> Vec<(&'static str, Vec<f64>)> {
    vec![
        ("mean", found.iter().map(|e| e.mean).collect()),
        ("sd", found.iter().map(|e| e.sd).collect()),
    ]
}

#[test]
fn estimates() {
    run("bandit_estimates", |inputs, options| {
        let arms = Arms::Values(numbers(&inputs["arms"]));
        let mut bandit = Bandit::new(arms, &random(options)?)?;
        let prior = number(&inputs["prior"]);
        if !prior.is_nan() {
            bandit.set_prior("d", prior)?;
        }
        taught(&mut bandit, inputs)
    });
}

fn taught(bandit: &mut Bandit, inputs: &Value) -> Result<Vec<(&'static str, Vec<f64>)>> {
    teach(
        bandit,
        &indices(&inputs["chosen"]),
        &numbers(&inputs["rewards"]),
    )?;
    if inputs["chosen"] == serde_json::json!([]) {
        bandit.choose("d", None)?;
    }
    Ok(believed(&bandit.estimates("d")?))
}

#[test]
fn names_and_grids() {
    run("bandit_arms", |inputs, options| {
        let names = inputs["names"].as_array().expect("names");
        let names = names.iter().map(|n| n.as_str().expect("a name").to_owned());
        let values = inputs["values"].as_array().expect("values");
        let arms = match values.is_empty() {
            true => Arms::Names(names.collect()),
            false => Arms::Grid(
                names
                    .zip(values)
                    .map(|(name, values)| (name, Knob::Values(numbers(values))))
                    .collect(),
            ),
        };
        let mut bandit = Bandit::new(arms, &random(options)?)?;
        let prior = numbers(&inputs["prior"]);
        if !prior.is_empty() {
            bandit.set_prior_point("d", &prior)?;
        }
        taught(&mut bandit, inputs)
    });
}

#[test]
fn every_arms_reward() {
    run("bandit_reward_all", |inputs, options| {
        let arms = Arms::Values(numbers(&inputs["arms"]));
        let mut bandit = Bandit::new(arms, &random(options)?)?;
        let prior = number(&inputs["prior"]);
        if !prior.is_nan() {
            bandit.set_prior("d", prior)?;
        }
        for rewards in inputs["rewards"].as_array().expect("rounds") {
            let choice = bandit.choose("d", None)?;
            bandit.reward_all(choice.id, &numbers(rewards))?;
        }
        Ok(believed(&bandit.estimates("d")?))
    });
}

fn logged(inputs: &Value, arms: &[f64]) -> Vec<LogEntry> {
    let logged = indices(&inputs["logged"]).into_iter();
    let rest = numbers(&inputs["rewards"])
        .into_iter()
        .zip(numbers(&inputs["propensities"]));
    logged
        .zip(rest)
        .map(|(arm, (reward, propensity))| LogEntry {
            domain: "d".into(),
            context: None,
            arm: arms[arm],
            reward,
            propensity,
        })
        .collect()
}

#[test]
fn values_of_policies() {
    run("bandit_evaluate", |inputs, _| {
        let arms = numbers(&inputs["arms"]);
        let bandit = Bandit::new(Arms::Values(arms.clone()), &BanditOptions::default())?;
        let log = logged(inputs, &arms);
        let wanted = number(&inputs["policy"]);
        let method = Evaluation::parse("method", inputs["method"].as_str().expect("text"))?;
        let found = bandit.evaluate(&|_, _| wanted, Some(&log), method)?;
        Ok(vec![
            ("value", vec![found.value]),
            ("low", vec![found.low]),
            ("high", vec![found.high]),
        ])
    });
}

#[test]
fn policies_beside_what_was_earned() {
    run("bandit_what_if", |inputs, _| {
        let arms = numbers(&inputs["arms"]);
        let bandit = Bandit::new(Arms::Values(arms.clone()), &BanditOptions::default())?;
        let log = logged(inputs, &arms);
        let wanted = number(&inputs["policy"]);
        let method = Evaluation::parse("method", inputs["method"].as_str().expect("text"))?;
        let found = bandit.what_if(&|_, _| wanted, Some(&log), method)?;
        let names: Vec<&str> = found.iter().map(|w| w.domain.as_str()).collect();
        assert_eq!(names, ["", "d"]);
        assert_eq!(found[0].difference, found[1].difference);
        let ends = |v: &ValueEstimate| vec![v.value, v.low, v.high];
        Ok(vec![
            ("count", vec![found[1].count as f64]),
            ("earned", ends(&found[1].earned)),
            ("value", ends(&found[1].value)),
            ("difference", ends(&found[1].difference)),
        ])
    });
}
