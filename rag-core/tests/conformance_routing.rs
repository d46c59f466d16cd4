//! Runs the cases in `conformance/` that belong to routing, and known volumes where present.

use rag_core::Progress;
use rag_core::options::OptionValue;
use rag_core::routing::{
    ArchiveOptions, ChebyshevOptions, Epsilon, Keep, Knob, OptimizeOptions, ParetoArchive,
    RouteOptions, Router, RouterOptions, aiq, apgr, chebyshev, cpt, crowding_distance,
    distance_to_ideal, epsilon_front, hypervolume, hypervolume_contributions, knee,
    nondominated_sort, optimize, pareto_front, pgr, routing_curve,
};
use rag_core::{ErrorKind, Result};
use serde_json::{Value, json};
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

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

/// The points, row after row, and their columns.
fn points(inputs: &Value) -> (Vec<f64>, usize) {
    let rows: Vec<Vec<f64>> = inputs["points"]
        .as_array()
        .expect("rows")
        .iter()
        .map(numbers)
        .collect();
    (rows.concat(), rows[0].len())
}

fn maximize(inputs: &Value) -> Vec<bool> {
    let list = inputs["maximize"].as_array().expect("a list");
    list.iter()
        .map(|m| m.as_bool().expect("a boolean"))
        .collect()
}

fn agree(got: &Value, want: &Value, tolerance: f64) -> bool {
    match (got, want) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| agree(x, y, tolerance))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(k, x)| b.get(k).is_some_and(|y| agree(x, y, tolerance)))
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
        x if x.is_nan() => json!("nan"),
        x if x == f64::INFINITY => json!("inf"),
        x if x == f64::NEG_INFINITY => json!("-inf"),
        x => json!(x),
    }
}

fn run(operation: &str, body: impl Fn(&Value) -> Result<Value>) {
    run_with(operation, |inputs, _| body(inputs));
}

/// An option as a case writes it.
fn option(value: &Value) -> OptionValue {
    match value {
        Value::String(text) => OptionValue::Str(text.clone()),
        Value::Bool(flag) => OptionValue::Bool(*flag),
        number => OptionValue::F64(number.as_f64().expect("a number")),
    }
}

/// The options of a case, set by name.
fn set(options: &Value, mut with: impl FnMut(&str, &OptionValue) -> Result<()>) -> Result<()> {
    for (name, value) in options.as_object().expect("options") {
        with(name, &option(value))?;
    }
    Ok(())
}

fn run_with(operation: &str, body: impl Fn(&Value, &Value) -> Result<Value>) {
    let path = root().join("conformance").join(format!("{operation}.json"));
    let text = std::fs::read_to_string(&path).expect("the case file");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() >= 10, "{operation} has {} cases", cases.len());
    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let tolerance = case["tolerance"].as_f64().expect("a tolerance");
        match (body(&case["inputs"], &case["options"]), case.get("error")) {
            (Err(e), Some(kind)) => assert_eq!(e.kind().name(), kind, "{operation}: {name}"),
            (Ok(got), None) => assert!(
                agree(&got, &case["want"], tolerance),
                "{operation}: {name}: got {got}, want {}",
                case["want"]
            ),
            (got, want) => panic!("{operation}: {name}: got {got:?}, want error {want:?}"),
        }
    }
}

#[test]
fn fronts() {
    run("pareto_front", |inputs| {
        let (points, d) = points(inputs);
        Ok(json!({ "indices": pareto_front(&points, d, &maximize(inputs))? }))
    });
    run("nondominated_sort", |inputs| {
        let (points, d) = points(inputs);
        Ok(json!({ "ranks": nondominated_sort(&points, d, &maximize(inputs))? }))
    });
    run("crowding_distance", |inputs| {
        let (points, d) = points(inputs);
        let room = crowding_distance(&points, d)?;
        Ok(json!({ "distances": room.into_iter().map(written).collect::<Vec<_>>() }))
    });
}

#[test]
fn volumes() {
    run("hypervolume", |inputs| {
        let (points, d) = points(inputs);
        let reference = numbers(&inputs["reference"]);
        let volume = hypervolume(&points, d, &reference, &maximize(inputs))?;
        Ok(json!({ "volume": written(volume) }))
    });
}

#[test]
fn contributions() {
    run("hypervolume_contributions", |inputs| {
        let (points, d) = points(inputs);
        let reference = numbers(&inputs["reference"]);
        let found = hypervolume_contributions(&points, d, &reference, &maximize(inputs))?;
        Ok(json!({ "contributions": found }))
    });
}

#[test]
fn fewer_points_and_one_of_them() {
    run("epsilon_front", |inputs| {
        let (points, d) = points(inputs);
        let kind = Epsilon::parse("kind", inputs["kind"].as_str().expect("text"))?;
        let epsilon = numbers(&inputs["epsilon"]);
        let found = epsilon_front(&points, d, &epsilon, kind, &maximize(inputs))?;
        Ok(json!({ "indices": found }))
    });
    run("knee", |inputs| {
        let (points, d) = points(inputs);
        Ok(json!({ "index": knee(&points, d, &maximize(inputs))? }))
    });
    run("distance_to_ideal", |inputs| {
        let (points, d) = points(inputs);
        let weights = numbers(&inputs["weights"]);
        let found = distance_to_ideal(&points, d, &weights, &maximize(inputs))?;
        Ok(json!({ "distances": found }))
    });
    run("chebyshev", |inputs| {
        let (points, d) = points(inputs);
        let (weights, reference) = (numbers(&inputs["weights"]), numbers(&inputs["reference"]));
        let options = ChebyshevOptions::default().rho(number(&inputs["rho"]));
        let found = chebyshev(
            &points,
            d,
            &weights,
            &reference,
            &maximize(inputs),
            &options,
        )?;
        Ok(json!({ "scores": found }))
    });
}

#[test]
fn archives() {
    run("pareto_archive", |inputs| {
        let (points, d) = points(inputs);
        let keep = Keep::parse("keep", inputs["keep"].as_str().expect("text"))?;
        let capacity = inputs["capacity"].as_u64().expect("a number") as usize;
        let options = ArchiveOptions::default().capacity(capacity).keep(keep);
        let reference = numbers(&inputs["reference"]);
        let mut archive = ParetoArchive::new(d, &maximize(inputs), &reference, options)?;
        let ids: Vec<u64> = numbers(&inputs["ids"]).iter().map(|i| *i as u64).collect();
        let kept = archive.extend(&points, &ids)?;
        let kept: Vec<u8> = kept.into_iter().map(u8::from).collect();
        Ok(json!({ "ids": archive.ids(), "kept": kept }))
    });
}

#[test]
fn searches() {
    run("optimize", |inputs| {
        let list = |name: &str| inputs[name].as_array().expect("a list").clone();
        let knobs = list("knobs")
            .iter()
            .map(|knob| {
                let text = |name: &str| knob[name].as_str().expect("text");
                let choices = texts(&knob["choices"]).into_iter().map(str::to_owned);
                let (low, high) = (number(&knob["low"]), number(&knob["high"]));
                Knob::named(text("name"), text("kind"), low, high, choices.collect())
            })
            .collect::<Result<Vec<Knob>>>()?;
        let rows = |name: &str| list(name).iter().map(numbers).collect::<Vec<_>>();
        let (settings, outcomes) = (rows("settings"), rows("outcomes"));
        let mut evaluate = |asked: &[f64]| {
            let each = asked.chunks(knobs.len());
            let found = each.map(|s| {
                let at = settings.iter().position(|known| known == s);
                outcomes[at.expect("a known setting")].clone()
            });
            Ok(found.collect::<Vec<_>>().concat())
        };
        let whole = |name: &str| inputs[name].as_u64().expect("a number") as usize;
        let options = OptimizeOptions::default()
            .population(whole("population"))
            .generations(whole("generations"));
        let objectives = texts(&inputs["objectives"]);
        let found = optimize(
            &knobs,
            &objectives,
            &maximize(inputs),
            &rows("initial").concat(),
            &mut evaluate,
            &options,
            Progress::none(),
        )?;
        let mut points: Vec<&[f64]> = found.points.chunks(objectives.len()).collect();
        points.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
        Ok(json!({ "points": points, "evaluations": found.evaluations }))
    });
}

#[test]
fn routes() {
    run("route", |inputs| {
        let objectives = texts(&inputs["objectives"]);
        let mut router = Router::new(&objectives, 0)?;
        let rows = inputs["priors"].as_array().expect("rows");
        for (name, row) in texts(&inputs["names"]).into_iter().zip(rows) {
            let priors: Vec<(&str, f64)> = objectives.iter().copied().zip(numbers(row)).collect();
            router.add(name, &priors)?;
        }
        let mut options = RouteOptions::default().budget(number(&inputs["budget"]));
        for (objective, weight) in objectives.iter().zip(numbers(&inputs["weights"])) {
            options = options.prefer(objective, weight);
        }
        let decision = router.route(None, &options)?;
        let expected: Vec<f64> = objectives.iter().map(|o| decision.expected[*o]).collect();
        Ok(json!({ "name": decision.name, "front": decision.front, "expected": expected }))
    });
}

#[test]
fn policies() {
    run_with("route_policy", |inputs, options| {
        let objectives = texts(&inputs["objectives"]);
        let mut router = Router::new(&objectives, 0)?;
        let rows = inputs["priors"].as_array().expect("rows");
        for (name, row) in texts(&inputs["names"]).into_iter().zip(rows) {
            let priors: Vec<(&str, f64)> = objectives.iter().copied().zip(numbers(row)).collect();
            router.add(name, &priors)?;
        }
        let mut asked = RouteOptions::default();
        set(options, |name, value| asked.settings.set(name, value))?;
        for (objective, weight) in objectives.iter().zip(numbers(&inputs["weights"])) {
            asked = asked.prefer(objective, weight);
        }
        for name in texts(&inputs["exclude"]) {
            asked = asked.exclude(name);
        }
        let decision = router.route(None, &asked)?;
        let expected: Vec<f64> = objectives.iter().map(|o| decision.expected[*o]).collect();
        Ok(json!({ "name": decision.name, "expected": expected }))
    });
}

#[test]
fn routes_that_fail_or_have_limits() {
    run_with("route_health", |inputs, options| {
        let mut settings = RouterOptions::default();
        set(options, |name, value| settings.set(name, value))?;
        let mut router = Router::with_options(&["cost"], 0, &settings)?;
        let costs = numbers(&inputs["costs"]);
        let limits = numbers(&inputs["limits"]);
        for ((name, cost), limit) in texts(&inputs["names"]).into_iter().zip(costs).zip(limits) {
            router.add(name, &[("cost", cost)])?;
            router.limit(name, (limit > 0.0).then_some(limit as u64))?;
        }
        let (mut made, mut names) = (Vec::new(), Vec::new());
        let kinds = numbers(&inputs["kinds"]);
        for (kind, value) in kinds.into_iter().zip(numbers(&inputs["values"])) {
            if kind > 0.0 {
                let (id, at): (u64, f64) = made[value as usize];
                match kind {
                    1.0 => router.fail(id, Some(at))?,
                    _ => router.answered(id, &[], Some(0.1))?,
                }
                continue;
            }
            match router.route(None, &RouteOptions::default().at(value)) {
                Ok(decision) => {
                    made.push((decision.id, value));
                    names.push(decision.name);
                }
                Err(e) if e.kind() == ErrorKind::Upstream => names.push(String::new()),
                Err(e) => return Err(e),
            }
        }
        Ok(json!({ "names": names }))
    });
}

#[test]
fn figures() {
    run("routing_curve", |inputs| {
        let hull = routing_curve(&numbers(&inputs["costs"]), &numbers(&inputs["qualities"]))?;
        let (costs, qualities): (Vec<f64>, Vec<f64>) = hull.into_iter().unzip();
        Ok(json!({ "costs": costs, "qualities": qualities }))
    });
    run("aiq", |inputs| {
        let range = match numbers(&inputs["range"])[..] {
            [low, high] => Some((low, high)),
            _ => None,
        };
        let (costs, qualities) = (numbers(&inputs["costs"]), numbers(&inputs["qualities"]));
        Ok(json!({ "aiq": aiq(&costs, &qualities, range)? }))
    });
    run("gap_recovered", |inputs| {
        let (shares, qualities) = (numbers(&inputs["shares"]), numbers(&inputs["qualities"]));
        let of = |name: &str| number(&inputs[name]);
        let (weak, strong) = (of("weak"), of("strong"));
        Ok(json!({
            "apgr": apgr(&shares, &qualities, weak, strong)?,
            "cpt": cpt(&shares, &qualities, weak, strong, Some(of("gap")))?,
            "pgr": pgr(of("quality"), weak, strong)?,
        }))
    });
}

#[test]
fn published_volumes() {
    let path = root().join("../shared/data/hypervolume/hv_tests.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: there is no shared/data/hypervolume beside the repository");
        return;
    };
    let mut checked = 0;
    for line in text.lines() {
        let test: Value = serde_json::from_str(line).expect("JSON");
        let reference = numbers(&test["ref"]);
        let rows: Vec<Vec<f64>> = test["points"]
            .as_array()
            .expect("rows")
            .iter()
            .map(numbers)
            .collect();
        let (points, d) = (rows.concat(), reference.len());
        let alone = || hypervolume_contributions(&points, d, &reference, &[]).unwrap();
        let want = number(&test["expected"]);
        let got = match test["kind"].as_str() {
            Some("hypervolume") => hypervolume(&points, d, &reference, &[]).unwrap(),
            Some("exclusive") => alone()[test["index"].as_u64().expect("an index") as usize],
            _ => {
                let alone = alone();
                let least = alone.iter().copied().fold(f64::INFINITY, f64::min);
                assert!(
                    alone[want as usize] <= least * (1.0 + 1e-9),
                    "{}",
                    test["name"]
                );
                want
            }
        };
        // The one value in seven columns is 0.02 % low: of 300,000 points drawn in the box 15 were
        // not covered, where it implies 85 and the volume computed here 16.
        let tolerance = if reference.len() == 7 { 1e-3 } else { 1e-7 };
        assert!(
            (got - want).abs() <= tolerance * want.abs().max(1e-9),
            "{}: {got} {want}",
            test["name"]
        );
        checked += 1;
    }
    assert!(checked > 200);
}

#[test]
fn errors_have_kinds() {
    let error = pareto_front(&[0.0], 2, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}
