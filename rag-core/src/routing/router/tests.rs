//! The router's promises, for random routes, weights and data.

use super::*;
use crate::routing::pareto_front;
use crate::{ErrorKind, Rng, Rows};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NAMES: [&str; 3] = DEFAULT_OBJECTIVES;

fn router_of(routes: &[Vec<f64>]) -> Router {
    let mut router = Router::new(&NAMES, 1).unwrap();
    for (i, values) in routes.iter().enumerate() {
        let priors: Vec<(&str, f64)> = NAMES.into_iter().zip(values.iter().copied()).collect();
        router.add(&format!("route {i:02}"), &priors).unwrap();
    }
    router
}

fn weighted(weights: &[f64]) -> RouteOptions {
    let pairs = NAMES.iter().zip(weights);
    pairs.fold(RouteOptions::default(), |o, (n, w)| o.prefer(n, *w))
}

fn some_routes() -> impl Strategy<Value = Vec<Vec<f64>>> {
    let value = prop_oneof![(0..6i32).prop_map(f64::from), 0.0..5.0f64];
    prop::collection::vec(prop::collection::vec(value, 3), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn more_weight_on_an_objective_never_makes_it_worse(
        routes in some_routes(), weights in prop::collection::vec(0.01..1.0f64, 3), grow in 1.0..20.0f64
    ) {
        let mut router = router_of(&routes);
        for column in 0..3 {
            let mut more = weights.clone();
            more[column] *= grow;
            let a = router.route(None, &weighted(&weights)).unwrap().expected[NAMES[column]];
            let b = router.route(None, &weighted(&more)).unwrap().expected[NAMES[column]];
            prop_assert!(if column == 0 { b <= a } else { b >= a }, "{column}: {a} {b}");
        }
    }

    #[test]
    fn the_choice_is_allowed_affordable_and_on_the_front(
        routes in some_routes(), weights in prop::collection::vec(0.01..1.0f64, 3),
        budget in 0.0..5.0f64, excluded in 0usize..12, explore in any::<bool>()
    ) {
        let mut router = router_of(&routes);
        let mut options = weighted(&weights).budget(budget).explore(explore);
        if excluded < routes.len() {
            options = options.exclude(&format!("route {excluded:02}"));
        }
        let open: Vec<usize> = (0..routes.len()).filter(|i| *i != excluded).collect();
        let cheapest = open.iter().map(|i| routes[*i][0]).fold(f64::INFINITY, f64::min);
        match router.route(None, &options) {
            Err(e) => {
                prop_assert_eq!(e.kind(), ErrorKind::NotFound);
                prop_assert!(cheapest > budget);
            }
            Ok(d) => {
                prop_assert!(d.expected["cost"] <= budget);
                prop_assert!(d.front.contains(&d.name));
                let shut = format!("route {excluded:02}");
                prop_assert!(d.name != shut);
                let within: Vec<usize> =
                    open.into_iter().filter(|i| routes[*i][0] <= budget).collect();
                let points: Vec<f64> = within.iter().flat_map(|i| routes[*i].clone()).collect();
                let front: Vec<String> = pareto_front(&points, 3, &[false, true, true]).unwrap()
                    .into_iter().map(|i| format!("route {:02}", within[i])).collect();
                prop_assert!(explore || d.front == front);
            }
        }
    }
}

/// Two routes, each good at one kind of query.
fn specialists(n: usize, dim: usize, seed: u64) -> (Vec<f32>, Outcomes) {
    let mut rng = Rng::new(seed);
    let mut data = Vec::new();
    let mut outcomes = Outcomes::new();
    for i in 0..n {
        let kind = i % 2;
        for j in 0..dim {
            data.push((if j % 2 == kind { 1.0 } else { 0.0 } + 0.3 * rng.normal()) as f32);
        }
        for (r, name) in ["even", "odd"].into_iter().enumerate() {
            let quality = if r == kind { 0.9 } else { 0.3 } + 0.05 * rng.normal();
            let of = outcomes.entry(name.to_owned()).or_default();
            of.entry("quality".into()).or_default().push(if i % 7 == 3 {
                f64::NAN
            } else {
                quality
            });
            of.entry("cost".into()).or_default().push(1.0);
        }
    }
    (data, outcomes)
}

#[test]
fn it_learns_which_route_is_good_at_what() {
    for dim in [4, 64] {
        let (data, outcomes) = specialists(300, dim, 3);
        let mut router = Router::new(&NAMES, 5).unwrap();
        router
            .fit(Rows::new(&data, dim).unwrap(), &outcomes)
            .unwrap();
        let (queries, _) = specialists(100, dim, 4);
        let right = queries.chunks(dim).enumerate().filter(|(i, q)| {
            let d = router.route(Some(q), &RouteOptions::default()).unwrap();
            assert!(!d.expected.contains_key("diversity"));
            d.name == ["even", "odd"][i % 2]
        });
        assert!(right.count() >= 95, "dim {dim}");
        let wrong = router
            .route(Some(&[1.0; 3]), &RouteOptions::default())
            .unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::DimensionMismatch);
    }
}

#[test]
fn workers_outcomes_add_up_and_survive_saving() {
    let (data, outcomes) = specialists(40, 4, 1);
    let part = |range: std::ops::Range<usize>| -> (Vec<f32>, Outcomes) {
        let mut some = outcomes.clone();
        let all = some.values_mut().flat_map(BTreeMap::values_mut);
        all.for_each(|v| *v = v[range.clone()].to_vec());
        (data[range.start * 4..range.end * 4].to_vec(), some)
    };
    let fitted = |from: usize, to: usize| {
        let mut router = Router::new(&NAMES, 5).unwrap();
        router
            .add("even", &[("cost", 1.2), ("quality", 0.5)])
            .unwrap();
        let (data, outcomes) = part(from..to);
        router.fit(Rows::new(&data, 4).unwrap(), &outcomes).unwrap();
        router
    };
    let mut whole = fitted(0, 40);
    let (a, b) = (fitted(0, 15), fitted(15, 40));
    let (mut ab, mut ba) = (a.clone(), b.clone());
    ab.merge(&b).unwrap();
    ba.merge(&a).unwrap();
    assert_eq!(ab, ba);
    let mut loaded = Router::from_bytes(&ab.to_bytes()).unwrap();
    assert_eq!(loaded, ab);
    for query in data.chunks(4) {
        let options = RouteOptions::default();
        let (x, y) = (
            whole.route(Some(query), &options).unwrap(),
            loaded.route(Some(query), &options).unwrap(),
        );
        assert_eq!((x.name, x.front), (y.name, y.front));
        assert!((x.expected["quality"] - y.expected["quality"]).abs() < 1e-9);
    }
    let good = ab.to_bytes();
    let mut rng = Rng::new(2);
    for round in 0..400 {
        let mut bad = good.clone();
        bad.truncate(good.len() - round % 5);
        for _ in 0..2 {
            let at = rng.below(bad.len());
            bad[at] = b"0123456789eE-.,\"[]{}n"[rng.below(21)];
        }
        if let Ok(mut survivor) = Router::from_bytes(&bad) {
            let _ = survivor.route(Some(&[1.0; 4]), &RouteOptions::default());
        }
    }
}

#[test]
fn outcomes_of_decisions_are_learnt_once() {
    let mut router = router_of(&[vec![1.0, 0.5, 0.5]]);
    let id = router.route(None, &RouteOptions::default()).unwrap().id;
    router.observe(id, &[("cost", 3.0)]).unwrap();
    let again = router.observe(id, &[("cost", 3.0)]).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::InvalidArgument);
    router
        .observe(id, &[("quality", 1.0), ("diversity", 0.5)])
        .unwrap();
    assert_eq!(
        router.observe(id, &[("cost", 3.0)]).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let expected = router
        .route(None, &RouteOptions::default())
        .unwrap()
        .expected;
    assert_eq!(
        expected["cost"], 2.0,
        "the prior weighs as much as one outcome"
    );
    assert_eq!(expected["quality"], 0.75);
}

#[test]
fn exploring_tries_routes_that_look_a_little_worse() {
    let mut router = Router::new(&["quality"], 3).unwrap();
    router.add("a", &[("quality", 0.6)]).unwrap();
    router.add("b", &[("quality", 0.5)]).unwrap();
    let options = RouteOptions::default();
    assert!((0..50).all(|_| router.route(None, &options).unwrap().name == "a"));
    let options = options.explore(true);
    let b = (0..200)
        .filter(|_| router.route(None, &options).unwrap().name == "b")
        .count();
    assert!((20..150).contains(&b), "{b}");
}

#[test]
fn arguments_are_checked() {
    let kind = |e: crate::Error| e.kind();
    assert!(Router::new(&[], 0).is_err() && Router::new(&["a", "a"], 0).is_err());
    let mut router = Router::new(&NAMES, 0).unwrap();
    let options = RouteOptions::default();
    assert_eq!(
        kind(router.route(None, &options).unwrap_err()),
        ErrorKind::NotFound
    );
    assert!(router.add("a", &[("quality", 1.0)]).is_err(), "no cost");
    assert!(router.add("a", &[("cost", f64::NAN)]).is_err());
    assert!(router.add("a", &[("cost", 1.0), ("speed", 1.0)]).is_err());
    router.add("a", &[("cost", 1.0)]).unwrap();
    assert_eq!(
        kind(router.add("a", &[("cost", 1.0)]).unwrap_err()),
        ErrorKind::AlreadyExists
    );
    assert_eq!(kind(router.remove("b").unwrap_err()), ErrorKind::NotFound);
    let none_left = options.clone().exclude("a");
    assert_eq!(
        kind(router.route(None, &none_left).unwrap_err()),
        ErrorKind::NotFound
    );
    for bad in [
        options.clone().prefer("cost", -1.0),
        options.clone().prefer("cost", 0.0),
        options.clone().prefer("speed", 1.0),
        options.clone().budget(f64::NAN),
    ] {
        assert_eq!(
            kind(router.route(None, &bad).unwrap_err()),
            ErrorKind::InvalidArgument
        );
    }
    assert!(router.route(Some(&[f32::NAN]), &options).is_err());
    assert!(router.route(Some(&[]), &options).is_err());
    let short: Outcomes = [("a".to_owned(), [("cost".to_owned(), vec![1.0])].into())].into();
    assert!(
        router
            .fit(Rows::new(&[1.0, 2.0], 1).unwrap(), &short)
            .is_err()
    );
    let unknown_cost: Outcomes =
        [("b".to_owned(), [("quality".to_owned(), vec![1.0])].into())].into();
    assert!(
        router
            .fit(Rows::new(&[1.0], 1).unwrap(), &unknown_cost)
            .is_err()
    );
    assert_eq!(router.names(), ["a"]);
}
