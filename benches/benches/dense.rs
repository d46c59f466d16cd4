//! Dense search by criterion: adding, searching at several efforts, exact scans, filters.
//!
//! `cargo bench -p ragcore-benches --bench dense`. Vectors are made up: each is one of many
//! centres moved by noise of few directions, so that neighbours mean something. Rates are by the
//! wall, so the machine must be idle; the program `dense` measures processor time and recall on
//! real vectors.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rag_core::retrieval::dense::{DenseIndex, DenseOptions, DenseSearchOptions};
use rag_core::{Progress, Rng, Rows};
use std::hint::black_box;

const DIM: usize = 384;
const ROWS: usize = 20_000;
const CENTRES: usize = 500;
/// Directions in which the members of a cluster differ.
const DIRECTIONS: usize = 24;
const K: usize = 10;

fn noise(rng: &mut Rng, rows: usize) -> Vec<f32> {
    (0..rows * DIM).map(|_| rng.normal() as f32).collect()
}

fn vectors(rng: &mut Rng, rows: usize, centres: &[f32], directions: &[f32]) -> Vec<f32> {
    let mut data = Vec::with_capacity(rows * DIM);
    for _ in 0..rows {
        let centre = &centres[rng.below(CENTRES) * DIM..][..DIM];
        let mut row = centre.to_vec();
        for direction in directions.chunks(DIM) {
            let step = 0.3 * rng.normal() as f32;
            row.iter_mut()
                .zip(direction)
                .for_each(|(x, d)| *x += step * d);
        }
        data.extend(row);
    }
    data
}

fn filled(keys: &[u64], rows: Rows<'_>) -> DenseIndex {
    let index = DenseIndex::new(DIM, &DenseOptions::default()).expect("the options are right");
    index.add(keys, rows).expect("no key comes twice");
    index
}

fn dense(criterion: &mut Criterion) {
    let mut rng = Rng::new(1);
    let (centres, directions) = (noise(&mut rng, CENTRES), noise(&mut rng, DIRECTIONS));
    let data = vectors(&mut rng, ROWS, &centres, &directions);
    let asked = vectors(&mut rng, 100, &centres, &directions);
    let rows = Rows::new(&data, DIM).expect("whole rows");
    let queries = Rows::new(&asked, DIM).expect("whole rows");
    let keys: Vec<u64> = (0..ROWS as u64).collect();
    let index = filled(&keys, rows);
    let mut group = criterion.benchmark_group("dense");
    group.sample_size(10);
    let part = 4000;
    let few = Rows::new(&data[..part * DIM], DIM).expect("whole rows");
    group.throughput(Throughput::Elements(part as u64));
    group.bench_function("add", |bencher| bencher.iter(|| filled(&keys[..part], few)));
    let default = DenseSearchOptions::default().threads(Some(1));
    let one_in = |n: u64| -> Vec<u64> { keys.iter().copied().filter(|key| key % n == 0).collect() };
    let (hundredth, half) = (one_in(100), one_in(2));
    let settings: [(&str, DenseSearchOptions, Option<&[u64]>); 6] = [
        ("search, effort 20", default.clone().effort(Some(20)), None),
        ("search, effort 40", default.clone().effort(Some(40)), None),
        (
            "search, effort 120",
            default.clone().effort(Some(120)),
            None,
        ),
        ("exact scan", default.clone().exact(true), None),
        ("filter of one in 100", default.clone(), Some(&hundredth)),
        ("filter of one in 2", default, Some(&half)),
    ];
    for (name, options, filter) in settings {
        group.throughput(Throughput::Elements(1));
        let mut at = 0;
        group.bench_function(BenchmarkId::new(name, "one a call"), |bencher| {
            bencher.iter(|| {
                at = (at + 1) % queries.len();
                let query = Rows::single(queries.row(at)).expect("a row");
                index.search(black_box(query), K, &options, filter, &mut Progress::none())
            });
        });
        group.throughput(Throughput::Elements(queries.len() as u64));
        group.bench_function(BenchmarkId::new(name, "100 a call"), |bencher| {
            bencher.iter(|| {
                index.search(
                    black_box(queries),
                    K,
                    &options,
                    filter,
                    &mut Progress::none(),
                )
            });
        });
    }
    group.finish();
}

criterion_group!(benches, dense);
criterion_main!(benches);
