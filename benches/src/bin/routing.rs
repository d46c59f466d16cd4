//! One choice of a router, the vector given, and one observation; processor time of this thread.
//!
//! `cargo run --release -p ragcore-benches --bin routing`. Made up: 2,205 examples of 384 numbers in
//! twenty clusters, 11 routes with all outcomes of cost and quality. Medians of rounds in which all take turns.

use rag_core::routing::{Outcomes, RouteOptions, RouteTrade, Router};
use rag_core::{Rng, Rows};
use ragcore_benches::cpu::thread_seconds;
use std::hint::black_box;
use std::time::Instant;

const EXAMPLES: usize = 2205;
const DIM: usize = 384;
const ROUTES: usize = 11;
const CLUSTERS: usize = 20;
const ROUNDS: usize = 41;
const CALLS: usize = 200;

fn vectors(rng: &mut Rng, centres: &[f32], count: usize) -> Vec<f32> {
    let mut data = Vec::with_capacity(count * DIM);
    for i in 0..count {
        let centre = &centres[i % CLUSTERS * DIM..][..DIM];
        data.extend(centre.iter().map(|c| c + 0.6 * rng.normal() as f32));
    }
    data
}

fn main() {
    let mut rng = Rng::new(1);
    let centres: Vec<f32> = (0..CLUSTERS * DIM).map(|_| rng.normal() as f32).collect();
    let examples = vectors(&mut rng, &centres, EXAMPLES);
    let queries = vectors(&mut rng, &centres, CALLS);
    let mut outcomes = Outcomes::new();
    for route in 0..ROUTES {
        let level = 0.5 + 0.04 * route as f64;
        let quality = (0..EXAMPLES).map(|_| f64::from(u8::from(rng.uniform() < level)));
        let quality = quality.collect();
        let cost = (0..EXAMPLES).map(|_| (1.0 + route as f64) * (0.5 + rng.uniform()));
        let told = [
            ("quality".to_owned(), quality),
            ("cost".to_owned(), cost.collect()),
        ];
        outcomes.insert(format!("route {route:02}"), told.into());
    }
    let mut router = Router::new(&["cost", "quality"], 1).expect("a router");
    let start = Instant::now();
    let before = thread_seconds(start);
    let rows = Rows::new(&examples, DIM).expect("whole rows");
    router.fit(rows, &outcomes).expect("outcomes");
    println!("fit: {:.0} ms", 1e3 * (thread_seconds(start) - before));
    let plain = RouteOptions::default().at(0.0);
    let linear = plain
        .clone()
        .trade(RouteTrade::Linear)
        .prefer("quality", 9.0)
        .prefer("cost", 1.0);
    let ways = [
        ("route", plain.clone()),
        ("route, linear trade", linear),
        ("route, exploring", plain.explore(true)),
    ];
    let mut spent = vec![Vec::new(); ways.len() + 1];
    for _ in 0..ROUNDS {
        for (way, spent) in ways.iter().zip(&mut spent) {
            let before = thread_seconds(start);
            for query in queries.chunks_exact(DIM) {
                black_box(
                    router
                        .route(Some(black_box(query)), &way.1)
                        .expect("a choice"),
                );
            }
            spent.push((thread_seconds(start) - before) / CALLS as f64);
        }
        let ids: Vec<u64> = queries
            .chunks_exact(DIM)
            .take(5)
            .map(|q| router.route(Some(q), &ways[0].1).expect("a choice").id)
            .collect();
        let before = thread_seconds(start);
        for id in &ids {
            let told = [("cost", 1.0), ("quality", 0.5)];
            router
                .observe(*id, black_box(&told))
                .expect("a choice that waits");
        }
        spent[ways.len()].push((thread_seconds(start) - before) / ids.len() as f64);
    }
    let names = ways.iter().map(|w| w.0).chain(["observe"]);
    for (name, mut each) in names.zip(spent) {
        each.sort_by(f64::total_cmp);
        println!("{name}: {:.1} us", 1e6 * each[each.len() / 2]);
    }
}
