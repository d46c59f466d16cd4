//! A hit, a miss, a put, a near question, what tells two questions apart, and sixty-four who ask for one thing.
//!
//! `cargo bench -p ragcore-benches --bench caching`. Times are by the wall, so the machine must be idle.

use criterion::{Criterion, criterion_group, criterion_main};
use rag_core::Rng;
use rag_core::caching::{
    Cache, CacheOptions, Key, KeyBuilder, Layer, LayerKind, question_difference,
};
use std::hint::black_box;

/// A key as an engine makes one: who asks, of what, with which settings.
fn key(question: &str) -> Key {
    KeyBuilder::new(Some("a tenant"))
        .text("3f9c1d0e5b7a2468")
        .text("all-minilm-l6-v2:int8")
        .real(0.25)
        .maybe(Some("{\"year\": {\"$gte\": 2020}}"))
        .number(8)
        .text(question)
        .finish()
}

fn question(i: usize) -> String {
    format!("which of the documents says why the pump of engine {i} stops when it gets cold?")
}

fn cache() -> Cache {
    Cache::new(CacheOptions::default()).expect("options")
}

fn filled(entries: usize) -> (Cache, Layer<String>) {
    let cache = cache();
    let layer = cache.layer(LayerKind::Answers);
    for i in 0..entries {
        layer.put(&key(&question(i)), "because it is cold".to_owned(), 1000.0);
    }
    (cache, layer)
}

fn layers(c: &mut Criterion) {
    let (_cache, layer) = filled(10_000);
    let keys: Vec<Key> = (0..10_000).map(|i| key(&question(i))).collect();
    let mut rng = Rng::new(1);
    c.bench_function("make a key", |b| b.iter(|| key(black_box(&question(7)))));
    let one = &keys[7];
    c.bench_function("hit, the same of 10,000", |b| {
        b.iter(|| layer.get(black_box(one), 1001.0, |_| true))
    });
    c.bench_function("hit, any of 10,000", |b| {
        b.iter(|| layer.get(&keys[rng.below(keys.len())], 1001.0, |_| true))
    });
    let missing = key("another");
    c.bench_function("miss", |b| {
        b.iter(|| layer.get(black_box(&missing), 1001.0, |_| true))
    });
    c.bench_function("get_or_make, kept", |b| {
        let (cache, layer) = filled(0);
        layer.put(one, "because".to_owned(), cache.now());
        b.iter(|| layer.get_or_make(one, None, |_| true, || Ok(String::new())))
    });
    c.bench_function("put where there is room", |b| {
        b.iter(|| layer.put(&keys[rng.below(keys.len())], String::new(), 1001.0))
    });
    let small = Cache::new(CacheOptions::default().entries(5000)).expect("options");
    let full = small.layer(LayerKind::Answers);
    let mut next = 0;
    c.bench_function("put where another must go", |b| {
        b.iter(|| {
            next = (next + 1) % keys.len();
            full.put(&keys[next], String::new(), 1000.0 + next as f64)
        })
    });
}

/// Sixty-four threads hit at once: the whole round divided by its hits tells whether they queue.
fn crowds(c: &mut Criterion) {
    let (_cache, layer) = filled(10_000);
    let keys: Vec<Key> = (0..10_000).map(|i| key(&question(i))).collect();
    for threads in [1, 64] {
        c.bench_function(&format!("640,000 hits by {threads} threads"), |b| {
            b.iter(|| {
                std::thread::scope(|scope| {
                    for thread in 0..threads {
                        let (layer, keys) = (&layer, &keys);
                        scope.spawn(move || {
                            let mut rng = Rng::new(thread);
                            for _ in 0..640_000 / threads {
                                let key = &keys[rng.below(keys.len())];
                                assert!(layer.get(key, 1001.0, |_| true).is_some());
                            }
                        });
                    }
                });
            })
        });
    }
    let cache = cache();
    let layer = cache.layer::<String>(LayerKind::Answers);
    let mut n = 0;
    c.bench_function("64 threads ask for one thing", |b| {
        b.iter(|| {
            n += 1;
            let key = key(&question(n));
            std::thread::scope(|scope| {
                for _ in 0..64 {
                    scope.spawn(|| layer.get_or_make(&key, None, |_| true, || Ok("x".to_owned())));
                }
            });
        })
    });
}

fn near(c: &mut Criterion) {
    let options = CacheOptions::default()
        .near_duplicates(Some(0.9))
        .shadow_rate(0.0);
    let cache = Cache::new(options).expect("options");
    let nearby = cache.nearby().expect("it is on");
    let scope = KeyBuilder::new(None).finish();
    let mut rng = Rng::new(1);
    let vectors: Vec<Vec<f32>> = (0..1000)
        .map(|_| (0..384).map(|_| rng.normal() as f32).collect())
        .collect();
    for (i, vector) in vectors.iter().enumerate() {
        nearby.add(&scope, &question(i), vector, &key(&question(i)), 1000.0);
    }
    let asked = question(500).replace("the documents", "documents");
    c.bench_function("a near question among 1,000", |b| {
        b.iter(|| nearby.find(&scope, black_box(&asked), &vectors[500], 1001.0))
    });
    let (one, other) = (question(500), question(501));
    c.bench_function("what tells two questions apart", |b| {
        b.iter(|| question_difference(black_box(&one), black_box(&other)))
    });
}

criterion_group!(benches, layers, crowds, near);
criterion_main!(benches);
