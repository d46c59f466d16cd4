//! Steering by criterion: learning a dial, measuring its strength, moving a query.
//!
//! `cargo bench -p ragcore-benches --bench steering`. Vectors are made up: noise of unit length
//! with a part along one direction. Times are by the wall, so the machine must be idle;
//! `benches/steering/speed.py` measures processor time on real texts, through Python.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rag_core::steering::{CalibrateOptions, LearnMethod, LearnOptions, Steering, SteeringVector};
use rag_core::{Rng, Rows};
use std::hint::black_box;

const DIM: usize = 384;
const DOCUMENTS: usize = 2000;

/// Unit rows, moved by `along` on the first axis.
fn rows(rng: &mut Rng, count: usize, along: f32) -> Vec<f32> {
    let mut data: Vec<f32> = (0..count * DIM).map(|_| rng.normal() as f32).collect();
    for row in data.chunks_mut(DIM) {
        row[0] += along;
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        row.iter_mut().for_each(|v| *v /= length);
    }
    data
}

fn of(data: &[f32]) -> Rows<'_> {
    Rows::new(data, DIM).expect("whole rows")
}

fn learning(c: &mut Criterion) {
    let mut rng = Rng::new(1);
    let mut group = c.benchmark_group("learn");
    group.sample_size(20);
    for pairs in [30, 100, 300, 1000] {
        let (plus, minus) = (rows(&mut rng, pairs, 3.0), rows(&mut rng, pairs, -3.0));
        for method in [LearnMethod::Auto, LearnMethod::MeanDifference] {
            let options = LearnOptions::default().method(method);
            let name = BenchmarkId::new(method.name(), pairs);
            group.bench_function(name, |b| {
                b.iter(|| SteeringVector::learn(of(&plus), of(&minus), black_box(&options)));
            });
        }
    }
    let documents = rows(&mut rng, DOCUMENTS, 0.0);
    let dial = SteeringVector::from_parts("dial", &documents[..DIM], 0.2, None).expect("a dial");
    let options = CalibrateOptions::default();
    group.bench_function("calibrate on 2,000 documents", |b| {
        b.iter(|| dial.calibrated(of(black_box(&documents)), &options));
    });
    group.finish();
}

fn applying(c: &mut Criterion) {
    let mut rng = Rng::new(2);
    let data = rows(&mut rng, 300, 0.0);
    let row = |at: usize| &data[at * DIM..(at + 1) * DIM];
    let dial = SteeringVector::from_parts("dial", row(0), 0.2, None).expect("a dial");
    let mut steering = Steering::new();
    steering.insert(dial.clone()).expect("the first dial");
    for at in 1..299 {
        let rating = (at % 2) as f64;
        let time = Some(at as f64);
        steering
            .feedback(row(at), row(at + 1), rating, Some("ann"), &[], time)
            .expect("a rating");
    }
    let query = row(299);
    let mut group = c.benchmark_group("apply");
    group.bench_function("a vector", |b| {
        b.iter(|| dial.apply(black_box(query), 1.0));
    });
    group.bench_function("a set, one dial", |b| {
        b.iter(|| steering.apply(black_box(query), &[("dial", 1.0)], None));
    });
    group.bench_function("a set, one dial and a user", |b| {
        b.iter(|| steering.apply(black_box(query), &[("dial", 1.0)], Some("ann")));
    });
    group.finish();
}

criterion_group!(benches, learning, applying);
criterion_main!(benches);
