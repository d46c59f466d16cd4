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

fn learnt_router(seed: u64) -> (Router, Vec<f32>) {
    let (data, outcomes) = specialists(60, 8, seed);
    let mut router = Router::new(&["cost", "quality"], seed).unwrap();
    router.fit(Rows::new(&data, 8).unwrap(), &outcomes).unwrap();
    (router, data)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn prices_are_monotone_too(
        routes in some_routes(), weights in prop::collection::vec(0.01..1.0f64, 3), grow in 1.0..20.0f64
    ) {
        let mut router = router_of(&routes);
        for column in 0..3 {
            let mut more = weights.clone();
            more[column] *= grow;
            let mut ask = |w: &[f64]| {
                let options = weighted(w).trade(RouteTrade::Linear);
                router.route(None, &options).unwrap().expected[NAMES[column]]
            };
            let (a, b) = (ask(&weights), ask(&more));
            prop_assert!(if column == 0 { b <= a + 1e-9 } else { b >= a - 1e-9 }, "{a} {b}");
        }
    }

    #[test]
    fn examples_unite_in_any_order_and_any_number_of_times(
        parts in prop::collection::vec(prop::collection::vec((0..6i32, 0..3i32, 0..4i32), 1..8), 1..4)
    ) {
        let fitted = |rows: &[(i32, i32, i32)]| {
            let data: Vec<f32> =
                rows.iter().flat_map(|r| [r.0 as f32, 1.0 + r.1 as f32]).collect();
            let told = rows.iter().map(|r| f64::from(r.2)).collect();
            let outcomes: Outcomes = [("a".to_owned(), [("cost".to_owned(), told)].into())].into();
            let mut router = Router::new(&["cost"], 0).unwrap();
            router.fit(Rows::new(&data, 2).unwrap(), &outcomes).unwrap();
            router
        };
        let routers: Vec<Router> = parts.iter().map(|p| fitted(p)).collect();
        let mut forth = routers[0].clone();
        routers.iter().for_each(|r| forth.merge(r).unwrap());
        let mut back = routers[routers.len() - 1].clone();
        routers.iter().rev().for_each(|r| back.merge(r).unwrap());
        back.merge(&forth).unwrap();
        prop_assert_eq!(&forth, &back);
        prop_assert_eq!(forth.to_bytes(), Router::from_bytes(&back.to_bytes()).unwrap().to_bytes());
    }
}

#[test]
fn the_nearest_are_found_among_many() {
    use super::neighbours::{Neighbours, Scratch};
    use super::query::{Query, norm};
    let mut rng = Rng::new(8);
    let mut around = |centre: &[f32], spread: f32| -> Query {
        let v: Vec<f32> = centre
            .iter()
            .map(|c| c + spread * rng.normal() as f32)
            .collect();
        Query::new(&v)
    };
    let centres: Vec<Vec<f32>> = (0..12)
        .map(|i| (0..40).map(|j| f32::from(u8::from(j % 12 == i))).collect())
        .collect();
    let queries: Vec<Query> = (0..900).map(|i| around(&centres[i % 12], 0.2)).collect();
    let found = Neighbours::new(&queries, 40);
    let mut scratch = Scratch::default();
    let (mut right, mut all) = (0, 0);
    for (i, query) in queries.iter().enumerate().step_by(9) {
        found.search(query, Some(i as u32), &mut scratch);
        let distance = |other: &Query| {
            let pairs = query.codes.iter().zip(&other.codes);
            let dot: i32 = pairs.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            2.0 - 2.0 * dot as f32 / (norm(&query.codes) * norm(&other.codes))
        };
        let mut truth: Vec<u32> = (0..900).filter(|j| *j != i as u32).collect();
        truth.sort_by(|a, b| {
            let far = |j: &u32| distance(&queries[*j as usize]);
            far(a).total_cmp(&far(b)).then(a.cmp(b))
        });
        let near: Vec<u32> = scratch.near.iter().map(|n| n.row).collect();
        assert_eq!(near.len(), 128);
        assert!(!near.contains(&(i as u32)));
        right += truth[..32].iter().filter(|t| near.contains(t)).count();
        all += 32;
    }
    assert!(right * 100 >= all * 98, "{right} of {all}");
}

#[test]
fn leaving_out_is_fitting_without() {
    use super::ridge::Gram;
    let mut rng = Rng::new(4);
    let (n, size) = (12, 3);
    let features: Vec<f32> = (0..n * size).map(|_| rng.normal() as f32).collect();
    let targets: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let weights: Vec<f64> = (0..n).map(|i| [1.0, 2.0, 0.0][i % 3]).collect();
    let gram = Gram::new(&features, size, &weights);
    let lines = gram.lines(2.0).unwrap();
    let line = lines.fit(&features, &weights, &targets);
    let rows: Vec<u32> = (0..n as u32).collect();
    let leverages = lines.leverages(&features, &weights, &rows);
    for i in (0..n).filter(|i| weights[*i] > 0.0) {
        let row = &features[i * size..(i + 1) * size];
        let told = targets[i] - (targets[i] - line.at(row)) / (1.0 - leverages[i]);
        let mut without = weights.clone();
        without[i] = 0.0;
        let others = Gram::new(&features, size, &without);
        let want = others
            .lines(2.0)
            .unwrap()
            .fit(&features, &without, &targets)
            .at(row);
        assert!((told - want).abs() < 1e-9, "{i}: {told} {want}");
    }
}

#[test]
fn a_route_that_got_worse_is_found_out_by_what_it_does() {
    let (mut router, data) = learnt_router(3);
    let wish = RouteOptions::default().prefer("quality", 1.0);
    let even = &data[..8];
    assert_eq!(router.route(Some(even), &wish).unwrap().name, "even");
    // Each query twice, against the one example of it: once is not enough to outweigh what was learnt.
    for i in (0..60).cycle().take(120) {
        let d = router
            .route(Some(&data[i * 8..(i + 1) * 8]), &wish)
            .unwrap();
        let quality = if d.name == "even" { 0.1 } else { 0.35 };
        router
            .observe(d.id, &[("quality", quality), ("cost", 1.0)])
            .unwrap();
    }
    let d = router.route(Some(even), &wish).unwrap();
    assert_eq!(d.name, "odd", "{}", d.why);
}

#[test]
fn a_copy_from_bytes_chooses_the_same() {
    let (mut router, data) = learnt_router(9);
    let explore = RouteOptions::default().explore(true).at(5.0);
    for query in data.chunks(8).take(50) {
        let d = router.route(Some(query), &explore).unwrap();
        router
            .answered(d.id, &[("quality", 0.5), ("cost", 1.0)], Some(0.2))
            .unwrap();
    }
    let mut copy = Router::from_bytes(&router.to_bytes()).unwrap();
    assert_eq!(copy, router);
    for query in data.chunks(8) {
        let (a, b) = (
            router.route(Some(query), &explore).unwrap(),
            copy.route(Some(query), &explore).unwrap(),
        );
        assert_eq!(a.name, b.name);
        for (objective, value) in &a.expected {
            assert!((value - b.expected[objective]).abs() < 1e-9, "{objective}");
        }
    }
}

#[test]
fn the_first_format_is_refused_by_its_number() {
    let old = br#"{"objectives":["cost"],"seed":0,"rng":[1,2,3,4],"dim":null,"next":0,"routes":{},"pending":{}}"#;
    let error = Router::from_bytes(old).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FormatVersion);
    assert!(error.message().contains("format 1") && error.message().contains("reads 2"));
    let path = std::env::temp_dir().join(format!("ragcore-router-{}", std::process::id()));
    crate::file::save(&path, "router", 1, old).unwrap();
    let error = Router::load(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FormatVersion);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn propensities_are_those_of_the_draws() {
    let mut router = Router::new(&["quality"], 3).unwrap();
    for (name, quality) in [("a", 0.6), ("b", 0.5), ("c", 0.2)] {
        router.add(name, &[("quality", quality)]).unwrap();
    }
    let options = RouteOptions::default().explore(true).at(1.0);
    let mut chosen: BTreeMap<String, f64> = BTreeMap::new();
    let mut told: BTreeMap<String, f64> = BTreeMap::new();
    for _ in 0..2000 {
        let d = router.route(None, &options).unwrap();
        *chosen.entry(d.name.clone()).or_default() += 1.0 / 2000.0;
        told.insert(d.name, router.propensity(d.id).unwrap().0);
    }
    // 128 draws have a standard error of .044 at most.
    for (name, share) in chosen {
        assert!(
            (share - told[&name]).abs() < 0.14,
            "{name}: {share} {}",
            told[&name]
        );
    }
    let d = router
        .route(None, &RouteOptions::default().random())
        .unwrap();
    assert!((router.propensity(d.id).unwrap().0 - 1.0 / 3.0).abs() < 1e-12);
    let d = router.route(None, &RouteOptions::default()).unwrap();
    assert_eq!(router.propensity(d.id).unwrap(), (1.0, 0.0));
    router.observe(d.id, &[("quality", 1.0)]).unwrap();
    assert_eq!(router.log()[0].propensity, 1.0);
}

#[test]
fn workers_with_one_seed_are_told_apart_or_refused() {
    let mut base = Router::new(&["cost"], 1).unwrap();
    base.add("a", &[("cost", 1.0)]).unwrap();
    let observed = |mut router: Router, at: f64| {
        let d = router.route(None, &RouteOptions::default().at(at)).unwrap();
        router.observe(d.id, &[("cost", 2.0)]).unwrap();
        router
    };
    let (mut a, b) = (observed(base.clone(), 1.0), observed(base.clone(), 2.0));
    let error = a.merge(&b).unwrap_err();
    assert!(error.message().contains("seed of its own"));
    let mut fresh = base.clone();
    fresh.reseed(2);
    let c = observed(fresh, 2.0);
    a.merge(&c).unwrap();
    a.merge(&c).unwrap();
    assert_eq!(a.log().len(), 2);
}

#[test]
fn the_log_is_bounded_and_a_removed_route_is_no_more() {
    let options = RouterOptions::default().log_size(10);
    let mut router = Router::with_options(&["cost"], 1, &options).unwrap();
    router.add("a", &[("cost", 1.0)]).unwrap();
    router.add("b", &[("cost", 2.0)]).unwrap();
    for i in 0..40 {
        let d = router
            .route(None, &RouteOptions::default().at(f64::from(i)))
            .unwrap();
        router.observe(d.id, &[("cost", 1.0)]).unwrap();
        assert!(router.log().len() <= 10);
    }
    assert_eq!(router.log().last().unwrap().at, 39.0);
    let waits = router.route(None, &RouteOptions::default()).unwrap();
    router.remove("a").unwrap();
    let error = router.observe(waits.id, &[("cost", 1.0)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(router.log().is_empty());
    assert_eq!(
        router.route(None, &RouteOptions::default()).unwrap().name,
        "b"
    );
}

#[test]
fn a_choice_says_why() {
    let (mut router, data) = learnt_router(3);
    router
        .add("dear", &[("cost", 50.0), ("quality", 0.9)])
        .unwrap();
    router
        .add("down", &[("cost", 0.5), ("quality", 0.9)])
        .unwrap();
    let first = RouteOptions::default().always("down").at(10.0);
    let id = router.route(None, &first).unwrap().id;
    router.fail(id, Some(10.0)).unwrap();
    let options = RouteOptions::default().budget(10.0).at(10.5);
    let d = router.route(Some(&data[..8]), &options).unwrap();
    let standing = |name: &str| {
        let found = d.why.routes.iter().find(|r| r.name == name).unwrap();
        found.standing
    };
    assert_eq!(standing(&d.name), Standing::Chosen);
    assert_eq!(standing("dear"), Standing::OverBudget);
    assert_eq!(standing("down"), Standing::Failing(11.0));
    let said = d.why.to_string();
    for part in [
        "over the budget of 10",
        "tried again at 11.0",
        "nearest 8",
        "weights: cost 1",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let data: serde_json::Value = serde_json::from_str(&d.why.to_json()).unwrap();
    assert_eq!(data["routes"].as_array().unwrap().len(), 4);
    assert!(d.why.neighbours > 0 && d.why.nearest.unwrap() > 0.9);
    let health = router.health("down").unwrap();
    assert_eq!((health.failures, health.tried_next), (1, Some(11.0)));
    assert!(router.fail(id, Some(f64::NAN)).is_err());
    assert!(router.limit("down", Some(0)).is_err() && router.health("nobody").is_err());
}
