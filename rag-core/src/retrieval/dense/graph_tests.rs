//! Searches by codes and graph against exact ones, through any history of changes.

use super::saved::{Reader, Writer};
use super::slots::{Keeping, Slots, Way};
use super::*;
use crate::matrix::Rows;
use crate::{Progress, Rng};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const WALK: Way = Way {
    effort: None,
    exact: false,
    threads: 1,
};
const EXACT: Way = Way {
    exact: true,
    ..WALK
};

fn keeping(whole: bool) -> Keeping {
    Keeping {
        whole,
        start: 40,
        seed: 1,
    }
}

/// Vectors around a few centres, which is how texts lie.
fn texts(n: usize, dim: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(seed);
    let mut normal =
        |scale: f32| -> Vec<f32> { (0..dim).map(|_| rng.normal() as f32 * scale).collect() };
    let offset = normal(0.5);
    let centres: Vec<Vec<f32>> = (0..n.div_ceil(60)).map(|_| normal(1.0)).collect();
    (0..n)
        .map(|i| {
            let (centre, own) = (&centres[i * 7 % centres.len()], normal(0.6));
            let sum = centre.iter().zip(&own).zip(&offset);
            sum.map(|((a, b), c)| a + b + c).collect()
        })
        .collect()
}

fn search(
    slots: &Slots<u64>,
    query: &[f32],
    k: usize,
    among: Option<&[u32]>,
    way: Way,
) -> Vec<(u64, f32)> {
    let query = slots.prepare(query).unwrap();
    let rows = Rows::single(&query).unwrap();
    let among = among.map(|among| slots.among(among.iter().copied(), among.len()));
    slots.search(rows, k, among.as_ref(), way).remove(0)
}

/// The best by float64 arithmetic.
fn truth(
    held: &BTreeMap<u64, Vec<f32>>,
    metric: Metric,
    query: &[f32],
    k: usize,
) -> Vec<(u64, f32)> {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b);
        products.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    let score = |v: &[f32]| match metric {
        Metric::Cosine => dot(v, query) / (dot(v, v) * dot(query, query)).sqrt(),
        Metric::Dot => dot(v, query),
        Metric::L2 => 2.0 * dot(v, query) - dot(v, v) - dot(query, query),
    };
    let mut all: Vec<(u64, f32)> = held.iter().map(|(&id, v)| (id, score(v) as f32)).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(k);
    all
}

fn overlap(found: &[(u64, f32)], truth: &[(u64, f32)]) -> usize {
    let truth: BTreeSet<u64> = truth.iter().map(|hit| hit.0).collect();
    found.iter().filter(|hit| truth.contains(&hit.0)).count()
}

fn filled(metric: Metric, whole: bool, vectors: &[Vec<f32>]) -> Slots<u64> {
    let mut slots = Slots::new(vectors[0].len(), metric, keeping(whole)).unwrap();
    for (id, vector) in (0..).zip(vectors) {
        let ready = slots.prepare(vector).unwrap();
        slots.put(id, &ready).unwrap();
    }
    slots.settle(2);
    slots
}

/// How many of those held do not find themselves.
fn lost(slots: &Slots<u64>, held: &BTreeMap<u64, Vec<f32>>) -> usize {
    let itself = |id: u64, v: &[f32]| search(slots, v, 1, None, WALK)[0].0 == id;
    held.iter().filter(|&(&id, v)| !itself(id, v)).count()
}

#[test]
fn what_comes_after_all_else_is_gone_is_found() {
    for (before, batches) in [(400, [150, 150]), (1000, [250, 20]), (600, [40, 300])] {
        let mut rng = Rng::new(before as u64);
        let mut some = |n: usize| -> Vec<Vec<f32>> {
            let mut one = || (0..16).map(|_| rng.normal() as f32).collect();
            (0..n).map(|_| one()).collect()
        };
        let mut slots = filled(Metric::Cosine, true, &some(before));
        assert!((0..before as u64).all(|id| slots.remove(id)));
        let mut held = BTreeMap::new();
        for n in batches {
            for (id, vector) in (10_000 * (1 + held.len() as u64)..).zip(some(n)) {
                let ready = slots.prepare(&vector).unwrap();
                slots.put(id, &ready).unwrap();
                held.insert(id, vector);
            }
            slots.settle(2);
            assert_eq!(lost(&slots, &held), 0, "{before}, then {n}");
        }
    }
}

#[test]
fn nearly_all_of_the_best_ten_are_found_in_every_metric_and_length() {
    for metric in Metric::ALL.iter().copied() {
        for (dim, least) in [(8, 0.95), (24, 0.95), (130, 0.93), (384, 0.9)] {
            let vectors = texts(2000, dim, dim as u64);
            let (base, queries) = vectors.split_at(1960);
            let held: BTreeMap<u64, Vec<f32>> = (0..).zip(base.iter().cloned()).collect();
            for whole in [true, false] {
                let slots = filled(metric, whole, base);
                let (mut near, mut all) = (0, 0);
                for query in queries {
                    let truth = truth(&held, metric, query, 10);
                    let found = search(&slots, query, 10, None, WALK);
                    assert_eq!(found.len(), 10);
                    near += overlap(&found, &truth);
                    let exact = search(&slots, query, 10, None, EXACT);
                    all += overlap(&exact, &truth);
                    let length: f32 = query.iter().map(|x| x * x).sum();
                    let spread = truth[0].1.abs().max(truth[9].1.abs()) + length;
                    for (a, b) in exact.iter().zip(&truth) {
                        assert!(
                            (a.1 - b.1).abs() <= 2e-3 * spread,
                            "{metric:?} {dim}: {a:?} {b:?}"
                        );
                    }
                }
                let share = |n: usize| n as f64 / (10 * queries.len()) as f64;
                assert!(
                    share(near) >= least,
                    "{metric:?} {dim} {whole}: {}",
                    share(near)
                );
                let wanted = if whole { 0.999 } else { 0.97 };
                assert!(
                    share(all) >= wanted,
                    "{metric:?} {dim} {whole}: {}",
                    share(all)
                );
            }
        }
    }
}

#[test]
fn the_graph_does_not_depend_on_threads() {
    let vectors = texts(1500, 40, 3);
    let bytes = |threads| {
        let mut slots: Slots<u64> = Slots::new(40, Metric::Cosine, keeping(true)).unwrap();
        for (id, vector) in (0..).zip(&vectors) {
            let ready = slots.prepare(vector).unwrap();
            slots.put(id, &ready).unwrap();
        }
        slots.settle(threads);
        let mut to = Writer::default();
        assert!(slots.to_bytes(&mut to));
        to.finish()
    };
    let one = bytes(1);
    assert!(bytes(2) == one && bytes(5) == one);
}

#[test]
fn recall_stays_when_half_is_removed_and_when_all_is_replaced() {
    let vectors = texts(4000, 48, 9);
    let (base, queries) = vectors.split_at(3900);
    let mut slots = filled(Metric::Cosine, false, base);
    let mut held: BTreeMap<u64, Vec<f32>> = (0..).zip(base.iter().cloned()).collect();
    let recall = |slots: &Slots<u64>, held: &BTreeMap<u64, Vec<f32>>| {
        let found = queries.iter().map(|query| {
            let found = search(slots, query, 10, None, WALK);
            assert!(found.iter().all(|hit| held.contains_key(&hit.0)));
            overlap(&found, &truth(held, Metric::Cosine, query, 10))
        });
        found.sum::<usize>() as f64 / (10 * queries.len()) as f64
    };
    let fresh = recall(&slots, &held);
    for id in (0..3900).step_by(2) {
        assert!(slots.remove(id));
        held.remove(&id);
    }
    let half = recall(&slots, &held);
    // Removed a fifth at a time, so that a sweep meets many dead ones, and often, so that what one
    // does badly adds up.
    for round in 0..15 {
        let fifth = || (0..).zip(base).filter(|(id, _)| id % 5 == round % 5);
        for (id, _) in fifth() {
            slots.remove(id);
        }
        for (id, vector) in fifth() {
            let ready = slots.prepare(vector).unwrap();
            slots.put(id, &ready).unwrap();
            slots.settle(1);
            held.insert(id, vector.clone());
        }
    }
    let replaced = recall(&slots, &held);
    assert!(
        fresh > 0.95 && half > 0.94 && replaced > 0.94,
        "{fresh} {half} {replaced}"
    );
    assert!(
        slots.count() < 3900 * 5 / 4,
        "slots are used again: {}",
        slots.count()
    );
}

#[test]
fn the_few_that_are_left_are_found_before_the_others_are_led_around() {
    for left in [2, 12] {
        let vectors = texts(3000, 16, 4);
        let mut slots = filled(Metric::Cosine, true, &vectors);
        for id in (0..3000u64).filter(|id| id % left != 0) {
            slots.remove(id);
        }
        for id in (0..3000u64).step_by(left as usize) {
            let found = search(&slots, &vectors[id as usize], 1, None, WALK);
            assert_eq!(found[0].0, id);
        }
    }
}

#[test]
fn a_filter_never_costs_hits() {
    let vectors = texts(6000, 16, 4);
    let slots = filled(Metric::L2, false, &vectors);
    for among in [1usize, 7, 300, 4500, 5990] {
        // The matches lie together, far from the query, where a walk finds them last.
        let ids: Vec<u32> = (0..among as u32).map(|i| 5999 - i).collect();
        let mut ids = ids;
        ids.sort_unstable();
        let held: BTreeMap<u64, Vec<f32>> = ids
            .iter()
            .map(|&id| (u64::from(id), vectors[id as usize].clone()))
            .collect();
        let mut near = 0;
        for query in vectors.iter().take(40) {
            let found = search(&slots, query, 10, Some(&ids), WALK);
            assert_eq!(found.len(), among.min(10));
            assert!(found.iter().all(|hit| held.contains_key(&hit.0)));
            near += overlap(&found, &truth(&held, Metric::L2, query, 10));
        }
        assert!(near * 100 >= 95 * 40 * among.min(10), "{among}: {near}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_history_finds_what_is_there(
        metric in prop::sample::select(Metric::ALL),
        whole in any::<bool>(),
        history in prop::collection::vec((0u64..150, 0u8..8), 60..400),
        seed in 0u64..1000,
        k in 1usize..30,
    ) {
        let vectors = texts(150, 5, seed);
        let mut slots = Slots::new(5, metric, keeping(whole)).unwrap();
        let mut held = BTreeMap::new();
        for (id, what) in history {
            match what {
                0 | 1 => prop_assert_eq!(slots.remove(id), held.remove(&id).is_some()),
                _ => {
                    let vector = &vectors[(id as usize + usize::from(what)) % 150];
                    let ready = slots.prepare(vector).unwrap();
                    slots.put(id, &ready).unwrap();
                    held.insert(id, vector.clone());
                    if what > 3 {
                        slots.settle(1 + usize::from(what) % 2);
                    }
                }
            }
        }
        prop_assert_eq!(slots.len(), held.len());
        let odd: Vec<u32> = slots.held().filter(|h| h.1 % 2 == 1).map(|h| h.0).collect();
        for among in [None, Some(&odd[..])] {
            let mut model = held.clone();
            model.retain(|id, _| among.is_none() || id % 2 == 1);
            for query in vectors.iter().take(5) {
                let truth = truth(&model, metric, query, k);
                for way in [WALK, EXACT] {
                    let found = search(&slots, query, k, among, way);
                    prop_assert_eq!(found.len(), truth.len());
                    let ids: BTreeSet<u64> = found.iter().map(|hit| hit.0).collect();
                    prop_assert_eq!(ids.len(), found.len());
                    prop_assert!(ids.iter().all(|id| model.contains_key(id)));
                    prop_assert!(found.is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0)));
                    if way.exact && whole {
                        for (a, b) in found.iter().zip(&truth) {
                            prop_assert!((a.1 - b.1).abs() <= 1e-5 * (1.0 + b.1.abs()));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn hostile_bytes_are_refused_or_make_a_sound_index(
        whole in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let vectors = texts(60, 3, 2);
        let mut slots = filled(Metric::Cosine, whole, &vectors);
        for id in 0..9 {
            slots.remove(id);
        }
        let mut to = Writer::default();
        slots.to_bytes(&mut to);
        let good = to.finish();
        let read = |bytes: &[u8]| {
            Slots::<u64>::from_bytes(3, Metric::Cosine, keeping(whole), slots.count(), &mut Reader::new(bytes))
        };
        let mut again = Writer::default();
        read(&good).unwrap().to_bytes(&mut again);
        prop_assert!(again.finish() == good, "what is read back is what was written");
        let mut bad = good.clone();
        for (at, value) in changes {
            let at = at.index(bad.len());
            bad[at] = value;
        }
        if let Some(cut) = cut {
            bad.truncate(cut.index(bad.len()));
        }
        if let Ok(mut slots) = read(&bad) {
            for vector in vectors.iter().take(5) {
                search(&slots, vector, 5, None, WALK);
                search(&slots, vector, 5, None, EXACT);
                let ready = slots.prepare(vector).unwrap();
                slots.put(1000, &ready).unwrap();
                slots.settle(1);
                slots.remove(20);
            }
        }
    }
}

#[test]
fn equal_vectors_and_vectors_of_zeros_are_held_and_found() {
    let mut slots: Slots<u64> = Slots::new(4, Metric::Dot, keeping(false)).unwrap();
    for id in 0..200 {
        let vector = if id < 100 {
            [0.0; 4]
        } else {
            [1.0, 2.0, 3.0, 4.0]
        };
        slots.put(id, &vector).unwrap();
    }
    slots.settle(1);
    let found = search(&slots, &[1.0, 0.0, 0.0, 0.0], 150, None, WALK);
    assert_eq!(found.len(), 150);
    assert!(found.iter().take(100).all(|hit| hit.0 >= 100));
}

#[test]
fn a_large_index_is_saved_with_its_graph() {
    let folder = std::env::temp_dir().join(format!("ragcore-graph-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let vectors = texts(2500, 12, 6);
    let keys: Vec<u64> = (0..2500).collect();
    let flat = vectors.concat();
    for precision in DensePrecision::ALL.iter().copied() {
        let options = DenseOptions::default().precision(precision);
        let index = DenseIndex::new(12, &options).unwrap();
        index.add(&keys, Rows::new(&flat, 12).unwrap()).unwrap();
        index.remove(&[3, 4]).unwrap();
        let path = folder.join("index");
        index.save(&path).unwrap();
        let again = DenseIndex::open(&path, true).unwrap();
        assert_eq!(again.keys().unwrap(), index.keys().unwrap());
        assert_eq!(again.len().unwrap(), 2498);
        let queries = Rows::new(&flat[..12 * 20], 12).unwrap();
        let options = DenseSearchOptions::default();
        let ask =
            |index: &DenseIndex| index.search(queries, 5, &options, None, &mut Progress::none());
        assert_eq!(ask(&again).unwrap(), ask(&index).unwrap());
        let kept = again.vector(7).unwrap().unwrap();
        let mut given = vectors[7].clone();
        crate::kernel::normalize(&mut given).unwrap();
        let apart: f32 = kept.iter().zip(&given).map(|(a, b)| (a - b).abs()).sum();
        assert!(apart < 0.05, "{precision:?}: {apart}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
